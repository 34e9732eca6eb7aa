"""Whether the process lives, and whether it can be relied on: a feed that is dead is named, a quiet one is not ill."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from almenara.service.office import Office

PREFIX = ""
router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> dict[str, str]:
    """Answers as long as the process can answer at all."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether the service can be relied on")
async def readyz(request: Request) -> JSONResponse:
    """503 until the log has been read, and when what follows it has stopped.

    A silent feed does not make the service unready: it is named, because what it would see is unknown. A feed that
    answers without news is well.
    """
    office: Office = request.app.state.office
    forms = [form for _, _, form in office.feeds()]
    channels = [item.form for item in office.board.items["channel"].values()]
    silent = [form.name for form in forms if form.state == "silent"]
    failing = [form.name for form in forms if form.state == "failing"]
    broken = [form.name for form in channels if form.state == "failing"]
    content: dict[str, Any] = {
        "status": "starting" if not office.ready else "degraded" if silent or failing or broken else "ok",
        "ready": office.ready,
        "stage": office.stage,
        "feeds": {"silent": silent, "failing": failing, "heard": sum(form.state == "heard" for form in forms)},
        "channels": {"failing": broken},
    }
    return JSONResponse(content, 200 if office.ready else 503, {"Cache-Control": "no-store"})
