"""Observations: what satellites and networks reported, paged and filtered, and added up on a grid for a map of many."""

import asyncio
import base64
import math
import re
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from almenara.model.errors import UsageError
from almenara.model.observations import to_ipc
from almenara.results import isos
from almenara.service.observation_index import LIMIT_MAX, Page, Versions, Wanted, numpy_of
from almenara.service.observation_window import WINDOW_MS, ZOOM_MAX, Grid
from almenara.web import ogc
from almenara.web.problems import Problem
from almenara.web.records import records_of
from almenara.web.security import require

router = APIRouter(tags=["observations"], dependencies=[Depends(require("read"))])

ARROW = "application/vnd.apache.arrow.stream"
Format = Literal["json", "geojson", "arrow"]
Text = Annotated[str | None, Query(max_length=100)]
Time = Annotated[str | None, Query(max_length=40, description="RFC 3339: 2024-09-03T12:00:00Z, or a day")]
Bbox = Annotated[str | None, Query(max_length=200, description="west,south,east,north in degrees")]

#: Columns of a row as JSON, in this order; `time` comes first and `lon`, `lat` after it.
_TOLD = (
    "across_m",
    "along_m",
    "value",
    "confidence",
    "heat_class",
    "depth_km",
    "platform",
    "instrument",
    "status",
    "reference",
    "label",
    "version",
    "kind",
    "source",
    "origin",
    "entry",
    "row",
    "counts",
)


@router.get("/observations", summary="Observations in the order in which they were received")
async def observations(
    request: Request,
    source: Text = None,
    kind: Text = None,
    bbox: Bbox = None,
    since: Time = None,
    until: Time = None,
    versions: Annotated[
        Versions, Query(description="Only the rows that count, or superseded ones as well")
    ] = "counting",
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
    cursor: Annotated[str | None, Query(max_length=60)] = None,
    format: Annotated[Format | None, Query()] = None,  # noqa: A002 - the API's word
) -> Response:
    """As JSON, GeoJSON or an Arrow IPC stream, by `format` or the header Accept; go on with `cursor` = `next`."""
    wanted = Wanted(_time(since, 0), _time(until, 1), _box(bbox), source, kind, versions)
    after = _after(cursor)
    page = await records_of(request).read(lambda log, index: index.observations.page(log, wanted, after, limit))
    following = None if page.next is None else _cursor(page.next)
    form = format or _accepted(request.headers.get("accept", ""))
    return await asyncio.to_thread(_written, page, following, form)


@router.get("/observations/grid", summary="Fire detections of the last 72 hours added up in cells")
async def grid(
    request: Request,
    bbox: Bbox = "-180,-90,180,90",
    zoom: Annotated[float, Query(ge=0, le=ZOOM_MAX, description="Of the map")] = 3,
    since: Time = None,
    until: Time = None,
) -> Response:
    """At most 20,000 cells that hold any: the finer the map, the smaller; their edges do not move with the box."""
    box, now_ms = _box(bbox), request.app.state.office.clock()
    since_ms, until_ms = _time(since, 0), _time(until, 1)
    assert box is not None
    window = await records_of(request).window()
    begin = max(now_ms - WINDOW_MS, window.complete_since_ms, since_ms if since_ms is not None else 0)
    end = until_ms if until_ms is not None else 2**62
    found = await asyncio.to_thread(window.grid, box, zoom, begin, end)
    return Response(_grid_json(found, begin), media_type="application/json")


def _written(page: Page, following: str | None, form: Format) -> Response:
    headers = {} if following is None else {"X-Next-Cursor": following}
    if form == "arrow":
        return Response(to_ipc(page.table), media_type=ARROW, headers=headers)
    rows = _rows(page.table)
    if form == "json":
        return Response(msgspec.json.encode({"items": rows, "next": following}), media_type="application/json")
    features = [
        {
            "type": "Feature",
            "id": f"{row['entry']}-{row['row']}",
            "geometry": None if lon is None else {"type": "Point", "coordinates": [lon, row.pop("lat")]},
            "properties": row,
        }
        for row in rows
        for lon in [row.pop("lon")]
    ]
    told = {"type": "FeatureCollection", "features": features, "next": following}
    return Response(msgspec.json.encode(told), media_type=ogc.GEOJSON, headers=headers)


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as JSON has them: what is not known is null."""
    columns: dict[str, list[Any]] = {"time": isos(numpy_of(table, "time").tolist())}
    for name in ("lon", "lat", *_TOLD):
        column = table.column(name)
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        columns[name] = column.to_pylist()
    columns["value"] = [None if v is None else round(v, 3) for v in columns["value"]]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _grid_json(found: Grid, begin_ms: int) -> bytes:
    columns = (found.lon.round(6), found.lat.round(6), found.count, found.frp_mw.round(1))
    newest = isos(found.newest_ms.tolist())
    cells = [
        {"lon": lon, "lat": lat, "count": count, "frp_mw": frp, "newest": at}
        for lon, lat, count, frp, at in zip(*(column.tolist() for column in columns), newest, strict=True)
    ]
    return msgspec.json.encode({"cell_deg": found.cell_deg, "since": ogc.iso(begin_ms), "cells": cells})


# ---------------------------------------------------------------------- what is asked


def _box(text: str | None) -> ogc.Box | None:
    try:
        return None if text is None else ogc.parse_bbox(text)
    except UsageError as error:
        raise Problem(422, "bad-bbox", str(error)) from error


def _time(text: str | None, end: int) -> int | None:
    """First (0) or last (1) millisecond of a time."""
    try:
        return None if text is None else ogc.parse_datetime(text.partition("/")[0])[end]
    except UsageError as error:
        raise Problem(422, "bad-time", str(error)) from error


def _cursor(place: tuple[int, int]) -> str:
    return base64.urlsafe_b64encode(b"%d.%d" % place).decode().rstrip("=")


def _after(cursor: str | None) -> tuple[int, int]:
    if cursor is None:
        return 0, -1
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError as error:
        raise Problem(422, "bad-cursor", "That is no cursor of this list.") from error
    if not re.fullmatch(rb"[0-9]{1,15}\.[0-9]{1,15}", text):
        raise Problem(422, "bad-cursor", "That is no cursor of this list.")
    entry, row = text.split(b".")
    return int(entry), int(row)


def _accepted(accept: str) -> Format:
    """The form that a client would rather have; JSON where it does not say."""
    kinds: dict[str, Format] = {ARROW: "arrow", ogc.GEOJSON: "geojson", "application/json": "json"}
    best: tuple[float, Format] = (0.0, "json")
    for part in accept.split(",")[:20]:
        kind, _, rest = part.strip().partition(";")
        found = re.fullmatch(r"\s*q=([01](?:\.[0-9]{1,3})?)", rest)
        weight = float(found[1]) if found else 1.0
        if kind in kinds and weight > best[0] and math.isfinite(weight):
            best = weight, kinds[kind]
    return best[1]
