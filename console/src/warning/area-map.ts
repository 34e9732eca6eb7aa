/** `<alm-area-map>`: a warning's area with its corners, what it is about and the places in reach; with `editable`, drawn by hand. */
import { css, html, LitElement, nothing, type SVGTemplateResult, svg, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { get } from "../api/client";
import type { Box, PlaceRef, Position } from "../api/types";
import { distance } from "../format/units";
import { localeChanges, t } from "../i18n";
import { base } from "../theme/styles";
import { boxOf, type Sheet, scaleBar, sheetOf, widened } from "./project";

const WIDTH = 480;
const HEIGHT = 400;
const PLACES_MAX = 60;
const NAMES_MAX = 8;

export class AreaDrawn extends CustomEvent<{ ring: Position[] }> {
  constructor(ring: Position[]) {
    super("area-drawn", { detail: { ring }, bubbles: true, composed: true });
  }
}

@customElement("alm-area-map")
export class AreaMap extends LitElement {
  static override styles = [
    base,
    css`
      :host { display: block; }
      svg { display: block; width: 100%; height: auto; background: var(--land); border: 1px solid var(--line); border-radius: var(--radius); }
      .area { fill: var(--select); fill-opacity: 0.16; stroke: var(--select); stroke-width: 1.8; }
      .before { fill: none; stroke: var(--soft); stroke-width: 1.4; stroke-dasharray: 5 4; }
      .footprint { fill: var(--tone, var(--severe)); fill-opacity: 0.55; stroke: var(--severe); stroke-width: 1; }
      .corner { fill: var(--panel); stroke: var(--select); stroke-width: 1.5; }
      .editable .corner { cursor: grab; }
      .editable svg { cursor: crosshair; }
      .place { fill: var(--text); }
      text { fill: var(--text); font: 500 11px var(--font); paint-order: stroke; stroke: var(--map-halo); stroke-width: 3px; }
      .scale { stroke: var(--text); stroke-width: 1.5; fill: none; }
      .draw { display: flex; gap: 0.5rem; margin-top: 0.4rem; flex-wrap: wrap; }
    `,
  ];
  @property({ attribute: false }) area: GeoJSON.MultiPolygon | null = null;
  @property({ attribute: false }) lastArea: GeoJSON.MultiPolygon | null = null; // as it was last said
  @property({ attribute: false }) footprints: GeoJSON.Geometry[] = [];
  @property({ attribute: false }) around: Box | null = null; // what to show while there is no area
  @property({ type: Boolean }) editable = false;
  @state() private places: PlaceRef[] = [];
  @state() private box: Box | null = null;
  @query("svg") private readonly drawing!: SVGSVGElement | null;
  private asked = "";
  private dragging: number | null = null;
  private readonly redraw = (): void => this.requestUpdate();

  override connectedCallback(): void {
    super.connectedCallback();
    localeChanges.addEventListener("change", this.redraw);
  }

  override disconnectedCallback(): void {
    localeChanges.removeEventListener("change", this.redraw);
    super.disconnectedCallback();
  }

  protected override willUpdate(): void {
    const held = this.editable && this.box !== null && this.area !== null;
    if (!held) this.box = this.whole();
    void this.findPlaces();
  }

  private whole(): Box | null {
    const outline = this.area ? boxOf(rings(this.area).flat()) : null;
    return outline ?? this.around;
  }

  private async findPlaces(): Promise<void> {
    if (!this.box) return;
    const bbox = widened(this.box, 0.3)
      .map((n) => n.toFixed(4))
      .join(",");
    if (bbox === this.asked) return;
    this.asked = bbox;
    const found = await get<{ items: PlaceRef[] }>("/places", { bbox, limit: 500 }).catch(() => ({ items: [] }));
    this.places = found.items.sort((a, b) => (b.population ?? 0) - (a.population ?? 0)).slice(0, PLACES_MAX);
  }

  protected override render(): TemplateResult {
    if (!this.box) return html`<p class="notice soft">${t("area.none")}</p>`;
    const sheet = sheetOf(this.box, WIDTH, HEIGHT);
    const outlines = this.area ? rings(this.area) : [];
    const corners = outlines.reduce((sum, ring) => sum + Math.max(0, ring.length - 1), 0);
    return html`<div class=${this.editable ? "editable" : ""}>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${t("area.map", { n: corners })} data-testid="area-map"
        @pointerdown=${this.down} @pointermove=${this.move} @pointerup=${this.up} @pointercancel=${this.up}>
        ${this.lastArea ? svg`<path class="before" d=${path(rings(this.lastArea), sheet)}></path>` : nothing}
        ${outlines.length ? svg`<path class="area" fill-rule="evenodd" d=${path(outlines, sheet)}></path>` : nothing}
        ${this.footprints.map((shape) => svg`<path class="footprint" fill-rule="evenodd" d=${path(ringsOf(shape), sheet)}></path>`)}
        ${this.places.map((place, i) => this.renderPlace(place, i, sheet))}
        ${this.editable || corners <= 100 ? outlines.flatMap((ring) => ring.slice(0, -1)).map((position, i) => corner(position, i, sheet)) : nothing}
        ${renderScale(sheet)}
      </svg>
      ${this.editable ? this.renderTools(corners) : nothing}
    </div>`;
  }

  private renderPlace(place: PlaceRef, i: number, sheet: Sheet): SVGTemplateResult {
    const [x, y] = sheet.toSheet([place.lon, place.lat]);
    return svg`<g><circle class="place" cx=${x} cy=${y} r=${i < NAMES_MAX ? 3 : 1.8}><title>${place.name}</title></circle>
      ${i < NAMES_MAX ? svg`<text x=${x + 5} y=${y - 4}>${place.name}</text>` : nothing}</g>`;
  }

  private renderTools(corners: number): TemplateResult {
    return html`<div class="draw">
      <span class="small soft">${t("area.draw-how")}</span>
      <button type="button" ?disabled=${corners === 0} @click=${() => this.put(this.ring().slice(0, -1))}>${t("area.undo-corner")}</button>
      <button type="button" ?disabled=${corners === 0} @click=${() => this.put([])}>${t("area.clear")}</button>
    </div>`;
  }

  /** The corners of the one ring that is drawn, not closed. */
  private ring(): Position[] {
    const [ring] = this.area ? rings(this.area) : [];
    return ring ? ring.slice(0, -1) : [];
  }

  private put(ring: Position[]): void {
    this.dispatchEvent(new AreaDrawn(ring));
  }

  private at(event: PointerEvent): Position | null {
    const matrix = this.drawing?.getScreenCTM();
    if (!matrix || !this.box) return null;
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    return sheetOf(this.box, WIDTH, HEIGHT).toEarth(point.x, point.y);
  }

  private down(event: PointerEvent): void {
    if (!this.editable) return;
    const index = (event.target as Element).getAttribute("data-corner");
    if (index !== null) {
      this.dragging = Number(index);
      this.drawing?.setPointerCapture(event.pointerId);
      return;
    }
    const here = this.at(event);
    if (here) this.put(inserted(this.ring(), here));
  }

  private move(event: PointerEvent): void {
    if (this.dragging === null) return;
    const here = this.at(event);
    if (!here) return;
    const ring = this.ring();
    ring[this.dragging] = here;
    this.put(ring);
  }

  private up(): void {
    this.dragging = null;
  }
}

function corner(position: Position, i: number, sheet: Sheet): SVGTemplateResult {
  const [x, y] = sheet.toSheet(position);
  return svg`<circle class="corner" data-corner=${i} cx=${x} cy=${y} r="3.2"></circle>`;
}

function renderScale(sheet: Sheet): SVGTemplateResult {
  const { metres, units } = scaleBar(sheet, 120);
  const y = sheet.height - 14;
  return svg`<path class="scale" d="M12 ${y - 5}v5h${units}v-5"></path><text x="14" y=${y - 8}>${distance(metres)}</text>`;
}

/** A new corner goes where it lengthens the outline least; the first three follow each other. */
export function inserted(ring: readonly Position[], here: Position): Position[] {
  if (ring.length < 3) return [...ring, here];
  let best = ring.length;
  let least = Number.POSITIVE_INFINITY;
  ring.forEach((from, i) => {
    const to = ring[(i + 1) % ring.length] ?? from;
    const more = away(from, here) + away(here, to) - away(from, to);
    if (more < least) {
      least = more;
      best = i + 1;
    }
  });
  return [...ring.slice(0, best), here, ...ring.slice(best)];
}

function away(a: Position, b: Position): number {
  return Math.hypot((a[0] - b[0]) * Math.cos((a[1] * Math.PI) / 180), a[1] - b[1]);
}

export function rings(area: GeoJSON.MultiPolygon): Position[][] {
  return area.coordinates.flat() as Position[][];
}

function ringsOf(shape: GeoJSON.Geometry): Position[][] {
  if (shape.type === "Polygon") return shape.coordinates as Position[][];
  if (shape.type === "MultiPolygon") return rings(shape);
  return shape.type === "GeometryCollection" ? shape.geometries.flatMap(ringsOf) : [];
}

function path(outlines: Position[][], sheet: Sheet): string {
  return outlines
    .map(
      (ring) =>
        `M${ring
          .map((p) =>
            sheet
              .toSheet(p)
              .map((n) => n.toFixed(1))
              .join(" "),
          )
          .join("L")}Z`,
    )
    .join("");
}
