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
from almenara.stages.hazards import ARCHIVED_AFTER_MS, Delta, Shaking, View, pack_view
from almenara.stages.observations import LATE_MAX_MS, Counted

KIND = "earthquake"

#: Places are exposed where the median intensity reaches this (MMI VI, "strong": damage begins).
EXPOSED_MMI = 6.0
#: An event is a hazard when it is felt somewhere (MMI IV); smaller ones stay observations.
FELT_MMI = 4.0
#: An earthquake is over for warnings after this; aftershocks are hazards of their own.
ENDED_AFTER_MS = 24 * 3_600_000

#: A circle whose centre is nearer to a pole than so many radii is drawn as a cap.
POLAR = 1.5

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
        self._inbox: dict[str, dict[str, Any]] = {}  # reference → the row that counts, not yet followed
        self._quakes: dict[str, Quake] = {}
        self._newest_ms = 0
        self.not_followed = 0

    def receive(self, counted: Counted) -> None:
        columns = ("version", "time", "lon", "lat", "depth_km", "value", "status", "reference", "label", "platform")
        for row in counted.table.select(columns).to_pylist():
            row["time"] = int(row["time"].timestamp() * 1000)
            self._inbox[row["reference"]] = row  # the stage before let it pass, so it outdoes what waits

    def pending_times(self) -> NDArray[np.int64]:
        return np.unique(np.array([row["time"] for row in self._inbox.values()], np.int64))

    def advance(self, now_ms: int) -> Delta:
        due = [row for row in self._inbox.values() if row["time"] <= now_ms]
        self._inbox = {name: row for name, row in self._inbox.items() if row["time"] > now_ms}
        delta = Delta()
        for row in sorted(due, key=lambda r: (r["time"], r["reference"])):
            if row["time"] < self._newest_ms - LATE_MAX_MS:
                self.not_followed += 1
                continue
            self._newest_ms = max(self._newest_ms, row["time"])
            self._follow(row, delta, now_ms)
        for quake in sorted(self._quakes.values(), key=lambda q: q.id):
            if quake.state == "active" and now_ms - quake.time_ms > ENDED_AFTER_MS:
                quake.state = "ended"
                over = {"time": quake.time_ms + ENDED_AFTER_MS}
                delta.changes.append(self._change(quake, "ended", 0) | over)
        for hazard in [h for h, q in self._quakes.items() if q.time_ms < self._newest_ms - ARCHIVED_AFTER_MS]:
            part = self._digest(self._quakes[hazard])
            delta.archived.append({"hazard_id": hazard, "view": pack_view(self.view(hazard)), "digest": part})
            del self._quakes[hazard]
        return delta

    def _follow(self, row: dict[str, Any], delta: Delta, now_ms: int) -> None:
        hazard = f"quake-{row['reference']}"
        known = self._quakes.get(hazard)
        if known is not None and row["version"] < known.updated:
            return
        felt = row["status"] == "current" and radius_km(row["value"], _depth(row), FELT_MMI) > 0.0
        if known is None and not felt:
            return
        was = known.state if known is not None else ""
        over = was == "ended" and now_ms - row["time"] > ENDED_AFTER_MS  # a revision does not bring it back
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
            state="retracted" if not felt else "ended" if over else "active",
        )
        self._quakes[hazard] = quake
        if not felt:
            if was != "retracted":
                delta.changes.append(self._change(quake, "retracted", 1))
            return
        if known is None or was != quake.state or _facts(known) != _facts(quake):
            change = "opened" if known is None else "revived" if was == "retracted" else "revised"
            delta.changes.append(self._change(quake, change, 1))
            if quake.state == "active":
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

    def reach(self) -> Delta:
        active = [quake for _, quake in sorted(self._quakes.items()) if quake.state == "active"]
        return Delta(
            restart=[quake.id for quake in active],
            shaking=[self.shaking(quake.id) for quake in active],
            context=[self._change(quake, "seen", 0) for quake in active],
        )

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
        parts = (self._digest(self._quakes[hazard]) for hazard in sorted(self._quakes))
        return [part for part in parts if part]

    @staticmethod
    def _digest(quake: Quake) -> bytes:
        # How often an event was revised, and that it was one before it was taken back, is history; the rest is state.
        if quake.state == "retracted":
            return b""
        return msgspec.msgpack.encode(msgspec.structs.replace(quake, revisions=0))

    def to_parts(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {}, {
            "inbox": self._inbox,
            "quakes": [msgspec.to_builtins(q) for q in self._quakes.values()],
            "newest_ms": self._newest_ms,
            "not_followed": self.not_followed,
        }

    def load_parts(self, arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        self._inbox = values["inbox"]
        self._newest_ms, self.not_followed = values["newest_ms"], values["not_followed"]
        self._quakes = {q["id"]: msgspec.convert(q, Quake) for q in values["quakes"]}


def _facts(quake: Quake) -> tuple[float, ...]:
    return quake.magnitude, quake.lon, quake.lat, quake.depth_km, quake.time_ms


def _depth(row: dict[str, Any]) -> float:
    depth = float(row["depth_km"])
    return 10.0 if np.isnan(depth) else max(depth, 0.0)  # 10 km: the networks' own default for a shallow event


def circle(lon: float, lat: float, radius_km: float) -> BaseGeometry:
    """A polygon of 72 vertices that holds a geodesic circle closely, cut at the antimeridian.

    One that holds a pole, or nearly, is everything beyond its lowest latitude.
    """
    azimuth = np.arange(72) * 5.0
    metres = max(radius_km * 1000.0, 1.0)  # below the resolution of degrees there is no circle to draw
    if (90.0 - abs(lat)) * 111.0 <= POLAR * radius_km:
        # A millimetre farther: seen from a pole, the circle's latitude is the same all round but for rounding.
        _, low, _ = _geod.fwd(lon, lat, 180.0 if lat > 0 else 0.0, metres + 1e-3)
        return shapely.box(-180.0, low, 180.0, 90.0) if lat > 0 else shapely.box(-180.0, -90.0, 180.0, low)
    reach = metres
    for _ in range(3):  # edges are straight in degrees: widen until the middle of each is outside
        x, y, _ = _geod.fwd(np.full(72, lon), np.full(72, lat), azimuth, np.full(72, reach))
        x = lon + (np.asarray(x) - lon + 540.0) % 360.0 - 180.0
        middles = (x + np.roll(x, 1)) / 2.0, (y + np.roll(y, 1)) / 2.0
        _, _, away = _geod.inv(np.full(72, lon), np.full(72, lat), *middles)
        reach *= max(1.0, metres / float(np.min(away)) * (1.0 + 1e-5))
    ring = shapely.polygons(np.column_stack((x, y)))
    parts = [
        shapely.transform(
            shapely.intersection(ring, shapely.box(west, -90, west + 360.0, 90)), lambda c, w=west: c - [w + 180.0, 0.0]
        )
        for west in (-540.0, -180.0, 180.0)
    ]
    return shapely.union_all([part for part in parts if shapely.area(part) > 0.0])
