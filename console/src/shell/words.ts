/** Words as people look for them. */

/** Without case and accents: "pinas" finds Piñas. */
export function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
