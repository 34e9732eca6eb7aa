"""Grid cells to polygons: the outline of every fire, exactly along the cells' edges."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from almenara.kernels.grid import COL_BITS, COL_MASK, GROUP, ROW_DEG, grid


def outlines(fire: NDArray[np.int64], cell: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Fires and their outlines (WGS84 degrees), from cells sorted by (fire, cell) without repetition.

    Cells never straddle ±180, so that an outline there is cut in two, as RFC 7946 asks.

    >>> from almenara.kernels.grid import cells_of
    >>> fires, shapes = outlines(np.array([7]), cells_of(np.array([10.0]), np.array([50.0])))
    >>> fires.tolist(), shapes[0].geom_type, len(shapes[0].exterior.coords)
    ([7], 'Polygon', 5)
    >>> outlines(np.empty(0, np.int64), np.empty(0, np.int64))[0].size
    0
    """
    if len(cell) == 0:
        return fire, np.empty(0, object)
    owner, row0, row1, col0, col1 = _blocks(fire, cell)
    width = 360.0 / grid().cols[row0 // GROUP]
    west, east = col0 * width - 180.0, np.minimum((col1 + 1) * width - 180.0, 180.0)
    boxes = shapely.box(west, row0 * ROW_DEG - 90.0, east, (row1 + 1) * ROW_DEG - 90.0)
    order = np.argsort(owner, kind="stable")
    fires, start, count = np.unique(owner[order], return_index=True, return_counts=True)
    boxes = boxes[order]
    shapes = boxes[start]  # right for all fires that are one block
    for i in np.flatnonzero(count > 1):
        shapes[i] = shapely.union_all(boxes[start[i] : start[i] + count[i]])
    return fires, shapes


def _blocks(fire: NDArray[np.int64], cell: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Rectangles of cells: runs along a row, then equal runs of adjoining rows of one group stacked."""
    starts = np.ones(len(cell), bool)
    starts[1:] = (np.diff(fire) != 0) | (np.diff(cell) != 1)
    first = np.flatnonzero(starts)
    last = np.append(first[1:], len(cell)) - 1
    owner, row, col0, col1 = fire[first], cell[first] >> COL_BITS, cell[first] & COL_MASK, cell[last] & COL_MASK
    order = np.lexsort((row, col1, col0, row // GROUP, owner))
    owner, row, col0, col1 = owner[order], row[order], col0[order], col1[order]
    new = np.ones(len(owner), bool)
    new[1:] = (
        (np.diff(owner) != 0)
        | (np.diff(row // GROUP) != 0)
        | (np.diff(col0) != 0)
        | (np.diff(col1) != 0)
        | (np.diff(row) != 1)
    )
    top = np.flatnonzero(new)
    bottom = np.append(top[1:], len(owner)) - 1
    return owner[top], row[top], row[bottom], col0[top], col1[top]
