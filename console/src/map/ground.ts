/** What lies below our own drawing: the base map, by whichever engine this machine can bear. */
import type { Language } from "../api/types";
import type { View } from "./view";

export interface Ground {
  readonly name: "webgl" | "canvas";
  view(): View;
  /** Moves there: at once, or gliding where motion is welcome. */
  setView(view: View, glide?: boolean): void;
  /** Called after each frame in which the ground moved. */
  onFrame(listener: () => void): void;
  onSettled(listener: () => void): void;
  /** A press that was no drag, in pixels of the element. */
  onPress(listener: (x: number, y: number) => void): void;
  restyle(theme: "dark" | "light", language: Language): void;
  resize(): void;
  remove(): void;
}

export const BASEMAP_URL = `${import.meta.env.BASE_URL}basemap.pmtiles`;
export const BASEMAP_ZOOM_MAX = 7;
export const ZOOM_MAX = 15;
export const still = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Whether this browser has WebGL 2 at all. */
export function hasWebGl(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

/** The colours of the theme, as the document's tokens have them now. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
