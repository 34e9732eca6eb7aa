"""The first administrator: a code that only the machine's operator can read, good once and for an hour."""

import base64
import os
import secrets
from pathlib import Path

from almenara.accounts.database import Database
from almenara.accounts.people import People, Person, has_administrator
from almenara.accounts.roles import Grant
from almenara.accounts.tokens import same
from almenara.model.errors import CommandRefused

FILE_NAME = "setup-code"
LASTS_MS = 3_600_000
#: After so many wrong codes the right one is void too.
WRONG_MAX = 20


class Setup:
    """Needed until there is an administrator, and never again: the last one cannot be removed."""

    def __init__(self, database: Database, people: People, folder: Path) -> None:
        self._database, self._people = database, people
        self.path = folder / FILE_NAME
        self._code = ""
        self._ends_ms = 0
        self._wrong = 0
        self._done = False

    @property
    def needed(self) -> bool:
        """Whether there is nobody yet who could let people in."""
        if not self._done:
            self._done = has_administrator(self._database.reading)
        return not self._done

    def open(self, now_ms: int) -> str | None:
        """At the start of the service: a new code, also in the file `setup-code`; None when none is needed."""
        if not self.needed:
            self.close()
            return None
        raw = base64.b32encode(secrets.token_bytes(15)).decode()
        self._code = "-".join(raw[at : at + 6] for at in range(0, 24, 6))
        self._ends_ms, self._wrong = now_ms + LASTS_MS, 0
        self.path.unlink(missing_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(self._code + "\n")
        return self._code

    def is_open(self, now_ms: int) -> bool:
        """Whether the code can still be used."""
        return bool(self._code) and now_ms < self._ends_ms and self._wrong < WRONG_MAX and self.needed

    def use(self, code: str, *, name: str, display_name: str, language: str, password: str, now_ms: int) -> Person:
        """Make the first administrator, once. Raises CommandRefused (and UsageError as `People.add`)."""
        if not self.needed:
            raise CommandRefused("already-set-up", "There is an administrator: ask them for an account.")
        if not self.is_open(now_ms):
            self.close()
            raise CommandRefused(
                "setup-closed",
                "The setup code has run out: start the service again for a new one, or use `almenara people add`.",
            )
        if not same(code.strip().upper(), self._code):
            self._wrong += 1
            raise CommandRefused("wrong-code", "That is not the code that the service printed when it started.")
        person = self._people.add(
            name,
            display_name=display_name,
            language=language,
            password=password,
            grants=[Grant("administrator")],
            only_first=True,
            by="setup",
            now_ms=now_ms,
        )
        self.close()
        return person

    def close(self) -> None:
        """The code opens nothing any more, and its file is gone."""
        self._code = ""
        self.path.unlink(missing_ok=True)
