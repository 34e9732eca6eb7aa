"""OGC API - Features, part 1: Core (OGC 17-069r4): layers of features, what is asked of them, and the documents told.

Nothing of HTTP: queries come as pairs of texts, documents go as values for JSON. Conforms to core, geojson and oas30.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from almenara.model.errors import UsageError

CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "geojson", "oas30")
)
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
LIMIT_DEFAULT = 100
LIMIT_MAX = 1_000

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d([Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d))?")
_OPEN = ("", "..")

Box = tuple[float, float, float, float]
#: First and last moment in ms; None: open.
Interval = tuple[int | None, int | None]


@dataclass(frozen=True)
class Layer:
    """n features of one collection as they stand."""

    id: str
    title: str
    description: str
    ids: Sequence[str]
    geometries: NDArray[Any]  # of shapely, degrees; None: without a position
    properties: Callable[[int], Mapping[str, Any]]  # of the feature in a row
    times_ms: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None  # since and until when each holds
    attribution: str = ""

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row by id."""
        return {name: row for row, name in enumerate(self.ids)}

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.geometries)

    @cached_property
    def bbox(self) -> Box:
        """What holds all features; the whole Earth where there are none."""
        west, south, east, north = shapely.total_bounds(self.geometries).tolist()
        return (-180.0, -90.0, 180.0, 90.0) if math.isnan(west) else (west, south, east, north)

    def select(self, bbox: Box | None, interval: Interval | None) -> NDArray[np.int64]:
        """Rows that meet a box and an interval; without a position any box, without a time any interval."""
        chosen = np.ones(len(self.ids), np.bool_)
        if bbox is not None:
            chosen = np.asarray(shapely.is_missing(self.geometries) | shapely.is_empty(self.geometries))
            for part in halves(bbox):
                chosen[self._tree.query(shapely.box(*part), predicate="intersects")] = True
        if interval is not None and self.times_ms is not None:
            begin, end = self.times_ms
            if interval[0] is not None:
                chosen &= end >= interval[0]
            if interval[1] is not None:
                chosen &= begin <= interval[1]
        return np.flatnonzero(chosen)


def halves(bbox: Box) -> list[Box]:
    """A box as boxes that do not cross the antimeridian."""
    west, south, east, north = bbox
    return [bbox] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of the features of a collection."""

    bbox: Box | None = None
    interval: Interval | None = None
    limit: int = LIMIT_DEFAULT
    offset: int = 0
    said: tuple[tuple[str, str], ...] = field(default=())  # the parameters that the next page needs again


def parse_query(parameters: Iterable[tuple[str, str]]) -> Query:
    """The parameters of an address. Raises UsageError for unknown ones and for values that make no sense."""
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in ("bbox", "bbox-crs", "datetime", "limit", "offset", "f"):
            raise UsageError(f"There is no parameter {name[:40]!r}: bbox, datetime, limit and offset are known.")
        if name in given:
            raise UsageError(f"The parameter {name} stands twice.")
        given[name] = value
    no_parameters([(name, value) for name, value in given.items() if name == "f"])
    if given.get("bbox-crs", CRS84) != CRS84:
        raise UsageError(f"bbox-crs can be {CRS84} only.")
    return Query(
        bbox=parse_bbox(given["bbox"]) if "bbox" in given else None,
        interval=parse_datetime(given["datetime"]) if "datetime" in given else None,
        limit=min(_whole("limit", given.get("limit", str(LIMIT_DEFAULT)), 1), LIMIT_MAX),
        offset=_whole("offset", given.get("offset", "0"), 0),
        said=tuple((name, value) for name, value in given.items() if name not in ("limit", "offset")),
    )


def no_parameters(parameters: Iterable[tuple[str, str]]) -> None:
    """Raise UsageError for any parameter but f=json."""
    for name, value in parameters:
        if (name, value) != ("f", "json"):
            raise UsageError(f"There is no parameter {name[:40]!r} with this value here.")


def parse_bbox(text: str) -> Box:
    """West, south, east, north in degrees, west > east across the antimeridian; heights are passed over.

    >>> parse_bbox("170,-10,-170,10")
    (170.0, -10.0, -170.0, 10.0)

    Raises UsageError.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError("bbox has numbers with commas between: west,south,east,north.") from error
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise UsageError("bbox has four numbers, or six with heights: west,south,east,north.")
    west, south, east, north = numbers
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise UsageError("bbox lies within ±180 and ±90 degrees, and its south is not north of its north.")
    return west, south, east, north


def parse_datetime(text: str) -> Interval:
    """An instant or an interval (RFC 3339), open at an end where ".." or nothing stands.

    >>> parse_datetime("1970-01-01T00:00:01Z/..")
    (1000, None)

    Raises UsageError.
    """
    begin, slash, end = text.partition("/")
    if not slash:
        return _instant(begin)[0], _instant(begin)[1]
    interval = (
        None if begin in _OPEN else _instant(begin)[0],
        None if end in _OPEN else _instant(end)[1],
    )
    if interval[0] is not None and interval[1] is not None and interval[0] > interval[1]:
        raise UsageError("datetime ends before it begins.")
    return interval


def _instant(text: str) -> tuple[int, int]:
    """First and last ms of what is said: a day is a whole day."""
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError(text)
        at = datetime.fromisoformat(text.upper())
        if len(text) == 10:
            at = at.replace(tzinfo=UTC)
            return round(at.timestamp() * 1000), round((at + timedelta(days=1)).timestamp() * 1000) - 1
        return round(at.timestamp() * 1000), round(at.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"datetime has times like 2024-09-03T12:00:00Z, not {text[:40]!r}.") from error


def _whole(name: str, text: str, least: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise UsageError(f"{name} is a whole number from {least} on.")
    return int(text)


# ---------------------------------------------------------------------- documents


def link(href: str, rel: str, kind: str, title: str) -> dict[str, str]:
    """A link as the standard writes it."""
    return {"href": href, "rel": rel, "type": kind, "title": title}


def landing(base: str, title: str, description: str) -> dict[str, Any]:
    """The first page; `base` is its address without a slash at the end."""
    json = "application/json"
    return {
        "title": title,
        "description": description,
        "links": [
            link(f"{base}/", "self", json, "This document"),
            link(f"{base}/api", "service-desc", OPENAPI, "The definition of this API"),
            link(f"{base}/conformance", "conformance", json, "What this API conforms to"),
            link(f"{base}/collections", "data", json, "The collections"),
        ],
    }


def conformance() -> dict[str, Any]:
    """What this conforms to."""
    return {"conformsTo": list(CONFORMANCE)}


def collections(base: str, layers: Iterable[Layer]) -> dict[str, Any]:
    """All collections."""
    here = link(f"{base}/collections", "self", "application/json", "This document")
    return {"links": [here], "collections": [collection(base, layer) for layer in layers]}


def collection(base: str, layer: Layer) -> dict[str, Any]:
    """One collection."""
    at = f"{base}/collections/{layer.id}"
    extent: dict[str, Any] = {"spatial": {"bbox": [layer.bbox], "crs": CRS84}}
    if layer.times_ms is not None and len(layer.ids):
        begin, end = int(layer.times_ms[0].min()), int(layer.times_ms[1].max())
        extent["temporal"] = {"interval": [[iso(begin), iso(end)]]}
    told = {
        "id": layer.id,
        "title": layer.title,
        "description": layer.description,
        "itemType": "feature",
        "crs": [CRS84],
        "extent": extent,
        "links": [
            link(at, "self", "application/json", layer.title),
            link(f"{at}/items", "items", GEOJSON, layer.title),
        ],
    }
    return told | ({"attribution": layer.attribution} if layer.attribution else {})


def items(base: str, layer: Layer, query: Query, now_ms: int) -> dict[str, Any]:
    """A page of features."""
    at = f"{base}/collections/{layer.id}"
    chosen = layer.select(query.bbox, query.interval)
    page = chosen[query.offset : query.offset + query.limit]
    links = [
        link(_address(at, query, query.offset), "self", GEOJSON, "This page"),
        link(at, "collection", "application/json", layer.title),
    ]
    if query.offset + len(page) < len(chosen):
        links.append(link(_address(at, query, query.offset + query.limit), "next", GEOJSON, "The next page"))
    if query.offset:
        before = max(query.offset - query.limit, 0)
        links.append(link(_address(at, query, before), "prev", GEOJSON, "The page before"))
    return {
        "type": "FeatureCollection",
        "timeStamp": iso(now_ms),
        "numberMatched": len(chosen),
        "numberReturned": len(page),
        "links": links,
        "features": features(layer, page),
    }


def item(base: str, layer: Layer, name: str) -> dict[str, Any] | None:
    """One feature; None when there is none of that id."""
    row = layer.rows.get(name)
    if row is None:
        return None
    at = f"{base}/collections/{layer.id}"
    links = [
        link(f"{at}/items/{quote(name, safe='')}", "self", GEOJSON, "This feature"),
        link(at, "collection", "application/json", layer.title),
    ]
    return {**features(layer, np.array([row]))[0], "links": links}


def features(layer: Layer, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Some features as GeoJSON."""
    texts = shapely.to_geojson(layer.geometries[rows]) if len(rows) else []
    return [
        {
            "type": "Feature",
            "id": layer.ids[row],
            "geometry": None if text is None else msgspec.Raw(text.encode()),
            "properties": layer.properties(row),
        }
        for row, text in zip(rows.tolist(), texts, strict=True)
    ]


def iso(time_ms: int) -> str:
    """UTC to the second."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _address(at: str, query: Query, offset: int) -> str:
    said = [*query.said, ("limit", str(query.limit)), *([("offset", str(offset))] if offset else [])]
    return f"{at}/items?{urlencode(said, safe=',/:')}"
