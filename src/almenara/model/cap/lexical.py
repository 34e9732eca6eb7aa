"""CAP's own notations in text: times, lists, references, rings, circles, numbers: each read or refused by name."""

import math
import re
from datetime import UTC, datetime, timedelta

import numpy as np

from almenara.model.cap.document import Version
from almenara.model.cap.message import Circle, Reference, Ring

#: Of coordinates, written and read (1e-5 degree is 1.1 m; some write 13): whatever was read is written the same.
COORDINATE_DECIMALS = 5
#: CAP 1.0 names an earlier message without its time. This stands in its place, and says so to whoever looks.
TIME_NOT_STATED = datetime(1970, 1, 1, tzinfo=UTC)

#: Of a polygon with many points: how many edges, on average, may lie beside one, as seen from the south or the east.
#: Borders and fires of up to 41,000 points have 24 at most. What zigzags has as many as points, and work on it grows
#: with their square.
EDGES_BESIDE_MAX = 500
_FEW_POINTS = 1_000

_LIST_WORD = re.compile(r'"([^"]*)"|([^\s"]+)')
#: What `float` takes besides (nan, 1_000) is no number in CAP. Exponents are read, never written.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_SIZE = re.compile(r"\+?[0-9]{1,18}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?")


class BadText(ValueError):
    """A text that is not in the notation of its element; `reason` is the name of the fault."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read_time(text: str, version: Version) -> datetime:
    """A time in whole seconds. CAP 1.2 demands a numeric offset; 1.0 and 1.1 also have "Z" and parts of a second."""
    match = _TIME.fullmatch(text.strip())
    if match is None or (version is Version.V1_2 and (match[2] or match[3] == "Z")):
        raise BadText("time-form", f"Not a time as CAP {version} writes it: {text[:60]!r}.")
    if match[3] is None:
        raise BadText("time-without-zone", f"A time that does not say its zone is ambiguous by hours: {text[:60]!r}.")
    try:
        time = datetime.fromisoformat(match[1] + match[3])
    except ValueError as error:
        raise BadText("time-form", f"No such time: {text[:60]!r} ({error}).") from error
    if time.year < 1000 or abs(time.utcoffset() or timedelta()) > timedelta(hours=14):
        raise BadText("time-form", f"No time of a warning: {text[:60]!r}.")
    return time


def read_list(text: str) -> tuple[str, ...]:
    """Words with blanks between, those that hold blanks in quotation marks (addresses, incidents).

    >>> read_list('one "two words"')
    ('one', 'two words')
    """
    if _LIST_WORD.sub("", text).strip():
        raise BadText("list-form", f"A quotation mark has no partner: {text[:60]!r}.")
    words = tuple(quoted if quoted is not None else bare for quoted, bare in _pairs(text))
    if any(not word or re.search(r"[^\S ]", word) for word in words):
        raise BadText("list-form", f"An empty word, or a line break within one: {text[:60]!r}.")
    return words


def read_references(text: str, version: Version) -> tuple[Reference, ...]:
    """Earlier messages: sender,identifier,sent (CAP 1.0: identifier/sender, with TIME_NOT_STATED)."""
    return tuple(_reference(word, version) for word in text.split())


def read_ring(text: str) -> Ring:
    """A polygon's "lat,lon lat,lon …" as a ring of (lon, lat), closed, of four points at least, on Earth."""
    ring = tuple(_point(pair, "polygon") for pair in text.split())
    if len(ring) < 4:
        raise BadText("polygon-too-short", f"A polygon needs at least four points; this has {len(ring)}.")
    if ring[0] != ring[-1]:
        raise BadText("polygon-open", "The last point of a polygon must equal the first.")
    if len(ring) > _FEW_POINTS and _beside_each_other(ring) > EDGES_BESIDE_MAX * len(ring):
        raise BadText("polygon-too-intricate", f"A polygon of {len(ring):,} points that runs to and fro all the way.")
    return ring


def read_circle(text: str) -> Circle:
    """A circle's "lat,lon radius", the radius in kilometres."""
    parts = text.split()
    if len(parts) != 2:
        raise BadText("circle-form", f"circle: not a point and a radius: {text[:60]!r}.")
    lon, lat = _point(parts[0], "circle")
    radius_km = read_number(parts[1], "circle")
    if radius_km < 0.0:
        raise BadText("circle-form", f"circle: a radius is never negative: {text[:60]!r}.")
    return Circle(lon, lat, radius_km)


def read_number(text: str, name: str) -> float:
    """A finite decimal number."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise BadText(f"{name}-form", f"{name}: not a number: {text[:60]!r}.")
    return value


def read_size(text: str) -> int:
    """A resource's size in bytes."""
    if not _SIZE.fullmatch(text.strip()):
        raise BadText("size-form", f"size: not a number of bytes: {text[:60]!r}.")
    return int(text)


def _beside_each_other(ring: Ring) -> int:
    """Pairs of edges that overlap in longitude, or in latitude if those are fewer: a bound on what GEOS compares."""
    points = np.asarray(ring)
    low, high = np.minimum(points[:-1], points[1:]), np.maximum(points[:-1], points[1:])
    return min(
        int(
            np.searchsorted(np.sort(low[:, axis]), high[:, axis], side="right").sum()
            - np.searchsorted(np.sort(high[:, axis]), low[:, axis], side="left").sum()
        )
        for axis in (0, 1)
    )


def _pairs(text: str) -> list[tuple[str | None, str]]:
    return [(match[1], match[2]) for match in _LIST_WORD.finditer(text)]


def _reference(word: str, version: Version) -> Reference:
    if version is Version.V1_0 and "," not in word:
        identifier, slash, sender = word.partition("/")
        if not (identifier and slash and sender):
            raise BadText("references-form", f"references: not identifier/sender: {word[:60]!r}.")
        return Reference(sender, identifier, TIME_NOT_STATED)
    parts = word.split(",")
    if len(parts) != 3 or not (parts[0] and parts[1]):
        raise BadText("references-form", f"references: not sender,identifier,sent: {word[:60]!r}.")
    try:
        sent = read_time(parts[2], version)
    except BadText as error:
        raise BadText("references-form", f"references: {error}") from error
    return Reference(parts[0], parts[1], sent)


def _point(pair: str, name: str) -> tuple[float, float]:
    parts = pair.split(",")
    if len(parts) != 2:
        raise BadText(f"{name}-form", f"{name}: not latitude,longitude: {pair[:60]!r}.")
    lat, lon = (read_number(part, name) for part in parts)
    if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
        swapped = " Latitude stands first in CAP." if -90.0 <= lon <= 90.0 and -180.0 <= lat <= 180.0 else ""
        raise BadText("coordinates-range", f"{name}: no point on Earth: latitude {lat}, longitude {lon}.{swapped}")
    return round(lon, COORDINATE_DECIMALS), round(lat, COORDINATE_DECIMALS)
