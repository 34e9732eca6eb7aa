/** Longitude and latitude on a small sheet: equirectangular about the middle, which is true enough for a warning's area. */
import type { Box, Position } from "../api/types";

export interface Sheet {
  width: number;
  height: number;
  toSheet(position: Position): [number, number];
  toEarth(x: number, y: number): Position;
  metresPerUnit: number;
}

const METRES_PER_DEGREE = 111_320;

/** A sheet of `width` × `height` that holds a box with a margin around it. */
export function sheetOf(box: Box, width: number, height: number, margin = 0.12): Sheet {
  const [west, south, east, north] = box;
  const middle: Position = [(west + east) / 2, (south + north) / 2];
  const shrink = Math.max(0.02, Math.cos((middle[1] * Math.PI) / 180));
  const across = Math.max((east - west) * shrink, 1e-4);
  const up = Math.max(north - south, 1e-4);
  const scale = (1 - 2 * margin) * Math.min(width / across, height / up);
  return {
    width,
    height,
    metresPerUnit: METRES_PER_DEGREE / scale,
    toSheet: ([lon, lat]) => [width / 2 + (lon - middle[0]) * shrink * scale, height / 2 - (lat - middle[1]) * scale],
    toEarth: (x, y) => [
      middle[0] + (x - width / 2) / (shrink * scale),
      Math.max(-90, Math.min(90, middle[1] - (y - height / 2) / scale)),
    ],
  };
}

export function boxOf(positions: readonly Position[]): Box | null {
  if (!positions.length) return null;
  const box: Box = [180, 90, -180, -90];
  for (const [lon, lat] of positions) {
    box[0] = Math.min(box[0], lon);
    box[1] = Math.min(box[1], lat);
    box[2] = Math.max(box[2], lon);
    box[3] = Math.max(box[3], lat);
  }
  return box;
}

/** A box with as much again around it. */
export function widened([west, south, east, north]: Box, by = 0.5): Box {
  const across = Math.max(east - west, 0.02) * by;
  const up = Math.max(north - south, 0.02) * by;
  return [west - across, Math.max(-90, south - up), east + across, Math.min(90, north + up)];
}

/** The corners of a circle of so many metres, closed, longitudes kept within ±180. */
export function circle([lon, lat]: Position, metres: number, corners = 48): Position[] {
  const up = metres / METRES_PER_DEGREE;
  const across = up / Math.max(0.02, Math.cos((lat * Math.PI) / 180));
  const points = Array.from({ length: corners }, (_, i): Position => {
    const angle = (2 * Math.PI * i) / corners;
    return [
      Math.max(-180, Math.min(180, lon + across * Math.cos(angle))),
      Math.max(-90, Math.min(90, lat + up * Math.sin(angle))),
    ];
  });
  return [...points, points[0] ?? [lon, lat]];
}

/** A round length for a scale bar of at most so many units: 1, 2 or 5 times a power of ten, metres. */
export function scaleBar(sheet: Sheet, unitsMax: number): { metres: number; units: number } {
  const most = unitsMax * sheet.metresPerUnit;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = [5, 2, 1].map((n) => n * power).find((n) => n <= most) ?? power;
  return { metres, units: metres / sheet.metresPerUnit };
}
