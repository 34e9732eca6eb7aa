/** An incident: what responders work on, why it has its priority, its hazards and warnings, and what happened. */
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { command, get } from "../api/client";
import type { IncidentDetail, IncidentMoment } from "../api/types";
import { AlmenaraElement } from "../common/element";
import { Loaded } from "../common/loaded";
import { attempt } from "../common/notices";
import { people } from "../format/units";
import { heading, reason } from "../hazard/statement";
import { t, tCode } from "../i18n";
import { picture } from "../live/store";
import { focus } from "../map/focus";
import { around } from "../map/view";
import { link } from "../shell/router";
import { icon, kindIcon, severityIcon } from "../theme/icons";

/** Messages whose place another took: their story is told in the timeline. */
const SUPERSEDED: ReadonlySet<string> = new Set(["replaced", "withdrawn", "rejected"]);

@customElement("view-incident")
export class IncidentView extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: block; padding: 0.9rem 1.1rem 2rem; }
      header .top { display: flex; justify-content: space-between; align-items: center; min-height: 2rem; }
      header .top a { color: var(--soft); display: inline-flex; padding: 0.4rem; }
      h1 { font-size: 1.3rem; display: flex; gap: 0.5rem; align-items: center; }
      h1 svg { flex: none; }
      section { margin-top: 1.4rem; }
      section > h2 { font-size: 1rem; margin-bottom: 0.35rem; }
      ul.reasons { list-style: disc; padding-left: 1.1rem; }
      .ids { margin-top: 1.5rem; color: var(--soft); }
      .acts { margin-top: 0.75rem; }
    `,
  ];
  protected override readonly topics = ["hazard", "incident", "warning", "session"] as const;
  @property({ attribute: false }) params: { id?: string } = {};
  private shown: unknown = null;
  private readonly detail = new Loaded<IncidentDetail>(
    this,
    (id, signal) => get(`/incidents/${encodeURIComponent(id)}`, {}, signal),
    (incident) => {
      const boxes = incident.hazards.map((id) => picture.hazards.get(id)?.bbox).filter((bbox) => !!bbox);
      const box = around(boxes);
      if (box) focus.look(box);
    },
  );

  protected override willUpdate(changed: PropertyValues): void {
    const id = this.params.id ?? "";
    if (changed.has("params")) this.detail.want(id);
    const known = picture.incidents.get(id) ?? null;
    if (this.shown && known !== this.shown) this.detail.refresh();
    this.shown = known;
  }

  protected override render(): TemplateResult {
    const incident = this.detail.value;
    if (!incident)
      return html`<p role="status">${this.detail.problem ?? t("hazard.loading")}</p> <a href="#/">${t("key.back")}</a>`;
    const warnings = [...picture.warnings.values()]
      .filter((warning) => warning.incident === incident.id && !SUPERSEDED.has(warning.state))
      .reverse();
    return html`<header>
        <div class="top"><span class="soft">${tCode("incident-status", incident.status)} · ${t("incident.priority", { priority: incident.priority })}</span><a href="#/" aria-label=${t("hazard.close")}>${icon("close")}</a></div>
        <h1>${kindIcon(incident.kind, 20)}${t("incident.heading", { kind: tCode("kind", incident.kind), label: incident.label })}</h1>
        <p>${t("exposed.count", { n: incident.places })}${incident.population ? ` · ${people(incident.population)}` : ""}. <span class="soft">${t("incident.opened")} <alm-when at=${incident.opened} age></alm-when>.</span></p>
        ${incident.acknowledged ? html`<p class="small soft">${t("queue.acknowledged", { by: incident.acknowledged.by })} <alm-when at=${incident.acknowledged.at}></alm-when></p>` : nothing}
        <div class="row acts">
          ${picture.can("draft") && incident.status === "open" ? html`<a class="button primary" href="${link("compose")}?incident=${encodeURIComponent(incident.id)}">${t("act.warn")}…</a>` : nothing}
          ${picture.can("acknowledge") && !incident.acknowledged && incident.status === "open" ? html`<button @click=${() => attempt(() => command({ command: "acknowledge", incident: incident.id }), { text: t("act.acknowledged") })}>${t("act.acknowledge")}</button>` : nothing}
        </div>
      </header>
      <section><h2>${t("incident.reasons")}</h2><ul class="reasons">${incident.reasons.map((code) => html`<li>${reason(code)}</li>`)}</ul></section>
      <section><h2>${t("incident.hazards")}</h2><ul>${incident.hazards.map((id) => html`<li><a href=${link("hazards", id)}>${hazardName(id)}</a></li>`)}</ul></section>
      <section><h2>${t("nav.warnings")}</h2>${
        warnings.length
          ? html`<ul>${warnings.map((w) => html`<li><span class="severity ${w.severity}">${severityIcon(w.severity, 14)}</span> <a href=${link("warnings", w.identifier)}>${tCode("warning-state", w.state)}: ${w.headline[document.documentElement.lang] ?? Object.values(w.headline)[0]}</a></li>`)}</ul>`
          : html`<p class="soft">${t("links.none")}</p>`
      }</section>
      <section><h2>${t("incident.timeline")}</h2><ol class="stack">${incident.timeline.map((each) => html`<li>${happened(each)} <span class="small soft"><alm-when at=${each.time}></alm-when></span></li>`)}</ol></section>
      <p class="ids mono">${incident.id}</p>`;
  }
}

function hazardName(id: string): string {
  const hazard = picture.hazards.get(id);
  return hazard ? heading(hazard) : id;
}

/** One thing of the story in words, with who did it and why. */
function happened(each: IncidentMoment): TemplateResult {
  const because = each.reasons?.length
    ? ` (${each.reasons.map(reason).join("; ")})`
    : each.reason
      ? ` (${each.reason})`
      : "";
  const by = each.by === "almenara" ? "Almenara" : (each.by ?? "");
  const text = tCode("moment", each.change, { by, priority: each.priority ?? "", incident: each.incident ?? "" });
  return each.identifier ? html`<a href=${link("warnings", each.identifier)}>${text}</a>` : html`${text}${because}`;
}
