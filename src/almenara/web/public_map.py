"""The map of the public page: the areas of the warnings in force, numbered as the text numbers them, as inline SVG."""

from collections.abc import Sequence

import numpy as np
import shapely

from almenara.model.cap import Alert
from almenara.model.cap.extent import shape
from almenara.report.basemap import View, land_path
from almenara.report.maps import fit, lon_window
from almenara.report.markup import Html, join, tag

_WIDTH, _HEIGHT = 720.0, 480.0
_KM_MIN = 25.0
#: So many areas are named on the map, by so many letters: more would cover each other.
_NAMED_MAX = 8
_NAME_CHARS_MAX = 28
#: Finer corners than this cannot be seen, user units.
_CORNER = 1.0
#: So many areas are drawn, the newest first: a page stays small on a bad line.
AREAS_MAX = 60


def warnings_map(alerts: Sequence[Alert], label: str) -> Html:
    """The areas of the messages, in their order from 1 on; nothing when none has a shape."""
    shapes = [(n, alert, shape(alert.info[0].area)) for n, alert in enumerate(alerts[:AREAS_MAX], 1) if alert.info]
    drawn = [(n, alert, area) for n, alert, area in shapes if not area.is_empty]
    if not drawn:
        return Html()
    corners = shapely.get_coordinates(shapely.union_all([shapely.box(*area.bounds) for _, _, area in drawn]))
    west, east = lon_window(shapely.get_coordinates([area for _, _, area in drawn])[:, 0])
    view = fit((west, corners[:, 1].min(), east, corners[:, 1].max()), _WIDTH, _HEIGHT, km_min=_KM_MIN)
    areas = [_area(area, alert.info[0].severity.value, view) for _, alert, area in reversed(drawn)]
    return tag(
        "svg",
        tag("path", d=Html(land_path(view)), class_="land"),
        *areas,
        *(_number(n, area, view, _name(alert) if n <= _NAMED_MAX else "") for n, alert, area in reversed(drawn)),
        viewBox=f"0 0 {view.width:g} {view.height:g}",
        role="img",
        aria_label=label,
        class_="map",
    )


def _area(area: shapely.Geometry, severity: str, view: View) -> Html:
    rings = []
    for ring in shapely.get_rings(area):
        lon, lat = shapely.get_coordinates(ring).T
        line = shapely.simplify(shapely.LineString(np.column_stack([view.x(lon), view.y(lat)])), _CORNER / 2)
        points = shapely.get_coordinates(line)
        if np.isfinite(points).all():
            rings.append("M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in points.tolist()) + "Z")
    return tag("path", d=Html("".join(rings)), class_=f"area {severity.lower()}")


def _name(alert: Alert) -> str:
    """Where it warns, in a few letters."""
    text = alert.info[0].area[0].area_desc
    return text if len(text) <= _NAME_CHARS_MAX else f"{text[: _NAME_CHARS_MAX - 1]}…"


def _number(number: int, area: shapely.Geometry, view: View, name: str) -> Html:
    largest = max(shapely.get_parts(area), key=lambda part: part.area)
    point = largest.representative_point()
    x, y = float(view.x(np.array(point.x))), float(view.y(np.array(point.y)))
    return join(
        [
            tag("circle", cx=f"{x:.0f}", cy=f"{y:.0f}", r=13, class_="dot"),
            tag("text", number, x=f"{x:.0f}", y=f"{y + 6:.0f}"),
            tag("text", name, x=f"{x:.0f}", y=f"{y + 34:.0f}", class_="place") if name else "",
        ]
    )
