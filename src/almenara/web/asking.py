"""What routes share: the office behind the application, lists in pages, and answers that are JSON already."""

import base64
import binascii
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request
from fastapi.responses import Response

from almenara.board.forms import moment
from almenara.service.office import Office
from almenara.web.problems import Problem

LIMIT_MAX = 1_000

Box = tuple[float, float, float, float]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]
BoxText = Annotated[
    str | None, Query(alias="bbox", max_length=200, description="west,south,east,north in degrees, WGS84.")
]
Time = Annotated[datetime | None, Query(description="ISO 8601 with an offset.")]


def office_of(request: Request) -> Office:
    """The office; 503 while it still reads its log, or has stopped."""
    office: Office = request.app.state.office
    if not office.ready:
        raise Problem(503, "not-ready", f"The service is {office.stage}.", {"Retry-After": "2"})
    return office


def json(data: Any, status: int = 200) -> Response:
    """Values, or bytes that are JSON already, as an answer."""
    content = data if isinstance(data, bytes) else msgspec.json.encode(data)
    return Response(content, status, media_type="application/json")


def page(items: Iterable[bytes], cursor: str | None) -> Response:
    """One page of a list: items as JSON, and where the next begins."""
    tail = msgspec.json.encode(cursor)
    return json(b'{"items":[' + b",".join(items) + b'],"next":' + tail + b"}")


def to_cursor(*values: str | int) -> str:
    """Where a page ends, for the one after it; what it says is nobody's business."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def from_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """What `to_cursor` said; None for the first page."""
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return tuple(msgspec.json.decode(raw, type=tuple[kinds]))  # type: ignore[valid-type]
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError) as error:
        raise Problem(422, "bad-cursor", "That cursor is none of ours.") from error


def box_of(text: str | None) -> Box | None:
    """A box in degrees; one that crosses ±180 has its west beyond its east and is refused: ask for two."""
    if text is None:
        return None
    parts = text.split(",")
    try:
        west, south, east, north = (float(part) for part in parts)
    except ValueError:
        west = south = east = north = float("nan")
    if not (-180.0 <= west <= east <= 180.0 and -90.0 <= south <= north <= 90.0):
        raise Problem(422, "bad-bbox", "bbox is west,south,east,north in degrees, west of east and south of north.")
    return west, south, east, north


def meets(one: Box | None, other: Box | None) -> bool:
    """Whether two boxes touch; no box asked for means everywhere."""
    if other is None:
        return True
    if one is None:
        return False
    return one[0] <= other[2] and one[2] >= other[0] and one[1] <= other[3] and one[3] >= other[1]


def text_of(time: datetime | None) -> str | None:
    """A time that was asked for, as forms write theirs: the two compare as text."""
    return None if time is None else moment(ms_of(time))


def ms_of(time: datetime) -> int:
    """A time that was asked for; without an offset it is UTC."""
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    try:
        return round(aware.timestamp() * 1000)
    except (OverflowError, ValueError) as error:
        raise Problem(422, "bad-time", "That time is out of range.") from error
