"""How far cells lie beyond a footprint, such as what joined a fire beyond what it was before.

Distances are from a cell's centre to the nearest rectangle of the footprint, on the ellipsoid's local radii: within
0.5 % of the geodesic up to 50 km and below 80° of latitude, which is finer than the grid.
"""

import math

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.grid import A_M, COL_BITS, COL_MASK, E2, ROW_DEG, cell_lon, grid
from almenara.kernels.jit import compiled


def beyond_m(footprint: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Metres of each of n cells' centres from a footprint (sorted cells): 0 inside, infinity where there is none.

    >>> here = np.array([50_000 << 18 | 90_000])
    >>> [round(float(d)) for d in beyond_m(here, here + np.array([0, 1, 2, 1 << 18]))]
    [0, 94, 281, 93]
    >>> float(beyond_m(here[:0], here)[0])
    inf
    """
    return np.asarray(_beyond(grid().cols, footprint, cells))


@compiled
def _beyond(cols: NDArray[np.int64], footprint: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    found = np.full(len(cells), np.inf)
    if len(footprint) == 0:
        return found
    lowest, highest = footprint[0] >> COL_BITS, footprint[-1] >> COL_BITS
    for i in range(len(cells)):
        row = cells[i] >> COL_BITS
        lon = cell_lon(cols, row, cells[i] & COL_MASK)
        lat = math.radians((row + 0.5) * ROW_DEG - 90.0)
        w = 1.0 - E2 * math.sin(lat) ** 2
        row_m = math.radians(ROW_DEG) * A_M * (1.0 - E2) / w**1.5
        degree_m = math.radians(1.0) * A_M * math.cos(lat) / math.sqrt(w)
        best = np.inf
        k = 0 if lowest <= row <= highest else (lowest - row if row < lowest else row - highest)
        while True:
            up = max(k - 0.5, 0.0) * row_m
            if up >= best or (row - k < lowest and row + k > highest):
                break
            for other in (row - k, row + k):
                if lowest <= other <= highest:
                    along = _nearest_in_row(cols, footprint, other, lon) * degree_m
                    best = min(best, math.sqrt(up * up + along * along))
                if k == 0:
                    break
            k += 1
        found[i] = best
    return found


@compiled
def _nearest_in_row(cols: NDArray[np.int64], footprint: NDArray[np.int64], row: int, lon: float) -> float:
    """Degrees of longitude between a meridian and the nearest cell of a row, the shorter way round; 0 inside."""
    first, end = np.searchsorted(footprint, row << COL_BITS), np.searchsorted(footprint, (row + 1) << COL_BITS)
    if first == end:
        return np.inf
    n = cols[row >> 5]
    col = min(int((lon + 180.0) / 360.0 * n), n - 1)
    at = np.searchsorted(footprint, row << COL_BITS | col)
    best = np.inf
    for j in (at - 1, at, first, end - 1):  # the row's ends, for it may go on across the antimeridian
        if first <= j < end:
            d = abs(cell_lon(cols, row, footprint[j] & COL_MASK) - lon)
            best = min(best, max(min(d, 360.0 - d) - 180.0 / n, 0.0))
    return best
