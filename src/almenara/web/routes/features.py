"""OGC API - Features: hazards, places and warnings as GIS programs open them."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from almenara import __version__
from almenara.model.errors import UsageError
from almenara.pipeline import State
from almenara.service.office import Office
from almenara.stages.hazards import View
from almenara.web import ogc
from almenara.web.layers import TITLES, hazards_layer, places_layer, warnings_layer
from almenara.web.ogc_definition import definition
from almenara.web.problems import Problem
from almenara.web.records import records_of
from almenara.web.security import require

PREFIX = "/ogc"
router = APIRouter(tags=["features"], dependencies=[Depends(require("read"))])


@router.get("/", summary="The landing page")
async def landing(request: Request) -> Response:
    """Links to everything here."""
    _only_json(request)
    words = "Hazards that are followed, places that are protected, and warnings that were sent."
    return _json(ogc.landing(_base(request), "Almenara", words))


@router.get("/api", summary="The definition of this API (OpenAPI 3.0)")
async def api(request: Request) -> Response:
    """For programs that read definitions."""
    titles = [(name, title) for name, (title, _) in TITLES.items()]
    return _json(definition(_base(request), "Almenara", __version__, titles), ogc.OPENAPI)


@router.get("/conformance", summary="What this API conforms to")
async def conformance(request: Request) -> Response:
    """The conformance classes."""
    _only_json(request)
    return _json(ogc.conformance())


@router.get("/collections", summary="The collections")
async def collections(request: Request) -> Response:
    """Each with its extent."""
    _only_json(request)
    layers = [await layer_of(request, name) for name in TITLES]
    return _json(ogc.collections(_base(request), layers))


@router.get("/collections/{name}", summary="One collection")
async def collection(request: Request, name: str) -> Response:
    """With its extent and its links."""
    _only_json(request)
    return _json(ogc.collection(_base(request), await layer_of(request, _known(name))))


@router.get("/collections/{name}/items", summary="Features of a collection")
async def items(request: Request, name: str) -> Response:
    """Those that meet `bbox` and `datetime`, in pages of `limit`; the link `next` leads on."""
    layer = await layer_of(request, _known(name))
    query = _parsed(lambda: ogc.parse_query(request.query_params.multi_items()))
    now_ms = request.app.state.office.clock()
    return _json(await asyncio.to_thread(ogc.items, _base(request), layer, query, now_ms), ogc.GEOJSON)


@router.get("/collections/{name}/items/{feature:path}", summary="One feature")
async def item(request: Request, name: str, feature: str) -> Response:
    """By its id."""
    _only_json(request)
    layer = await layer_of(request, _known(name))
    found = ogc.item(_base(request), layer, feature)
    if found is None:
        raise Problem(404, "unknown", f"{layer.title} has no feature of that id.")
    return _json(found, ogc.GEOJSON)


class _Layers:
    """The collections as they stood when they were last asked for."""

    def __init__(self) -> None:
        self.made: dict[str, tuple[int, ogc.Layer]] = {}  # name → entry of the log, layer
        self.places: pa.Table | None = None  # what the places' layer was made from


async def layer_of(request: Request, name: str) -> ogc.Layer:
    """A collection as it stands; made anew when something happened since the last time."""
    office: Office = request.app.state.office
    if not hasattr(request.app.state, "layers"):
        request.app.state.layers = _Layers()
    kept: _Layers = request.app.state.layers
    seq = office.board.seq
    if name not in kept.made or kept.made[name][0] != seq:
        kept.made[name] = seq, await _made(request, office, kept, name)
    return kept.made[name][1]


async def _made(request: Request, office: Office, kept: _Layers, name: str) -> ogc.Layer:
    now_ms, records = office.clock(), records_of(request)
    if name == "warnings":
        return warnings_layer(await records.read(lambda log, index: index.press.all(log, now_ms)))
    lines = await records.read(lambda log, index: index.credits())  # raises while nothing can be asked
    if name == "hazards":
        views = await office.ask(lambda session: _views(session.state))
        return await asyncio.to_thread(hazards_layer, views)
    table = await office.ask(lambda session: session.state.exposure.places)
    if table is not kept.places or name not in kept.made:
        kept.places = table
        return await asyncio.to_thread(places_layer, table, "; ".join(lines))
    return kept.made[name][1]


def _views(state: State) -> list[View]:
    views = (view for follower in state.hazards.values() for view in follower.views())
    return sorted(views, key=lambda view: (view.kind, view.id))


def _known(name: str) -> str:
    if name not in TITLES:
        raise Problem(404, "unknown", f"There is no such collection: {', '.join(TITLES)}.")
    return name


def _only_json(request: Request) -> None:
    _parsed(lambda: ogc.no_parameters(request.query_params.multi_items()))


def _parsed(parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except UsageError as error:
        raise Problem(400, "bad-parameter", str(error)) from error


def _base(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}{PREFIX}"


def _json(content: Any, kind: str = "application/json") -> Response:
    return Response(msgspec.json.encode(content), media_type=kind)
