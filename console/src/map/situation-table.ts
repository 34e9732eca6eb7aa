/** The situation without a map: every hazard that is followed, gravest first, as a table. */
import { css, html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import type { Hazard, Severity } from "../api/types";
import { AlmenaraElement } from "../common/element";
import { area, distance, magnitude, people } from "../format/units";
import { t, tCode } from "../i18n";
import { picture } from "../live/store";
import { link } from "../shell/router";
import { kindIcon, severityIcon } from "../theme/icons";
import { tones } from "./scene";

const RANK: readonly (Severity | undefined)[] = ["Extreme", "Severe", "Moderate", "Minor", "Unknown", undefined];
const ROWS_MAX = 500;

@customElement("alm-situation-table")
export class SituationTable extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`:host { display: block; } table { margin-top: 0.75rem; } td .severity, td .kind { white-space: nowrap; } .kind svg { vertical-align: -0.15em; }`,
  ];

  protected override render(): TemplateResult {
    const grave = tones({
      queue: picture.queue,
      incidents: [...picture.incidents.values()],
      warnings: [...picture.warnings.values()],
    });
    const rows = [...picture.hazards.values()]
      .filter((hazard) => hazard.state === "active" || hazard.state === "dormant")
      .sort((a, b) => RANK.indexOf(grave.get(a.id)) - RANK.indexOf(grave.get(b.id)) || nearest(a) - nearest(b));
    return html`<h2>${t("table.title")}</h2>
      <p class="soft">${t("table.count", { n: rows.length })} ${rows.length > ROWS_MAX ? t("table.cut", { n: ROWS_MAX }) : ""}</p>
      <table data-testid="situation-table">
        <thead><tr><th>${t("table.severity")}</th><th>${t("table.hazard")}</th><th class="number">${t("table.size")}</th><th>${t("table.nearest")}</th><th class="number">${t("table.people")}</th><th>${t("table.seen")}</th></tr></thead>
        <tbody>${rows.slice(0, ROWS_MAX).map((hazard) => this.row(hazard, grave.get(hazard.id) ?? null))}</tbody>
      </table>`;
  }

  private row(hazard: Hazard, severity: Severity | null): TemplateResult {
    const { nearest: place, population } = hazard.exposed;
    return html`<tr>
      <td>${severity ? html`<span class="severity ${severity}">${severityIcon(severity)} ${t(`severity.${severity}`)}</span>` : html`<span class="soft">–</span>`}</td>
      <td><a class="kind" href=${link("hazards", hazard.id)}>${kindIcon(hazard.kind)} ${tCode("kind", hazard.kind)}</a> <span class="soft">${tCode("hazard-state", hazard.state)}</span></td>
      <td class="number">${hazard.magnitude !== null ? `M ${magnitude(hazard.magnitude)}` : hazard.area_km2 === null ? "–" : area(hazard.area_km2)}</td>
      <td>${place ? html`${distance(place.distance_m)} · ${place.name}` : html`<span class="soft">–</span>`}</td>
      <td class="number">${population === null ? "–" : people(population)}</td>
      <td><alm-when at=${hazard.last_seen} age></alm-when></td>
    </tr>`;
  }
}

function nearest(hazard: Hazard): number {
  return hazard.exposed.nearest?.distance_m ?? Infinity;
}
