/** `<alm-when at="…">`: a moment, local with UTC on hover; with `age`, how long ago it was, kept up to date. */
import { html, LitElement, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { moment, utc, zone } from "../format/time";
import { ago } from "../format/units";
import { localeChanges } from "../i18n";
import { picture } from "../live/store";

const TICK_MS = 15_000;
const SLACK_MS = 20_000;
const shown = new Set<AlmWhen>();
setInterval(() => {
  for (const each of shown) each.requestUpdate();
}, TICK_MS);
localeChanges.addEventListener("change", () => {
  for (const each of shown) each.requestUpdate();
});

@customElement("alm-when")
export class AlmWhen extends LitElement {
  @property() at: string | null = null;
  @property({ type: Boolean }) age = false;

  override connectedCallback(): void {
    super.connectedCallback();
    shown.add(this);
  }

  override disconnectedCallback(): void {
    shown.delete(this);
    super.disconnectedCallback();
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override render(): TemplateResult {
    const ms = this.at ? Date.parse(this.at) : Number.NaN;
    if (Number.isNaN(ms)) return html`–`;
    const timezone = picture.mode?.timezone ?? "UTC";
    const local = moment(ms, timezone, picture.now());
    const title = this.age ? `${local} ${zone(ms, timezone)} · ${utc(ms)}` : `${zone(ms, timezone)} · ${utc(ms)}`;
    return html`<time datetime=${this.at ?? ""} title=${title}>${this.age ? ago(settled(ms), picture.now()) : local}</time>`;
  }
}

/** What has just happened may lie ahead of a clock that is told every 10 s: it happened now, not in a moment. */
function settled(ms: number): number {
  const now = picture.now();
  const slack = SLACK_MS * (picture.mode?.drill?.speed ?? 1);
  return ms > now && ms - now < slack ? now : ms;
}
