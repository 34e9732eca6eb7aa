"""Footprints on the map: of one hazard or all in a box, now or at another time, and how far fires could reach."""

import asyncio
import math
from functools import partial
from typing import Annotated, Any

import msgspec
import shapely
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from shapely.affinity import scale
from shapely.geometry.base import BaseGeometry

from almenara.board.forms import Hazard, moment
from almenara.service.office import Office
from almenara.service.session import Session
from almenara.web.asking import BoxText, Time, box_of, meets, ms_of, office_of
from almenara.web.problems import Problem
from almenara.web.routes.hazards import Kind
from almenara.web.security import require

router = APIRouter(tags=["hazards"], dependencies=[Depends(require("read"))])

FEATURES_MAX = 5_000
#: Fires whose reach is drawn at a time; those that threaten something first.
REACHING_MAX = 300
#: Footprints as of another time are read so many at a time, so that the chain goes on in between.
TOGETHER = 100
#: One pass in each half day is certain: a fire that was not seen for longer is drawn as not known.
STALE_MS = 12 * 3_600_000
LEVELS = (95, 80, 50)  # the widest first, so that the others are drawn on top of it
DEGREE_M = 111_320.0
GEO = "application/geo+json"


@router.get("/hazards/{hazard}/footprint", summary="The footprint of a hazard, also as of another time")
async def footprint(request: Request, hazard: str, at: Time = None) -> Response:
    """A GeoJSON Feature; its geometry is null before the hazard was first seen."""
    office = office_of(request)
    at_ms = ms_of(at) if at is not None else None
    found = await office.ask(lambda session: office.keeper.footprint(session.state, hazard, at_ms))
    if found is None:
        raise Problem(404, "unknown", f"No hazard {hazard!r} is followed.")
    form, shape = found
    return _geo(_feature(form, shape, office.clock() if at_ms is None else at_ms))


@router.get("/footprints", summary="The footprints in a box, and how far its fires could reach")
async def footprints(
    request: Request,
    bbox: BoxText = None,
    at: Time = None,
    kind: Kind = None,
    hours: Annotated[int, Query(description="Of the bands: 6, 12 or 24; 0: none.")] = 12,
) -> Response:
    """A FeatureCollection of what stands on the board; features with a `band` say how far a fire could reach."""
    office, box = office_of(request), box_of(bbox)
    if hours not in (0, 6, 12, 24):
        raise Problem(422, "bad-hours", "hours is 6, 12 or 24, or 0 for no bands.")
    wanted = [
        (item.form, item.shape)
        for item in office.board.hazards.values()
        if (kind is None or item.form.kind == kind) and meets(item.form.bbox, box)
    ]
    wanted.sort(
        key=lambda one: (one[0].incident is not None, one[0].exposed.places > 0, one[0].last_seen), reverse=True
    )
    shown = wanted[:FEATURES_MAX]
    now_ms = office.clock() if at is None else ms_of(at)
    if at is not None:
        shown = await _as_of(office, [form for form, _ in shown if form.first_seen <= moment(now_ms)], now_ms)
        return await asyncio.to_thread(_collection, shown, {}, now_ms, hours, len(wanted))
    burning = [form.id for form, _ in shown if form.kind == "fire" and form.state == "active" and not form.suppressed]
    bands: dict[str, Any] = {}
    if hours and burning:
        names = burning[:REACHING_MAX]
        bands = await office.ask(lambda session: office.keeper.bands(session.state, names, now_ms))
    return await asyncio.to_thread(_collection, shown, bands, now_ms, hours, len(wanted))


async def _as_of(office: Office, forms: list[Hazard], at_ms: int) -> list[tuple[Hazard, BaseGeometry | None]]:
    found: list[tuple[Hazard, BaseGeometry | None]] = []
    for begin in range(0, len(forms), TOGETHER):
        names = [form.id for form in forms[begin : begin + TOGETHER]]
        found += await office.ask(partial(_footprints, office, names, at_ms))
    return found


def _footprints(
    office: Office, names: list[str], at_ms: int, session: Session
) -> list[tuple[Hazard, BaseGeometry | None]]:
    found = [office.keeper.footprint(session.state, name, at_ms) for name in names]
    return [one for one in found if one is not None]


def _collection(
    shown: list[tuple[Hazard, BaseGeometry | None]], bands: dict[str, Any], now_ms: int, hours: int, total: int
) -> Response:
    features = []
    for level in LEVELS:
        features += [_band(form, shape, bands[form.id], level, hours) for form, shape in shown if form.id in bands]
    features += [_feature(form, shape, now_ms) for form, shape in shown]
    head = b'{"type":"FeatureCollection","truncated":' + (b"true" if total > len(shown) else b"false")
    return _geo(head + b',"features":[' + b",".join(one for one in features if one) + b"]}")


def _feature(form: Hazard, shape: BaseGeometry | None, now_ms: int) -> bytes:
    stale = form.kind == "fire" and form.last_seen < moment(now_ms - STALE_MS)
    return _encoded(form.id, shape, {"id": form.id, "kind": form.kind, "state": form.state, "stale": stale})


def _band(form: Hazard, shape: BaseGeometry | None, band: dict[str, Any], level: int, hours: int) -> bytes:
    """A footprint widened by what a band says; degrees are taken as straight, which is enough for a picture."""
    at = (6, 12, 24).index(hours)
    if shape is None or shape.is_empty:
        return b""
    middle = shapely.centroid(shape)
    narrow = max(math.cos(math.radians(middle.y)), 0.01)
    wide = scale(shape, xfact=narrow, yfact=1.0, origin=(middle.x, middle.y))
    wide = shapely.buffer(wide, band[f"p{level}_m"][at] / DEGREE_M, quad_segs=4)
    drawn = scale(wide, xfact=1.0 / narrow, yfact=1.0, origin=(middle.x, middle.y))
    told = {
        "id": form.id,
        "kind": form.kind,
        "band": f"P{level}",
        "hours": hours,
        "calibrated": band["calibrated"][at],
        "basis": band["basis"],
    }
    return _encoded(f"{form.id}/P{level}", drawn, told)


def _encoded(name: str, shape: BaseGeometry | None, properties: dict[str, Any]) -> bytes:
    geometry = msgspec.Raw(b"null")
    if shape is not None and not shape.is_empty:
        geometry = msgspec.Raw(shapely.to_geojson(shapely.set_precision(shape, 1e-5, mode="pointwise")).encode())
    return msgspec.json.encode({"type": "Feature", "id": name, "geometry": geometry, "properties": properties})


def _geo(data: bytes) -> Response:
    return Response(data, media_type=GEO)
