"""Closing the footprints of fires: exact morphology on the grid, only where something changed."""

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.fire_tiles import (
    F64,
    I32,
    I64,
    N_TILES,
    NEVER,
    TILE,
    TILE_COL_BITS,
    Cells,
    Int,
    find,
    in_tile,
    push,
    tile_at,
    tile_for,
    tile_key_of,
)
from almenara.kernels.grid import COL_BITS, COL_MASK, DISC_ROWS, GROUP, ROWS, cell_lon
from almenara.kernels.jit import compiled, inlined

#: Tiles that one call of `close` may make in one window (the caller keeps that many free).
WINDOW_TILES = 512


@compiled
def close(s: Cells, cols: I64, half: F64, cells: I64, roots: I64, t: Int, start: Int) -> tuple[I64, I64, Int]:
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
        while j < len(cells) and roots[j] == roots[i] and _block(cells[j]) == _block(cells[i]):
            j += 1
        found = _close_window(s, cols, half, cells[i:j], roots[i])
        for c in found:
            row = c >> COL_BITS
            col = c & COL_MASK
            s.birth[tile_for(s, roots[i], tile_key_of(row, col)), in_tile(row, col)] = t
            joined, joined_roots = push(joined, joined_roots, n, c, roots[i])
            n += 1
        i = j
    return joined[:n], joined_roots[:n], i


@inlined
def _block(cell: Int) -> Int:
    return ((cell >> (COL_BITS + 5)) << 13) | ((cell & COL_MASK) >> 5)


@compiled
def order_by_block(cells: I64, roots: I64) -> I64:
    """Order of cells by root and block, as `close` wants them."""
    keys = np.empty(len(cells), np.int64)
    for k in range(len(cells)):
        keys[k] = (roots[k] << 26) | _block(cells[k])
    return np.argsort(keys)


@compiled
def _close_window(s: Cells, cols: I64, half: F64, new: I64, root: Int) -> I64:
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
    reach = 4.0 * max(half[r0, 0], half[r1, 0])
    west = cell_lon(cols, ra, ca) - reach
    east = cell_lon(cols, ra, cb) + reach
    if east - west >= 360.0:  # only within some kilometres of a pole
        west, east = -180.0, 180.0
    rows = r1 - r0 + 1
    width = np.empty(rows)
    base = np.empty(rows, np.int64)
    most = 0
    for r in range(rows):
        width[r] = 360.0 / cols[(r0 + r) >> 5]
        base[r] = int(np.floor((west + 180.0) / width[r])) - 1
        most = max(most, int(np.ceil((east + 180.0) / width[r])) + 1 - base[r])
    hot = np.zeros((rows, most), np.uint8)
    done = np.zeros((rows, most), np.uint8)
    _fill(s, cols, root, r0, r1, base, most, hot, done)
    first = max(ra - 2 * DISC_ROWS, r0)
    last = min(rb + 2 * DISC_ROWS, r1)
    edge = 0.45 * reach  # two discs are half of the margin, and the outermost cell need not be asked
    return _erode(cols, half, r0, width, base, hot, done, first, last, west + 180.0 + edge, east + 180.0 - edge)


@compiled
def _fill(
    s: Cells,
    cols: I64,
    root: Int,
    r0: Int,
    r1: Int,
    base: I64,
    most: Int,
    hot: NDArray[np.uint8],
    done: NDArray[np.uint8],
) -> None:
    """Copy the fire's cells from its tiles into a window."""
    for tile_row in range(r0 >> 3, (r1 >> 3) + 1):
        count = cols[tile_row >> 2]
        b = base[max(tile_row * 8, r0) - r0]
        c = b
        end = min(b + most - 1, b + count - 1)
        while c <= end:
            m = c % count
            e = tile_at(s, (tile_row << TILE_COL_BITS) | (m >> 3))
            while e >= 0:
                if find(s.parent, s.tile_node[e]) == root:
                    for q in range(TILE):
                        r = tile_row * 8 + (q >> 3) - r0
                        j = c - (m & 7) + (q & 7) - b
                        if 0 <= r < len(base) and 0 <= j < most:
                            if s.hot[e, q] != NEVER:
                                hot[r, j] = 1
                            if s.birth[e, q] != NEVER:
                                done[r, j] = 1
                e = s.tile_next_at[e]
            c += min(8 - (m & 7), count - m)


@compiled
def _erode(
    cols: I64,
    half: F64,
    r0: Int,
    width: F64,
    base: I64,
    hot: NDArray[np.uint8],
    done: NDArray[np.uint8],
    ra: Int,
    rb: Int,
    inner_west: float,
    inner_east: float,
) -> I64:
    """Dilate the hot cells of a window by the disc, erode what is covered, and return what was not `done`.

    Only rows ra…rb and longitudes (from −180) inner_west…inner_east are asked for: beyond, the window knows too little.
    """
    rows, most = hot.shape
    top, bottom, west, east = rows, -1, 1e9, -1e9  # box of the hot cells: the closing stays in it
    bare = np.ones((rows, most + 1), np.int32)  # uncovered cells, then their running sum along the row
    for r in range(rows):
        j = 0
        while j < most:
            if hot[r, j] == 0:
                j += 1
                continue
            end = j
            while end + 1 < most and hot[r, end + 1] != 0:
                end += 1
            top = min(top, r)
            bottom = max(bottom, r)
            west = min(west, (base[r] + j) * width[r])
            east = max(east, (base[r] + end + 1) * width[r])
            for r2 in range(max(r - DISC_ROWS, 0), min(r + DISC_ROWS, rows - 1) + 1):
                h = half[r0 + min(r, r2), abs(r2 - r)]
                lo = int(np.ceil(((base[r] + j + 0.5) * width[r] - h) / width[r2] - 0.5)) - base[r2]
                hi = int(np.floor(((base[r] + end + 0.5) * width[r] + h) / width[r2] - 0.5)) - base[r2]
                for k in range(max(lo, 0), min(hi, most - 1) + 1):
                    bare[r2, k] = 0
            j = end + 1
    for r in range(rows):
        total = 0
        for k in range(most + 1):
            v = bare[r, k]
            bare[r, k] = total
            total += v
    west = max(west, inner_west)
    east = min(east, inner_east)
    out = np.empty(64, np.int64)
    n = 0
    for r in range(max(ra - r0, top - 1), min(rb - r0, bottom + 1) + 1):
        j0 = max(int(np.floor(west / width[r])) - 1 - base[r], 0)
        j1 = min(int(np.ceil(east / width[r])) - base[r], most - 1)
        for j in range(j0, j1 + 1):
            if done[r, j] == 0 and _is_closed(half, r0, r, j, width, base, bare):
                if n == len(out):
                    more = np.empty(2 * n, np.int64)
                    more[:n] = out
                    out = more
                count = cols[(r0 + r) >> 5]
                out[n] = (np.int64(r0 + r) << COL_BITS) | ((base[r] + j) % count)
                n += 1
    return out[:n]


@compiled
def _is_closed(half: F64, r0: Int, r: Int, j: Int, width: F64, base: I64, bare: I32) -> bool:
    rows = bare.shape[0]
    most = bare.shape[1] - 1
    x = (base[r] + j + 0.5) * width[r]
    for k in range(2 * DISC_ROWS + 1):
        r2 = r + ((k + 1) >> 1) * (1 if k & 1 else -1)  # from the middle row outwards
        if r2 < 0 or r2 >= rows:
            continue
        h = half[r0 + min(r, r2), abs(r2 - r)]
        lo = max(int(np.ceil((x - h) / width[r2] - 0.5)) - base[r2], 0)
        hi = min(int(np.floor((x + h) / width[r2] - 0.5)) - base[r2], most - 1)
        if bare[r2, hi + 1] - bare[r2, lo] > 0:
            return False
    return True


assert GROUP == 32, "tile rows and blocks divide a group"
