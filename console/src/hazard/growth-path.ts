/** The line of a growing area, as an SVG path. */
import type { HazardMoment } from "../api/types";

/** An area holds until the next pass: steps, not slopes. */
export function stepsOf(
  moments: readonly HazardMoment[],
  x: (ms: number) => number,
  y: (km2: number) => number,
): string {
  const [first, ...rest] = moments;
  if (!first) return "";
  let path = `M${x(Date.parse(first.time)).toFixed(1)} ${y(first.area_km2 ?? 0).toFixed(1)}`;
  for (const moment of rest) path += `H${x(Date.parse(moment.time)).toFixed(1)}V${y(moment.area_km2 ?? 0).toFixed(1)}`;
  return `${path}H${x(Infinity).toFixed(1)}`;
}
