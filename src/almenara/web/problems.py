"""Failures as the API tells them: problem details (RFC 9457), each with a named reason."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from almenara.model.errors import AlmenaraError, CommandRefused, LogError, UsageError

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that cannot be served, with its status and a short reason that programs can tell apart."""

    def __init__(self, status: int, reason: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.reason, self.detail, self.headers = status, reason, detail, headers


def problem(status: int, reason: str, detail: str, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """The answer that tells a failure."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "reason": reason,
        **more,
    }
    return JSONResponse(content, status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every failure of a request told so."""

    async def told(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return problem(error.status, error.reason, error.detail, error.headers)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        faults = [{"where": ".".join(map(str, e["loc"])), "what": e["msg"]} for e in error.errors()]
        detail = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults)[:500]
        return problem(422, "invalid-request", detail, faults=faults[:20])

    async def plain(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        reason = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        headers = dict(error.headers) if error.headers is not None else None
        return problem(error.status_code, reason, str(error.detail), headers)

    async def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, AlmenaraError)
        if isinstance(error, CommandRefused):
            return problem(409, error.reason, str(error))
        if isinstance(error, LogError):
            return problem(503, "log-refused", str(error))
        return problem(422 if isinstance(error, UsageError) else 409, "not-possible", str(error))

    app.add_exception_handler(Problem, told)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(AlmenaraError, refused)
