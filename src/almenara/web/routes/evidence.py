"""Evidence: what a hazard rests on, look by look and row by row, each traced to the entry that brought it."""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from almenara.service.evidence import find_evidence
from almenara.service.session import Session
from almenara.web.asking import json, office_of
from almenara.web.problems import Problem
from almenara.web.security import require

router = APIRouter(tags=["hazards"], dependencies=[Depends(require("read"))])


@router.get("/hazards/{hazard}/evidence", summary="What a hazard rests on")
async def evidence(request: Request, hazard: str) -> Response:
    """Passes and observations, the newest first; `truncated` says that there are more."""
    office = office_of(request)

    def look(session: Session) -> Any:
        found = office.keeper.hazard(session.state, hazard)
        return None if found is None else (*found, office.keeper.evidence(session.state, hazard))

    found = await office.ask(look)
    if found is None:
        raise Problem(404, "unknown", f"No hazard {hazard!r} is followed.")
    form, view, known = found
    return json(await asyncio.to_thread(find_evidence, office, form, view.first_seen_ms, view.last_seen_ms, known))
