/** The alarm: sound, title and a banner, until a named person acknowledges what it is about. */

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { AlmenaraElement } from "../common/element";
import { t } from "../i18n";
import { picture } from "../live/store";
import { preferenceChanges, preferences } from "../shell/preferences";
import { icon, severityIcon } from "../theme/icons";
import { acknowledge, open } from "./acts";
import { sounding } from "./alarm-rule";
import { sentence } from "./sentence";

const REPEAT_MS = 4_000;
/** Two rising pairs: unlike any telephone. Hertz, and seconds from the start. */
const NOTES = [
  [523, 0],
  [784, 0.22],
  [523, 0.6],
  [784, 0.82],
] as const;

@customElement("alm-alarm")
export class Alarm extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      .banner { display: flex; align-items: center; gap: 0.8rem; padding: 0.5rem 0.9rem; background: var(--tone-ground, var(--unknown-ground)); border-bottom: 2px solid var(--tone, var(--unknown)); }
      .banner svg { color: var(--tone); flex: none; }
      .text { flex: 1; min-width: 0; }
      .text b { color: var(--tone); }
      @media (prefers-reduced-motion: no-preference) {
        .bell { animation: swing 1.2s ease-in-out infinite; transform-origin: 50% 10%; display: inline-flex; }
        @keyframes swing { 25% { rotate: 9deg; } 75% { rotate: -9deg; } }
      }
    `,
  ];
  protected override readonly topics = ["queue", "session"] as const;
  @state() private blocked = false;
  private audio: AudioContext | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly onPreference = (): void => this.requestUpdate();
  private readonly unblock = (): void => {
    void this.audio?.resume().then(() => {
      this.blocked = this.audio?.state === "suspended";
    });
  };

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("keydown", this.unblock);
    window.addEventListener("pointerdown", this.unblock);
    preferenceChanges.addEventListener("change", this.onPreference);
  }

  override disconnectedCallback(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    void this.audio?.close();
    this.audio = null;
    window.removeEventListener("keydown", this.unblock);
    window.removeEventListener("pointerdown", this.unblock);
    preferenceChanges.removeEventListener("change", this.onPreference);
    super.disconnectedCallback();
  }

  protected override render(): TemplateResult | typeof nothing {
    const cards = sounding(picture.queue);
    const [first] = cards;
    if (!first) return nothing;
    return html`<div class="banner ${first.severity ?? "Unknown"}" role="alert" data-testid="alarm">
      <span class="bell">${icon("bell", 20)}</span>
      <p class="text"><b>${severityIcon(first.severity, 14)} ${first.severity ? t(`severity.${first.severity}`) : t("alarm.name")}</b> ${sentence(first, picture.now())}
        ${cards.length > 1 ? html`<span class="soft">${t("alarm.more", { n: cards.length - 1 })}</span>` : nothing}
        ${preferences.sound && this.blocked ? html`<span class="soft">${t("alarm.blocked")}</span>` : nothing}
        ${preferences.sound ? nothing : html`<span class="soft">${t("alarm.muted")}</span>`}</p>
      <button @click=${() => open(first)}>${t("act.open")}</button>
      ${picture.can("acknowledge") ? html`<button class="primary" data-testid="acknowledge" @click=${() => acknowledge(first)}>${t("act.acknowledge")}</button>` : nothing}
    </div>`;
  }

  protected override updated(): void {
    const sound = preferences.sound && sounding(picture.queue).length > 0;
    if (sound && this.timer === undefined) {
      queueMicrotask(() => this.play());
      this.timer = setInterval(() => this.play(), REPEAT_MS);
    } else if (!sound) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
  }

  private play(): void {
    this.audio ??= new AudioContext();
    const audio = this.audio;
    this.blocked = audio.state === "suspended";
    if (this.blocked) return;
    for (const [hertz, start] of NOTES) {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      const at = audio.currentTime + start;
      tone.type = "triangle";
      tone.frequency.value = hertz;
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(0.35, at + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.2);
      tone.connect(volume).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.22);
    }
  }
}
