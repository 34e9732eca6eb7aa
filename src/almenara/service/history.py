"""The history's index: which entries of the log speak of what, in a file beside it that can always be made anew."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from almenara.board.keeper import Told
from almenara.board.subjects import subjects
from almenara.model.events import Event, ObservationsReceived
from almenara.model.observations import from_ipc
from almenara.ports import EventLog

FILE_NAME = "index.sqlite"
#: Rises when the tables change or mean something else: an index of another form is made anew.
FORMAT = 1
#: While an index is made, so many entries are kept together.
TOGETHER = 2_000
#: What one question may bring.
LIMIT_MAX = 10_000

_TABLES = """
CREATE TABLE state (seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE TABLE touched (
    topic TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (topic, id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX touched_by_seq ON touched (topic, seq);
CREATE TABLE batches (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    origin TEXT NOT NULL,
    rows INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    west REAL, south REAL, east REAL, north REAL
) STRICT;
CREATE INDEX batches_by_time ON batches (last_ms);
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """That an entry of the log speaks of something."""

    id: str
    seq: int
    kind: str  # of the event
    at_ms: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Where observations lie in the log, and what they span."""

    seq: int
    kind: str
    source: str
    origin: str
    rows: int
    first_ms: int  # of acquisition
    last_ms: int
    bbox: tuple[float, float, float, float] | None  # degrees; None: no row has a position


class History:
    """The index of one log. `follow` is for the thread that writes the log; the questions are for any thread."""

    def __init__(self, folder: Path, log: EventLog, progress: Callable[[int, int], None] = lambda at, of: None) -> None:
        """Open the index of a log, made to agree with it: read on where it ends, or all over when it is not its own."""
        self._path = folder / FILE_NAME
        self._connection = self._opened(log)
        (self.seq,) = self._connection.execute("SELECT seq FROM state").fetchone()
        head, _ = log.head()
        part: list[Told] = []
        if self.seq < head:
            for entry in log.read(self.seq):
                event = entry.event()
                part.append((entry.seq, event, subjects(event)))
                if len(part) == TOGETHER:
                    self.follow(part, log)
                    part = []
                    progress(self.seq, head)
        if part:
            self.follow(part, log)

    def follow(self, told: Sequence[Told], log: EventLog) -> None:
        """Note what new entries are about. Not durable at once: what a crash takes away is read from the log again."""
        touched: list[tuple[str, str, int, str, int]] = []
        batches: list[tuple[Any, ...]] = []
        for seq, event, about in told:
            at_ms = _time_of(event)
            touched += [(topic, name, seq, type(event).__name__, at_ms) for topic, name in about]
            if isinstance(event, ObservationsReceived):
                batches.append((seq, *_span(event)))
        self.seq = told[-1][0]
        connection = self._connection
        connection.execute("BEGIN")
        connection.executemany("INSERT OR REPLACE INTO touched VALUES (?, ?, ?, ?, ?)", touched)
        connection.executemany("INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", batches)
        connection.execute("UPDATE state SET seq = ?, hash = ?", (self.seq, _hash_at(log, self.seq)))
        connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # ------------------------------------------------------------------ questions

    def marks(
        self,
        topic: str,
        name: str | None = None,
        *,
        after: int = 0,
        before: int | None = None,
        since_ms: int | None = None,
        kinds: Sequence[str] = (),
        newest_first: bool = False,
        limit: int = LIMIT_MAX,
    ) -> list[Mark]:
        """Which entries speak of a thing, or of anything of a topic, between two numbers (neither included)."""
        where, values = ["topic = ?", "seq > ?"], [topic, after]
        for clause, value in (("id = ?", name), ("seq < ?", before), ("at_ms >= ?", since_ms)):
            if value is not None:
                where.append(clause)
                values.append(value)
        if kinds:
            where.append(f"kind IN ({', '.join('?' * len(kinds))})")
            values += kinds
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT id, seq, kind, at_ms FROM touched WHERE {' AND '.join(where)} ORDER BY seq {order} LIMIT ?"  # noqa: S608 - clauses of our own
        return [Mark(*row) for row in self._ask(query, [*values, min(limit, LIMIT_MAX)])]

    def batches(
        self,
        *,
        kind: str | None = None,
        source: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        bbox: tuple[float, float, float, float] | None = None,
        before: int | None = None,
        limit: int = LIMIT_MAX,
    ) -> list[Batch]:
        """The batches that can hold observations of a time and an area, the newest entry first."""
        where, values = ["rows > 0"], list[Any]()
        for clause, value in (
            ("kind = ?", kind),
            ("source = ?", source),
            ("last_ms >= ?", since_ms),
            ("first_ms <= ?", until_ms),
            ("seq < ?", before),
        ):
            if value is not None:
                where.append(clause)
                values.append(value)
        if bbox is not None:
            where.append("west <= ? AND east >= ? AND south <= ? AND north >= ?")
            values += [bbox[2], bbox[0], bbox[3], bbox[1]]
        query = f"SELECT * FROM batches WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?"  # noqa: S608 - clauses of our own
        return [_batch(row) for row in self._ask(query, [*values, min(limit, LIMIT_MAX)])]

    def events(self, log: EventLog, marks: Sequence[Mark]) -> Iterator[tuple[int, Event]]:
        """The entries behind marks, in order, with their numbers."""
        for entry in log.pick([mark.seq for mark in marks]):
            yield entry.seq, entry.event()

    def _ask(self, query: str, values: Sequence[Any]) -> list[Any]:
        with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    # ------------------------------------------------------------------ the file

    def _opened(self, log: EventLog) -> sqlite3.Connection:
        connection = self._connected()
        if connection is not None and not _fits(connection, log):
            connection.close()
            connection = None
        if connection is not None:
            return connection
        for path in self._path.parent.glob(f"{FILE_NAME}*"):
            path.unlink()
        connection = self._connected()
        assert connection is not None, "an SQLite file that is not there can be made"
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("INSERT INTO state VALUES (0, ?)", (_hash_at(log, 0),))
        return connection

    def _connected(self) -> sqlite3.Connection | None:
        """The file opened for writing; None when it is damaged."""
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
        except sqlite3.DatabaseError:
            connection.close()
            return None
        self._path.chmod(0o600)
        return connection


def _fits(connection: sqlite3.Connection, log: EventLog) -> bool:
    """Whether an index is of this form and of this very log."""
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != FORMAT:
            return False
        seq, digest = connection.execute("SELECT seq, hash FROM state").fetchone()
    except (sqlite3.DatabaseError, TypeError):  # damaged, or not even begun
        return False
    return bool(seq <= log.head()[0] and digest == _hash_at(log, seq))


def _hash_at(log: EventLog, seq: int) -> bytes:
    head, digest = log.head()
    if seq == head:
        return digest
    return next((entry.hash for entry in log.pick([seq])), bytes(32))


def _time_of(event: Event) -> int:
    """When it happened, as the event says; 0 where it does not."""
    at_ms: int = getattr(event, "now_ms", None) or getattr(event, "at_ms", None) or 0
    return at_ms


def _span(event: ObservationsReceived) -> tuple[Any, ...]:
    table = from_ipc(event.table)
    if table.num_rows == 0:
        return event.kind, event.source, event.origin, 0, 0, 0, None, None, None, None
    time = np.asarray(table.column("time").cast("int64").to_numpy())
    lon, lat = (np.asarray(table.column(name).to_numpy()) for name in ("lon", "lat"))
    lon, lat = lon[~np.isnan(lon)], lat[~np.isnan(lat)]
    sides: tuple[float | None, ...] = (None, None, None, None)
    if len(lon):
        sides = float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())
    return event.kind, event.source, event.origin, table.num_rows, int(time.min()), int(time.max()), *sides


def _batch(row: tuple[Any, ...]) -> Batch:
    seq, kind, source, origin, rows, first_ms, last_ms, *sides = row
    west, south, east, north = sides
    return Batch(
        seq, kind, source, origin, rows, first_ms, last_ms, None if west is None else (west, south, east, north)
    )
