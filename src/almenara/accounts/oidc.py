"""Sign-in by the agency's identity provider: OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636)."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from almenara.accounts.oidc_settings import OidcSettings, grant_of
from almenara.accounts.pending import Pending
from almenara.accounts.roles import Grant
from almenara.accounts.tokens import new_token, same
from almenara.model.errors import CommandRefused

LOGIN_MS = 10 * 60_000
ANSWER_BYTES_MAX = 256 * 1024
TIMEOUT_S = 10.0
#: How long what the provider says of itself is believed; its keys are also asked for anew when one is unknown.
METADATA_MS = 3_600_000
#: Keys are not asked for more often than this, whatever tokens come.
KEYS_ANEW_MS = 60_000
#: Signatures that need the provider's private key; never "none", never a shared secret.
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
LEEWAY_S = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the provider vouches for."""

    issuer: str
    subject: str
    name: str
    display_name: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class _Begun:
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str


class OidcClient:
    """One provider. Never follows redirects, reads bounded answers, keeps the provider's keys for an hour."""

    def __init__(
        self,
        settings: OidcSettings,
        secret: str | None,
        connect: Callable[[], httpx.AsyncClient] = lambda: httpx.AsyncClient(timeout=TIMEOUT_S),
    ) -> None:
        self.settings = settings
        self._secret = secret
        self._connect = connect
        self._begun: Pending[_Begun] = Pending(LOGIN_MS, 2_000)
        self._metadata: tuple[dict[str, Any], int] | None = None
        self._keys: tuple[KeySet, int] | None = None

    async def begin(self, redirect_uri: str, now_ms: int) -> tuple[str, str]:
        """Where to send the browser, and the ticket that it has to bring back in a cookie."""
        metadata = await self._discover(now_ms)
        begun = _Begun(new_token(), new_token(), new_token(), redirect_uri)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = str(metadata["authorization_endpoint"])
        url = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"
        return url, self._begun.put(begun, now_ms)

    async def finish(self, ticket: str, state: str, code: str, issuer: str | None, now_ms: int) -> Identity:
        """Whom the provider vouches for. Raises CommandRefused whenever anything does not fit."""
        begun = self._begun.take(ticket, now_ms)
        if begun is None or not same(begun.state, state):
            raise CommandRefused("begin-again", "This sign-in was not begun in this browser, or took too long.")
        if issuer is not None and issuer != self.settings.issuer:  # RFC 9207
            raise CommandRefused("other-issuer", "The answer is another provider's.")
        metadata = await self._discover(now_ms)
        claims = await self._claims(await self._redeem(metadata, begun, code), metadata, now_ms)
        if not same(str(claims.get("nonce", "")), begun.nonce):
            raise CommandRefused("token-refused", "The provider's token belongs to another sign-in.")
        return self._identity(claims)

    async def _redeem(self, metadata: dict[str, Any], begun: _Begun, code: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": begun.redirect_uri,
            "client_id": self.settings.client_id,
            "code_verifier": begun.verifier,
        }
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = None
        if self._secret is not None and "client_secret_basic" in methods:
            basic = httpx.BasicAuth(self.settings.client_id, self._secret)
        elif self._secret is not None:
            form["client_secret"] = self._secret
        async with self._connect() as client:
            request = client.build_request("POST", str(metadata["token_endpoint"]), data=form)
            answer = await self._ask(client, request, basic)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise CommandRefused("token-refused", "The provider gave no token of who signed in.")
        return token

    async def _claims(self, token: str, metadata: dict[str, Any], now_ms: int) -> dict[str, Any]:
        registry = jwt.JWTClaimsRegistry(
            now=now_ms // 1000,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": self.settings.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True},
        )
        anew = False
        while True:
            keys, fetched_ms = await self._provider_keys(metadata, now_ms, anew=anew)
            try:
                claims = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
                registry.validate(claims)
            except (JoseError, ValueError) as error:
                if not anew and now_ms - fetched_ms >= KEYS_ANEW_MS:  # the provider may have changed its keys
                    anew = True
                    continue
                raise CommandRefused("token-refused", "The provider's token does not prove itself.") from error
            audience = claims["aud"]
            several = isinstance(audience, list) and len(audience) > 1
            if claims.get("azp", self.settings.client_id if not several else None) != self.settings.client_id:
                raise CommandRefused("token-refused", "The provider's token is for somebody else.")
            return dict(claims)

    def _identity(self, claims: dict[str, Any]) -> Identity:
        held = claims.get(self.settings.role_claim, [])
        values = held if isinstance(held, list) else [held]
        grants = {grant_of(self.settings.roles[value]) for value in map(str, values) if value in self.settings.roles}
        if not grants:
            raise CommandRefused("no-role", "The provider knows you and gives you no role here: ask for one.")
        name = claims.get(self.settings.name_claim)
        if not isinstance(name, str) or not name:
            raise CommandRefused("no-name", f"The provider's token has no claim {self.settings.name_claim}.")
        shown = claims.get("name")
        return Identity(
            issuer=self.settings.issuer,
            subject=str(claims["sub"]),
            name=name,
            display_name=shown if isinstance(shown, str) and shown.strip() else name,
            grants=tuple(sorted(grants)),
        )

    async def _discover(self, now_ms: int) -> dict[str, Any]:
        if self._metadata is None or now_ms - self._metadata[1] >= METADATA_MS:
            url = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            async with self._connect() as client:
                found = await self._ask(client, client.build_request("GET", url), None)
            if found.get("issuer") != self.settings.issuer:
                raise CommandRefused("provider-unsound", "The identity provider calls itself something else.")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not str(found.get(name, "")).startswith(("https://", "http://127.0.0.1", "http://localhost")):
                    raise CommandRefused("provider-unsound", f"The identity provider names no {name} over TLS.")
            self._metadata = found, now_ms
        return self._metadata[0]

    async def _provider_keys(self, metadata: dict[str, Any], now_ms: int, *, anew: bool) -> tuple[KeySet, int]:
        if self._keys is None or anew or now_ms - self._keys[1] >= METADATA_MS:
            async with self._connect() as client:
                found = await self._ask(client, client.build_request("GET", str(metadata["jwks_uri"])), None)
            try:
                self._keys = KeySet.import_key_set(found), now_ms  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise CommandRefused("provider-unsound", "The identity provider's keys cannot be read.") from error
        return self._keys

    async def _ask(
        self, client: httpx.AsyncClient, request: httpx.Request, basic: httpx.BasicAuth | None
    ) -> dict[str, Any]:
        try:
            response = await client.send(request, auth=basic, stream=True, follow_redirects=False)
            try:
                content = b""
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > ANSWER_BYTES_MAX:
                        raise CommandRefused("provider-unsound", "The identity provider's answer is too long.")
            finally:
                await response.aclose()
            answer = json.loads(content)
        except (httpx.HTTPError, ValueError) as error:
            raise CommandRefused("provider-silent", "The identity provider does not answer as it should.") from error
        if response.status_code != 200 or not isinstance(answer, dict):
            raise CommandRefused("provider-refused", f"The identity provider answered {response.status_code}.")
        return answer
