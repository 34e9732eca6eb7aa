"""Maps as inline SVG: one of everything, and one for each important incident."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from almenara.report.basemap import Points, View, land_path
from almenara.report.folder import Hazard
from almenara.report.markup import Html, join, tag, two, whole

_OVERVIEW_WIDTH = 960.0
_SYMBOLS_MAX = 1_500  # beyond this, detections are shown as a density grid
_CELL = 7  # of that grid, in user units
_ZOOM_WIDTH, _ZOOM_HEIGHT = 440.0, 330.0
_LABELS_MAX = 9
_VERTICES_MAX = 4_000  # of a footprint on a map
_KM_PER_DEGREE = 111.195
_NICE = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on a zoomed map."""

    lon: float
    lat: float
    name: str
    observed: bool = True  # within reach of what was observed; else it could be reached


def overview(hazards: Sequence[Hazard], numbered: Sequence[tuple[int, float, float]]) -> Html:
    """All hazards of a run, the incidents of the zoomed maps with their numbers."""
    positions = [hazard.position() for hazard in hazards]
    known = np.array([p if p is not None else (math.nan, math.nan) for p in positions], dtype=np.float64).reshape(-1, 2)
    valid = np.isfinite(known).all(axis=1) & (np.abs(known[:, 1]) <= 90)
    if not valid.any():
        return tag("p", two("Ningún peligro tiene posición.", "No hazard has a position."), class_="none")
    view = _overview_view(known[valid])
    x, y = view.x(known[:, 0]), view.y(known[:, 1])
    quake, others = (np.array([h.properties.kind == kind for h in hazards]) for kind in ("earthquake", "warning"))
    live = np.array([hazard.properties.state in ("active", "dormant") for hazard in hazards])
    heat = valid & ~quake & ~others
    dense = int(heat.sum()) > _SYMBOLS_MAX
    layers: list[Html] = []
    if dense:
        layers.append(_density(x[heat], y[heat]))
        coast = tag("use", href="#land", class_="coast")
        layers.append(coast)
    else:
        for alive in (False, True):
            which = heat & (live == alive)
            layers.append(_symbols(x[which], y[which], "fire live" if alive else "fire over", _TRIANGLE))
    for alive in (False, True):
        which = np.flatnonzero(valid & quake & (live == alive))[-_SYMBOLS_MAX:]
        layers.append(_symbols(x[which], y[which], "quake live" if alive else "quake over", _DIAMOND))
        which = np.flatnonzero(valid & others & (live == alive))[-_SYMBOLS_MAX:]
        layers.append(_symbols(x[which], y[which], "others live" if alive else "others over", _SQUARE))
    for number, lon, lat in numbered:
        px, py = float(view.x(np.array(lon))), float(view.y(np.array(lat)))
        layers.append(_number(number, px, py))
    # The outline is written once: below as land, above a density grid as a coast.
    base = join([tag("defs", tag("path", d=Html(land_path(view)), id="land")), tag("use", href="#land", class_="land")])
    picture = _svg(view, "overview", [base, _graticule(view), *layers, _scale_bar(view)])
    return join([picture, _overview_legend(dense, bool(quake.any()), bool(others.any()))])


def zoom(
    hazards: Iterable[Hazard],
    places: Sequence[Mark],
    warning: Sequence[Sequence[tuple[float, float]]],
) -> Html:
    """One incident: footprints, rings of estimated intensity, places within reach and the area that was warned."""
    shapes = [(hazard, _shape(hazard)) for hazard in hazards]
    bands = [band for hazard, shape in shapes for band in _reach_bands(hazard, shape)]
    likely = [ring for level, rings in bands if level == "P50" for ring in rings]
    outline = _extent(shapes, places, [*warning, *likely])
    if outline is None:
        return tag("p", two("Sin posición conocida.", "No known position."), class_="none")
    view = fit(outline, _ZOOM_WIDTH, _ZOOM_HEIGHT, km_min=3.0)
    layers = [_base(view), _graticule(view)]
    for polygon in warning:
        ring = np.array(polygon, dtype=np.float64).reshape(-1, 2)
        layers.append(tag("path", d=_path([ring], view), class_="warned"))
    for hazard, shape in shapes:
        estimated = hazard.properties.kind == "earthquake"
        if shape is not None and not (estimated and hazard.properties.rings):
            rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(shape)]
            drawn = {"earthquake": "estimated", "warning": "others"}.get(hazard.properties.kind, "observed")
            layers.append(tag("path", d=_path(rings, view), class_=drawn))
        layers.append(_intensity_rings(hazard, view))
    layers += [_reach_rings(level, rings, view) for level, rings in bands]
    layers.append(_place_marks(places, view))
    return _svg(view, "zoom", [*layers, _scale_bar(view), _north(view)])


def _overview_view(known: Points) -> View:
    lon, lat = known[:, 0], known[:, 1]
    west, east = lon_window(lon)
    south, north = float(lat.min()), float(lat.max())
    if east - west > 150:
        south, north = min(-56.0, south), max(72.0, north)
        return View(-180.0, south, 180.0, north, _OVERVIEW_WIDTH, _OVERVIEW_WIDTH * (north - south) / 360.0)
    return fit((west, south, east, north), _OVERVIEW_WIDTH, 520.0, km_min=150.0)


def lon_window(lon: Points) -> tuple[float, float]:
    """The shortest stretch of longitudes that holds all: the widest gap lies outside it."""
    turned = np.sort(lon % 360.0)
    gaps = np.diff(np.concatenate([turned, [turned[0] + 360.0]]))
    widest = int(gaps.argmax())
    west = float(turned[(widest + 1) % len(turned)])
    west = west - 360.0 if west >= 180.0 else west
    return west, west + 360.0 - float(gaps[widest])


def fit(outline: tuple[float, float, float, float], width: float, height: float, *, km_min: float) -> View:
    west, south, east, north = outline
    lon, lat = (west + east) / 2, (south + north) / 2
    squeeze = max(math.cos(math.radians(lat)), 0.05)
    tall = max((north - south) * 1.16, km_min / _KM_PER_DEGREE)
    wide = max((east - west) * 1.16 * squeeze, tall * width / height)
    tall = wide * height / width
    return View(lon - wide / squeeze / 2, lat - tall / 2, lon + wide / squeeze / 2, lat + tall / 2, width, height)


def _extent(
    shapes: list[tuple[Hazard, shapely.Geometry | None]],
    places: Sequence[Mark],
    warning: Sequence[Sequence[tuple[float, float]] | Points],
) -> tuple[float, float, float, float] | None:
    parts = [shapely.get_coordinates(shape) for _, shape in shapes if shape is not None]
    parts += [np.array(polygon, dtype=np.float64).reshape(-1, 2) for polygon in warning]
    parts += [np.array([hazard.position()]) for hazard, shape in shapes if shape is None and hazard.position()]
    if places:
        parts.append(np.array([(mark.lon, mark.lat) for mark in places]))
    points = np.concatenate(parts) if parts else np.empty((0, 2))
    points = points[np.isfinite(points).all(axis=1) & (np.abs(points[:, 1]) <= 90)]
    if not len(points):
        return None
    west, east = lon_window(points[:, 0])
    return west, float(points[:, 1].min()), east, float(points[:, 1].max())


def _shape(hazard: Hazard) -> shapely.Geometry | None:
    shape = shapely.from_geojson(bytes(hazard.geometry).decode(), on_invalid="ignore")
    if shape is None or shape.is_empty or shapely.get_dimensions(shape) != 2:
        return None
    if shapely.get_num_coordinates(shape) > _VERTICES_MAX:
        west, south, east, north = shape.bounds
        shape = shapely.simplify(shape, max(east - west, north - south) / 1000)
    return shape if not shape.is_empty else None


def _base(view: View) -> Html:
    return tag("path", d=Html(land_path(view)), class_="land")


def _path(rings: Iterable[Points], view: View) -> Html:
    pieces = []
    for ring in rings:
        xy = np.column_stack([view.x(ring[:, 0]), view.y(ring[:, 1])])
        if len(xy) >= 2 and np.isfinite(xy).all():
            pieces.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in xy.tolist()) + "Z")
    return Html("".join(pieces))


_TRIANGLE = "l3.2 6h-6.4z"
_SQUARE = "m-2.6 0h5.2v5.2h-5.2z"
_DIAMOND = "l4 5l-4 5l-4-5z"


def _symbols(x: Points, y: Points, kind: str, shape: str) -> Html:
    lift = 4 if shape is _TRIANGLE else 5
    path = "".join(f"M{px:.1f} {py - lift:.1f}{shape}" for px, py in zip(x.tolist(), y.tolist(), strict=True))
    return tag("path", d=Html(path), class_=kind) if path else Html()


def _density(x: Points, y: Points) -> Html:
    cells, counts = np.unique((y // _CELL).astype(np.int64) * 4096 + (x // _CELL).astype(np.int64), return_counts=True)
    classes = np.minimum(np.log10(counts) * 2, 4).astype(np.int64)  # 1, 4, 10, 32, 100 and more
    layers = []
    for level in range(5):
        chosen = cells[classes == level]
        path = "".join(f"M{cell % 4096 * _CELL} {cell // 4096 * _CELL}h6v6h-6z" for cell in chosen.tolist())
        layers.append(tag("path", d=Html(path), class_=f"cell c{level}") if path else Html())
    return join(layers)


def _number(number: int, x: float, y: float) -> Html:
    return tag(
        "g",
        tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=9),
        tag("text", number, x=f"{x:.1f}", y=f"{y + 4:.1f}"),
        class_="number",
    )


def _intensity_rings(hazard: Hazard, view: View) -> Html:
    centre, rings = hazard.properties.epicentre, hazard.properties.rings
    if centre is None:
        return Html()
    lon, lat = centre
    x, y = float(view.x(np.array(lon))), float(view.y(np.array(lat)))
    parts = [tag("path", d=f"M{x - 6:.1f} {y:.1f}h12M{x:.1f} {y - 6:.1f}v12", class_="epicentre")]
    turn = np.linspace(0, 2 * np.pi, 73)
    for ring in rings or ():
        # A circle on the sphere, by the destination formula.
        reach = ring.radius_km / 6371.0088
        phi = math.radians(lat)
        ring_lat = np.arcsin(math.sin(phi) * math.cos(reach) + math.cos(phi) * math.sin(reach) * np.cos(turn))
        ring_lon = np.radians(lon) + np.arctan2(
            np.sin(turn) * math.sin(reach) * math.cos(phi), math.cos(reach) - math.sin(phi) * np.sin(ring_lat)
        )
        parts.append(
            tag("path", d=_path([np.degrees(np.column_stack([ring_lon, ring_lat]))], view), class_="estimated")
        )
        top = float(view.y(np.array(np.degrees(ring_lat[0]))))
        parts.append(
            tag("text", "MMI ", f"{ring.mmi:g}", x=f"{x:.1f}", y=f"{max(top + 12, 14):.1f}", class_="ringname")
        )
    return join(parts)


def _reach_bands(hazard: Hazard, shape: shapely.Geometry | None) -> list[tuple[str, list[Points]]]:
    """How far a fire could reach in 24 hours, by level: the rings round its footprint, degrees."""
    bands = hazard.properties.reach
    if bands is None or shape is None:
        return []
    squeeze = max(math.cos(math.radians(shape.centroid.y)), 0.05)
    flat = shapely.transform(shape, lambda lon_lat: lon_lat * [squeeze, 1.0])
    found = []
    for level, metres in (("P50", bands.p50_m), ("P80", bands.p80_m), ("P95", bands.p95_m)):
        if metres:
            grown = shapely.buffer(flat, metres[-1] / (_KM_PER_DEGREE * 1000.0), quad_segs=6)
            rings = [shapely.get_coordinates(ring) / [squeeze, 1.0] for ring in shapely.get_rings(grown)]
            found.append((level, rings))
    return found


def _reach_rings(level: str, rings: list[Points], view: View) -> Html:
    top = max(rings, key=lambda ring: float(ring[:, 1].max()))
    lon, lat = top[top[:, 1].argmax()]
    x, y = float(view.x(np.array(lon))), float(view.y(np.array(lat)))
    name = tag("text", level, x=f"{x:.1f}", y=f"{y - 2:.1f}", class_="reachname")
    shown = 10 < x < view.width - 10 and 12 < y < view.height
    return join([tag("path", d=_path(rings, view), class_=f"reach {level.lower()}"), name if shown else None])


def _place_marks(places: Sequence[Mark], view: View) -> Html:
    marks: list[Html] = []
    labels: list[Html] = []
    taken: list[tuple[float, float, float]] = []  # x, y, width of labels
    for mark in places:
        x, y = float(view.x(np.array(mark.lon))), float(view.y(np.array(mark.lat)))
        if not (0 <= x <= view.width and 0 <= y <= view.height):
            continue
        marks.append(
            tag(
                "rect",
                x=f"{x - 3:.1f}",
                y=f"{y - 3:.1f}",
                width=6,
                height=6,
                class_="place" if mark.observed else "place could",
            )
        )
        text = mark.name if len(mark.name) <= 28 else mark.name[:27] + "…"
        width = 6.4 * len(text)
        if len(labels) == _LABELS_MAX:
            continue
        for left, base in ((x + 7, y + 4), (x - 7 - width, y + 4), (x - width / 2, y + 15), (x - width / 2, y - 7)):
            inside = left >= 2 and left + width <= view.width - 2 and 12 <= base <= view.height - 4
            if inside and all(abs(base - ty) > 12 or left > tx + tw or left + width < tx for tx, ty, tw in taken):
                taken.append((left, base, width))
                labels.append(tag("text", text, x=f"{left:.1f}", y=f"{base:.1f}"))
                break
    return tag("g", *marks, *labels, class_="places")


def _graticule(view: View) -> Html:
    span = view.east - view.west
    step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30) if span / s <= 7), 60)
    lines, texts = [], []
    digits = max(0, -math.floor(math.log10(step)))
    for lon in np.arange(math.ceil(view.west / step) * step, view.east, step).tolist():
        x = (lon - view.west) * (view.width / (view.east - view.west))
        lines.append(f"M{x:.1f} 0V{view.height:.0f}")
        near = (lon + 180.0) % 360.0 - 180.0
        if 34 < x < view.width - 34:
            texts.append(_tick(f"{abs(near):.{digits}f}°{_side(near, 'E', 'W')}", x + 2, view.height - 3))
    for lat in np.arange(math.ceil(view.south / step) * step, view.north, step).tolist():
        y = float(view.y(np.array(lat)))
        lines.append(f"M0 {y:.1f}H{view.width:.0f}")
        if 24 < y < view.height - 24:
            texts.append(_tick(f"{abs(lat):.{digits}f}°{_side(lat, 'N', 'S')}", 3, y - 2))
    return tag("g", tag("path", d=Html("".join(lines))), *texts, class_="grid")


def _tick(text: str, x: float, y: float) -> Html:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}")


def _side(value: float, positive: str, negative: str) -> str:
    return "" if abs(value) < 1e-9 or abs(value) > 179.999 else positive if value > 0 else negative


def _scale_bar(view: View) -> Html:
    squeeze = math.cos(math.radians((view.south + view.north) / 2))
    km_per_unit = (view.east - view.west) * squeeze * _KM_PER_DEGREE / view.width
    wanted = km_per_unit * view.width / 5
    power = 10.0 ** math.floor(math.log10(wanted))
    km = max(nice * power for nice in _NICE if nice * power <= wanted)
    length, x, y = km / km_per_unit, view.width - 14, view.height - 22
    label: list[object] = [whole(km), " km"] if km >= 1 else [whole(km * 1000), " m"]
    return tag(
        "g",
        tag("path", d=f"M{x - length:.1f} {y - 5:.0f}v5H{x:.1f}v-5"),
        tag("text", *label, x=f"{x - length / 2:.1f}", y=f"{y - 5:.0f}", text_anchor="middle"),
        class_="scale",
    )


def _north(view: View) -> Html:
    x = view.width - 18
    return tag(
        "g",
        tag("path", d=f"M{x:.0f} 8l6 16l-6-4l-6 4z"),
        tag("text", "N", x=f"{x:.0f}", y=36, text_anchor="middle"),
        class_="north",
    )


def _svg(view: View, kind: str, layers: list[Html]) -> Html:
    frame = tag("rect", width=f"{view.width:.0f}", height=f"{view.height:.0f}", class_="sea")
    return tag(
        "svg", frame, *layers, viewBox=f"0 0 {view.width:.0f} {view.height:.0f}", class_=f"map {kind}", role="img"
    )


def _overview_legend(dense: bool, quakes: bool, others: bool) -> Html:
    items = [two("① zona del mapa de cada incidente", "① area of each incident's map")]
    if dense:
        steps = ("1–3", "4–9", "10–31", "32–99", "100+")
        for level, text in enumerate(steps):
            items.append(join([_swatch("M1 3h10v10h-10z", f"cell c{level}"), text]))
        items.append(two("incendios por celda", "fires in a cell"))
    else:
        items.append(join([_swatch("M7 4" + _TRIANGLE, "fire live"), two("incendio activo", "active fire")]))
        items.append(join([_swatch("M7 4" + _TRIANGLE, "fire over"), two("incendio terminado", "fire that is over")]))
    if quakes:
        items.append(join([_swatch("M7 3" + _DIAMOND, "quake live"), two("sismo", "earthquake")]))
    if others:
        words = two("aviso de otra autoridad", "another authority's warning")
        items.append(join([_swatch("M7 5" + _SQUARE, "others live"), words]))
    items.append(two("Fondo: Natural Earth, solo para orientarse.", "Base map: Natural Earth, for orientation only."))
    return tag("p", *(tag("span", item, class_="item") for item in items), class_="legend")


def zoom_legend() -> Html:
    """What the zoomed maps' lines mean."""
    square = "M2 3h10v10h-10z"
    items = (
        (square, "observed", "huella observada", "observed footprint"),
        (square, "estimated", "intensidad estimada", "estimated intensity"),
        (square, "others", "área del aviso de otra autoridad", "area of another authority's warning"),
        (square, "warned", "área avisada", "warned area"),
        (square, "reach p95", "hasta dónde podría llegar en 24 h (P50, P80, P95)", "how far it could reach in 24 h"),
        ("M4 5h6v6h-6z", "place", "lugar expuesto", "exposed place"),
        ("M4 5h6v6h-6z", "place could", "podría ser alcanzado", "could be reached"),
    )
    return tag(
        "p",
        *(tag("span", _swatch(d, kind), two(es, en), class_="item") for d, kind, es, en in items),
        class_="legend",
    )


def _swatch(path: str, kind: str) -> Html:
    return tag("svg", tag("path", d=path, class_=kind), viewBox="0 0 14 16", class_="swatch map", aria_hidden="true")
