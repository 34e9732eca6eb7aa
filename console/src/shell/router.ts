/** Which view an address names. Addresses live after the `#`, so that any server of files serves them all. */
import type { Action } from "../api/types";
import type { Key } from "../i18n";

/** drawer: beside the map. page: in place of map and drawer, the queue stays. whole: the window alone (sign-in, set-up). */
export type Placement = "map" | "drawer" | "page" | "whole";

export interface Route {
  path: string; // segments; ":name" binds a parameter
  tag: string; // the custom element
  placement: Placement;
  title: Key;
  load(): Promise<unknown>;
  nav?: { key: string; action: Action }; // in the navigation, by `g` and the key, for who may do the action
}

export interface Location {
  route: Route;
  params: Record<string, string>;
  query: URLSearchParams;
}

/** Finds the first route that an address fits. */
export function match(routes: readonly Route[], hash: string): Location | null {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  for (const route of routes) {
    const wanted = route.path.split("/").filter(Boolean);
    if (wanted.length !== parts.length) continue;
    const params: Record<string, string> = {};
    const fits = wanted.every((segment, i) => {
      const part = parts[i] ?? "";
      if (!segment.startsWith(":")) return segment === part;
      params[segment.slice(1)] = part;
      return true;
    });
    if (fits) return { route, params, query: new URLSearchParams(query) };
  }
  return null;
}

/** An address: `link("hazards", id)` → "#/hazards/…". */
export function link(...segments: string[]): string {
  return `#/${segments.map(encodeURIComponent).join("/")}`;
}

export function go(hash: string): void {
  if (location.hash !== hash) location.hash = hash;
}
