"""Earthquakes: one hazard for each event that can be felt, revised as its magnitude is."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from almenara.kernels.intensity import RINGS, radius_km
from almenara.stages.hazards import Delta, Shaking, View
from almenara.stages.observations import Counted

KIND = "earthquake"

#: Places are exposed where the median intensity reaches this (MMI VI, "strong": damage begins).
EXPOSED_MMI = 6.0
#: An event is a hazard when it is felt somewhere (MMI IV); smaller ones stay observations.
FELT_MMI = 4.0
#: An earthquake is over for warnings after this; aftershocks are hazards of their own.
ENDED_AFTER_MS = 24 * 3_600_000

_geod = pyproj.Geod(ellps="WGS84")


class Quake(msgspec.Struct):
    """What is known of one event."""

    id: str
    time_ms: int
    updated: int
    lon: float
    lat: float
    depth_km: float
    magnitude: float
    label: str
    platform: str
    revisions: int
    state: str  # active | ended | retracted


class State:
    """All events of the last days, by key."""

    def __init__(self) -> None:
        self._inbox: list[dict[str, Any]] = []
        self._quakes: dict[str, Quake] = {}

    def receive(self, counted: Counted) -> None:
        columns = ("version", "time", "lon", "lat", "depth_km", "value", "status", "reference", "label", "platform")
        for row in counted.table.select(columns).to_pylist():
            row["time"] = int(row["time"].timestamp() * 1000)
            self._inbox.append(row)

    def pending_times(self) -> NDArray[np.int64]:
        return np.unique(np.array([row["time"] for row in self._inbox], np.int64))

    def advance(self, now_ms: int) -> Delta:
        due = [row for row in self._inbox if row["time"] <= now_ms]
        self._inbox = [row for row in self._inbox if row["time"] > now_ms]
        delta = Delta()
        for row in sorted(due, key=lambda r: (r["time"], r["reference"], r["version"])):
            self._follow(row, delta)
        for quake in sorted(self._quakes.values(), key=lambda q: q.id):
            if quake.state == "active" and now_ms - quake.time_ms > ENDED_AFTER_MS:
                quake.state = "ended"
                over = {"time": quake.time_ms + ENDED_AFTER_MS}
                delta.changes.append(self._change(quake, "ended", 0) | over)
        return delta

    def _follow(self, row: dict[str, Any], delta: Delta) -> None:
        hazard = f"quake-{row['reference']}"
        known = self._quakes.get(hazard)
        if known is not None and row["version"] < known.updated:
            return
        felt = row["status"] == "current" and radius_km(row["value"], _depth(row), FELT_MMI) > 0.0
        if known is None and not felt:
            return
        before = (known.magnitude, known.lon, known.lat, known.depth_km) if known is not None else None
        quake = Quake(
            id=hazard,
            time_ms=row["time"],
            updated=row["version"],
            lon=row["lon"],
            lat=row["lat"],
            depth_km=_depth(row),
            magnitude=row["value"],
            label=row["label"] or "",
            platform=row["platform"],
            revisions=known.revisions + 1 if known is not None else 0,
            state="active" if felt else "retracted",
        )
        self._quakes[hazard] = quake
        if not felt:
            delta.changes.append(self._change(quake, "retracted", 1))
            return
        if known is None or before != (quake.magnitude, quake.lon, quake.lat, quake.depth_km):
            delta.changes.append(self._change(quake, "opened" if known is None else "revised", 1))
            delta.restart.append(hazard)
            delta.shaking.append(self.shaking(hazard))

    def shaking(self, hazard: str) -> Shaking:
        """Where and how strongly an event shook; KeyError when there is none of that id."""
        q = self._quakes[hazard]
        return Shaking(hazard, q.lon, q.lat, q.depth_km, q.magnitude, q.time_ms)

    def _change(self, quake: Quake, change: str, new: int) -> dict[str, Any]:
        return {
            "hazard_id": quake.id,
            "kind": KIND,
            "change": change,
            "state": quake.state,
            "time": quake.time_ms,
            "into": None,
            "area_km2": None,
            "new_area_km2": None,
            "observations": quake.revisions + 1,
            "new_observations": new,
            "frp_mw": None,
            "magnitude": quake.magnitude,
            "merged_from": [],
            "confidence": "nominal",
            "certainty": "Likely",
            "suppressed": None,
        }

    def view(self, hazard: str) -> View:
        quake = self._quakes[hazard]
        rings = [{"mmi": mmi, "radius_km": round(radius_km(quake.magnitude, quake.depth_km, mmi), 1)} for mmi in RINGS]
        exposed_km = radius_km(quake.magnitude, quake.depth_km, EXPOSED_MMI)
        felt_km = radius_km(quake.magnitude, quake.depth_km, FELT_MMI)
        return View(
            id=quake.id,
            kind=KIND,
            state=quake.state,
            label=quake.label,
            first_seen_ms=quake.time_ms,
            last_seen_ms=quake.time_ms,
            area_km2=None,
            observations=quake.revisions + 1,
            confidence="nominal",
            certainty="Likely",
            suppressed=None,
            platforms=(quake.platform,),
            merged_from=(),
            frp_max_mw=None,
            magnitude=quake.magnitude,
            depth_km=quake.depth_km,
            epicentre=(quake.lon, quake.lat),
            footprint=circle(quake.lon, quake.lat, exposed_km) if exposed_km > 0 else None,
            extra={
                "rings": [ring for ring in rings if ring["radius_km"] > 0],
                "felt": circle(quake.lon, quake.lat, felt_km) if felt_km > 0 else None,
                "basis": "median intensity by Allen, Wald & Worden (2012), no site term",
            },
        )

    def views(self) -> Sequence[View]:
        return [self.view(hazard) for hazard in sorted(self._quakes)]

    def digest_parts(self) -> Sequence[bytes]:
        # How often an event was revised is history; what is known of it is state.
        known = [msgspec.structs.replace(self._quakes[hazard], revisions=0) for hazard in sorted(self._quakes)]
        return [msgspec.msgpack.encode(quake) for quake in known]

    def to_parts(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {}, {"inbox": self._inbox, "quakes": [msgspec.to_builtins(q) for q in self._quakes.values()]}

    def load_parts(self, arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        self._inbox = values["inbox"]
        self._quakes = {q["id"]: msgspec.convert(q, Quake) for q in values["quakes"]}


def _depth(row: dict[str, Any]) -> float:
    depth = float(row["depth_km"])
    return 10.0 if np.isnan(depth) else max(depth, 0.0)  # 10 km: the networks' own default for a shallow event


def circle(lon: float, lat: float, radius_km: float) -> BaseGeometry:
    """A geodesic circle as a polygon of 72 vertices, cut at the antimeridian; its edge touches it from outside."""
    n = 72
    reach = radius_km * 1000.0 / np.cos(np.pi / n)
    azimuth = np.arange(n) * (360.0 / n)
    x, y, _ = _geod.fwd(np.full(n, lon), np.full(n, lat), azimuth, np.full(n, reach))
    away = ((np.asarray(x) - lon + 540.0) % 360.0) - 180.0
    if abs(lat) + radius_km / 111.0 >= 90.0:  # the circle holds a pole: everything beyond its lowest latitude
        low = float(np.min(np.abs(y)))
        return shapely.box(-180.0, low, 180.0, 90.0) if lat > 0 else shapely.box(-180.0, -90.0, 180.0, -low)
    ring = shapely.polygons(np.column_stack((lon + away, y)))
    parts = [
        shapely.transform(
            shapely.intersection(ring, shapely.box(west, -90, west + 360.0, 90)), lambda c, w=west: c - [w + 180.0, 0.0]
        )
        for west in (-540.0, -180.0, 180.0)
    ]
    return shapely.union_all([part for part in parts if not part.is_empty])
