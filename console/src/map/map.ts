/** The map: a base map by WebGL, or by a plain canvas where that is missing or slow, and our drawing over it; or tables instead. */
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import type { Box, Hazard } from "../api/types";
import { AlmenaraElement } from "../common/element";
import { say } from "../common/notices";
import { area, magnitude } from "../format/units";
import { language, localeChanges, t } from "../i18n";
import { picture } from "../live/store";
import { Keys } from "../shell/keys";
import { preferenceChanges, preferences, theme } from "../shell/preferences";
import { go, link } from "../shell/router";
import { icon } from "../theme/icons";
import { draw, type Palette, palette } from "./drawing";
import { focus } from "./focus";
import { type Ground, hasWebGl } from "./ground";
import "./legend";
import { LayerLoader } from "./layers";
import { cellsOf, EMPTY, hit, marksOf, pixelsOf, placesOf, type Scene, shapeOf, shapesOf, tones } from "./scene";
import "./situation-table";
import { timeline } from "./timeline";
import { around, boxOf, fromScreen, project, scaleOf, type View, viewOf } from "./view";

const FINGER = 16; // pixels within which a press means a mark
const SLOW = "almenara.slow-webgl"; // this session found WebGL too slow
const ZOOM_FAR = 4; // a continent, when there is nothing to show

@customElement("alm-map")
export class AlmMap extends AlmenaraElement {
  static override styles = [
    AlmenaraElement.styles,
    css`
      :host { display: block; }
      .map, .ground, canvas.drawing { position: absolute; inset: 0; width: 100%; height: 100%; }
      canvas.drawing { pointer-events: none; }
      .ground { overflow: hidden; user-select: none; }
      .ground .maplibregl-canvas-container { height: 100%; cursor: grab; touch-action: none; }
      .ground .maplibregl-canvas { position: absolute; left: 0; top: 0; }
      .stale canvas.drawing { opacity: 0.55; filter: grayscale(0.6); }
      .tools { position: absolute; right: 0.75rem; top: 0.75rem; display: grid; gap: 0.4rem; }
      .tools button { width: 2.25rem; height: 2.25rem; padding: 0; background: var(--panel); border-color: var(--line); }
      .note { position: absolute; left: 0.75rem; top: 0.75rem; max-width: 70%; padding: 0.3rem 0.7rem; background: var(--panel); border: 1px solid var(--line-strong); border-radius: var(--radius); font-size: var(--size-s); }
      alm-legend { position: absolute; left: 0.75rem; bottom: 0.6rem; }
      .credit { position: absolute; right: 0.6rem; bottom: 0.35rem; font-size: 0.6875rem; color: var(--map-text); text-shadow: 0 0 3px var(--map-halo); pointer-events: none; }
      alm-situation-table { position: absolute; inset: 0; overflow: auto; background: var(--ground); padding: 1rem 1.25rem; }
    `,
  ];
  protected override readonly topics = ["hazard", "incident", "warning", "queue", "connection"] as const;
  @state() private engine: "webgl" | "canvas" | "off" = "off";
  @query(".ground") private readonly groundElement!: HTMLElement | null;
  @query("canvas.drawing") private readonly canvas!: HTMLCanvasElement | null;
  private ground: Ground | null = null;
  private building: object | null = null;
  private scene: Scene = EMPTY;
  private palette: Palette | null = null;
  private last: View | null = null;
  private placed = false;
  private readonly loader = new LayerLoader(() => this.redrawScene());
  private readonly sized = new ResizeObserver(() => this.resize());

  constructor() {
    super();
    new Keys(this, [
      { key: "+", label: "key.zoom-in", group: "keys.map", run: () => this.zoom(1) },
      { key: "-", label: "key.zoom-out", group: "keys.map", run: () => this.zoom(-1) },
      { key: "0", label: "key.whole", group: "keys.map", run: () => this.whole() },
    ]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    preferenceChanges.addEventListener("change", this.onPreferences);
    localeChanges.addEventListener("change", this.onPreferences);
    timeline.addEventListener("change", this.onTime);
    focus.addEventListener("change", this.onFocus);
    focus.addEventListener("look", this.onLook);
    this.sized.observe(this);
    this.choose();
  }

  override disconnectedCallback(): void {
    preferenceChanges.removeEventListener("change", this.onPreferences);
    localeChanges.removeEventListener("change", this.onPreferences);
    timeline.removeEventListener("change", this.onTime);
    focus.removeEventListener("change", this.onFocus);
    focus.removeEventListener("look", this.onLook);
    this.sized.disconnect();
    this.loader.stop();
    this.drop();
    super.disconnectedCallback();
  }

  protected override render(): TemplateResult {
    if (this.engine === "off") return html`<alm-situation-table></alm-situation-table>`;
    return html`<div class="map ${picture.stale ? "stale" : ""}" data-testid="map" data-engine=${this.engine}>
        <div class="ground"></div><canvas class="drawing" aria-hidden="true"></canvas>
      </div>
      ${timeline.at === null ? nothing : html`<p class="note" role="status">${t("map.past")} <alm-when at=${new Date(timeline.at).toISOString()}></alm-when></p>`}
      <div class="tools">
        <button aria-label=${t("key.zoom-in")} title="${t("key.zoom-in")} (+)" @click=${() => this.zoom(1)}>${icon("plus")}</button>
        <button aria-label=${t("key.zoom-out")} title="${t("key.zoom-out")} (−)" @click=${() => this.zoom(-1)}>${icon("minus")}</button>
        <button aria-label=${t("key.whole")} title="${t("key.whole")} (0)" @click=${() => this.whole()}>${icon("whole")}</button>
      </div>
      <alm-legend></alm-legend>
      <p class="credit">${t("map.credit")}${[picture.places.attribution].flat().map((each) => ` · ${each}`)}</p>`;
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has("engine") || (!this.ground && this.engine !== "off")) void this.build();
    if (this.ground) {
      this.redrawScene();
      this.load(1_000);
    }
  }

  /** Which engine: the person's wish, then what the browser can do. */
  private choose(): void {
    const slow = sessionStorage.getItem(SLOW) !== null;
    if (preferences.map === "off") this.engine = "off";
    else this.engine = preferences.map === "canvas" || slow || !hasWebGl() ? "canvas" : "webgl";
  }

  private async build(): Promise<void> {
    this.drop();
    const element = this.groundElement;
    if (this.engine === "off" || !element) return;
    const mine = {};
    this.building = mine;
    const view = { ...(this.last ?? this.home()), width: this.clientWidth, height: this.clientHeight };
    const made =
      this.engine === "webgl"
        ? new (await import("./ground-webgl")).WebGlGround(element, view, theme(), language(), () => this.tooSlow())
        : new (await import("./ground-canvas")).CanvasGround(element, view, theme(), language());
    if (this.building !== mine) {
      made.remove();
      return;
    }
    this.ground = made;
    made.onFrame(() => this.paint());
    made.onSettled(() => this.load());
    made.onPress((x, y) => this.press(x, y));
    this.redrawScene();
    this.onLook();
    this.load(0);
  }

  private drop(): void {
    this.building = null;
    if (this.ground) this.last = this.ground.view();
    this.ground?.remove();
    this.ground = null;
    this.palette = null;
  }

  private tooSlow(): void {
    sessionStorage.setItem(SLOW, "true");
    say({ text: t("map.slow") });
    this.choose();
  }

  private readonly onPreferences = (): void => {
    this.palette = null;
    const before = this.engine;
    this.choose();
    if (this.engine === before) this.ground?.restyle(theme(), language());
    this.requestUpdate();
  };

  private readonly onTime = (): void => {
    this.load(80);
    this.requestUpdate();
  };

  private readonly onFocus = (): void => this.redrawScene();

  private readonly onLook = (): void => {
    if (!this.ground) return;
    const at = focus.takeWanted();
    if (!at) return;
    const { width, height, zoom } = this.ground.view();
    if (at.length === 4) {
      this.ground.setView(viewOf(at, width, height, 12, 90), true);
      return;
    }
    const [x, y] = project(...at);
    this.ground.setView({ x, y, zoom: Math.max(zoom, 9), width, height }, true);
  };

  private resize(): void {
    this.ground?.resize();
    this.paint();
  }

  /** Where to look at first: what needs a decision, else what threatens somebody, else the fires, else everything there is. */
  private home(): View {
    const grave = tones(this.situation());
    const all = [...picture.hazards.values()].filter((hazard) => hazard.epicentre ?? hazard.centre);
    const ranks = [
      all.filter((hazard) => grave.has(hazard.id)),
      all.filter((hazard) => hazard.incident !== null || hazard.exposed.places > 0),
      all.filter((hazard) => hazard.kind === "fire"),
      all,
    ];
    const shown = ranks.find((hazards) => hazards.length > 0) ?? [];
    const box = around(shown.map(boxOfHazard));
    const [width, height] = [this.clientWidth || 800, this.clientHeight || 600];
    this.placed = box !== null;
    return box ? viewOf(box, width, height, 9, 90) : { x: 0.28, y: 0.5, zoom: ZOOM_FAR, width, height };
  }

  private whole(): void {
    this.ground?.setView(this.home(), true);
  }

  private zoom(step: number): void {
    if (!this.ground) return;
    const view = this.ground.view();
    this.ground.setView({ ...view, zoom: view.zoom + step }, true);
  }

  private load(pauseMs?: number): void {
    if (!this.ground) return;
    const view = this.ground.view();
    if (view.width) this.loader.load(boxOf(view, 0.15), view.zoom, pauseMs);
  }

  private press(px: number, py: number): void {
    if (!this.ground) return;
    const view = this.ground.view();
    const [x, y] = fromScreen(view, px, py);
    const found = hit(this.scene, x, y, FINGER / scaleOf(view));
    go(found ? link("hazards", found) : "#/");
  }

  private situation(): Parameters<typeof tones>[0] {
    return {
      queue: picture.queue,
      incidents: [...picture.incidents.values()],
      warnings: [...picture.warnings.values()],
    };
  }

  private redrawScene(): void {
    if (!this.placed && this.ground && picture.hazards.size) this.ground.setView(this.home());
    const { footprints, cells, places, areas } = this.loader.layers;
    const grave = tones(this.situation());
    const warned = [...areas].flatMap(([identifier, geometry]) => {
      const warning = picture.warnings.get(identifier);
      const shape =
        warning &&
        shapeOf(geometry, { id: identifier, certainty: "warning", band: null, tone: warning.severity, chosen: false });
      return shape && warning.state === "in-force" ? [shape] : [];
    });
    this.scene = {
      shapes: [...warned, ...shapesOf(footprints, grave, focus.hazard)],
      marks: marksOf(standing(timeline.at), grave, focus.hazard, labelOf),
      places: placesOf(places, focus.exposed),
      cells: focus.evidence.length ? [] : cellsOf(cells),
      pixels: pixelsOf(
        timeline.at === null ? focus.evidence : focus.evidence.filter((p) => Date.parse(p.time) <= (timeline.at ?? 0)),
      ),
    };
    this.paint();
  }

  private paint(): void {
    const canvas = this.canvas;
    const view = this.ground?.view();
    if (!canvas || !view?.width) return;
    const ratio = Math.min(2, devicePixelRatio);
    if (canvas.width !== Math.round(view.width * ratio) || canvas.height !== Math.round(view.height * ratio)) {
      canvas.width = Math.round(view.width * ratio);
      canvas.height = Math.round(view.height * ratio);
    }
    const context = canvas.getContext("2d");
    if (!context) return;
    this.palette ??= palette(context);
    draw(context, this.scene, view, ratio, this.palette);
  }
}

/** The hazards that had begun by a moment; null: now. */
function standing(at: number | null): Hazard[] {
  return [...picture.hazards.values()].filter((hazard) => at === null || Date.parse(hazard.first_seen) <= at);
}

function boxOfHazard(hazard: Hazard): Box {
  const [x, y] = hazard.epicentre ?? hazard.centre ?? [0, 0];
  return hazard.kind === "fire" && hazard.bbox ? hazard.bbox : [x, y, x, y];
}

function labelOf(hazard: Hazard): string {
  if (hazard.magnitude !== null) return `M ${magnitude(hazard.magnitude)}`;
  return hazard.area_km2 === null ? "" : area(hazard.area_km2);
}
