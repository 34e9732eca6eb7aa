"""Signing in by the agency's identity provider, where one is configured."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from almenara.accounts.oidc import LOGIN_MS, OidcClient
from almenara.model.errors import CommandRefused, UsageError
from almenara.web import gate_pages
from almenara.web.problems import Problem
from almenara.web.routes.session import enter, failed, wait
from almenara.web.security import accounts_of, address_of, origin_of

router = APIRouter(tags=["oidc"])

#: Comes back with the provider's redirect, which is another site's: so Lax, and for nothing but this.
COOKIE = "almenara_oidc"
PATH = "/api/v1/oidc"
Text = Annotated[str, Query(max_length=4_000)]


@router.get("/oidc", summary="Whether there is an identity provider")
async def about(request: Request) -> dict[str, Any]:
    """And what its button says."""
    client = accounts_of(request).oidc
    return {"enabled": client is not None, "title": None if client is None else client.settings.title}


@router.get("/oidc/sign-in", summary="To the identity provider")
async def begin(request: Request) -> Response:
    """A redirect."""
    client, accounts = _client(request), accounts_of(request)
    wait(request, "")
    accounts.limits.failed(address_of(request), "", accounts.clock())  # each makes us keep something
    url, ticket = await client.begin(_callback(request), accounts.clock())
    response = RedirectResponse(url, 303, {"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE,
        ticket,
        max_age=LOGIN_MS // 1000,
        path=PATH,
        httponly=True,
        samesite="lax",
        secure=origin_of(request).startswith("https:"),
    )
    return response


@router.get("/oidc/callback", summary="Back from the identity provider")
async def finish(
    request: Request, state: Text = "", code: Text = "", error: Text = "", iss: Text | None = None
) -> Response:
    """A page that leads to the console, with the session's cookie."""
    client, accounts = _client(request), accounts_of(request)
    wait(request, "")
    try:
        if error or not code:
            raise CommandRefused("provider-refused", "The identity provider did not sign you in.")
        ticket = request.cookies.get(COOKIE, "")
        person = accounts.admit(await client.finish(ticket, state, code, iss, accounts.clock()))
        accounts.limits.succeeded(address_of(request), "", accounts.clock())  # counted when it was begun
    except (CommandRefused, UsageError) as refused:
        accounts.limits.failed(address_of(request), "", accounts.clock())
        await failed(request, "", str(refused))
        response: Response = gate_pages.refused_page(str(refused))
    else:
        entered = await enter(request, person, "oidc")
        response = gate_pages.arrived_page()
        response.headers["Set-Cookie"] = entered.headers["Set-Cookie"]
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="lax")
    return response


def _client(request: Request) -> OidcClient:
    client = accounts_of(request).oidc
    if client is None:
        raise Problem(404, "not-configured", "No identity provider is configured: [oidc] in the configuration.")
    return client


def _callback(request: Request) -> str:
    return f"{origin_of(request)}{PATH}/callback"
