"""Feeds, and how each does."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from almenara.web.asking import office_of, page
from almenara.web.security import require

router = APIRouter(tags=["health"], dependencies=[Depends(require("read"))])


@router.get("/sources", summary="The feeds")
async def sources(request: Request) -> Response:
    """Each with its credit line, when it was heard last, and what it brought within a day."""
    return page([item.data for item in office_of(request).board.items["source"].values()], None)
