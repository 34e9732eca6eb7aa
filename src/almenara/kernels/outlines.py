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
    owner, row, west, east = _runs(fire, cell)
    edge_fire, heading, y0, x0, y1, x1 = _edges(owner, row, west, east)
    start, end = _vertices(edge_fire, y0, x0, y1, x1)
    points, first, ring_fire = _rings(heading, start, end, x0, y0, edge_fire)
    lonlat = np.column_stack((points[:, 0], points[:, 1] * ROW_DEG - 90.0))
    return _assemble(lonlat, first, ring_fire)


def _runs(fire: I64, cell: I64) -> tuple[I64, I64, F64, F64]:
    """Cells side by side in a row, as intervals of longitude: (fire, row, west, east)."""
    starts = np.ones(len(cell), bool)
    starts[1:] = (np.diff(fire) != 0) | (np.diff(cell) != 1)
    first = np.flatnonzero(starts)
    last = np.append(first[1:], len(cell)) - 1
    row, col0, col1 = cell[first] >> COL_BITS, cell[first] & COL_MASK, cell[last] & COL_MASK
    width = 360.0 / grid().cols[row // GROUP]
    return fire[first], row, col0 * width - 180.0, np.minimum((col1 + 1) * width - 180.0, 180.0)


@compiled
def _edges(owner: I64, row: I64, west: F64, east: F64) -> tuple[I64, I64, I64, F64, I64, F64]:
    """Directed edges of the outlines, the fire on their left: (fire, heading, y0, x0, y1, x1), y in rows.

    Between two rows the outline is where exactly one of them is covered.
    """
    n = len(row)
    room = 8 * n
    fire = np.empty(room, np.int64)
    heading = np.empty(room, np.int64)
    y0 = np.empty(room, np.int64)
    x0 = np.empty(room)
    y1 = np.empty(room, np.int64)
    x1 = np.empty(room)
    m = 0
    for k in range(n):
        for side in range(2):
            fire[m], heading[m] = owner[k], SOUTH if side == 0 else NORTH
            x0[m] = x1[m] = west[k] if side == 0 else east[k]
            y0[m] = row[k] + 1 if side == 0 else row[k]
            y1[m] = row[k] if side == 0 else row[k] + 1
            m += 1
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
        over, under = False, False
        x = 0.0
        while i < 2 * above_end or j < 2 * below_end:
            xi = np.inf
            if i < 2 * above_end:
                xi = west[i // 2] if i % 2 == 0 else east[i // 2]
            xj = np.inf
            if j < 2 * below_end:
                xj = west[j // 2] if j % 2 == 0 else east[j // 2]
            to = min(xi, xj)
            if over != under:
                fire[m], y0[m], y1[m] = f, line, line
                heading[m] = EAST if over else WEST
                x0[m], x1[m] = (x, to) if over else (to, x)
                m += 1
            if xi == to:
                over = not over
                i += 1
            if xj == to:
                under = not under
                j += 1
            x = to
        above, below = above_end, below_end
    return fire[:m], heading[:m], y0[:m], x0[:m], y1[:m], x1[:m]


def _vertices(fire: I64, y0: I64, x0: F64, y1: I64, x1: F64) -> tuple[I64, I64]:
    """Number of each edge's first and last vertex."""
    f, y, x = np.concatenate((fire, fire)), np.concatenate((y0, y1)), np.concatenate((x0, x1))
    order = np.lexsort((x, y, f))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(f[order]) != 0) | (np.diff(y[order]) != 0) | (np.diff(x[order]) != 0)
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(new) - 1
    return number[: len(fire)], number[len(fire) :]


@compiled
def _rings(heading: I64, start: I64, end: I64, x0: F64, y0: I64, fire: I64) -> tuple[F64, I64, I64]:
    """Simple closed rings without needless vertices: points (x, y), where each ring begins, and its fire.

    Where two parts touch at a corner the path turns left, staying with the cell it came along; a path that comes to a
    vertex it has passed closes a ring there. So no ring touches itself, as the OGC rules ask.
    """
    n = len(heading)
    out = np.full((start.max() + 1, 2), -1, np.int64)  # edges that leave each vertex
    for k in range(n):
        slot = 0 if out[start[k], 0] < 0 else 1
        out[start[k], slot] = k
    passed = np.full(start.max() + 1, -1, np.int64)  # where on the path each vertex lies
    path = np.empty(n, np.int64)
    points = np.empty((2 * n, 2))
    first = np.empty(n + 1, np.int64)
    owner = np.empty(n, np.int64)
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
                owner[rings] = fire[at]
                rings += 1
                begin = passed[vertex]
                before = heading[path[length - 1]]
                for j in range(begin, length):
                    passed[start[path[j]]] = -1
                    if heading[path[j]] != before:
                        points[m, 0] = x0[path[j]]
                        points[m, 1] = y0[path[j]]
                        m += 1
                    before = heading[path[j]]
                points[m] = points[first[rings - 1]]
                m += 1
                length = begin
            a, b = out[vertex, 0], out[vertex, 1]
            left = b >= 0 and (heading[b] - heading[at]) % 4 == 1
            at = b if b >= 0 and ((left and not done[b]) or done[a]) else a
    first[rings] = m
    return points[:m], first[: rings + 1], owner[:rings]


def _assemble(lonlat: F64, first: I64, fire: I64) -> tuple[I64, NDArray[Any]]:
    """Rings to one polygon or multipolygon for each fire."""
    x, y = lonlat[:, 0], lonlat[:, 1]
    twice = np.zeros(len(lonlat))
    twice[:-1] = x[:-1] * np.diff(y) - y[:-1] * np.diff(x)
    twice[first[1:] - 1] = 0.0  # from the end of one ring to the next is no side
    outer = np.add.reduceat(twice, first[:-1]) > 0.0
    rings = shapely.linearrings(lonlat, indices=np.repeat(np.arange(len(fire)), np.diff(first)))
    parts, part_fire = shapely.polygons(rings[outer]), fire[outer]
    holes: dict[int, list[Any]] = {}
    for hole, owner in zip(rings[~outer], fire[~outer].tolist(), strict=True):
        mine = np.flatnonzero(part_fire == owner)
        around = mine if len(mine) == 1 else mine[shapely.covers(parts[mine], shapely.polygons(hole))]
        inner = around[np.argmin(shapely.area(parts[around]))]  # an island in a hole lies within two
        holes.setdefault(int(inner), []).append(hole)
    for part, inside in holes.items():
        parts[part] = shapely.polygons(shapely.get_exterior_ring(parts[part]), inside)
    order = np.argsort(part_fire, kind="stable")
    fires, start, count = np.unique(part_fire[order], return_index=True, return_counts=True)
    shapes = parts[order][start]
    many = np.flatnonzero(count > 1)
    for i in many:
        shapes[i] = shapely.multipolygons(parts[order[start[i] : start[i] + count[i]]])
    return fires, shapes
