/** Who of the agency may do what and where; areas, and keys for other programs. */
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { del, get, post, put, queryString } from "../api/client";
import { ask, confirm } from "../common/dialog";
import { AlmenaraElement } from "../common/element";
import { attempt } from "../common/notices";
import { t, tCode } from "../i18n";
import { picture } from "../live/store";

interface Person {
  name: string;
  display_name: string;
  language: string;
  disabled: string | null; // since when
  created: string;
  grants: { role: string; area: string }[];
}

interface ApiKey {
  id: string;
  label: string;
  scopes: string[];
  state: string;
  expires: string | null;
}

const ROLES = ["viewer", "dispatcher", "duty_officer", "approver", "administrator"] as const;

@customElement("view-people")
export class PeopleView extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: grid; gap: 1.75rem; align-content: start; }
      .form { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 0.6rem; align-items: end; }
      .off { color: var(--soft); text-decoration: line-through; }
      .scroll { overflow-x: auto; }
      .scopes { display: flex; flex-wrap: wrap; gap: 0.3rem 0.9rem; }
      .scopes label { display: inline-flex; gap: 0.3rem; align-items: center; color: var(--text); }
    `,
  ];
  protected override readonly topics = ["session"] as const;
  @state() private people: Person[] = [];
  @state() private areas: string[] = [];
  @state() private keys: ApiKey[] = [];
  @state() private scopes: string[] = [];
  @state() private secret = "";

  override connectedCallback(): void {
    super.connectedCallback();
    void this.fetch();
  }

  private async fetch(): Promise<void> {
    await attempt(async () => {
      this.people = (await get<{ items: Person[] }>("/people")).items;
      const areas = await get<GeoJSON.FeatureCollection<GeoJSON.Geometry, { name: string }>>("/areas");
      this.areas = areas.features.map((area) => area.properties.name);
      if (picture.can("keys")) {
        const found = await get<{ items: ApiKey[]; scopes: string[] }>("/api-keys");
        this.keys = found.items;
        this.scopes = found.scopes;
      }
    });
  }

  protected override render(): TemplateResult {
    return html`<h1>${t("nav.people")}</h1>
      <section class="stack"><p class="soft">${t("people.about")}</p>
        <div class="scroll" tabindex="0" role="region" aria-label=${t("nav.people")}><table data-testid="people"><thead><tr><th>${t("people.name")}</th><th>${t("people.roles")}</th><th>${t("people.last")}</th><th></th></tr></thead>
          <tbody>${this.people.map((person) => this.renderPerson(person))}</tbody></table></div>
        <h2>${t("people.add")}</h2>
        <form class="form" @submit=${this.add}>
          <div><label for="name">${t("people.account")}</label><input id="name" name="name" required pattern="[a-z0-9._\\-]{2,40}" autocomplete="off"></div>
          <div><label for="display">${t("people.name")}</label><input id="display" name="display_name" required maxlength="100" autocomplete="off"></div>
          <div><label for="password">${t("people.password")}</label><input id="password" name="password" type="password" minlength="12" required autocomplete="new-password"></div>
          ${this.renderGrant()}<button class="primary">${t("people.add")}</button></form>
      </section>
      ${this.renderAreas()}
      ${picture.can("keys") ? this.renderKeys() : nothing}`;
  }

  private renderGrant(): TemplateResult {
    return html`<div><label for="role">${t("people.role")}</label><select id="role" name="role">${ROLES.map((role) => html`<option value=${role}>${tCode("role", role)}</option>`)}</select></div>
      <div><label for="area">${t("people.area")}</label><select id="area" name="area"><option value="*">${t("people.everywhere")}</option>${this.areas.map((area) => html`<option value=${area}>${area}</option>`)}</select></div>`;
  }

  private renderPerson(person: Person): TemplateResult {
    const path = `/people/${encodeURIComponent(person.name)}`;
    return html`<tr data-testid="person-row"><td class=${person.disabled ? "off" : ""}>${person.display_name}<br><span class="small soft">${person.name}</span></td>
      <td>${person.grants.map(
        (
          grant,
        ) => html`<div class="row">${tCode("role", grant.role)} · ${grant.area === "*" ? t("people.everywhere") : grant.area}
          <button class="quiet" aria-label=${t("people.revoke")} @click=${() => void this.change(() => del(`${path}/grants${queryString(grant)}`))}>✕</button></div>`,
      )}
        <form class="row" @submit=${(event: SubmitEvent) => this.grant(event, person)}>
          <select name="role" aria-label=${t("people.role")} style="width:auto">${ROLES.map((role) => html`<option value=${role}>${tCode("role", role)}</option>`)}</select>
          <select name="area" aria-label=${t("people.area")} style="width:auto"><option value="*">${t("people.everywhere")}</option>${this.areas.map((area) => html`<option value=${area}>${area}</option>`)}</select>
          <button>${t("people.grant")}</button></form></td>
      <td><alm-when at=${person.created}></alm-when></td>
      <td><div class="row"><button @click=${() => void this.change(() => post(`${path}/${person.disabled ? "enable" : "disable"}`, {}))}>${t(person.disabled ? "people.enable" : "people.disable")}</button>
        <button @click=${() => void this.reset(person)}>${t("people.new-password")}</button></div></td></tr>`;
  }

  private async change(deed: () => Promise<unknown>): Promise<void> {
    await attempt(deed, { text: t("people.changed") });
    await this.fetch();
  }

  private readonly grant = (event: SubmitEvent, person: Person): void => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const grant = { role: form.get("role"), area: form.get("area") };
    void this.change(() => post(`/people/${encodeURIComponent(person.name)}/grants`, grant));
  };

  private async reset(person: Person): Promise<void> {
    const password = await ask({
      title: t("people.new-password-title", { name: person.display_name }),
      detail: t("people.password"),
      label: t("people.new-password"),
      confirm: t("places.save"),
    });
    if (password) await this.change(() => put(`/people/${encodeURIComponent(person.name)}/password`, { password }));
  }

  private readonly add = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const element = event.target as HTMLFormElement;
    const form = new FormData(element);
    const { role, area, ...rest } = Object.fromEntries(form) as Record<string, string>;
    const body = { ...rest, language: picture.session?.person.language ?? "es", grants: [{ role, area }] };
    if (await attempt(() => post("/people", body), { text: t("people.added") })) element.reset();
    await this.fetch();
  };

  private renderAreas(): TemplateResult {
    return html`<section class="stack"><h2>${t("people.areas")}</h2><p class="soft">${t("people.areas-about")}</p>
      <ul>${this.areas.map((name) => html`<li class="row">${name} <button class="quiet" aria-label=${t("places.remove")} @click=${() => void this.removeArea(name)}>✕</button></li>`)}</ul>
      <form class="form" @submit=${this.addArea}><div><label for="area-name">${t("people.area")}</label><input id="area-name" name="name" required maxlength="60"></div>
        <div><label for="area-file">${t("people.area-file")}</label><input id="area-file" name="file" type="file" accept=".geojson,.json" required></div><button>${t("people.area-add")}</button></form></section>`;
  }

  private readonly addArea = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const element = event.target as HTMLFormElement;
    const form = new FormData(element);
    const text = await (form.get("file") as File).text();
    await attempt(() => put(`/areas/${encodeURIComponent(String(form.get("name")))}`, geometryOf(text)), {
      text: t("people.changed"),
    });
    element.reset();
    await this.fetch();
  };

  private async removeArea(name: string): Promise<void> {
    if (!(await confirm({ title: t("places.remove-title", { name }), confirm: t("places.remove") }))) return;
    await attempt(() => del(`/areas/${encodeURIComponent(name)}`), { text: t("people.changed") });
    await this.fetch();
  }

  private renderKeys(): TemplateResult {
    return html`<section class="stack"><h2>${t("people.keys")}</h2><p class="soft">${t("people.keys-about")}</p>
      ${this.secret ? html`<p class="notice" role="status">${t("people.key-once")}<br><span class="mono" data-testid="new-key">${this.secret}</span></p>` : nothing}
      <ul>${this.keys.map(
        (
          key,
        ) => html`<li class="row">${key.label} <span class="small soft">${key.scopes.join(", ")}</span> <alm-when at=${key.expires}></alm-when>
        <button class="quiet" aria-label=${t("people.revoke")} @click=${() => void this.revoke(key)}>✕</button></li>`,
      )}</ul>
      <form class="stack" @submit=${this.makeKey}><div class="form"><div><label for="key-name">${t("people.key-name")}</label><input id="key-name" name="name" required maxlength="60"></div>
        <div><label for="days">${t("people.key-days")}</label><input id="days" name="days" type="number" min="1" max="730" value="365" required></div></div>
        <div class="scopes">${this.scopes.map((scope) => html`<label><input type="checkbox" name="scope" value=${scope} ?checked=${scope === "read"}>${scope}</label>`)}</div>
        <div><button>${t("people.key-make")}</button></div></form></section>`;
  }

  private readonly makeKey = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    await attempt(async () => {
      const made = await post<{ id: string; key: string }>("/api-keys", {
        label: form.get("name"),
        scopes: form.getAll("scope"),
        days: Number(form.get("days")),
      });
      this.secret = made.key;
    });
    await this.fetch();
  };

  private async revoke(key: ApiKey): Promise<void> {
    if (!(await confirm({ title: t("places.remove-title", { name: key.label }), confirm: t("people.revoke") }))) return;
    await attempt(() => del(`/api-keys/${encodeURIComponent(key.id)}`), { text: t("people.changed") });
    await this.fetch();
  }
}

/** The polygons of a GeoJSON text, whatever they are wrapped in; the service says what is wrong with others. */
export function geometryOf(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const shapes = polygons(value);
  return shapes.length ? { type: "MultiPolygon", coordinates: shapes } : null;
}

function polygons(value: unknown): GeoJSON.Position[][][] {
  if (typeof value !== "object" || value === null || !("type" in value)) return [];
  const shape = value as GeoJSON.GeoJSON;
  switch (shape.type) {
    case "FeatureCollection":
      return shape.features.flatMap(polygons);
    case "Feature":
      return polygons(shape.geometry);
    case "GeometryCollection":
      return shape.geometries.flatMap(polygons);
    case "Polygon":
      return [shape.coordinates];
    case "MultiPolygon":
      return shape.coordinates;
    default:
      return [];
  }
}
