import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { QUIET_MS_MAX, type Source, Stream, waitMs } from "../src/live/stream.ts";

class FakeSource implements Source {
  closed = false;
  private readonly listeners = new Map<string, (event: MessageEvent) => void>();

  addEventListener(type: string, listener: (event: MessageEvent) => void): void {
    this.listeners.set(type, listener);
  }

  close(): void {
    this.closed = true;
  }

  say(topic: string, seq: string, data: string): void {
    this.listeners.get(topic)?.({ lastEventId: seq, data } as MessageEvent);
  }

  do(type: "open" | "error"): void {
    this.listeners.get(type)?.({} as MessageEvent);
  }
}

function start() {
  const opened: { after: number | null; source: FakeSource }[] = [];
  const heard: string[] = [];
  const stream = new Stream({
    topics: ["hazard", "clock"],
    open: (after) => {
      const source = new FakeSource();
      opened.push({ after, source });
      return source;
    },
    onEvent: (topic, seq, data) => heard.push(`${topic} ${seq} ${data}`),
    onLive: () => heard.push("live"),
    onLost: () => heard.push("lost"),
  });
  stream.start(7);
  const newest = (): FakeSource => opened.at(-1)?.source as FakeSource;
  return { stream, opened, heard, newest };
}

describe("the live stream", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("begins after the picture's entry and goes on after the last event heard", () => {
    const { opened, newest } = start();
    newest().do("open");
    newest().say("hazard", "9", "{}");
    newest().do("error");
    vi.advanceTimersByTime(1_000);
    expect(opened.map((each) => each.after)).toEqual([7, 9]);
  });

  it("keeps its place over events without a number", () => {
    const { opened, newest } = start();
    newest().say("hazard", "9", "{}");
    newest().say("clock", "", "{}");
    newest().do("error");
    vi.advanceTimersByTime(1_000);
    expect(opened.at(-1)?.after).toBe(9);
  });

  it("takes silence for loss", () => {
    const { heard, opened, newest } = start();
    newest().do("open");
    vi.advanceTimersByTime(QUIET_MS_MAX - 1);
    expect(heard).toEqual(["live"]);
    vi.advanceTimersByTime(2);
    expect(heard).toEqual(["live", "lost"]);
    expect(opened[0]?.source.closed).toBe(true);
  });

  it("waits longer after each failure, anew after success", () => {
    const { opened, newest } = start();
    for (let i = 0; i < 6; i++) {
      newest().do("error");
      const before = opened.length;
      vi.advanceTimersByTime(waitMs(i, 1) - 1);
      expect(opened.length).toBe(before);
      vi.advanceTimersByTime(waitMs(i, 0));
      expect(opened.length).toBe(before + 1);
    }
    newest().do("open");
    newest().do("error");
    vi.advanceTimersByTime(waitMs(0, 0));
    expect(opened.length).toBe(8);
  });

  it("does not hear a source that it gave up", () => {
    const { heard, opened, newest } = start();
    newest().do("error");
    vi.advanceTimersByTime(1_000);
    opened[0]?.source.say("hazard", "99", "late");
    expect(heard).not.toContain("hazard 99 late");
  });

  it("stays stopped", () => {
    const { stream, opened, newest } = start();
    newest().do("error");
    stream.stop();
    vi.advanceTimersByTime(60_000);
    stream.hurry();
    expect(opened.length).toBe(1);
  });
});
