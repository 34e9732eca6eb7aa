/** Web Mercator: positions as fractions of the world's width (x east, y south), and what of them is on the screen. */
import type { Box, Position } from "../api/types";

export const TILE = 512; // screen pixels that the world measures at zoom 0
const LATITUDE_MAX = 85.0511287798;

export interface View {
  x: number; // of the centre, in widths of the world
  y: number;
  zoom: number;
  width: number;
  height: number;
}

export function project(lon: number, lat: number): Position {
  const bounded = Math.max(-LATITUDE_MAX, Math.min(LATITUDE_MAX, lat));
  const sine = Math.sin((bounded * Math.PI) / 180);
  return [(lon + 180) / 360, 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)];
}

export function unproject(x: number, y: number): Position {
  return [x * 360 - 180, (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI];
}

/** Screen pixels for one width of the world. */
export function scaleOf(view: View): number {
  return TILE * 2 ** view.zoom;
}

export function toScreen(view: View, x: number, y: number): Position {
  const scale = scaleOf(view);
  return [(x - view.x) * scale + view.width / 2, (y - view.y) * scale + view.height / 2];
}

export function fromScreen(view: View, px: number, py: number): Position {
  const scale = scaleOf(view);
  return [view.x + (px - view.width / 2) / scale, view.y + (py - view.height / 2) / scale];
}

/** What the screen shows, in degrees, with a margin as a part of its size; cut at the ends of the world. */
export function boxOf(view: View, margin = 0): Box {
  const [left, top] = fromScreen(view, -view.width * margin, -view.height * margin);
  const [right, bottom] = fromScreen(view, view.width * (1 + margin), view.height * (1 + margin));
  const [w, n] = unproject(left, Math.max(0, top));
  const [e, s] = unproject(right, Math.min(1, bottom));
  if (e - w >= 360) return [-180, s, 180, n];
  return [wrap(w), s, wrap(e), n];
}

function wrap(lon: number): number {
  return lon >= -180 && lon <= 180 ? lon : ((((lon + 180) % 360) + 360) % 360) - 180;
}

/** A box as one that does not cross the antimeridian: all longitudes, if it did. */
export function uncrossed([w, s, e, n]: Box): Box {
  return w > e ? [-180, s, 180, n] : [w, s, e, n];
}

/** The view that shows a box whole, with room at its edges; a box may cross the antimeridian (west > east). */
export function viewOf([w, s, e, n]: Box, width: number, height: number, zoomMax = 12, room = 48): View {
  const [left, top] = project(w, n);
  const [right, bottom] = project(e < w ? e + 360 : e, s);
  const free = (size: number): number => Math.max(40, size - 2 * room);
  const wide = Math.max(right - left, 1e-9);
  const high = Math.max(bottom - top, 1e-9);
  const zoom = Math.min(zoomMax, Math.log2(free(width) / TILE / wide), Math.log2(free(height) / TILE / high));
  return { x: (left + right) / 2, y: (top + bottom) / 2, zoom: Math.max(0, zoom), width, height };
}

/** The smallest box around boxes; of one crossing the antimeridian the eastern part counts on. */
export function around(boxes: readonly Box[]): Box | null {
  let found: Box | null = null;
  for (const [w, s, east, n] of boxes) {
    const e = east < w ? east + 360 : east;
    found = found
      ? [Math.min(found[0], w), Math.min(found[1], s), Math.max(found[2], e), Math.max(found[3], n)]
      : [w, s, e, n];
  }
  return found;
}
