"""Grid cells to polygons: the outline of every fire, exactly along the cells' edges."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from almenara.kernels.grid import COL_BITS, COL_MASK, GROUP, ROW_DEG, grid
from almenara.kernels.jit import compiled

EAST, NORTH, WEST, SOUTH = 0, 1, 2, 3

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]


def outlines(fire: I64, cell: I64) -> tuple[I64, NDArray[Any]]:
    """Fires and their outlines (WGS84 degrees), from cells sorted by (fire, cell) without repetition.

    Cells never straddle ±180, so that an outline there is cut in two, as RFC 7946 asks. Parts that touch at a corner
    only are parts of their own. Outer rings run counter-clockwise, holes clockwise.

    >>> from almenara.kernels.grid import cells_of
    >>> fires, shapes = outlines(np.array([7]), cells_of(np.array([10.0]), np.array([50.0])))
    >>> fires.tolist(), shapes[0].geom_type, len(shapes[0].exterior.coords)
    ([7], 'Polygon', 5)
    >>> outlines(np.empty(0, np.int64), np.empty(0, np.int64))[0].size
    0
    """
    if len(cell) == 0:
        return fire, np.empty(0, object)
    starts = np.ones(len(cell), bool)
    starts[1:] = (np.diff(fire) != 0) | (np.diff(cell) != 1)
    first = np.flatnonzero(starts)
    last = np.append(first[1:], len(cell)) - 1
    return outlines_of_runs(fire[first], cell[first] >> COL_BITS, cell[first] & COL_MASK, cell[last] & COL_MASK)


def outlines_of_runs(fire: I64, row: I64, col0: I64, col1: I64) -> tuple[I64, NDArray[Any]]:
    """The same from cells side by side in a row, col0 … col1, sorted by (fire, row, column), none touching the next."""
    if len(fire) == 0:
        return fire, np.empty(0, object)
    width = 360.0 / grid().cols[row // GROUP]
    west, east = col0 * width - 180.0, np.minimum((col1 + 1) * width - 180.0, 180.0)
    heading, start, end, x, y, part = _edges(fire, row, west, east)
    points, first, ring_run, outer = _rings(heading, start, end, x, y)
    return _assemble(points, first, outer, part[ring_run], fire[ring_run])


@compiled
def _edges(owner: I64, row: I64, west: F64, east: F64) -> tuple[I64, I64, I64, F64, I64, I64]:
    """Directed edges of the outlines, the fire on their left, their vertices, and each run's part of its fire.

    Edges: heading, number of the first and of the last vertex; those of a run's west and east side, 2 · run and
    2 · run + 1, come first. Vertices: x in degrees, y in rows. Between two rows the outline is where exactly one of
    them is covered; where both are, their runs belong together.
    """
    n = len(row)
    heading = np.empty(8 * n, np.int64)
    start = np.empty(8 * n, np.int64)
    end = np.empty(8 * n, np.int64)
    x_of = np.empty(4 * n)
    y_of = np.empty(4 * n, np.int64)
    part = np.arange(n)
    for k in range(n):
        heading[2 * k] = SOUTH
        heading[2 * k + 1] = NORTH
    m = 2 * n
    v = 0
    below = 0  # runs of the row under the line: below … below_end
    above = 0
    while above < n or below < n:
        # The next line: under the run `above`, or over the run `below` when nothing of its fire lies there.
        if above < n and (below >= n or (owner[above], row[above]) <= (owner[below], row[below] + 1)):
            f, line = owner[above], row[above]
        else:
            f, line = owner[below], row[below] + 1
        above_end = above
        while above_end < n and owner[above_end] == f and row[above_end] == line:
            above_end += 1
        below_end = below
        while below_end < n and owner[below_end] == f and row[below_end] == line - 1:
            below_end += 1
        i, j = 2 * above, 2 * below  # breakpoints: west and east of each run in turn
        while i < 2 * above_end or j < 2 * below_end:
            over, under = i & 1 == 1, j & 1 == 1
            xi = np.inf
            if i < 2 * above_end:
                xi = east[i >> 1] if over else west[i >> 1]
            xj = np.inf
            if j < 2 * below_end:
                xj = east[j >> 1] if under else west[j >> 1]
            x_of[v] = min(xi, xj)
            y_of[v] = line
            if over != under:
                heading[m] = EAST if over else WEST
                start[m], end[m] = (v - 1, v) if over else (v, v - 1)
                m += 1
            elif over:
                _join(part, i >> 1, j >> 1)
            if xi <= xj:
                if over:
                    start[i] = v
                else:
                    end[i] = v
                i += 1
            if xj <= xi:
                if under:
                    end[j] = v
                else:
                    start[j] = v
                j += 1
            v += 1
        above, below = above_end, below_end
    for k in range(n):
        part[k] = _top(part, k)
    return heading[:m], start[:m], end[:m], x_of[:v], y_of[:v], part


@compiled
def _top(part: I64, k: Any) -> Any:
    while part[k] != k:
        part[k] = part[part[k]]
        k = part[k]
    return k


@compiled
def _join(part: I64, a: Any, b: Any) -> None:
    a = _top(part, a)
    b = _top(part, b)
    part[max(a, b)] = min(a, b)


@compiled
def _rings(heading: I64, start: I64, end: I64, x: F64, y: I64) -> tuple[F64, I64, I64, NDArray[np.bool_]]:
    """Simple closed rings without needless vertices: points (degrees), where each begins, a run along it, is it outer.

    Where two parts touch at a corner the path turns left, staying with the cell it came along; a path that comes to a
    vertex it has passed closes a ring there. So no ring touches itself, as the OGC rules ask.
    """
    n = len(heading)
    out = np.full((len(x), 2), -1, np.int64)  # edges that leave each vertex
    for k in range(n):
        slot = 0 if out[start[k], 0] < 0 else 1
        out[start[k], slot] = k
    passed = np.full(len(x), -1, np.int64)  # where on the path each vertex lies
    path = np.empty(n, np.int64)
    points = np.empty((2 * n, 2))
    first = np.empty(n + 1, np.int64)
    run = np.empty(n, np.int64)
    outer = np.empty(n, np.bool_)
    done = np.zeros(n, np.bool_)
    rings = 0
    m = 0
    for k in range(n):
        at = k
        length = 0
        while not done[at]:
            done[at] = True
            passed[start[at]] = length
            path[length] = at
            length += 1
            vertex = end[at]
            if passed[vertex] >= 0:
                first[rings] = m
                begin = passed[vertex]
                before = heading[path[length - 1]]
                twice = 0.0  # the area, positive for an outer ring
                for j in range(begin, length):
                    edge = path[j]
                    passed[start[edge]] = -1
                    if heading[edge] != before:
                        points[m, 0] = x[start[edge]]
                        points[m, 1] = y[start[edge]] * ROW_DEG - 90.0
                        m += 1
                    if heading[edge] == NORTH or heading[edge] == SOUTH:
                        run[rings] = edge >> 1
                    else:
                        twice -= (x[end[edge]] - x[start[edge]]) * (y[start[edge]] - y[vertex])
                    before = heading[edge]
                points[m] = points[first[rings]]
                m += 1
                outer[rings] = twice > 0.0
                rings += 1
                length = begin
            a, b = out[vertex, 0], out[vertex, 1]
            left = b >= 0 and (heading[b] - heading[at]) % 4 == 1
            at = b if b >= 0 and ((left and not done[b]) or done[a]) else a
    first[rings] = m
    return points[:m], first[: rings + 1], run[:rings], outer[:rings]


def _assemble(points: F64, first: I64, outer: NDArray[np.bool_], part: I64, fire: I64) -> tuple[I64, NDArray[Any]]:
    """Rings to one polygon or multipolygon for each fire. A part has one outer ring."""
    order = np.lexsort((~outer, part))
    rings = shapely.linearrings(points, indices=np.repeat(np.arange(len(first) - 1), np.diff(first)))[order]
    begins = outer[order]
    parts = shapely.polygons(rings, indices=np.cumsum(begins) - 1)
    part_fire = fire[order][begins]
    fires, start, count = np.unique(part_fire, return_index=True, return_counts=True)
    shapes = parts[start]
    many = np.flatnonzero(count > 1)
    if len(many):
        several = np.repeat(count > 1, count)
        shapes[many] = shapely.multipolygons(parts[several], indices=np.repeat(np.arange(len(many)), count[many]))
    return fires, shapes
