"""API keys for programs: for administrators."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from almenara.accounts.api_keys import ApiKey
from almenara.accounts.principal import Principal
from almenara.accounts.roles import EVERYWHERE, KEY_SCOPES
from almenara.board.forms import moment
from almenara.web.audit_desk import desk_of
from almenara.web.routes.session import fresh
from almenara.web.security import accounts_of, require

router = APIRouter(tags=["api keys"])

Administrator = Annotated[Principal, Depends(require("keys"))]


class NewKey(BaseModel):
    """What a program needs: as little as will do."""

    label: str = Field(max_length=200)
    scopes: list[str] = Field(max_length=20)
    area: str = Field(default=EVERYWHERE, max_length=40)
    days: int = 90


@router.get("/api-keys", summary="All keys, newest first")
async def list_keys(
    request: Request, principal: Annotated[Principal, Depends(require("keys", sealed="keys"))]
) -> dict[str, Any]:
    """Also those that are over; never their secrets."""
    accounts = accounts_of(request)
    keys = await asyncio.to_thread(accounts.api_keys.list_all)
    return {"items": [told(key, accounts.clock()) for key in keys], "scopes": sorted(KEY_SCOPES)}


@router.post("/api-keys", status_code=201, summary="Make a key")
async def make(request: Request, principal: Administrator, body: NewKey) -> dict[str, Any]:
    """`key` is shown this once. Takes a sign-in of the last 15 minutes."""
    fresh(request, principal)
    accounts = accounts_of(request)
    key, text = await asyncio.to_thread(
        accounts.api_keys.make,
        body.label,
        body.scopes,
        area=body.area,
        days=body.days,
        by=principal.name,
        now_ms=accounts.clock(),
    )
    desk_of(request).soon()
    return told(key, accounts.clock()) | {"key": text}


@router.delete("/api-keys/{name}", status_code=204, summary="Revoke a key")
async def revoke(request: Request, principal: Administrator, name: str) -> Response:
    """At once."""
    accounts = accounts_of(request)
    await asyncio.to_thread(accounts.api_keys.revoke, name, by=principal.name, now_ms=accounts.clock())
    desk_of(request).soon()
    return Response(status_code=204)


def told(key: ApiKey, now_ms: int) -> dict[str, Any]:
    """A key as administrators are shown it."""
    state = "revoked" if key.revoked_ms is not None else "expired" if key.expires_ms <= now_ms else "valid"
    return {
        "id": key.id,
        "label": key.label,
        "scopes": list(key.scopes),
        "area": key.area,
        "state": state,
        "created_by": key.created_by,
        "created": moment(key.created_ms),
        "expires": moment(key.expires_ms),
    }
