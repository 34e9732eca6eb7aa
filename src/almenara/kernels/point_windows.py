"""Which stretches of the sorted points a window of longitude and latitude touches.

Small windows, at most eight cells wide and high, are looked up many at a time: each step of `list_stretches` does one
of the dependent reads (tile, word, cells) for all of them and asks for the memory that the next step reads, so that the
processor waits for many at once. Most windows are found empty on the way. Larger ones take `list_wide`, one at a time,
by whole words where cells would be too many.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.geodesy import NEAR_POLE, RAD, SHORT_REACH, lat_reach, lon_reach, short_lon_reach
from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats, Ints
from almenara.kernels.point_tiles import (
    CELL,
    FULL,
    HALF_TURN,
    QUARTER_TURN,
    TILE_COLUMNS,
    TILES,
    TURN,
    Keys,
    Numbers,
    bits_before,
    bits_set,
    bits_through,
)
from almenara.kernels.prefetch import prefetch

#: Windows that are looked up together. With 4 words each and 8 rows in a word, so many stretches at most.
BLOCK = 64
WORDS_MAX = 4 * BLOCK
STRETCHES_MAX = 8 * WORDS_MAX
#: A window that `windows_of` leaves to `window_of`.
UNFIT = -1
_CELL_ROWS_MAX = 20  # a higher window is searched by words
#: Stretches in one tile: eight rows of each word.
TILE_STRETCHES_MAX = 512
_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_EVERY_ROW = np.uint64(0x0101010101010101)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


class Window(NamedTuple):
    """South, north, west, east in units of 1e-7 degrees from the south pole and the antimeridian.

    West may be negative and east beyond a turn; the whole turn is 0…TURN.
    """

    low: int
    high: int
    left: int
    right: int


@compiled
def window_of(west: float, south: float, east: float, north: float, radius: float) -> Window:
    """A window that holds all within `radius` metres of a box, rounding included."""
    up = lat_reach(radius) / RAD
    across = lon_reach(max(abs(south), abs(north)), radius)
    low = max(int((south - up) * 1e7) - 2 + QUARTER_TURN, 0)
    high = min(int((north + up) * 1e7) + 2 + QUARTER_TURN, HALF_TURN)
    left = int((west - across) * 1e7) - 2 + HALF_TURN
    right = int((east + across) * 1e7) + 2 + HALF_TURN
    if right - left >= TURN:
        return Window(low, high, 0, TURN)
    return Window(low, high, left, right)


@compiled
def windows_of(
    west: Floats, south: Floats, east: Floats, north: Floats, first: int, layers: int, radii: Floats, n: int,
    tiles: NDArray[np.int32], windows: Ints,
) -> None:  # fmt: skip
    """As `window_of`, for n items from the first on: low, high, left and right, and last whether it is `UNFIT`.

    Without branches, so that the processor works on several at once, and it asks for the entries of `tiles` that are
    read next. Unfit is what goes round a pole, or reaches so far that `lon_reach` has no short form for it.
    """
    for i in range(n):
        q = (first + i) // layers if layers > 1 else first + i
        up = lat_reach(radii[i])
        top = max(abs(south[q]), abs(north[q])) * RAD + up
        across = short_lon_reach(top, up)
        windows[0, i] = max(int((south[q] - up / RAD) * 1e7) - 2 + QUARTER_TURN, 0)
        windows[1, i] = min(int((north[q] + up / RAD) * 1e7) + 2 + QUARTER_TURN, HALF_TURN)
        windows[2, i] = int((west[q] - across) * 1e7) - 2 + HALF_TURN
        windows[3, i] = int((east[q] + across) * 1e7) + 2 + HALF_TURN
        fit = (up < SHORT_REACH) & (top <= NEAR_POLE) & (windows[3, i] - windows[2, i] < TURN)
        windows[4, i] = 0 if fit else UNFIT
        tile = (_cell(windows[0, i]) >> 6) * TILE_COLUMNS + (_cell(windows[2, i]) >> 6)
        prefetch(tiles, (first + i - q * layers) * TILES + tile)


@compiled
def is_small(window: Window) -> bool:
    """Whether a window is for `list_stretches`."""
    return (
        (window.left >= 0) & (window.right <= TURN)
        & (window.high - window.low < 7 * CELL) & (window.right - window.left < 7 * CELL)
    )  # fmt: skip


@compiled
def list_words(
    tiles: NDArray[np.int32], heads: Keys, window: Window, layer: int, item: int, asked: Ints, cells: Keys, n: int
) -> int:  # fmt: skip
    """Append [item, tile, bit of the word] and wanted cells of each word of a small window; how many there are.

    Most windows lie in one word. The empty tile 0 is not told apart: the next step finds no word in it.
    """
    row0 = _cell(window.low)
    row1 = _cell(window.high)
    column0 = _cell(window.left)
    column1 = _cell(window.right)
    if ((row0 ^ row1) | (column0 ^ column1)) < 8:
        return _list_word(tiles, heads, layer, item, row0, row1, column0, column1, asked, cells, n)
    for word_row in range(row0 >> 3, (row1 >> 3) + 1):
        south = max(row0, word_row << 3)
        north = min(row1, word_row << 3 | 7)
        for word_column in range(column0 >> 3, (column1 >> 3) + 1):
            west = max(column0, word_column << 3)
            east = min(column1, word_column << 3 | 7)
            n = _list_word(tiles, heads, layer, item, south, north, west, east, asked, cells, n)
    return n


@compiled
def _cell(units: int) -> int:
    """The row or column of cells at units that are not negative: without a sign, a division is a multiplication."""
    return int(np.int64(np.uint64(units) // np.uint64(CELL)))


@compiled
def _list_word(
    tiles: NDArray[np.int32], heads: Keys, layer: int, item: int, south: int, north: int, west: int, east: int,
    asked: Ints, cells: Keys, n: int,
) -> int:  # fmt: skip
    """Append one word, which holds the rows south…north and the columns west…east of cells."""
    south_bit = south & 7
    west_bit = west & 7
    rows = (_ALL >> np.uint64(56 - 8 * (north - south))) << np.uint64(8 * south_bit)
    columns = (_ALL >> np.uint64(63 - (east - west)) << np.uint64(west_bit)) * _EVERY_ROW
    tile = int(tiles[layer * TILES + (south >> 6) * TILE_COLUMNS + (west >> 6)])
    asked[0, n] = item
    asked[1, n] = tile
    asked[2, n] = (south & 56) | ((west >> 3) & 7)
    cells[n] = rows & columns
    prefetch(heads, 2 * tile)
    return n + 1


@compiled
def list_stretches(
    heads: Keys, words: Keys, offsets: NDArray[np.uint16], keys: Keys, places: Numbers,
    asked: Ints, cells: Keys, n: int, stretches: Ints,
) -> int:  # fmt: skip
    """Turn the words asked for into [item, first point, end] of each row of cells that holds points; how many."""
    kept = 0
    for i in range(n):  # those that exist
        tile = asked[1, i]
        bit = asked[2, i]
        mask = heads[2 * tile]
        word = int(np.int64(heads[2 * tile + 1])) + bits_before(mask, bit)
        asked[0, kept] = asked[0, i]
        asked[1, kept] = word
        cells[kept] = cells[i]
        kept += int(np.int64((mask >> np.uint64(bit)) & _ONE))
        prefetch(words, 2 * word)
    n = kept
    kept = 0
    for i in range(n):  # those that hold points in the window
        word = asked[1, i]
        held = words[2 * word] & cells[i]
        asked[0, kept] = asked[0, i]
        asked[1, kept] = word
        cells[kept] = held
        kept += held != 0
        prefetch(offsets, int(np.int64(words[2 * word + 1] >> _HALF)))
    found = 0
    for i in range(kept):
        found = _rows_of(words, offsets, asked[1, i], cells[i], asked[0, i], keys, places, True, stretches, found)
    return found


@compiled
def _rows_of(
    words: Keys, offsets: NDArray[np.uint16], word: int, held: np.uint64, item: int, keys: Keys, places: Numbers,
    few: bool, stretches: Ints, n: int,
) -> int:  # fmt: skip
    """Append the points of each row of the held cells, a rectangle's, of a word."""
    mask = words[2 * word]
    offset = int(np.int64(words[2 * word + 1] >> _HALF))
    first = int(np.int64(words[2 * word + 1] & _LOW))
    while held != 0:
        below = (held - _ONE) & ~held  # the bits below the lowest that is set
        row = np.uint64(0xFF) << np.uint64(bits_set(below) & 56)
        at = offset + bits_set(mask & below)
        end = np.int64(offsets[at + bits_set(held & row)])
        begin = first + int(offsets[at])
        stretches[n, 0] = item
        stretches[n, 1] = begin
        stretches[n, 2] = first + end if end < FULL else np.int64(words[2 * word + 3] & _LOW)
        n += 1
        held &= ~row
        prefetch(keys, begin)
        if few:  # `search_block` asks for the numbers of those places that lie in the window
            prefetch(keys, int(stretches[n - 1, 2]) - 1)
        else:
            prefetch(places, begin)
    return n


@compiled
def list_wide(
    tiles: NDArray[np.int32], heads: Keys, words: Keys, offsets: NDArray[np.uint16], keys: Keys, places: Numbers,
    layer: int, window: Window, stretches: Ints, n: int,
) -> int:  # fmt: skip
    """Append the stretches of a window of any size; how many there are then, or −1 where there is too little room."""
    row0 = window.low // CELL
    row1 = window.high // CELL
    for part in range(3):
        left = window.left
        right = window.right
        if part == 1:  # what lies beyond the antimeridian to the west
            left += TURN
            right = TURN
        elif part == 2:  # and to the east
            left = 0
            right -= TURN
        column0 = max(left, 0) // CELL
        column1 = min(right, TURN) // CELL
        if min(right, TURN) < max(left, 0) or (part > 0 and window.right - window.left >= TURN):
            continue
        for tile_row in range(row0 >> 6, (row1 >> 6) + 1):
            base = layer * TILES + tile_row * TILE_COLUMNS
            for tile_column in range(column0 >> 6, (column1 >> 6) + 1):
                tile = int(tiles[base + tile_column])
                if tile == 0:
                    continue
                if n + TILE_STRETCHES_MAX > len(stretches):
                    return -1
                n = _in_tile(
                    heads, words, offsets, keys, places, tile, row0 - (tile_row << 6), row1 - (tile_row << 6),
                    column0 - (tile_column << 6), column1 - (tile_column << 6), stretches, n,
                )  # fmt: skip
    return n


@compiled
def _in_tile(
    heads: Keys, words: Keys, offsets: NDArray[np.uint16], keys: Keys, places: Numbers, tile: int,
    row0: int, row1: int, column0: int, column1: int, stretches: Ints, n: int,
) -> int:  # fmt: skip
    """Append what a rectangle of cells, which may reach beyond a tile, touches in the tile."""
    by_cells = row1 - row0 < _CELL_ROWS_MAX
    mask = heads[2 * tile]
    first = int(np.int64(heads[2 * tile + 1]))
    west = max(column0, 0)
    east = min(column1, 63)
    for word_row in range(max(row0, 0) >> 3, (min(row1, 63) >> 3) + 1):
        word = first + bits_before(mask, word_row << 3 | west >> 3)
        end = first + bits_through(mask, word_row << 3 | east >> 3)
        if word == end:
            continue
        if not by_cells:
            begin = int(np.int64(words[2 * word + 1] & _LOW))
            stretches[n, 1] = begin
            stretches[n, 2] = np.int64(words[2 * end + 1] & _LOW)
            n += 1
            prefetch(keys, begin)
            prefetch(places, begin)
            continue
        south = max(row0 - (word_row << 3), 0)
        north = min(row1 - (word_row << 3), 7)
        rows = (_ALL >> np.uint64(8 * (7 - north + south))) << np.uint64(8 * south)
        for word_column in range(west >> 3, (east >> 3) + 1):
            if (mask >> np.uint64(word_row << 3 | word_column)) & _ONE == 0:
                continue
            left = max(west - (word_column << 3), 0)
            right = min(east - (word_column << 3), 7)
            columns = (_ALL >> np.uint64(63 - right + left) << np.uint64(left)) * _EVERY_ROW
            n = _rows_of(words, offsets, word, words[2 * word] & rows & columns, 0, keys, places, False, stretches, n)
            word += 1
    return n
