/** Texts in the chosen language: flat keys, {placeholders}, and plurals as key_one / key_other. */
import type { Language } from "../api/types";
import type es from "./es.json";
import type viewsEs from "./views.es.json";

type Raw = keyof typeof es | keyof typeof viewsEs;
type Stem<K extends string> = K extends `${infer S}_one` | `${infer S}_other` ? S : K;
export type Key = Stem<Raw & string>;
export type Values = Record<string, string | number | null | undefined>;
type Texts = Record<string, string>;

const STORED = "almenara.language";
let texts: Texts = {};
let plurals = new Intl.PluralRules("es");
let current: Language = "es";
export const localeChanges = new EventTarget();

export function language(): Language {
  return current;
}

/** The tag that dates and numbers are written by. */
export function localeTag(): string {
  return current === "es" ? "es-EC" : "en-GB";
}

/** The text of a key. A number `n` among the values picks the plural. */
export function t(key: Key, values: Values = {}): string {
  return fill(key, texts, plurals, values);
}

/** A text whose key is made of a code from the service, such as a state; the code itself where no text has it. */
export function tCode(prefix: string, code: string | null | undefined, values: Values = {}): string {
  if (code === null || code === undefined) return "";
  return hasText(`${prefix}.${code}`) ? fill(`${prefix}.${code}`, texts, plurals, values) : code;
}

export function hasText(key: string): boolean {
  return key in texts || `${key}_other` in texts;
}

export function fill(key: string, from: Texts, rules: Intl.PluralRules, values: Values = {}): string {
  const count = values["n"];
  const form =
    typeof count === "number" ? from[`${key}_${rules.select(count) === "one" ? "one" : "other"}`] : undefined;
  const text = form ?? from[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (typeof value === "number") return value.toLocaleString(localeTag());
    return value ?? "";
  });
}

export function preferredLanguage(person?: Language): Language {
  const stored = localStorage.getItem(STORED);
  if (stored === "es" || stored === "en") return stored;
  if (person) return person;
  return navigator.language.startsWith("en") ? "en" : "es";
}

export async function setLanguage(chosen: Language, remember = false): Promise<void> {
  const [shell, views] =
    chosen === "es"
      ? await Promise.all([import("./es.json"), import("./views.es.json")])
      : await Promise.all([import("./en.json"), import("./views.en.json")]);
  texts = { ...shell.default, ...views.default };
  plurals = new Intl.PluralRules(chosen);
  current = chosen;
  document.documentElement.lang = chosen;
  if (remember) localStorage.setItem(STORED, chosen);
  localeChanges.dispatchEvent(new Event("change"));
}
