/** What this browser remembers of how one likes to see: theme, map, sound. Nothing of it leaves the machine. */

export type Theme = "auto" | "dark" | "light";
export type MapMode = "auto" | "canvas" | "off";

export interface Preferences {
  theme: Theme;
  map: MapMode;
  sound: boolean;
}

const STORED = "almenara.preferences";
const DEFAULTS: Preferences = { theme: "auto", map: "auto", sound: true };
const darkness = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
const paper = globalThis.matchMedia?.("print");
export const preferenceChanges = new EventTarget();
export const preferences: Preferences = { ...DEFAULTS, ...read() };

export function prefer(change: Partial<Preferences>): void {
  Object.assign(preferences, change);
  localStorage.setItem(STORED, JSON.stringify(preferences));
  applyTheme();
  preferenceChanges.dispatchEvent(new Event("change"));
}

/** The theme in force: what is preferred, else the system's, else dark, because nights are what this is for. */
export function theme(): "dark" | "light" {
  if (preferences.theme !== "auto") return preferences.theme;
  return darkness && !darkness.matches && matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

/** On paper it is always light. */
export function applyTheme(): void {
  document.documentElement.dataset["theme"] = paper?.matches ? "light" : theme();
}

paper?.addEventListener("change", applyTheme);

darkness?.addEventListener("change", () => {
  applyTheme();
  preferenceChanges.dispatchEvent(new Event("change"));
});

function read(): Partial<Preferences> {
  const stored = globalThis.localStorage?.getItem(STORED);
  if (!stored) return {};
  try {
    return JSON.parse(stored) as Partial<Preferences>;
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
