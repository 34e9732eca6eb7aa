"""Fires as what lies round them sees them: their tiles, how far they advanced of late, and boxes of tiles.

Nothing here goes through all cells of a fire: what it grew to earlier costs some nanoseconds for each of its tiles.
Distances are those of `advance.beyond_m`.
"""

import math

import numpy as np

from almenara.kernels.fire_tiles import (
    F64,
    I64,
    TILE,
    TILE_COL_BITS,
    TILE_COL_MASK,
    U64,
    Cells,
    Int,
    bit_count,
    cell_in,
    lowest_bit,
)
from almenara.kernels.grid import A_M, COL_BITS, COL_MASK, E2, ROW_DEG, boxes_of, cell_lon, grid
from almenara.kernels.jit import compiled

#: The share of newly joined cells that an advance leaves inside: a single far pixel does not make the pace of a fire.
ADVANCE_SHARE = 0.9

_ONE = np.uint64(1)


def fronts_of(s: Cells, fires: I64, since: I64) -> tuple[I64, I64, U64, F64]:
    """Tiles of n fires that go on, and how far each advanced since a minute of its own, metres.

    Fire k has the tiles `starts[k]:starts[k + 1]`, each a position and the bits of its cells, sorted by position. An
    advance is the distance within which 90 % of the cells lie that joined after the minute, from the footprint as of
    it: 0 where nothing joined, NaN where there was no footprint yet.
    """
    starts, key, bits, advance_m = _fronts(grid().cols, s, fires, since)
    return starts, key[: starts[-1]], bits[: starts[-1]], advance_m


def tile_boxes(key: I64, bits: U64) -> tuple[F64, ...]:
    """West, south, east and north (degrees) of the cells in each of n tiles.

    >>> west, south, east, north = tile_boxes(np.array([6250 << 15 | 11250]), np.array([0x0101], np.uint64))
    >>> round(float((north - south)[0] / ROW_DEG), 6)
    2.0
    """
    octets = bits.astype("<u8").view(np.uint8).reshape(-1, 8)  # a row of cells each
    columns = np.bitwise_or.reduce(octets, axis=1)
    rows = np.packbits(octets != 0, axis=1, bitorder="little")[:, 0]
    first, last = (_LOWEST[rows] << 3) | _LOWEST[columns], (_HIGHEST[rows] << 3) | _HIGHEST[columns]
    west, south, _, _ = boxes_of(_cells_at(key, first))
    _, _, east, north = boxes_of(_cells_at(key, last))
    return west, south, east, north


def rim_cells(key: I64, bits: U64) -> tuple[I64, I64]:
    """The cells of tiles that no others of their tile enclose, and each one's tile (its number).

    >>> block = np.array([0x070707], np.uint64)  # 3 × 3 cells
    >>> len(rim_cells(np.array([6250 << 15 | 11250]), block)[1])
    8
    """
    octets = _rims(bits).astype("<u8").view(np.uint8).reshape(-1, 8)
    tile, place = np.nonzero(np.unpackbits(octets, axis=1, bitorder="little"))
    return _cells_at(key[tile], place), tile


def _cells_at(key: I64, place: I64) -> I64:
    row, col = ((key >> TILE_COL_BITS) << 3) + (place >> 3), ((key & TILE_COL_MASK) << 3) + (place & 7)
    return np.asarray((row << COL_BITS) | col)


_LOWEST = np.array([max((n & -n).bit_length() - 1, 0) for n in range(256)])
_HIGHEST = np.array([max(n.bit_length() - 1, 0) for n in range(256)])
_WEST, _EAST = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)


@compiled
def _rims(bits: U64) -> U64:
    """Those of the cells of tiles that have a side open within their tile: nothing outside is nearer to another one."""
    rims = np.empty(len(bits), np.uint64)
    for i in range(len(bits)):
        b = bits[i]
        beside = ((b >> _ONE) & ~_EAST) & ((b << _ONE) & ~_WEST)
        rims[i] = b & ~(beside & (b >> np.uint64(8)) & (b << np.uint64(8)))
    return rims


@compiled
def _fronts(cols: I64, s: Cells, fires: I64, since: I64) -> tuple[I64, I64, U64, F64]:
    total = 0
    for fire in fires:
        assert s.parent[fire] == fire  # the list of an absorbed fire runs on into the other's
        total += s.tile_n[fire]
    starts = np.zeros(len(fires) + 1, np.int64)
    key, bits = np.empty(total, np.int64), np.empty(total, np.uint64)
    advance = np.zeros(len(fires))
    for k in range(len(fires)):
        own, joined, old = _tiles(s, fires[k], since[k])
        a, b = starts[k], starts[k] + len(own)
        starts[k + 1], key[a:b], bits[a:b] = b, own, joined
        advance[k] = _advance(cols, own, joined, old)
    return starts, key, bits, advance


@compiled
def _tiles(s: Cells, fire: Int, since: Int) -> tuple[I64, U64, U64]:
    """A fire's tiles sorted by position, with its cells and those of them that had joined by a minute.

    What it holds twice at one position, through merging, is one tile; its cells count from the earlier minute.
    """
    n = s.tile_n[fire]
    key, joined, old = np.empty(n, np.int64), np.empty(n, np.uint64), np.zeros(n, np.uint64)
    e = np.int64(s.tile_head[fire])
    for i in range(n):
        key[i], joined[i] = s.tile_key[e], s.joined[e]
        if 0 <= s.grown_t[e] <= since:
            old[i] = joined[i]
        elif since >= 0:
            for q in range(TILE):
                if s.birth[e, q] <= since:
                    old[i] |= _ONE << np.uint64(q)
        e = np.int64(s.tile_next_in[e])
    order = np.argsort(key)
    key, joined, old = key[order], joined[order], old[order]
    m = 0
    for i in range(n):
        if m > 0 and key[i] == key[m - 1]:
            joined[m - 1] |= joined[i]
            old[m - 1] |= old[i]
        elif joined[i]:
            key[m], joined[m], old[m] = key[i], joined[i], old[i]
            m += 1
    return key[:m], joined[:m], old[:m]


@compiled
def _advance(cols: I64, key: I64, joined: U64, old: U64) -> float:
    new = 0
    some = np.uint64(0)
    for i in range(len(key)):
        new += bit_count(joined[i] & ~old[i])
        some |= old[i]
    if not some:
        return np.nan
    if new == 0:
        return 0.0
    # Squares of the farthest so far, a heap whose least is the advance in the end: nearer cells need not be measured.
    farthest = np.zeros(new - math.ceil(ADVANCE_SHARE * new) + 1)
    rims = _rims(old)
    at: Int = 0  # the tile that was nearest to the cell before
    known: Int = -1
    size_m = (0.0, 0.0)
    for i in range(len(key)):
        fresh = joined[i] & ~old[i]
        while fresh:
            cell = cell_in(key[i], lowest_bit(fresh))
            if cell >> COL_BITS != known:
                known = cell >> COL_BITS
                size_m = _size_m(known)
            away, at = _away(cols, key, rims, cell, size_m, at, farthest[0])
            if away > farthest[0]:
                _replace_least(farthest, away)
            fresh &= fresh - _ONE
    return math.sqrt(farthest[0])


@compiled
def _replace_least(heap: F64, value: float) -> None:
    """Put a value in the place of the least of a heap."""
    at, below = 0, 1
    while below < len(heap):
        if below + 1 < len(heap) and heap[below + 1] < heap[below]:
            below += 1
        if heap[below] >= value:
            break
        heap[at] = heap[below]
        at, below = below, 2 * below + 1
    heap[at] = value


@compiled
def _size_m(row: Int) -> tuple[float, float]:
    """Metres of a row of cells, north to south, and of a degree of longitude within it."""
    lat = math.radians((row + 0.5) * ROW_DEG - 90.0)
    w = 1.0 - E2 * math.sin(lat) ** 2
    return math.radians(ROW_DEG) * A_M * (1.0 - E2) / w**1.5, math.radians(1.0) * A_M * math.cos(lat) / math.sqrt(w)


@compiled
def _away(
    cols: I64, key: I64, rims: U64, cell: Int, size_m: tuple[float, float], at: Int, enough: float
) -> tuple[float, Int]:
    """Distance of a cell's centre from the nearest rectangle among other cells, as `advance.beyond_m`, squared.

    Or anything from there up to `enough`. Also whose tile that is: `at` is where to look first, for what is found
    there soon tells most other tiles to be farther.
    """
    row = cell >> COL_BITS
    lon = cell_lon(cols, row, cell & COL_MASK)
    row_m, degree_m = size_m
    best = _nearest_in_tile(cols, key[at], rims[at], row, lon, row_m, degree_m, np.inf, enough)
    middle = np.searchsorted(key, (row >> 3) << TILE_COL_BITS)
    for step in (1, -1):  # through the tiles from this row of tiles upwards, then downwards
        i = middle if step == 1 else middle - 1
        while 0 <= i < len(key):
            first = (key[i] >> TILE_COL_BITS) << 3
            up = max(max(first - row, row - first - 7) - 0.5, 0.0) * row_m
            if up * up >= best or best <= enough:
                break
            nearest = _nearest_in_tile(cols, key[i], rims[i], row, lon, row_m, degree_m, best, enough)
            if nearest < best:
                best, at = nearest, i
            i += step
    return best, at


@compiled
def _nearest_in_tile(
    cols: I64, key: Int, bits: Int, row: Int, lon: float, row_m: float, degree_m: float, best: float, enough: float
) -> float:
    """Square of the distance to the nearest of a tile's cells, or `best` when none is nearer; or up to `enough`."""
    first, col = (key >> TILE_COL_BITS) << 3, (key & TILE_COL_MASK) << 3
    half = 180.0 / cols[first >> 5]
    west, east = abs(cell_lon(cols, first, col) - lon), abs(cell_lon(cols, first, col + 7) - lon)
    beside = 0.0 if max(west, east) <= 14.0 * half else min(west, east, 360.0 - west, 360.0 - east) - half
    least, over = max(beside, 0.0) * degree_m, max(max(first - row, row - first - 7) - 0.5, 0.0) * row_m
    if (least * least + over * over) * (1.0 - 1e-9) >= best:
        return best
    while bits and best > enough:
        q = lowest_bit(bits)
        bits &= bits - _ONE
        up = max(abs(first + (q >> 3) - row) - 0.5, 0.0) * row_m
        d = abs(cell_lon(cols, first, col + (q & 7)) - lon)
        along = max(min(d, 360.0 - d) - half, 0.0) * degree_m
        best = min(best, up * up + along * along)
    return best
