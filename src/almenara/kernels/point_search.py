"""The search of banded points for all within reach of small boxes."""

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.geodesy import (
    DOUBT_M,
    FARTHEST_M,
    RAD,
    SERIES_REACH_M,
    Box,
    box_distance,
    box_offset,
    chord2_within,
    expand,
    lat_reach,
    lon_reach,
    reduced,
    sphere_chord2,
)
from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats, Ints, Matches, sort_by_place
from almenara.kernels.occupancy import may_hold
from almenara.kernels.point_bands import HALF_TURN, OFFSET, TURN, PointBands, degrees, key_x, key_y, lower_bound
from almenara.kernels.queries import Boxes, Reach, entry, raise_out_of_range, settle, usable

_WINDOW_CELLS_MAX = 24.0  # a wider window is searched without asking the bitmap


def search_points(
    bands: PointBands, boxes: Boxes, reach: Reach, order: Ints, first: int, last: int, found: Ints
) -> Matches:
    """Matches of the queries order[first:last], in that order (see `matches.Search`).

    Raises ValueError where a query lies outside the Earth's longitudes and latitudes.
    """
    observation, place, distance_m, open_, wrong = _search(
        bands.height, bands.alert_m_max, bands.starts, bands.keys, bands.places, bands.fences, bands.exact_lon,
        bands.exact_lat, bands.tiles, bands.heads, bands.words, boxes.west, boxes.south, boxes.east, boxes.north,
        reach.reach_m, reach.footprint_m, reach.alert_m, order, first, last, found,
    )  # fmt: skip
    if wrong >= 0:
        raise_out_of_range(boxes, wrong)
    matches = Matches(observation, place, distance_m)
    if not open_:
        return matches
    # What the kernel leaves open has −1 − (position of the point) as its distance.
    at = np.flatnonzero(distance_m < 0.0)
    lon, lat = bands.coordinates((-1.0 - distance_m[at]).astype(np.int64))
    return settle(boxes, reach, matches, found, at, lon, lat)


@compiled
def _radius(alert_m_max: float, reach: float, footprint: float) -> float:
    return min((alert_m_max if reach < 0.0 else reach) + footprint, FARTHEST_M) + DOUBT_M


@compiled
def _screen(
    height: float, alert_m_max: float, tiles: NDArray[np.int32], heads: NDArray[np.uint64], words: NDArray[np.uint64],
    west: Floats, south: Floats, east: Floats, north: Floats, reach_m: Floats, footprint_m: Floats,
    order: Ints, first: int, last: int,
) -> tuple[Ints, int]:  # fmt: skip
    """The queries whose window may hold points, and the first that is out of range or −1.

    A pass of its own, so that the processor can wait for several queries' memory at once.
    """
    kept = np.empty(last - first, np.int64)
    n = 0
    cells = 0.5 / height
    widest = _WINDOW_CELLS_MAX / cells
    for t in range(first, last):
        q = order[t] if len(order) > 0 else t
        state = usable(west[q], south[q], east[q], north[q])
        if state < 1:
            if state < 0:
                return kept[:0], q
            continue
        radius = _radius(alert_m_max, entry(reach_m, q, -1.0), entry(footprint_m, q, 0.0))
        up = lat_reach(radius) / RAD
        across = lon_reach(max(abs(south[q]), abs(north[q])), radius)
        left = west[q] - across
        right = east[q] + across
        kept[n] = q
        wide = right - left > widest or north[q] - south[q] + up + up > widest or left < -180.0 or right > 180.0
        if wide or may_hold(tiles, heads, words, cells, left, south[q] - up, right, north[q] + up):
            n += 1
    return kept[:n], -1


@compiled
def _search(
    height: float, alert_m_max: float, starts: Ints, keys: NDArray[np.uint64], places: NDArray[np.uint32],
    fences: NDArray[np.uint32], exact_lon: Floats, exact_lat: Floats, tiles: NDArray[np.int32],
    heads: NDArray[np.uint64], words: NDArray[np.uint64],
    west: Floats, south: Floats, east: Floats, north: Floats, reach_m: Floats, footprint_m: Floats, alert_m: Floats,
    order: Ints, first: int, last: int, found: Ints,
) -> tuple[Ints, Ints, Floats, int, int]:  # fmt: skip
    """Matches as observation, place, distance; how many are to be measured yet; a query out of range or −1."""
    queries, wrong = _screen(
        height, alert_m_max, tiles, heads, words, west, south, east, north, reach_m, footprint_m, order, first, last
    )
    observation = np.empty(256 + 2 * len(queries), np.int64)
    place = np.empty(len(observation), np.int64)
    distance_m = np.empty(len(observation), np.float64)
    n = 0
    open_ = 0
    for q in queries:
        box = (west[q], south[q], east[q], north[q])
        reach = entry(reach_m, q, -1.0)
        footprint = entry(footprint_m, q, 0.0)
        begin = n
        place, distance_m, n = _search_one(
            height, starts, keys, places, fences, exact_lon, exact_lat, alert_m,
            box, _radius(alert_m_max, reach, footprint), reach, footprint, place, distance_m, n,
        )  # fmt: skip
        if len(observation) < len(place):
            observation = np.concatenate((observation, np.empty(len(place) - len(observation), np.int64)))
        for i in range(begin, n):
            observation[i] = q
            if distance_m[i] < 0.0:
                open_ += 1
        sort_by_place(place, distance_m, begin, n)
        if len(found) > 0:
            found[q] = n - begin
    return observation[:n], place[:n], distance_m[:n], open_, wrong


@compiled
def _search_one(
    height: float, starts: Ints, keys: NDArray[np.uint64], places: NDArray[np.uint32], fences: NDArray[np.uint32],
    exact_lon: Floats, exact_lat: Floats, alert_m: Floats,
    box: Box, radius: float, reach: float, footprint: float, place: Ints, distance_m: Floats, n: int,
) -> tuple[Ints, Floats, int]:  # fmt: skip
    """Append the matches of one query to the output, which grows where it is full."""
    up = lat_reach(radius) / RAD
    south_edge = max(box[1] - up, -90.0)
    north_edge = min(box[3] + up, 90.0)
    band_first = max(int((south_edge + 90.0) / height - 1e-6), 0)
    band_last = min(int((north_edge + 90.0) / height + 1e-6), len(starts) - 2)
    low = int(south_edge * 1e7) - 2 + OFFSET
    high = int(north_edge * 1e7) + 2 + OFFSET
    across = lon_reach(max(abs(box[1]), abs(box[3])), radius)
    west = int((box[0] - across) * 1e7) - 2
    east = int((box[2] + across) * 1e7) + 2
    full = east - west >= TURN
    at_south = expand(box[1])
    at_north = at_south if box[3] == box[1] else expand(box[3])
    far = radius > SERIES_REACH_M
    chord2_max = chord2_within(radius)
    for part in range(3):
        left = west
        right = east
        if full:
            left = -HALF_TURN
            right = HALF_TURN
        if part == 1:  # what of the window lies beyond the antimeridian to the west
            left += TURN
            right = HALF_TURN
        elif part == 2:  # and to the east
            right -= TURN
            left = -HALF_TURN
        left = max(left, -HALF_TURN) + OFFSET
        right = min(right, HALF_TURN) + OFFSET
        if right < left or (full and part > 0):
            continue
        last_key = (np.uint64(right) << np.uint64(32)) | np.uint64(0xFFFFFFFF)
        for band in range(band_first, band_last + 1):
            end = starts[band + 1]
            if starts[band] == end:
                continue
            k = lower_bound(keys, fences, starts[band], end, left)
            while k < end and keys[k] <= last_key:
                y = key_y(keys[k])
                k += 1
                if y < low or y > high:
                    continue
                lon = exact_lon[k - 1] if len(exact_lon) > 0 else degrees(key_x(keys[k - 1]))
                lat = exact_lat[k - 1] if len(exact_lon) > 0 else degrees(y)
                if far:
                    if not _may_be_within(box, lon, lat, chord2_max):
                        continue
                    distance = -1.0 * k  # to be measured: −1 − position
                else:
                    distance = box_distance(box, at_south, at_north, lon, lat, radius) - footprint
                    limit = reach if reach >= 0.0 else entry(alert_m, places[k - 1], 0.0)
                    if distance > limit + DOUBT_M:
                        continue
                    distance = max(distance, 0.0) if distance < limit - DOUBT_M else -1.0 * k
                if n == len(place):
                    place = np.concatenate((place, np.empty(n, np.int64)))
                    distance_m = np.concatenate((distance_m, np.empty(n, np.float64)))
                place[n] = places[k - 1]
                distance_m[n] = distance
                n += 1
    return place, distance_m, n


@compiled
def _may_be_within(box: Box, lon: float, lat: float, chord2_max: float) -> bool:
    """False only where no geodesic from the box's nearest point, as `clamp` finds it, can be so short."""
    s1, c1 = reduced(min(max(lat, box[1]), box[3]))
    s2, c2 = reduced(lat)
    return sphere_chord2(s1, c1, s2, c2, box_offset(box, lon) * RAD) <= chord2_max
