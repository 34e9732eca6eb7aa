"""People of the agency: accounts, what they are granted, and who may sign in. Nobody is deleted: the log names them."""

import re
import secrets
import sqlite3
from collections.abc import Iterable

import msgspec

from almenara.accounts.areas import Area, read_area
from almenara.accounts.database import Database, remember
from almenara.accounts.passwords import Passwords, check_password
from almenara.accounts.principal import Principal
from almenara.accounts.roles import EVERYWHERE, Grant, check_grant
from almenara.model.errors import CommandRefused, UsageError
from almenara.model.events import Audited

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
DISPLAY_NAME_MAX = 100
LANGUAGES = ("es", "en")
PEOPLE_MAX = 10_000
GRANTS_MAX = 100

_PEOPLE = (
    "SELECT id, name, display_name, language, password IS NOT NULL, disabled_ms, created_ms, subject IS NOT NULL"
    " FROM people"
)


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An account as others may see it."""

    account: int
    name: str
    display_name: str
    language: str
    has_password: bool
    disabled_ms: int | None
    created_ms: int
    from_oidc: bool
    grants: tuple[Grant, ...]
    passkeys: int


class People:
    """The accounts. Every change names who made it (`by`) and leaves an entry for the log in its own transaction."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self.passwords = passwords

    # ------------------------------------------------------------------ reading

    def find(self, name: str) -> Person | None:
        """The account of that name, if there is one."""
        row = self._database.reading.execute(f"{_PEOPLE} WHERE name = ?", (fold(name),)).fetchone()
        return None if row is None else self._person(row)

    def get(self, name: str) -> Person:
        """As `find`; raises CommandRefused when there is none."""
        person = self.find(name)
        if person is None:
            raise CommandRefused("no-such-account", f"There is no account {fold(name)[:64]!r}.")
        return person

    def list_all(self, after: str = "", limit: int = PEOPLE_MAX) -> list[Person]:
        """Accounts with a name beyond `after`, in the order of names."""
        statement = f"{_PEOPLE} WHERE name > ? ORDER BY name LIMIT ?"
        return [self._person(row) for row in self._database.reading.execute(statement, (after, limit)).fetchall()]

    def list_areas(self) -> dict[str, str]:
        """Name → GeoJSON."""
        return dict(self._database.reading.execute("SELECT name, geojson FROM areas ORDER BY name").fetchall())

    def principal(self, account: int, session: bytes = b"", begun_ms: int = 0) -> Principal | None:
        """Who the account is for one request; None when it is disabled or gone."""
        row = self._database.reading.execute(
            "SELECT name, display_name, language FROM people WHERE id = ? AND disabled_ms IS NULL", (account,)
        ).fetchone()
        if row is None:
            return None
        grants = self._grants(account)
        areas = self.find_areas(grant.area for grant in grants)
        name, display_name, language = row
        return Principal(
            name,
            display_name=display_name,
            language=language,
            grants=grants,
            areas=areas,
            account=account,
            session=session,
            begun_ms=begun_ms,
        )

    def find_areas(self, names: Iterable[str]) -> dict[str, Area]:
        """Those of the named areas that there are, ready to be asked."""
        found = {}
        for name in sorted(set(names) - {EVERYWHERE}):
            row = self._database.reading.execute("SELECT geojson FROM areas WHERE name = ?", (name,)).fetchone()
            if row is not None:
                found[name] = read_area(name, row[0])
        return found

    def check_sign_in(self, name: str, password: str) -> Person | None:
        """The account, if it may sign in with this password; takes as long for names that there are not."""
        row = self._database.reading.execute(
            "SELECT password FROM people WHERE name = ? AND disabled_ms IS NULL", (fold(name),)
        ).fetchone()
        right = self.passwords.matches(password, None if row is None else row[0])
        return self.find(name) if right else None

    # ------------------------------------------------------------------ changing

    def add(
        self,
        name: str,
        *,
        by: str,
        now_ms: int,
        display_name: str = "",
        language: str = "es",
        password: str | None = None,
        grants: Iterable[Grant] = (),
        only_first: bool = False,
    ) -> Person:
        """A new account. Without a password it can sign in by OIDC only. Raises UsageError, CommandRefused.

        The first one is an administrator; `only_first`: refused when there is an administrator already.
        """
        name, display_name = fold(name), display_name.strip() or name
        check_names(name, display_name, language)
        given = sorted(set(grants))
        for grant in given:
            check_grant(grant)
        if password is not None:
            check_password(password, name, display_name)
        kept = None if password is None else self.passwords.hash(password)
        with self._database.writing() as connection:
            first = not has_administrator(connection)
            if first and Grant("administrator") not in given:
                raise UsageError("The first account must be an administrator: nobody else could add people.")
            if first and kept is None:
                raise UsageError("The first administrator needs a password.")
            if only_first and not first:
                raise CommandRefused("already-set-up", "There is an administrator: ask them for an account.")
            self._insert(connection, name, display_name, language, kept, now_ms)
            account = _account(connection, name)
            for grant in given:
                _grant(connection, account, grant, "local")
            detail = f"{display_name}; {', '.join(map(describe, given)) or 'no grants'}"
            remember(connection, _done(now_ms, by, "people.add", name, detail))
        return self.get(name)

    def grant(self, name: str, grant: Grant, *, by: str, now_ms: int) -> None:
        """Give a role within an area. Nothing happens when they have it."""
        check_grant(grant)
        with self._database.writing() as connection:
            account = _account(connection, fold(name))
            if _grant(connection, account, grant, "local"):
                remember(connection, _done(now_ms, by, "people.grant", fold(name), describe(grant)))

    def revoke(self, name: str, grant: Grant, *, by: str, now_ms: int) -> None:
        """Take a role back. Raises CommandRefused for one that was not given here, and for the last administrator."""
        with self._database.writing() as connection:
            account = _account(connection, fold(name))
            gone = connection.execute(
                "DELETE FROM grants WHERE person = ? AND role = ? AND area = ? AND origin = 'local'",
                (account, grant.role, grant.area),
            )
            if not gone.rowcount:
                raise CommandRefused("not-granted", f"{fold(name)} was not given {describe(grant)} here.")
            _keep_administrator(connection)
            remember(connection, _done(now_ms, by, "people.revoke", fold(name), describe(grant)))

    def describe_person(
        self, name: str, *, display_name: str | None, language: str | None, by: str, now_ms: int
    ) -> None:
        """Another display name, another language."""
        person = self.get(name)
        shown = person.display_name if display_name is None else display_name.strip()
        spoken = person.language if language is None else language
        check_names(person.name, shown, spoken)
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE people SET display_name = ?, language = ? WHERE id = ?", (shown, spoken, person.account)
            )
            remember(connection, _done(now_ms, by, "people.describe", person.name, f"{shown}; {spoken}"))

    def set_password(self, name: str, password: str, *, by: str, now_ms: int, keep: bytes = b"") -> None:
        """A new password; every session but `keep` ends."""
        person = self.get(name)
        check_password(password, person.name, person.display_name)
        kept = self.passwords.hash(password)
        with self._database.writing() as connection:
            connection.execute("UPDATE people SET password = ? WHERE id = ?", (kept, person.account))
            connection.execute("DELETE FROM sessions WHERE person = ? AND token <> ?", (person.account, keep))
            remember(connection, _done(now_ms, by, "people.password", person.name))

    def disable(self, name: str, *, by: str, now_ms: int) -> None:
        """Shut out at once: sessions end, API keys that they made are revoked. Raises for the last administrator."""
        with self._database.writing() as connection:
            account = _account(connection, fold(name))
            connection.execute("UPDATE people SET disabled_ms = ? WHERE id = ?", (now_ms, account))
            _keep_administrator(connection)
            connection.execute("DELETE FROM sessions WHERE person = ?", (account,))
            keys = connection.execute(
                "UPDATE api_keys SET revoked_ms = ? WHERE created_by = ? AND revoked_ms IS NULL", (now_ms, account)
            )
            detail = f"{keys.rowcount} API keys revoked" if keys.rowcount else ""
            remember(connection, _done(now_ms, by, "people.disable", fold(name), detail))

    def enable(self, name: str, *, by: str, now_ms: int) -> None:
        """Let them sign in again."""
        with self._database.writing() as connection:
            account = _account(connection, fold(name))
            connection.execute("UPDATE people SET disabled_ms = NULL WHERE id = ?", (account,))
            remember(connection, _done(now_ms, by, "people.enable", fold(name)))

    def set_area(self, name: str, geojson: str, *, by: str, now_ms: int) -> Area:
        """Draw an area, or draw it anew: every grant that names it moves with it."""
        area = read_area(name, geojson)
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO areas VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET geojson = excluded.geojson",
                (name, geojson),
            )
            remember(connection, _done(now_ms, by, "area.set", name))
        return area

    def drop_area(self, name: str, *, by: str, now_ms: int) -> None:
        """Remove an area that no grant and no key names."""
        with self._database.writing() as connection:
            used = connection.execute(
                "SELECT (SELECT count(*) FROM grants WHERE area = :name)"
                " + (SELECT count(*) FROM api_keys WHERE area = :name AND revoked_ms IS NULL)",
                {"name": name},
            ).fetchone()[0]
            if used:
                raise CommandRefused("in-use", f"{used} grants or keys name the area {name}: take them back first.")
            if not connection.execute("DELETE FROM areas WHERE name = ?", (name,)).rowcount:
                raise CommandRefused("no-such-area", f"There is no area {name[:40]!r}.")
            remember(connection, _done(now_ms, by, "area.drop", name))

    # ------------------------------------------------------------------ inside

    def _person(self, row: tuple[int, str, str, str, int, int | None, int, int]) -> Person:
        account, name, display_name, language, has_password, disabled_ms, created_ms, from_oidc = row
        count = "SELECT count(*) FROM passkeys WHERE person = ?"
        return Person(
            account=account,
            name=name,
            display_name=display_name,
            language=language,
            has_password=bool(has_password),
            disabled_ms=disabled_ms,
            created_ms=created_ms,
            from_oidc=bool(from_oidc),
            grants=self._grants(account),
            passkeys=self._database.reading.execute(count, (account,)).fetchone()[0],
        )

    def _grants(self, account: int) -> tuple[Grant, ...]:
        statement = "SELECT DISTINCT role, area FROM grants WHERE person = ? ORDER BY role, area"
        return tuple(Grant(*row) for row in self._database.reading.execute(statement, (account,)).fetchall())

    @staticmethod
    def _insert(
        connection: sqlite3.Connection, name: str, display_name: str, language: str, kept: str | None, now_ms: int
    ) -> None:
        if connection.execute("SELECT count(*) FROM people").fetchone()[0] >= PEOPLE_MAX:
            raise CommandRefused("too-many", f"There are {PEOPLE_MAX:,} accounts, as many as there may be.")
        made = connection.execute(
            "INSERT INTO people (name, display_name, language, handle, password, created_ms) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (name) DO NOTHING",
            (name, display_name, language, secrets.token_bytes(32), kept, now_ms),
        )
        if not made.rowcount:
            raise CommandRefused("name-taken", f"There is an account {name} already; names are never given twice.")


def fold(name: str) -> str:
    """How names are kept and compared.

    >>> fold(" Ana.Ruiz ")
    'ana.ruiz'
    """
    return name.strip().casefold()


def describe(grant: Grant) -> str:
    """A grant in words: "approver in loja"."""
    return f"{grant.role} {'everywhere' if grant.area == EVERYWHERE else 'in ' + grant.area}"


def has_administrator(connection: sqlite3.Connection) -> bool:
    """Whether somebody can let others in who needs no other service to sign in."""
    found = connection.execute(
        "SELECT 1 FROM grants JOIN people ON people.id = grants.person"
        " WHERE role = 'administrator' AND origin = 'local'"
        " AND disabled_ms IS NULL AND password IS NOT NULL LIMIT 1"
    ).fetchone()
    return found is not None


def _keep_administrator(connection: sqlite3.Connection) -> None:
    if not has_administrator(connection):
        raise CommandRefused("last-administrator", "This is the last administrator: name another one first.")


def _account(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT id FROM people WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise CommandRefused("no-such-account", f"There is no account {name[:64]!r}.")
    return int(row[0])


def _grant(connection: sqlite3.Connection, account: int, grant: Grant, origin: str) -> bool:
    known = connection.execute("SELECT 1 FROM areas WHERE name = ?", (grant.area,)).fetchone()
    if grant.area != EVERYWHERE and known is None:
        raise CommandRefused("no-such-area", f"There is no area {grant.area[:40]!r}: draw it first.")
    if connection.execute("SELECT count(*) FROM grants WHERE person = ?", (account,)).fetchone()[0] >= GRANTS_MAX:
        raise CommandRefused("too-many", f"Nobody has more than {GRANTS_MAX} grants.")
    row = (account, grant.role, grant.area, origin)
    return connection.execute("INSERT INTO grants VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row).rowcount > 0


def check_names(name: str, display_name: str, language: str) -> None:
    """Raises UsageError for what no account can be called."""
    if not NAME.fullmatch(name):
        raise UsageError(f"A name has 1 to 64 of a-z 0-9 . _ @ -, not {name[:80]!r}.")
    if not 0 < len(display_name) <= DISPLAY_NAME_MAX or not display_name.isprintable():
        raise UsageError(f"A display name has 1 to {DISPLAY_NAME_MAX} printable characters.")
    if language not in LANGUAGES:
        raise UsageError(f"A language is one of {', '.join(LANGUAGES)}, not {language[:20]!r}.")


def _done(now_ms: int, by: str, action: str, subject: str, detail: str = "") -> Audited:
    return Audited(now_ms=now_ms, by=by, action=action, subject=subject, outcome="done", detail=detail)
