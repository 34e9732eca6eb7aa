"""The search of sorted points for all within reach of small boxes."""

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
    near_distance,
    reduced,
    sphere_chord2,
)
from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats, Ints, Matches, sort_by_place
from almenara.kernels.point_tiles import TURN, Keys, Numbers, PointTiles, key_lat, key_lon
from almenara.kernels.point_windows import (
    BLOCK,
    STRETCHES_MAX,
    WORDS_MAX,
    Window,
    is_small,
    list_stretches,
    list_wide,
    list_words,
    window_of,
)
from almenara.kernels.queries import Boxes, Reach, entry, raise_out_of_range, settle, usable

_NARROW = 200_000_000  # 20 degrees: up to here half an angle's sine has its short series
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def search_points(points: PointTiles, boxes: Boxes, reach: Reach, first: int, last: int) -> Matches:
    """Matches of the queries first…last, in order, those of each sorted by place (see `matches.Search`).

    Raises ValueError where a query lies outside the Earth's longitudes and latitudes.
    """
    observation, place, distance_m, open_, wrong = _search(
        points.layer_alert_m, points.tiles, points.heads, points.words, points.offsets, points.keys, points.places,
        points.alert_m, points.exact, boxes.west, boxes.south, boxes.east, boxes.north, reach.reach_m,
        reach.footprint_m, first, last,
    )  # fmt: skip
    if wrong >= 0:
        raise_out_of_range(boxes, wrong)
    matches = Matches(observation, place, distance_m)
    if not open_:
        return matches
    # What the kernel leaves open has −1 − (position of the point) as its distance.
    at = np.flatnonzero(distance_m < 0.0)
    point = (-1.0 - distance_m[at]).astype(np.int64)
    lon, lat = points.coordinates(point)
    # Only where the layer has one distance does a point not tell its own.
    alert_m = points.alert_m[point] if len(points.alert_m) else points.layer_alert_m
    return settle(boxes, reach, matches, at, lon, lat, alert_m)


@compiled
def _search(
    layer_alert_m: Floats, tiles: NDArray[np.int32], heads: Keys, words: Keys, offsets: NDArray[np.uint16], keys: Keys,
    places: Numbers, alert_m: Floats, exact: Floats,
    west: Floats, south: Floats, east: Floats, north: Floats, reach_m: Floats, footprint_m: Floats,
    first: int, last: int,
) -> tuple[Ints, Ints, Floats, int, int]:  # fmt: skip
    """Matches as observation, place, distance; how many are to be measured yet; a query out of range or −1."""
    observation = np.empty(256 + 2 * (last - first), np.int64)
    place = np.empty(len(observation), np.int64)
    distance_m = np.empty(len(observation), np.float64)
    windows = np.empty((BLOCK, 5), np.int64)
    asked = np.empty((WORDS_MAX, 4), np.int64)
    stretches = np.empty((STRETCHES_MAX, 3), np.int64)
    wide = np.empty((1024, 3), np.int64)
    near = np.empty(1024, np.int64)
    metres = np.empty(1024, np.float64)
    layers = len(layer_alert_m)
    n = 0
    open_ = 0
    begin = 0
    for block in range(first * layers, last * layers, BLOCK):
        items = min(BLOCK, last * layers - block)
        wrong, count = _windows(
            layer_alert_m, tiles, heads, west, south, east, north, reach_m, footprint_m, block, items, windows, asked
        )
        if wrong >= 0:
            return observation[:0], place[:0], distance_m[:0], 0, wrong
        count = list_stretches(heads, words, offsets, keys, asked, count, stretches)
        at = 0
        for item in range(items):
            q = (block + item) // layers
            layer = block + item - q * layers
            if layer == 0:
                begin = n
            window = Window(windows[item, 0], windows[item, 1], windows[item, 2], windows[item, 3])
            found = 0
            if windows[item, 4] == 1:
                while at < count and stretches[at, 0] == item:
                    near, found = _preselect(keys, stretches[at, 1], stretches[at, 2], window, near, found)
                    at += 1
            elif windows[item, 4] == 2:
                wide, many = list_wide(tiles, heads, words, offsets, keys, layer, window, item, wide)
                for i in range(many):
                    near, found = _preselect(keys, wide[i, 1], wide[i, 2], window, near, found)
            if found > 0:
                if len(metres) < found:
                    metres = np.empty(len(near), np.float64)
                box = (west[q], south[q], east[q], north[q])
                reach = entry(reach_m, q, -1.0)
                footprint = entry(footprint_m, q, 0.0)
                radius = _radius(layer_alert_m[layer], reach, footprint)
                _measure(keys, exact, box, radius, window.right - window.left < _NARROW, near, found, metres)
                if n + found > len(place):
                    observation, place, distance_m = _grown(observation, place, distance_m, n + found)
                limit = reach if reach >= 0.0 else layer_alert_m[layer]
                own = reach < 0.0 and len(alert_m) > 0
                for i in range(found):
                    k = near[i]
                    if own:
                        limit = alert_m[k]
                    distance = metres[i] - footprint
                    sure = distance < limit - DOUBT_M and metres[i] >= 0.0
                    hit = metres[i] < 0.0 or distance <= limit + DOUBT_M
                    observation[n] = q
                    place[n] = places[k]
                    distance_m[n] = max(distance, 0.0) if sure else -1.0 - k
                    open_ += hit and not sure
                    n += hit
            if layer == layers - 1:
                sort_by_place(place, distance_m, begin, n)
    return observation[:n], place[:n], distance_m[:n], open_, -1


@compiled
def _radius(alert_m_max: float, reach: float, footprint: float) -> float:
    return min((alert_m_max if reach < 0.0 else reach) + footprint, FARTHEST_M) + DOUBT_M


@compiled
def _windows(
    layer_alert_m: Floats, tiles: NDArray[np.int32], heads: Keys,
    west: Floats, south: Floats, east: Floats, north: Floats, reach_m: Floats, footprint_m: Floats,
    block: int, items: int, windows: Ints, asked: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Write each item's window and, last, whether it is small (1), wide (2) or nowhere (0); ask for the words of small.

    An item is a query in a layer. Returns the first query that is out of range, or −1, and how many words are asked.
    """
    layers = len(layer_alert_m)
    n = 0
    for item in range(items):
        q = (block + item) // layers
        layer = block + item - q * layers
        windows[item, 4] = 0
        state = usable(west[q], south[q], east[q], north[q])
        if state < 1:
            if state < 0:
                return q, 0
            continue
        radius = _radius(layer_alert_m[layer], entry(reach_m, q, -1.0), entry(footprint_m, q, 0.0))
        low, high, left, right = window_of(west[q], south[q], east[q], north[q], radius)
        windows[item, 0] = low
        windows[item, 1] = high
        windows[item, 2] = left
        windows[item, 3] = right
        windows[item, 4] = 2
        if is_small(low, high, left, right):
            windows[item, 4] = 1
            n = list_words(tiles, heads, low, high, left, right, layer, item, asked, n)
    return -1, n


@compiled
def _preselect(keys: Keys, begin: int, end: int, window: Window, near: Ints, n: int) -> tuple[Ints, int]:
    """Append the positions of those points of a stretch that lie in a window; without branches."""
    if n + end - begin > len(near):
        near = np.concatenate((near[:n], np.empty(n + end - begin, np.int64)))
    left = window.left if window.left >= 0 else window.left + TURN
    width = window.right - window.left
    height = window.high - window.low
    for k in range(begin, end):
        x = np.int64(keys[k] >> _HALF) - left
        x = x + TURN if x < 0 else x
        x = x - TURN if x >= TURN else x
        y = np.int64(keys[k] & _LOW) - window.low
        near[n] = k
        n += (x <= width) & (y >= 0) & (y <= height)
    return near, n


@compiled
def _measure(
    keys: Keys, exact: Floats, box: Box, radius: float, narrow: bool, near: Ints, n: int, metres: Floats
) -> None:
    """Metres from a box to points; −1 for those that only Karney can measure, 1e300 for those out of reach."""
    if radius > SERIES_REACH_M:
        chord2_max = chord2_within(radius)
        for i in range(n):
            lon, lat = _position(keys, exact, near[i])
            metres[i] = -1.0 if _may_be_within(box, lon, lat, chord2_max) else 1e300
        return
    at_south = expand(box[1])
    if narrow and box[0] == box[2] and box[1] == box[3]:
        for i in range(n):
            lon, lat = _position(keys, exact, near[i])
            across = abs(lon - box[0])
            across = min(across, 360.0 - across)
            metres[i] = near_distance(at_south, (lat - box[1]) * RAD, across * RAD)
        return
    at_north = at_south if box[3] == box[1] else expand(box[3])
    for i in range(n):
        lon, lat = _position(keys, exact, near[i])
        metres[i] = box_distance(box, at_south, at_north, lon, lat, radius)


@compiled
def _position(keys: Keys, exact: Floats, k: int) -> tuple[float, float]:
    if exact.shape[1] > 0:
        return exact[0, k], exact[1, k]
    return key_lon(keys[k]), key_lat(keys[k])


@compiled
def _may_be_within(box: Box, lon: float, lat: float, chord2_max: float) -> bool:
    """False only where no geodesic from the box's nearest point, as `clamp` finds it, can be so short."""
    s1, c1 = reduced(min(max(lat, box[1]), box[3]))
    s2, c2 = reduced(lat)
    return sphere_chord2(s1, c1, s2, c2, box_offset(box, lon) * RAD) <= chord2_max


@compiled
def _grown(observation: Ints, place: Ints, distance_m: Floats, least: int) -> tuple[Ints, Ints, Floats]:
    more = max(least, 2 * len(place)) - len(place)
    return (
        np.concatenate((observation, np.empty(more, np.int64))),
        np.concatenate((place, np.empty(more, np.int64))),
        np.concatenate((distance_m, np.empty(more, np.float64))),
    )
