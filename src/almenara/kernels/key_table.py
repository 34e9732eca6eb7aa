"""Which version of each observation counts: a hash of 128-bit keys to the best version seen."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.jit import compiled, inlined, read_only

NEW, NEWER, OLDER, SAME = 0, 1, 2, 3  # verdicts of `judge`

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

#: A table made anew has room for a quarter more than it needs: growing costs a constant for each key.
_SPARE = 1.25


class KeyTable(NamedTuple):
    """The keys in order of arrival, 44 bytes each, and an open-addressing hash of their places, at most half full."""

    slots: NDArray[np.int32]  # place of a key in the columns; −1: free
    held: I64  # one number: how many keys there are
    hi: U64
    lo: U64
    version: I64
    tie: U64  # fingerprint of the row's values: decides between equal versions, so that arrival order never does
    time: I64  # of the observation, so that old keys can be let go
    row: NDArray[np.int32]  # within the batch being judged; −1 otherwise


#: What is to be kept of a key.
COLUMNS = ("hi", "lo", "version", "tie", "time")


def empty_table(room: int = 512) -> KeyTable:
    """A table with room for so many keys."""
    return KeyTable(
        np.full(1 << max(2 * room - 1, 1).bit_length(), -1, np.int32),
        np.zeros(1, np.int64),
        np.zeros(room, np.uint64),
        np.zeros(room, np.uint64),
        np.zeros(room, np.int64),
        np.zeros(room, np.uint64),
        np.zeros(room, np.int64),
        np.full(room, -1, np.int32),
    )


def with_room(table: KeyTable, more: int, *, since: int) -> KeyTable:
    """The table with room for `more` keys beside those it holds.

    Keys of observations older than `since` are let go whenever the table has to be made anew.
    """
    count = int(table.held[0])
    if count + more <= len(table.hi):
        return table
    keep = np.flatnonzero(table.time[:count] >= since)
    bigger = empty_table(int(_SPARE * (len(keep) + more)))
    for name in COLUMNS:
        getattr(bigger, name)[: len(keep)] = getattr(table, name)[keep]
    bigger.held[0] = len(keep)
    _place_all(bigger)
    return bigger


def keys_of(table: KeyTable) -> dict[str, NDArray[Any]]:
    """The columns of all keys that the table holds."""
    return {name: getattr(table, name)[: int(table.held[0])] for name in COLUMNS}


@inlined
def _slot(table: KeyTable, hi: Any, lo: Any) -> Any:
    mask = len(table.slots) - 1
    h = (hi ^ (lo * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xD6E8FEB86659FD93)
    i = np.int64(h >> np.uint64(24)) & mask
    while table.slots[i] >= 0:
        k = table.slots[i]
        if table.hi[k] == hi and table.lo[k] == lo:
            break
        i = (i + 1) & mask
    return i


@compiled
def _place_all(table: KeyTable) -> None:
    for k in range(table.held[0]):
        table.slots[_slot(table, table.hi[k], table.lo[k])] = k


def rows_with(hi: U64, lo: U64, wanted_hi: U64, wanted_lo: U64) -> I64:
    """Rows that have one of the wanted keys; a few nanoseconds for each row.

    >>> key = np.array([5, 6, 7, 6], np.uint64)
    >>> rows_with(key, key, key[1:2], key[1:2]).tolist()
    [1, 3]
    """
    table = empty_table(max(len(wanted_hi), 1))
    table.hi[: len(wanted_hi)], table.lo[: len(wanted_lo)] = wanted_hi, wanted_lo
    table.held[0] = len(wanted_hi)
    _place_all(table)
    return np.flatnonzero(_among(table, read_only(hi), read_only(lo)))


@compiled
def _among(table: KeyTable, hi: U64, lo: U64) -> NDArray[np.bool_]:
    found = np.empty(len(hi), np.bool_)
    for k in range(len(hi)):
        found[k] = table.slots[_slot(table, hi[k], lo[k])] >= 0
    return found


def judge(table: KeyTable, hi: U64, lo: U64, version: I64, tie: U64, time: I64) -> NDArray[np.int8]:
    """For each row: NEW key, NEWER than the row that counted before, OLDER, or the SAME; the table learns.

    A row that a later one of the same batch outdoes is OLDER; the later one then bears the verdict against the table
    as it was before the batch. Room for all rows must be there.
    """
    return _judge(table, *(read_only(column) for column in (hi, lo, version, tie, time)))


@compiled
def _judge(table: KeyTable, hi: U64, lo: U64, version: I64, tie: U64, time: I64) -> NDArray[np.int8]:
    verdicts = np.empty(len(hi), np.int8)
    places = np.empty(len(hi), np.int32)
    for k in range(len(hi)):
        i = _slot(table, hi[k], lo[k])
        place = table.slots[i]
        if place < 0:
            verdicts[k] = NEW
            place = np.int32(table.held[0])
            table.held[0] += 1
            table.slots[i] = place
            table.hi[place] = hi[k]
            table.lo[place] = lo[k]
        elif version[k] > table.version[place] or (version[k] == table.version[place] and tie[k] > table.tie[place]):
            verdicts[k] = NEWER
            before = table.row[place]
            if before >= 0:
                verdicts[k] = verdicts[before]
                verdicts[before] = OLDER
        else:
            same = version[k] == table.version[place] and tie[k] == table.tie[place]
            verdicts[k] = SAME if same else OLDER
            places[k] = place
            continue
        table.version[place] = version[k]
        table.tie[place] = tie[k]
        table.time[place] = time[k]
        table.row[place] = k
        places[k] = place
    for k in range(len(hi)):
        table.row[places[k]] = -1
    return verdicts
