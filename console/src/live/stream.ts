/** A server-sent stream that comes back by itself: from the last event on, waiting longer after each failure. */

/** What the stream needs of EventSource; a test brings its own. */
export interface Source {
  addEventListener(type: string, listener: (event: MessageEvent) => void): void;
  close(): void;
}

export interface StreamOptions {
  topics: readonly string[];
  open(after: number | null): Source;
  onEvent(topic: string, seq: number | null, data: string): void;
  onLive(): void;
  onLost(): void;
}

export const QUIET_MS_MAX = 25_000; // the service speaks every 10 s at least
const WAITS_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];

/** How long to wait before the attempt after `failures` in a row; up to a quarter is left to chance, so that many consoles do not come at once. */
export function waitMs(failures: number, chance: number): number {
  const wait = WAITS_MS[Math.min(failures, WAITS_MS.length - 1)] ?? 15_000;
  return wait * (1 - chance / 4);
}

export class Stream {
  private source: Source | null = null;
  private failures = 0;
  private last: number | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private stopped = true;

  constructor(private readonly options: StreamOptions) {}

  start(after: number | null): void {
    this.stop();
    this.stopped = false;
    this.last = after;
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retry);
    clearTimeout(this.watchdog);
    this.source?.close();
    this.source = null;
  }

  /** The network came back: do not wait for the next attempt. */
  hurry(): void {
    if (this.stopped || this.source) return;
    clearTimeout(this.retry);
    this.connect();
  }

  private connect(): void {
    const source = this.options.open(this.last);
    this.source = source;
    this.listenFor(source);
    source.addEventListener("open", () => this.heard(source));
    source.addEventListener("error", () => this.lost(source));
    for (const topic of this.options.topics) {
      source.addEventListener(topic, (event) => {
        if (this.source !== source) return;
        this.heard(source);
        const seq = event.lastEventId === "" ? null : Number(event.lastEventId);
        if (seq !== null && Number.isFinite(seq)) this.last = seq;
        this.options.onEvent(topic, seq, event.data as string);
      });
    }
  }

  private heard(source: Source): void {
    if (this.source !== source) return;
    this.failures = 0;
    this.options.onLive();
    this.listenFor(source);
  }

  private listenFor(source: Source): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.lost(source), QUIET_MS_MAX);
  }

  private lost(source: Source): void {
    if (this.source !== source || this.stopped) return;
    source.close();
    this.source = null;
    clearTimeout(this.watchdog);
    this.options.onLost();
    this.retry = setTimeout(() => this.connect(), waitMs(this.failures++, Math.random()));
  }
}
