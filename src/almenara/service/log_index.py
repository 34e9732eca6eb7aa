"""An index of the log: where in it the observations are, and what was sent to the public.

A file of SQLite beside the log, which may be thrown away: it is made anew by reading the log once.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from almenara.model.errors import LogCorrupted
from almenara.model.events import ObservationsReceived, PlacesImported, StepTaken, WarningSent
from almenara.ports import EventLog
from almenara.service import observation_index, press

FILE_NAME = "open.sqlite"
#: Rises when the tables change: a file of another version is thrown away.
FORMAT = 1
DAY_MS = 86_400_000

_FOLLOWED = {kind.__name__ for kind in (ObservationsReceived, PlacesImported, StepTaken, WarningSent)}
_TABLES = f"""
CREATE TABLE followed (seq INTEGER NOT NULL, hash BLOB NOT NULL);
INSERT INTO followed VALUES (0, zeroblob(32));
CREATE TABLE imports (origin TEXT PRIMARY KEY, attribution TEXT NOT NULL) STRICT;
{observation_index.TABLES}
{press.TABLES}
PRAGMA user_version = {FORMAT};
"""  # noqa: S608 - our own words


class LogIndex:
    """The index of one log. Its methods may be called from any thread; one at a time goes on."""

    def __init__(self, folder: Path | None) -> None:
        """Open or make the index in the folder of the log; None: in memory."""
        self._path = None if folder is None else folder / FILE_NAME
        self._lock = threading.Lock()
        self._forgot_ms = 0
        self._listeners: list[Callable[[set[int]], None]] = []
        self._connection = self._open()
        self.observations = observation_index.Observations(self._rows)
        self.press = press.Press(self._rows)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def listen(self, listener: Callable[[set[int]], None]) -> None:
        """Tell of every entry whose counting observations are others now."""
        self._listeners.append(listener)

    def follow(self, log: EventLog) -> None:
        """Take in what the log received since the last time."""
        with self._lock:
            seq, digest = self._connection.execute("SELECT seq, hash FROM followed").fetchone()
            if not _continues(log, seq, digest):
                self._connection.close()
                self._connection, seq = self._anew(), 0
            changed: set[int] = set()
            with self._connection as connection:
                for entry in log.read(seq):
                    event = entry.event() if entry.kind in _FOLLOWED else None
                    if isinstance(event, ObservationsReceived):
                        changed |= observation_index.take(connection, entry.seq, event)
                    elif isinstance(event, WarningSent):
                        press.take(connection, entry.seq, event)
                    elif isinstance(event, PlacesImported):
                        values = (event.origin, event.attribution)
                        connection.execute("INSERT OR REPLACE INTO imports VALUES (?, ?)", values)
                    elif isinstance(event, StepTaken) and event.now_ms - self._forgot_ms >= DAY_MS:
                        observation_index.forget(connection, event.now_ms)
                        self._forgot_ms = event.now_ms
                    seq, digest = entry.seq, entry.hash
                connection.execute("UPDATE followed SET seq = ?, hash = ?", (seq, digest))
        if changed:
            for listener in self._listeners:
                listener(changed)

    def credits(self) -> list[str]:
        """The lines that the licences of the imported places ask for."""
        rows = self._rows("SELECT DISTINCT attribution FROM imports WHERE attribution != '' ORDER BY attribution", ())
        return [line for (line,) in rows]

    def _rows(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        if self._path is None or not self._path.exists():
            return self._anew()
        try:
            connection = self._connect()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == FORMAT:
                return connection
            connection.close()
        except sqlite3.DatabaseError:  # damaged: what cannot be read is made anew
            pass
        return self._anew()

    def _anew(self) -> sqlite3.Connection:
        if self._path is not None:
            for path in self._path.parent.glob(f"{FILE_NAME}*"):
                path.unlink()
        connection = self._connect()
        connection.executescript(_TABLES)
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:" if self._path is None else self._path, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # it may be thrown away, but must not be half written
            connection.executescript(observation_index.SCRATCH)
        except BaseException:
            connection.close()
            raise
        return connection


def _continues(log: EventLog, seq: int, digest: bytes) -> bool:
    """Whether the log is the one that was followed so far."""
    head, top = log.head()
    if seq == 0:
        return True
    if seq >= head:
        return seq == head and digest == top
    following = next(iter(log.read(seq)), None)
    if following is None:
        raise LogCorrupted(f"entry {seq + 1} is missing", seq=seq + 1)
    return following.prev_hash == digest
