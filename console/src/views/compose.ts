/** The composer: what to say beside where it holds beside how the public will have it. By hand, or in one's own words for what is in force. */
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { ApiError, command, get, post } from "../api/client";
import type { Command, PlaceRef, Position, Statement, WarningDetail, Wordings } from "../api/types";
import { AlmenaraElement } from "../common/element";
import { attempt, explain } from "../common/notices";
import { language, t, tCode } from "../i18n";
import { picture } from "../live/store";
import { openDraft } from "../queue/acts";
import "../warning/area-map";
import type { AreaDrawn } from "../warning/area-map";
import { rings } from "../warning/area-map";
import "../warning/as-public";
import { boxOf, circle, widened } from "../warning/project";
import { renderChecks, renderReach } from "./warning";

interface Templates {
  languages: string[];
  kinds: { kind: string; event: Record<string, string>; placeholders: string[] }[];
  urgency: string[];
  severity: string[];
  certainty: string[];
  expires_h: Record<string, number>;
}

type Texts = Record<string, string>; // by language

const PREVIEW_MS = 500;
const TEXTS = ["headline", "description", "instruction"] as const;

@customElement("view-compose")
export class ComposeView extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: grid; gap: 1rem; align-content: start; }
      .three { display: grid; grid-template-columns: repeat(auto-fit, minmax(17.5rem, 1fr)); gap: 1.25rem; align-items: start; }
      form { display: grid; gap: 0.75rem; }
      fieldset { border: 0; padding: 0; margin: 0; display: grid; gap: 0.6rem; min-width: 0; }
      .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0.6rem; }
      .tabs { display: flex; gap: 0.25rem; }
    `,
  ];
  @property({ attribute: false }) params: Record<string, string> = {};
  @property({ attribute: false }) query = new URLSearchParams();
  @state() private templates: Templates | null = null;
  @state() private preview: WarningDetail | null = null;
  @state() private fault = "";
  @state() private tab = "";
  @state() private kind = "";
  @state() private judged = { urgency: "Expected", severity: "Moderate", certainty: "Likely" };
  @state() private expiresH = 6;
  @state() private texts: Record<string, Texts> = {}; // field → language → text
  @state() private ring: Position[] = [];
  @state() private around: [number, number, number, number] | null = null;
  @state() private found: PlaceRef[] = [];
  @state() private footprints: GeoJSON.Geometry[] = [];
  @state() private sending = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;
  protected override readonly topics = ["session"] as const;

  /** The thread whose words are changed; null: a warning by hand. */
  private get thread(): string | null {
    const named = this.query.get("thread");
    if (named) return named;
    const incident = this.query.get("incident");
    return (
      [...picture.warnings.values()].find((w) => w.incident === incident && w.state === "in-force")?.thread ?? null
    );
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("query")) void this.begin();
  }

  override disconnectedCallback(): void {
    clearTimeout(this.timer);
    super.disconnectedCallback();
  }

  private async begin(): Promise<void> {
    await attempt(async () => {
      this.templates = await get<Templates>("/templates");
      this.tab =
        this.templates.languages.find((tag) => tag.startsWith(language())) ?? this.templates.languages[0] ?? "";
      this.kind ||= this.templates.kinds[0]?.kind ?? "";
      await this.beginAt();
    });
    this.plan();
  }

  /** Begins where the hazard or incident is that the officer came from. */
  private async beginAt(): Promise<void> {
    const incident = picture.incidents.get(this.query.get("incident") ?? "");
    const ids = incident?.hazards ?? (this.query.has("hazard") ? [this.query.get("hazard") ?? ""] : []);
    const hazards = ids.flatMap((id) => picture.hazards.get(id) ?? []);
    const kinds = new Set(this.templates?.kinds.map((each) => each.kind));
    const [first] = hazards;
    if (first && kinds.has(first.kind)) this.kind = first.kind;
    const boxes = hazards.flatMap((hazard) => (hazard.bbox ? [hazard.bbox] : []));
    const whole = boxOf(
      boxes.flatMap(([w, s, e, n]): Position[] => [
        [w, s],
        [e, n],
      ]),
    );
    const everything = boxOf([...picture.hazards.values()].flatMap((h) => (h.centre ? [h.centre] : [])));
    this.around = whole ? widened(whole, 1.5) : everything ? widened(everything, 1) : [-81, -5, -75, 2];
    const shapes = await Promise.all(
      ids
        .slice(0, 20)
        .map((id) => get<GeoJSON.Feature>(`/hazards/${encodeURIComponent(id)}/footprint`).catch(() => null)),
    );
    this.footprints = shapes.flatMap((shape) => (shape?.geometry ? [shape.geometry] : []));
    if (whole && !this.thread) {
      const [w, s, e, n] = widened(whole, 0.25);
      this.ring = [
        [w, s],
        [e, s],
        [e, n],
        [w, n],
      ];
    }
  }

  /** A preview a moment after the last change; an answer to an older question is dropped. */
  private plan(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(), PREVIEW_MS);
  }

  private async ask(): Promise<void> {
    const body = this.request();
    if (!body) {
      this.preview = null;
      return;
    }
    const number = ++this.asked;
    try {
      const preview = await post<WarningDetail>("/warnings/preview", body);
      if (number !== this.asked) return;
      this.preview = preview;
      this.fault = "";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (number !== this.asked) return;
      this.preview = null;
      this.fault = explain(error);
    }
  }

  private request(): Record<string, unknown> | null {
    if (this.thread) return { thread: this.thread, wording: this.wording() };
    const statement = this.statement();
    return statement && this.ring.length >= 3 ? { statement, area: this.area(), thread: null } : null;
  }

  private wording(): Wordings {
    const wording: Wordings = {};
    for (const field of TEXTS)
      for (const [tag, text] of Object.entries(this.texts[field] ?? {}))
        if (text.trim()) wording[tag] = { ...wording[tag], [field]: text.trim() };
    return wording;
  }

  private statement(): Statement | null {
    const languages = this.templates?.languages ?? [];
    const name = this.texts["area_name"] ?? {};
    if (!languages.every((tag) => name[tag]?.trim())) return null;
    const values: Record<string, Texts> = {};
    for (const field of this.placeholders()) {
      const said = this.texts[field] ?? {};
      if (Object.values(said).some((text) => text.trim()))
        values[field] = Object.fromEntries(
          languages.map((tag) => [tag, (said[tag] || Object.values(said).find(Boolean)) ?? ""]),
        );
    }
    return { kind: this.kind, area_name: name, ...this.judged, expires_h: this.expiresH, values };
  }

  private placeholders(): string[] {
    return this.templates?.kinds.find((each) => each.kind === this.kind)?.placeholders ?? [];
  }

  private area(): Position[][][] {
    const [first] = this.ring;
    return first ? [[[...this.ring, first]]] : [];
  }

  protected override render(): TemplateResult {
    if (!this.templates) return html`<p class="soft" role="status">${t("shell.starting")}</p>`;
    const thread = this.thread;
    const drawn: GeoJSON.MultiPolygon | null = this.ring.length
      ? { type: "MultiPolygon", coordinates: this.area() }
      : null;
    return html`<h1>${t(thread ? "compose.reword" : "nav.compose")}</h1>
      <div class="three">
        <section class="stack">${thread ? this.renderWording() : this.renderStatement()}</section>
        <section class="stack"><h2>${t("warning.area")}</h2>
          ${
            thread
              ? html`<alm-area-map .area=${this.preview?.area ?? null} .footprints=${this.footprints}></alm-area-map>`
              : html`${this.renderCircle()}<alm-area-map editable .area=${drawn} .lastArea=${this.preview?.area ?? null} .around=${this.around} .footprints=${this.footprints} @area-drawn=${this.drawn}></alm-area-map>`
          }
          ${this.preview ? renderReach(this.preview) : nothing}</section>
        <section class="stack"><h2>${t("warning.as-public")}</h2>
          ${this.fault ? html`<p class="notice fault" role="alert">${this.fault}</p>` : nothing}
          ${!this.preview && !this.fault ? html`<p class="soft">${t("compose.incomplete")}</p>` : nothing}
          ${this.preview ? html`<alm-as-public .warning=${this.preview}></alm-as-public>${renderChecks(this.preview)}` : nothing}
          <button class="primary" data-testid="ask-approval" ?disabled=${this.sending || !this.preview?.checks.every((check) => check.ok)} @click=${this.submit}>${t("compose.ask-approval")}</button>
          <p class="small soft">${t("compose.first-yes")}</p>
        </section>
      </div>`;
  }

  private renderTabs(): TemplateResult {
    return html`<div class="tabs" role="group" aria-label=${t("menu.language")}>${this.templates?.languages.map(
      (tag) =>
        html`<button type="button" aria-pressed=${tag === this.tab} @click=${() => (this.tab = tag)}>${tag}</button>`,
    )}</div>`;
  }

  private renderWording(): TemplateResult {
    return html`<form @submit=${this.submit}><p class="soft">${t("compose.wording-how")}</p>${this.renderTabs()}
      <fieldset>${TEXTS.map((field) => this.renderText(field, field !== "headline"))}</fieldset></form>`;
  }

  private renderStatement(): TemplateResult {
    const templates = this.templates;
    if (!templates) return html``;
    return html`<form @submit=${this.submit}><fieldset>
        <div><label for="kind">${t("compose.kind")}</label><select id="kind" @change=${this.chooseKind}>${templates.kinds.map(
          (each) =>
            html`<option value=${each.kind} ?selected=${each.kind === this.kind}>${each.event[this.tab] ?? tCode("kind", each.kind)}</option>`,
        )}</select></div>
        <div class="pair">
          ${(["severity", "urgency", "certainty"] as const).map(
            (name) =>
              html`<div><label for=${name}>${t(`compose.${name}`)}</label><select id=${name} @change=${(e: Event) => this.judge(name, (e.target as HTMLSelectElement).value)}>${templates[
                name
              ].map(
                (word) =>
                  html`<option value=${word} ?selected=${word === this.judged[name]}>${tCode(name, word)}</option>`,
              )}</select></div>`,
          )}
          <div><label for="hours">${t("compose.hours")}</label><input id="hours" type="number" min="0.5" max="72" step="0.5" .value=${String(this.expiresH)} @change=${this.lasts}></div>
        </div>
        ${this.renderTabs()}
        ${this.renderText("area_name", false)}
        ${this.placeholders().map((name) => this.renderText(name, name === "details"))}
      </fieldset></form>`;
  }

  private renderText(field: string, long: boolean): TemplateResult {
    const id = `text-${field}`;
    const value = this.texts[field]?.[this.tab] ?? "";
    const write = (event: Event): void => {
      const text = (event.target as HTMLInputElement | HTMLTextAreaElement).value;
      this.texts = { ...this.texts, [field]: { ...this.texts[field], [this.tab]: text } };
      this.plan();
    };
    return html`<div><label for=${id}>${tCode("compose.text", field)} (${this.tab})</label>
      ${
        long
          ? html`<textarea id=${id} rows="3" maxlength="2000" .value=${value} @input=${write}></textarea>`
          : html`<input id=${id} maxlength="2000" .value=${value} @input=${write}>`
      }</div>`;
  }

  /** A circle about a place: the quickest area there is. */
  private renderCircle(): TemplateResult {
    return html`<form class="row" @submit=${this.drawCircle}>
      <label for="place" class="visually-hidden">${t("compose.place")}</label>
      <input id="place" name="place" list="places" placeholder=${t("compose.place")} autocomplete="off" @input=${this.findPlace} style="flex:1;min-width:9rem">
      <datalist id="places">${this.found.map((place) => html`<option value=${place.name}></option>`)}</datalist>
      <label for="km" class="visually-hidden">${t("compose.km")}</label>
      <input id="km" name="km" type="number" min="0.1" max="500" step="0.1" value="10" aria-label=${t("compose.km")} style="width:5.5rem"> km
      <button>${t("compose.circle")}</button></form>`;
  }

  private readonly findPlace = async (event: Event): Promise<void> => {
    const q = (event.target as HTMLInputElement).value.trim();
    if (q.length < 2) return;
    this.found = (await get<{ items: PlaceRef[] }>("/places", { q, limit: 12 }).catch(() => ({ items: [] }))).items;
  };

  private readonly drawCircle = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const place = this.found.find((each) => each.name === form.get("place"));
    if (!place) {
      this.fault = t("compose.no-place");
      return;
    }
    this.fault = "";
    this.put(circle([place.lon, place.lat], 1_000 * Number(form.get("km"))).slice(0, -1));
    if (!this.texts["area_name"]?.[this.tab])
      this.texts = {
        ...this.texts,
        area_name: Object.fromEntries((this.templates?.languages ?? []).map((tag) => [tag, place.name])),
      };
  };

  private readonly drawn = (event: AreaDrawn): void => this.put(event.detail.ring);

  private put(ring: Position[]): void {
    this.ring = ring;
    const box = ring.length >= 3 ? boxOf(rings({ type: "MultiPolygon", coordinates: this.area() }).flat()) : null;
    if (box) this.around = widened(box, 0.3);
    this.plan();
  }

  private readonly chooseKind = (event: Event): void => {
    this.kind = (event.target as HTMLSelectElement).value;
    this.expiresH = this.templates?.expires_h[this.kind] ?? this.expiresH;
    this.plan();
  };

  private judge(name: "severity" | "urgency" | "certainty", word: string): void {
    this.judged = { ...this.judged, [name]: word };
    this.plan();
  }

  private readonly lasts = (event: Event): void => {
    this.expiresH = Number((event.target as HTMLInputElement).value);
    this.plan();
  };

  private readonly submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const thread = this.thread;
    const statement = this.statement();
    const what: Command | null = thread
      ? { command: "update", thread, wording: this.wording() }
      : statement && { command: "draft", statement, area: this.area() };
    if (!what || !this.preview?.checks.every((check) => check.ok)) return;
    this.sending = true;
    await attempt(async () => openDraft(await command(what)));
    this.sending = false;
  };
}
