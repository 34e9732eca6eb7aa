"""Accounts for tests: little work for a password, and a clock that is moved by hand."""

from dataclasses import dataclass
from pathlib import Path

from almenara.accounts.book import Accounts
from almenara.accounts.oidc import OidcClient
from almenara.accounts.passwords import Passwords
from almenara.accounts.roles import Grant

CHEAP = Passwords(cheap=True)
PASSWORD = " ".join(["three", "goats", "on", "the", "ridge"])
SQUARE = '{"type": "Polygon", "coordinates": [[[-80, -5], [-79, -5], [-79, -4], [-80, -4], [-80, -5]]]}'
INSIDE, OUTSIDE = (-79.5, -4.5), (-78.0, -1.0)


@dataclass
class Time:
    """Milliseconds since 1970, as the test says."""

    now_ms: int = 1_725_000_000_000

    def __call__(self) -> int:
        return self.now_ms


def open_book(
    folder: Path, time: Time | None = None, *, oidc: OidcClient | None = None, origin: str | None = None
) -> Accounts:
    """Accounts that cost little."""
    return Accounts(folder, time if time is not None else Time(), oidc=oidc, origin=origin, passwords=CHEAP)


def populate(book: Accounts) -> None:
    """root, an administrator; one person for each other role, named like it; nobody, who has no grant."""
    now_ms = book.clock()
    book.people.add(
        "root", password=PASSWORD, grants=[Grant("administrator")], by="setup", now_ms=now_ms, display_name="Root"
    )
    book.people.set_area("loja", SQUARE, by="root", now_ms=now_ms)
    for role in ("viewer", "dispatcher", "duty_officer", "approver"):
        book.people.add(role, password=PASSWORD, grants=[Grant(role)], by="root", now_ms=now_ms)
        book.people.add(f"{role}.loja", password=PASSWORD, grants=[Grant(role, "loja")], by="root", now_ms=now_ms)
    book.people.add("nobody.yet", password=PASSWORD, by="root", now_ms=now_ms)
