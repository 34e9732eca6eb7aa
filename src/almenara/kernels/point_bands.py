"""Points sorted into bands of latitude, and by longitude within them.

A point is packed into 64 bits, (longitude, latitude) as offset 32-bit integers of 1e-7 degrees, so that the keys of a
band sort by longitude; with its 32-bit place number and the fence posts (every 64th longitude) it takes 12.1 bytes.
Coordinates that have more than seven decimals are also kept as they were given (16 bytes more): the packed ones only
preselect, distances are always those of the coordinates given.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats, Ints
from almenara.kernels.occupancy import mark

OFFSET = 1 << 31
HALF_TURN = 1_800_000_000  # in units of 1e-7 degrees
TURN = 2 * HALF_TURN
_SHORT = 48


@dataclass(frozen=True, slots=True)
class PointBands:
    """One set of points at one height of bands."""

    height: float  # degrees
    alert_m_max: float  # of the places in it
    starts: Ints  # [band + 1]
    keys: NDArray[np.uint64]
    places: NDArray[np.uint32]
    fences: NDArray[np.uint32]  # (offset) longitude of every 64th key
    exact_lon: Floats  # as given, in the order of keys; empty where the keys lose nothing
    exact_lat: Floats
    tiles: NDArray[np.int32]  # where points are: see `occupancy`
    heads: NDArray[np.uint64]
    words: NDArray[np.uint64]

    def coordinates(self, at: Ints | slice = slice(None)) -> tuple[Floats, Floats]:
        """Longitude and latitude, as given, of the points at positions of `keys`."""
        if len(self.exact_lon):
            return self.exact_lon[at], self.exact_lat[at]
        keys = self.keys[at]
        lon = ((keys >> np.uint64(32)).astype(np.int64) - OFFSET) / 1e7
        lat = ((keys & np.uint64(0xFFFFFFFF)).astype(np.int64) - OFFSET) / 1e7
        return lon, lat


def band_points(
    lon: Floats, lat: Floats, places: NDArray[np.uint32], *, height: float, alert_m_max: float, threads: int
) -> PointBands:
    """Sort points (degrees, in range) into bands of `height` degrees."""
    count = math.ceil(180.0 / height) + 1
    threads = max(1, min(threads, len(lon) // 10_000))
    cuts = [len(lon) * t // threads for t in range(threads + 1)]
    histograms = np.zeros((threads, count), np.int64)
    starts = np.zeros(count + 1, np.int64)
    rows, keys, numbers = np.empty(len(lon), np.uint64), np.empty(len(lon), np.uint64), np.empty(len(lon), np.uint32)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda t: _count(lat, cuts[t], cuts[t + 1], height, histograms[t]), range(threads)))
        np.cumsum(histograms.sum(axis=0), out=starts[1:])
        begins = np.cumsum(histograms, axis=0) - histograms + starts[:-1]
        list(pool.map(lambda t: _scatter(lon, lat, cuts[t], cuts[t + 1], height, begins[t], rows), range(threads)))
        shares = np.searchsorted(starts, np.arange(8 * threads + 1) * (len(lon) / (8 * threads)))
        shares[0], shares[-1] = 0, count
        list(pool.map(lambda bands: _sort_bands(rows, starts, *bands), pairwise(shares)))
        lossless = list(
            pool.map(lambda t: _pack(lon, lat, places, rows, cuts[t], cuts[t + 1], keys, numbers), range(threads))
        )
    exact_lon = exact_lat = np.zeros(0)
    if not all(lossless):
        at = (rows & np.uint64(0xFFFFFFFF)).astype(np.int64)
        exact_lon, exact_lat = lon[at], lat[at]
    fences = (keys[::64] >> np.uint64(32)).astype(np.uint32)
    bitmap = mark(keys, 2.0 * height)
    return PointBands(height, alert_m_max, starts, keys, numbers, fences, exact_lon, exact_lat, *bitmap)


def _sort_bands(rows: NDArray[np.uint64], starts: Ints, first: int, last: int) -> None:
    """Sort each band: short ones by insertion in one call, long ones by NumPy's vectorised sort."""
    _sort_short(rows, starts, first, last)
    for band in np.flatnonzero(np.diff(starts[first : last + 1]) > _SHORT) + first:
        rows[starts[band] : starts[band + 1]].sort()


@compiled
def key_x(key: np.uint64) -> int:
    """The offset longitude of a packed point."""
    return int(np.int64(key >> np.uint64(32)))


@compiled
def key_y(key: np.uint64) -> int:
    """The offset latitude of a packed point."""
    return int(np.int64(key & np.uint64(0xFFFFFFFF)))


@compiled
def units(degrees: float) -> int:
    """Degrees rounded to units of 1e-7, offset."""
    return int(np.int64(np.round(degrees * 1e7))) + OFFSET


@compiled
def degrees(x: int) -> float:
    """What was rounded, where it had at most seven decimals: exactly the number that was given."""
    return (x - OFFSET) / 1e7


@compiled
def lower_bound(keys: NDArray[np.uint64], fences: NDArray[np.uint32], begin: int, end: int, x: int) -> int:
    """First position of begin…end whose (offset) longitude is at least x; halving without branches."""
    fence = (begin + 63) >> 6
    fence_end = (end + 63) >> 6
    count = fence_end - fence
    if count > 0:
        at = fence
        while count > 1:
            half = count >> 1
            at = at + half if fences[at + half - 1] < x else at
            count -= half
        if fences[at] < x:
            at += 1
        if at > fence:
            begin = ((at - 1) << 6) + 1
        if at < fence_end:
            end = at << 6
    count = end - begin
    if count <= 0:
        return begin
    key = np.uint64(x) << np.uint64(32)
    while count > 1:
        half = count >> 1
        begin = begin + half if keys[begin + half - 1] < key else begin
        count -= half
    return begin + 1 if keys[begin] < key else begin


@compiled
def _count(lat: Floats, first: int, last: int, height: float, histogram: Ints) -> None:
    for i in range(first, last):
        histogram[int((lat[i] + 90.0) / height)] += 1


@compiled
def _scatter(
    lon: Floats, lat: Floats, first: int, last: int, height: float, begins: Ints, rows: NDArray[np.uint64]
) -> None:
    """Put (longitude, number) of each point into its band."""
    for i in range(first, last):
        band = int((lat[i] + 90.0) / height)
        rows[begins[band]] = (np.uint64(units(lon[i])) << np.uint64(32)) | np.uint64(i)
        begins[band] += 1


@compiled
def _sort_short(rows: NDArray[np.uint64], starts: Ints, first: int, last: int) -> None:
    for band in range(first, last):
        begin = starts[band]
        end = starts[band + 1]
        if end - begin > _SHORT:
            continue
        for i in range(begin + 1, end):
            row = rows[i]
            j = i - 1
            while j >= begin and rows[j] > row:
                rows[j + 1] = rows[j]
                j -= 1
            rows[j + 1] = row


@compiled
def _pack(
    lon: Floats,
    lat: Floats,
    numbers: NDArray[np.uint32],
    rows: NDArray[np.uint64],
    first: int,
    last: int,
    keys: NDArray[np.uint64],
    places: NDArray[np.uint32],
) -> bool:
    """Make keys and place numbers of sorted rows; say whether the keys hold the coordinates without loss."""
    lossless = True
    for k in range(first, last):
        i = key_y(rows[k])
        y = units(lat[i])
        keys[k] = (rows[k] & np.uint64(0xFFFFFFFF00000000)) | np.uint64(y)
        places[k] = numbers[i]
        lossless = lossless and degrees(key_x(rows[k])) == lon[i] and degrees(y) == lat[i]
    return lossless
