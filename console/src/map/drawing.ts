/** Draws a scene on a canvas over the base map, by whatever engine that is: fast enough for 50,000 points without WebGL. */
import type { Severity } from "../api/types";
import { token } from "./ground";
import { littleEndian } from "./ink";
import type { Mark, Scene, Shape } from "./scene";
import { boxOf, scaleOf, type View } from "./view";

export interface Palette {
  tone: Record<Severity, string>;
  text: string;
  soft: string;
  panel: string;
  halo: string;
  select: string;
  font: string;
  hatch: CanvasPattern | null;
}

/** The colours of the theme in force. */
export function palette(context: CanvasRenderingContext2D): Palette {
  const soft = token("soft");
  return {
    tone: {
      Extreme: token("extreme"),
      Severe: token("severe"),
      Moderate: token("moderate"),
      Minor: token("minor"),
      Unknown: token("unknown"),
    },
    text: token("text"),
    soft,
    panel: token("panel"),
    halo: token("map-halo"),
    select: token("select"),
    font: token("font"),
    hatch: hatching(context, soft),
  };
}

function hatching(context: CanvasRenderingContext2D, colour: string): CanvasPattern | null {
  const tile = new OffscreenCanvas(8, 8);
  const pen = tile.getContext("2d");
  if (!pen) return null;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.2;
  for (const shift of [-8, 0, 8]) {
    pen.moveTo(shift, 8);
    pen.lineTo(shift + 8, 0);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

const FIRE = new Path2D(
  "M0-8.500c.6 3.300 5.200 5.200 5.200 10.400 0 3.700-2.300 6.600-5.200 6.600s-5.200-2.700-5.200-6.200c0-2.200 1-3.900 2.100-5 .1 1.500.6 2.400 1.500 2.900C-1.700-3-1.300-6.300 0-8.500z",
);
const QUAKE = new Path2D("M-8 0h2.800l1.700-5 2.600 11 2.500-9.500 1.800 6L4.500 0H8");
const HORN = new Path2D("M-7-2v4h3l6 4.500v-13L-4-2z");
const BANDS = { P50: 0.95, P80: 0.65, P95: 0.4 } as const;
const PATH_UNIT = 2 ** 22; // paths count in these parts of the world's width, from their own corner
const paths = new WeakMap<Shape, Path2D>();

export function draw(
  context: CanvasRenderingContext2D,
  scene: Scene,
  view: View,
  ratio: number,
  colours: Palette,
): void {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const [w, , e] = boxOf(view);
  const turns = w > e || e - w >= 359 ? [-1, 0, 1] : [Math.round(view.x - 0.5)];
  drawCells(context, scene, view, turns, ratio, colours.soft);
  for (const turn of turns) {
    const shifted = { ...view, x: view.x - turn };
    drawShapes(context, scene.shapes, shifted, ratio, colours);
    drawPixels(context, scene.pixels, shifted, colours);
    drawPlaces(context, scene, shifted, colours);
    drawMarks(context, scene.marks, shifted, colours);
  }
}

let scratch: OffscreenCanvas | null = null;
let pixels: ImageData | null = null;

/** Cells of detections, up to 20,000: written as pixels, because so many rectangles are too dear without a graphics card. */
function drawCells(
  context: CanvasRenderingContext2D,
  scene: Scene,
  view: View,
  turns: readonly number[],
  ratio: number,
  ink: string,
): void {
  const { width, height } = context.canvas;
  if (!scene.cells.length || !width || !height) return;
  if (scratch?.width !== width || scratch.height !== height || !pixels) {
    scratch = new OffscreenCanvas(width, height);
    pixels = new ImageData(width, height);
  }
  const buffer = new Uint32Array(pixels.data.buffer);
  buffer.fill(0);
  const scale = scaleOf(view) * ratio;
  const colour = littleEndian(ink);
  for (const turn of turns) {
    const left = width / 2 - (view.x - turn) * scale;
    const top = height / 2 - view.y * scale;
    for (const cell of scene.cells) {
      const half = (1 + cell.weight * 2.2) * ratio;
      const x1 = Math.max(0, Math.round(left + cell.x * scale - half));
      const y1 = Math.max(0, Math.round(top + cell.y * scale - half));
      const x2 = Math.min(width, Math.round(left + cell.x * scale + half));
      const y2 = Math.min(height, Math.round(top + cell.y * scale + half));
      const value = ((Math.round((0.3 + 0.5 * cell.weight) * 255) << 24) | colour) >>> 0;
      for (let y = y1; y < y2; y++) if (x2 > x1) buffer.fill(value, y * width + x1, y * width + x2);
    }
  }
  scratch.getContext("2d")?.putImageData(pixels, 0, 0);
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(scratch, 0, 0);
  context.restore();
}

/** Positions as squares of their true size, at least a few pixels: fainter the less sure they are. */
function drawPixels(context: CanvasRenderingContext2D, packed: Float64Array, view: View, colours: Palette): void {
  const scale = scaleOf(view);
  const crowd = Math.max(0.35, Math.min(1, 400 / Math.max(1, packed.length))); // many over one another stay legible
  context.lineWidth = 1;
  for (const sure of [0, 1, 2]) {
    context.beginPath();
    for (let i = 0; i < packed.length; i += 4) {
      if (packed[i + 3] !== sure) continue;
      const px = ((packed[i] ?? 0) - view.x) * scale + view.width / 2;
      const py = ((packed[i + 1] ?? 0) - view.y) * scale + view.height / 2;
      if (px < -40 || py < -40 || px > view.width + 40 || py > view.height + 40) continue;
      const half = Math.max(1.5, (packed[i + 2] ?? 0) * scale);
      context.rect(px - half, py - half, 2 * half, 2 * half);
    }
    context.fillStyle = colours.text;
    context.strokeStyle = colours.text;
    context.globalAlpha = ([0.06, 0.12, 0.22][sure] ?? 0.1) * crowd;
    context.fill();
    context.globalAlpha = ([0.35, 0.6, 0.9][sure] ?? 0.5) * crowd;
    context.setLineDash(sure === 0 ? [2, 2] : []);
    context.stroke();
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
}

function pathOf(shape: Shape): Path2D {
  let path = paths.get(shape);
  if (!path) {
    path = new Path2D();
    for (const ring of shape.rings) {
      for (const [i, [x, y]] of ring.entries()) {
        const px = (x - shape.box[0]) * PATH_UNIT;
        const py = (y - shape.box[1]) * PATH_UNIT;
        if (i) path.lineTo(px, py);
        else path.moveTo(px, py);
      }
      path.closePath();
    }
    paths.set(shape, path);
  }
  return path;
}

const ORDER = { warning: 0, reach: 1, stale: 2, observed: 3 } as const;

function drawShapes(
  context: CanvasRenderingContext2D,
  shapes: readonly Shape[],
  view: View,
  ratio: number,
  colours: Palette,
): void {
  const scale = scaleOf(view);
  const seen = shapes.filter((shape) => {
    const left = (shape.box[0] - view.x) * scale + view.width / 2;
    const right = (shape.box[2] - view.x) * scale + view.width / 2;
    const top = (shape.box[1] - view.y) * scale + view.height / 2;
    const bottom = (shape.box[3] - view.y) * scale + view.height / 2;
    return (
      right > -9 &&
      bottom > -9 &&
      left < view.width + 9 &&
      top < view.height + 9 &&
      Math.max(right - left, bottom - top) > 3
    );
  });
  for (const shape of seen.sort(
    (a, b) => ORDER[a.certainty] - ORDER[b.certainty] || Number(a.chosen) - Number(b.chosen),
  )) {
    const unit = scale / PATH_UNIT;
    const left = (shape.box[0] - view.x) * scale + view.width / 2;
    const top = (shape.box[1] - view.y) * scale + view.height / 2;
    context.setTransform(unit * ratio, 0, 0, unit * ratio, left * ratio, top * ratio);
    drawShape(context, shape, 1 / unit, colours);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.setLineDash([]);
  context.globalAlpha = 1;
}

/** `px` is a screen pixel in the units of the path. */
function drawShape(context: CanvasRenderingContext2D, shape: Shape, px: number, colours: Palette): void {
  const path = pathOf(shape);
  const tone = shape.tone ? colours.tone[shape.tone] : colours.soft;
  context.lineJoin = "round";
  context.setLineDash([]);
  context.globalAlpha = 1;
  if (shape.certainty === "warning") {
    context.strokeStyle = tone;
    context.lineWidth = 4.5 * px;
    context.stroke(path);
    context.strokeStyle = colours.halo;
    context.lineWidth = 2 * px;
    context.stroke(path);
    return;
  }
  if (shape.certainty === "reach") {
    context.globalAlpha = shape.band ? BANDS[shape.band] : 0.5;
    context.strokeStyle = tone;
    context.setLineDash([7 * px, 5 * px]);
    context.lineWidth = 1.5 * px;
    context.stroke(path);
    return;
  }
  if (shape.certainty === "stale" && colours.hatch) {
    colours.hatch.setTransform(new DOMMatrix().scale(px));
    context.fillStyle = colours.hatch;
    context.globalAlpha = 0.75;
  } else {
    context.fillStyle = tone;
    context.globalAlpha = 0.22;
  }
  context.fill(path, "evenodd");
  context.globalAlpha = 1;
  if (shape.chosen) {
    context.strokeStyle = colours.select;
    context.lineWidth = 5 * px;
    context.stroke(path);
  }
  context.strokeStyle = tone;
  context.lineWidth = 1.8 * px;
  context.stroke(path);
}

type Taken = [number, number, number, number];

function drawPlaces(context: CanvasRenderingContext2D, scene: Scene, view: View, colours: Palette): void {
  const scale = scaleOf(view);
  const taken: Taken[] = [];
  context.font = `12px ${colours.font}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const place of scene.places) {
    const px = (place.x - view.x) * scale + view.width / 2;
    const py = (place.y - view.y) * scale + view.height / 2;
    if (px < -20 || py < -20 || px > view.width + 20 || py > view.height + 20) continue;
    const half = place.exposed ? 4 : 3;
    context.fillStyle = place.exposed ? colours.text : colours.halo;
    context.strokeStyle = place.exposed ? colours.halo : colours.soft;
    context.lineWidth = 1.4;
    context.fillRect(px - half, py - half, 2 * half, 2 * half);
    context.strokeRect(px - half, py - half, 2 * half, 2 * half);
    if (view.zoom < 9.5 && !place.exposed) continue;
    write(context, place.name, px + half + 4, py, place.exposed ? colours.text : colours.soft, colours.halo, taken);
  }
}

function write(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  colour: string,
  halo: string,
  taken: Taken[],
): boolean {
  const box: Taken = [x - 2, y - 8, x + context.measureText(text).width + 4, y + 8];
  if (taken.some((t) => box[0] < t[2] && box[2] > t[0] && box[1] < t[3] && box[3] > t[1])) return false;
  taken.push(box);
  context.lineWidth = 3.5;
  context.strokeStyle = halo;
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
  return true;
}

function drawMarks(context: CanvasRenderingContext2D, marks: readonly Mark[], view: View, colours: Palette): void {
  const taken: Taken[] = [];
  const scale = scaleOf(view);
  for (const mark of marks) {
    const px = (mark.x - view.x) * scale + view.width / 2;
    const py = (mark.y - view.y) * scale + view.height / 2;
    if (px < -30 || py < -30 || px > view.width + 30 || py > view.height + 30) continue;
    if (mark.weight < 2 && !mark.chosen) drawSign(context, mark, px, py, colours);
    else drawBadge(context, mark, px, py, colours);
  }
  context.font = `600 12.5px ${colours.font}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const mark of [...marks].reverse()) {
    if (!mark.label) continue;
    const px = (mark.x - view.x) * scale + view.width / 2;
    const py = (mark.y - view.y) * scale + view.height / 2;
    if (px < -80 || py < -20 || px > view.width + 20 || py > view.height + 20) continue;
    write(context, mark.label, px + 17, py, colours.text, colours.halo, taken);
  }
}

function drawSign(context: CanvasRenderingContext2D, mark: Mark, px: number, py: number, colours: Palette): void {
  context.globalAlpha = mark.faint ? 0.6 : 1;
  context.beginPath();
  context.arc(px, py, mark.weight ? 4.5 : 2.5, 0, 2 * Math.PI);
  context.fillStyle = mark.weight ? colours.text : colours.soft;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = colours.halo;
  context.stroke();
  context.globalAlpha = 1;
}

function drawBadge(context: CanvasRenderingContext2D, mark: Mark, px: number, py: number, colours: Palette): void {
  const tone = mark.tone ? colours.tone[mark.tone] : colours.text;
  context.beginPath();
  context.arc(px, py, 12.5, 0, 2 * Math.PI);
  if (mark.chosen) {
    context.lineWidth = 8;
    context.strokeStyle = colours.select;
    context.stroke();
  }
  context.fillStyle = colours.panel;
  context.fill();
  context.lineWidth = 2.2;
  context.strokeStyle = tone;
  context.stroke();
  context.save();
  context.translate(px, py);
  context.scale(0.92, 0.92);
  context.fillStyle = tone;
  if (mark.kind === "fire") context.fill(FIRE);
  else if (mark.kind === "earthquake") context.stroke(QUAKE);
  else context.fill(HORN);
  context.restore();
}
