"""Closing the footprints of fires: exact morphology on the grid, only where something changed.

A window round what is new holds one bit for each cell, row by row, in words of 64. Within a group of rows the lattice
is regular, so that a whole row is widened by the disc with shifts; from group to group it goes run by run.
"""

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.fire_tiles import (
    I64,
    N_TILES,
    TILE_COL_BITS,
    TILE_COL_MASK,
    U64,
    Cells,
    Int,
    bit_count,
    find,
    in_tile,
    lowest_bit,
    push,
    tile_at,
    tile_for,
    tile_key_of,
)
from almenara.kernels.grid import COL_BITS, COL_MASK, DISC_ROWS, GROUP, ROWS, Grid, cell_lon
from almenara.kernels.jit import compiled, inlined

#: Tiles that one call of `close` may make in one window (the caller keeps that many free).
WINDOW_TILES = 512
#: Of a fire with no more tiles than these all are looked at; of a larger one those that the window may hold.
_FEW_TILES = 24

Bits = U64  # [row, word]
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)


@compiled
def close(s: Cells, g: Grid, cells: I64, roots: I64, t: Int, start: Int) -> tuple[I64, I64, Int]:
    """Close the footprints round newly hot cells, which are sorted by (root, block of 32 × 32 cells).

    The footprint of a fire is the morphological closing of its hot cells: every cell whose whole disc lies within the
    disc of some hot cell. Returns the cells that joined, their roots, and where to go on when tiles ran short
    (len(cells) when all is done).
    """
    joined = np.empty(256, np.int64)
    joined_roots = np.empty(256, np.int64)
    n = 0
    i = start
    while i < len(cells):
        if len(s.tile_key) - s.counts[N_TILES] < WINDOW_TILES:
            break
        j = i + 1
        while j < len(cells) and roots[j] == roots[i] and block_of(cells[j]) == block_of(cells[i]):
            j += 1
        known = np.int64(-1)
        e = np.int64(-1)
        for c in _close_window(s, g, cells[i:j], roots[i]):
            row = c >> COL_BITS
            col = c & COL_MASK
            if tile_key_of(row, col) != known:
                known = tile_key_of(row, col)
                e = tile_for(s, roots[i], known)
            q = in_tile(row, col)
            s.joined[e] |= ONE << np.uint64(q)
            s.birth[e, q] = t
            s.grown_t[e] = t
            joined, joined_roots = push(joined, joined_roots, n, c, roots[i])
            n += 1
        i = j
    return joined[:n], joined_roots[:n], i


@inlined
def block_of(cell: Int) -> Int:
    return ((cell >> (COL_BITS + 5)) << 13) | ((cell & COL_MASK) >> 5)


@compiled
def _close_window(s: Cells, g: Grid, new: I64, root: Int) -> I64:
    """Cells of one fire that are closed now and were not, among those within two discs of the cells `new` (one block).

    Whatever can change lies within 2 discs of a new cell; to know it, coverage is needed within 3 and heat within 4.
    """
    ra = new[0] >> COL_BITS
    rb = ra
    ca = new[0] & COL_MASK
    cb = ca
    for c in new:
        ra = min(ra, c >> COL_BITS)
        rb = max(rb, c >> COL_BITS)
        ca = min(ca, c & COL_MASK)
        cb = max(cb, c & COL_MASK)
    r0 = max(ra - 4 * DISC_ROWS, 0)
    r1 = min(rb + 4 * DISC_ROWS, ROWS - 1)
    reach = 4.0 * max(g.half_deg[r0, 0], g.half_deg[r1, 0])
    west = cell_lon(g.cols, ra, ca) - reach
    east = cell_lon(g.cols, ra, cb) + reach
    if east - west >= 360.0:  # only within some kilometres of a pole
        west, east = -180.0, 180.0
    base = np.empty(r1 - r0 + 1, np.int64)
    most = 0
    widest: Int = 0
    for k in range(len(base)):
        if k == 0 or (r0 + k) & (GROUP - 1) == 0:
            width = 360.0 / g.cols[(r0 + k) >> 5]
            first = int(np.floor((west + 180.0) / width)) - 1
            most = max(most, int(np.ceil((east + 180.0) / width)) + 1 - first)
        base[k] = first
        widest = max(widest, np.int64(g.half_cols[r0 + k, 0]))
    bits = np.zeros((4, len(base), (most + 63) >> 6), np.uint64)
    _fill(s, g, root, r0, r1, base, most, bits[0], bits[1])
    first = max(ra - 2 * DISC_ROWS, r0) - r0
    last = min(rb + 2 * DISC_ROWS, r1) - r0
    edge = 0.45 * reach  # two discs are half of the margin, and the outermost cell need not be asked
    scratch = np.empty((widest + 1, bits.shape[2]), np.uint64)
    return _closed(g, r0, base, most, bits, scratch, first, last, west + 180.0 + edge, east + 180.0 - edge)


@compiled
def _fill(s: Cells, g: Grid, root: Int, r0: Int, r1: Int, base: I64, most: Int, hot: Bits, done: Bits) -> None:
    """Copy the fire's cells from its tiles into a window."""
    if s.tile_n[root] <= _FEW_TILES:
        e = np.int64(s.tile_head[root])
        while e >= 0:
            row = (s.tile_key[e] >> TILE_COL_BITS) << 3
            if row + 7 >= r0 and row <= r1:
                count = g.cols[row >> 5]
                j = (((s.tile_key[e] & TILE_COL_MASK) << 3) - base[max(row, r0) - r0]) % count
                _place(s.hot[e], s.joined[e], row - r0, j, most, hot, done)
                _place(s.hot[e], s.joined[e], row - r0, j - count, most, hot, done)
            e = np.int64(s.tile_next_in[e])
        return
    for tile_row in range(r0 >> 3, (r1 >> 3) + 1):
        count = g.cols[tile_row >> 2]
        b = base[max(tile_row * 8, r0) - r0]
        c = b
        end = min(b + most - 1, b + count - 1)
        while c <= end:
            m = c % count
            e = tile_at(s, (tile_row << TILE_COL_BITS) | (m >> 3))
            while e >= 0:
                if find(s.parent, s.tile_node[e]) == root:
                    _place(s.hot[e], s.joined[e], tile_row * 8 - r0, c - (m & 7) - b, most, hot, done)
                e = np.int64(s.tile_next_at[e])
            c += min(8 - (m & 7), count - m)


@compiled
def _place(tile_hot: Int, tile_done: Int, row: Int, j: Int, most: Int, hot: Bits, done: Bits) -> None:
    """Copy a tile's bits into a window where it begins at (row, j), either of which may be negative."""
    if j <= -8 or j >= most:
        return
    for k in range(max(-row, 0), min(8, hot.shape[0] - row)):
        shift = np.uint64(k << 3)
        byte_hot = (tile_hot >> shift) & np.uint64(0xFF)
        byte_done = (tile_done >> shift) & np.uint64(0xFF)
        if j < 0:
            hot[row + k, 0] |= byte_hot >> np.uint64(-j)
            done[row + k, 0] |= byte_done >> np.uint64(-j)
            continue
        word = j >> 6
        at = np.uint64(j & 63)
        hot[row + k, word] |= byte_hot << at
        done[row + k, word] |= byte_done << at
        if (j & 63) > 56 and word + 1 < hot.shape[1]:
            hot[row + k, word + 1] |= byte_hot >> (np.uint64(64) - at)
            done[row + k, word + 1] |= byte_done >> (np.uint64(64) - at)


@compiled
def _closed(
    g: Grid,
    r0: Int,
    base: I64,
    most: Int,
    bits: U64,
    scratch: Bits,
    first: Int,
    last: Int,
    inner_west: float,
    inner_east: float,
) -> I64:
    """Dilate the hot cells of a window by the disc, erode what is covered, and return what was not done.

    Only rows first…last and longitudes (from −180) inner_west…inner_east are asked for: beyond, the window knows too
    little. `bits`: what is hot, what is done, and room for what is covered and what is barred.
    """
    hot, done, covered, barred = bits[0], bits[1], bits[2], bits[3]
    rows, words = hot.shape
    top, bottom, west, east = rows, -1, 1e9, -1e9  # box of the hot cells: the closing stays in it
    for r in range(rows):
        j0, j1 = _ends(hot[r])
        if j1 >= 0:
            width = 360.0 / g.cols[(r0 + r) >> 5]
            top = min(top, r)
            bottom = max(bottom, r)
            west = min(west, (base[r] + j0) * width)
            east = max(east, (base[r] + j1 + 1) * width)
    west = max(west, inner_west)
    east = min(east, inner_east)
    first = max(first, top - 1)
    last = min(last, bottom + 1)
    out = np.empty(64, np.int64)
    wanted = np.zeros(rows, np.bool_)
    wanted[max(first - DISC_ROWS, 0) : last + DISC_ROWS + 1] = True
    for r in range(max(first - 2 * DISC_ROWS, top), min(last + 2 * DISC_ROWS, bottom) + 1):
        _spread(g, r0, base, most, r, hot[r], covered, wanted, scratch)
    wanted[:] = False
    some = False
    for r in range(first, last + 1):
        width = 360.0 / g.cols[(r0 + r) >> 5]
        j0 = max(int(np.floor(west / width)) - 1 - base[r], 0)
        j1 = min(int(np.ceil(east / width)) - base[r], most - 1)
        for w in range(words):
            done[r, w] = covered[r, w] & ~done[r, w] & _range_mask(w, j0, j1)  # from here on: what may be closed
            wanted[r] |= done[r, w] != 0
        some |= wanted[r]
    if not some:
        return out[:0]
    line = np.empty(words, np.uint64)
    for r in range(max(first - DISC_ROWS, 0), min(last + DISC_ROWS, rows - 1) + 1):
        for w in range(words):
            line[w] = ~covered[r, w] & _range_mask(w, 0, most - 1)
        _spread(g, r0, base, most, r, line, barred, wanted, scratch)
    n = 0
    for r in range(first, last + 1):
        count = g.cols[(r0 + r) >> 5]
        for w in range(words):
            found = done[r, w] & ~barred[r, w]
            while found:
                if n == len(out):
                    more = np.empty(2 * n, np.int64)
                    more[:n] = out
                    out = more
                j = (w << 6) + lowest_bit(found)
                found &= found - ONE
                out[n] = (np.int64(r0 + r) << COL_BITS) | ((base[r] + j) % count)
                n += 1
    return out[:n]


@compiled
def _spread(
    g: Grid,
    r0: Int,
    base: I64,
    most: Int,
    r: Int,
    line: U64,
    target: Bits,
    wanted: NDArray[np.bool_],
    scratch: Bits,
) -> None:
    """Add the discs of one row's cells to the wanted rows of `target`. `scratch` holds the row widened k times."""
    words = len(line)
    some = np.uint64(0)
    for w in range(words):
        scratch[0, w] = line[w]
        some |= line[w]
    if not some:
        return
    have = 0
    for r2 in range(max(r - DISC_ROWS, 0), min(r + DISC_ROWS, len(base) - 1) + 1):
        if not wanted[r2]:
            continue
        a = r0 + min(r, r2)
        k = abs(r2 - r)
        if (r0 + r) >> 5 == (r0 + r2) >> 5:
            by = g.half_cols[a, k]
            while have < by:
                _widen(scratch[have], scratch[have + 1])
                have += 1
            for w in range(words):
                target[r2, w] |= scratch[by, w]
        else:
            _spread_runs(g, r0, base, most, r, r2, line, target[r2], g.half_deg[a, k])


@compiled
def _spread_runs(
    g: Grid, r0: Int, base: I64, most: Int, r: Int, r2: Int, line: U64, target: U64, half_deg: float
) -> None:
    """The same from one row to a row of another group, whose columns are shifted."""
    width = 360.0 / g.cols[(r0 + r) >> 5]
    a_degree = g.cols[(r0 + r2) >> 5] / 360.0  # columns
    j = _next(line, 0, np.uint64(0))
    while j < most:
        end = _next(line, j, ALL)
        lo: Int = int(np.ceil(((base[r] + j + 0.5) * width - half_deg) * a_degree - 0.5)) - base[r2]
        hi: Int = int(np.floor(((base[r] + end - 0.5) * width + half_deg) * a_degree - 0.5)) - base[r2]
        lo = max(lo, 0)
        hi = min(hi, most - 1)
        for w in range(lo >> 6, (hi >> 6) + 1):
            target[w] |= _range_mask(w, lo, hi)
        j = _next(line, end, np.uint64(0))


@compiled
def _next(line: U64, j: Int, flip: Int) -> Int:
    """The first place from j on whose bit is set (flip 0) or not (flip ALL); the row's end when there is none."""
    w = j >> 6
    if w >= len(line):
        return len(line) << 6
    word = (line[w] ^ flip) & (ALL << np.uint64(j & 63))
    while not word:
        w += 1
        if w == len(line):
            return len(line) << 6
        word = line[w] ^ flip
    return (w << 6) + lowest_bit(word)


@compiled
def _widen(line: U64, out: U64) -> None:
    """A row and its neighbours on both sides."""
    last = len(line) - 1
    for w in range(len(line)):
        out[w] = line[w] | (line[w] << ONE) | (line[w] >> ONE)
        if w > 0:
            out[w] |= line[w - 1] >> np.uint64(63)
        if w < last:
            out[w] |= line[w + 1] << np.uint64(63)


@compiled
def _range_mask(w: Int, lo: Int, hi: Int) -> Int:
    """The bits of word w that lie in lo…hi."""
    a = max(lo - (w << 6), 0)
    b = min(hi - (w << 6), 63)
    if a > b:
        return np.uint64(0)
    return (ALL >> np.uint64(63 - b)) & (ALL << np.uint64(a))


@compiled
def _ends(line: U64) -> tuple[Int, Int]:
    """The first and the last bit set in a row; −1 and −1 when there is none."""
    first = -1
    last = -1
    for w in range(len(line)):
        x = line[w]
        if x:
            if first < 0:
                first = (w << 6) + lowest_bit(x)
            for k in (1, 2, 4, 8, 16, 32):
                x |= x >> np.uint64(k)
            last = (w << 6) + bit_count(x) - 1
    return first, last


assert GROUP == 32, "tile rows and blocks divide a group"
