"""USGS earthquakes: the GeoJSON summary feeds, whose events are revised for weeks and sometimes taken back."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import pyarrow as pa

from almenara.model.limits import AHEAD_MS_MAX, RAW_BYTES_MAX
from almenara.model.observations import OBSERVATIONS, Confidence, HeatClass, named_key
from almenara.ports import Parsed, Rejection
from almenara.sources.batch import JSON_REASONS, REASONS, shorten
from almenara.sources.json_items import Item, looks_empty, looks_like_json, read_items

#: ComCat's event types that shake as earthquakes do.
_QUAKES = {"earthquake", "induced or triggered event", ""}
#: ComCat's other event types: a sign was seen, but it opens no hazard here.
_NO_HAZARDS = {
    "accidental explosion",
    "acoustic noise",
    "anthropogenic event",
    "avalanche",
    "building collapse",
    "chemical explosion",
    "collapse",
    "debris avalanche",
    "experimental explosion",
    "explosion",
    "ice quake",
    "icequake",
    "industrial explosion",
    "landslide",
    "meteor",
    "meteorite",
    "mine collapse",
    "mining explosion",
    "not existing",
    "not reported",
    "nuclear explosion",
    "other event",
    "quarry",
    "quarry blast",
    "quarry_blast",
    "rock burst",
    "rockburst",
    "rock slide",
    "rockslide",
    "snow avalanche",
    "sonic boom",
    "submarine landslide",
    "volcanic eruption",
    "volcanic explosion",
}
#: The oldest events of ComCat are of the 1500s; times this far back are damaged.
_TIME_MS_MIN = -14_831_769_600_000  # 1500-01-01
_MAGNITUDE_MIN, _MAGNITUDE_MAX = -5.0, 10.0
_DEPTH_KM_MIN, _DEPTH_KM_MAX = -20.0, 1000.0
_NETWORK_MAX = 16
_NAME = re.compile(r"quake|usgs|all_(hour|day|week|month)|\d\.\d_(hour|day|week|month)|significant_", re.IGNORECASE)


class UsgsQuakes:
    """The source. It keeps `ports.Source`."""

    name = "usgs_quakes"
    kind = "earthquake"
    title = "USGS earthquakes of the world (GeoJSON summary feed)"
    attribution = "U.S. Geological Survey, https://earthquake.usgs.gov"
    cadence_s = 15 * 60  # the feed of the past day is written anew every minute
    url = "https://earthquake.usgs.gov/earthquakes/feed/v1.0/summary/all_day.geojson"
    reasons = (
        REASONS
        | JSON_REASONS
        | {
            "id-missing": "The event has no id, so that its revisions could not be told from new events.",
            "time-unreadable": "The origin time is no whole number of milliseconds.",
            "magnitude-missing": "The event has no magnitude yet.",
            "magnitude-unreadable": "The magnitude is no number.",
            "magnitude-out-of-range": "The magnitude is below −5 or above 10.",
            "depth-out-of-range": "The depth is above −20 or below 1,000 km, or no number.",
            "event-type-unknown": "The type of the event is none that USGS lists: it may be an earthquake or not.",
        }
    )

    def recognises(self, head: bytes, name: str) -> bool:
        """Whether the content has a quake's properties; an empty one is judged by its name."""
        if not looks_like_json(head):
            return not head.strip() and bool(_NAME.search(name))
        if looks_empty(head):
            return b"earthquake.usgs.gov" in head or bool(_NAME.search(name))
        return b'"mag"' in head and b'"place"' in head and b'"Feature"' in head.replace(b" ", b"")

    def parse(self, path: Path, *, received_ms: int, rows_max: int) -> Iterator[Parsed]:
        """Read a FeatureCollection, a list of features or a single one."""
        for items, rejections in read_items(path, rows_max):
            rows: list[tuple[Any, ...]] = []
            refused = list(rejections)
            for item in items:
                reading = _read(item, received_ms)
                if isinstance(reading, Rejection):
                    refused.append(reading)
                else:
                    rows.append(reading)
            yield Parsed(_table(rows), sorted(refused, key=lambda rejection: rejection.line))


def _read(item: Item, received_ms: int) -> tuple[Any, ...] | Rejection:
    """One event as a row of OBSERVATIONS."""
    properties, geometry = item.fields.get("properties"), item.fields.get("geometry")
    if not isinstance(properties, dict) or not isinstance(geometry, dict | None):
        return _refuse(item, "item-unreadable", "it is no feature with properties and a geometry")
    name = item.fields.get("id") or properties.get("code")
    if not isinstance(name, str | int) or not str(name).strip():
        return _refuse(item, "id-missing", f"id “{shorten(str(name))}”")
    retracted = properties.get("status") == "deleted"
    kind = str(properties.get("type") or "").strip().lower()
    if kind not in _QUAKES and kind not in _NO_HAZARDS and not retracted:
        return _refuse(item, "event-type-unknown", f"type “{shorten(kind)}”")
    time, updated = properties.get("time"), properties.get("updated")
    time_ms, updated_ms = _milliseconds(time), _milliseconds(time if updated is None else updated)
    if time_ms is None or updated_ms is None:
        return _refuse(item, "time-unreadable", f"time “{shorten(str(time))}”, updated “{shorten(str(updated))}”")
    if time_ms < _TIME_MS_MIN:
        return _refuse(item, "time-before-range", f"time {time_ms}")
    if time_ms > received_ms + AHEAD_MS_MAX:
        return _refuse(item, "time-in-the-future", f"time {time_ms}")
    position = _position(item, geometry)
    if isinstance(position, Rejection):
        return position
    magnitude = properties.get("mag")
    if magnitude is None and not retracted:
        return _refuse(item, "magnitude-missing", "mag is null")
    if magnitude is not None and not _is_number(magnitude):
        return _refuse(item, "magnitude-unreadable", f"mag “{shorten(str(magnitude))}”")
    if magnitude is not None and not _MAGNITUDE_MIN <= magnitude <= _MAGNITUDE_MAX:
        return _refuse(item, "magnitude-out-of-range", f"mag {magnitude}")
    lon, lat, depth_km = position
    status = "retracted" if retracted else "current" if kind in _QUAKES else "no-hazard"
    return (
        *named_key(f"usgs/{name}"),
        updated_ms,
        time_ms,
        lon,
        lat,
        0.0,
        0.0,
        math.nan if magnitude is None else float(magnitude),
        int(Confidence.HIGH if properties.get("status") == "reviewed" else Confidence.NOMINAL),
        int(HeatClass.UNKNOWN),
        depth_km,
        _clean(properties.get("net"))[:_NETWORK_MAX] or "unknown",
        "seismic network",
        status,
        _clean(name),
        _clean(properties.get("place")) or None,
    )


def _position(item: Item, geometry: dict[str, Any] | None) -> tuple[float, float, float] | Rejection:
    """Longitude, latitude, depth in km (NaN when unknown)."""
    coordinates = (geometry or {}).get("coordinates")
    given = coordinates if isinstance(coordinates, list) else []
    lon, lat, depth = [*given[:3], None, None, None][:3]
    for value, word, bound in ((lat, "latitude", 90.0), (lon, "longitude", 180.0)):
        if value is None:
            return _refuse(item, f"{word}-missing", "the geometry does not say it")
        if not _is_number(value):
            return _refuse(item, f"{word}-unreadable", f"{word} “{shorten(str(value))}”")
        if abs(value) > bound:
            swapped = word == "latitude" and abs(value) <= 180.0 and _is_number(lon) and abs(lon) <= 90.0
            reason = "coordinates-look-swapped" if swapped else f"{word}-out-of-range"
            return _refuse(item, reason, f"longitude {lon}, latitude {lat}")
    if lon == 0 and lat == 0:
        return _refuse(item, "coordinates-both-zero", "longitude 0, latitude 0")
    if depth is not None and not (_is_number(depth) and _DEPTH_KM_MIN <= depth <= _DEPTH_KM_MAX):
        return _refuse(item, "depth-out-of-range", f"depth “{shorten(str(depth))}”")
    return -180.0 if lon == 180 else float(lon), float(lat), math.nan if depth is None else float(depth)


def _is_number(value: object) -> TypeGuard[int | float]:
    # Compared, not converted: JSON has integers of hundreds of digits, and NaN fails both comparisons.
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e18 < value < 1e18


def _milliseconds(value: object) -> int | None:
    return int(value) if _is_number(value) and value == int(value) else None


def _clean(value: object) -> str:
    return "" if value is None else str(value).encode("utf-8", "replace").decode().strip()


def _refuse(item: Item, reason: str, detail: str) -> Rejection:
    return Rejection(item.number, reason, detail, bytes(item.raw[:RAW_BYTES_MAX]))


def _table(rows: list[tuple[Any, ...]]) -> pa.Table:
    if not rows:
        return OBSERVATIONS.empty_table()
    columns = zip(*rows, strict=True)
    arrays = [_array(list(column), field.type) for column, field in zip(columns, OBSERVATIONS, strict=True)]
    return pa.Table.from_arrays(arrays, schema=OBSERVATIONS)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_dictionary(kind):
        return pa.array(values, kind)
    words = sorted(set(values))
    indices = pa.array([words.index(value) for value in values], kind.index_type)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, kind.value_type))


SOURCE = UsgsQuakes()
