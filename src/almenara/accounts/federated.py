"""People whom the identity provider vouches for: their accounts made at first, their grants as it says each time."""

import secrets

from almenara.accounts.database import Database, remember
from almenara.accounts.oidc import Identity
from almenara.accounts.people import DISPLAY_NAME_MAX, People, Person, check_names, describe, fold
from almenara.accounts.roles import EVERYWHERE
from almenara.model.errors import CommandRefused
from almenara.model.events import Audited


def admit(database: Database, people: People, identity: Identity, now_ms: int) -> Person:
    """The account of that issuer and subject, made when it is missing. Raises CommandRefused.

    An account that was made here is never taken over by a name that a provider gives.
    """
    name = fold(identity.name)
    shown = "".join(letter for letter in identity.display_name if letter.isprintable()).strip()[:DISPLAY_NAME_MAX]
    check_names(name, shown or name, "es")
    with database.writing() as connection:
        row = connection.execute(
            "SELECT id, name, disabled_ms FROM people WHERE issuer = ? AND subject = ?",
            (identity.issuer, identity.subject),
        ).fetchone()
        if row is None:
            made = connection.execute(
                "INSERT INTO people (name, display_name, language, handle, created_ms, issuer, subject)"
                " VALUES (?, ?, 'es', ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id, name, disabled_ms",
                (name, shown or name, secrets.token_bytes(32), now_ms, identity.issuer, identity.subject),
            ).fetchone()
            if made is None:
                raise CommandRefused(
                    "name-taken", f"The account {name} was made here: an administrator has to settle whose it is."
                )
            row = made
            remember(connection, _done(now_ms, "oidc", "people.add", name, shown or name))
        account, name, disabled_ms = row
        if disabled_ms is not None:
            raise CommandRefused("disabled", "This account is disabled.")
        known = {EVERYWHERE, *(found[0] for found in connection.execute("SELECT name FROM areas"))}
        wanted = {(grant.role, grant.area): grant for grant in identity.grants if grant.area in known}
        held = set(connection.execute("SELECT role, area FROM grants WHERE person = ? AND origin = 'oidc'", (account,)))
        if held != set(wanted):
            connection.execute("DELETE FROM grants WHERE person = ? AND origin = 'oidc'", (account,))
            connection.executemany(
                "INSERT INTO grants VALUES (?, ?, ?, 'oidc')", [(account, role, area) for role, area in wanted]
            )
            detail = ", ".join(describe(grant) for _, grant in sorted(wanted.items())) or "no grants"
            remember(connection, _done(now_ms, "oidc", "people.grant", name, detail))
    return people.get(name)


def _done(now_ms: int, by: str, action: str, subject: str, detail: str) -> Audited:
    return Audited(now_ms=now_ms, by=by, action=action, subject=subject, outcome="done", detail=detail)
