/** Drawings of 20 × 20: one for each severity (shape tells it without colour), each kind of hazard and subject, and controls. */
import { html, type SVGTemplateResult, svg, type TemplateResult } from "lit";
import type { Severity } from "../api/types";

const shapes = {
  Extreme: svg`<path d="M6.300 1.500h7.400l4.800 4.800v7.400l-4.800 4.800H6.300l-4.800-4.800V6.300z" fill="currentColor"/><path d="M10 5v6.200M10 13.700v1.600" stroke="var(--panel)" stroke-width="2.200"/>`,
  Severe: svg`<path d="M10 1.800 19 17.800H1z" fill="currentColor"/><path d="M10 7v5.200M10 14.200v1.500" stroke="var(--panel)" stroke-width="2"/>`,
  Moderate: svg`<path d="M10 1.200 18.800 10 10 18.800 1.200 10z" fill="none" stroke="currentColor" stroke-width="2"/><path d="M10 6v4.800M10 12.600v1.500" stroke="currentColor" stroke-width="2"/>`,
  Minor: svg`<circle cx="10" cy="10" r="7.600" fill="none" stroke="currentColor" stroke-width="2"/><path d="M10 9v5M10 5.700v1.600" stroke="currentColor" stroke-width="2"/>`,
  Unknown: svg`<circle cx="10" cy="10" r="7.600" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3 2"/><path d="M7.700 7.800C8 5 12.500 5.200 12.200 8c-.2 1.600-2.200 1.700-2.200 3.400M10 13v1.600" fill="none" stroke="currentColor" stroke-width="1.800"/>`,
  fire: svg`<path d="M10 1.500c.6 3.300 5.200 5.200 5.200 10.400 0 3.700-2.300 6.600-5.200 6.600s-5.200-2.700-5.200-6.200c0-2.200 1-3.900 2.100-5 .1 1.500.6 2.400 1.500 2.900C8.300 7 8.700 3.700 10 1.500z" fill="currentColor"/>`,
  earthquake: svg`<path d="M1 10h3.500L6.500 4l3 13 3-11 2 7 1.300-3H19" fill="none" stroke="currentColor" stroke-width="1.900" stroke-linejoin="round"/>`,
  warning: svg`<path d="M3 8v4h3l6 4.500v-13L6 8z" fill="currentColor"/><path d="M14.500 7a4 4 0 0 1 0 6M16.500 4.500a7.500 7.500 0 0 1 0 11" fill="none" stroke="currentColor" stroke-width="1.600"/>`,
  source: svg`<circle cx="10" cy="14" r="2" fill="currentColor"/><path d="M5.500 11a5.500 5.500 0 0 1 9 0M2.500 8a9.500 9.500 0 0 1 15 0" fill="none" stroke="currentColor" stroke-width="1.800"/>`,
  channel: svg`<path d="M2 10h13M10.500 4.500 16 10l-5.500 5.500" fill="none" stroke="currentColor" stroke-width="2"/>`,
  place: svg`<path d="M3 18V8.500L10 3l7 5.500V18h-5v-5H8v5z" fill="none" stroke="currentColor" stroke-width="1.700"/>`,
  close: svg`<path d="M4.500 4.500l11 11M15.500 4.500l-11 11" stroke="currentColor" stroke-width="1.800"/>`,
  search: svg`<circle cx="8.500" cy="8.500" r="5.500" fill="none" stroke="currentColor" stroke-width="1.800"/><path d="M12.500 12.500 18 18" stroke="currentColor" stroke-width="1.800"/>`,
  menu: svg`<path d="M3 5.500h14M3 10h14M3 14.500h14" stroke="currentColor" stroke-width="1.800"/>`,
  play: svg`<path d="M5 3l12 7-12 7z" fill="currentColor"/>`,
  pause: svg`<path d="M5 3h3.500v14H5zM11.500 3H15v14h-3.500z" fill="currentColor"/>`,
  now: svg`<path d="M3 3l9 7-9 7zM14 3h3v14h-3z" fill="currentColor"/>`,
  layers: svg`<path d="M10 2.500 18 7l-8 4.500L2 7z" fill="none" stroke="currentColor" stroke-width="1.700"/><path d="M2 11.500l8 4.500 8-4.500" fill="none" stroke="currentColor" stroke-width="1.700"/>`,
  check: svg`<path d="M3.500 10.500 8 15l8.500-10" fill="none" stroke="currentColor" stroke-width="2.200"/>`,
  plus: svg`<path d="M10 3v14M3 10h14" stroke="currentColor" stroke-width="1.900"/>`,
  minus: svg`<path d="M3 10h14" stroke="currentColor" stroke-width="1.900"/>`,
  bell: svg`<path d="M3.500 15h13l-1.800-2.500V8.500a4.700 4.700 0 0 0-9.400 0v4z" fill="none" stroke="currentColor" stroke-width="1.700"/><path d="M8 17.500h4" stroke="currentColor" stroke-width="1.700"/>`,
  whole: svg`<path d="M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4" fill="none" stroke="currentColor" stroke-width="1.700"/>`,
} satisfies Record<string, SVGTemplateResult>;

export type Icon = keyof typeof shapes;

/** A drawing beside its word: hidden from readers of the screen, who have the word. */
export function icon(name: Icon, size = 16): TemplateResult {
  return html`<svg width=${size} height=${size} viewBox="0 0 20 20" aria-hidden="true" focusable="false">${shapes[name]}</svg>`;
}

export function severityIcon(severity: Severity | null, size = 16): TemplateResult {
  return icon(severity ?? "Unknown", size);
}

/** The drawing of a hazard's or a subject's kind. */
export function kindIcon(kind: string, size = 16): TemplateResult {
  return icon(kind in shapes ? (kind as Icon) : "warning", size);
}
