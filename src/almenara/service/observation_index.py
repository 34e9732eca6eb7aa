"""Where in the log which observations are: the span of time and the box of each batch, and the rows that count.

One bit for each row says whether it counts, as stages.observations judges; the keys for that are kept as long as there.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from almenara.model.errors import LogCorrupted
from almenara.model.events import ObservationsReceived
from almenara.model.observations import OBSERVATIONS, from_ipc
from almenara.ports import EventLog
from almenara.stages.observations import REMEMBERED_MS, fingerprints

LIMIT_MAX = 1_000

#: Columns of a page: those of an observation that mean something outside, and where it stands in the log.
PAGE = pa.schema(
    [
        *(field for field in OBSERVATIONS if field.name not in ("key_hi", "key_lo")),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("entry", pa.int64(), nullable=False),  # seq of the log entry
        pa.field("row", pa.int64(), nullable=False),  # within the entry
        pa.field("counts", pa.bool_(), nullable=False),
    ]
)

TABLES = """
CREATE TABLE batches (
    seq INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, rows INTEGER NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, west REAL, south REAL, east REAL, north REAL,
    counting INTEGER NOT NULL, counts BLOB NOT NULL
);
CREATE INDEX batches_by_time ON batches (last_ms);
CREATE TABLE best (
    hi INTEGER NOT NULL, lo INTEGER NOT NULL, version INTEGER NOT NULL, tie INTEGER NOT NULL,
    time INTEGER NOT NULL, seq INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (hi, lo)
) WITHOUT ROWID;
"""
SCRATCH = """
CREATE TEMP TABLE incoming (
    hi INTEGER NOT NULL, lo INTEGER NOT NULL, version INTEGER NOT NULL, tie INTEGER NOT NULL,
    time INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (hi, lo)
) WITHOUT ROWID;
"""
_BETTER = "(n.version > b.version OR (n.version = b.version AND n.tie > b.tie))"

#: Asks the index: a statement and its values.
Rows = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
Versions = Literal["counting", "all"]
#: West, south, east, north in degrees; west > east for a box across the antimeridian.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which observations are asked for; None: whatever it be. Times in ms, both ends included."""

    since_ms: int | None = None
    until_ms: int | None = None
    bbox: Box | None = None
    source: str | None = None
    kind: str | None = None
    versions: Versions = "counting"


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the observations in the order in which the log received them, and after which to go on."""

    table: pa.Table  # PAGE
    next: tuple[int, int] | None  # (entry, row); None: these were the last


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the log has it, and which of its rows count now."""

    seq: int
    source: str
    kind: str
    origin: str
    table: pa.Table
    counts: NDArray[np.bool_]


class Observations:
    """The observations of an index, by whatever reads its rows."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def page(self, log: EventLog, wanted: Wanted, after: tuple[int, int] = (0, -1), limit: int = LIMIT_MAX) -> Page:
        """At most `limit` of the observations that are wanted, of those after a place in the log.

        Only the batches that can hold some are read.
        """
        parts: list[pa.Table] = []
        room = limit
        last = after
        for batch in self.batches(log, wanted, after[0]):
            rows = np.flatnonzero(_chosen(batch, wanted))
            if batch.seq == after[0]:
                rows = rows[rows > after[1]]
            taken = rows[:room]
            if len(taken):
                parts.append(_told(batch, taken))
                last = (batch.seq, int(taken[-1]))
            if len(rows) > room:
                return Page(_joined(parts), last)
            room -= len(taken)
        return Page(_joined(parts), None)

    def batches(self, log: EventLog, wanted: Wanted, from_seq: int = 0) -> Iterator[Batch]:
        """The batches that can hold what is wanted, in the order of the log."""
        for seq, counts in self._listed(wanted, from_seq):
            yield _read(log, seq, _unpacked(counts))

    def counts_of(self, seq: int) -> NDArray[np.bool_]:
        """Which rows of a batch count now (and up to seven more that it does not have)."""
        ((counts,),) = self._rows("SELECT counts FROM batches WHERE seq = ?", (seq,))
        return _unpacked(counts)

    def _listed(self, wanted: Wanted, from_seq: int) -> list[tuple[Any, ...]]:
        clauses: list[str] = ["seq >= ?"]
        values: list[Any] = [from_seq]
        given: list[tuple[str, Any]] = [
            ("last_ms >= ?", wanted.since_ms),
            ("first_ms <= ?", wanted.until_ms),
            ("source = ?", wanted.source),
            ("kind = ?", wanted.kind),
        ]
        for clause, value in given:
            if value is not None:
                clauses.append(clause)
                values.append(value)
        if wanted.versions == "counting":
            clauses.append("counting > 0")
        if wanted.bbox is not None:
            west, south, east, north = wanted.bbox
            across = "OR" if west > east else "AND"
            clauses.append(f"north >= ? AND south <= ? AND (east >= ? {across} west <= ?)")
            values += [south, north, west, east]
        return self._rows(f"SELECT seq, counts FROM batches WHERE {' AND '.join(clauses)} ORDER BY seq", values)  # noqa: S608


# ---------------------------------------------------------------------- taking in a batch


def take(connection: sqlite3.Connection, seq: int, event: ObservationsReceived) -> set[int]:
    """Take in a batch; returns the entries whose counting rows are others now."""
    table = from_ipc(event.table)
    n = table.num_rows
    if n == 0:
        return set()
    time = numpy_of(table, "time")
    lon, lat = numpy_of(table, "lon"), numpy_of(table, "lat")
    placed = np.isfinite(lon) & np.isfinite(lat)
    box: tuple[float | None, ...] = (None,) * 4
    if placed.any():
        box = tuple(float(f(v[placed])) for f, v in ((np.min, lon), (np.min, lat), (np.max, lon), (np.max, lat)))
    counts, replaced = _judged(connection, seq, table, time)
    connection.execute(
        "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (seq, event.source, event.kind, n, int(time.min()), int(time.max()), *box, int(counts.sum()), _packed(counts)),
    )
    for other, rows in replaced.items():
        (old,) = connection.execute("SELECT counts FROM batches WHERE seq = ?", (other,)).fetchone()
        bits = _unpacked(old)
        bits[rows] = False
        connection.execute(
            "UPDATE batches SET counts = ?, counting = ? WHERE seq = ?", (_packed(bits), int(bits.sum()), other)
        )
    return {seq, *replaced}


def _judged(
    connection: sqlite3.Connection, seq: int, table: pa.Table, time: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], dict[int, list[int]]]:
    """Which rows of a batch count, and by batch the rows that count no longer because of them."""
    # SQLite's integers have a sign: fingerprints keep their order when the highest bit is turned round.
    hi, lo = (numpy_of(table, name).view(np.int64) for name in ("key_hi", "key_lo"))
    tie = (fingerprints(table) ^ np.uint64(1 << 63)).view(np.int64)
    version = numpy_of(table, "version")
    row = np.arange(table.num_rows)
    order = np.lexsort((-row, tie, version, lo, hi))  # the best of each key last; of equal ones the first to come
    last = np.append((np.diff(hi[order]) != 0) | (np.diff(lo[order]) != 0), True)
    best = order[last]
    columns = (hi[best], lo[best], version[best], tie[best], time[best], row[best])
    connection.execute("DELETE FROM incoming")
    connection.executemany(
        "INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?)", zip(*(column.tolist() for column in columns), strict=True)
    )
    replaced: dict[int, list[int]] = {}
    known = "FROM incoming n JOIN best b ON b.hi = n.hi AND b.lo = n.lo"
    for other, number in connection.execute(f"SELECT b.seq, b.row {known} WHERE {_BETTER}"):
        replaced.setdefault(other, []).append(number)
    counts = np.zeros(table.num_rows, np.bool_)
    counts[best] = True
    for (number,) in connection.execute(f"SELECT n.row {known} WHERE NOT {_BETTER}"):
        counts[number] = False
    connection.execute(
        """INSERT INTO best SELECT hi, lo, version, tie, time, ?, row FROM incoming WHERE true
        ON CONFLICT (hi, lo) DO UPDATE SET version = excluded.version, tie = excluded.tie, time = excluded.time,
        seq = excluded.seq, row = excluded.row
        WHERE excluded.version > version OR (excluded.version = version AND excluded.tie > tie)""",
        (seq,),
    )
    return counts, replaced


def forget(connection: sqlite3.Connection, now_ms: int) -> None:
    """Let go of the keys that the stage lets go of too; of their rows that one goes on counting which does."""
    connection.execute("DELETE FROM best WHERE time < ?", (now_ms - REMEMBERED_MS,))


def _unpacked(data: bytes) -> NDArray[np.bool_]:
    return np.unpackbits(np.frombuffer(data, np.uint8)).astype(np.bool_)


def _packed(bits: NDArray[np.bool_]) -> bytes:
    return np.packbits(bits).tobytes()


# ---------------------------------------------------------------------- reading


def _read(log: EventLog, seq: int, counts: NDArray[np.bool_]) -> Batch:
    entry = next(iter(log.read(seq - 1)), None)
    event = entry.event() if entry is not None else None
    if not isinstance(event, ObservationsReceived):
        raise LogCorrupted(f"entry {seq} is no batch of observations", seq=seq)
    table = from_ipc(event.table)
    return Batch(seq, event.source, event.kind, event.origin, table, counts[: table.num_rows])


def _chosen(batch: Batch, wanted: Wanted) -> NDArray[np.bool_]:
    chosen = np.ones(batch.table.num_rows, np.bool_)
    if wanted.versions == "counting":
        current = np.asarray(batch.table.column("status").cast(pa.string()).to_numpy(zero_copy_only=False))
        chosen &= batch.counts & (current != "retracted")
    time = numpy_of(batch.table, "time")
    if wanted.since_ms is not None:
        chosen &= time >= wanted.since_ms
    if wanted.until_ms is not None:
        chosen &= time <= wanted.until_ms
    if wanted.bbox is not None:
        chosen &= within(wanted.bbox, numpy_of(batch.table, "lon"), numpy_of(batch.table, "lat"))
    return chosen


def within(bbox: Box, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points lie in a box, edges included; without a position: in none.

    >>> within((170.0, -5.0, -170.0, 5.0), np.array([180.0, -180.0, 0.0, np.nan]), np.zeros(4)).tolist()
    [True, True, False, False]
    """
    west, south, east, north = bbox
    side = (lon >= west) | (lon <= east) if west > east else (lon >= west) & (lon <= east)
    return side & (lat >= south) & (lat <= north)


def numpy_of(table: pa.Table, name: str) -> NDArray[Any]:
    """A column of numbers as an array, times as ms."""
    column = table.column(name)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return np.asarray(column.to_numpy())


def _told(batch: Batch, rows: NDArray[np.int64]) -> pa.Table:
    n = len(rows)
    table = batch.table.take(pa.array(rows, pa.int64()))
    about = {"kind": batch.kind, "source": batch.source, "origin": batch.origin}
    columns = [table.column(field.name) for field in PAGE if field.name in batch.table.column_names]
    columns += [pa.array([value] * n, pa.string()) for value in about.values()]
    columns += [pa.array(np.full(n, batch.seq), pa.int64()), pa.array(rows, pa.int64()), pa.array(batch.counts[rows])]
    return pa.table(columns, schema=PAGE)


def _joined(parts: list[pa.Table]) -> pa.Table:
    return pa.concat_tables([PAGE.empty_table(), *parts]).unify_dictionaries().combine_chunks()
