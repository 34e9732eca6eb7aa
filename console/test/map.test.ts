import { describe, expect, it } from "vitest";
import { makeFixtures } from "../mock/fixtures.ts";
import { stepsOf } from "../src/hazard/growth-path.ts";
import { littleEndian } from "../src/map/ink.ts";
import { cellsOf, contains, hit, marksOf, pixelsOf, type Scene, shapeOf, shapesOf, tones } from "../src/map/scene.ts";
import {
  around,
  boxOf,
  fromScreen,
  project,
  scaleOf,
  toScreen,
  uncrossed,
  unproject,
  viewOf,
} from "../src/map/view.ts";

const { picture, footprints, evidence } = makeFixtures(Date.parse("2024-09-03T20:00:00Z"));
const grave = tones(picture);

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

describe("the projection", () => {
  it("comes back to where it began, anywhere", () => {
    const chance = random(7);
    for (let i = 0; i < 500; i++) {
      const lon = chance() * 360 - 180;
      const lat = chance() * 170 - 85;
      const [x, y] = project(lon, lat);
      const [lon2, lat2] = unproject(x, y);
      expect(lon2).toBeCloseTo(lon, 9);
      expect(lat2).toBeCloseTo(lat, 9);
      const view = { x: chance(), y: chance(), zoom: chance() * 14, width: 800, height: 600 };
      const [px, py] = toScreen(view, x, y);
      const [x2, y2] = fromScreen(view, px, py);
      expect(x2).toBeCloseTo(x, 9);
      expect(y2).toBeCloseTo(y, 9);
    }
  });

  it("puts the equator's middle in the middle and the poles' edge on the edge", () => {
    expect(project(0, 0)).toEqual([0.5, 0.5]);
    expect(project(-180, 89)[1]).toBeCloseTo(0, 9);
    expect(project(180, -89)[1]).toBeCloseTo(1, 9);
  });

  it("shows a box whole, and across the antimeridian", () => {
    for (const box of [
      [-80, -5, -78, -3],
      [178, -20, -178, -15],
    ] as const) {
      const view = viewOf([...box], 800, 600);
      const [w, s, e, n] = box;
      for (const [lon, lat] of [
        [w, s],
        [e < w ? e + 360 : e, n],
      ] as const) {
        const [x, y] = project(lon, lat);
        const [px, py] = toScreen(view, x, y);
        expect(px).toBeGreaterThanOrEqual(47);
        expect(px).toBeLessThanOrEqual(753);
        expect(py).toBeGreaterThanOrEqual(47);
        expect(py).toBeLessThanOrEqual(553);
      }
    }
    const pacific = boxOf(viewOf([178, -20, -178, -15], 800, 600));
    expect(pacific[0]).toBeGreaterThan(pacific[2]);
    expect(uncrossed(pacific)).toEqual([-180, pacific[1], 180, pacific[3]]);
    expect(uncrossed([-80, -5, -78, -3])).toEqual([-80, -5, -78, -3]);
  });

  it("bounds the whole world once", () => {
    expect(boxOf({ x: 0.5, y: 0.5, zoom: 0, width: 2_000, height: 900 }).map((degrees) => Math.round(degrees))).toEqual(
      [-180, -85, 180, 85],
    );
  });

  it("goes round boxes on both sides of the antimeridian", () => {
    expect(around([])).toBeNull();
    expect(
      around([
        [0, 0, 1, 1],
        [-1, 2, 3, 4],
      ]),
    ).toEqual([-1, 0, 3, 4]);
    expect(around([[178, -20, -178, -15]])).toEqual([178, -20, 182, -15]);
  });
});

describe("the scene", () => {
  it("gives a hazard the gravest of its cards and warnings, and none where nothing is decided", () => {
    expect(grave.get("fire-20240903-a1")).toBe("Severe");
    expect(grave.get("earthquake-us7000abcd")).toBe("Extreme");
    expect(grave.get("fire-20240903-b2")).toBe("Moderate");
    expect(grave.has("fire-20240902-c3")).toBe(false);
  });

  it("draws certainty: solid, dashed, hatched", () => {
    const shapes = shapesOf(footprints().features, grave, "fire-20240903-a1");
    const of = (id: string) => shapes.filter((shape) => shape.id === id).map((shape) => [shape.certainty, shape.band]);
    expect(of("fire-20240903-a1")).toEqual([
      ["reach", "P95"],
      ["reach", "P80"],
      ["reach", "P50"],
      ["observed", null],
    ]);
    expect(of("fire-20240902-c3")).toEqual([["stale", null]]);
    expect(shapes.filter((shape) => shape.chosen).length).toBe(4);
  });

  it("passes over what has no area", () => {
    expect(shapesOf([{ type: "Feature", geometry: null as never, properties: {} }], grave, null)).toEqual([]);
  });

  it("draws the grave ones last, on top, and with a label", () => {
    const marks = marksOf(picture.hazards, grave, null, () => "label");
    expect(marks.at(-1)?.kind).toBe("earthquake");
    expect(marks[0]?.weight).toBe(0);
    expect(marks.filter((mark) => mark.label).length).toBe(3);
  });

  it("finds what a finger means: the nearest mark, else the smallest shape", () => {
    const marks = marksOf(picture.hazards, grave, null, () => "");
    const scene: Scene = {
      shapes: shapesOf(footprints().features, grave, null),
      marks,
      places: [],
      cells: [],
      pixels: new Float64Array(),
    };
    const view = { x: 0, y: 0, zoom: 11, width: 800, height: 600 };
    const reach = 16 / scaleOf(view);
    const [x, y] = project(-79.2042, -4.2411);
    expect(hit(scene, x + reach / 2, y, reach)).toBe("fire-20240903-a1");
    const [qx, qy] = project(-80.1, -3.1); // within the shaking, far from every mark
    expect(hit(scene, qx, qy, reach)).toBe("earthquake-us7000abcd");
    expect(hit(scene, qx + 1, qy, reach)).toBe("earthquake-us7000abcd"); // the world's next copy
    expect(hit(scene, ...project(-70, 10), reach)).toBeNull();
  });

  it("knows inside from outside, holes too", () => {
    const ring = (w: number, s: number, e: number, n: number) => [
      [w, s],
      [e, s],
      [e, n],
      [w, n],
      [w, s],
    ];
    const shape = shapeOf(
      { type: "Polygon", coordinates: [ring(-10, -10, 10, 10), ring(-5, -5, 5, 5)] },
      { id: "x", certainty: "observed", band: null, tone: null, chosen: false },
    );
    if (!shape) throw new Error("no shape");
    expect(contains(shape, ...project(8, 8))).toBe(true);
    expect(contains(shape, ...project(0, 0))).toBe(false);
    expect(contains(shape, ...project(11, 0))).toBe(false);
  });

  it("packs pixels in their true size", () => {
    const [pixel] = evidence(picture.hazards[0] as never).observations;
    if (!pixel) throw new Error("no pixel");
    const packed = pixelsOf([{ ...pixel, lat: 60, across_m: 400, confidence: "high" }]);
    expect((packed[2] ?? 0) * 40_075_016.686).toBeCloseTo(200 / Math.cos(Math.PI / 3), 6);
    expect(packed[3]).toBe(2);
  });

  it("weighs cells by the size of their number", () => {
    const weights = cellsOf([1, 30, 100_000].map((count) => ({ lon: 0, lat: 0, count, frp_mw: null, newest: "" }))).map(
      (cell) => cell.weight,
    );
    expect(weights[0]).toBeLessThan(weights[1] ?? 0);
    expect(weights[2]).toBe(1);
  });
});

it("an ink is turned round for the pixels of a canvas", () => {
  expect(littleEndian("#a9b5be").toString(16)).toBe("beb5a9");
});

describe("the chart of growth", () => {
  it("has steps, not slopes: an area holds until the next pass", () => {
    const moment = (time: string, area_km2: number) => ({
      time,
      area_km2,
      change: "grew",
      state: "active",
      new_area_km2: 0,
      observations: 1,
      new_observations: 1,
      frp_mw: null,
      magnitude: null,
    });
    const path = stepsOf(
      [moment("1970-01-01T00:00:01Z", 1), moment("1970-01-01T00:00:02Z", 3)],
      (ms) => Math.min(10, ms / 1_000),
      (km2) => 10 - km2,
    );
    expect(path).toBe("M1.0 9.0H2.0V7.0H10.0");
  });
});
