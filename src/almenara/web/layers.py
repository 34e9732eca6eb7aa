"""The collections that GIS programs open: hazards, places and the warnings that were sent, as layers of features."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from almenara.model.cap.extent import shape
from almenara.service.press import Published
from almenara.stages.hazards import View
from almenara.web.ogc import Layer, iso

TITLES = {
    "hazards": ("Hazards", "Fires, earthquakes and others' warnings that are followed, each with its footprint."),
    "places": ("Places", "What is protected: towns, schools, hospitals, reserves."),
    "warnings": ("Warnings", "The messages that were sent to the public, each with its area."),
}


def hazards_layer(views: Sequence[View]) -> Layer:
    """Hazards by id: fires and others' warnings by their areas, earthquakes by their epicentres."""
    shapes = [shapely.Point(view.epicentre) if view.epicentre is not None else view.footprint for view in views]
    begin = np.array([view.first_seen_ms for view in views], np.int64)
    end = np.array([view.last_seen_ms for view in views], np.int64)

    def told(row: int) -> Mapping[str, Any]:
        view = views[row]
        return {
            "kind": view.kind,
            "state": view.state,
            "label": view.label,
            "first_seen": iso(view.first_seen_ms),
            "last_seen": iso(view.last_seen_ms),
            "area_km2": None if view.area_km2 is None else round(view.area_km2, 4),
            "observations": view.observations,
            "confidence": view.confidence,
            "certainty": view.certainty,
            "suppressed": view.suppressed,
            "platforms": ", ".join(view.platforms),
            "frp_max_mw": view.frp_max_mw,
            "magnitude": view.magnitude,
            "depth_km": view.depth_km,
        }

    return _layer("hazards", [view.id for view in views], shapes, told, (begin, end))


def places_layer(table: pa.Table, attribution: str) -> Layer:
    """Places (model.places.PLACES) by id: points, or areas where they are known."""
    areas = table.column("geometry").to_pylist()
    shapes = shapely.points(table.column("lon").to_numpy(), table.column("lat").to_numpy())
    known = [row for row, wkb in enumerate(areas) if wkb is not None]
    shapes[known] = shapely.from_wkb([areas[row] for row in known])
    plain = table.drop_columns(["geometry", "lon", "lat", "id"])

    def told(row: int) -> Mapping[str, Any]:
        found: dict[str, Any] = plain.slice(row, 1).to_pylist()[0]
        return found

    return _layer("places", table.column("id").to_pylist(), shapes, told, None, attribution)


def warnings_layer(messages: Sequence[Published]) -> Layer:
    """Messages by identifier, each with its area and for as long as it lasts."""
    shapes = [shape(message.alert.info[0].area) if message.alert.info else None for message in messages]
    begin = np.array([message.sent_ms for message in messages], np.int64)
    end = np.array([message.expires_ms for message in messages], np.int64)

    def told(row: int) -> Mapping[str, Any]:
        message = messages[row]
        info = message.alert.info[0] if message.alert.info else None
        about = {name: None if info is None else getattr(info, name) for name in ("event", "headline", "instruction")}
        grave = {
            name: None if info is None else getattr(info, name).value for name in ("severity", "urgency", "certainty")
        }
        return {
            "thread": message.thread,
            "state": message.state,
            "status": message.alert.status.value,
            "msg_type": message.alert.msg_type.value,
            "sent": iso(message.sent_ms),
            "expires": iso(message.expires_ms),
            **grave,
            **about,
            "area": None if info is None else "; ".join(area.area_desc for area in info.area),
        }

    return _layer("warnings", [message.identifier for message in messages], shapes, told, (begin, end))


def _layer(name: str, ids: list[str], shapes: Any, told: Any, times: Any, attribution: str = "") -> Layer:
    geometries = np.empty(len(ids), object)
    geometries[:] = [None if one is None or one.is_empty else one for one in shapes]
    title, description = TITLES[name]
    return Layer(name, title, description, ids, geometries, told, times, attribution)
