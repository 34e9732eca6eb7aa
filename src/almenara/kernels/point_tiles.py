"""Points sorted into cells, words and tiles, and a bitmap of the cells that hold any.

A cell is 0.008 degrees square, a word 8 × 8 cells, a tile 8 × 8 words. The points lie tile by tile (row by row of the
Earth), within a tile word by word, within a word cell by cell, so that each of these, and each row of cells in a word
or of words in a tile, is one stretch of the array. What is empty takes no room: `tiles` gives the number of an
occupied tile; the tile's mask says which of its words exist, the word's mask which of its cells, and counting the bits
before one (its rank) finds it. So a few dependent reads lead from a position to the points about it, or to the
certainty that there are none.

A point is packed into 64 bits, (longitude, latitude) as offset integers of 1e-7 degrees, and has a 32-bit place number;
all told 12.9 to 13.8 bytes for the buildings of a country. Coordinates that have more than seven decimals are also kept
as they were given (16 bytes more): the packed ones only preselect, distances are always those of the coordinates given.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats, Ints

HALF_TURN = 1_800_000_000  # in units of 1e-7 degrees
QUARTER_TURN = HALF_TURN // 2
TURN = 2 * HALF_TURN
CELL = 80_000  # units along a cell's edge
TILE_ROWS = ((HALF_TURN // CELL) >> 6) + 1
TILE_COLUMNS = ((TURN // CELL) >> 6) + 1
TILES = TILE_ROWS * TILE_COLUMNS
FULL = 65_535  # an offset within a word that is as large, or larger

_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_DIGIT = np.uint64(2047)
_DIGIT_2 = np.uint64(43)

Keys = NDArray[np.uint64]
Numbers = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class PointTiles:
    """Points in one or more layers, each by itself, all in the same arrays; layers differ in their alert distances."""

    layer_alert_m: Floats  # the largest alert distance of each layer
    tiles: NDArray[np.int32]  # [layer, row, column], flat: number of the tile; 0 where there is none
    heads: Keys  # [tile, 2], flat: mask of words, first word; tile 0 is empty, one more than there are ends the last
    words: Keys  # [word, 2], flat: mask of cells; first entry of `offsets` and, in the lower half, first point
    offsets: NDArray[np.uint16]  # for each word 0 and where each of its cells ends, counted from its first point
    keys: Keys
    places: Numbers
    alert_m: Floats  # [point]; empty where each layer has one distance
    exact: Floats  # [lon | lat, point] as given; no points where the keys lose nothing

    def coordinates(self, at: Ints | slice = slice(None)) -> tuple[Floats, Floats]:
        """Longitude and latitude, as given, of the points at positions of `keys`."""
        if self.exact.shape[1]:
            return self.exact[0, at], self.exact[1, at]
        keys = self.keys[at]
        return (
            ((keys >> _HALF).astype(np.int64) - HALF_TURN) / 1e7,
            ((keys & _LOW).astype(np.int64) - QUARTER_TURN) / 1e7,
        )


@compiled
def key_lon(key: np.uint64) -> float:
    """Degrees of a packed point; exactly the number that was given where that had at most seven decimals."""
    return (np.int64(key >> _HALF) - HALF_TURN) / 1e7


@compiled
def key_lat(key: np.uint64) -> float:
    """As `key_lon`."""
    return (np.int64(key & _LOW) - QUARTER_TURN) / 1e7


@compiled
def bits_set(word: np.uint64) -> int:
    """How many bits of a word are set (Warren, Hacker's Delight, 5-1; compilers know it as one instruction)."""
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int(np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56)))


@compiled
def bits_before(word: np.uint64, bit: int) -> int:
    """How many of the bits below `bit` (0…63) are set: the rank of what the bit stands for."""
    return bits_set(word & ((_ONE << np.uint64(bit)) - _ONE))


@compiled
def bits_through(word: np.uint64, bit: int) -> int:
    """How many of the bits up to and with `bit` (0…63) are set."""
    return bits_set(word & (_ALL >> np.uint64(63 - bit)))


def tile_points(
    lon: Floats, lat: Floats, places: Numbers | None, layer: NDArray[np.uint8] | None, alert_m: Floats, threads: int
) -> PointTiles:
    """Sort points (degrees); `places`: their numbers, None for 0, 1, 2…; `layer`: that of each, None when there is one.

    `alert_m`: metres, one value for all or one for each point. Raises ValueError for the first point (by its place)
    that is not on the Earth.
    """
    numbers = np.zeros(0, np.uint32) if places is None else places
    layers = np.zeros(0, np.uint8) if layer is None else layer
    layer_alert_m = _largest_of_each(alert_m, layers)
    buckets = len(layer_alert_m) * TILE_ROWS
    threads = max(1, min(threads, len(lon) // 10_000))
    cuts = [len(lon) * t // threads for t in range(threads + 1)]
    histograms = np.zeros((threads, buckets), np.int64)
    with ThreadPoolExecutor(threads) as pool:
        wrong = list(pool.map(lambda t: _count(lon, lat, layers, cuts[t], cuts[t + 1], histograms[t]), range(threads)))
        _raise_for(lon, lat, numbers, wrong)
        starts: Any = np.concatenate([[0], np.cumsum(histograms.sum(axis=0))])
        begins = np.cumsum(histograms, axis=0) - histograms + starts[:-1]
        rows, packed = np.empty(len(lon), np.uint64), np.empty(len(lon), np.uint64)
        ids = np.empty(len(lon), np.uint32)
        lossless = list(
            pool.map(
                lambda t: _scatter(lon, lat, layers, cuts[t], cuts[t + 1], starts, begins[t], rows, packed, ids),
                range(threads),
            )
        )
        busy = np.flatnonzero(np.diff(starts))
        sizes = np.zeros((buckets + 1, 3), np.int64)
        list(pool.map(lambda b: _sort(rows[starts[b] : starts[b + 1]], sizes[b + 1]), busy))
        first: Any = np.cumsum(sizes, axis=0)
        exact = np.empty((2, 0 if all(lossless) else len(lon)))
        made = PointTiles(
            layer_alert_m,
            np.zeros(len(layer_alert_m) * TILES, np.int32),
            np.zeros(2 * (first[-1, 0] + 2), np.uint64),
            np.zeros(2 * (first[-1, 1] + 1), np.uint64),
            np.empty(first[-1, 1] + first[-1, 2], np.uint16),
            np.empty(len(lon), np.uint64),
            np.empty(len(lon), np.uint32),
            np.empty(len(lon) if len(alert_m) > 1 else 0),
            exact,
        )
        made.heads[-1] = first[-1, 1]
        made.words[-1] = (first[-1, 1] + first[-1, 2]) << 32 | len(lon)
        list(
            pool.map(
                lambda b: _fill(
                    rows, packed, ids, starts[b], starts[b + 1], first[b, 0], first[b, 1], first[b, 2],
                    made.tiles[b * TILE_COLUMNS : (b + 1) * TILE_COLUMNS], made.heads, made.words, made.offsets,
                    made.keys, made.places, made.alert_m, exact, lon, lat, numbers, alert_m,
                ),
                busy,
            )
        )  # fmt: skip
    return made


def _largest_of_each(alert_m: Floats, layers: NDArray[np.uint8]) -> Floats:
    if not len(layers):
        return np.array([alert_m.max(initial=0.0)])
    largest = np.zeros(int(layers.max()) + 1)
    np.maximum.at(largest, layers, alert_m)
    return largest


def _raise_for(lon: Floats, lat: Floats, numbers: Numbers, wrong: list[int]) -> None:
    for at in wrong:
        if at >= 0:
            raise ValueError(
                f"place {numbers[at] if len(numbers) else at} lies at longitude {lon[at]}, latitude {lat[at]}: "
                "needed are −180…180 and −90…90 degrees"
            )


@compiled
def _units(degrees: float) -> int:
    """Degrees in units of 1e-7."""
    return int(np.int64(np.round(degrees * 1e7)))


@compiled
def _count(lon: Floats, lat: Floats, layers: NDArray[np.uint8], first: int, last: int, histogram: Ints) -> int:
    """Count the points of each layer and row of tiles; the first point that is not on the Earth, or −1."""
    for i in range(first, last):
        if not (abs(lon[i]) <= 180.0 and abs(lat[i]) <= 90.0):
            return i
        row = (_units(lat[i]) + QUARTER_TURN) // (64 * CELL)
        if len(layers) > 0:
            row += layers[i] * TILE_ROWS
        histogram[row] += 1
    return -1


@compiled
def _scatter(
    lon: Floats, lat: Floats, layers: NDArray[np.uint8], first: int, last: int, starts: Ints, begins: Ints,
    rows: Keys, packed: Keys, ids: Numbers,
) -> bool:  # fmt: skip
    """Bring points to their layer and row of tiles; say whether packing lost nothing.

    A row holds, above, the tile's column and the place of word and cell in it, and, below, the point's position within
    the bucket, to find what was packed and its number after sorting.
    """
    lossless = True
    for i in range(first, last):
        x = _units(lon[i]) + HALF_TURN
        y = _units(lat[i]) + QUARTER_TURN
        column = x // CELL
        row = y // CELL
        bucket = row >> 6
        if len(layers) > 0:
            bucket += layers[i] * TILE_ROWS
        at = begins[bucket]
        begins[bucket] += 1
        word = ((row >> 3) & 7) << 3 | ((column >> 3) & 7)
        cell = (row & 7) << 3 | (column & 7)
        rows[at] = np.uint64(((column >> 6) << 12 | word << 6 | cell) << 32 | (at - starts[bucket]))
        packed[at] = np.uint64(x << 32 | y)
        ids[at] = i
        lossless = lossless and (x - HALF_TURN) / 1e7 == lon[i] and (y - QUARTER_TURN) / 1e7 == lat[i]
    return lossless


@compiled
def _sort(rows: Keys, sizes: Ints) -> None:
    """Sort rows by what they hold above, 22 bits, by 11 at a time; and count the tiles, words and cells."""
    other = np.empty_like(rows)
    counts = np.zeros((2, 2048), np.int64)
    for row in rows:
        counts[0, (row >> _HALF) & _DIGIT] += 1
        counts[1, (row >> _DIGIT_2) & _DIGIT] += 1
    for digit in range(2):
        total = 0
        for i in range(2048):
            total, counts[digit, i] = total + counts[digit, i], total
    for row in rows:
        digit = (row >> _HALF) & _DIGIT
        other[counts[0, digit]] = row
        counts[0, digit] += 1
    for row in other:
        digit = (row >> _DIGIT_2) & _DIGIT
        rows[counts[1, digit]] = row
        counts[1, digit] += 1
    before = _ALL
    for row in rows:
        cell = row >> _HALF
        if cell != before:
            sizes[0] += (cell >> np.uint64(12)) != (before >> np.uint64(12))
            sizes[1] += (cell >> np.uint64(6)) != (before >> np.uint64(6))
            sizes[2] += 1
            before = cell


@compiled
def _fill(
    rows: Keys, packed: Keys, ids: Numbers, begin: int, end: int, tile: int, word: int, cell: int,
    tiles: NDArray[np.int32], heads: Keys, words: Keys, offsets: NDArray[np.uint16], keys: Keys, places: Numbers,
    own_alert_m: Floats, exact: Floats, lon: Floats, lat: Floats, numbers: Numbers, alert_m: Floats,
) -> None:  # fmt: skip
    """Write what a sorted bucket holds, its first tile after `tile` others, its first word and cell likewise."""
    offset = word + cell  # an entry for each word and for each cell
    word -= 1
    before = _ALL
    first = begin
    for k in range(begin, end):
        at = begin + np.int64(rows[k] & _LOW)
        code = rows[k] >> _HALF
        if code != before:
            if (code >> np.uint64(6)) != (before >> np.uint64(6)):
                word += 1
                if (code >> np.uint64(12)) != (before >> np.uint64(12)):
                    tile += 1
                    tiles[np.int64(code >> np.uint64(12))] = tile
                    heads[2 * tile + 1] = np.uint64(word)
                heads[2 * tile] |= _ONE << ((code >> np.uint64(6)) & np.uint64(63))
                words[2 * word + 1] = np.uint64(offset << 32 | k)
                first = k
                offsets[offset] = 0
                offset += 1
            words[2 * word] |= _ONE << (code & np.uint64(63))
            offset += 1
            before = code
        offsets[offset - 1] = min(k + 1 - first, FULL)
        keys[k] = packed[at]
        i = np.int64(ids[at])
        places[k] = numbers[i] if len(numbers) > 0 else i
        if len(own_alert_m) > 0:
            own_alert_m[k] = alert_m[i]
        if exact.shape[1] > 0:
            exact[0, k] = lon[i]
            exact[1, k] = lat[i]
