/** The evidence for a hazard: each pass of each satellite, how many pixels it saw and how sure of them it was. */
import { css, html, LitElement, nothing, svg, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Evidence, Pass } from "../api/types";
import { number, power } from "../format/units";
import { t } from "../i18n";
import { base } from "../theme/styles";

const SHOWN = 12;
const BAR = 72;

@customElement("alm-evidence")
export class EvidenceTable extends LitElement {
  static override styles = [
    base,
    css`
      .bar { display: block; color: var(--text); }
      .key { display: flex; gap: 1rem; margin-bottom: 0.3rem; }
      .key span { display: inline-flex; gap: 0.35rem; align-items: center; }
      td b { font-weight: 600; display: block; }
    `,
  ];
  @property({ attribute: false }) evidence: Evidence | null = null;

  protected override render(): TemplateResult {
    const evidence = this.evidence;
    if (!evidence) return html``;
    const passes = [...evidence.passes].sort((a, b) => b.time.localeCompare(a.time));
    const most = Math.max(1, ...passes.map((pass) => pass.observations));
    const [recent, older] = [passes.slice(0, SHOWN), passes.slice(SHOWN)];
    const swatch = (opacity: number): TemplateResult =>
      html`<svg width="10" height="10" aria-hidden="true"><rect width="10" height="10" fill="currentColor" opacity=${opacity}></rect></svg>`;
    return html`<p class="key small soft"><span>${swatch(0.9)} ${t("confidence.high")}</span><span>${swatch(0.5)} ${t("confidence.nominal")}</span><span>${swatch(0.2)} ${t("confidence.low")}</span></p>
      <table data-testid="passes"><thead><tr><th>${t("evidence.pass")}</th><th>${t("evidence.pixels")}</th><th class="number">${t("evidence.power")}</th></tr></thead>
        <tbody>${recent.map((pass) => row(pass, most))}</tbody></table>
      ${older.length ? html`<details><summary class="soft small">${t("evidence.older", { n: older.length })}</summary><table><tbody>${older.map((pass) => row(pass, most))}</tbody></table></details>` : nothing}
      <p class="small soft">${t("evidence.on-map", { n: evidence.observations.length })} ${evidence.truncated ? t("evidence.truncated") : ""}</p>`;
  }
}

function row(pass: Pass, most: number): TemplateResult {
  const scale = BAR / most;
  const parts = [
    [pass.high, 0.9],
    [pass.nominal, 0.5],
    [pass.low, 0.2],
  ] as const;
  const starts = parts.map((_, i) => parts.slice(0, i).reduce((sum, [count]) => sum + count * scale, 0));
  const spoken = t("evidence.spoken", { high: pass.high, nominal: pass.nominal, low: pass.low });
  return html`<tr>
    <td><b>${pass.platform}</b><span class="soft small"><alm-when at=${pass.time}></alm-when>${pass.instrument ? ` · ${pass.instrument}` : ""}</span></td>
    <td title=${spoken}>${number(pass.observations)}<svg class="bar" width=${BAR} height="6" role="img" aria-label=${spoken}>${parts.map(([count, opacity], i) => svg`<rect x=${starts[i] ?? 0} width=${count * scale} height="6" fill="currentColor" opacity=${opacity}/>`)}</svg></td>
    <td class="number">${pass.frp_mw === null ? "–" : power(pass.frp_mw)}</td>
  </tr>`;
}
