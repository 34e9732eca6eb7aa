"""Signing in and out, and what the signed-in person is shown of themselves."""

import asyncio
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from almenara import __version__
from almenara.accounts.people import Person, fold
from almenara.accounts.principal import Principal
from almenara.accounts.tokens import csrf_token
from almenara.service.office import Office
from almenara.web.audit_desk import desk_of
from almenara.web.problems import Problem
from almenara.web.security import COOKIE, accounts_of, address_of, check_origin, give_session, require

router = APIRouter(tags=["session"])

#: Passwords hashed at a time, each in 64 MB; and how many may wait for it.
HASHING_MAX = 2
WAITING_MAX = 50
#: What only they may do who have just shown who they are.
FRESH_MS = 15 * 60_000

Mine = Annotated[Principal, Depends(require("self"))]


class SignIn(BaseModel):
    """A name and its password."""

    name: str = Field(max_length=200)
    password: str = Field(max_length=1_000, repr=False)


class NewPassword(BaseModel):
    """The password as it was, and as it is to be."""

    current: str = Field(max_length=1_000, repr=False)
    new: str = Field(max_length=1_000, repr=False)


class Preferences(BaseModel):
    """How the person likes to be addressed."""

    language: str | None = Field(default=None, max_length=10)
    display_name: str | None = Field(default=None, max_length=200)


@router.get("/session", summary="Who I am, what I may do, and whether this is an exercise")
async def session(request: Request, principal: Mine) -> JSONResponse:
    """Also the token that every request that changes something has to carry in X-CSRF-Token."""
    return JSONResponse(await told(request, principal, request.cookies[COOKIE]))


@router.post("/session", summary="Sign in by name and password")
async def sign_in(request: Request, body: SignIn) -> JSONResponse:
    """The answer is that of GET; the session's cookie comes with it. 429 after too many attempts."""
    check_origin(request)
    accounts, address, name = accounts_of(request), address_of(request), fold(body.name)
    wait(request, name)
    # Counted before it is known, or many at once would all pass.
    accounts.limits.failed(address, name, accounts.clock())
    async with hashing(request):
        person = await asyncio.to_thread(accounts.people.check_sign_in, name, body.password)
    if person is None:
        raise await failed(request, name, "Name or password is wrong.")
    accounts.limits.succeeded(address, name, accounts.clock())
    return await enter(request, person, "password")


@router.delete("/session", status_code=204, summary="Sign out")
async def sign_out(request: Request, principal: Mine, everywhere: Annotated[bool, Query()] = False) -> Response:
    """`everywhere`: on all other machines too."""
    accounts = accounts_of(request)
    if everywhere:
        await asyncio.to_thread(accounts.sessions.end_all, principal.account)
    else:
        await asyncio.to_thread(accounts.sessions.end, principal.session)
    await desk_of(request).write(principal.name, "sign-out", "everywhere" if everywhere else "", "done")
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


@router.patch("/session", summary="Change my language or display name")
async def change(request: Request, principal: Mine, body: Preferences) -> JSONResponse:
    """The answer is that of GET."""
    accounts = accounts_of(request)
    await asyncio.to_thread(
        accounts.people.describe_person,
        principal.name,
        display_name=body.display_name,
        language=body.language,
        by=principal.name,
        now_ms=accounts.clock(),
    )
    desk_of(request).soon()
    anew = accounts.people.principal(principal.account, principal.session, principal.begun_ms)
    assert anew is not None
    return JSONResponse(await told(request, anew, request.cookies[COOKIE]))


@router.post("/session/password", status_code=204, summary="Change my password")
async def change_password(request: Request, principal: Mine, body: NewPassword) -> Response:
    """All my other sessions end."""
    accounts, address = accounts_of(request), address_of(request)
    wait(request, principal.name)
    accounts.limits.failed(address, principal.name, accounts.clock())
    async with hashing(request):
        person = await asyncio.to_thread(accounts.people.check_sign_in, principal.name, body.current)
        if person is None:
            raise Problem(403, "wrong-password", "The present password is another one.")
        accounts.limits.succeeded(address, principal.name, accounts.clock())
        await asyncio.to_thread(
            accounts.people.set_password,
            principal.name,
            body.new,
            by=principal.name,
            now_ms=accounts.clock(),
            keep=principal.session,
        )
    desk_of(request).soon()
    return Response(status_code=204)


async def enter(request: Request, person: Person, how: str) -> JSONResponse:
    """Begin a session for somebody who has shown who they are."""
    accounts = accounts_of(request)
    token = await asyncio.to_thread(
        accounts.sessions.begin, person.account, how, accounts.clock(), instead_of=request.cookies.get(COOKIE)
    )
    await desk_of(request).write(person.name, "sign-in", how, "done")
    found = accounts.by_token(token)
    if found is None:  # disabled at this very moment
        raise Problem(401, "not-signed-in", "Sign in first.")
    response = JSONResponse(await told(request, found[0], token))
    give_session(request, response, token)
    return response


def wait(request: Request, name: str) -> None:
    """429 when this address has tried too often."""
    accounts = accounts_of(request)
    wait_ms = accounts.limits.wait_ms(address_of(request), name, accounts.clock())
    if wait_ms:
        seconds = str(wait_ms // 1000 + 1)
        raise Problem(429, "too-many-attempts", f"Too many attempts: wait {seconds} s.", {"Retry-After": seconds})


async def failed(request: Request, name: str, detail: str) -> Problem:
    """The 401 to raise. What was typed for a name stays out of the audit unless it is one: it may be a password."""
    accounts = accounts_of(request)
    now_ms = accounts.clock()
    if not accounts.limits.told.wait_ms("", now_ms):
        accounts.limits.told.take("", now_ms)
        known = accounts.people.find(name) is not None
        await desk_of(request).write("nobody", "sign-in", name if known else "an unknown name", "refused")
    return Problem(401, "sign-in-failed", detail)


def fresh(request: Request, principal: Principal) -> None:
    """403 for somebody who signed in long ago: an unattended screen must not make itself a key."""
    if accounts_of(request).clock() - principal.begun_ms > FRESH_MS:
        raise Problem(403, "sign-in-again", "For this, sign in again: it takes who has just done so.")


def hashing(request: Request) -> anyio.CapacityLimiter:
    """A turn to hash a password; 503 when too many wait for one."""
    state = request.app.state
    if getattr(state, "hashing", None) is None:
        state.hashing = anyio.CapacityLimiter(HASHING_MAX)
    limiter: anyio.CapacityLimiter = state.hashing
    if limiter.statistics().tasks_waiting >= WAITING_MAX:
        raise Problem(503, "busy", "Too many sign in at this moment: try again.", {"Retry-After": "5"})
    return limiter


async def told(request: Request, principal: Principal, token: str) -> dict[str, Any]:
    """A session as its person is shown it."""
    office: Office = request.app.state.office
    return {
        "person": {
            "name": principal.name,
            "display_name": principal.display_name,
            "language": principal.language,
            "grants": [{"role": grant.role, "area": grant.area} for grant in principal.grants],
            "passkeys": len(accounts_of(request).passkeys.list_of(principal.account)),
        },
        "actions": sorted(principal.actions),
        "csrf": csrf_token(token),
        "mode": office.mode(),
        "version": __version__,
    }
