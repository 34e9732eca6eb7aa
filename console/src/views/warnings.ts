/** All warnings at a glance: what waits for a yes, what is in force, and what is over. */
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import type { Deliveries, Warning, WarningState } from "../api/types";
import { AlmenaraElement } from "../common/element";
import { language, t, tCode } from "../i18n";
import { picture } from "../live/store";
import { link } from "../shell/router";
import { kindIcon, severityIcon } from "../theme/icons";

const WAITING: readonly WarningState[] = ["draft"];
const HELD: readonly WarningState[] = ["in-force"];

@customElement("view-warnings")
export class WarningsView extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: grid; gap: 1.25rem; align-content: start; }
      .head { display: flex; justify-content: space-between; align-items: center; gap: 1rem; flex-wrap: wrap; }
      td { vertical-align: middle; }
      .headline { font-weight: 600; }
      .scroll { overflow-x: auto; }
    `,
  ];
  protected override readonly topics = ["warning", "reset", "session"] as const;

  protected override render(): TemplateResult {
    const all = [...picture.warnings.values()].sort((a, b) => Date.parse(lastMoment(b)) - Date.parse(lastMoment(a)));
    const of = (states: readonly WarningState[]): Warning[] => all.filter((each) => states.includes(each.state));
    const over = all.filter((each) => ![...WAITING, ...HELD].includes(each.state));
    return html`<div class="head"><h1>${t("nav.warnings")}</h1>
        ${picture.can("draft") ? html`<a class="button primary" href="#/compose" data-testid="new-warning">${t("warnings.new")}</a>` : nothing}</div>
      ${section("warnings.waiting", of(WAITING), "warnings.none-waiting")}
      ${section("warnings.in-force", of(HELD), "warnings.none-in-force")}
      ${section("warnings.over", over, "warnings.none-over")}`;
  }
}

function section(title: Parameters<typeof t>[0], warnings: Warning[], none: Parameters<typeof t>[0]): TemplateResult {
  return html`<section class="stack"><h2>${t(title)}</h2>
    ${
      warnings.length
        ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t(title)}><table>
          <thead><tr><th>${t("warnings.severity")}</th><th>${t("warnings.what")}</th><th>${t("warnings.state")}</th>
            <th>${t("warnings.said")}</th><th>${t("warnings.until")}</th><th class="number">${t("warnings.places")}</th><th>${t("warnings.delivery")}</th></tr></thead>
          <tbody>${warnings.map(row)}</tbody></table></div>`
        : html`<p class="soft">${t(none)}</p>`
    }
  </section>`;
}

function row(warning: Warning): TemplateResult {
  return html`<tr data-testid="warning-row" data-state=${warning.state}>
    <td><span class="severity ${warning.severity}">${severityIcon(warning.severity)} ${tCode("severity", warning.severity)}</span></td>
    <td><a class="headline" href=${link("warnings", warning.identifier)}>${kindIcon(warning.kind)} ${headline(warning)}</a></td>
    <td>${stateInWords(warning)}</td>
    <td>${warning.sent ? html`<alm-when at=${warning.sent} age></alm-when>` : html`<span class="soft">${t("warnings.drafted")} <alm-when at=${warning.drafted.at} age></alm-when></span>`}</td>
    <td><alm-when at=${warning.expires}></alm-when></td>
    <td class="number">${warning.places}</td>
    <td>${delivered(warning.deliveries)}</td>
  </tr>`;
}

export function headline(warning: Warning): string {
  return warning.headline[language()] ?? Object.values(warning.headline)[0] ?? warning.event;
}

export function stateInWords(warning: Warning): string {
  const word = tCode("warning-state", warning.state);
  if (warning.state !== "draft") return word;
  return `${word} · ${t("warnings.approvals", { given: warning.approvals.length, needed: warning.approvals_needed })}`;
}

/** "3 have it, 1 waits" over all channels. */
export function delivered(deliveries: Record<string, Deliveries>): string {
  const all = Object.values(deliveries);
  const sum = (name: keyof Deliveries): number => all.reduce((total, each) => total + (each[name] ?? 0), 0);
  return [
    sum("delivered") ? t("delivery.delivered", { n: sum("delivered") }) : "",
    sum("waiting") + sum("failed") ? t("delivery.waiting", { n: sum("waiting") + sum("failed") }) : "",
    sum("dead") + sum("refused") ? t("delivery.dead", { n: sum("dead") + sum("refused") }) : "",
  ]
    .filter(Boolean)
    .join(", ");
}

function lastMoment(warning: Warning): string {
  return warning.sent ?? warning.drafted.at;
}
