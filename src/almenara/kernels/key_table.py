"""Which version of each observation counts: a hash of 128-bit keys to the best version seen."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.jit import compiled, inlined

NEW, NEWER, OLDER, SAME = 0, 1, 2, 3  # verdicts of `judge`

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]


class KeyTable(NamedTuple):
    """Open addressing, at most half full."""

    hi: U64
    lo: U64
    version: I64
    tie: U64  # fingerprint of the row's values: decides between equal versions, so that arrival order never does
    time: I64  # of the observation, so that old keys can be let go
    row: I64  # within the batch being judged; −1 otherwise
    used: NDArray[np.bool_]


def empty_table(slots: int = 1024) -> KeyTable:
    """A table with room for `slots` / 2 keys (a power of two)."""
    return KeyTable(
        np.zeros(slots, np.uint64),
        np.zeros(slots, np.uint64),
        np.zeros(slots, np.int64),
        np.zeros(slots, np.uint64),
        np.zeros(slots, np.int64),
        np.full(slots, -1, np.int64),
        np.zeros(slots, np.bool_),
    )


def with_room(table: KeyTable, count: int, more: int, *, since: int) -> tuple[KeyTable, int]:
    """The table with room for `more` keys beside the `count` it holds, and its count.

    Keys of observations older than `since` are let go whenever the table has to be made anew.
    """
    if 2 * (count + more) <= len(table.used):
        return table, count
    keep = np.flatnonzero(table.used & (table.time >= since))
    bigger = empty_table(1 << int(4 * (len(keep) + more)).bit_length())
    _insert_all(bigger, table.hi[keep], table.lo[keep], table.version[keep], table.tie[keep], table.time[keep])
    return bigger, len(keep)


@inlined
def _slot(table: KeyTable, hi: Any, lo: Any) -> Any:
    mask = len(table.used) - 1
    h = (hi ^ (lo * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xD6E8FEB86659FD93)
    i = np.int64(h >> np.uint64(24)) & mask
    while table.used[i] and not (table.hi[i] == hi and table.lo[i] == lo):
        i = (i + 1) & mask
    return i


@compiled
def _insert_all(table: KeyTable, hi: U64, lo: U64, version: I64, tie: U64, time: I64) -> None:
    for k in range(len(hi)):
        i = _slot(table, hi[k], lo[k])
        table.used[i] = True
        table.hi[i] = hi[k]
        table.lo[i] = lo[k]
        table.version[i] = version[k]
        table.tie[i] = tie[k]
        table.time[i] = time[k]


@compiled
def judge(table: KeyTable, hi: U64, lo: U64, version: I64, tie: U64, time: I64) -> NDArray[np.int8]:
    """For each row: NEW key, NEWER than the row that counted before, OLDER, or the SAME; the table learns.

    A row that a later one of the same batch outdoes is OLDER; the later one then bears the verdict against the table
    as it was before the batch. Room for all rows must be there.
    """
    verdicts = np.empty(len(hi), np.int8)
    for k in range(len(hi)):
        i = _slot(table, hi[k], lo[k])
        if not table.used[i]:
            verdicts[k] = NEW
        elif version[k] > table.version[i] or (version[k] == table.version[i] and tie[k] > table.tie[i]):
            verdicts[k] = NEWER
            before = table.row[i]
            if before >= 0:
                verdicts[k] = verdicts[before]
                verdicts[before] = OLDER
        else:
            same = version[k] == table.version[i] and tie[k] == table.tie[i]
            verdicts[k] = SAME if same else OLDER
            continue
        table.used[i] = True
        table.hi[i] = hi[k]
        table.lo[i] = lo[k]
        table.version[i] = version[k]
        table.tie[i] = tie[k]
        table.time[i] = time[k]
        table.row[i] = k
    for k in range(len(hi)):
        i = _slot(table, hi[k], lo[k])
        table.row[i] = -1
    return verdicts
