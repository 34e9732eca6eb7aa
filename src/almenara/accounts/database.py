"""The accounts' file: SQLite beside the log, for its owner's eyes only, its tables lifted step by step."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from almenara.model.errors import LogError
from almenara.model.events import Audited

FILE_NAME = "accounts.sqlite"
#: PRAGMA application_id, "ALMA".
APPLICATION_ID = 0x414C4D41
BUSY_S = 10.0

#: PRAGMA user_version n is reached by the n-th of these. A migration that was released is never edited.
MIGRATIONS = (
    """
CREATE TABLE people (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    language TEXT NOT NULL,
    handle BLOB NOT NULL UNIQUE,
    password TEXT,
    disabled_ms INTEGER,
    created_ms INTEGER NOT NULL,
    issuer TEXT,
    subject TEXT,
    UNIQUE (issuer, subject)
) STRICT;
CREATE TABLE areas (name TEXT PRIMARY KEY, geojson TEXT NOT NULL) STRICT;
CREATE TABLE grants (
    person INTEGER NOT NULL REFERENCES people (id),
    role TEXT NOT NULL,
    area TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('local', 'oidc')),
    PRIMARY KEY (person, role, area, origin)
) STRICT, WITHOUT ROWID;
CREATE TABLE sessions (
    token BLOB PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES people (id),
    how TEXT NOT NULL,
    begun_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_person ON sessions (person);
CREATE TABLE passkeys (
    credential BLOB PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES people (id),
    label TEXT NOT NULL,
    public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX passkeys_by_person ON passkeys (person);
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    label TEXT NOT NULL,
    scopes TEXT NOT NULL,
    area TEXT NOT NULL,
    created_by INTEGER NOT NULL REFERENCES people (id),
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE unlogged (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    now_ms INTEGER NOT NULL,
    by TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
""",
)
_AUDITED = ("now_ms", "by", "action", "subject", "outcome", "detail")
_UNLOGGED = "SELECT id, now_ms, by, action, subject, outcome, detail FROM unlogged ORDER BY id LIMIT 1000"
_REMEMBER = "INSERT INTO unlogged (now_ms, by, action, subject, outcome, detail) VALUES (?, ?, ?, ?, ?, ?)"


class Database:
    """A connection for each thread; one writer at a time, in all processes; readers are never held up."""

    def __init__(self, folder: Path) -> None:
        """Open `folder`/accounts.sqlite; made, with its folder, when it is missing. Raises LogError."""
        self.path = folder / FILE_NAME
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._mutex = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made with its mode before SQLite sees it: what SQLite puts beside it takes the mode from it.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        self.path.chmod(0o600)
        try:
            self._migrate()
        except sqlite3.DatabaseError as error:
            self.close()
            raise LogError(f"{self.path} cannot be used: {error}. Bring it back from your backup.") from error

    @property
    def reading(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._connect()
        return connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it, durably, or nothing."""
        connection = self.reading
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def unlogged(self) -> list[tuple[int, Audited]]:
        """What was changed and has not been put into the log yet, in order."""
        rows = self.reading.execute(_UNLOGGED)
        return [(row[0], Audited(**dict(zip(_AUDITED, row[1:], strict=True)))) for row in rows]

    def logged(self, upto: int) -> None:
        """Everything up to this one is in the log."""
        with self.writing() as connection:
            connection.execute("DELETE FROM unlogged WHERE id <= ?", (upto,))

    def close(self) -> None:
        """Close every thread's connection."""
        with self._mutex:
            while self._all:
                self._all.pop().close()
        self._own = threading.local()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        with self._mutex:
            self._all.append(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # who was shut out stays so after a power cut
        connection.execute("PRAGMA secure_delete = ON")
        return connection

    def _migrate(self) -> None:
        self.reading.execute("PRAGMA journal_mode = WAL")
        with self.writing() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise LogError(f"{self.path} was written by a newer version of Almenara: update it.")
            for script in MIGRATIONS[version:]:
                for statement in script.split(";\n"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def remember(connection: sqlite3.Connection, event: Audited) -> None:
    """Within the transaction of a change: what the log is to say of it. So no change is ever without its entry."""
    connection.execute(_REMEMBER, [getattr(event, name) for name in _AUDITED])
