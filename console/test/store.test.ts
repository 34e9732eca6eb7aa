import { describe, expect, it, vi } from "vitest";
import { makeFixtures } from "../mock/fixtures.ts";
import { Picture } from "../src/live/store.ts";

const NOW = Date.parse("2024-09-03T20:00:00Z");

function open(): Picture {
  const picture = new Picture();
  picture.take(makeFixtures(NOW).picture);
  return picture;
}

describe("the picture", () => {
  it("takes one thing's present form in place of the former", () => {
    const picture = open();
    const [id, hazard] = [...picture.hazards][0] ?? ["", undefined];
    expect(picture.follow("hazard", { ...hazard, area_km2: 99 })).toBe(false);
    expect(picture.hazards.get(id)?.area_km2).toBe(99);
  });

  it("takes out what is gone", () => {
    const picture = open();
    const id = [...picture.hazards.keys()][0] ?? "";
    picture.follow("hazard", { id, gone: true });
    expect(picture.hazards.has(id)).toBe(false);
  });

  it("keys warnings by identifier, sources and channels by name", () => {
    const picture = open();
    expect([...picture.warnings.keys()]).toContain("incident-fire-1-1");
    expect([...picture.sources.keys()]).toContain("usgs");
    picture.follow("source", { ...picture.sources.get("usgs"), state: "silent" });
    expect(picture.sources.get("usgs")?.state).toBe("silent");
  });

  it("asks for everything anew after a reset", () => {
    expect(open().follow("reset", {})).toBe(true);
  });

  it("lets the clock run at the drill's speed from what the service last said", () => {
    vi.useFakeTimers();
    const fixtures = makeFixtures(NOW);
    if (fixtures.picture.mode.drill) fixtures.picture.mode.drill.speed = 60;
    const picture = new Picture();
    picture.take(fixtures.picture);
    vi.advanceTimersByTime(10_000);
    expect(picture.now()).toBe(NOW + 600_000);
    picture.follow("clock", { now: "2024-09-03T21:00:00Z" });
    expect(picture.now()).toBe(NOW + 3_600_000);
    vi.useRealTimers();
  });

  it("allows nothing to nobody", () => {
    expect(open().can("read")).toBe(false);
  });
});
