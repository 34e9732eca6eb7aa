/** A hazard's page: what it is, how sure, whom it threatens, how it grew, on what evidence, and why one sees it. */
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { get } from "../api/client";
import type { Evidence, Exposure, HazardDetail, Reason } from "../api/types";
import { AlmenaraElement } from "../common/element";
import { Loaded } from "../common/loaded";
import { distance, people, position, power } from "../format/units";
import { t, tCode } from "../i18n";
import { picture } from "../live/store";
import { focus } from "../map/focus";
import { tones } from "../map/scene";
import { timeline } from "../map/timeline";
import { dismiss, undismiss } from "../queue/acts";
import { roman } from "../queue/sentence";
import { link } from "../shell/router";
import { icon, kindIcon, severityIcon } from "../theme/icons";
import "./evidence";
import "./growth";
import { heading, reason, seen } from "./statement";

const SLIDER_STEPS = 200;

/** One link of the chain in words. */
function chain(link: Reason): string {
  const because = link.values.length ? ` (${link.values.map(reason).join("; ")})` : "";
  return tCode("chain", link.sentence_code, { ids: link.ids.slice(0, 3).map(nameOf).join(", ") }) + because;
}

/** Places and feeds by their names, where this console knows them. */
function nameOf(id: string): string {
  return picture.sources.get(id)?.title || focus.names.get(id) || id;
}

@customElement("view-hazard")
export class HazardView extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: block; padding: 0.9rem 1.1rem 2rem; }
      header { display: grid; gap: 0.35rem; }
      header .top { display: flex; justify-content: space-between; align-items: center; min-height: 2rem; }
      header .top a { color: var(--soft); display: inline-flex; padding: 0.4rem; }
      h1 { font-size: 1.3rem; display: flex; gap: 0.5rem; align-items: baseline; }
      h1 svg { flex: none; align-self: center; }
      section { margin-top: 1.4rem; }
      section > h2 { font-size: 1rem; margin-bottom: 0.35rem; display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; }
      section > h2 span { font-weight: 400; font-size: var(--size-s); color: var(--soft); }
      .acts { margin-top: 0.75rem; }
      td.who b { font-weight: 600; display: block; }
      ol.why { display: grid; gap: 0.5rem; margin-top: 0.5rem; padding-left: 1.1rem; list-style: decimal; }
      .ids { margin-top: 1.5rem; color: var(--soft); }
      .slider input { grid-column: 1 / -1; }
      .slider { margin-top: 0.3rem; display: grid; grid-template-columns: 1fr auto; gap: 0 0.6rem; align-items: center; }
    `,
  ];
  protected override readonly topics = ["hazard", "incident", "warning", "queue", "session"] as const;
  @property({ attribute: false }) params: { id?: string } = {};
  private looked = "";
  private shown: unknown = null;
  private readonly detail = new Loaded<HazardDetail>(
    this,
    (id, signal) => get(`/hazards/${encodeURIComponent(id)}`, {}, signal),
    (hazard) => this.arrived(hazard),
  );
  private readonly evidence = new Loaded<Evidence>(
    this,
    (id, signal) => get(`/hazards/${encodeURIComponent(id)}/evidence`, {}, signal),
    (evidence) => focus.add(focus.exposed, evidence.observations),
  );
  private readonly onTime = (): void => this.requestUpdate();

  override connectedCallback(): void {
    super.connectedCallback();
    timeline.addEventListener("change", this.onTime);
  }

  override disconnectedCallback(): void {
    timeline.removeEventListener("change", this.onTime);
    focus.choose(null);
    super.disconnectedCallback();
  }

  protected override willUpdate(changed: PropertyValues): void {
    const id = this.params.id ?? "";
    if (changed.has("params")) {
      focus.choose(id);
      this.detail.want(id);
      this.evidence.want(id);
    }
    const known = picture.hazards.get(id) ?? null;
    if (this.shown && known && known !== this.shown) {
      this.detail.refresh();
      this.evidence.refresh();
    }
    this.shown = known ?? this.shown;
  }

  private arrived(hazard: HazardDetail): void {
    focus.names = new Map([...hazard.exposures, ...hazard.could_reach].map(({ place }) => [place.id, place.name]));
    focus.add(hazard.exposures.filter((each) => each.until === null).map((each) => each.place.id));
    if (this.looked === hazard.id) return;
    this.looked = hazard.id;
    const at = hazard.kind === "fire" ? (hazard.bbox ?? hazard.centre) : (hazard.epicentre ?? hazard.centre);
    if (at) focus.look(at);
  }

  protected override render(): TemplateResult {
    const hazard = this.detail.value;
    if (!hazard)
      return html`<p role="status">${this.detail.problem ?? t("hazard.loading")}</p> <a href="#/">${t("key.back")}</a>`;
    return html`${this.renderHead(hazard)} ${this.renderExposed(hazard)} ${this.renderReach(hazard)} ${this.renderGrowth(hazard)}
      <section><h2>${t("evidence.title")}</h2>
        ${this.evidence.value ? html`<alm-evidence .evidence=${this.evidence.value}></alm-evidence>` : html`<p class="soft" role="status">${this.evidence.problem ?? t("evidence.loading")}</p>`}
      </section>
      ${this.renderLinks(hazard)} ${this.renderWhy(hazard)}
      <p class="ids mono">${hazard.id}</p>`;
  }

  private renderHead(hazard: HazardDetail): TemplateResult {
    const severity = tones({
      queue: picture.queue,
      incidents: [...picture.incidents.values()],
      warnings: [...picture.warnings.values()],
    }).get(hazard.id);
    const state = tCode("hazard-state", hazard.state);
    return html`<header>
      <div class="top">
        <span class="row">${severity ? html`<span class="severity ${severity}">${severityIcon(severity)} ${t(`severity.${severity}`)}</span>` : nothing}<span class="soft">${state}</span></span>
        <a href="#/" aria-label=${t("hazard.close")} title="${t("hazard.close")} (Esc)">${icon("close")}</a>
      </div>
      <h1>${kindIcon(hazard.kind, 20)}${heading(hazard)}</h1>
      <p data-testid="statement">${seen(hazard, picture.now())} ${hazard.certainty ? t("hazard.certainty", { certainty: tCode("certainty", hazard.certainty) }) : ""}</p>
      <p class="small soft">${t("hazard.first")} <alm-when at=${hazard.first_seen} age></alm-when> · ${t("hazard.observations", { n: hazard.observations })}${hazard.frp_max_mw ? ` · ${t("hazard.power", { power: power(hazard.frp_max_mw) })}` : ""}</p>
      ${hazard.suppressed ? html`<p class="notice">${t("hazard.suppressed", { reason: tCode("suppressed", hazard.suppressed) })}</p>` : nothing}
      ${
        hazard.labelled
          ? html`<div class="notice row"><span>${t("hazard.labelled", { by: hazard.labelled.by, reason: hazard.labelled.reason })}</span>
            ${picture.can("label") ? html`<button @click=${() => undismiss([hazard.id])}>${t("notice.undo")}</button>` : nothing}</div>`
          : nothing
      }
      <div class="row acts">
        ${this.renderWarnLink(hazard)}
        ${picture.can("label") && !hazard.labelled ? html`<button data-testid="not-a-hazard" @click=${() => dismiss([hazard.id])}>${t("act.dismiss")}…</button>` : nothing}
        <button class="quiet" @click=${() => focus.look(hazard.bbox ?? hazard.centre ?? [0, 0])}>${icon("whole")} ${t("hazard.show")}</button>
      </div>
    </header>`;
  }

  private renderWarnLink(hazard: HazardDetail): TemplateResult | typeof nothing {
    const draft = hazard.warnings.find((warning) => warning.state === "draft");
    if (draft)
      return html`<a class="button primary" href=${link("warnings", draft.identifier)}>${t("hazard.see-draft")}</a>`;
    const force = hazard.warnings.find((warning) => warning.state === "in-force");
    if (force)
      return html`<a class="button primary" href=${link("warnings", force.identifier)}>${t("hazard.see-warning")}</a>`;
    if (!picture.can("draft")) return nothing;
    const about = hazard.incident
      ? `incident=${encodeURIComponent(hazard.incident)}`
      : `hazard=${encodeURIComponent(hazard.id)}`;
    return html`<a class="button primary" href="${link("compose")}?${about}">${t("act.warn")}…</a>`;
  }

  private renderExposed(hazard: HazardDetail): TemplateResult {
    const open = hazard.exposures
      .filter((each) => each.until === null)
      .sort((a, b) => (b.mmi ?? 0) - (a.mmi ?? 0) || a.distance_m - b.distance_m);
    const total = hazard.exposed.population;
    return html`<section data-testid="exposed"><h2>${t("exposed.title")}<span>${t("exposed.count", { n: open.length })}${total ? ` · ${people(total)}` : ""}</span></h2>
      ${
        open.length
          ? html`<table><thead><tr><th>${t("exposed.place")}</th><th class="number">${t(hazard.kind === "earthquake" ? "exposed.intensity" : "exposed.distance")}</th><th>${t("exposed.basis")}</th></tr></thead>
            <tbody>${open.slice(0, 50).map((each) => this.renderExposure(each))}</tbody></table>`
          : html`<p class="soft">${t("exposed.none")}</p>`
      }</section>`;
  }

  private renderExposure(each: Exposure): TemplateResult {
    const { place } = each;
    return html`<tr>
      <td class="who"><b>${place.name}</b><span class="soft small">${[tCode("place", place.kind), place.population ? people(place.population) : ""].filter(Boolean).join(", ")}</span></td>
      <td class="number">${each.mmi !== null ? roman(each.mmi) : each.distance_m < 1 ? t("exposed.within") : distance(each.distance_m)}</td>
      <td>${tCode("basis", each.basis)}<br /><span class="soft small">${t("exposed.since")} <alm-when at=${each.since}></alm-when>${each.suppressed ? ` · ${tCode("suppressed", each.suppressed)}` : ""}</span></td>
    </tr>`;
  }

  private renderReach(hazard: HazardDetail): TemplateResult | typeof nothing {
    if (!hazard.could_reach.length) return nothing;
    return html`<section><h2>${t("reach.title")}<span>${t("reach.advice")}</span></h2>
      <table><tbody>${hazard.could_reach.slice(0, 30).map(
        (
          each,
        ) => html`<tr><td class="who"><b>${each.place.name}</b><span class="soft small">${[tCode("place", each.place.kind), each.place.population ? people(each.place.population) : ""].filter(Boolean).join(", ")}</span></td>
        <td>${each.within_h === null ? t(`reach.${each.band}`) : t("reach.within", { hours: Math.max(1, Math.round(each.within_h)), band: t(`reach.${each.band}`) })}<br /><span class="soft small">${each.earliest ? html`${t("reach.earliest")} <alm-when at=${each.earliest}></alm-when>` : nothing}</span></td></tr>`,
      )}</tbody></table></section>`;
  }

  private renderGrowth(hazard: HazardDetail): TemplateResult | typeof nothing {
    const from = Date.parse(hazard.first_seen);
    const until = picture.now();
    if (hazard.kind !== "fire" || hazard.history.length < 1) return nothing;
    const at = timeline.at ?? until;
    const step = Math.max(1_000, Math.round((until - from) / SLIDER_STEPS));
    return html`<section><h2>${t("growth.title")}</h2>
      <alm-growth .history=${hazard.history} .from=${from} .until=${until} .at=${timeline.at}></alm-growth>
      <div class="slider"><label for="footprint-at">${t("growth.slider")} ${timeline.at === null ? t("time.live") : html`<alm-when at=${new Date(at).toISOString()}></alm-when>`}</label>
        <button class="quiet small" ?disabled=${timeline.at === null} @click=${() => timeline.show(null)}>${t("time.now-button")}</button>
        <input id="footprint-at" type="range" min=${from} max=${until} step=${step} .value=${String(Math.max(from, at))} @input=${(event: Event) => timeline.show(Number((event.target as HTMLInputElement).value), from)} /></div>
    </section>`;
  }

  private renderLinks(hazard: HazardDetail): TemplateResult {
    const { merged_from, into } = hazard.lineage;
    const incident = hazard.incident ? picture.incidents.get(hazard.incident) : undefined;
    return html`<section><h2>${t("links.title")}</h2><dl class="facts">
      <dt>${t("nav.incident")}</dt><dd>${hazard.incident ? html`<a href=${link("incidents", hazard.incident)}>${incident ? t("links.incident", { priority: incident.priority, status: tCode("incident-status", incident.status) }) : hazard.incident}</a>` : t("links.none")}</dd>
      <dt>${t("nav.warnings")}</dt><dd>${hazard.warnings.length ? hazard.warnings.map((w) => html`<div><a href=${link("warnings", w.identifier)}>${tCode("warning-state", w.state)}: ${w.headline[document.documentElement.lang] ?? Object.values(w.headline)[0]}</a></div>`) : t("links.none")}</dd>
      ${merged_from.length ? html`<dt>${t("links.merged-from")}</dt><dd>${merged_from.map((id) => html`<div><a href=${link("hazards", id)}>${id}</a></div>`)}</dd>` : nothing}
      ${into ? html`<dt>${t("links.into")}</dt><dd><a href=${link("hazards", into)}>${into}</a></dd>` : nothing}
      ${hazard.centre ? html`<dt>${t("links.position")}</dt><dd>${position(...(hazard.epicentre ?? hazard.centre))}</dd>` : nothing}
    </dl></section>`;
  }

  private renderWhy(hazard: HazardDetail): TemplateResult {
    return html`<section><details data-testid="why"><summary><b>${t("why-seen.title")}</b></summary>
      <p class="small soft">${t("why-seen.intro")}</p>
      <ol class="why">${hazard.why.map(
        (each) => html`<li>${chain(each)}
          <span class="small soft"><alm-when at=${each.at}></alm-when> · ${t("why-seen.entry", { seq: String(each.seq) })}</span></li>`,
      )}</ol></details></section>`;
  }
}
