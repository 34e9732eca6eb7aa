"""Metrics, for who may read."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from almenara.web.metrics import CONTENT_TYPE, Metrics
from almenara.web.security import require

PREFIX = ""
router = APIRouter(tags=["health"])


@router.get("/metrics", dependencies=[Depends(require("read"))], summary="Figures in Prometheus' text format")
async def metrics(request: Request) -> Response:
    """Scrape with an API key whose scope is `read`."""
    figures: Metrics = request.app.state.metrics
    return Response(figures.text(), media_type=CONTENT_TYPE)
