"""Feeds: how each does, and what of it could not be read."""

import asyncio
from contextlib import closing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from almenara.board.forms import moment
from almenara.board.subjects import SOURCE
from almenara.model.events import RowsRejected
from almenara.service.office import Office
from almenara.web.asking import json, office_of, page
from almenara.web.problems import Problem
from almenara.web.security import require

router = APIRouter(tags=["health"])

RECORDS_MAX = 200


@router.get("/sources", dependencies=[Depends(require("read"))], summary="The feeds")
async def sources(request: Request) -> Response:
    """Each with its credit line, when it was heard last, and what it brought within a day."""
    return page([item.data for item in office_of(request).board.items["source"].values()], None)


@router.get(
    "/sources/{source:path}/quarantine", dependencies=[Depends(require("read"))], summary="What could not be read"
)
async def quarantine(
    request: Request, source: str, limit: Annotated[int, Query(ge=1, le=RECORDS_MAX)] = 50
) -> Response:
    """The newest records of rows that were kept out, by their named reasons. The rows: `almenara quarantine`."""
    office = office_of(request)
    if source not in office.board.items["source"]:
        raise Problem(404, "unknown", f"There is no feed {source!r}.")
    return json({"items": await asyncio.to_thread(_rejected, office, source, limit)})


def _rejected(office: Office, source: str, limit: int) -> list[dict[str, Any]]:
    assert office.history is not None
    marks = office.history.marks(SOURCE, source, kinds=(RowsRejected.__name__,), newest_first=True, limit=limit)
    items = []
    with closing(office.open_reader()) as log:
        for entry in log.pick([mark.seq for mark in marks]):
            event = entry.event()
            assert isinstance(event, RowsRejected)
            told = {"at": moment(entry.recorded_ms), "origin": event.origin, "entry": entry.seq}
            items += [told | {"reason": reason, "rows": rows} for reason, rows in sorted(event.reasons.items())]
    return items[::-1]
