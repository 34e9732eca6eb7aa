"""The situation on one page: everything that a screen needs to begin with."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from almenara.web.asking import json, office_of
from almenara.web.security import require

router = APIRouter(tags=["situation"])


@router.get("/situation", dependencies=[Depends(require("read"))], summary="All that is going on now")
async def situation(request: Request) -> Response:
    """Hazards, incidents, warnings, feeds, channels and what needs a decision, as of one entry of the log."""
    office = office_of(request)
    return json(office.board.situation(office.clock(), office.mode()))
