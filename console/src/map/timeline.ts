/** The moment that the map shows: now, or one of the last 72 hours. One for the window; the time bar and a hazard's page move it. */
import { picture } from "../live/store";

export const SPAN_MS = 72 * 3_600_000;
const STEP_MS = 30 * 60_000; // of the situation, for each beat of the playing
const BEAT_MS = 350;

class Timeline extends EventTarget {
  /** Null: now, and following. */
  at: number | null = null;
  private beat: ReturnType<typeof setInterval> | undefined;

  get playing(): boolean {
    return this.beat !== undefined;
  }

  /** Shows a moment, as far back as `earliest`: 72 hours unless a hazard's page goes back to its beginning. */
  show(at: number | null, earliest: number = picture.now() - SPAN_MS): void {
    const bounded = at === null || at >= picture.now() - 60_000 ? null : Math.max(earliest, at);
    if (bounded === null && this.playing) this.pause();
    if (bounded === this.at) return;
    this.at = bounded;
    this.tell();
  }

  step(ms: number): void {
    this.show((this.at ?? picture.now()) + ms);
  }

  play(): void {
    if (this.at === null) this.at = picture.now() - SPAN_MS;
    this.beat ??= setInterval(() => this.step(STEP_MS), BEAT_MS);
    this.tell();
  }

  pause(): void {
    clearInterval(this.beat);
    this.beat = undefined;
    this.tell();
  }

  private tell(): void {
    this.dispatchEvent(new Event("change"));
  }
}

export const timeline = new Timeline();

/** As the API takes it; none for now. */
export function atParameter(): string | undefined {
  return timeline.at === null ? undefined : new Date(timeline.at).toISOString();
}
