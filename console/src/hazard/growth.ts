/** How a hazard grew: its area as a line of steps, its radiative power as bars below, and the moment that is shown. */

import { css, html, LitElement, nothing, svg, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { HazardMoment } from "../api/types";
import { clock, day } from "../format/time";
import { area, power } from "../format/units";
import { t } from "../i18n";
import { picture } from "../live/store";
import { base } from "../theme/styles";
import { stepsOf } from "./growth-path";

const WIDTH = 384;
const AREA_TOP = 14;
const AREA_BOTTOM = 104;
const POWER_TOP = 116;
const POWER_BOTTOM = 150;
const HEIGHT = 168;
const LEFT = 4;
const RIGHT = WIDTH - 4;

@customElement("alm-growth")
export class Growth extends LitElement {
  static override styles = [
    base,
    css`
      :host { display: block; }
      svg { width: 100%; height: auto; display: block; overflow: visible; font: 11px var(--font); }
      text { fill: var(--soft); }
      .line { fill: none; stroke: var(--text); stroke-width: 1.8; }
      .under { fill: var(--text); opacity: 0.1; }
      .bar { fill: var(--soft); }
      .rule { stroke: var(--line); }
      .shown { stroke: var(--select); stroke-width: 1.5; }
      .value { fill: var(--text); font-weight: 600; }
    `,
  ];
  @property({ attribute: false }) history: readonly HazardMoment[] = [];
  @property({ attribute: false }) from = 0;
  @property({ attribute: false }) until = 0;
  @property({ attribute: false }) at: number | null = null;

  protected override render(): TemplateResult {
    const moments = this.history.filter((moment) => moment.area_km2 !== null);
    const last = moments.at(-1);
    const first = moments[0];
    if (!first || !last) return html``;
    const areaMost = Math.max(...moments.map((m) => m.area_km2 ?? 0), 0.01);
    const powerMost = Math.max(...moments.map((m) => m.frp_mw ?? 0), 1);
    const width = Math.max(1, this.until - this.from);
    const x = (ms: number): number => LEFT + Math.max(0, Math.min(1, (ms - this.from) / width)) * (RIGHT - LEFT);
    const y = (km2: number): number => AREA_BOTTOM - (km2 / areaMost) * (AREA_BOTTOM - AREA_TOP);
    const timezone = picture.mode?.timezone ?? "UTC";
    const long = width > 30 * 3_600_000;
    const steps = stepsOf(moments, x, y);
    const summary = t("growth.summary", {
      from: area(first.area_km2 ?? 0),
      to: area(last.area_km2 ?? 0),
      power: power(powerMost),
    });
    const label = (ms: number): string => (long ? `${day(ms, timezone)} ${clock(ms, timezone)}` : clock(ms, timezone));
    return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${summary}>
      <path class="under" d="${steps}V${AREA_BOTTOM}H${x(Date.parse(first.time))}Z"></path>
      <path class="line" d=${steps}></path>
      <path class="rule" d="M${LEFT} ${AREA_BOTTOM}H${RIGHT}M${LEFT} ${POWER_BOTTOM}H${RIGHT}"></path>
      ${moments.map((m) => (m.frp_mw ? svg`<rect class="bar" x=${x(Date.parse(m.time)) - 1.5} width="3" y=${POWER_BOTTOM - (m.frp_mw / powerMost) * (POWER_BOTTOM - POWER_TOP)} height=${(m.frp_mw / powerMost) * (POWER_BOTTOM - POWER_TOP)}><title>${power(m.frp_mw)}</title></rect>` : nothing))}
      <text x=${LEFT} y="10">${t("growth.area")}</text><text class="value" x=${RIGHT} y="10" text-anchor="end">${area(areaMost)}</text>
      <text x=${LEFT} y=${POWER_TOP + 5}>${t("growth.power")}</text><text class="value" x=${RIGHT} y=${POWER_TOP + 5} text-anchor="end">${power(powerMost)}</text>
      <text x=${LEFT} y=${HEIGHT - 4}>${label(this.from)}</text><text x=${RIGHT} y=${HEIGHT - 4} text-anchor="end">${label(this.until)}</text>
      ${this.at === null ? nothing : svg`<path class="shown" d="M${x(this.at)} ${AREA_TOP - 4}V${POWER_BOTTOM}"/>`}
    </svg>`;
  }
}
