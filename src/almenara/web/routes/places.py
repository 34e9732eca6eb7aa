"""Places: what is protected, listed, changed one by one, and imported from files with a look at it first."""

import asyncio
import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import Response

from almenara.accounts.principal import Principal
from almenara.model.errors import InputError, UsageError
from almenara.places import REASONS, Places, load_places
from almenara.service import protection
from almenara.service.observation_index import within
from almenara.service.office import Office
from almenara.web import ogc
from almenara.web.guard import IMPORT_BYTES_MAX
from almenara.web.problems import Problem
from almenara.web.security import require

router = APIRouter(tags=["places"])

LIMIT_MAX = 1_000
SAMPLE = 20
_PIECE = 1024 * 1024
Text = Annotated[str | None, Query(max_length=100)]
Name = Annotated[str, Form(max_length=200)]


class NewPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place as a person says it. `geometry`: a GeoJSON point, polygon or multipolygon, degrees."""

    name: str
    geometry: dict[str, Any]
    kind: str = "place"
    population: int | None = None
    alert_distance_m: float | None = None
    country: str | None = None
    admin: str | None = None


@router.get("/places", dependencies=[Depends(require("read"))], summary="Places by id")
async def places(
    request: Request,
    q: Text = None,
    kind: Text = None,
    bbox: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """Those in a box, of a kind, whose name holds `q`; go on with `cursor` = `next`."""
    try:
        box = None if bbox is None else partial(within, ogc.parse_bbox(bbox))
    except UsageError as error:
        raise Problem(422, "bad-bbox", str(error)) from error
    table = await _table(request)
    rows, following = await asyncio.to_thread(_page, table, box, kind, q, limit, cursor)
    return _json({"items": rows, "next": following})


@router.get("/places/{place:path}", dependencies=[Depends(require("read"))], summary="One place")
async def place(request: Request, place: str) -> Response:
    """With its geometry as GeoJSON."""
    table = await _table(request)
    found = table.filter(pc.equal(table.column("id"), place))
    if not found.num_rows:
        raise Problem(404, "unknown", "There is no place of that id.")
    return _json(_told(found, geometry=True)[0])


@router.post("/places/import", summary="Import a file of places, or look at what that would do")
async def import_file(
    request: Request,
    caller: Annotated[Principal, Depends(require("places"))],
    file: Annotated[UploadFile, File(description="CSV, GeoJSON, GeoPackage, Shapefile (.zip) or GeoParquet")],
    preview: Annotated[bool, Query(description="Change nothing")] = False,
    kind: Name = "",
    crs: Name = "",
    layer: Name = "",
    attribution: Name = "",
    alert_distance_m: Annotated[float | None, Form()] = None,
    columns: Annotated[str, Form(max_length=4_000, description='JSON: {"name": "NOMBRE", …}')] = "",
) -> Response:
    """What came of every row, with a reason for each that was kept out, and what is added, changed and removed.

    An import takes the place of the earlier one of the same file's name.
    """
    office: Office = request.app.state.office
    named = _columns(columns)
    with tempfile.TemporaryDirectory(prefix="almenara-") as folder:
        path = Path(folder, _safe_name(file.filename or ""))
        await _keep(file, path)
        spec = f"{path}:{layer}" if layer else str(path)
        load = partial(
            load_places, spec, columns=named, kind=kind or None, alert_distance_m=alert_distance_m, crs=crs or None
        )
        loaded = await asyncio.to_thread(_loaded, load)
    if attribution:
        loaded = Places(loaded.table, loaded.origin, attribution, loaded.rejections)
    before = await office.ask(lambda session: session.state.exposure.imports.get(loaded.origin))
    told = await asyncio.to_thread(_report, loaded, before)
    if preview:
        return _json(told | {"imported": False})
    now_ms = office.clock()
    await office.ask(lambda session: protection.import_places(session, loaded, caller.name, now_ms))
    return _json(told | {"imported": True})


@router.put("/places/{place:path}", summary="Add a place, or say what one is now")
async def put_place(request: Request, place: str, caller: Annotated[Principal, Depends(require("places"))]) -> Response:
    """What is said here stands, whatever later imports bring under this id."""
    office: Office = request.app.state.office
    try:
        new = msgspec.json.decode(await request.body(), type=NewPlace)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(422, "invalid-request", str(error)) from error
    table = await asyncio.to_thread(_checked, place, new)
    now_ms = office.clock()
    await office.ask(lambda session: protection.change_place(session, table, caller.name, now_ms))
    return _json(_told(table, geometry=True)[0])


@router.delete("/places/{place:path}", status_code=204, summary="Take a place out")
async def delete_place(
    request: Request, place: str, caller: Annotated[Principal, Depends(require("places"))]
) -> Response:
    """No later import brings it back."""
    office: Office = request.app.state.office
    if not (await _table(request)).filter(pc.equal((await _table(request)).column("id"), place)).num_rows:
        raise Problem(404, "unknown", "There is no place of that id.")
    now_ms = office.clock()
    await office.ask(lambda session: protection.remove_place(session, place, caller.name, now_ms))
    return Response(status_code=204)


# ---------------------------------------------------------------------- reading


async def _table(request: Request) -> pa.Table:
    office: Office = request.app.state.office
    if not office.ready:
        raise Problem(503, "not-ready", f"The service is {office.stage}.", {"Retry-After": "2"})
    return await office.ask(lambda session: session.state.exposure.places)


def _page(
    table: pa.Table,
    box: Callable[[Any, Any], Any] | None,
    kind: str | None,
    q: str | None,
    limit: int,
    after: str | None,
) -> tuple[list[dict[str, Any]], str | None]:
    table = protection.select(table, box, kind, q)
    if after is not None:
        table = table.filter(pc.greater(table.column("id"), after))
    first = table.take(pc.select_k_unstable(table, limit + 1, [("id", "ascending")]))
    rows = _told(first.slice(0, limit))
    return rows, rows[-1]["id"] if first.num_rows > limit else None


def _told(table: pa.Table, *, geometry: bool = False) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        wkb = row.pop("geometry")
        row["area"] = wkb is not None
        if geometry:
            shape = shapely.Point(row["lon"], row["lat"]) if wkb is None else shapely.from_wkb(wkb)
            row["geometry"] = msgspec.Raw(shapely.to_geojson(shape).encode())
    return rows


# ---------------------------------------------------------------------- changing


async def _keep(file: UploadFile, path: Path) -> None:
    """Write what was uploaded into a file, up to a bound."""
    taken = 0
    with path.open("wb") as target:
        while piece := await file.read(_PIECE):
            taken += len(piece)
            if taken > IMPORT_BYTES_MAX:
                raise Problem(413, "body-too-large", f"A file of places has at most {IMPORT_BYTES_MAX:,} bytes.")
            target.write(piece)


def _safe_name(name: str) -> str:
    """The last part of a file's name in letters that do no harm: it names the import for ever.

    >>> _safe_name("../../etc/escuelas 2024.csv"), _safe_name("..")
    ('escuelas_2024.csv', 'places')
    """
    kept = re.sub(r"[^\w.-]", "_", name.replace("\\", "/").rpartition("/")[2])[-100:]
    return kept.lstrip(".") or "places"


def _columns(text: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError as error:
        raise Problem(422, "bad-columns", f"columns is a JSON object of texts: {error}") from error


def _loaded(load: Callable[[], Places]) -> Places:
    try:
        return load()
    except (InputError, UsageError) as error:
        raise Problem(422, "unusable-file", str(error)) from error


def _report(loaded: Places, before: bytes | None) -> dict[str, Any]:
    reasons = protection.reasons_of(loaded)
    table = loaded.table
    changes = protection.difference(before, table)
    bounds = [pc.min_max(table.column(name)).as_py() for name in ("lon", "lat")] if table.num_rows else None
    return {
        "origin": loaded.origin,
        "attribution": loaded.attribution,
        "rows": table.num_rows + len(loaded.rejections),
        "accepted": table.num_rows,
        "rejected": reasons,
        "reasons": {reason: REASONS[reason] for reason in reasons},
        "examples": [{"line": r.line, "reason": r.reason, "detail": r.detail} for r in loaded.rejections[:SAMPLE]],
        "sample": _told(table.slice(0, SAMPLE)),
        "kinds": {row["values"]: row["counts"] for row in table.column("kind").value_counts().to_pylist()},
        "population": pc.sum(table.column("population")).as_py(),
        "changes": {"added": changes.added, "changed": changes.changed, "removed": changes.removed},
        "bbox": None if bounds is None else [*(b["min"] for b in bounds), *(b["max"] for b in bounds)],
    }


def _checked(place: str, new: NewPlace) -> pa.Table:
    """The place as a table of one row, by the same rules as a file's. Raises Problem with the named reason."""
    about = {
        name: getattr(new, name) for name in ("name", "kind", "population", "alert_distance_m", "country", "admin")
    }
    feature = {"type": "Feature", "geometry": new.geometry, "properties": about | {"id": place}}
    with tempfile.TemporaryDirectory(prefix="almenara-") as folder:
        path = Path(folder, "place.geojson")
        path.write_bytes(msgspec.json.encode({"type": "FeatureCollection", "features": [feature]}))
        columns = {name: name for name in (*about, "id")}
        loaded = _loaded(lambda: load_places(str(path), columns=columns))
    if loaded.rejections:
        raise Problem(422, loaded.rejections[0].reason, loaded.rejections[0].detail)
    if loaded.table.num_rows != 1 or loaded.table.column("id")[0].as_py() != place:
        raise Problem(
            422, "not-one-place", "The geometry must be one point, polygon or multipolygon, the id plain text."
        )
    return loaded.table


def _json(content: Any) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")
