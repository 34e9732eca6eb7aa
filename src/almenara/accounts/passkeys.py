"""Passkeys (WebAuthn): discoverable credentials with user verification, so that one touch is two factors."""

import json
from typing import Any

import msgspec
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from almenara.accounts.database import Database, remember
from almenara.accounts.pending import Pending
from almenara.model.errors import CommandRefused, UsageError
from almenara.model.events import Audited

CEREMONY_MS = 5 * 60_000
PASSKEYS_MAX = 20
LABEL_MAX = 60


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey as its owner sees it."""

    id: str  # base64url of the credential's id
    label: str
    created_ms: int


class Passkeys:
    """The credentials' public keys. `site` is the host that people open, `origin` its address."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._registering: Pending[tuple[int, bytes]] = Pending(CEREMONY_MS)
        self._entering: Pending[bytes] = Pending(CEREMONY_MS)

    def list_of(self, account: int) -> list[Passkey]:
        """Those of one account, oldest first."""
        rows = self._database.reading.execute(
            "SELECT credential, label, created_ms FROM passkeys WHERE person = ? ORDER BY created_ms", (account,)
        ).fetchall()
        return [Passkey(id=bytes_to_base64url(row[0]), label=row[1], created_ms=row[2]) for row in rows]

    def begin_registration(self, account: int, site: str, now_ms: int) -> dict[str, Any]:
        """What the browser passes to navigator.credentials.create(), and a `ticket` to come back with."""
        name, shown, handle = self._database.reading.execute(
            "SELECT name, display_name, handle FROM people WHERE id = ?", (account,)
        ).fetchone()
        mine = self.list_of(account)
        if len(mine) >= PASSKEYS_MAX:
            raise CommandRefused("too-many", f"Nobody has more than {PASSKEYS_MAX} passkeys.")
        options = generate_registration_options(
            rp_id=site,
            rp_name="Almenara",
            user_id=handle,
            user_name=name,
            user_display_name=shown,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.id)) for one in mine],
        )
        ticket = self._registering.put((account, options.challenge), now_ms)
        return {"ticket": ticket, "options": json.loads(options_to_json(options))}

    def register(
        self, account: int, ticket: str, credential: dict[str, Any], label: str, *, site: str, origin: str, now_ms: int
    ) -> None:
        """Keep what the authenticator made. Raises CommandRefused for anything that does not prove itself."""
        label = label.strip() or "passkey"
        if len(label) > LABEL_MAX or not label.isprintable():
            raise UsageError(f"A passkey's label has at most {LABEL_MAX} printable characters.")
        begun = self._registering.take(ticket, now_ms)
        if begun is None or begun[0] != account:
            raise CommandRefused("begin-again", "That took too long: begin again.")
        try:
            made = verify_registration_response(
                credential=credential,
                expected_challenge=begun[1],
                expected_rp_id=site,
                expected_origin=origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise CommandRefused("passkey-refused", f"The passkey does not prove itself: {error}.") from error
        with self._database.writing() as connection:
            kept = connection.execute(
                "INSERT INTO passkeys VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (made.credential_id, account, label, made.credential_public_key, made.sign_count, now_ms),
            )
            if not kept.rowcount:
                raise CommandRefused("passkey-known", "That passkey is registered already.")
            remember(connection, self._done(connection, account, "passkey.add", label, now_ms))

    def remove(self, account: int, name: str, now_ms: int) -> None:
        """Forget one of the account's own."""
        with self._database.writing() as connection:
            row = connection.execute(
                "SELECT credential, label FROM passkeys WHERE person = ? AND credential = ?", (account, _raw(name))
            ).fetchone()
            if row is None:
                raise CommandRefused("no-such-passkey", "You have no such passkey.")
            connection.execute("DELETE FROM passkeys WHERE credential = ?", (row[0],))
            remember(connection, self._done(connection, account, "passkey.remove", row[1], now_ms))

    def begin_sign_in(self, site: str, now_ms: int) -> dict[str, Any]:
        """What the browser passes to navigator.credentials.get(): no name is asked for, so none can be probed."""
        options = generate_authentication_options(rp_id=site, user_verification=UserVerificationRequirement.REQUIRED)
        return {
            "ticket": self._entering.put(options.challenge, now_ms),
            "options": json.loads(options_to_json(options)),
        }

    def sign_in(self, ticket: str, credential: dict[str, Any], *, site: str, origin: str, now_ms: int) -> int | None:
        """The account that the signature proves, or None."""
        challenge = self._entering.take(ticket, now_ms)
        raw = _raw(credential.get("id", ""))
        row = self._database.reading.execute(
            "SELECT person, public_key, sign_count FROM passkeys JOIN people ON people.id = person"
            " WHERE credential = ? AND disabled_ms IS NULL",
            (raw,),
        ).fetchone()
        if challenge is None or row is None:
            return None
        try:
            proof = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=site,
                expected_origin=origin,
                credential_public_key=row[1],
                credential_current_sign_count=row[2],
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            return None
        with self._database.writing() as connection:
            connection.execute("UPDATE passkeys SET sign_count = ? WHERE credential = ?", (proof.new_sign_count, raw))
        return int(row[0])

    def _done(self, connection: Any, account: int, action: str, label: str, now_ms: int) -> Audited:
        name = connection.execute("SELECT name FROM people WHERE id = ?", (account,)).fetchone()[0]
        return Audited(now_ms=now_ms, by=name, action=action, subject=name, outcome="done", detail=label)


def _raw(name: object) -> bytes:
    try:
        return base64url_to_bytes(name) if isinstance(name, str) else b""
    except ValueError:
        return b""
