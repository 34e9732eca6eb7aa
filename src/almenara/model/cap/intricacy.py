"""Keeps the union of many shapes cheap: what would cost too much is taken larger and simpler, never smaller.

Uniting shapes takes time for each place where two outlines cross. Two thousand long slivers this way and two thousand
that way, 200 KB of a message, cross in four million places.
"""

import numpy as np
import shapely
from numpy.typing import NDArray

#: Pairs of edges, of different shapes, whose boxes meet: a bound on the crossings.
PAIRS_MAX = 300_000
#: … and as many more for each edge, for shapes that lie beside each other share their borders.
PAIRS_OF_EDGE_MAX = 10
#: What is too intricate becomes so many hulls of neighbours at most.
HULLS_MAX = 100
#: A hull with more corners becomes the box round it that is smallest, turned as it may be.
HULL_CORNERS_MAX = 64

_ASKED_AT_ONCE = 64
_SIDE_DEG_MIN = 0.05
_ROUNDING_DEG = 1e-7  # a centimetre, more than uniting them takes away
_WORLD = shapely.box(-180.0, -90.0, 180.0, 90.0)

_Shapes = NDArray[np.object_]


def eased(shapes: _Shapes) -> _Shapes:
    """Polygons (degrees) that hold the given ones: these themselves, or hulls when they cross too often."""
    if len(shapes) < 2 or not _is_intricate(shapes):
        return shapes
    gathered, square = _gathered(shapes)
    hulls = shapely.convex_hull(shapely.geometrycollections(gathered, indices=square))
    many = shapely.get_num_coordinates(hulls) > HULL_CORNERS_MAX
    hulls[many] = shapely.oriented_envelope(hulls[many])
    wider = shapely.buffer(hulls, _ROUNDING_DEG, join_style="mitre")
    return np.asarray(shapely.intersection(wider, _WORLD), dtype=object)


def _is_intricate(shapes: _Shapes) -> bool:
    """Whether more edges meet those of another shape than can be afforded; asked only as far as is needed."""
    points, owner = shapely.get_coordinates(shapely.get_exterior_ring(shapes), return_index=True)
    same = owner[1:] == owner[:-1]
    edges, owner = np.hstack([points[:-1], points[1:]])[same], owner[1:][same]
    low, high = np.minimum(edges[:, :2], edges[:, 2:]), np.maximum(edges[:, :2], edges[:, 2:])
    left = PAIRS_MAX + PAIRS_OF_EDGE_MAX * len(edges)
    if min(_beside(low[:, axis], high[:, axis]) for axis in (0, 1)) <= left:
        return False
    boxes = shapely.box(*low.T, *high.T)
    tree = shapely.STRtree(boxes)
    order = np.random.default_rng(0).permutation(len(boxes))  # intricate parts come up early, wherever they are
    for begin in range(0, len(order), _ASKED_AT_ONCE):
        one, other = tree.query(boxes[order[begin : begin + _ASKED_AT_ONCE]])
        left -= int((owner[order[begin + one]] < owner[other]).sum())
        if left < 0:
            return True
    return False


def _beside(low: NDArray[np.float64], high: NDArray[np.float64]) -> int:
    """Pairs of stretches that overlap."""
    begun = np.searchsorted(np.sort(low), high, side="right").sum()
    return int(begun - np.searchsorted(np.sort(high), low, side="left").sum() - len(low)) // 2


def _gathered(shapes: _Shapes) -> tuple[_Shapes, NDArray[np.int64]]:
    """The shapes in groups whose middles share a square, the squares as small as will do."""
    middles = shapely.bounds(shapes).reshape(-1, 2, 2).mean(axis=1)
    side = _SIDE_DEG_MIN
    while len((found := np.unique(_square(middles, side), return_inverse=True))[0]) > HULLS_MAX:
        side *= 1.5
    square = found[1]
    order = np.argsort(square, kind="stable")
    return shapes[order], square[order]


def _square(middles: NDArray[np.float64], side: float) -> NDArray[np.int64]:
    """A number for the square that each point lies in."""
    column, row = np.floor(middles / side).astype(np.int64).T
    return np.asarray(column * 1_000_000 + row, dtype=np.int64)
