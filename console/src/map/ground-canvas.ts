/** The base map without WebGL: the same tiles drawn on a plain canvas, moved by mouse, finger and wheel. */
import { VectorTile } from "@mapbox/vector-tile";
import { PbfReader } from "pbf";
import { PMTiles } from "pmtiles";
import type { Language } from "../api/types";
import { BASEMAP_URL, BASEMAP_ZOOM_MAX, type Ground, still, token, ZOOM_MAX } from "./ground";
import { fromScreen, scaleOf, type View } from "./view";

interface Label {
  x: number; // in widths of the world
  y: number;
  kind: string;
  code: string;
  names: Partial<Record<Language, string>>;
  rank: number;
}

interface TileDrawing {
  extent: number;
  land: Path2D;
  province: Path2D;
  country: Path2D;
  labels: Label[];
}

const TILES_KEPT = 96;
const PRESS_SLACK = 4; // pixels that a finger may slip

export class CanvasGround implements Ground {
  readonly name = "canvas";
  private readonly canvas = document.createElement("canvas");
  private readonly archive = new PMTiles(new URL(BASEMAP_URL, location.href).href);
  private readonly tiles = new Map<string, TileDrawing | null>();
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private readonly frames: (() => void)[] = [];
  private readonly settled: (() => void)[] = [];
  private readonly presses: ((x: number, y: number) => void)[] = [];
  private pressed: { x: number; y: number } | null = null;
  private asked = 0;
  private settling: ReturnType<typeof setTimeout> | undefined;
  private countries: Intl.DisplayNames;
  private now: View;
  private colours = inks();
  private readonly widths = new Map<string, number>();

  constructor(
    private readonly element: HTMLElement,
    view: View,
    theme: "dark" | "light",
    private language: Language,
  ) {
    this.now = view;
    this.restyle(theme, language);
    this.countries = new Intl.DisplayNames([language], { type: "region" });
    this.canvas.style.cssText = "position:absolute;inset:0;width:100%;height:100%;touch-action:none;cursor:grab";
    this.canvas.setAttribute("aria-hidden", "true");
    element.append(this.canvas);
    this.canvas.addEventListener("pointerdown", this.down);
    this.canvas.addEventListener("pointermove", this.move);
    this.canvas.addEventListener("pointerup", this.up);
    this.canvas.addEventListener("pointercancel", this.up);
    this.canvas.addEventListener("wheel", this.wheel, { passive: false });
    this.resize();
  }

  view(): View {
    return this.now;
  }

  setView(view: View, glide = false): void {
    const target = { ...view, width: this.now.width, height: this.now.height };
    if (!glide || still()) {
      this.jump(target);
      return;
    }
    const from = this.now;
    const start = performance.now();
    const step = (at: number): void => {
      const part = Math.min(1, (at - start) / 350);
      const eased = 1 - (1 - part) ** 3;
      const mix = (a: number, b: number): number => a + (b - a) * eased;
      this.jump({ ...target, x: mix(from.x, target.x), y: mix(from.y, target.y), zoom: mix(from.zoom, target.zoom) });
      if (part < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  onFrame(listener: () => void): void {
    this.frames.push(listener);
  }

  onSettled(listener: () => void): void {
    this.settled.push(listener);
  }

  onPress(listener: (x: number, y: number) => void): void {
    this.presses.push(listener);
  }

  restyle(theme: "dark" | "light", language: Language): void {
    document.documentElement.dataset["theme"] = theme;
    this.colours = inks();
    this.widths.clear();
    this.language = language;
    this.countries = new Intl.DisplayNames([language], { type: "region" });
    this.ask();
  }

  resize(): void {
    this.jump({ ...this.now, width: this.element.clientWidth, height: this.element.clientHeight });
  }

  remove(): void {
    cancelAnimationFrame(this.asked);
    clearTimeout(this.settling);
    this.canvas.remove();
  }

  private jump(view: View): void {
    const half = view.height / 2 / scaleOf(view);
    this.now = {
      ...view,
      zoom: Math.max(0, Math.min(ZOOM_MAX, view.zoom)),
      y: Math.max(Math.min(half, 0.5), Math.min(Math.max(1 - half, 0.5), view.y)),
    };
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      for (const each of this.settled) each();
    }, 160);
    this.ask();
  }

  private ask(): void {
    cancelAnimationFrame(this.asked);
    this.asked = requestAnimationFrame(() => this.draw());
  }

  private readonly down = (event: PointerEvent): void => {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.pressed = this.pointers.size === 1 ? { x: event.offsetX, y: event.offsetY } : null;
  };

  private readonly move = (event: PointerEvent): void => {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const after = { x: event.offsetX, y: event.offsetY };
    if (this.pressed && Math.hypot(after.x - this.pressed.x, after.y - this.pressed.y) > PRESS_SLACK)
      this.pressed = null;
    if (!this.pressed) {
      const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const [other] = others;
      if (other) {
        const factor =
          Math.hypot(after.x - other.x, after.y - other.y) /
          Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
        this.zoomAt(other.x, other.y, Math.log2(factor));
      } else {
        const scale = scaleOf(this.now);
        this.jump({
          ...this.now,
          x: this.now.x - (after.x - before.x) / scale,
          y: this.now.y - (after.y - before.y) / scale,
        });
      }
    }
    this.pointers.set(event.pointerId, after);
  };

  private readonly up = (event: PointerEvent): void => {
    this.pointers.delete(event.pointerId);
    if (this.pressed && event.type === "pointerup")
      for (const each of this.presses) each(this.pressed.x, this.pressed.y);
    this.pressed = null;
  };

  private readonly wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const step = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 20 : event.deltaY;
    this.zoomAt(event.offsetX, event.offsetY, Math.max(-1, Math.min(1, -step / 300)));
  };

  private zoomAt(px: number, py: number, step: number): void {
    const [x, y] = fromScreen(this.now, px, py);
    const zoom = Math.max(0, Math.min(ZOOM_MAX, this.now.zoom + step));
    const scale = scaleOf({ ...this.now, zoom });
    this.jump({
      ...this.now,
      zoom,
      x: x - (px - this.now.width / 2) / scale,
      y: y - (py - this.now.height / 2) / scale,
    });
  }

  private draw(): void {
    const { width, height } = this.now;
    const ratio = Math.min(2, devicePixelRatio);
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const context = this.canvas.getContext("2d", { alpha: false });
    if (context) this.paint(context, ratio);
    for (const each of this.frames) each();
  }

  private paint(context: CanvasRenderingContext2D, ratio: number): void {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = this.colours.sea;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const level = Math.max(0, Math.min(BASEMAP_ZOOM_MAX, Math.floor(this.now.zoom)));
    const labels: Label[] = [];
    const { colours } = this;
    for (const { x, y, drawing } of this.visible(level)) {
      if (!drawing) continue;
      const size = (scaleOf(this.now) / 2 ** level) * ratio;
      const left = ((x / 2 ** level - this.now.x) * scaleOf(this.now) + this.now.width / 2) * ratio;
      const top = ((y / 2 ** level - this.now.y) * scaleOf(this.now) + this.now.height / 2) * ratio;
      const unit = size / drawing.extent;
      context.save();
      context.setTransform(1, 0, 0, 1, left, top);
      context.beginPath();
      context.rect(0, 0, Math.ceil(size), Math.ceil(size));
      context.clip();
      context.setTransform(unit, 0, 0, unit, left, top);
      context.fillStyle = colours.land;
      context.fill(drawing.land);
      context.lineWidth = (0.8 * ratio) / unit;
      context.strokeStyle = colours.province;
      context.stroke(drawing.province);
      context.lineWidth = (1.3 * ratio) / unit;
      context.strokeStyle = colours.country;
      context.stroke(drawing.country);
      context.restore();
      labels.push(...drawing.labels);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.letter(context, labels);
  }

  /** Names, the weightiest first, none over another. */
  private letter(context: CanvasRenderingContext2D, labels: Label[]): void {
    const order = { country: 0, province: 1, city: 2 } as Record<string, number>;
    const taken: [number, number, number, number][] = [];
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 3;
    context.strokeStyle = this.colours.halo;
    context.fillStyle = this.colours.text;
    const scale = scaleOf(this.now);
    for (const label of labels.sort((a, b) => (order[a.kind] ?? 3) - (order[b.kind] ?? 3) || a.rank - b.rank)) {
      const px = (label.x - this.now.x) * scale + this.now.width / 2;
      const py = (label.y - this.now.y) * scale + this.now.height / 2 + (label.kind === "city" ? 11 : 0);
      if (px < -80 || py < -20 || px > this.now.width + 80 || py > this.now.height + 20) continue;
      const upper = label.kind !== "city";
      const plain = label.kind === "country" ? this.countries.of(label.code) : label.names[this.language];
      const text = upper ? plain?.toLocaleUpperCase(this.language) : plain;
      if (!text) continue;
      context.font = label.kind === "country" ? this.colours.large : this.colours.small;
      const half = this.widthOf(context, text) / 2 + 5;
      const box: [number, number, number, number] = [px - half, py - 9, px + half, py + 9];
      if (taken.some((t) => box[0] < t[2] && box[2] > t[0] && box[1] < t[3] && box[3] > t[1])) continue;
      taken.push(box);
      context.strokeText(text, px, py);
      context.fillText(text, px, py);
    }
  }

  /** Asking the font is dear: once for each text. */
  private widthOf(context: CanvasRenderingContext2D, text: string): number {
    const key = `${context.font}|${text}`;
    let width = this.widths.get(key);
    if (width === undefined) {
      width = context.measureText(text).width;
      this.widths.set(key, width);
    }
    return width;
  }

  private visible(level: number): { x: number; y: number; drawing: TileDrawing | null }[] {
    const count = 2 ** level;
    const [left, top] = fromScreen(this.now, 0, 0);
    const [right, bottom] = fromScreen(this.now, this.now.width, this.now.height);
    const found: { x: number; y: number; drawing: TileDrawing | null }[] = [];
    for (let x = Math.floor(left * count); x <= Math.floor(right * count); x++) {
      for (let y = Math.max(0, Math.floor(top * count)); y <= Math.min(count - 1, Math.floor(bottom * count)); y++) {
        found.push({ x, y, drawing: this.tile(level, ((x % count) + count) % count, y) });
      }
    }
    return found;
  }

  private tile(z: number, x: number, y: number): TileDrawing | null {
    const key = `${z}/${x}/${y}`;
    const known = this.tiles.get(key);
    if (known !== undefined) return known;
    this.tiles.set(key, null);
    for (const old of [...this.tiles.keys()].slice(0, Math.max(0, this.tiles.size - TILES_KEPT)))
      this.tiles.delete(old);
    void this.archive.getZxy(z, x, y).then((answer) => {
      if (!answer) return;
      this.tiles.set(key, read(answer.data, z, x, y));
      this.ask();
    });
    return null;
  }
}

/** What the theme in force draws with; asking it is too dear for every frame. */
function inks() {
  const font = token("font");
  return {
    sea: token("sea"),
    land: token("land"),
    province: token("border-soft"),
    country: token("border"),
    text: token("map-text"),
    halo: token("map-halo"),
    large: `13px ${font}`,
    small: `11.5px ${font}`,
  };
}

function read(data: ArrayBuffer, z: number, tileX: number, tileY: number): TileDrawing {
  const tile = new VectorTile(new PbfReader(new Uint8Array(data)));
  const drawing: TileDrawing = {
    extent: 4096,
    land: new Path2D(),
    province: new Path2D(),
    country: new Path2D(),
    labels: [],
  };
  const land = tile.layers["land"];
  for (let i = 0; land && i < land.length; i++) trace(drawing.land, land.feature(i).loadGeometry(), true);
  const borders = tile.layers["borders"];
  for (let i = 0; borders && i < borders.length; i++) {
    const feature = borders.feature(i);
    trace(feature.properties["kind"] === "country" ? drawing.country : drawing.province, feature.loadGeometry(), false);
  }
  const labels = tile.layers["labels"];
  for (let i = 0; labels && i < labels.length; i++) {
    const feature = labels.feature(i);
    const at = feature.loadGeometry()[0]?.[0];
    if (!at || at.x < 0 || at.y < 0 || at.x >= feature.extent || at.y >= feature.extent) continue; // the neighbour has it
    const { kind, code, es, en, rank } = feature.properties;
    drawing.labels.push({
      x: (tileX + at.x / feature.extent) / 2 ** z,
      y: (tileY + at.y / feature.extent) / 2 ** z,
      kind: String(kind),
      code: String(code ?? ""),
      names: { es: String(es ?? ""), en: String(en ?? "") },
      rank: Number(rank ?? 0),
    });
  }
  return drawing;
}

function trace(path: Path2D, lines: { x: number; y: number }[][], close: boolean): void {
  for (const line of lines) {
    for (const [i, at] of line.entries()) {
      if (i) path.lineTo(at.x, at.y);
      else path.moveTo(at.x, at.y);
    }
    if (close) path.closePath();
  }
}
