/** Something fetched for a view: the newest answer, or why there is none; fetched anew when what it is about changes. */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { explain } from "./notices";

const PAUSE_MS = 700; // changes that come in a burst are one

export class Loaded<T> implements ReactiveController {
  value: T | null = null;
  problem: string | null = null;
  private running: AbortController | null = null;
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private key = "";

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly fetch: (key: string, signal: AbortSignal) => Promise<T>,
    private readonly arrived?: (value: T) => void,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    if (this.key && !this.value) void this.run();
  }

  hostDisconnected(): void {
    clearTimeout(this.waiting);
    this.running?.abort();
  }

  /** Fetches for a key at once; the value of another key is forgotten. */
  want(key: string): void {
    if (key === this.key) return;
    this.key = key;
    this.value = null;
    this.problem = null;
    void this.run();
  }

  /** What it is about has changed: fetches anew after a pause, keeping what is shown until then. */
  refresh(): void {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => void this.run(), PAUSE_MS);
  }

  private async run(): Promise<void> {
    this.running?.abort();
    this.running = new AbortController();
    const { signal } = this.running;
    try {
      const value = await this.fetch(this.key, signal);
      if (signal.aborted) return;
      this.value = value;
      this.problem = null;
      this.arrived?.(value);
    } catch (error) {
      if (signal.aborted) return;
      this.problem = explain(error);
    }
    this.host.requestUpdate();
  }
}
