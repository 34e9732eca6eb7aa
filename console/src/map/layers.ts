/** Fetches what the map needs for where and when it looks: footprints, detections in a grid, places, areas of warnings. */
import { ApiError, get } from "../api/client";
import type { Box, GridCell, Page, PlaceRef, WarningDetail } from "../api/types";
import { picture } from "../live/store";
import { atParameter, SPAN_MS, timeline } from "./timeline";
import { uncrossed } from "./view";

export interface Layers {
  footprints: GeoJSON.Feature[];
  cells: GridCell[];
  places: PlaceRef[];
  areas: Map<string, GeoJSON.MultiPolygon>;
}

const PLACES_ZOOM_MIN = 8;
const PLACES_MAX = 500;
const AREAS_MAX = 40;
const GRID_WINDOW_MS = 24 * 3_600_000;

/** Keeps the layers of one map. A newer question makes an older answer void. */
export class LayerLoader {
  readonly layers: Layers = { footprints: [], cells: [], places: [], areas: new Map() };
  private running: AbortController | null = null;
  private waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly changed: () => void) {}

  /** Fetches for a box and a zoom, after a pause in which it may be asked again. */
  load(box: Box, zoom: number, pauseMs = 200): void {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => void this.fetch(box, zoom), pauseMs);
  }

  stop(): void {
    clearTimeout(this.waiting);
    this.running?.abort();
  }

  private async fetch(box: Box, zoom: number): Promise<void> {
    this.running?.abort();
    this.running = new AbortController();
    const { signal } = this.running;
    const bbox = uncrossed(box)
      .map((degrees) => degrees.toFixed(4))
      .join(",");
    const until = timeline.at ?? picture.now();
    const since = new Date(Math.max(until - GRID_WINDOW_MS, picture.now() - SPAN_MS - GRID_WINDOW_MS)).toISOString();
    const until_ = new Date(until).toISOString();
    await Promise.all([
      part(async () => {
        const query = { bbox, at: atParameter() };
        const answer = await get<GeoJSON.FeatureCollection>("/footprints", query, signal);
        this.layers.footprints = answer.features;
      }),
      part(async () => {
        const query = { bbox, zoom: Math.floor(zoom), since, until: until_ };
        const answer = await get<{ cells: GridCell[] } | GridCell[]>("/observations/grid", query, signal);
        this.layers.cells = Array.isArray(answer) ? answer : answer.cells;
      }),
      part(async () => {
        if (zoom < PLACES_ZOOM_MIN) this.layers.places = [];
        else this.layers.places = (await get<Page<PlaceRef>>("/places", { bbox, limit: PLACES_MAX }, signal)).items;
      }),
      part(() => this.fetchAreas(signal)),
    ]);
    if (!signal.aborted) this.changed();
  }

  /** Areas never change under an identifier: each is fetched once. */
  private async fetchAreas(signal: AbortSignal): Promise<void> {
    const wanted = [...picture.warnings.values()]
      .filter((w) => w.state === "in-force" || w.state === "draft")
      .slice(0, AREAS_MAX);
    for (const gone of [...this.layers.areas.keys()].filter((id) => !wanted.some((w) => w.identifier === id)))
      this.layers.areas.delete(gone);
    const missing = wanted.filter((warning) => !this.layers.areas.has(warning.identifier));
    await Promise.all(
      missing.map(async ({ identifier }) => {
        const detail = await get<WarningDetail>(`/warnings/${encodeURIComponent(identifier)}`, {}, signal);
        this.layers.areas.set(identifier, detail.area);
      }),
    );
  }
}

/** One part of the picture may fail, and leaves its last answer: the strip says that the connection is lost. */
async function part(fetch: () => Promise<void>): Promise<void> {
  try {
    await fetch();
  } catch (error) {
    if (!(error instanceof ApiError) && !(error instanceof DOMException)) throw error;
  }
}
