"""The audit: what staff did and were refused, from the log, newest first."""

import asyncio
from contextlib import closing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from almenara.accounts.principal import Principal
from almenara.board.forms import moment
from almenara.board.subjects import AUDIT
from almenara.model.errors import AlmenaraError
from almenara.model.events import Audited, Event, WarningDrafted
from almenara.ports import EventLog
from almenara.service.history import History
from almenara.web.asking import Cursor, Limit, Time, from_cursor, ms_of, office_of, to_cursor
from almenara.web.audit_desk import desk_of
from almenara.web.problems import Problem
from almenara.web.security import require

router = APIRouter(tags=["audit"])

_CHUNK = 500
#: Entries looked through for one page; where a filter fits few, the page is shorter and `next` goes on.
LOOKED_MAX = 20_000


@router.get("/audit", summary="Who did what, and what was refused")
async def audit(
    request: Request,
    principal: Annotated[Principal, Depends(require("audit", sealed="audit"))],
    since: Time = None,
    who: Annotated[str, Query(max_length=100)] = "",
    action: Annotated[str, Query(max_length=100)] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """A page of at most `limit`, and `next` for the one after it. `who` and `action` are whole names."""
    (before,) = from_cursor(cursor, int) or (None,)
    await _settled(request)
    since_ms = 0 if since is None else ms_of(since)
    office = office_of(request)
    history = office.history
    assert history is not None, "it is opened with the log"

    def page() -> tuple[list[dict[str, Any]], int | None]:
        with closing(office.open_reader()) as log:
            return read(history, log, before, limit, since_ms, who, action)

    items, following = await asyncio.to_thread(page)
    return {"items": items, "next": None if following is None else to_cursor(following)}


def read(
    history: History, log: EventLog, before: int | None, limit: int, since_ms: int, who: str, action: str
) -> tuple[list[dict[str, Any]], int | None]:
    """A page of the audit and where the next one begins; None when there is nothing before it."""
    items: list[dict[str, Any]] = []
    looked = 0
    while marks := history.marks(AUDIT, who or None, before=before, since_ms=since_ms, newest_first=True, limit=_CHUNK):
        for seq, event in reversed(list(history.events(log, marks))):
            if looked == LOOKED_MAX or len(items) == limit:
                return items, seq + 1
            looked += 1
            told = tell(seq, event)
            if action in ("", told["action"]):
                items.append(told)
        before = marks[-1].seq
    return items, None


def tell(seq: int, event: Event) -> dict[str, Any]:
    """An event as the audit tells it."""
    by = event.drafted_by if isinstance(event, WarningDrafted) else str(getattr(event, "by", ""))
    if isinstance(event, Audited):
        action, subject, outcome, detail = event.action, event.subject, event.outcome, event.detail
    else:
        subjects = ("identifier", "channel", "incident", "hazard", "subject", "place")
        action, outcome = type(event).__name__, "done"
        subject = next((str(getattr(event, name)) for name in subjects if hasattr(event, name)), "")
        detail = str(getattr(event, "reason", ""))
    at_ms: int = getattr(event, "now_ms", 0)
    return {
        "seq": seq,
        "at": moment(at_ms),
        "by": by,
        "action": action,
        "subject": subject,
        "outcome": outcome,
        "detail": detail,
    }


async def _settled(request: Request) -> None:
    try:
        await desk_of(request).settle()
    except AlmenaraError as error:
        raise Problem(503, "not-ready", f"The log takes nothing at present: {error}", {"Retry-After": "2"}) from error
