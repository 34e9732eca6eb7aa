"""Hazards: those that stand and those that are over, each with its history, its places, and why it is shown."""

import asyncio
from contextlib import closing
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from almenara.board.forms import Hazard, moment
from almenara.board.hazards import STANDING
from almenara.board.subjects import HAZARD
from almenara.model import events as e
from almenara.model.observations import from_ipc
from almenara.service.office import Office
from almenara.stages.hazards import unpack_view
from almenara.web.asking import (
    BoxText,
    Cursor,
    Limit,
    Time,
    box_of,
    from_cursor,
    json,
    meets,
    office_of,
    page,
    text_of,
    to_cursor,
)
from almenara.web.problems import Problem
from almenara.web.security import require

router = APIRouter(tags=["hazards"], dependencies=[Depends(require("read"))])

#: The last so many entries that tell of one hazard.
HISTORY_MAX = 2_000
#: Reasons told of why it is shown.
WHY_MAX = 50
_CHANGED = ("change", "state", "area_km2", "new_area_km2", "observations", "new_observations", "frp_mw", "magnitude")

HazardState = Literal["active", "dormant", "ended", "merged", "retracted"]
Kind = Annotated[str | None, Query(max_length=40, description="fire, earthquake or warning.")]


@router.get("/hazards", summary="Hazards, the newest first")
async def hazards(
    request: Request,
    state: Annotated[HazardState | None, Query(description="Without it: those that stand.")] = None,
    kind: Kind = None,
    bbox: BoxText = None,
    since: Time = None,
    until: Time = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Active and dormant ones by when they were seen last, those that are over by their ids."""
    office = office_of(request)
    if state is not None and state not in STANDING:
        return await _over(office, state, limit, cursor)
    box, first, last = box_of(bbox), text_of(since), text_of(until)
    begin = from_cursor(cursor, str, str)
    wanted = [
        (item.form.last_seen, name)
        for name, item in office.board.hazards.items()
        if (state is None or item.form.state == state)
        and (kind is None or item.form.kind == kind)
        and (first is None or item.form.last_seen >= first)
        and (last is None or item.form.first_seen <= last)
        and meets(item.form.bbox, box)
        and (begin is None or (item.form.last_seen, name) < begin)
    ]
    wanted.sort(reverse=True)
    shown = wanted[:limit]
    items = office.board.hazards
    data = [items[name].data for _, name in shown if name in items]
    return page(data, to_cursor(*shown[-1]) if len(wanted) > limit else None)


async def _over(office: Office, state: str, limit: int, cursor: str | None) -> Response:
    begin = from_cursor(cursor, str)
    before = begin[0] if begin is not None else None
    found = await office.ask(lambda session: office.keeper.over(session.state, state, before, limit))
    return page(map(msgspec.json.encode, found), to_cursor(found[-1].id) if len(found) == limit else None)


@router.get("/hazards/{hazard}", summary="A hazard, with everything that is known of it")
async def hazard(request: Request, hazard: str) -> Response:
    """Its form, lineage, history, exposed places, places it could reach, warnings, and why it is shown."""
    office = office_of(request)
    now_ms = office.clock()
    found = await office.ask(lambda session: office.keeper.described(session.state, hazard, now_ms))
    told = await asyncio.to_thread(_told, office, hazard)
    if found is None:
        if told["view"] is None:
            raise Problem(404, "unknown", f"There is no hazard {hazard!r}.")
        view = told["view"]
        form = await office.ask(lambda session: office.keeper.shown(session.state, view))
        found = {"form": form, "view": view, "exposures": [], "could_reach": [], "reach": None}
    form, view = found["form"], found["view"]
    return json(
        {
            **msgspec.to_builtins(form),
            "lineage": {"merged_from": list(view.merged_from), "into": told["into"]},
            "history": told["history"],
            "exposures": found["exposures"],
            "could_reach": found["could_reach"],
            "reach": found["reach"],
            "facts": {name: value for name, value in view.extra.items() if name != "felt"},
            "warnings": _warnings(office, form),
            "why": told["why"],
        }
    )


def _warnings(office: Office, form: Hazard) -> list[Any]:
    """The messages of its incident that are on the board."""
    forms = [item.form for item in office.board.items["warning"].values()]
    return [msgspec.to_builtins(one) for one in forms if form.incident is not None and one.incident == form.incident]


def _told(office: Office, hazard: str) -> dict[str, Any]:
    """What the log tells of a hazard: its history, what it became part of, the last word on it, and why it is shown."""
    assert office.history is not None
    marks = office.history.marks(HAZARD, hazard, newest_first=True, limit=HISTORY_MAX)
    history: list[dict[str, Any]] = []
    why: list[dict[str, Any]] = []
    into = view = None
    with closing(office.open_reader()) as log:
        for seq, event in office.history.events(log, marks):
            if isinstance(event, e.HazardsChanged):
                for row in _mine(event.table, hazard):
                    history.append({"time": _moment(row["time"]), **{name: row[name] for name in _CHANGED}})
                    into = row["into"] if row["into"] is not None else into
                    why.append(_reason(seq, event.now_ms, f"hazard-{row['change']}", [hazard]))
            elif isinstance(event, e.HazardsArchived):
                view = next((unpack_view(row["view"]) for row in _mine(event.table, hazard)), None)
            elif isinstance(event, e.ExposuresChanged):
                places = {row["change"]: row["place_id"] for row in _mine(event.table, hazard)}
                why += [_reason(seq, event.now_ms, f"exposure-{change}", [place]) for change, place in places.items()]
            elif isinstance(event, e.IncidentOpened | e.IncidentChanged):
                code = "incident-opened" if isinstance(event, e.IncidentOpened) else "incident-changed"
                why.append(_reason(seq, event.now_ms, code, [event.incident], event.reasons))
            elif isinstance(event, e.HazardLabelled):
                why.append(_reason(seq, event.now_ms, "labelled", [event.by], [event.label, event.reason]))
    return {"history": history, "into": into, "view": view, "why": _telling(why)}


def _telling(why: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first of all, and the last ones: how it began, and how it got to where it is."""
    if len(why) <= WHY_MAX:
        return why
    return [why[0], *why[1 - WHY_MAX :]]


def _mine(table: bytes, hazard: str) -> list[dict[str, Any]]:
    rows = from_ipc(table)
    at = [number for number, name in enumerate(rows.column("hazard_id").to_pylist()) if name == hazard]
    return rows.take(at).to_pylist() if at else []


def _reason(seq: int, at_ms: int, code: str, ids: list[str], values: list[str] | None = None) -> dict[str, Any]:
    kind = code.partition("-")[0]
    return {"seq": seq, "kind": kind, "at": moment(at_ms), "sentence_code": code, "ids": ids, "values": values or []}


def _moment(time: Any) -> str:
    return moment(round(time.timestamp() * 1000))
