/** Inks as pixels have them. */

/** "#rrggbb" as the low 24 bits of a pixel: red lies first in memory. */
export function littleEndian(hex: string): number {
  const value = Number.parseInt(hex.slice(1), 16);
  return ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16);
}
