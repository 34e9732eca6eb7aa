"""People, what they are granted, and the areas within which they hold it: for administrators."""

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from almenara.accounts.people import Person
from almenara.accounts.principal import Principal
from almenara.accounts.roles import EVERYWHERE, ROLES, Grant
from almenara.board.forms import moment, utc
from almenara.web.asking import Cursor, Limit, from_cursor, to_cursor
from almenara.web.audit_desk import desk_of
from almenara.web.problems import Problem
from almenara.web.routes.session import hashing
from almenara.web.security import accounts_of, require

router = APIRouter(tags=["people"])

Administrator = Annotated[Principal, Depends(require("people"))]


class GrantBody(BaseModel):
    """A role within an area; "*": everywhere."""

    role: str = Field(max_length=40)
    area: str = Field(default=EVERYWHERE, max_length=40)


class NewAccount(BaseModel):
    """An account; without a password it can sign in by the identity provider only."""

    name: str = Field(max_length=200)
    display_name: str = Field(default="", max_length=200)
    language: str = Field(default="es", max_length=10)
    password: str | None = Field(default=None, max_length=1_000, repr=False)
    grants: list[GrantBody] = Field(default=[], max_length=50)


class Description(BaseModel):
    """What may be said differently of an account."""

    display_name: str | None = Field(default=None, max_length=200)
    language: str | None = Field(default=None, max_length=10)


class PasswordBody(BaseModel):
    """A password that an administrator gives; its owner changes it."""

    password: str = Field(max_length=1_000, repr=False)


@router.get("/people", summary="Accounts by name")
async def list_people(
    request: Request,
    principal: Annotated[Principal, Depends(require("people", sealed="people"))],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """A page of at most `limit`, and `next` for the one after it."""
    (after,) = from_cursor(cursor, str) or ("",)
    found = await asyncio.to_thread(accounts_of(request).people.list_all, after, limit + 1)
    return {
        "items": [told(person) for person in found[:limit]],
        "next": to_cursor(found[limit - 1].name) if len(found) > limit else None,
        "roles": {role: sorted(actions) for role, actions in ROLES.items()},
    }


@router.post("/people", status_code=201, summary="Add an account")
async def add(request: Request, principal: Administrator, body: NewAccount) -> JSONResponse:
    """Names are never given twice, not even after an account was disabled."""
    accounts = accounts_of(request)
    async with hashing(request):
        person = await asyncio.to_thread(
            accounts.people.add,
            body.name,
            display_name=body.display_name,
            language=body.language,
            password=body.password,
            grants=[Grant(one.role, one.area) for one in body.grants],
            by=principal.name,
            now_ms=accounts.clock(),
        )
    desk_of(request).soon()
    return JSONResponse(told(person), 201)


@router.get("/people/{name}", summary="One account")
async def get(
    request: Request, principal: Annotated[Principal, Depends(require("people", sealed="people"))], name: str
) -> dict[str, Any]:
    """As in the list."""
    return told(_person(request, name))


@router.patch("/people/{name}", summary="Another display name or language")
async def describe(request: Request, principal: Administrator, name: str, body: Description) -> dict[str, Any]:
    """What is not named stays."""
    accounts = accounts_of(request)
    return await _changed(
        request,
        name,
        lambda: accounts.people.describe_person(
            name,
            display_name=body.display_name,
            language=body.language,
            by=principal.name,
            now_ms=accounts.clock(),
        ),
    )


@router.put("/people/{name}/password", summary="Give a new password")
async def set_password(request: Request, principal: Administrator, name: str, body: PasswordBody) -> dict[str, Any]:
    """Every session of the account ends."""
    accounts = accounts_of(request)
    async with hashing(request):
        return await _changed(
            request,
            name,
            lambda: accounts.people.set_password(name, body.password, by=principal.name, now_ms=accounts.clock()),
        )


@router.post("/people/{name}/grants", summary="Give a role within an area")
async def grant(request: Request, principal: Administrator, name: str, body: GrantBody) -> dict[str, Any]:
    """It counts from the next request on."""
    accounts, given = accounts_of(request), Grant(body.role, body.area)
    return await _changed(
        request, name, lambda: accounts.people.grant(name, given, by=principal.name, now_ms=accounts.clock())
    )


@router.delete("/people/{name}/grants", summary="Take a role back")
async def revoke(
    request: Request,
    principal: Administrator,
    name: str,
    role: Annotated[str, Query(max_length=40)],
    area: Annotated[str, Query(max_length=40)] = EVERYWHERE,
) -> dict[str, Any]:
    """Not from the last administrator."""
    accounts = accounts_of(request)
    return await _changed(
        request,
        name,
        lambda: accounts.people.revoke(name, Grant(role, area), by=principal.name, now_ms=accounts.clock()),
    )


@router.post("/people/{name}/disable", summary="Shut an account out at once")
async def disable(request: Request, principal: Administrator, name: str) -> dict[str, Any]:
    """Its sessions end, and the API keys that it made open nothing any more."""
    accounts = accounts_of(request)
    return await _changed(
        request, name, lambda: accounts.people.disable(name, by=principal.name, now_ms=accounts.clock())
    )


@router.post("/people/{name}/enable", summary="Let a disabled account sign in again")
async def enable(request: Request, principal: Administrator, name: str) -> dict[str, Any]:
    """With the password and the grants that it had."""
    accounts = accounts_of(request)
    return await _changed(
        request, name, lambda: accounts.people.enable(name, by=principal.name, now_ms=accounts.clock())
    )


@router.post("/people/{name}/sign-out", status_code=204, summary="End an account's sessions")
async def sign_out(request: Request, principal: Administrator, name: str) -> Response:
    """All of them; it may sign in again."""
    accounts, person = accounts_of(request), _person(request, name)
    ended = await asyncio.to_thread(accounts.sessions.end_all, person.account)
    await desk_of(request).write(principal.name, "people.sign-out", person.name, "done", f"{ended} sessions")
    return Response(status_code=204)


@router.get("/areas", summary="The areas within which roles are held")
async def list_areas(request: Request, principal: Annotated[Principal, Depends(require("read"))]) -> dict[str, Any]:
    """As a GeoJSON FeatureCollection, each with its `name`."""
    areas = await asyncio.to_thread(accounts_of(request).people.list_areas)
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "id": name, "properties": {"name": name}, "geometry": json.loads(text)}
            for name, text in areas.items()
        ],
    }


@router.put("/areas/{name}", status_code=204, summary="Draw an area")
async def set_area(request: Request, principal: Administrator, name: str) -> Response:
    """The body is GeoJSON: polygons, as a geometry, a feature or a collection. Grants that name the area follow it."""
    accounts = accounts_of(request)
    try:
        text = (await request.body()).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(422, "invalid-request", "The body is no text in UTF-8.") from error
    await asyncio.to_thread(accounts.people.set_area, name, text, by=principal.name, now_ms=accounts.clock())
    desk_of(request).soon()
    return Response(status_code=204)


@router.delete("/areas/{name}", status_code=204, summary="Remove an area that nothing names")
async def drop_area(request: Request, principal: Administrator, name: str) -> Response:
    """409 while a grant or a key names it."""
    accounts = accounts_of(request)
    await asyncio.to_thread(accounts.people.drop_area, name, by=principal.name, now_ms=accounts.clock())
    desk_of(request).soon()
    return Response(status_code=204)


def told(person: Person) -> dict[str, Any]:
    """An account as administrators are shown it."""
    return {
        "name": person.name,
        "display_name": person.display_name,
        "language": person.language,
        "grants": [{"role": grant.role, "area": grant.area} for grant in person.grants],
        "has_password": person.has_password,
        "passkeys": person.passkeys,
        "from_oidc": person.from_oidc,
        "disabled": utc(person.disabled_ms),
        "created": moment(person.created_ms),
    }


def _person(request: Request, name: str) -> Person:
    person = accounts_of(request).people.find(name)
    if person is None:
        raise Problem(404, "no-such-account", "There is no such account.")
    return person


async def _changed(request: Request, name: str, change: Callable[[], None]) -> dict[str, Any]:
    _person(request, name)
    await asyncio.to_thread(change)
    desk_of(request).soon()
    return told(_person(request, name))
