"""Passkeys: my own, and signing in with one."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from almenara.accounts.principal import Principal
from almenara.board.forms import moment
from almenara.web.audit_desk import desk_of
from almenara.web.problems import Problem
from almenara.web.routes.session import enter, failed, fresh, wait
from almenara.web.security import accounts_of, address_of, check_origin, origin_of, require, site_of

router = APIRouter(tags=["passkeys"])

Mine = Annotated[Principal, Depends(require("self"))]


class Proof(BaseModel):
    """What the browser's authenticator answered, with the ticket that came with the options."""

    ticket: str = Field(max_length=100)
    credential: dict[str, Any]


class NewPasskey(Proof):
    """And what its owner calls it."""

    label: str = Field(default="", max_length=200)


@router.get("/passkeys", summary="My passkeys")
async def list_mine(request: Request, principal: Mine) -> dict[str, Any]:
    """Oldest first."""
    mine = accounts_of(request).passkeys.list_of(principal.account)
    return {"items": [{"id": one.id, "label": one.label, "created": moment(one.created_ms)} for one in mine]}


@router.post("/passkeys/options", summary="Begin to register a passkey")
async def begin(request: Request, principal: Mine) -> dict[str, Any]:
    """`options` for navigator.credentials.create(). Takes a sign-in of the last 15 minutes."""
    fresh(request, principal)
    accounts = accounts_of(request)
    return accounts.passkeys.begin_registration(principal.account, site_of(request), accounts.clock())


@router.post("/passkeys", status_code=204, summary="Register a passkey")
async def register(request: Request, principal: Mine, body: NewPasskey) -> Response:
    """What the authenticator made."""
    fresh(request, principal)
    accounts = accounts_of(request)
    await asyncio.to_thread(
        accounts.passkeys.register,
        principal.account,
        body.ticket,
        body.credential,
        body.label,
        site=site_of(request),
        origin=origin_of(request),
        now_ms=accounts.clock(),
    )
    desk_of(request).soon()
    return Response(status_code=204)


@router.delete("/passkeys/{credential}", status_code=204, summary="Forget one of my passkeys")
async def remove(request: Request, principal: Mine, credential: str) -> Response:
    """By its id."""
    accounts = accounts_of(request)
    await asyncio.to_thread(accounts.passkeys.remove, principal.account, credential, accounts.clock())
    desk_of(request).soon()
    return Response(status_code=204)


@router.post("/session/passkey/options", summary="Begin to sign in with a passkey")
async def begin_sign_in(request: Request) -> dict[str, Any]:
    """`options` for navigator.credentials.get()."""
    check_origin(request)
    wait(request, "")
    accounts = accounts_of(request)
    return accounts.passkeys.begin_sign_in(site_of(request), accounts.clock())


@router.post("/session/passkey", summary="Sign in with a passkey")
async def sign_in(request: Request, body: Proof) -> JSONResponse:
    """The answer is that of GET /session."""
    check_origin(request)
    wait(request, "")
    accounts = accounts_of(request)
    account = await asyncio.to_thread(
        accounts.passkeys.sign_in,
        body.ticket,
        body.credential,
        site=site_of(request),
        origin=origin_of(request),
        now_ms=accounts.clock(),
    )
    principal = accounts.people.principal(account) if account is not None else None
    if principal is None:
        accounts.limits.failed(address_of(request), "", accounts.clock())
        raise await failed(request, "", "That passkey opens nothing here.")
    person = accounts.people.find(principal.name)
    if person is None:
        raise Problem(401, "sign-in-failed", "That passkey opens nothing here.")
    return await enter(request, person, "passkey")
