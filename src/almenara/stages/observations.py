"""Which observations count: one row for each key, the highest version, whatever the order of arrival."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from almenara.kernels.key_table import (
    COLUMNS,
    NEW,
    NEWER,
    OLDER,
    SAME,
    KeyTable,
    empty_table,
    judge,
    keys_of,
    with_room,
)

#: A detection or event that was acquired this long before the newest one is kept but no longer followed, unless the run
#: says otherwise of its kind: longer than FIRMS takes to reissue NRT as SP (2–3 months).
LATE_MAX_MS = 100 * 86_400_000
#: Keys are remembered for so much longer than late rows are followed: what comes later counts for no hazard, known or
#: not.
REMEMBERED_BEYOND_MS = 10 * 86_400_000
REMEMBERED_MS = LATE_MAX_MS + REMEMBERED_BEYOND_MS


@dataclass(slots=True)
class Counts:
    """What became of the rows that a source delivered. read = accepted + superseded + rejected, always."""

    read: int = 0
    accepted: int = 0  # rows that count now
    superseded_by_newer: int = 0  # counted once, until a higher version came
    superseded_on_arrival: int = 0  # a higher version was there already
    duplicates: int = 0  # the very same row again
    rejected: dict[str, int] = field(default_factory=dict)  # reason → rows

    @property
    def superseded(self) -> int:
        """Rows that do not count because another row of the same observation does."""
        return self.superseded_by_newer + self.superseded_on_arrival + self.duplicates


@dataclass(slots=True)
class State:
    """The keys seen and the running counts."""

    tables: dict[str, KeyTable] = field(default_factory=dict)  # by kind of observation
    remembered_ms: dict[str, int] = field(default_factory=dict)  # by kind, where it is not REMEMBERED_MS
    newest_ms: int = 0
    now_ms: int = 0  # of the last step; 0 while a replay still reads its files, so that nothing is forgotten there
    counts: dict[str, Counts] = field(default_factory=dict)  # by source

    @property
    def keys(self) -> int:
        """How many are remembered."""
        return sum(int(table.held[0]) for table in self.tables.values())


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows of a batch that count now, and the keys among them whose earlier version no longer does."""

    table: pa.Table
    replaced_hi: NDArray[np.uint64]
    replaced_lo: NDArray[np.uint64]


def receive(state: State, source: str, kind: str, batch: pa.Table) -> Counted:
    """Judge a batch of `model.observations.OBSERVATIONS` of one kind; the state learns its keys and counts."""
    counts = state.counts.setdefault(source, Counts())
    n = batch.num_rows
    counts.read += n
    if n == 0:
        return Counted(batch, np.empty(0, np.uint64), np.empty(0, np.uint64))
    hi, lo = _numpy(batch, "key_hi"), _numpy(batch, "key_lo")
    time = _numpy(batch, "time").astype(np.int64)
    state.newest_ms = max(state.newest_ms, int(time.max()))
    since = min(state.newest_ms, state.now_ms) - state.remembered_ms.get(kind, REMEMBERED_MS)
    table = state.tables[kind] = with_room(state.tables.get(kind) or empty_table(), n, since=since)
    verdicts = judge(table, hi, lo, _numpy(batch, "version"), fingerprints(batch), time)
    new, newer = verdicts == NEW, verdicts == NEWER
    counts.accepted += int(new.sum())  # a newer version takes the place of the row that counted before
    counts.superseded_by_newer += int(newer.sum())
    counts.superseded_on_arrival += int((verdicts == OLDER).sum())
    counts.duplicates += int((verdicts == SAME).sum())
    return Counted(batch.filter(pa.array(new | newer)), hi[newer], lo[newer])


def reject(state: State, source: str, reasons: dict[str, int]) -> None:
    """Count rows that could not be used."""
    counts = state.counts.setdefault(source, Counts())
    for reason, rows in sorted(reasons.items()):
        counts.read += rows
        counts.rejected[reason] = counts.rejected.get(reason, 0) + rows


def _numpy(batch: pa.Table, name: str) -> NDArray[Any]:
    column = batch.column(name)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return np.asarray(column.to_numpy())


def fingerprints(batch: pa.Table) -> NDArray[np.uint64]:
    """One number for all of a row that a reissue can change."""
    out = np.full(batch.num_rows, 0xCBF29CE484222325, np.uint64)
    for name in ("time", "value", "confidence", "heat_class", "across_m", "along_m", "depth_km", "lon", "lat"):
        out = _mix(out, _numpy(batch, name).astype(np.float64).view(np.uint64))
    texts = dict.fromkeys(("platform", "instrument", "status", "reference", "label"), pa.string())
    messages = dict.fromkeys(("footprint", "message"), pa.binary()) if "message" in batch.column_names else {}
    for name, kind in (texts | messages).items():
        column = batch.column(name).cast(kind).combine_chunks().dictionary_encode(null_encoding="encode")
        words = [
            int.from_bytes(hashlib.blake2b(repr(word).encode(), digest_size=8).digest(), "big")
            for word in column.dictionary.to_pylist()
        ]
        out = _mix(out, np.array(words, np.uint64)[column.indices.to_numpy()])
    return out


def _mix(out: NDArray[np.uint64], bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    out = (out ^ bits) * np.uint64(0x100000001B3)
    return out ^ (out >> np.uint64(29))


def to_parts(state: State) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and plain values for a snapshot."""
    counts = {
        source: [c.read, c.accepted, c.superseded_by_newer, c.superseded_on_arrival, c.duplicates, c.rejected]
        for source, c in state.counts.items()
    }
    keys = {f"{kind}/{name}": a for kind, table in state.tables.items() for name, a in keys_of(table).items()}
    return keys, {
        "newest_ms": state.newest_ms,
        "now_ms": state.now_ms,
        "counts": counts,
        "remembered_ms": state.remembered_ms,
    }


def from_parts(arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> State:
    """The state that `to_parts` took apart."""
    state = State(newest_ms=values["newest_ms"], now_ms=values["now_ms"])
    state.remembered_ms = values["remembered_ms"]
    for kind in dict.fromkeys(name.partition("/")[0] for name in arrays):
        columns = [arrays[f"{kind}/{name}"] for name in COLUMNS]
        state.tables[kind] = with_room(empty_table(), len(columns[0]), since=0)
        judge(state.tables[kind], *columns)
    state.counts = {source: Counts(*row) for source, row in values["counts"].items()}
    return state
