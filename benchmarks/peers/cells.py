"""An equi-join on cells, as one would write it in a data frame or SQL without a spatial index."""

import numpy as np

from benchmarks.peers.geodesic import Floats, Ints, half_widths

_ROW = 1 << 20  # more columns than a row has


def cell_deg(distance_m: float) -> float:
    """Height of a cell: what was best among a few for 300 m and 20 km, in degrees a metre."""
    return distance_m / (60_000.0 if distance_m < 1_000.0 else 100_000.0)


def cells_of(lon: Floats, lat: Floats, height: float) -> Ints:
    """The cell of each place: rows of equal height, columns about as wide."""
    row = np.floor(lat / height).astype(np.int64)
    columns = _columns(row, height)
    return row * _ROW + np.floor((lon + 180.0) / 360.0 * columns).astype(np.int64) % columns


def cells_near(lon: Floats, lat: Floats, distance_m: float, height: float) -> tuple[Ints, Ints]:
    """(observation, cell) for every cell that can hold a place within reach."""
    wide, tall = half_widths(lat, distance_m)
    first = np.floor((lat - tall) / height).astype(np.int64)
    last = np.floor((lat + tall) / height).astype(np.int64)
    of, row = _ranges(first, last)
    columns = _columns(row, height)
    west = np.floor((lon[of] - wide[of] + 180.0) / 360.0 * columns).astype(np.int64)
    east = np.floor((lon[of] + wide[of] + 180.0) / 360.0 * columns).astype(np.int64)
    at, column = _ranges(west, np.minimum(east, west + columns - 1))
    return of[at], row[at] * _ROW + column % columns[at]


def _columns(row: Ints, height: float) -> Ints:
    middle = np.minimum(np.abs(row + 0.5) * height, 89.9999)
    columns = np.maximum(np.floor(360.0 * np.cos(np.radians(middle)) / height), 1.0)
    return np.asarray(columns, np.int64)


def _ranges(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Every whole number of each range, with the position of its range."""
    length = last - first + 1
    of = np.repeat(np.arange(len(first)), length)
    return of, first[of] + np.arange(len(of)) - np.repeat(np.cumsum(length) - length, length)
