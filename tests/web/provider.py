"""An OpenID Connect provider over HTTP, small and strict, that can be told to misbehave."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

CLIENT, SECRET = "almenara", "a client's secret: with signs & more"


@dataclass
class Provider:
    """Who is signed in there, what its tokens say, and what was asked of it."""

    clock: Callable[[], int]
    issuer: str = ""
    subject: str = "subject-1"
    claims: dict[str, Any] = field(default_factory=dict)
    change: Callable[[dict[str, Any]], None] = lambda claims: None  # of the claims, before they are signed
    forge: Callable[[dict[str, Any]], str] | None = None  # another way to sign
    metadata: dict[str, Any] = field(default_factory=dict)  # more of, or otherwise, in the discovery document
    key: ECKey = field(default_factory=lambda: _new_key("1"))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    keys_asked: int = 0

    def rotate(self) -> None:
        """From now on another key."""
        self.key = _new_key(secrets.token_hex(4))

    def application(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        async def discovery() -> dict[str, Any]:
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.metadata,
            }

        @app.get("/keys")
        async def keys() -> Any:
            self.keys_asked += 1
            return KeySet([self.key]).as_dict(private=False)

        @app.get("/authorize")
        async def authorize(request: Request) -> Response:
            asked = dict(request.query_params)
            assert asked["client_id"] == CLIENT
            assert asked["response_type"] == "code"
            assert asked["code_challenge_method"] == "S256"
            assert "openid" in asked["scope"].split()
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            query = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
            return RedirectResponse(f"{asked['redirect_uri']}?{query}", 302)

        @app.post("/token")
        async def token(request: Request) -> Response:
            form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
            basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            asked = self.codes.pop(form.get("code", ""), None)
            verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if (
                asked is None
                or request.headers.get("authorization") != basic
                or form["redirect_uri"] != asked["redirect_uri"]
                or base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() != asked["code_challenge"]
            ):
                return JSONResponse({"error": "invalid_grant"}, 400)
            return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": self._token(asked["nonce"])})

        return app

    def _token(self, nonce: str) -> str:
        now = self.clock() // 1000
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": self.subject,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.claims,
        }
        self.change(claims)
        if self.forge is not None:
            return self.forge(claims)
        return sign(claims, self.key)


def sign(claims: dict[str, Any], key: ECKey) -> str:
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


def sign_with_shared_secret(claims: dict[str, Any]) -> str:
    """The client's secret as the key of an HMAC, which anybody who has it could make."""
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def sign_not_at_all(claims: dict[str, Any]) -> str:
    import json

    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def _new_key(name: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": name, "alg": "ES256", "use": "sig"})


def real_clock() -> int:
    return round(time.time() * 1000)
