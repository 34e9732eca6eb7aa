/** The status strip: mode, clock, the feeds' health in words, connection, the ways to go, the person and how they like to see. */
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { del } from "../api/client";
import { AlmenaraElement } from "../common/element";
import { clock, day, utc, zone } from "../format/time";
import { language, setLanguage, t, tCode } from "../i18n";
import { leave, picture } from "../live/store";
import { routes } from "../routes";
import { icon } from "../theme/icons";
import { type MapMode, prefer, preferenceChanges, preferences, type Theme } from "./preferences";
import { match } from "./router";

@customElement("alm-strip")
export class Strip extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      header { display: flex; align-items: center; gap: 0.5rem 1.1rem; min-height: 2.9rem; padding: 0.25rem 0.9rem; background: var(--panel); border-bottom: 1px solid var(--line); flex-wrap: wrap; }
      .name { font-weight: 650; letter-spacing: 0.01em; }
      .mode { padding: 0.05rem 0.55rem; border: 1px solid var(--line-strong); border-radius: 4px; font-size: var(--size-s); font-weight: 700; letter-spacing: 0.06em; text-transform: uppercase; }
      .mode.Exercise { color: var(--exercise); border-color: currentColor; background: var(--exercise-ground); }
      .mode.Test { color: var(--test); border-color: currentColor; background: var(--test-ground); }
      .clock { white-space: nowrap; }
      .clock b { font-weight: 600; font-size: 1.06rem; }
      .health { color: var(--soft); text-decoration: none; white-space: nowrap; }
      .health.bad { color: var(--text); font-weight: 600; text-decoration: underline; }
      nav { display: flex; gap: 0.15rem; margin-left: auto; }
      nav a { padding: 0.25rem 0.6rem; border-radius: var(--radius); color: var(--soft); text-decoration: none; }
      nav a:hover { background: var(--pressed); color: var(--text); }
      nav a[aria-current] { background: var(--select-ground); color: var(--select); font-weight: 600; }
      .person { position: relative; }
      .menu { position: absolute; right: 0; top: calc(100% + 0.4rem); z-index: 20; width: 17rem; padding: 0.9rem; background: var(--panel); border: 1px solid var(--line-strong); border-radius: 8px; box-shadow: var(--shadow); }
      .menu fieldset { border: 0; margin: 0; padding: 0; }
      .menu legend { padding: 0; font-size: var(--size-s); color: var(--soft); }
      .choice { display: flex; gap: 0.25rem; margin-top: 0.2rem; }
      .choice button { flex: 1; padding: 0.15rem 0.3rem; font-size: var(--size-s); }
      .skip { position: absolute; left: -100vw; }
      .skip:focus { left: 1rem; top: 0.5rem; z-index: 40; background: var(--panel); padding: 0.4rem 0.8rem; }
      @media (max-width: 1400px) { .person > button .soft { display: none; } }
      @media (max-width: 1000px) { nav { order: 5; margin: 0; width: 100%; overflow-x: auto; } .person { margin-left: auto; } }
    `,
  ];
  @state() private open = false;
  @query(".person > button") private readonly opener!: HTMLButtonElement;
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly onChange = (): void => this.requestUpdate();
  private readonly onOutside = (event: Event): void => {
    if (this.open && !event.composedPath().includes(this)) this.open = false;
  };

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = setInterval(this.onChange, 1_000);
    window.addEventListener("hashchange", this.onChange);
    window.addEventListener("pointerdown", this.onOutside);
    preferenceChanges.addEventListener("change", this.onChange);
  }

  override disconnectedCallback(): void {
    clearInterval(this.timer);
    window.removeEventListener("hashchange", this.onChange);
    window.removeEventListener("pointerdown", this.onOutside);
    preferenceChanges.removeEventListener("change", this.onChange);
    super.disconnectedCallback();
  }

  protected override render(): TemplateResult {
    const mode = picture.mode;
    const timezone = mode?.timezone ?? "UTC";
    const now = picture.now();
    const status = mode?.status ?? "Actual";
    const speed = mode?.drill?.speed;
    const health = feedsInWords();
    return html`<header>
      <button class="skip" @click=${this.skip}>${t("shell.skip")}</button>
      <span class="name">Almenara</span>
      <span class="mode ${status}" data-testid="mode">${t(`mode.${status}`)}</span>
      <span class="clock" title=${utc(now)}>${day(now, timezone)} <b data-testid="clock">${clock(now, timezone, true)}</b> <span class="soft small">${zone(now, timezone)}${speed && speed !== 1 ? ` · ×${speed}` : ""}</span></span>
      <a class="health ${health.bad ? "bad" : ""}" href="#/health" data-testid="feeds">${health.text}</a>
      <span class="small ${picture.connection === "live" ? "soft" : ""}" data-testid="connection" data-state=${picture.connection}>${t(`connection.${picture.connection}`)}</span>
      ${this.renderNav()}
      ${this.renderPerson()}
    </header>`;
  }

  private renderNav(): TemplateResult {
    const here = match(routes, location.hash)?.route.path;
    return html`<nav aria-label=${t("nav.name")}>
      ${routes
        .filter((route) => route.nav && picture.can(route.nav.action))
        .map(
          (route) =>
            html`<a href="#${route.path}" aria-current=${route.path === here ? "page" : nothing} title="g ${route.nav?.key}">${t(route.title)}</a>`,
        )}
    </nav>`;
  }

  private renderPerson(): TemplateResult {
    const person = picture.session?.person;
    const roles = [...new Set(person?.grants.map((grant) => tCode("role", grant.role)))].join(", ");
    return html`<div class="person">
      <button class="quiet" aria-expanded=${this.open} aria-haspopup="true" data-testid="person" @click=${() => (this.open = !this.open)}>
        <span>${person?.display_name ?? ""} <span class="soft small">${roles}</span></span>${icon("menu")}
      </button>
      ${this.open ? this.renderMenu() : ""}
    </div>`;
  }

  private renderMenu(): TemplateResult {
    return html`<div class="menu stack" @keydown=${this.closeByEscape}>
      ${choice(
        "menu.language",
        ["es", "en"] as const,
        language(),
        (l) => `language.${l}` as const,
        (l) => void setLanguage(l, true),
      )}
      ${choice(
        "menu.theme",
        ["auto", "dark", "light"] as const,
        preferences.theme,
        (x: Theme) => `theme.${x}` as const,
        (theme) => prefer({ theme }),
      )}
      ${choice(
        "menu.map",
        ["auto", "canvas", "off"] as const,
        preferences.map,
        (x: MapMode) => `map.mode.${x}` as const,
        (map) => prefer({ map }),
      )}
      ${choice(
        "menu.sound",
        ["on", "off"] as const,
        preferences.sound ? "on" : "off",
        (x) => `sound.${x}` as const,
        (x) => prefer({ sound: x === "on" }),
      )}
      <a class="button" href="#/me" @click=${() => (this.open = false)}>${t("menu.account")}</a>
      <button @click=${this.signOut} data-testid="sign-out">${t("menu.sign-out")}</button>
      <p class="small soft">Almenara ${picture.session?.version ?? ""}</p>
    </div>`;
  }

  private closeByEscape(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.open = false;
    this.opener.focus();
  }

  private skip(): void {
    const root = this.getRootNode() as ShadowRoot;
    root.querySelector<HTMLElement>("#main")?.focus();
  }

  private async signOut(): Promise<void> {
    await del("/session");
    leave();
  }
}

function choice<T extends string>(
  name: Parameters<typeof t>[0],
  values: readonly T[],
  chosen: T,
  label: (value: T) => Parameters<typeof t>[0],
  choose: (value: T) => void,
): TemplateResult {
  return html`<fieldset><legend>${t(name)}</legend><div class="choice">
    ${values.map((value) => html`<button type="button" aria-pressed=${value === chosen} @click=${() => choose(value)}>${t(label(value))}</button>`)}
  </div></fieldset>`;
}

/** The feeds in one phrase: how many are heard, or which one is not. "No data" is never said as "no fire". */
export function feedsInWords(): { text: string; bad: boolean } {
  const sources = [...picture.sources.values()];
  const bad = sources.filter((source) => source.state !== "heard");
  if (!sources.length) return { text: t("feeds.none"), bad: true };
  const [first] = bad;
  if (!first) return { text: t("feeds.all", { n: sources.length }), bad: false };
  if (bad.length === 1)
    return {
      text: t("feeds.one-bad", { name: first.name, state: tCode("source-state", first.state) }),
      bad: true,
    };
  return { text: t("feeds.bad", { n: bad.length, all: sources.length }), bad: true };
}
