"""The first run: whether an administrator is needed, and making the one."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from almenara.web.problems import Problem
from almenara.web.routes.session import enter, hashing, wait
from almenara.web.security import accounts_of, address_of, check_origin

router = APIRouter(tags=["setup"])


class First(BaseModel):
    """The first administrator, and the code that the service printed when it started."""

    code: str = Field(max_length=100, repr=False)
    name: str = Field(max_length=200)
    display_name: str = Field(default="", max_length=200)
    language: str = Field(default="es", max_length=10)
    password: str = Field(max_length=1_000, repr=False)


@router.get("/setup", summary="Whether the service has to be set up first")
async def needed(request: Request) -> dict[str, Any]:
    """`open`: the code that was printed has not run out."""
    accounts = accounts_of(request)
    return {"needed": accounts.setup.needed, "open": accounts.setup.is_open(accounts.clock())}


@router.post("/setup", summary="Make the first administrator, once")
async def first(request: Request, body: First) -> JSONResponse:
    """The answer is that of a sign-in."""
    check_origin(request)
    accounts = accounts_of(request)
    if not accounts.setup.needed:
        raise Problem(409, "already-set-up", "There is an administrator: ask them for an account.")
    wait(request, "")
    accounts.limits.failed(address_of(request), "", accounts.clock())
    async with hashing(request):
        person = await asyncio.to_thread(
            accounts.setup.use,
            body.code,
            name=body.name,
            display_name=body.display_name,
            language=body.language,
            password=body.password,
            now_ms=accounts.clock(),
        )
    return await enter(request, person, "setup")
