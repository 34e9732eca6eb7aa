"""A seeded earthquake sequence and the USGS feed that reports it, revision by revision."""

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from almenara.simulation.fire_spread import LAT_M, LON_M

MINUTE_MS = 60_000
DAY_MS = 86_400_000

_COMPASS = ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"]


@dataclass(frozen=True, slots=True)
class Revision:
    """What the network said of an event from `published_ms` on."""

    published_ms: int
    magnitude: float
    depth_km: float
    status: str = "automatic"  # "automatic" | "reviewed" | "deleted"
    magnitude_type: str = "mb"
    stations: int = 40


@dataclass(frozen=True, slots=True)
class Quake:
    """A seismic event and how its report changed."""

    code: str
    lon: float
    lat: float
    at_ms: int
    place: str
    revisions: tuple[Revision, ...]
    kind: str = "earthquake"  # USGS `type`
    network: str = "us"


#: Where small quakes happen every day: name, lon, lat, network, daily number.
_ELSEWHERE = (
    ("Southern California", -116.8, 33.9, "ci", 9),
    ("Northern California", -122.8, 38.8, "nc", 9),
    ("Central Alaska", -150.2, 63.1, "ak", 10),
    ("Island of Hawaii, Hawaii", -155.3, 19.4, "hv", 5),
    ("Puerto Rico region", -66.9, 17.9, "pr", 4),
    ("near the east coast of Honshu, Japan", 142.1, 38.2, "us", 2),
    ("south of the Fiji Islands", -179.4, -24.1, "us", 2),
)


def aftershocks(
    main: Quake, towns: tuple[tuple[str, float, float], ...], until_ms: int, rng: np.random.Generator
) -> list[Quake]:
    """What follows a main shock: Omori's decay in time, Gutenberg–Richter in size, along a coast-parallel strip."""
    number = 26
    u = rng.random(number)
    hours = 0.25 * ((until_ms - main.at_ms) / 3_600_000 / 0.25 + 1.0) ** u - 0.25 + 0.12
    largest = max(revision.magnitude for revision in main.revisions) - 1.2
    sizes = np.minimum(4.1 - np.log10(1.0 - 0.985 * rng.random(number)), largest)
    along, across = 24_000.0 * rng.standard_normal(number), 9_000.0 * rng.standard_normal(number)
    found = []
    for i in range(number):
        at_ms = main.at_ms + int(hours[i] * 3_600_000)
        lon = round(main.lon + (along[i] * math.sin(0.42) + across[i] * math.cos(0.42)) / LON_M, 4)
        lat = round(main.lat + (along[i] * math.cos(0.42) - across[i] * math.sin(0.42)) / LAT_M, 4)
        depth, change = round(float(rng.uniform(8, 28)), 2), round(float(rng.normal(0.0, 0.12)), 1)
        first = at_ms + int(rng.uniform(7, 15) * MINUTE_MS)
        later = first + int(rng.uniform(35, 140) * MINUTE_MS)
        size = round(float(sizes[i]), 1)
        revisions = [Revision(first, size, 10.0, stations=31)]
        if later < until_ms:
            revisions.append(Revision(later, round(size + change, 1), depth, "reviewed", stations=58))
        code = f"7000x{i:03d}"
        found.append(Quake(code, lon, lat, at_ms, describe(lon, lat, towns), tuple(revisions)))
    return [quake for quake in sorted(found, key=lambda quake: quake.at_ms) if quake.at_ms < until_ms]


def elsewhere(from_ms: int, until_ms: int, rng: np.random.Generator) -> list[Quake]:
    """The world's ordinary small quakes, so that the feed is never about one country alone."""
    found = []
    for name, lon, lat, network, daily in _ELSEWHERE:
        for _ in range(round(daily * (until_ms - from_ms) / DAY_MS)):
            at_ms = int(rng.uniform(from_ms, until_ms))
            floor = 4.1 if network == "us" else 0.6
            size = round(min(floor - math.log10(1.0 - 0.98 * float(rng.random())), 5.6), 2)
            x, y = 0.4 * rng.standard_normal(2)
            first = Revision(at_ms + 4 * MINUTE_MS, size, round(float(rng.uniform(1, 30)), 2), "automatic", "ml", 14)
            place = round(lon + float(x), 4), round(lat + float(y), 4)
            code = f"{70_000_000 + int(rng.integers(0, 9_999_999))}"
            found.append(Quake(code, *place, at_ms, name, (first,), network=network))
    return sorted(found, key=lambda quake: (quake.at_ms, quake.code))


def all_day_geojson(quakes: list[Quake], now_ms: int) -> str:
    """USGS "All Earthquakes, Past Day" as it stands at `now_ms`, newest first, one feature a line."""
    rows = []
    for quake in quakes:
        known = [revision for revision in quake.revisions if revision.published_ms <= now_ms]
        if known and quake.at_ms > now_ms - DAY_MS:
            rows.append(_feature(quake, known[-1]))
    rows.sort(key=lambda row: (-int(row["properties"]["time"]), str(row["id"])))
    newest = max((row["properties"]["updated"] for row in rows), default=now_ms)
    metadata = {
        "generated": newest + 45_000,
        "url": "https://earthquake.usgs.gov/earthquakes/feed/v1.0/summary/all_day.geojson",
        "title": "USGS All Earthquakes, Past Day",
        "status": 200,
        "api": "1.14.1",
        "count": len(rows),
    }
    lines = ",\n".join(_dump(row) for row in rows)
    return f'{{"type":"FeatureCollection","metadata":{_dump(metadata)},"features":[{lines}]{_box(rows)}}}'


def describe(lon: float, lat: float, towns: tuple[tuple[str, float, float], ...]) -> str:
    """Words for a place: "12 km SE of Pedernales, Ecuador".

    >>> describe(-80.0, 0.0, (("Pedernales", -80.05216, 0.07168),))
    '10 km SE of Pedernales, Ecuador'
    """
    best = ""
    nearest = math.inf
    for name, town_lon, town_lat in towns:
        x, y = (lon - town_lon) * LON_M * math.cos(math.radians(lat)), (lat - town_lat) * LAT_M
        if math.hypot(x, y) < nearest:
            nearest = math.hypot(x, y)
            compass = _COMPASS[round(math.degrees(math.atan2(x, y)) / 22.5) % 16]
            best = f"{round(nearest / 1000)} km {compass} of {name}, Ecuador"
    return best


def _feature(quake: Quake, revision: Revision) -> dict[str, Any]:
    event = quake.network + quake.code
    size = revision.magnitude
    noun = "" if quake.kind == "earthquake" else f" {quake.kind.title()}"
    properties = {
        "mag": size,
        "place": quake.place,
        "time": quake.at_ms,
        "updated": revision.published_ms,
        "tz": None,
        "url": f"https://earthquake.usgs.gov/earthquakes/eventpage/{event}",
        "detail": f"https://earthquake.usgs.gov/earthquakes/feed/v1.0/detail/{event}.geojson",
        "felt": None,
        "cdi": None,
        "mmi": None,
        "alert": None,
        "status": revision.status,
        "tsunami": int(size >= 6.5),
        "sig": round(size * size * 15.4),
        "net": quake.network,
        "code": quake.code,
        "ids": f",{event},",
        "sources": f",{quake.network},",
        "types": ",origin,phase-data,",
        "nst": revision.stations,
        "dmin": round(0.02 * revision.stations, 3),
        "rms": 0.72,
        "gap": 96,
        "magType": revision.magnitude_type,
        "type": quake.kind,
        "title": f"M {size:.1f}{noun} - {quake.place}",
    }
    geometry = {"type": "Point", "coordinates": [quake.lon, quake.lat, revision.depth_km]}
    return {"type": "Feature", "properties": properties, "geometry": geometry, "id": event}


def _box(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    points = np.array([row["geometry"]["coordinates"] for row in rows])
    return f',"bbox":{_dump([*points.min(axis=0).tolist(), *points.max(axis=0).tolist()])}'


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
