"""Small tables for the tests of the stages: detections, earthquakes and places from a few words each."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from almenara.model.observations import OBSERVATIONS, detection_keys, named_key, to_ipc
from almenara.model.places import PLACES
from almenara.stages import exposure, observations

T0 = 28_000_000 * 60_000  # ms
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LON, LAT = -79.2, -4.2

Row = Mapping[str, Any]


def detections(rows: Iterable[Row]) -> pa.Table:
    """Detections; each row: x, y in km from (LON, LAT) or lon, lat in degrees; t in minutes from T0."""
    return _table([_detection(row) for row in rows])


def quakes(rows: Iterable[Row]) -> pa.Table:
    """Earthquakes; each row: id, and what differs from a shallow M 6 at (LON, LAT) at T0. `t` in minutes."""
    return _table([_quake(row) for row in rows])


def _detection(row: Row) -> dict[str, Any]:
    lon = row.get("lon", LON + row.get("x", 0.0) / 111.0)
    lat = row.get("lat", LAT + row.get("y", 0.0) / 110.6)
    platform = row.get("platform", "S-NPP")
    minute = T0 // MINUTE + row["t"]
    hi, lo = detection_keys(platform, "VIIRS", np.array([minute]), np.array([lon]), np.array([lat]))
    size = row.get("size", 375.0)
    return {
        "key_hi": int(hi[0]),
        "key_lo": int(lo[0]),
        "version": row.get("version", 1),
        "time": minute * MINUTE,
        "lon": lon,
        "lat": lat,
        "across_m": size,
        "along_m": size,
        "value": row.get("frp", 5.0),
        "confidence": row.get("confidence", 1),
        "heat_class": row.get("heat_class", -1),
        "depth_km": float("nan"),
        "platform": platform,
        "instrument": "VIIRS",
        "status": "current",
        "reference": None,
        "label": None,
    }


def _quake(row: Row) -> dict[str, Any]:
    hi, lo = named_key(f"test/{row['id']}")
    return {
        "key_hi": hi,
        "key_lo": lo,
        "version": row.get("version", 1),
        "time": T0 + row.get("t", 0) * MINUTE,
        "lon": row.get("lon", LON),
        "lat": row.get("lat", LAT),
        "across_m": 0.0,
        "along_m": 0.0,
        "value": row.get("m", 6.0),
        "confidence": 1,
        "heat_class": -1,
        "depth_km": row.get("depth", 10.0),
        "platform": "us",
        "instrument": "seismic network",
        "status": row.get("status", "current"),
        "reference": row["id"],
        "label": row.get("label", "somewhere"),
    }


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    plain = {f.name: f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in OBSERVATIONS}
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in plain.items()}
    return pa.table(columns).cast(OBSERVATIONS)


def places(rows: Iterable[Row]) -> pa.Table:
    """Places; each row: id, and lon, lat or x, y (km from LON, LAT) or a geometry; d: alert distance in metres."""
    found = []
    for row in rows:
        shape = row.get("geometry")
        inside = shapely.point_on_surface(shape) if shape is not None else None
        found.append(
            {
                "id": row["id"],
                "name": row.get("name", row["id"]),
                "kind": "town",
                "population": row.get("population", 100),
                "alert_distance_m": row.get("d", 300.0),
                "lon": inside.x if inside else row.get("lon", LON + row.get("x", 0.0) / 111.0),
                "lat": inside.y if inside else row.get("lat", LAT + row.get("y", 0.0) / 110.6),
                "geometry": shapely.to_wkb(shape) if shape is not None else None,
                "country": None,
                "admin": None,
            }
        )
    return pa.Table.from_pylist(found, schema=PLACES)


def protect(*rows: Row) -> exposure.State:
    """A state of the exposure stage that knows some places."""
    state = exposure.State(imports={"test": to_ipc(places(rows))})
    exposure.rebuild(state)
    return state


def counted(seen: observations.State, table: pa.Table, source: str = "test") -> observations.Counted:
    """What of a batch counts."""
    return observations.receive(seen, source, "test", table)
