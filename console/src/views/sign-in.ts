/** The door: sign in by password, passkey or the agency's own sign-on; on the first start, the set-up of the first administrator. */
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import * as passkey from "../accounts/passkey";
import { ApiError, get, post } from "../api/client";
import type { Session } from "../api/types";
import { AlmenaraElement } from "../common/element";
import { explain } from "../common/notices";
import { language, setLanguage, t } from "../i18n";
import { enter } from "../live/store";
import { go } from "../shell/router";

@customElement("view-sign-in")
export class SignInView extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: grid; min-height: 100%; place-items: center; padding: 2rem 1rem; }
      .card { width: min(24rem, 100%); padding: 1.75rem; background: var(--panel); border: 1px solid var(--line); border-radius: 10px; display: grid; gap: 1.1rem; }
      form { display: grid; gap: 0.8rem; }
      .languages { justify-content: center; }
      h1 small { display: block; font-size: var(--size-s); color: var(--soft); font-weight: 400; }
      button.primary { min-height: 2.5rem; }
    `,
  ];
  protected override readonly topics = ["session"] as const;
  @state() private setup: boolean | null = null;
  @state() private oidc: { enabled: boolean; title: string | null } | null = null;
  @state() private fault = "";
  @state() private busy = false;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.look();
  }

  private async look(): Promise<void> {
    // Not a deed: who has typed a name already may press Enter before all of this is known.
    await this.explained(async () => {
      this.setup = (await get<{ needed: boolean }>("/setup")).needed;
      this.oidc = await get<{ enabled: boolean; title: string | null }>("/oidc").catch(() => null);
    });
  }

  protected override render(): TemplateResult {
    return html`<main class="card" id="main">
      <h1>Almenara<small>${t(this.setup ? "setup.title" : "sign-in.title")}</small></h1>
      ${this.fault ? html`<p class="notice fault" role="alert">${this.fault}</p>` : nothing}
      ${this.setup === null ? nothing : this.setup ? this.renderSetup() : this.renderSignIn()}
      <div class="row languages">${(["es", "en"] as const).map(
        (each) =>
          html`<button type="button" class="quiet" aria-pressed=${each === language()} lang=${each} @click=${() => void setLanguage(each, true)}>${t(`language.${each}`)}</button>`,
      )}</div>
    </main>`;
  }

  private renderSignIn(): TemplateResult {
    return html`<form @submit=${this.signIn} data-testid="sign-in">
        <div><label for="name">${t("people.account")}</label><input id="name" name="name" autocomplete="username webauthn" required autofocus autocapitalize="none" spellcheck="false"></div>
        <div><label for="password">${t("sign-in.password")}</label><input id="password" name="password" type="password" autocomplete="current-password" required></div>
        <button class="primary" ?disabled=${this.busy}>${t("sign-in.do")}</button></form>
      ${passkey.available() ? html`<button @click=${this.byPasskey} ?disabled=${this.busy}>${t("sign-in.passkey")}</button>` : nothing}
      ${this.oidc?.enabled ? html`<a class="button" href="/api/v1/oidc/sign-in">${t("sign-in.oidc", { name: this.oidc.title ?? "" })}</a>` : nothing}`;
  }

  private renderSetup(): TemplateResult {
    return html`<p class="soft">${t("setup.about")}</p>
      <form @submit=${this.setUp} data-testid="setup">
        <div><label for="code">${t("setup.code")}</label><input id="code" name="code" required autocomplete="one-time-code" autofocus autocapitalize="none" spellcheck="false"></div>
        <div><label for="name">${t("people.account")}</label><input id="name" name="name" required pattern="[a-z0-9._\\-]{2,40}" autocomplete="username" autocapitalize="none"></div>
        <div><label for="display_name">${t("people.name")}</label><input id="display_name" name="display_name" required maxlength="100" autocomplete="name"></div>
        <div><label for="password">${t("people.password")}</label><input id="password" name="password" type="password" minlength="12" required autocomplete="new-password"></div>
        <button class="primary" ?disabled=${this.busy}>${t("setup.do")}</button></form>`;
  }

  private readonly signIn = (event: SubmitEvent): Promise<void> => this.send(event, "/session");

  private readonly setUp = (event: SubmitEvent): Promise<void> => this.send(event, "/setup");

  private async send(event: SubmitEvent, path: string): Promise<void> {
    event.preventDefault();
    const body = Object.fromEntries(new FormData(event.target as HTMLFormElement));
    await this.tell(async () => this.welcome(await post<Session>(path, body)));
  }

  private readonly byPasskey = (): Promise<void> =>
    this.tell(async () => {
      const { ticket, options } = await post<passkey.Begun>("/session/passkey/options", {});
      this.welcome(await post<Session>("/session/passkey", { ticket, credential: await passkey.use(options) }));
    });

  /** One deed at a time: the buttons wait for it. */
  private async tell(deed: () => Promise<void>): Promise<void> {
    this.busy = true;
    await this.explained(deed);
    this.busy = false;
  }

  private async explained(deed: () => Promise<void>): Promise<void> {
    this.fault = "";
    try {
      await deed();
    } catch (error) {
      if (error instanceof ApiError) this.fault = error.status === 401 ? t("sign-in.refused") : explain(error);
      else if (error instanceof DOMException) this.fault = t("sign-in.passkey-failed");
      else throw error;
    }
  }

  private welcome(session: Session): void {
    if (location.hash.startsWith("#/sign-in")) go("#/");
    enter(session);
  }
}
