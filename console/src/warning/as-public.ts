/** `<alm-as-public>`: the message as the public will have it, on a page, in a short message, and spoken of by numbers; by language. */
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { WarningDetail, WarningInfo } from "../api/types";
import { language, localeChanges, t, tCode } from "../i18n";
import { severityIcon } from "../theme/icons";
import { base } from "../theme/styles";

@customElement("alm-as-public")
export class AsPublic extends LitElement {
  static override styles = [
    base,
    css`
      .tabs { display: flex; gap: 0.25rem; flex-wrap: wrap; margin-bottom: 0.5rem; }
      .page { padding: 1rem; border: 1px solid var(--line-strong); border-radius: 10px; background: #fff; color: #14191e; font-size: 1rem; display: grid; gap: 0.6rem; }
      .page h2 { font-size: 1.25rem; }
      .page .severity { color: #14191e; }
      .page p { white-space: pre-line; }
      .phone { width: 17rem; max-width: 100%; padding: 0.8rem; border: 1px solid var(--line-strong); border-radius: 18px; background: var(--raised); }
      .bubble { padding: 0.6rem 0.8rem; border-radius: 12px; background: var(--panel); white-space: pre-line; overflow-wrap: anywhere; }
      .mode { font-weight: 700; letter-spacing: 0.08em; }
    `,
  ];
  @property({ attribute: false }) warning: WarningDetail | null = null;
  @state() private chosen = "";
  @state() private form: "page" | "sms" = "page";
  private readonly redraw = (): void => this.requestUpdate();

  override connectedCallback(): void {
    super.connectedCallback();
    localeChanges.addEventListener("change", this.redraw);
  }

  override disconnectedCallback(): void {
    localeChanges.removeEventListener("change", this.redraw);
    super.disconnectedCallback();
  }

  protected override render(): TemplateResult {
    const infos = this.warning?.info ?? [];
    const info =
      infos.find((each) => each.language === this.chosen) ??
      infos.find((each) => each.language.startsWith(language())) ??
      infos[0];
    if (!this.warning || !info) return html`<p class="soft">${t("public.none")}</p>`;
    return html`<div class="tabs">
        ${infos.map((each) => html`<button type="button" aria-pressed=${each === info} @click=${() => (this.chosen = each.language)}>${each.language}</button>`)}
        <span aria-hidden="true"> </span>
        ${(["page", "sms"] as const).map((form) => html`<button type="button" aria-pressed=${form === this.form} @click=${() => (this.form = form)}>${t(`public.${form}`)}</button>`)}
      </div>
      ${this.form === "page" ? page(this.warning, info) : sms(info)}`;
  }
}

function page(warning: WarningDetail, info: WarningInfo): TemplateResult {
  return html`<article class="page" lang=${info.language} data-testid="as-public">
    <p class="severity ${warning.severity}">${severityIcon(warning.severity, 20)} ${tCode("severity", warning.severity)}</p>
    <h2>${info.headline}</h2>
    <p><b>${info.area_desc}</b></p>
    <p>${info.description}</p>
    <p>${info.instruction}</p>
    ${info.contact ? html`<p>${info.contact}</p>` : nothing}
    ${warning.expires ? html`<p>${t("public.until")} <alm-when at=${warning.expires}></alm-when></p>` : nothing}
  </article>`;
}

function sms(info: WarningInfo): TemplateResult {
  const { text, segments, encoding } = info.sms;
  return html`<div class="phone" data-testid="as-sms"><div class="bubble" lang=${info.language}>${text}</div>
    <p class="small soft">${t("public.segments", { n: segments })} · ${encoding} · ${t("public.characters", { n: [...text].length })}</p></div>`;
}
