/** The window: mode's frame, status strip, decision queue, map or page, drawer, time bar; and who is let in. */
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { html as staticHtml, unsafeStatic } from "lit/static-html.js";
import type { Status } from "../api/types";
import "../common/notices";
import "../common/when";
import { AlmenaraElement } from "../common/element";
import { clock } from "../format/time";
import { preferredLanguage, setLanguage, t } from "../i18n";
import { begin, picture } from "../live/store";
import "../map/map";
import "../map/time-bar";
import "../queue/alarm";
import "../queue/queue";
import { routes } from "../routes";
import { showHelp } from "./help";
import { Keys } from "./keys";
import "./mode-frame";
import { go, type Location, match } from "./router";
import { showSearch } from "./search";
import "./strip";

@customElement("almenara-console")
export class Console extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: block; height: 100%; }
      .window { height: 100%; display: grid; grid-template-rows: auto auto minmax(0, 1fr); background: var(--ground); }
      .desk { display: grid; min-height: 0; grid-template: minmax(0, 1fr) auto / 21rem minmax(0, 1fr);
        grid-template-areas: "queue centre" "queue time"; }
      .desk.with-drawer { grid-template-columns: 21rem minmax(0, 1fr) 26rem; grid-template-areas: "queue centre drawer" "queue time drawer"; }
      .desk.with-page { grid-template-areas: "queue centre" "queue centre"; }
      alm-queue { grid-area: queue; min-height: 0; border-right: 1px solid var(--line); }
      .centre { grid-area: centre; min-height: 0; min-width: 0; position: relative; overflow: hidden; background: var(--sea); }
      .page { overflow: auto; background: var(--ground); padding: 1.25rem 1.5rem; }
      alm-map { position: absolute; inset: 0; }
      alm-time-bar { grid-area: time; border-top: 1px solid var(--line); }
      .drawer { grid-area: drawer; min-height: 0; overflow: auto; background: var(--panel); border-left: 1px solid var(--line); }
      .whole { height: 100%; overflow: auto; }
      .starting { display: grid; place-content: center; height: 100%; color: var(--soft); }
      @media (max-width: 1100px) {
        .desk { grid-template-columns: 17rem minmax(0, 1fr); }
        .desk.with-drawer { grid-template: minmax(0, 2fr) minmax(0, 3fr) / 17rem minmax(0, 1fr); grid-template-areas: "queue centre" "queue drawer"; }
        .with-drawer alm-time-bar { display: none; }
        .drawer { z-index: 5; margin-top: -12px; border: 0; border-top: 1px solid var(--line-strong); border-radius: 12px 12px 0 0; box-shadow: var(--shadow); }
      }
      @media (max-width: 640px) {
        .desk { grid-template: minmax(0, 1fr) minmax(0, 1fr) auto / minmax(0, 1fr); grid-template-areas: "centre" "queue" "time"; }
        .desk.with-drawer { grid-template: minmax(0, 1fr) minmax(0, 2fr) / minmax(0, 1fr); grid-template-areas: "centre" "drawer"; }
        .desk.with-page { grid-template: minmax(0, 1fr) / minmax(0, 1fr); grid-template-areas: "centre"; }
        .with-page alm-queue, .with-drawer alm-queue { display: none; }
      }
      @media print {
        .window, .desk { display: block; height: auto; }
        alm-strip, alm-alarm, alm-queue, alm-time-bar, alm-map { display: none; }
        .page, .drawer, .centre { overflow: visible; position: static; height: auto; border: 0; background: #fff; }
      }
    `,
  ];
  @state() private where: Location | null = null;
  @state() private missing: "starting" | "sign-in" | "setup" | null = "starting";

  constructor() {
    super();
    new Keys(this, [
      { key: "/", label: "key.search", group: "keys.general", run: showSearch },
      { key: "?", label: "key.help", group: "keys.general", run: showHelp },
      { key: "Escape", label: "key.back", group: "keys.general", run: () => go("#/") },
      ...routes.flatMap((route) => {
        const nav = route.nav;
        if (!nav) return [];
        return [
          {
            key: `g ${nav.key}`,
            label: route.title,
            group: "keys.go" as const,
            run: () => go(`#${route.path}`),
            when: () => picture.can(nav.action),
          },
        ];
      }),
    ]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("hashchange", this.navigate);
    this.navigate();
    void this.start();
  }

  override disconnectedCallback(): void {
    window.removeEventListener("hashchange", this.navigate);
    super.disconnectedCallback();
  }

  private readonly navigate = (): void => {
    const found = match(routes, location.hash) ?? match(routes, "#/");
    if (!found) return;
    void found.route.load().then(() => {
      this.where = found;
    });
  };

  private async start(): Promise<void> {
    const session = await begin();
    if (session) await setLanguage(preferredLanguage(session.person.language));
    this.missing = null;
  }

  protected override updated(_: PropertyValues): void {
    document.title = title(
      picture.mode?.status ?? null,
      this.where,
      picture.queue.filter((c) => c.alarm && !c.acknowledged).length,
    );
  }

  protected override render(): TemplateResult {
    if (this.missing === "starting" || !this.where)
      return html`<p class="starting" role="status">${t("shell.starting")}</p>`;
    const { route } = this.where;
    if (!picture.session && route.placement !== "whole") return this.renderDoor();
    if (route.placement === "whole")
      return html`<alm-mode-frame><div class="whole">${this.renderView()}</div></alm-mode-frame><alm-notices></alm-notices>`;
    const page = route.placement === "page";
    const drawer = route.placement === "drawer";
    return html`<alm-mode-frame>
      <div class="window">
        <alm-strip></alm-strip>
        <div>${this.renderLost()}<alm-alarm></alm-alarm></div>
        <div class="desk ${drawer ? "with-drawer" : ""} ${page ? "with-page" : ""}">
          <alm-queue role="region" aria-label=${t("queue.title")}></alm-queue>
          ${
            page
              ? html`<main class="centre page" id="main" tabindex="-1">${this.renderView()}</main>`
              : html`<main class="centre" id="main" tabindex="-1" aria-label=${t("map.name")}><alm-map></alm-map>${route.placement === "map" ? this.renderView() : nothing}</main>
                <alm-time-bar role="region" aria-label=${t("time.slider")}></alm-time-bar>
                ${drawer ? html`<aside class="drawer" aria-label=${t(route.title)} tabindex="-1">${this.renderView()}</aside>` : nothing}`
          }
        </div>
      </div>
    </alm-mode-frame><alm-notices></alm-notices>`;
  }

  private renderView(): TemplateResult {
    if (!this.where) return html``;
    const { route, params, query } = this.where;
    return staticHtml`<${unsafeStatic(route.tag)} .params=${params} .query=${query}></${unsafeStatic(route.tag)}>` as TemplateResult;
  }

  /** Nobody is signed in: sign-in, or set-up, as the routes have them. */
  private renderDoor(): TemplateResult {
    if (picture.stale) return html`<p class="starting" role="alert">${t("shell.no-answer")}</p>`;
    const door = routes.find((route) => route.path === "/sign-in");
    if (door) {
      void door.load();
      return html`<alm-mode-frame><div class="whole">${staticHtml`<${unsafeStatic(door.tag)}></${unsafeStatic(door.tag)}>`}</div></alm-mode-frame>`;
    }
    return html`<p class="starting">${t("shell.signed-out")}</p>`;
  }

  private renderLost(): TemplateResult | typeof nothing {
    if (!picture.stale || picture.lostSince === null) return nothing;
    const since = clock(picture.lostSince, picture.mode?.timezone ?? "UTC", true);
    return html`<div class="notice fault" role="alert" data-testid="connection-lost">${t("shell.lost", { since })}</div>`;
  }
}

/** "EXERCISE · (2) Warnings · Almenara" */
export function title(status: Status | null, where: Location | null, alarms: number): string {
  const mode = status && status !== "Actual" ? `${t(`mode.${status}`).toUpperCase()} · ` : "";
  return `${mode}${alarms ? `(${alarms}) ` : ""}${where ? `${t(where.route.title)} · ` : ""}Almenara`;
}
