"""A bitmap of where points are, that says at once of most small windows that nothing is there.

Cells are `cell` degrees square. A word holds 8 × 8 cells, a tile 8 × 8 words; only occupied tiles and, of a tile, only
occupied words are kept: `tiles` gives a tile's number or −1, `heads` which of its words exist (a bit for each) and
where in `words` they begin.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.jit import compiled

TILE = 64  # cells along a tile's edge
_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_EVERY_ROW = np.uint64(0x0101010101010101)
MARGIN_DEG = 3e-7  # coordinates are rounded to 1e-7 degrees before they are marked


class Occupancy(NamedTuple):
    """The bitmap's arrays."""

    tiles: NDArray[np.int32]  # [row, column], flat
    heads: NDArray[np.uint64]  # [tile, 2] mask, first
    words: NDArray[np.uint64]


def mark(keys: NDArray[np.uint64], cell: float) -> Occupancy:
    """The bitmap of packed points (see `point_bands`), best given in an order that keeps neighbours together."""
    cells = 1.0 / cell
    tiles = np.full((int(180.0 * cells) // TILE + 1) * _columns(cells), -1, np.int32)
    heads = np.zeros((_number_tiles(keys, cells, tiles), 2), np.uint64)
    _mark_words(keys, cells, tiles, heads)
    count = np.cumsum(np.bitwise_count(heads[:, 0]), dtype=np.uint64)
    heads[1:, 1] = count[:-1]
    words = np.zeros(int(count[-1]) if len(count) else 0, np.uint64)
    _mark_cells(keys, cells, tiles, heads, words)
    return Occupancy(tiles, heads, words)


@compiled
def _columns(cells: float) -> int:
    """How many tiles go round the Earth."""
    return int(360.0 * cells) // TILE + 1


@compiled
def may_hold(
    tiles: NDArray[np.int32],
    heads: NDArray[np.uint64],
    words: NDArray[np.uint64],
    cells: float,
    west: float,
    south: float,
    east: float,
    north: float,
) -> bool:
    """Whether a window may hold a point; False is certain. `cells`: cells in a degree.

    The window lies between the antimeridians; it may reach beyond the poles.
    """
    row0 = int(max(south - MARGIN_DEG + 90.0, 0.0) * cells)
    row1 = int(min(north + MARGIN_DEG + 90.0, 180.0) * cells)
    column0 = int(max(west - MARGIN_DEG + 180.0, 0.0) * cells)
    column1 = int(min(east + MARGIN_DEG + 180.0, 360.0) * cells)
    columns = _columns(cells)
    for word_row in range(row0 >> 3, (row1 >> 3) + 1):
        low = max(row0 - (word_row << 3), 0)
        high = min(row1 - (word_row << 3), 7)
        row_bits = (_ALL >> np.uint64(8 * (7 - high + low))) << np.uint64(8 * low)
        for word_column in range(column0 >> 3, (column1 >> 3) + 1):
            tile = tiles[(word_row >> 3) * columns + (word_column >> 3)]
            if tile < 0:
                continue
            bit = np.uint64(((word_row & 7) << 3) | (word_column & 7))
            mask = heads[tile, 0]
            if (mask >> bit) & _ONE == 0:
                continue
            left = max(column0 - (word_column << 3), 0)
            right = min(column1 - (word_column << 3), 7)
            column_bits = (_ALL >> np.uint64(63 - (right - left)) << np.uint64(left)) * _EVERY_ROW
            if words[heads[tile, 1] + _bits_set(mask & ((_ONE << bit) - _ONE))] & row_bits & column_bits:
                return True
    return False


@compiled
def _bits_set(word: np.uint64) -> np.uint64:
    """How many bits of a word are set (Warren, Hacker's Delight, 5-1)."""
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * _EVERY_ROW) >> np.uint64(56)


@compiled
def _cell_of(key: np.uint64, cells: float) -> tuple[int, int]:
    lon = (np.int64(key >> np.uint64(32)) - 2147483648) / 1e7
    lat = (np.int64(key & np.uint64(0xFFFFFFFF)) - 2147483648) / 1e7
    return int((lat + 90.0) * cells), int((lon + 180.0) * cells)


@compiled
def _number_tiles(keys: NDArray[np.uint64], cells: float, tiles: NDArray[np.int32]) -> int:
    count = 0
    columns = _columns(cells)
    for k in range(len(keys)):
        row, column = _cell_of(keys[k], cells)
        at = (row >> 6) * columns + (column >> 6)
        if tiles[at] < 0:
            tiles[at] = count
            count += 1
    return count


@compiled
def _mark_words(keys: NDArray[np.uint64], cells: float, tiles: NDArray[np.int32], heads: NDArray[np.uint64]) -> None:
    columns = _columns(cells)
    for k in range(len(keys)):
        row, column = _cell_of(keys[k], cells)
        bit = np.uint64((((row >> 3) & 7) << 3) | ((column >> 3) & 7))
        heads[tiles[(row >> 6) * columns + (column >> 6)], 0] |= _ONE << bit


@compiled
def _mark_cells(
    keys: NDArray[np.uint64],
    cells: float,
    tiles: NDArray[np.int32],
    heads: NDArray[np.uint64],
    words: NDArray[np.uint64],
) -> None:
    columns = _columns(cells)
    for k in range(len(keys)):
        row, column = _cell_of(keys[k], cells)
        tile = tiles[(row >> 6) * columns + (column >> 6)]
        bit = np.uint64((((row >> 3) & 7) << 3) | ((column >> 3) & 7))
        word = heads[tile, 1] + _bits_set(heads[tile, 0] & ((_ONE << bit) - _ONE))
        words[word] |= _ONE << np.uint64(((row & 7) << 3) | (column & 7))
