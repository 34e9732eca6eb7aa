/** What is drawn over the base map: shapes and marks from the picture, the footprints, places, warnings and evidence. */
import type {
  Band,
  Box,
  Confidence,
  EvidencePixel,
  GridCell,
  Hazard,
  PlaceRef,
  Position,
  Severity,
  SituationPicture,
} from "../api/types";
import { project } from "./view";

/** How sure: solid what was observed, dashed what could be reached, hatched what is stale, doubled where people are warned. */
export type Certainty = "observed" | "reach" | "stale" | "warning";

export interface Shape {
  id: string; // of its hazard, or the identifier of its warning
  certainty: Certainty;
  tone: Severity | null;
  band: Band | null;
  rings: Position[][]; // in widths of the world
  box: Box; // the same units: left, top, right, bottom
  chosen: boolean;
}

export interface Mark {
  id: string;
  kind: string;
  x: number;
  y: number;
  tone: Severity | null;
  weight: number; // 2: a badge; 1: a small sign; 0: a dot
  label: string;
  chosen: boolean;
  faint: boolean;
}

export interface Scene {
  shapes: Shape[];
  marks: Mark[];
  places: { id: string; name: string; x: number; y: number; exposed: boolean; population: number }[];
  cells: { x: number; y: number; weight: number }[];
  pixels: Float64Array; // x, y, half its width in widths of the world, confidence 0 1 2: four for each
}

export const EMPTY: Scene = { shapes: [], marks: [], places: [], cells: [], pixels: new Float64Array() };

const GRAVITY: readonly Severity[] = ["Unknown", "Minor", "Moderate", "Severe", "Extreme"];

/** For each hazard how grave it is: of its cards and of the warnings of its incident, the gravest. Others have none. */
export function tones(picture: Pick<SituationPicture, "queue" | "incidents" | "warnings">): Map<string, Severity> {
  const found = new Map<string, Severity>();
  const incidents = new Map(picture.incidents.map((incident) => [incident.id, incident]));
  const raise = (hazard: string, severity: Severity): void => {
    const known = found.get(hazard);
    if (!known || GRAVITY.indexOf(severity) > GRAVITY.indexOf(known)) found.set(hazard, severity);
  };
  for (const warning of picture.warnings) {
    if (warning.state !== "draft" && warning.state !== "in-force") continue;
    for (const hazard of incidents.get(warning.incident ?? "")?.hazards ?? []) raise(hazard, warning.severity);
  }
  for (const card of picture.queue) {
    if (!card.severity) continue;
    const incident = card.subject.type === "incident" ? card.subject.id : card.facts.incident;
    const hazards = card.facts.hazard ? [card.facts.hazard] : (incidents.get(incident ?? "")?.hazards ?? []);
    for (const hazard of hazards) raise(hazard, card.severity);
  }
  return found;
}

export function shapesOf(
  features: readonly GeoJSON.Feature[],
  tone: Map<string, Severity>,
  chosen: string | null,
): Shape[] {
  const shapes: Shape[] = [];
  for (const feature of features) {
    const own = feature.properties ?? {};
    const id = String(own["id"] ?? feature.id ?? "");
    const band = (own["band"] as Band | undefined) ?? null;
    const certainty: Certainty = band ? "reach" : own["stale"] ? "stale" : "observed";
    const shape = shapeOf(feature.geometry, { id, certainty, band, tone: tone.get(id) ?? null, chosen: id === chosen });
    if (shape) shapes.push(shape);
  }
  return shapes;
}

export function shapeOf(geometry: GeoJSON.Geometry | null, rest: Omit<Shape, "rings" | "box">): Shape | null {
  const polygons =
    geometry?.type === "Polygon"
      ? [geometry.coordinates]
      : geometry?.type === "MultiPolygon"
        ? geometry.coordinates
        : [];
  const rings = polygons.flatMap((polygon) =>
    polygon.map((ring) => ring.map(([lon = 0, lat = 0]) => project(lon, lat))),
  );
  const box: Box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of rings) {
    for (const [x, y] of ring) {
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
    }
  }
  return rings.length ? { ...rest, rings, box } : null;
}

export function marksOf(
  hazards: Iterable<Hazard>,
  tone: Map<string, Severity>,
  chosen: string | null,
  label: (hazard: Hazard) => string,
): Mark[] {
  const marks: Mark[] = [];
  for (const hazard of hazards) {
    const at = hazard.epicentre ?? hazard.centre;
    if (!at || hazard.state === "merged" || hazard.state === "retracted") continue;
    const [x, y] = project(...at);
    const grave = tone.get(hazard.id) ?? null;
    const faint = hazard.state !== "active" || hazard.suppressed !== null || hazard.labelled !== null;
    marks.push({
      id: hazard.id,
      kind: hazard.kind,
      x,
      y,
      tone: grave,
      weight: grave || (hazard.incident && !faint) ? 2 : faint ? 0 : 1,
      label: grave || hazard.incident || hazard.id === chosen ? label(hazard) : "",
      chosen: hazard.id === chosen,
      faint,
    });
  }
  const rank = (mark: Mark): number =>
    (mark.chosen ? 10 : mark.weight * 2) + (mark.tone ? GRAVITY.indexOf(mark.tone) / 10 : 0);
  return marks.sort((a, b) => rank(a) - rank(b));
}

export function placesOf(places: readonly PlaceRef[], exposed: ReadonlySet<string>): Scene["places"] {
  return places
    .map((place) => {
      const [x, y] = project(place.lon, place.lat);
      return {
        id: place.id,
        name: place.name,
        x,
        y,
        exposed: exposed.has(place.id),
        population: place.population ?? 0,
      };
    })
    .sort((a, b) => Number(b.exposed) - Number(a.exposed) || b.population - a.population);
}

export function cellsOf(cells: readonly GridCell[]): Scene["cells"] {
  return cells.map((cell) => {
    const [x, y] = project(cell.lon, cell.lat);
    return { x, y, weight: Math.min(1, Math.log10(1 + cell.count) / 2.5) };
  });
}

const SURE: Record<Confidence, number> = { low: 0, nominal: 1, high: 2 };
const METRES_AT_EQUATOR = 40_075_016.686;

export function pixelsOf(pixels: readonly EvidencePixel[]): Float64Array {
  const packed = new Float64Array(pixels.length * 4);
  for (const [i, pixel] of pixels.entries()) {
    const [x, y] = project(pixel.lon, pixel.lat);
    const metres = (pixel.across_m ?? 375) / 2 / Math.max(0.1, Math.cos((pixel.lat * Math.PI) / 180));
    packed.set([x, y, metres / METRES_AT_EQUATOR, pixel.confidence ? SURE[pixel.confidence] : 1], i * 4);
  }
  return packed;
}

/** The hazard under a point: the nearest mark within reach of a finger, else the smallest shape around it. */
export function hit(scene: Scene, x: number, y: number, reach: number): string | null {
  let best: string | null = null;
  let nearest = reach;
  for (const mark of scene.marks) {
    const away = Math.hypot(wrapped(mark.x - x), mark.y - y) - mark.weight * reach * 0.3;
    if (away <= nearest) {
      nearest = away;
      best = mark.id;
    }
  }
  if (best) return best;
  let smallest = Infinity;
  for (const shape of scene.shapes) {
    if (shape.certainty === "warning" || shape.certainty === "reach") continue;
    const size = (shape.box[2] - shape.box[0]) * (shape.box[3] - shape.box[1]);
    if (size < smallest && contains(shape, x - Math.round(x - (shape.box[0] + shape.box[2]) / 2), y)) {
      smallest = size;
      best = shape.id;
    }
  }
  return best;
}

function wrapped(x: number): number {
  return x - Math.round(x);
}

/** Whether an odd number of edges lies to the left of a point. */
export function contains(shape: Pick<Shape, "rings" | "box">, x: number, y: number): boolean {
  if (x < shape.box[0] || x > shape.box[2] || y < shape.box[1] || y > shape.box[3]) return false;
  let inside = false;
  for (const ring of shape.rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [x1, y1] = ring[i] ?? [0, 0];
      const [x2, y2] = ring[j] ?? [0, 0];
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
    }
  }
  return inside;
}
