/** What the lines on the map mean, in words; closed until asked for. */
import { css, html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { AlmenaraElement } from "../common/element";
import { t } from "../i18n";
import { severityIcon } from "../theme/icons";

@customElement("alm-legend")
export class Legend extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      details { background: var(--panel); border: 1px solid var(--line); border-radius: var(--radius); font-size: var(--size-s); }
      summary { padding: 0.3rem 0.7rem; cursor: pointer; }
      ul { padding: 0.2rem 0.8rem 0.6rem; display: grid; gap: 0.3rem; }
      li { display: flex; align-items: center; gap: 0.6rem; }
      li > svg { flex: none; color: var(--text); }
      .levels { flex-wrap: wrap; gap: 0.2rem 0.8rem; max-width: 17rem; margin-top: 0.2rem; }
    `,
  ];
  protected override readonly topics = [] as const;

  protected override render(): TemplateResult {
    const sample = (inner: TemplateResult, text: string): TemplateResult => html`<li>${inner} ${text}</li>`;
    return html`<details><summary>${t("legend.title")}</summary><ul>
      ${sample(html`<svg width="28" height="14" aria-hidden="true"><rect x="1" y="1" width="26" height="12" fill="currentColor" fill-opacity="0.22" stroke="currentColor" stroke-width="1.8"/></svg>`, t("legend.observed"))}
      ${sample(html`<svg width="28" height="14" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="5 3"><path d="M0 2h28" opacity="0.95"/><path d="M0 7h28" opacity="0.65"/><path d="M0 12h28" opacity="0.4"/></g></svg>`, t("legend.reach"))}
      ${sample(html`<svg width="28" height="14" aria-hidden="true"><path d="M2 13 14 1M8 13 20 1M14 13 26 1M20 13l6-6M2 7l6-6" stroke="currentColor" stroke-width="1.1"/><rect x="1" y="1" width="26" height="12" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>`, t("legend.stale"))}
      ${sample(html`<svg width="28" height="14" aria-hidden="true"><path d="M0 5h28M0 9h28" stroke="currentColor" stroke-width="1.2"/></svg>`, t("legend.warning"))}
      ${sample(html`<svg width="28" height="14" aria-hidden="true"><rect x="10" y="3" width="8" height="8" fill="currentColor"/></svg>`, t("legend.exposed"))}
      ${sample(html`<svg width="28" height="14" aria-hidden="true"><rect x="5" y="4" width="6" height="6" fill="currentColor" opacity="0.4"/><rect x="15" y="3" width="8" height="8" fill="currentColor" opacity="0.8"/></svg>`, t("legend.detections"))}
      <li class="levels">${(["Extreme", "Severe", "Moderate", "Minor"] as const).map((level) => html`<span class="severity ${level}">${severityIcon(level, 14)} ${t(`severity.${level}`)}</span>`)}</li>
    </ul></details>`;
  }
}
