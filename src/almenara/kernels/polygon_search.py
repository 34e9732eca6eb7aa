"""The search for all polygons within reach of small boxes: 0 where they overlap, else the distance to the boundary."""

import math

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.geodesy import DOUBT_M, FARTHEST_M, RAD, SERIES_REACH_M, Box, Series, expand, lat_reach
from almenara.kernels.jit import compiled
from almenara.kernels.matches import SCRATCH, Floats, Ints, Matches, sort_by_place
from almenara.kernels.point_windows import window_of
from almenara.kernels.polygon_boundary import boundary_by_balls, boundary_by_plane, covers
from almenara.kernels.polygon_cover import may_reach
from almenara.kernels.polygon_shapes import FANOUT, PolygonShapes
from almenara.kernels.queries import Boxes, Reach, entry, raise_out_of_range, settle, usable

_STACK = 512  # nodes waiting: at most 15 for each of the levels, of which 2³² parts need 8
_SLACK_MAX = 0.05
_ZERO_M = 1e-8  # less is rounding: the box touches the boundary


def search_polygons(shapes: PolygonShapes, boxes: Boxes, reach: Reach, first: int, last: int) -> Matches:
    """Matches of the queries first…last, in order; a place with several parts may occur repeatedly.

    Raises ValueError where a query lies outside the Earth's longitudes and latitudes.
    """
    s = shapes
    observation, place, distance_m, feet, wrong = _search(
        s.vertex_lon, s.vertex_lat, s.spans, s.block_boxes, s.block_radii, s.part_blocks, s.part_places, s.tree,
        s.levels, s.covered, boxes.west, boxes.south, boxes.east, boxes.north, reach.reach_m, reach.footprint_m,
        first, last,
    )  # fmt: skip
    if wrong >= 0:
        raise_out_of_range(boxes, wrong)
    matches = Matches(observation, place, distance_m)
    if not len(feet):
        return matches
    # What the kernel leaves open has −1 − (position in feet) as its distance.
    at = np.flatnonzero(distance_m < 0.0)
    foot = feet[(-1.0 - distance_m[at]).astype(np.int64)]
    return settle(boxes, reach, matches, at, foot[:, 0], foot[:, 1], foot[:, 2])


@compiled
def _search(
    lon: Floats, lat: Floats, spans: Ints, block_boxes: Floats, block_radii: Floats, part_blocks: Ints,
    part_places: NDArray[np.uint32], tree: Floats, levels: Ints, covered: NDArray[np.uint64],
    west: Floats, south: Floats, east: Floats, north: Floats, reach_m: Floats, footprint_m: Floats,
    first: int, last: int,
) -> tuple[Ints, Ints, Floats, Floats, int]:  # fmt: skip
    """Matches as observation, place, distance; of those below 0 the points to measure to and alerts; a bad query."""
    observation = np.empty(64 + last - first, np.int64)
    place = np.empty(len(observation), np.int64)
    distance_m = np.empty(len(observation), np.float64)
    feet = np.empty((16, 3), np.float64)
    stack = np.empty((_STACK, 2), np.int64)
    parts = np.empty(256, np.int64)
    scratch = np.empty(SCRATCH, np.int64)
    old_m = np.empty(SCRATCH, np.float64)
    n = 0
    open_ = 0
    for q in range(first, last):
        state = usable(west[q], south[q], east[q], north[q])
        if state < 1:
            if state < 0:
                return observation[:0], place[:0], distance_m[:0], feet[:0], q
            continue
        box = (west[q], south[q], east[q], north[q])
        reach = entry(reach_m, q, -1.0)
        footprint = entry(footprint_m, q, 0.0)
        radius = min((tree[-1, 4] if reach < 0.0 else reach) + footprint, FARTHEST_M) + DOUBT_M
        if not may_reach(covered, window_of(box[0], box[1], box[2], box[3], radius)):
            continue
        far = radius > SERIES_REACH_M
        narrowest, slack = _scale(box, radius)
        parts, count = _parts_near(tree, levels, box, footprint, reach, narrowest, stack, parts)
        begin = n
        if count > 0:
            at_south = expand(box[1])
            at_north = at_south if box[3] == box[1] else expand(box[3])
        for part in parts[:count]:
            limit = reach if reach >= 0.0 else tree[part, 4]
            within = min(limit + footprint, FARTHEST_M) + DOUBT_M
            distance, x, y = _distance(
                lon, lat, spans, block_boxes, block_radii, part_blocks[part], part_blocks[part + 1], tree[part],
                box, at_south, at_north, far, within, narrowest, slack,
            )  # fmt: skip
            if distance - footprint > limit + DOUBT_M:
                continue
            if n == len(place):
                observation = np.concatenate((observation, np.empty(n, np.int64)))
                place = np.concatenate((place, np.empty(n, np.int64)))
                distance_m = np.concatenate((distance_m, np.empty(n, np.float64)))
            observation[n] = q
            place[n] = part_places[part]
            distance_m[n] = max(distance - footprint, 0.0)
            if distance > 0.0 and (far or distance - footprint > limit - DOUBT_M):
                if open_ == len(feet):
                    feet = np.concatenate((feet, np.empty((len(feet), 3), np.float64)))
                feet[open_] = x, y, tree[part, 4]
                open_ += 1
                distance_m[n] = -open_
            n += 1
        sort_by_place(place, distance_m, begin, n, scratch, old_m)
    return observation[:n], place[:n], distance_m[:n], feet[:open_], -1


@compiled
def _scale(box: Box, radius: float) -> tuple[float, float]:
    """Smallest cosine of latitude within reach of a box (−1 near a pole), and how far a plane may be wrong there."""
    up = lat_reach(radius)
    highest = max(abs(box[1]), abs(box[3])) * RAD + up
    if highest > 0.5 * math.pi - 1e-3:
        return -1.0, 1.0
    lowest = 0.0
    if box[1] * box[3] > 0.0:
        lowest = max(min(abs(box[1]), abs(box[3])) * RAD - up, 0.0)
    narrowest = math.cos(highest)
    return narrowest, 2.0 * (math.cos(lowest) / narrowest - 1.0) + 1e-4


@compiled
def _parts_near(
    tree: Floats, levels: Ints, box: Box, footprint: float, reach: float, narrowest: float, stack: Ints, parts: Ints
) -> tuple[Ints, int]:
    """The parts whose bounds lie within reach, and how many; `parts` grows where it is full."""
    count = 0
    top = 1
    stack[0, 0] = len(levels) - 1  # above the root
    stack[0, 1] = 0
    up = lat_reach(reach + footprint + DOUBT_M) / RAD
    while top > 0:
        top -= 1
        level = stack[top, 0] - 1
        first = stack[top, 1] * FANOUT
        begin = levels[level]
        for i in range(begin + first, min(begin + first + FANOUT, levels[level + 1])):
            if reach < 0.0:
                up = lat_reach(tree[i, 4] + footprint + DOUBT_M) / RAD
            if tree[i, 1] - box[3] > up or box[1] - tree[i, 3] > up:
                continue
            if narrowest > 0.0:
                across = max(tree[i, 0] - box[2], box[0] - tree[i, 2])
                across = min(across, tree[i, 0] + 360.0 - box[2], box[0] + 360.0 - tree[i, 2])
                if across * narrowest > up:
                    continue
            if level > 0:
                stack[top, 0] = level
                stack[top, 1] = i - begin
                top += 1
            else:
                if count == len(parts):
                    parts = np.concatenate((parts, np.empty(count, np.int64)))
                parts[count] = i
                count += 1
    return parts, count


@compiled
def _distance(
    lon: Floats, lat: Floats, spans: Ints, block_boxes: Floats, block_radii: Floats, begin: int, end: int,
    bounds: Floats, box: Box, at_south: Series, at_north: Series, far: bool, within: float,
    narrowest: float, slack: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Metres from a box to a part, and the point of its boundary that is nearest; 1e300 when beyond `within`."""
    if (
        bounds[0] <= box[0] <= bounds[2]
        and bounds[1] <= box[1] <= bounds[3]
        and covers(lon, lat, spans, block_boxes, begin, end, box[0], box[1])
    ):
        return 0.0, box[0], box[1]
    if not far and slack < _SLACK_MAX:
        distance, x, y = boundary_by_plane(
            lon, lat, spans, block_boxes, begin, end, box, at_south, at_north, within, narrowest, slack
        )
    else:
        distance, x, y = boundary_by_balls(
            lon, lat, spans, block_boxes, block_radii, begin, end, box, at_south, at_north, far, within
        )
    return (distance if distance > _ZERO_M else 0.0), x, y
