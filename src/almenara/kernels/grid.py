"""One grid for the whole Earth whose cells are square and equally large everywhere: rows of latitude, columns by row.

Rows are 187.4 m high. The number of columns is chosen anew for every 32 rows (a *group*, 6 km), so that a column is
as wide as a row is high. Within a group the lattice is regular; from group to group only the columns shift. A cell is
the integer `row << 18 | column`; column 0 begins at longitude −180, so no cell straddles the antimeridian.

The cell is stretched by at most 0.6 % north–south (the ellipsoid) and 0.4 % east–west below 80° latitude; at the
poles' last 6 km, where a column narrows to a point, distances along a row are still measured truly.
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.jit import inlined

ROWS = 106_752  # 3336 groups of 32
GROUP = 32
ROW_DEG = 180.0 / ROWS
COL_BITS = 18
COL_MASK = (1 << COL_BITS) - 1

#: Radius of the disc that closes footprints and links detections (hazards.md §2), metres. Fixed before any scoring.
DISC_M = 1000.0
DISC_ROWS = 5  # 1000 m / 186.4 m, rounded down

A_M = 6378137.0  # WGS84
E2 = 0.0066943799901413165


class Grid(NamedTuple):
    """The tables that the kernels read."""

    cols: NDArray[np.int64]  # [group] columns of every row of the group
    half_deg: NDArray[np.float64]  # [row, k] half-width in degrees of the disc, k rows beyond `row`
    half_cols: NDArray[np.int32]  # [row, k] the same in whole columns of the row's group
    area_km2: NDArray[np.float64]  # [row] of one cell, on the ellipsoid


@lru_cache(maxsize=1)
def grid() -> Grid:
    """The tables (5 MB, made once in a process)."""
    lat = np.radians((np.arange(ROWS) + 0.5) * ROW_DEG - 90.0)
    mid = np.radians((np.arange(ROWS // GROUP) + 0.5) * GROUP * ROW_DEG - 90.0)
    row_m = math.pi * 6_367_449.1458 / ROWS  # mean radius of the meridian
    cols = np.maximum(np.round(2.0 * math.pi * _parallel_radius_m(mid) / row_m), 4).astype(np.int64)
    half = np.empty((ROWS, DISC_ROWS + 1))
    for k in range(DISC_ROWS + 1):
        at = np.minimum(lat + np.radians(k * ROW_DEG / 2.0), math.pi / 2)
        dy = k * np.radians(ROW_DEG) * A_M * (1.0 - E2) / (1.0 - E2 * np.sin(at) ** 2) ** 1.5
        width = np.sqrt(np.maximum(DISC_M**2 - dy**2, 0.0))
        half[:, k] = np.minimum(np.degrees(width / np.maximum(_parallel_radius_m(at), 1.0)), 180.0)
    half_cols = np.floor(half / (360.0 / np.repeat(cols, GROUP))[:, None]).astype(np.int32)
    edges = np.radians(np.arange(ROWS + 1) * ROW_DEG - 90.0)
    band = np.diff(_area_below_km2(edges))
    return Grid(cols, half, half_cols, band / np.repeat(cols, GROUP))


def _parallel_radius_m(lat: NDArray[np.float64]) -> NDArray[np.float64]:
    return A_M * np.cos(lat) / np.sqrt(1.0 - E2 * np.sin(lat) ** 2)


def _area_below_km2(lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area of the ellipsoid between the equator and `lat` (Snyder 1987, eq. 3-12), km², all longitudes."""
    e = math.sqrt(E2)
    s = np.sin(lat)
    q = s / (1.0 - E2 * s * s) + np.arctanh(e * s) / e
    return math.pi * (A_M / 1000.0) ** 2 * (1.0 - E2) * q


def cells_of(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
    """The cell that holds each position (degrees).

    >>> bool(cells_of(np.array([180.0]), np.array([0.5]))[0] == cells_of(np.array([-180.0]), np.array([0.5]))[0])
    True
    """
    row = np.clip(((lat + 90.0) / ROW_DEG).astype(np.int64), 0, ROWS - 1)
    n = grid().cols[row // GROUP]
    col = np.floor((lon + 180.0) / 360.0 * n).astype(np.int64) % n
    return (row << COL_BITS) | col


def boxes_of(cells: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    """West, south, east and north edge of each cell, degrees.

    >>> west, south, east, north = boxes_of(cells_of(np.array([10.0]), np.array([45.0])))
    >>> bool(west[0] <= 10.0 <= east[0] and south[0] <= 45.0 <= north[0])
    True
    """
    row, col = cells >> COL_BITS, cells & COL_MASK
    width = 360.0 / grid().cols[row // GROUP]
    west = col * width - 180.0
    west, east = np.asarray(west, np.float64), np.minimum(west + width, 180.0)
    return west, np.asarray(row * ROW_DEG - 90.0), east, np.asarray((row + 1) * ROW_DEG - 90.0)


def areas_km2(cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Area of each cell on the ellipsoid, km²."""
    return np.asarray(grid().area_km2[cells >> COL_BITS])


@inlined
def cell_lon(cols: NDArray[np.int64], row: Any, col: Any) -> Any:
    """Longitude of a cell's centre, degrees."""
    return (col + 0.5) * (360.0 / cols[row >> 5]) - 180.0
