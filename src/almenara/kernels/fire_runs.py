"""Footprints of fires as they stand or stood: cells side by side in a row, from the bits of tiles."""

import numpy as np

from almenara.kernels.fire_tiles import (
    I32,
    I64,
    NEVER,
    TILE,
    TILE_COL_BITS,
    TILE_COL_MASK,
    U64,
    Cells,
    Int,
    bit_count,
    lowest_bit,
)
from almenara.kernels.grid import COL_BITS
from almenara.kernels.jit import compiled

_FIRST_COLUMN = np.uint64(0x0101010101010101)
_ONE = np.uint64(1)
_KEY_BITS = 29  # of a tile's position
_MINUTE_BITS = 26  # beside a cell number of 35 bits: minutes until the year 2097


def runs_of(owner: I64, key: I64, bits: U64) -> tuple[I64, I64, I64, I64]:
    """The cells of tiles as runs: (owner, row, first column, last column), sorted, none touching the next.

    A tile is its owner, its position and the bits of its cells; several at one position are laid over each other.
    """
    order = np.argsort((owner << _KEY_BITS) | key)
    return _runs(owner[order], key[order], bits[order])


@compiled
def _runs(owner: I64, key: I64, bits: U64) -> tuple[I64, I64, I64, I64]:
    n = 0
    most = 0
    for i in range(len(key)):
        if n > 0 and owner[i] == owner[n - 1] and key[i] == key[n - 1]:
            bits[n - 1] |= bits[i]
        else:
            owner[n], key[n], bits[n] = owner[i], key[i], bits[i]
            n += 1
    for i in range(n):
        most += bit_count(bits[i] & ~((bits[i] & ~(_FIRST_COLUMN << np.uint64(7))) << _ONE))
    of = np.empty(most, np.int64)
    row = np.empty(most, np.int64)
    first = np.empty(most, np.int64)
    last = np.empty(most, np.int64)
    m = 0
    i = 0
    while i < n:
        j = i + 1
        while j < n and owner[j] == owner[i] and key[j] >> TILE_COL_BITS == key[i] >> TILE_COL_BITS:
            j += 1
        for k in range(8):
            before = np.int64(-2)
            for e in range(i, j):
                byte = (bits[e] >> np.uint64(k << 3)) & np.uint64(0xFF)
                col = (key[e] & TILE_COL_MASK) << 3
                while byte:
                    q = lowest_bit(byte)
                    wide = lowest_bit(~(byte >> np.uint64(q)))
                    byte &= ~(((_ONE << np.uint64(wide)) - _ONE) << np.uint64(q))
                    if col + q != before + 1:
                        of[m] = owner[i]
                        row[m] = ((key[i] >> TILE_COL_BITS) << 3) + k
                        first[m] = col + q
                        m += 1
                    before = col + q + wide - 1
                    last[m - 1] = before
        i = j
    return of[:m], row[:m], first[:m], last[:m]


@compiled
def bits_at(s: Cells, tiles: I64, fire: Int, at: Int) -> U64:
    """The cells of tiles that had joined the footprint of `fire` by the minute `at`, other fires' left out.

    A cell belongs to the fire that its tile's fire was part of in that minute.
    """
    out = np.zeros(len(tiles), np.uint64)
    for i in range(len(tiles)):
        if holder_at(s.merged_t, s.merged_into, s.tile_node[tiles[i]], at) != fire:
            continue
        for q in range(TILE):
            if s.birth[tiles[i], q] <= at:
                out[i] |= _ONE << np.uint64(q)
    return out


@compiled
def holder_at(merged_t: I32, merged_into: I32, node: Int, at: Int) -> Int:
    """The fire that a node was part of in a minute."""
    while merged_t[node] <= at and merged_t[node] != NEVER:
        node = merged_into[node]
    return node


def cells_with_births(fire: I64, tile_key: I64, births: I32) -> tuple[I64, I64, I32]:
    """The cells of tiles, each a fire, a position and 64 minutes: (fire, cell, minute), sorted by fire and cell.

    A cell that a fire holds twice, through merging, counts from the earlier minute.
    """
    at, q = np.nonzero(births != NEVER)
    fire, key = fire[at], tile_key[at]
    row, col = ((key >> TILE_COL_BITS) << 3) + (q >> 3), ((key & TILE_COL_MASK) << 3) + (q & 7)
    packed = (((row << COL_BITS) | col) << _MINUTE_BITS) | births[at, q]
    if len(fire) and fire[0] == fire[-1] and np.all(fire == fire[0]):
        packed.sort()  # of one fire, as a warning asks: much the quicker way
    else:
        order = np.lexsort((packed, fire))
        fire, packed = fire[order], packed[order]
    cell = packed >> _MINUTE_BITS
    first = np.ones(len(fire), bool)
    first[1:] = (np.diff(fire) != 0) | (np.diff(cell) != 0)
    return fire[first], cell[first], (packed[first] & ((1 << _MINUTE_BITS) - 1)).astype(np.int32)


def mergers_of(s: Cells, kin: I64, fire: int) -> list[tuple[int, int, int]]:
    """(absorbed, by, minute) for all among a fire's kin that it took in, directly or through others."""
    gone = kin[s.merged_t[kin] != NEVER]
    into = {n: int(holder_at(s.merged_t, s.merged_into, n, int(s.merged_t[n]))) for n in gone.tolist()}
    found = []
    for n, by in into.items():
        at = n
        while at != fire and at in into:
            at = into[at]
        if at == fire:
            found.append((n, by, int(s.merged_t[n])))
    return found
