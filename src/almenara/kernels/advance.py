"""How far fires advanced: from cells and the minutes they joined, metres beyond an earlier footprint; and fires' edges.

Cells come as the tracker hands them out (`FireKernel.footprints_of`): sorted by fire, then by cell. Distances are
from a cell's centre to the nearest rectangle of the earlier footprint, on the ellipsoid's local radii: within 0.5 % of
the geodesic up to 50 km and below 80° of latitude, which is finer than the grid.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.grid import A_M, COL_BITS, COL_MASK, E2, ROW_DEG, ROWS, cell_lon, grid
from almenara.kernels.jit import compiled

#: The share of newly joined cells that an advance leaves inside: a single far pixel does not make the pace of a fire.
ADVANCE_SHARE = 0.9


def beyond_m(footprint: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Metres of each of n cells' centres from a footprint (sorted cells): 0 inside, infinity where there is none.

    >>> here = np.array([50_000 << 18 | 90_000])
    >>> [round(float(d)) for d in beyond_m(here, here + np.array([0, 1, 2, 1 << 18]))]
    [0, 94, 281, 93]
    >>> float(beyond_m(here[:0], here)[0])
    inf
    """
    return np.asarray(_beyond(grid().cols, footprint, cells))


def advances_m(
    starts: NDArray[np.int64], cells: NDArray[np.int64], births: NDArray[Any], since: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Advance of each of n fires since a minute of its own: the distance within which 90 % of the cells lie that joined
    after it, from the footprint as of it. 0 where nothing joined, NaN where there was no footprint yet.

    Fire k has the cells `starts[k]:starts[k + 1]`, sorted; `births` are the minutes in which they joined.
    """
    return np.asarray(_advances(grid().cols, starts, cells, births.astype(np.int64), since))


def edges(starts: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which cells have a side that no other cell of their fire covers: what lies nearest to anything outside.

    >>> block = np.array([(50_000 + row) << 18 | 90_000 + col for row in range(3) for col in range(3)])
    >>> np.flatnonzero(~edges(np.array([0, 9]), block))
    array([4])
    """
    return np.asarray(_edges(grid().cols, starts, cells))


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


@compiled
def _advances(
    cols: NDArray[np.int64],
    starts: NDArray[np.int64],
    cells: NDArray[np.int64],
    births: NDArray[np.int64],
    since: NDArray[np.int64],
) -> NDArray[np.float64]:
    found = np.zeros(len(starts) - 1)
    for k in range(len(found)):
        own, born = cells[starts[k] : starts[k + 1]], births[starts[k] : starts[k + 1]]
        old = own[born <= since[k]]
        if len(old) == 0:
            found[k] = np.nan
        elif len(old) < len(own):
            away = np.sort(_beyond(cols, old, own[born > since[k]]))
            found[k] = away[math.ceil(ADVANCE_SHARE * len(away)) - 1]
    return found


@compiled
def _edges(cols: NDArray[np.int64], starts: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    found = np.ones(len(cells), np.bool_)
    for k in range(len(starts) - 1):
        first, end = starts[k], starts[k + 1]
        below = above = first  # follow the cell through the rows on either side, which are in order too
        for i in range(first, end):
            row, col = cells[i] >> COL_BITS, cells[i] & COL_MASK
            n = cols[row >> 5]
            if col == 0 or col == n - 1:  # at the antimeridian the neighbours stand at the row's other end
                beside = _holds(cells[first:end], row << COL_BITS | (col + 1) % n)
                beside = beside and _holds(cells[first:end], row << COL_BITS | (col - 1) % n)
            else:
                beside = i > first and i + 1 < end and cells[i - 1] == cells[i] - 1 and cells[i + 1] == cells[i] + 1
            if not beside or row == 0 or row == ROWS - 1:
                continue
            below, covered = _side(cols, cells, below, end, row - 1, col, n)
            if covered:
                above, covered = _side(cols, cells, above, end, row + 1, col, n)
            found[i] = not covered
    return found


@compiled
def _side(cols: NDArray[np.int64], cells: NDArray[np.int64], at: int, end: int, row: int, col: int, n: int) -> Any:
    """Whether another row covers a cell's whole side, and where to go on looking. Its columns may differ in number."""
    m = cols[row >> 5]
    west = row << COL_BITS | min(int((col + 1e-6) * m / n), m - 1)
    east = row << COL_BITS | min(int((col + 1.0 - 1e-6) * m / n), m - 1)
    while at < end and cells[at] < west:
        at += 1
    last = at + east - west
    return at, last < end and cells[at] == west and cells[last] == east


@compiled
def _holds(cells: NDArray[np.int64], cell: int) -> bool:
    at = np.searchsorted(cells, cell)
    return bool(at < len(cells) and cells[at] == cell)
