/** `/`: search places, hazards, incidents, warnings and views by what they are called; arrows and Enter lead there. */

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { ApiError, get } from "../api/client";
import type { Page, PlaceRef } from "../api/types";
import { AlmenaraElement } from "../common/element";
import { distance, people } from "../format/units";
import { heading } from "../hazard/statement";
import { language, t, tCode } from "../i18n";
import { picture } from "../live/store";
import { focus } from "../map/focus";
import { routes } from "../routes";
import { type Icon, icon } from "../theme/icons";
import { go, link } from "./router";
import { plain } from "./words";

export interface Found {
  icon: Icon;
  text: string;
  detail: string;
  open(): void;
}

const EACH_MAX = 5;
const PAUSE_MS = 180;

@customElement("alm-search")
export class Search extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      dialog { width: min(38rem, calc(100vw - 2rem)); margin-top: 12vh; border: 1px solid var(--line-strong); border-radius: 10px; padding: 0; background: var(--panel); color: var(--text); box-shadow: var(--shadow); }
      dialog::backdrop { background: #0008; }
      .field { display: flex; align-items: center; gap: 0.7rem; padding: 0.7rem 1rem; border-bottom: 1px solid var(--line); color: var(--soft); }
      input[type="text"] { border: 0 !important; background: transparent !important; font-size: 1.1rem; color: var(--text); outline: none; padding: 0 !important; }
      ul { max-height: 50vh; overflow: auto; padding: 0.35rem; }
      li { display: flex; align-items: center; gap: 0.7rem; padding: 0.45rem 0.65rem; border-radius: var(--radius); cursor: pointer; }
      li svg { color: var(--soft); flex: none; }
      li[aria-selected="true"] { background: var(--select-ground); }
      li .soft { margin-left: auto; font-size: var(--size-s); text-align: right; }
      p { padding: 0.8rem 1rem; }
    `,
  ];
  @state() private found: Found[] = [];
  @state() private at = 0;
  @state() private asked = "";
  @query("dialog") private readonly dialog!: HTMLDialogElement;
  private running: AbortController | null = null;
  private waiting: ReturnType<typeof setTimeout> | undefined;

  protected override firstUpdated(): void {
    this.dialog.showModal();
  }

  protected override render(): TemplateResult {
    return html`<dialog aria-label=${t("key.search")} @close=${() => this.remove()}>
      <div class="field">${icon("search", 18)}
        <input type="text" role="combobox" aria-expanded=${this.found.length > 0} aria-controls="found" aria-autocomplete="list" autocomplete="off" spellcheck="false"
          aria-activedescendant=${this.found.length ? `found-${this.at}` : nothing} aria-label=${t("key.search")} placeholder=${t("search.hint")} autofocus @input=${this.typed} @keydown=${this.key} /></div>
      ${
        this.found.length
          ? html`<ul id="found" role="listbox" aria-label=${t("search.found")}>${this.found.map(
              (each, i) =>
                html`<li id="found-${i}" role="option" aria-selected=${i === this.at} @click=${() => this.open(i)}>${icon(each.icon)}<span>${each.text}</span><span class="soft">${each.detail}</span></li>`,
            )}</ul>`
          : html`<p class="soft" role="status">${this.asked ? t("search.none") : t("search.what")}</p>`
      }
    </dialog>`;
  }

  private typed(event: Event): void {
    this.asked = (event.target as HTMLInputElement).value.trim();
    this.at = 0;
    this.found = this.asked ? findLocal(this.asked) : [];
    clearTimeout(this.waiting);
    this.running?.abort();
    if (this.asked.length >= 2) this.waiting = setTimeout(() => void this.findPlaces(this.asked), PAUSE_MS);
  }

  private async findPlaces(asked: string): Promise<void> {
    this.running = new AbortController();
    try {
      const answer = await get<Page<PlaceRef>>("/places", { q: asked, limit: EACH_MAX }, this.running.signal);
      if (asked === this.asked) this.found = [...findLocal(asked), ...answer.items.map(placeFound)];
    } catch (error) {
      if (!(error instanceof ApiError) && !(error instanceof DOMException)) throw error;
    }
  }

  private key(event: KeyboardEvent): void {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) this.at = Math.max(0, Math.min(this.found.length - 1, this.at + step));
    else if (event.key === "Enter") this.open(this.at);
    else return;
    event.preventDefault();
    void this.updateComplete.then(() =>
      this.renderRoot.querySelector("[aria-selected='true']")?.scrollIntoView({ block: "nearest" }),
    );
  }

  private open(i: number): void {
    const chosen = this.found[i];
    if (!chosen) return;
    this.dialog.close();
    chosen.open();
  }
}

function placeFound(place: PlaceRef): Found {
  return {
    icon: "place",
    text: place.name,
    detail: [tCode("place", place.kind), place.admin ?? "", place.population ? people(place.population) : ""]
      .filter(Boolean)
      .join(" · "),
    open: () => {
      go("#/");
      focus.look([place.lon, place.lat]);
    },
  };
}

/** What this console knows by itself, in the order of the queue's care: hazards, incidents, warnings, views. */
export function findLocal(asked: string): Found[] {
  const fits = (...texts: (string | null | undefined)[]): boolean =>
    texts.some((text) => text && plain(text).includes(plain(asked)));
  const found: Found[] = [];
  const take = (all: Found[]): void => {
    found.push(...all.slice(0, EACH_MAX));
  };
  take(
    [...picture.hazards.values()]
      .filter((hazard) => fits(heading(hazard), hazard.label, hazard.exposed.nearest?.name, hazard.id))
      .map((hazard) => ({
        icon: hazard.kind,
        text: heading(hazard),
        detail: hazard.exposed.nearest
          ? `${distance(hazard.exposed.nearest.distance_m)} · ${hazard.exposed.nearest.name}`
          : tCode("hazard-state", hazard.state),
        open: () => go(link("hazards", hazard.id)),
      })),
  );
  take(
    [...picture.incidents.values()]
      .filter((incident) => incident.status === "open" && fits(incident.label, incident.id))
      .map((incident) => ({
        icon: "bell",
        text: t("incident.heading", { kind: tCode("kind", incident.kind), label: incident.label }),
        detail: t("incident.priority", { priority: incident.priority }),
        open: () => go(link("incidents", incident.id)),
      })),
  );
  take(
    [...picture.warnings.values()]
      .filter((warning) => fits(...Object.values(warning.headline), warning.identifier))
      .map((warning) => ({
        icon: "warning",
        text: warning.headline[language()] ?? Object.values(warning.headline)[0] ?? warning.identifier,
        detail: tCode("warning-state", warning.state),
        open: () => go(link("warnings", warning.identifier)),
      })),
  );
  take(
    routes
      .filter((route) => route.nav && picture.can(route.nav.action) && fits(t(route.title)))
      .map((route) => ({
        icon: "menu",
        text: t(route.title),
        detail: `g ${route.nav?.key}`,
        open: () => go(`#${route.path}`),
      })),
  );
  return found;
}

export function showSearch(): void {
  if (!document.querySelector("alm-search")) document.body.append(document.createElement("alm-search"));
}
