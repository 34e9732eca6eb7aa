"""Whether the process lives, and whether it can be relied on: a feed that is dead is named, a quiet one is not ill."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

PREFIX = ""
router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> dict[str, str]:
    """Answers as long as the process can answer at all."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether the service can be relied on")
async def readyz(request: Request) -> JSONResponse:
    """503 until the log has been read, and when what follows it has stopped."""
    office = request.app.state.office
    content: dict[str, Any] = {"ready": office.ready, "stage": office.stage}
    return JSONResponse(content, 200 if office.ready else 503, {"Cache-Control": "no-store"})
