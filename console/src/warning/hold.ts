/** `<alm-hold>`: a button that must be held for two seconds, by pointer or key, before it does what it says. */
import { css, html, LitElement, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { t } from "../i18n";
import { base } from "../theme/styles";

export const HOLD_MS = 2_000;

@customElement("alm-hold")
export class Hold extends LitElement {
  static override styles = [
    base,
    css`
      button { position: relative; overflow: hidden; min-height: 2.75rem; width: 100%; font-weight: 650; touch-action: none; user-select: none; }
      .fill { position: absolute; inset: 0; background: var(--select); transform-origin: left; transform: scaleX(var(--held, 0)); opacity: 0.35; }
      .text { position: relative; }
    `,
  ];
  @property() label = "";
  @property({ type: Boolean, reflect: true }) disabled = false;
  @state() private held = 0;
  private since: number | null = null;
  private frame = 0;

  protected override render(): TemplateResult {
    return html`<button type="button" class="primary" ?disabled=${this.disabled} aria-describedby="how" style="--held:${this.held}"
      @pointerdown=${this.press} @pointerup=${this.release} @pointerleave=${this.release} @pointercancel=${this.release}
      @keydown=${this.onKey} @keyup=${this.release} @blur=${this.release} @contextmenu=${(e: Event) => e.preventDefault()}>
      <span class="fill" aria-hidden="true"></span><span class="text">${this.label}</span>
    </button><p class="small soft" id="how">${t("hold.how")}</p>`;
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (!event.repeat) this.press();
  }

  private readonly press = (): void => {
    if (this.disabled || this.since !== null) return;
    this.since = performance.now();
    this.step();
  };

  private step(): void {
    if (this.since === null) return;
    this.held = Math.min(1, (performance.now() - this.since) / HOLD_MS);
    if (this.held >= 1) {
      this.release();
      this.dispatchEvent(new CustomEvent("held", { bubbles: true, composed: true }));
      return;
    }
    this.frame = requestAnimationFrame(() => this.step());
  }

  private readonly release = (): void => {
    cancelAnimationFrame(this.frame);
    this.since = null;
    this.held = 0;
  };
}
