"""Where the boundary of a polygon comes nearest to a small box.

For a box, the distance to a point of the boundary is measured as for point places (`geodesy.clamp`), and the smallest
over all points of the boundary counts. Near the poles and beyond the reach of the series every piece that could matter
is searched; elsewhere a plane whose scale is known to within `slack` finds the few that do.
"""

import math

from almenara.kernels.geodesy import (
    FARTHEST_M,
    RAD,
    RADIUS_MIN_M,
    Box,
    Series,
    box_distance,
    box_offset,
    long_distance,
)
from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats, Ints
from almenara.kernels.polygon_shapes import length_bound

PLANE_TINY_DEG = 1e-8  # 1 mm: what rounding may hide in the plane
_GOLDEN = 0.6180339887498949
_SEARCH_STEPS_MAX = 90
_NO_DISTANCE = 1e300


@compiled
def measure(box: Box, at_south: Series, at_north: Series, far: bool, lon: float, lat: float) -> float:
    """Metres from a box to a point, by the series or for any distance."""
    if not far:
        return box_distance(box, at_south, at_north, lon, lat, FARTHEST_M)
    return long_distance(0.0, min(max(lat, box[1]), box[3]), box_offset(box, lon), lat)


@compiled
def _closest(
    box: Box, at_south: Series, at_north: Series, far: bool,
    x1: float, y1: float, x2: float, y2: float, low: float, high: float, length: float,
) -> tuple[float, float]:  # fmt: skip
    """Smallest distance from a box to the part low…high (of 0…1) of a piece, and where; golden-section search.

    Stops where the bracket cannot hide more than 10 nm: a foot misplaced by e costs e²/2s.
    """
    a = low
    b = high
    c = b - _GOLDEN * (b - a)
    d = a + _GOLDEN * (b - a)
    at_c = measure(box, at_south, at_north, far, x1 + c * (x2 - x1), y1 + c * (y2 - y1))
    at_d = measure(box, at_south, at_north, far, x1 + d * (x2 - x1), y1 + d * (y2 - y1))
    for _ in range(_SEARCH_STEPS_MAX):
        if (b - a) * length < max(1e-8, math.sqrt(2e-8 * min(at_c, at_d))):
            break
        if at_c <= at_d:
            b = d
            d = c
            at_d = at_c
            c = b - _GOLDEN * (b - a)
            at_c = measure(box, at_south, at_north, far, x1 + c * (x2 - x1), y1 + c * (y2 - y1))
        else:
            a = c
            c = d
            at_c = at_d
            d = a + _GOLDEN * (b - a)
            at_d = measure(box, at_south, at_north, far, x1 + d * (x2 - x1), y1 + d * (y2 - y1))
    return (at_c, c) if at_c <= at_d else (at_d, d)


@compiled
def _corner(box: Box, i: int) -> tuple[float, float]:
    return (box[0] if i & 1 == 0 else box[2]), (box[1] if i & 2 == 0 else box[3])


@compiled
def _plane_foot(px: float, py: float, x1: float, y1: float, x2: float, y2: float, k: float) -> tuple[float, float]:
    """Squared distance in the plane (degrees of latitude, longitudes scaled by k) to a piece; where on it (0…1)."""
    vx = (x2 - x1) * k
    vy = y2 - y1
    wx = (px - x1) * k
    wy = py - y1
    size = vx * vx + vy * vy
    t = 0.0
    if size > 0.0:
        t = min(1.0, max(0.0, (wx * vx + wy * vy) / size))
    ex = wx - t * vx
    ey = wy - t * vy
    return ex * ex + ey * ey, t


@compiled
def _crosses(box: Box, x1: float, y1: float, x2: float, y2: float) -> bool:
    """Whether a piece meets a box (Liang and Barsky 1984)."""
    low = 0.0
    high = 1.0
    for axis in range(2):
        start = x1 if axis == 0 else y1
        step = (x2 - x1) if axis == 0 else (y2 - y1)
        lower = box[0] if axis == 0 else box[1]
        upper = box[2] if axis == 0 else box[3]
        if step == 0.0:
            if start < lower or start > upper:
                return False
            continue
        a = (lower - start) / step
        b = (upper - start) / step
        low = max(low, min(a, b))
        high = min(high, max(a, b))
    return low <= high


@compiled
def _plane_distance2(box: Box, x1: float, y1: float, x2: float, y2: float, k: float) -> float:
    """Squared distance in the plane between a box and a piece."""
    if box[0] == box[2] and box[1] == box[3]:
        return _plane_foot(box[0], box[1], x1, y1, x2, y2, k)[0]
    if _crosses(box, x1, y1, x2, y2):
        return 0.0
    best = _NO_DISTANCE
    for i in range(4):
        x, y = _corner(box, i)
        best = min(best, _plane_foot(x, y, x1, y1, x2, y2, k)[0])
    for end in range(2):
        x = x1 if end == 0 else x2
        y = y1 if end == 0 else y2
        dx = max(box[0] - x, x - box[2], 0.0) * k
        dy = max(box[1] - y, y - box[3], 0.0)
        best = min(best, dx * dx + dy * dy)
    return best


@compiled
def turn_towards(box: Box, west: float, east: float) -> float:
    """The multiple of 360 degrees that brings a span of longitudes nearest to a box."""
    straight = max(west - box[2], box[0] - east)
    if west + 360.0 - box[2] < straight:
        return 360.0
    return -360.0 if box[0] + 360.0 - east < straight else 0.0


@compiled
def covers(
    lon: Floats, lat: Floats, spans: Ints, block_boxes: Floats, first: int, last: int, x: float, y: float
) -> bool:
    """Whether the blocks' rings wind about a point (Sunday 2001), half-open so that a vertex counts once."""
    winding = 0
    for b in range(first, last):
        if y < block_boxes[b, 1] or y > block_boxes[b, 3] or x > block_boxes[b, 2]:
            continue
        for v in range(spans[b, 0], spans[b, 1]):
            up = lat[v] <= y
            if up == (lat[v + 1] <= y):
                continue
            side = (lon[v + 1] - lon[v]) * (y - lat[v]) - (x - lon[v]) * (lat[v + 1] - lat[v])
            if up and side > 0.0:
                winding += 1
            elif not up and side < 0.0:
                winding -= 1
    return winding != 0


@compiled
def _refine(
    box: Box, at_south: Series, at_north: Series, x1: float, y1: float, x2: float, y2: float,
    turn: float, k: float, slack: float, limit2: float,
) -> tuple[float, float]:  # fmt: skip
    """Smallest distance to a piece whose foot the plane can place to within its slack, and where."""
    best = _NO_DISTANCE
    where = 0.0
    length = math.hypot((x2 - x1) * k, y2 - y1)
    metres = RADIUS_MIN_M * RAD * length * 1.02
    point = box[0] == box[2] and box[1] == box[3]
    for i in range(1 if point else 4):
        px, py = _corner(box, i)
        d2, t = _plane_foot(px, py, x1 + turn, y1, x2 + turn, y2, k)
        if d2 > limit2:
            continue
        half = 1.0
        if length > 0.0:
            half = (2.0 * slack * math.sqrt(d2) + PLANE_TINY_DEG) / length
        corner = (px, py, px, py)
        at = at_south if i & 2 == 0 else at_north
        _, t = _closest(corner, at, at, False, x1, y1, x2, y2, max(0.0, t - half), min(1.0, t + half), metres)
        d = measure(box, at_south, at_north, False, x1 + t * (x2 - x1), y1 + t * (y2 - y1))
        if d < best:
            best = d
            where = t
    # Where another side of the box becomes the nearest, and at the ends. While a piece faces one side the distance has
    # no other minimum: up a meridian it is monotonous, along a parallel (Δλ·cos φ) its stationary points are maxima.
    for i in range(2 if point else 6):
        t = 1.0 if i == 1 else 0.0
        if i >= 2 and i < 4 and x2 != x1:
            t = ((box[0] if i == 2 else box[2]) - turn - x1) / (x2 - x1)
        elif i >= 4 and y2 != y1:
            t = ((box[1] if i == 4 else box[3]) - y1) / (y2 - y1)
        if t < 0.0 or t > 1.0:
            continue
        d = measure(box, at_south, at_north, False, x1 + t * (x2 - x1), y1 + t * (y2 - y1))
        if d < best:
            best = d
            where = t
    return best, where


@compiled
def boundary_by_plane(
    lon: Floats, lat: Floats, spans: Ints, block_boxes: Floats, first: int, last: int,
    box: Box, at_south: Series, at_north: Series, radius: float, narrowest: float, slack: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Distance to the nearest point of the blocks, and that point; 1e300 when none is within `radius`."""
    k = at_south[2] / at_south[3]
    reach_deg = radius / (RADIUS_MIN_M * RAD)
    best2 = reach_deg * reach_deg * (1.0 + 3.0 * slack)
    best = _NO_DISTANCE
    foot_lon = 0.0
    foot_lat = 0.0
    for through in range(2):  # first what the plane finds nearest, then the truth about all that come close to it
        for b in range(first, last):
            turn = turn_towards(box, block_boxes[b, 0], block_boxes[b, 2])
            dx = max(block_boxes[b, 0] + turn - box[2], box[0] - block_boxes[b, 2] - turn, 0.0) * narrowest
            dy = max(block_boxes[b, 1] - box[3], box[1] - block_boxes[b, 3], 0.0)
            if dx * dx + dy * dy > best2:
                continue
            for v in range(spans[b, 0], spans[b, 1]):
                x1 = lon[v] + turn
                x2 = lon[v + 1] + turn
                dx = max(min(x1, x2) - box[2], box[0] - max(x1, x2), 0.0) * narrowest
                dy = max(min(lat[v], lat[v + 1]) - box[3], box[1] - max(lat[v], lat[v + 1]), 0.0)
                if dx * dx + dy * dy > best2:
                    continue
                d2 = _plane_distance2(box, x1, lat[v], x2, lat[v + 1], k)
                if d2 > best2:
                    continue
                if d2 == 0.0 and (box[0] != box[2] or box[1] != box[3]):
                    return 0.0, lon[v], lat[v]
                if through == 0:
                    best2 = d2
                    continue
                d, t = _refine(box, at_south, at_north, lon[v], lat[v], lon[v + 1], lat[v + 1], turn, k, slack, best2)
                if d < best:
                    best = d
                    foot_lon = lon[v] + t * (lon[v + 1] - lon[v])
                    foot_lat = lat[v] + t * (lat[v + 1] - lat[v])
        best2 = (math.sqrt(best2) * (1.0 + 3.0 * slack) + PLANE_TINY_DEG) ** 2
    return best, foot_lon, foot_lat


@compiled
def boundary_by_balls(
    lon: Floats, lat: Floats, spans: Ints, block_boxes: Floats, block_radii: Floats, first: int, last: int,
    box: Box, at_south: Series, at_north: Series, far: bool, radius: float,
) -> tuple[float, float, float]:  # fmt: skip
    """As `boundary_by_plane`, anywhere and at any distance: skips only what no distance can bring near."""
    best = radius
    none = True
    foot_lon = 0.0
    foot_lat = 0.0
    spread = length_bound(box[0], box[1], box[2], box[3])
    for b in range(first, last):
        middle = (spans[b, 0] + spans[b, 1]) >> 1
        if measure(box, at_south, at_north, far, lon[middle], lat[middle]) > best + block_radii[b] + spread:
            continue
        turn = turn_towards(box, block_boxes[b, 0], block_boxes[b, 2])
        for v in range(spans[b, 0], spans[b, 1]):
            x1 = lon[v]
            y1 = lat[v]
            x2 = lon[v + 1]
            y2 = lat[v + 1]
            if (box[0] != box[2] or box[1] != box[3]) and _crosses(box, x1 + turn, y1, x2 + turn, y2):
                return 0.0, x1, y1
            length = length_bound(x1, y1, x2, y2)
            d1 = measure(box, at_south, at_north, far, x1, y1)
            d2 = measure(box, at_south, at_north, far, x2, y2)
            if min(d1, d2) > best + length + spread:
                continue
            cuts = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
            if x2 != x1:
                cuts = (0.0, 1.0, (box[0] - turn - x1) / (x2 - x1), (box[2] - turn - x1) / (x2 - x1), 0.0, 0.0)
            if y2 != y1:
                cuts = (0.0, 1.0, cuts[2], cuts[3], (box[1] - y1) / (y2 - y1), (box[3] - y1) / (y2 - y1))
            low = 0.0
            while low < 1.0:
                high = 1.0
                for cut in cuts:
                    if low < cut < high:
                        high = cut
                d, t = _closest(box, at_south, at_north, far, x1, y1, x2, y2, low, high, length)
                for end in (low, t, high):
                    d = measure(box, at_south, at_north, far, x1 + end * (x2 - x1), y1 + end * (y2 - y1))
                    if d <= best:
                        none = False
                        best = d
                        foot_lon = x1 + end * (x2 - x1)
                        foot_lat = y1 + end * (y2 - y1)
                low = high
    return (_NO_DISTANCE if none else best), foot_lon, foot_lat
