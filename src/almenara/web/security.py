"""Who may do what: every route that is not open to all names the action that it takes, and this lets in or refuses."""

import asyncio
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from almenara.accounts.book import Accounts
from almenara.accounts.principal import Principal
from almenara.accounts.roles import ACTIONS, COMMANDS
from almenara.accounts.sessions import ABSOLUTE_MS
from almenara.accounts.tokens import csrf_token, same
from almenara.web import gate_pages
from almenara.web.audit_desk import desk_of
from almenara.web.problems import Problem, problem

COOKIE = "almenara_session"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = ("GET", "HEAD", "OPTIONS")

#: Routes that need no sign-in, as they are declared.
OPEN: frozenset[str] = frozenset(
    {
        "/",
        "/feeds/{path:path}",
        "/healthz",
        "/readyz",
        "/console",
        "/console/{path:path}",
        "/api/v1/session",  # POST: sign in. The other methods are held by require("self")
        "/api/v1/session/passkey/options",
        "/api/v1/session/passkey",
        "/api/v1/setup",
        "/api/v1/oidc",
        "/api/v1/oidc/sign-in",
        "/api/v1/oidc/callback",
        "/api/v1/push/subscriptions",
        "/api/v1/push/key",
        "/public/{file}",
        "/push-worker.js",
        "/warnings/{identifier}",
        "/warnings/{identifier}/cap.xml",
    }
)
#: What answers before there is an administrator: the setup, and what is for the public.
_BEFORE_SETUP = (
    *("/healthz", "/readyz", "/api/v1/setup", "/console"),
    *("/", "/warnings", "/feeds", "/public", "/push-worker.js", "/api/v1/push"),
)

_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="A person's session: POST /api/v1/session")
_bearer = HTTPBearer(auto_error=False, bearerFormat="alm_…", description="An API key: POST /api/v1/api-keys")


class Require:
    """A dependency that gives the Principal who asks, or refuses: 401 nobody, 403 not they."""

    def __init__(self, actions: tuple[str, ...], sealed: str | None) -> None:
        assert actions, "name an action"
        assert set(actions) <= ACTIONS, f"{set(actions) - ACTIONS} stand in no role"
        self.actions = actions
        self.sealed = sealed

    async def __call__(
        self,
        request: Request,
        cookie: Annotated[str | None, Depends(_cookie)],
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Principal:
        principal = await _caller(request, cookie, bearer)
        if not any(principal.may(action) for action in self.actions):
            raise await refusal(request, principal, self.actions[0], request.url.path)
        if self.sealed is not None:
            await desk_of(request).write(principal.name, f"read.{self.sealed}", request.url.path, "done")
        request.state.principal = principal
        return principal


def require(*actions: str, sealed: str | None = None) -> Require:
    """A dependency of a route: whoever calls may do one of `actions`, at least somewhere, or is refused.

    Where the answer depends on the place, the route asks `demand` besides. `sealed`: what is read, for the audit.
    """
    return Require(actions, sealed)


async def demand(
    request: Request, principal: Principal, action: str, position: tuple[float, float] | None, subject: str
) -> None:
    """Refuse, and enter it in the audit, unless they may do it to what lies at (lon, lat) in degrees."""
    if not principal.may_at(action, position):
        raise await refusal(request, principal, action, subject)


async def demand_command(
    request: Request, principal: Principal, command: str, position: tuple[float, float] | None, subject: str
) -> None:
    """As `demand`, for a command by its tag (model/commands.py); some are the house's own, and nobody's to give."""
    if command not in COMMANDS:
        raise await refusal(request, principal, command, subject)
    await demand(request, principal, COMMANDS[command], position, subject)


async def refusal(request: Request, principal: Principal, action: str, subject: str) -> Problem:
    """The 403 to raise; attempts to change something are entered in the audit."""
    accounts = accounts_of(request)
    if request.method not in _SAFE and not accounts.limits.told.wait_ms(principal.name, accounts.clock()):
        accounts.limits.told.take(principal.name, accounts.clock())
        await desk_of(request).write(principal.name, action, subject[:200], "refused", "not allowed")
    return Problem(403, "not-allowed", f"This takes a role that you do not have here: {action}.")


def still_in(request: Request, principal: Principal) -> bool:
    """Whether they would still be let in: for streams, which ask now and then."""
    accounts = accounts_of(request)
    if principal.session:
        return accounts.sessions.lasts(principal.session, accounts.clock())
    key = principal.name.removeprefix("api-key/")
    return accounts.api_keys.lasts(key, accounts.clock())


def accounts_of(request: Request) -> Accounts:
    """The accounts; 401 where the application has none, because then nobody can be let in."""
    accounts: Accounts | None = request.app.state.accounts
    if accounts is None:
        raise NotSignedIn
    return accounts


class NotSignedIn(Exception):
    """Nobody known asks."""


async def _caller(request: Request, cookie: str | None, bearer: HTTPAuthorizationCredentials | None) -> Principal:
    accounts = accounts_of(request)
    if request.headers.get("authorization") is not None:
        principal = accounts.by_key(bearer.credentials) if bearer is not None else None
        if principal is None:
            raise NotSignedIn
        return principal
    found = accounts.by_token(cookie) if cookie is not None else None
    if cookie is None or found is None:
        raise NotSignedIn
    principal, stale = found
    if request.method not in _SAFE:
        check_origin(request)
        if not same(request.headers.get(CSRF_HEADER, ""), csrf_token(cookie)):
            raise Problem(403, "csrf", f"Send the session's csrf in {CSRF_HEADER}: GET /api/v1/session.")
    if stale:
        await asyncio.to_thread(accounts.sessions.touch, principal.session, accounts.clock())
    return principal


def check_origin(request: Request) -> None:
    """Refuse what a page of another site sends. Browsers name the page's origin with every request that changes."""
    if request.headers.get("origin") != origin_of(request):
        raise Problem(403, "other-origin", "This was sent by a page of another site, or without its Origin.")


def origin_of(request: Request) -> str:
    """The address that people open: as configured, else as they asked for it."""
    configured = accounts_of(request).origin
    return configured if configured is not None else f"{request.url.scheme}://{request.headers.get('host', '')}"


def site_of(request: Request) -> str:
    """Its host without the port: what passkeys belong to."""
    return urlsplit(origin_of(request)).hostname or ""


def address_of(request: Request) -> str:
    """Where it comes from, for limits only; nothing keeps it."""
    return request.client.host if request.client is not None else ""


def give_session(request: Request, response: Response, token: str) -> None:
    """The cookie that only this site's own pages send, and no script can read."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=ABSOLUTE_MS // 1000,
        path="/",
        httponly=True,
        samesite="strict",
        secure=origin_of(request).startswith("https:"),
    )


def install(app: FastAPI) -> None:
    """Tell refusals as they are to be told; nobody gets in before there is an administrator."""

    async def unknown(request: Request, error: Exception) -> Response:
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return gate_pages.sign_in_page()
        return problem(401, "not-signed-in", "Sign in first.", {"WWW-Authenticate": "Bearer"})

    async def description(_: Annotated[Principal, Depends(require("read"))]) -> JSONResponse:
        return JSONResponse(app.openapi())

    app.add_exception_handler(NotSignedIn, unknown)
    app.add_api_route("/api/v1/openapi.json", description, include_in_schema=False)
    app.add_middleware(SetupFirst, app=app)


class SetupFirst:
    """ASGI middleware: as long as there is no administrator, all but the setup and the public's pages is shut."""

    def __init__(self, inner: ASGIApp, app: FastAPI) -> None:
        self._inner, self._app = inner, app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accounts: Accounts | None = self._app.state.accounts
        if scope["type"] != "http" or accounts is None or not accounts.setup.needed:
            await self._inner(scope, receive, send)
            return
        path: str = scope["path"]
        if any(path == name or path.startswith(f"{name}/") for name in _BEFORE_SETUP):
            await self._inner(scope, receive, send)
            return
        accepted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        if scope["method"] == "GET" and b"text/html" in accepted:
            await gate_pages.setup_page()(scope, receive, send)
        else:
            detail = "There is no administrator yet: set the service up first."
            shut = problem(401, "setup-needed", detail, {"WWW-Authenticate": "Bearer"})
            await shut(scope, receive, send)
