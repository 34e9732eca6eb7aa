"""API keys for programs: `alm_ID_SECRET`, shown once, each with scopes, an area, an end; never a person's stand-in."""

import re
import secrets
from collections.abc import Iterable

import msgspec

from almenara.accounts.database import Database, remember
from almenara.accounts.people import People
from almenara.accounts.principal import Principal
from almenara.accounts.roles import EVERYWHERE, KEY_SCOPES
from almenara.accounts.tokens import digest, new_token, same
from almenara.model.errors import CommandRefused, UsageError
from almenara.model.events import Audited

DAY_MS = 86_400_000
DAYS_MAX = 366
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}")
KEYS_MAX = 1_000
_FORM = re.compile(r"alm_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret."""

    id: str
    label: str
    scopes: tuple[str, ...]
    area: str
    created_by: str
    created_ms: int
    expires_ms: int
    revoked_ms: int | None


class ApiKeys:
    """The keys by their ids; of a secret only its hash is kept."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people

    def make(
        self, label: str, scopes: Iterable[str], *, area: str, days: int, by: str, now_ms: int
    ) -> tuple[ApiKey, str]:
        """A new key, and its text, which nobody can be shown again. Raises UsageError, CommandRefused."""
        wanted = sorted(set(scopes))
        if not LABEL.fullmatch(label):
            raise UsageError("A label has 1 to 60 letters, figures, spaces and . _ -: what the key is for.")
        if not wanted or not set(wanted) <= KEY_SCOPES:
            raise UsageError(f"The scopes of a key are among {', '.join(sorted(KEY_SCOPES))}; the rest takes a person.")
        if not 1 <= days <= DAYS_MAX:
            raise UsageError(f"A key lasts 1 to {DAYS_MAX} days.")
        if area != EVERYWHERE and not self._people.find_areas([area]):
            raise CommandRefused("no-such-area", f"There is no area {area[:40]!r}: draw it first.")
        maker, name, secret = self._people.get(by), secrets.token_hex(6), new_token()
        with self._database.writing() as connection:
            if connection.execute("SELECT count(*) FROM api_keys").fetchone()[0] >= KEYS_MAX:
                connection.execute("DELETE FROM api_keys WHERE expires_ms < ? OR revoked_ms IS NOT NULL", (now_ms,))
            if connection.execute("SELECT count(*) FROM api_keys").fetchone()[0] >= KEYS_MAX:
                raise CommandRefused("too-many", f"There are {KEYS_MAX:,} API keys, as many as there may be.")
            expires_ms = now_ms + days * DAY_MS
            connection.execute(
                "INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                (name, digest(secret), label, " ".join(wanted), area, maker.account, now_ms, expires_ms),
            )
            detail = f"{label}; {' '.join(wanted)}; {'everywhere' if area == EVERYWHERE else area}; {days} days"
            remember(
                connection,
                Audited(now_ms=now_ms, by=by, action="keys.make", subject=name, outcome="done", detail=detail),
            )
        return self.get(name), f"alm_{name}_{secret}"

    def get(self, name: str) -> ApiKey:
        """The key of that id. Raises CommandRefused when there is none."""
        found = [key for key in self.list_all() if key.id == name]
        if not found:
            raise CommandRefused("no-such-key", f"There is no API key {name[:20]!r}.")
        return found[0]

    def list_all(self) -> list[ApiKey]:
        """All keys, also those that are over, newest first."""
        rows = self._database.reading.execute(
            "SELECT api_keys.id, label, scopes, area, people.name, api_keys.created_ms, expires_ms, revoked_ms"
            " FROM api_keys JOIN people ON people.id = created_by ORDER BY api_keys.created_ms DESC, api_keys.id"
        ).fetchall()
        return [
            ApiKey(
                id=row[0],
                label=row[1],
                scopes=tuple(row[2].split()),
                area=row[3],
                created_by=row[4],
                created_ms=row[5],
                expires_ms=row[6],
                revoked_ms=row[7],
            )
            for row in rows
        ]

    def revoke(self, name: str, *, by: str, now_ms: int) -> None:
        """From now on it opens nothing."""
        with self._database.writing() as connection:
            done = connection.execute(
                "UPDATE api_keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL", (now_ms, name)
            )
            if not done.rowcount:
                raise CommandRefused("no-such-key", f"There is no API key {name[:20]!r} that still opens anything.")
            remember(
                connection,
                Audited(now_ms=now_ms, by=by, action="keys.revoke", subject=name, outcome="done", detail=""),
            )

    def lasts(self, name: str, now_ms: int) -> bool:
        """Whether the key of that id still opens anything."""
        found = self._database.reading.execute(
            "SELECT 1 FROM api_keys WHERE id = ? AND revoked_ms IS NULL AND expires_ms > ?", (name, now_ms)
        ).fetchone()
        return found is not None

    def principal(self, text: str, now_ms: int) -> Principal | None:
        """Who a key is, if it is one of ours and lasts."""
        parts = _FORM.fullmatch(text)
        if parts is None:
            return None
        row = self._database.reading.execute(
            "SELECT secret, label, scopes, area FROM api_keys WHERE id = ? AND revoked_ms IS NULL AND expires_ms > ?",
            (parts[1], now_ms),
        ).fetchone()
        # Compared also where there is nothing to compare with: the answer is no after the same work.
        right = same(digest(parts[2]), row[0] if row is not None else digest(""))
        if row is None or not right:
            return None
        return Principal(
            f"api-key/{parts[1]}",
            display_name=row[1],
            scopes=frozenset(row[2].split()) & KEY_SCOPES,
            scope_area=row[3],
            areas=self._people.find_areas([row[3]]),
        )
