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

  show(at: number | null): void {
    const now = picture.now();
    const bounded = at === null || at >= now - 60_000 ? null : Math.max(now - SPAN_MS, at);
    if (bounded === this.at) return;
    this.at = bounded;
    if (bounded === null) this.pause();
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
