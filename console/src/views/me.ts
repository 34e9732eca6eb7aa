/** One's own account: password, passkeys, and signing out everywhere. */
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import * as passkey from "../accounts/passkey";
import { del, get, post } from "../api/client";
import { ask, confirm } from "../common/dialog";
import { AlmenaraElement } from "../common/element";
import { attempt, say } from "../common/notices";
import { t, tCode } from "../i18n";
import { leave, picture } from "../live/store";

interface Passkey {
  id: string;
  label: string;
  created: string;
}

@customElement("view-me")
export class MeView extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: grid; gap: 1.5rem; align-content: start; max-width: 40rem; }
      form { display: grid; gap: 0.7rem; max-width: 22rem; }
    `,
  ];
  protected override readonly topics = ["session"] as const;
  @state() private passkeys: Passkey[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    void this.fetch();
  }

  private async fetch(): Promise<void> {
    await attempt(async () => {
      this.passkeys = (await get<{ items: Passkey[] }>("/passkeys")).items;
    });
  }

  protected override render(): TemplateResult {
    const person = picture.session?.person;
    return html`<div><h1>${person?.display_name ?? ""}</h1><p class="soft">${person?.name} · ${person?.grants
      .map((grant) => `${tCode("role", grant.role)} (${grant.area === "*" ? t("people.everywhere") : grant.area})`)
      .join(", ")}</p></div>
      <section class="stack"><h2>${t("me.password")}</h2><form @submit=${this.change}>
        <div><label for="current">${t("me.old")}</label><input id="current" name="current" type="password" required autocomplete="current-password"></div>
        <div><label for="new">${t("people.password")}</label><input id="new" name="new" type="password" required minlength="12" autocomplete="new-password"></div>
        <div><button class="primary">${t("me.change")}</button></div></form></section>
      <section class="stack"><h2>${t("me.passkeys")}</h2><p class="soft">${t("me.passkeys-about")}</p>
        <ul class="stack">${this.passkeys.map(
          (
            key,
          ) => html`<li class="row"><b>${key.label}</b> <span class="small soft"><alm-when at=${key.created}></alm-when></span>
          <button class="quiet" aria-label=${t("places.remove")} @click=${() => void this.drop(key)}>✕</button></li>`,
        )}</ul>
        ${passkey.available() ? html`<div><button @click=${this.add} data-testid="add-passkey">${t("me.add-passkey")}</button></div>` : nothing}</section>
      <section><button @click=${this.leaveAll}>${t("me.sign-out-all")}</button></section>`;
  }

  private readonly change = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const element = event.target as HTMLFormElement;
    const body = Object.fromEntries(new FormData(element));
    if (await attempt(() => post("/session/password", body), { text: t("me.changed") })) element.reset();
  };

  private readonly add = async (): Promise<void> => {
    const label = await ask({ title: t("me.add-passkey"), label: t("me.passkey-name"), confirm: t("me.add-passkey") });
    if (!label) return;
    try {
      await attempt(
        async () => {
          const { ticket, options } = await post<passkey.Begun>("/passkeys/options", {});
          await post("/passkeys", { label, ticket, credential: await passkey.create(options) });
        },
        { text: t("me.passkey-added") },
      );
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      say({ text: t("sign-in.passkey-failed"), fault: true });
    }
    await this.fetch();
  };

  private async drop(key: Passkey): Promise<void> {
    if (!(await confirm({ title: t("places.remove-title", { name: key.label }), confirm: t("places.remove") }))) return;
    await attempt(() => del(`/passkeys/${encodeURIComponent(key.id)}`), { text: t("people.changed") });
    await this.fetch();
  }

  private readonly leaveAll = async (): Promise<void> => {
    if (await attempt(() => del("/session?everywhere=true"))) leave();
  };
}
