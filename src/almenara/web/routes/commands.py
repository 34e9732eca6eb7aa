"""Commands: what persons order, done durably or refused by name; what is sent twice is done once."""

import asyncio
from collections import OrderedDict
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Depends, Header, Request
from fastapi.responses import Response

from almenara.board import Board
from almenara.model.commands import AnyCommand, DraftByHand, RecordTest, decode_command
from almenara.model.errors import CommandRefused
from almenara.model.events import Event
from almenara.service.office import Office
from almenara.stages.public_warnings.by_hand import area_of
from almenara.web import security
from almenara.web.asking import json, office_of
from almenara.web.audit_desk import desk_of
from almenara.web.problems import Problem
from almenara.web.security import require

router = APIRouter(tags=["commands"])

#: Every action that a command can take; which one it is shows in the command itself.
ACTIONS = (
    "acknowledge",
    "label",
    "draft",
    "reject",
    "update",
    "cancel",
    "all-clear",
    "approve",
    "channels",
)
#: Answers that are kept for who asks again under the same key, because the first answer did not arrive.
KEPT_MAX = 2_000
#: What is told of an event: whom it concerns.
TOLD = ("identifier", "thread", "incident", "msg_type", "channel", "hazard", "label", "subject")


@router.post("/commands", dependencies=[Depends(require(*ACTIONS))], summary="Order something")
async def command(
    request: Request,
    body: Annotated[dict[str, Any], Body(examples=[{"command": "approve", "identifier": "incident-fire-a-1"}])],
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="Under the same key the same command is done once.")
    ] = None,
) -> Response:
    """Done durably: 200 with what happened. Refused: 409 with the reason, and nothing changed."""
    office, principal = office_of(request), request.state.principal
    order = decode_command(msgspec.json.encode(body))
    if isinstance(order, RecordTest):
        raise Problem(422, "not-possible", "Tests are made by POST /channels/test, which writes them down itself.")
    tag = str(order.__struct_config__.tag)
    await security.demand_command(request, principal, tag, position_of(order, office), subject_of(order))
    if idempotency_key is None:
        return json(await _done(request, order, principal.name))
    kept = _kept(request)
    key = principal.name, idempotency_key
    first = kept.get(key)
    if first is None:
        first = kept[key] = body, asyncio.ensure_future(_done(request, order, principal.name))
        while len(kept) > KEPT_MAX:
            kept.popitem(last=False)
    if first[0] != body:
        raise Problem(422, "key-reused", "This Idempotency-Key was used for another command.")
    try:
        return json(await asyncio.shield(first[1]))
    except CommandRefused:
        kept.pop(key, None)  # nothing was done: it may be tried again
        raise


def subject_of(order: AnyCommand) -> str:
    """What a command is about, for the audit."""
    names = ("identifier", "thread", "incident", "hazard", "source", "channel")
    return next((str(value) for name in names if (value := getattr(order, name, None))), "")


def position_of(order: AnyCommand, office: Office) -> tuple[float, float] | None:
    """Where (lon, lat, degrees) what a command is about lies; None for what lies nowhere, or is not known."""
    board = office.board
    if isinstance(order, DraftByHand):
        point = area_of(order.area).representative_point()
        return point.x, point.y
    hazard, incident = getattr(order, "hazard", None), getattr(order, "incident", None)
    if hazard:
        return _of_hazard(board, hazard)
    if incident:
        return _of_incident(board, incident)
    named = getattr(order, "identifier", None) or getattr(order, "thread", None)
    return _of_warning(board, named) if named and not hasattr(order, "channel") else None


def _of_hazard(board: Board, hazard: str) -> tuple[float, float] | None:
    item = board.hazards.get(hazard)
    return item.form.centre if item is not None else None


def _of_incident(board: Board, incident: str) -> tuple[float, float] | None:
    item = board.items["incident"].get(incident)
    hazards = item.form.hazards if item is not None else ()
    return next((place for hazard in hazards if (place := _of_hazard(board, hazard)) is not None), None)


def _of_warning(board: Board, name: str) -> tuple[float, float] | None:
    for item in reversed(list(board.items["warning"].values())):
        form = item.form
        if name in (form.identifier, form.thread, form.incident):
            if form.bbox is None:
                return _of_incident(board, form.incident)
            west, south, east, north = form.bbox
            return (west + east) / 2, (south + north) / 2
    return _of_incident(board, name)


async def _done(request: Request, order: AnyCommand, by: str) -> dict[str, Any]:
    office = office_of(request)
    try:
        events = await office.order(order, by)
    except CommandRefused as refused:  # what is done is told by its own events
        tag = str(order.__struct_config__.tag)
        await desk_of(request).write(by, tag, subject_of(order), "refused", refused.reason)
        raise
    return {"said": [_told(event) for event in events], "seq": office.board.seq}


def _told(event: Event) -> dict[str, Any]:
    about = {name: getattr(event, name) for name in TOLD if hasattr(event, name)}
    return {"kind": type(event).__name__, **about}


_Kept = OrderedDict[tuple[str, str], tuple[dict[str, Any], "asyncio.Future[dict[str, Any]]"]]


def _kept(request: Request) -> _Kept:
    state = request.app.state
    if not hasattr(state, "commands_done"):
        state.commands_done = OrderedDict()
    kept: _Kept = state.commands_done
    return kept
