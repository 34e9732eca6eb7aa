/** The protected places: search, one by one, and a file's worth with a preview of what it would change. */
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { del, get, post, put } from "../api/client";
import type { Page, PlaceRef } from "../api/types";
import { confirm } from "../common/dialog";
import { AlmenaraElement } from "../common/element";
import { attempt } from "../common/notices";
import { distance, number, position } from "../format/units";
import { t, tCode } from "../i18n";
import { picture } from "../live/store";

interface Place extends PlaceRef {
  alert_distance_m?: number | null;
}

interface ImportPreview {
  rows: number;
  accepted: number;
  rejected: Record<string, number>;
  sample: Place[];
  changes: { added: number; changed: number; removed: number };
}

@customElement("view-places")
export class PlacesView extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: grid; gap: 1.5rem; align-content: start; }
      .search { display: flex; gap: 0.6rem; max-width: 34rem; }
      .search button { flex: none; }
      .edit { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 0.6rem; align-items: end; }
      .scroll { overflow-x: auto; }
    `,
  ];
  protected override readonly topics = ["places", "session", "reset"] as const;
  @state() private items: Place[] = [];
  @state() private next: string | null = null;
  @state() private edited: Place | null = null;
  @state() private preview: ImportPreview | null = null;
  @state() private busy = false;
  @query("#file") private readonly file!: HTMLInputElement;
  private q = "";

  override connectedCallback(): void {
    super.connectedCallback();
    void this.fetch(null);
  }

  private async fetch(cursor: string | null): Promise<void> {
    await attempt(async () => {
      const page = await get<Page<Place>>("/places", { q: this.q, cursor, limit: 50 });
      this.items = cursor ? [...this.items, ...page.items] : page.items;
      this.next = page.next;
    });
  }

  protected override render(): TemplateResult {
    const may = picture.can("places");
    return html`<div><h1>${t("nav.places")}</h1><p class="soft">${t("places.count", { n: picture.places.count })} ${picture.places.attribution}</p></div>
      ${may ? this.renderImport() : nothing}
      <section class="stack">
        <form class="search" role="search" @submit=${this.search}><label for="q" class="visually-hidden">${t("places.search")}</label><input id="q" name="q" placeholder=${t("places.search")}><button>${t("audit.search")}</button>
          ${may ? html`<button type="button" @click=${() => (this.edited = { id: "", name: "", kind: "settlement", population: null, lon: 0, lat: 0 })}>${t("places.new")}</button>` : nothing}</form>
        ${this.edited ? this.renderEdit(this.edited) : nothing}
        <div class="scroll" tabindex="0" role="region" aria-label=${t("nav.places")}><table data-testid="places"><thead><tr><th>${t("places.name")}</th><th>${t("places.kind")}</th><th class="number">${t("places.population")}</th><th>${t("places.position")}</th><th class="number">${t("places.alert-distance")}</th><th></th></tr></thead>
          <tbody>${this.items.map((place) => this.renderRow(place, may))}</tbody></table></div>
        ${this.next ? html`<div><button @click=${() => void this.fetch(this.next)}>${t("audit.more")}</button></div>` : nothing}
      </section>`;
  }

  private renderRow(place: Place, may: boolean): TemplateResult {
    return html`<tr><td>${place.name}<br><span class="small soft">${[place.admin, place.country].filter(Boolean).join(", ")}</span></td>
      <td>${tCode("place-kind", place.kind)}</td><td class="number">${place.population === null ? t("why.unknown") : number(place.population)}</td>
      <td class="small">${position(place.lon, place.lat)}</td><td class="number">${place.alert_distance_m == null ? "–" : distance(place.alert_distance_m)}</td>
      <td>${may ? html`<button class="quiet" @click=${() => (this.edited = place)}>${t("places.edit")}</button>` : nothing}</td></tr>`;
  }

  private renderEdit(place: Place): TemplateResult {
    const field = (name: keyof Place, type: string, required = true, step = "any"): TemplateResult =>
      html`<div><label for="edit-${name}">${tCode("places", name.replaceAll("_", "-"))}</label><input id="edit-${name}" name=${name} type=${type} step=${step} ?required=${required} ?readonly=${name === "id" && place.id !== ""} .value=${String(place[name] ?? "")}></div>`;
    return html`<form class="notice stack" @submit=${this.save}><div class="edit">
        ${field("id", "text")}${field("name", "text")}${field("kind", "text")}${field("lon", "number")}${field("lat", "number")}
        ${field("population", "number", false, "1")}${field("alert_distance_m", "number", false)}</div>
      <div class="row"><button class="primary">${t("places.save")}</button><button type="button" class="quiet" @click=${() => (this.edited = null)}>${t("dialog.back")}</button>
        ${place.id ? html`<button type="button" @click=${() => void this.removePlace(place)}>${t("places.remove")}</button>` : nothing}</div></form>`;
  }

  private readonly save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const amount = (name: string): number | null => (form.get(name) ? Number(form.get(name)) : null);
    const id = String(form.get("id"));
    const body = {
      name: form.get("name"),
      kind: form.get("kind"),
      geometry: { type: "Point", coordinates: [amount("lon"), amount("lat")] },
      population: amount("population"),
      ...(amount("alert_distance_m") === null ? {} : { alert_distance_m: amount("alert_distance_m") }),
    };
    if (await attempt(() => put(`/places/${encodeURIComponent(id)}`, body), { text: t("places.saved") })) {
      this.edited = null;
      await this.fetch(null);
    }
  };

  private async removePlace(place: Place): Promise<void> {
    const sure = await confirm({
      title: t("places.remove-title", { name: place.name }),
      detail: t("places.remove-detail"),
      confirm: t("places.remove"),
    });
    if (sure && (await attempt(() => del(`/places/${encodeURIComponent(place.id)}`), { text: t("places.removed") }))) {
      this.edited = null;
      await this.fetch(null);
    }
  }

  private renderImport(): TemplateResult {
    return html`<section class="stack"><h2>${t("places.import")}</h2><p class="soft">${t("places.import-how")}</p>
      <div class="row"><label for="file" class="visually-hidden">${t("places.file")}</label><input id="file" type="file" accept=".csv,.tsv,.geojson,.json,.gpkg,.zip,.kml,.parquet" @change=${() => void this.look()}></div>
      ${this.busy ? html`<p role="status">${t("places.reading")}</p>` : nothing}
      ${this.preview ? this.renderPreview(this.preview) : nothing}</section>`;
  }

  private renderPreview(preview: ImportPreview): TemplateResult {
    const { added, changed, removed } = preview.changes;
    return html`<div class="notice stack" data-testid="import-preview">
      <p><b>${t("places.would", { accepted: preview.accepted, rows: preview.rows })}</b> ${t("places.changes", { added, changed, removed })}</p>
      ${
        Object.keys(preview.rejected).length
          ? html`<ul>${Object.entries(preview.rejected).map(([reason, rows]) => html`<li><span class="mono">${reason}</span>: ${number(rows)}</li>`)}</ul>`
          : nothing
      }
      <div class="scroll" tabindex="0" role="region" aria-label=${t("places.sample")}><table><thead><tr><th>${t("places.name")}</th><th>${t("places.kind")}</th><th class="number">${t("places.population")}</th><th>${t("places.position")}</th></tr></thead>
        <tbody>${preview.sample.slice(0, 10).map((p) => html`<tr><td>${p.name}</td><td>${tCode("place-kind", p.kind)}</td><td class="number">${p.population ?? "–"}</td><td class="small">${position(p.lon, p.lat)}</td></tr>`)}</tbody></table></div>
      <div class="row"><button class="primary" data-testid="import" ?disabled=${this.busy || !preview.accepted} @click=${() => void this.bring()}>${t("places.bring", { n: preview.accepted })}</button>
        <button class="quiet" @click=${() => (this.preview = null)}>${t("dialog.back")}</button></div></div>`;
  }

  private form(): FormData {
    const form = new FormData();
    const file = this.file.files?.[0];
    if (file) form.set("file", file);
    return form;
  }

  private async look(): Promise<void> {
    this.preview = null;
    if (!this.file.files?.length) return;
    this.busy = true;
    await attempt(async () => {
      this.preview = await post<ImportPreview>("/places/import?preview=true", this.form());
    });
    this.busy = false;
  }

  private async bring(): Promise<void> {
    this.busy = true;
    if (await attempt(() => post("/places/import", this.form()), { text: t("places.brought") })) {
      this.preview = null;
      this.file.value = "";
      await this.fetch(null);
    }
    this.busy = false;
  }

  private readonly search = (event: SubmitEvent): void => {
    event.preventDefault();
    this.q = String(new FormData(event.target as HTMLFormElement).get("q") ?? "");
    void this.fetch(null);
  };
}
