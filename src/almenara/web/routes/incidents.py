"""Incidents: what responders work on, and the story of each."""

import asyncio
from contextlib import closing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from almenara.board.forms import Incident, moment
from almenara.board.subjects import INCIDENT
from almenara.model import events as e
from almenara.service.office import Office
from almenara.web.asking import Cursor, Limit, Time, from_cursor, json, ms_of, office_of, page, to_cursor
from almenara.web.problems import Problem
from almenara.web.security import require

router = APIRouter(tags=["incidents"], dependencies=[Depends(require("read"))])

#: Of one incident's story.
MOMENTS_MAX = 1_000


@router.get("/incidents", summary="Incidents, the newest first")
async def incidents(
    request: Request,
    status: Annotated[Literal["open", "merged", "closed"] | None, Query()] = None,
    kind: Annotated[str | None, Query(max_length=40)] = None,
    since: Time = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Those that are open and those that are over."""
    office = office_of(request)
    begin = from_cursor(cursor, str, str)
    found = await office.ask(lambda session: office.keeper.all_incidents(session.state))
    after = None if begin is None else (begin[0], begin[1])
    wanted = [
        one
        for one in sorted(found, key=lambda one: (one.opened, one.id), reverse=True)
        if (status is None or one.status == status)
        and (kind is None or one.kind == kind)
        and (since is None or one.opened >= moment(ms_of(since)))
        and (after is None or (one.opened, one.id) < after)
    ]
    shown = wanted[:limit]
    more = to_cursor(shown[-1].opened, shown[-1].id) if len(wanted) > limit else None
    return page([_json(one) for one in shown], more)


@router.get("/incidents/{incident}", summary="An incident and its story")
async def incident(request: Request, incident: str) -> Response:
    """As it stands, with a timeline that names who did what."""
    office = office_of(request)
    found = await office.ask(lambda session: office.keeper.incident(session.state, incident))
    if found is None:
        raise Problem(404, "unknown", f"There is no incident {incident!r}.")
    timeline = await asyncio.to_thread(_timeline, office, incident)
    return json(_json(found)[:-1] + b',"timeline":' + bytes(json(timeline).body) + b"}")


def _json(form: Incident) -> bytes:
    return bytes(json(form).body)


def _timeline(office: Office, incident: str) -> list[dict[str, Any]]:
    assert office.history is not None
    marks = office.history.marks(INCIDENT, incident, newest_first=True, limit=MOMENTS_MAX)
    with closing(office.open_reader()) as log:
        told = [(seq, _moment(event, incident)) for seq, event in office.history.events(log, marks)]
    return [{"seq": seq, **one} for seq, one in told if one is not None]


def _moment(event: e.Event, incident: str) -> dict[str, Any] | None:
    """One thing that happened, in words that a client translates: a code and its values."""
    match event:
        case e.IncidentOpened():
            return _told(event.now_ms, "opened", priority=event.priority, reasons=event.reasons, hazard=event.hazard)
        case e.IncidentChanged():
            return _told(event.now_ms, "changed", priority=event.priority, reasons=event.reasons, hazards=event.hazards)
        case e.IncidentMerged():
            if event.incident == incident:
                return _told(event.now_ms, "merged-into", incident=event.into)
            return _told(event.now_ms, "took-in", incident=event.incident)
        case e.IncidentClosed():
            return _told(event.now_ms, "closed", reason=event.reason)
        case e.AttentionGiven():
            return _told(event.now_ms, "acknowledged", by=event.by)
        case e.WarningDrafted():
            return _told(
                event.now_ms,
                "drafted",
                by=event.drafted_by,
                identifier=event.identifier,
                msg_type=event.msg_type,
                reasons=event.reasons,
            )
    return None


def _told(at_ms: int, change: str, **values: Any) -> dict[str, Any]:
    return {"time": moment(at_ms), "change": change, **values}
