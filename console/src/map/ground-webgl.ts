/** The base map by MapLibre GL: vector tiles from one local file, labels from the system's own font. Always north up. */
import {
  addProtocol,
  type ExpressionSpecification,
  Map as MapLibre,
  type StyleSpecification,
  setWorkerUrl,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { Protocol } from "pmtiles";
import type { Language } from "../api/types";
import { BASEMAP_URL, BASEMAP_ZOOM_MAX, type Ground, still, token, ZOOM_MAX } from "./ground";
import { project, unproject, type View } from "./view";

setWorkerUrl(workerUrl);
addProtocol("pmtiles", new Protocol().tile);

const FRAMES = 24; // so many while moving are enough to tell
const SLOW_MS = 110;

export class WebGlGround implements Ground {
  readonly name = "webgl";
  private readonly map: MapLibre;
  private frames: number[] = [];
  private before = 0;

  /** `onSlow` is called once, when moving is too slow for a person to follow. */
  constructor(
    element: HTMLElement,
    view: View,
    theme: "dark" | "light",
    language: Language,
    private readonly onSlow: () => void,
  ) {
    this.map = new MapLibre({
      container: element,
      style: style(theme, language),
      center: unproject(view.x, view.y),
      zoom: view.zoom,
      maxZoom: ZOOM_MAX,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      attributionControl: false,
      fadeDuration: 0,
      keyboard: false,
      canvasContextAttributes: { antialias: false },
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.getCanvas().tabIndex = -1;
    this.map.getCanvas().setAttribute("aria-hidden", "true");
    this.map.getCanvas().removeAttribute("role");
    this.map.on("render", () => this.measure());
  }

  view(): View {
    const centre = this.map.getCenter();
    const [x, y] = project(centre.lng, centre.lat);
    const element = this.map.getContainer();
    return { x, y, zoom: this.map.getZoom(), width: element.clientWidth, height: element.clientHeight };
  }

  setView(view: View, glide = false): void {
    const target = { center: unproject(view.x, view.y), zoom: view.zoom };
    if (glide && !still()) this.map.easeTo({ ...target, duration: 450 });
    else this.map.jumpTo(target);
  }

  onFrame(listener: () => void): void {
    this.map.on("render", listener);
  }

  onSettled(listener: () => void): void {
    this.map.on("moveend", listener);
  }

  onPress(listener: (x: number, y: number) => void): void {
    this.map.on("click", (event) => listener(event.point.x, event.point.y));
  }

  restyle(theme: "dark" | "light", language: Language): void {
    this.map.setStyle(style(theme, language), { diff: true });
  }

  resize(): void {
    this.map.resize();
  }

  remove(): void {
    this.map.remove();
  }

  private measure(): void {
    const now = performance.now();
    if (this.map.isMoving() && this.before) this.frames.push(now - this.before);
    this.before = this.map.isMoving() ? now : 0;
    if (this.frames.length < FRAMES) return;
    const median = this.frames.sort((a, b) => a - b)[FRAMES / 2] ?? 0;
    this.frames = [];
    if (median > SLOW_MS) this.onSlow();
  }
}

function style(theme: "dark" | "light", language: Language): StyleSpecification {
  document.documentElement.dataset["theme"] = theme;
  const line = (
    id: string,
    kind: string,
    color: string,
    width: ExpressionSpecification,
  ): StyleSpecification["layers"][number] => ({
    id,
    type: "line",
    source: "base",
    "source-layer": "borders",
    filter: ["==", ["get", "kind"], kind],
    paint: { "line-color": color, "line-width": width },
  });
  const label = (
    id: string,
    kind: string,
    text: ExpressionSpecification,
    size: ExpressionSpecification,
    upper = false,
  ): StyleSpecification["layers"][number] => ({
    id,
    type: "symbol",
    source: "base",
    "source-layer": "labels",
    filter: ["==", ["get", "kind"], kind],
    layout: {
      "text-field": text,
      "text-font": ["sans-serif"],
      "text-size": size,
      "text-max-width": 7,
      "text-padding": 6,
      "text-offset": [0, kind === "city" ? 0.9 : 0],
      "text-transform": upper ? "uppercase" : "none",
      "text-letter-spacing": upper ? 0.08 : 0,
      "symbol-sort-key": ["get", "rank"],
    },
    paint: { "text-color": token("map-text"), "text-halo-color": token("map-halo"), "text-halo-width": 1.4 },
  });
  const name: ExpressionSpecification = ["get", language];
  return {
    version: 8,
    sources: {
      base: { type: "vector", url: `pmtiles://${new URL(BASEMAP_URL, location.href)}`, maxzoom: BASEMAP_ZOOM_MAX },
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": token("sea") } },
      {
        id: "land",
        type: "fill",
        source: "base",
        "source-layer": "land",
        paint: { "fill-color": token("land"), "fill-antialias": false },
      },
      {
        id: "coast",
        type: "line",
        source: "base",
        "source-layer": "land",
        paint: { "line-color": token("border-soft"), "line-width": 0.8 },
      },
      line("province", "province", token("border-soft"), ["interpolate", ["linear"], ["zoom"], 4, 0.5, 9, 1.2]),
      line("country", "country", token("border"), ["interpolate", ["linear"], ["zoom"], 1, 0.5, 8, 1.8]),
      label("cities", "city", name, ["interpolate", ["linear"], ["zoom"], 3, 10.5, 9, 13]),
      label("provinces", "province", name, ["interpolate", ["linear"], ["zoom"], 5, 10, 9, 12], true),
      label("countries", "country", countryNames(language), ["interpolate", ["linear"], ["zoom"], 1, 10, 6, 15], true),
    ],
  };
}

/** Countries by name in the language, from their ISO codes, as the browser knows them. */
function countryNames(language: Language): ExpressionSpecification {
  const names = new Intl.DisplayNames([language], { type: "region", fallback: "none" });
  const pairs: string[] = [];
  for (let a = 65; a <= 90; a++) {
    for (let b = 65; b <= 90; b++) {
      const code = String.fromCharCode(a, b);
      const known = names.of(code);
      if (known) pairs.push(code, known);
    }
  }
  return ["match", ["get", "code"], ...pairs, ""] as unknown as ExpressionSpecification;
}
