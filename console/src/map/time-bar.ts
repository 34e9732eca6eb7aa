/** The time bar: the last 72 hours with what began in them, play, and jump to now. */
import { css, html, svg, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { AlmenaraElement } from "../common/element";
import { clock, day, moment, zone } from "../format/time";
import { t } from "../i18n";
import { picture } from "../live/store";
import { Keys } from "../shell/keys";
import { icon } from "../theme/icons";
import { SPAN_MS, timeline } from "./timeline";

const HOUR_MS = 3_600_000;
const STEP_MS = 10 * 60_000;
const BINS = 72;

@customElement("alm-time-bar")
export class TimeBar extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: flex; align-items: center; gap: 0.6rem; padding: 0.35rem 0.9rem 0.4rem; background: var(--panel); }
      .play { width: 2.25rem; padding: 0; }
      .track { flex: 1; min-width: 0; position: relative; height: 2.9rem; }
      svg.marks { position: absolute; inset: 0; width: 100%; height: 1.4rem; color: var(--soft); }
      .days { position: absolute; left: 0; right: 0; bottom: 0; height: 1rem; font-size: 0.6875rem; color: var(--soft); }
      .days span { position: absolute; padding-left: 0.3rem; border-left: 1px solid var(--line-strong); white-space: nowrap; line-height: 1; }
      input { position: absolute; left: 0; right: 0; top: 0.9rem; margin: 0; height: 1.2rem; }
      output { min-width: 8.2rem; text-align: right; white-space: nowrap; line-height: 1.25; }
      output b { display: block; font-weight: 600; }
      .now[disabled] { opacity: 0.5; }
      @media (max-width: 1100px) { output { min-width: 6.5rem; } .now span { display: none; } }
    `,
  ];
  protected override readonly topics = ["clock", "hazard", "session"] as const;
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly onTime = (): void => this.requestUpdate();

  constructor() {
    super();
    new Keys(this, [
      { key: "[", label: "key.earlier", group: "keys.map", run: () => timeline.step(-HOUR_MS) },
      { key: "]", label: "key.later", group: "keys.map", run: () => timeline.step(HOUR_MS) },
      { key: "p", label: "key.play", group: "keys.map", run: () => this.toggle() },
      { key: "t", label: "key.now", group: "keys.map", run: () => timeline.show(null) },
    ]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    timeline.addEventListener("change", this.onTime);
    this.timer = setInterval(this.onTime, 2_000);
  }

  override disconnectedCallback(): void {
    timeline.removeEventListener("change", this.onTime);
    clearInterval(this.timer);
    timeline.pause();
    super.disconnectedCallback();
  }

  private toggle(): void {
    if (timeline.playing) timeline.pause();
    else timeline.play();
  }

  protected override render(): TemplateResult {
    const now = picture.now();
    const timezone = picture.mode?.timezone ?? "UTC";
    const at = timeline.at ?? now;
    const spoken = `${moment(at, timezone, now)} ${zone(at, timezone)}`;
    return html`<button class="play" aria-label=${t(timeline.playing ? "time.pause" : "time.play")} title="${t(timeline.playing ? "time.pause" : "time.play")} (p)" @click=${this.toggle}>${icon(timeline.playing ? "pause" : "play", 14)}</button>
      <div class="track">
        ${this.renderBegun(now)}
        <input type="range" aria-label=${t("time.slider")} min=${now - SPAN_MS} max=${now} step=${STEP_MS} .value=${String(at)} aria-valuetext=${spoken} @input=${this.slide} />
        <div class="days" aria-hidden="true">${this.renderDays(now, timezone)}</div>
      </div>
      <output data-testid="time-shown"><b>${timeline.at === null ? t("time.live") : clock(at, timezone)}</b><span class="small soft">${timeline.at === null ? moment(now, timezone, now) : day(at, timezone)} ${zone(at, timezone)}</span></output>
      <button class="now" ?disabled=${timeline.at === null} title="${t("key.now")} (t)" aria-label=${t("key.now")} @click=${() => timeline.show(null)}>${icon("now", 14)}<span>${t("time.now-button")}</span></button>`;
  }

  private slide(event: Event): void {
    timeline.pause();
    timeline.show(Number((event.target as HTMLInputElement).value));
  }

  /** How many hazards began in each hour. */
  private renderBegun(now: number): TemplateResult {
    const bins = new Array<number>(BINS).fill(0);
    for (const hazard of picture.hazards.values()) {
      const bin = Math.floor(((Date.parse(hazard.first_seen) - (now - SPAN_MS)) / SPAN_MS) * BINS);
      if (bin >= 0 && bin < BINS) bins[bin] = (bins[bin] ?? 0) + 1;
    }
    const most = Math.max(4, ...bins);
    return html`<svg class="marks" viewBox="0 0 ${BINS} 20" preserveAspectRatio="none" aria-hidden="true">
      ${bins.map((count, i) => (count ? svg`<rect x=${i + 0.15} width="0.7" y=${20 - (count / most) * 18} height=${(count / most) * 18} fill="currentColor"/>` : ""))}
    </svg>`;
  }

  private renderDays(now: number, timezone: string): TemplateResult[] {
    const start = now - SPAN_MS;
    const marks: TemplateResult[] = [];
    for (let hour = Math.ceil(start / HOUR_MS) * HOUR_MS; hour < now - 3 * HOUR_MS; hour += HOUR_MS) {
      if (clock(hour, timezone) !== "00:00") continue;
      const mark = document.createElement("span");
      mark.style.left = `${((hour - start) / SPAN_MS) * 100}%`;
      mark.textContent = day(hour, timezone);
      marks.push(html`${mark}`);
    }
    return marks;
  }
}
