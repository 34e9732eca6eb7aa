"""What every answer carries and no request may exceed: security headers, and bounds on bodies."""

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from almenara.web.problems import problem

BODY_BYTES_MAX = 1024 * 1024
IMPORT_BYTES_MAX = 50 * 1024 * 1024
IMPORTS = ("/api/v1/places/import",)

#: Nothing is loaded from elsewhere, nobody may frame the console, and no address leaks by a link.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; worker-src 'self' blob:; img-src 'self' data: blob:; connect-src 'self'; "
        "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
#: A browser that came by TLS once shall not come without it for a year.
HSTS = "max-age=31536000; includeSubDomains"


class Guard:
    """ASGI middleware: headers on the way out, a bound on what comes in."""

    def __init__(self, app: ASGIApp, *, tls: bool = False) -> None:
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": HSTS} if tls else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bound = IMPORT_BYTES_MAX if scope["path"] in IMPORTS else BODY_BYTES_MAX
        taken = 0
        too_large = f"A body here has at most {bound:,} bytes."

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > bound:
                    raise HTTPException(413, too_large)
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if length.isdigit() and int(length) > bound:
            await problem(413, "body-too-large", too_large)(scope, receive, guarded)
        else:
            await self._app(scope, bounded, guarded)
