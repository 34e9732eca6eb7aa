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
from almenara.kernels.matches import SCRATCH, Floats, Ints, Matches, sort_by_place
from almenara.kernels.point_blocks import search_block
from almenara.kernels.point_tiles import TURN, Keys, Numbers, PointTiles, key_lat, key_lon
from almenara.kernels.point_windows import (
    BLOCK,
    STRETCHES_MAX,
    UNFIT,
    WORDS_MAX,
    Window,
    is_small,
    list_stretches,
    list_wide,
    list_words,
    window_of,
    windows_of,
)
from almenara.kernels.queries import Boxes, Reach, entry, raise_out_of_range, settle, usable

_NARROW = 200_000_000  # 20 degrees: up to here half an angle's sine has its short series
_NOWHERE, _SMALL, _WIDE = 0, 1, 2
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def search_points(points: PointTiles, boxes: Boxes, reach: Reach, first: int, last: int) -> Matches:
    """Matches of the queries first…last, in order, those of each sorted by place (see `batches.Search`).

    Raises ValueError where a query lies outside the Earth's longitudes and latitudes.
    """
    parts: list[Matches] = []
    room, near_room = 256 + 2 * (last - first), 1024
    query = first
    while True:
        observation, place, distance_m = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
        begun = query
        n, open_, query, wanted = _search(
            points.layer_alert_m, points.tiles, points.heads, points.words, points.offsets, points.keys, points.places,
            points.alert_m, points.exact, boxes.west, boxes.south, boxes.east, boxes.north, reach.reach_m,
            reach.footprint_m, query, last, near_room, observation, place, distance_m,
        )  # fmt: skip
        if wanted < 0:
            raise_out_of_range(boxes, query)
        matches = Matches(observation[:n], place[:n], distance_m[:n])
        if open_:
            matches = _settled(points, boxes, reach, matches)
        if query == last and not parts:
            return matches
        parts.append(matches)
        if query == last:
            return Matches(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        # What was found so far tells how much there may be.
        near_room = max(near_room, 2 * wanted)
        room = 2 * wanted + 256 + 2 * n * (last - query) // max(query - begun, 1)


def _settled(points: PointTiles, boxes: Boxes, reach: Reach, matches: Matches) -> Matches:
    """Matches without those that the kernel left open: they have −1 − (position of the point) as their distance."""
    at = np.flatnonzero(matches.distance_m < 0.0)
    point = (-1.0 - matches.distance_m[at]).astype(np.int64)
    lon, lat = points.coordinates(point)
    alert_m = points.alert_m[point] if len(points.alert_m) else points.layer_alert_m
    return settle(boxes, reach, matches, at, lon, lat, alert_m)


@compiled
def _search(
    layer_alert_m: Floats, tiles: NDArray[np.int32], heads: Keys, words: Keys, offsets: NDArray[np.uint16], keys: Keys,
    places: Numbers, alert_m: Floats, exact: Floats,
    west: Floats, south: Floats, east: Floats, north: Floats, reach_m: Floats, footprint_m: Floats,
    first: int, last: int, near_room: int, observation: Ints, place: Ints, distance_m: Floats,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Fill observation, place and distance with the matches of the queries first…last.

    Returns how many there are; how many of them are to be measured yet; the query before which it stopped, because a
    window may hold more points than there is room for (in the output, or `near_room`), and how many, else `last` and 0;
    or a query that is out of range and −1. All arrays keep their size, which spares counting references to new ones.
    """
    windows = np.empty((7, BLOCK), np.int64)
    asked = np.empty((3, WORDS_MAX), np.int64)
    cells = np.empty(WORDS_MAX, np.uint64)
    stretches = np.empty((STRETCHES_MAX + 2 * near_room, 3), np.int64)
    near = np.empty(near_room, np.int64)
    near_items = np.empty(near_room, np.int64)
    work = np.empty((3, near_room), np.float64)
    radii = np.empty(BLOCK, np.float64)
    scratch = np.empty(SCRATCH, np.int64)
    old_m = np.empty(SCRATCH, np.float64)
    layers = len(layer_alert_m)
    n = 0
    open_ = 0
    step = BLOCK - BLOCK % layers  # whole queries
    for block in range(first * layers, last * layers, step):
        items = min(step, last * layers - block)
        wrong, count, alike = _windows(
            layer_alert_m, tiles, heads, west, south, east, north, reach_m, footprint_m, block, items, windows,
            radii, asked, cells,
        )  # fmt: skip
        if wrong >= 0:
            return 0, 0, wrong, -1
        count = list_stretches(heads, words, offsets, keys, places, asked, cells, count, stretches)
        if alike:
            points = _points_in(stretches, 0, count)
            if points <= near_room and n + points <= len(place):
                n, open_ = search_block(
                    layer_alert_m, keys, places, alert_m, exact, west, south, reach_m, footprint_m, block, windows,
                    stretches, count, near, near_items, work, scratch, old_m, observation, place, distance_m, n, open_,
                )  # fmt: skip
                continue
        count = _place_stretches(
            layer_alert_m, tiles, heads, words, offsets, keys, places, block, items, windows, stretches, count
        )
        n, open_, query, wanted = _search_each(
            layer_alert_m, tiles, heads, words, offsets, keys, places, alert_m, exact, west, south, east, north,
            reach_m, footprint_m, block, items, windows, stretches, count, near, work, scratch, old_m,
            observation, place, distance_m, n, open_,
        )  # fmt: skip
        if query >= 0:
            return n, open_, query, wanted
    return n, open_, last, 0


@compiled
def _search_each(
    layer_alert_m: Floats, tiles: NDArray[np.int32], heads: Keys, words: Keys, offsets: NDArray[np.uint16], keys: Keys,
    places: Numbers, alert_m: Floats, exact: Floats,
    west: Floats, south: Floats, east: Floats, north: Floats, reach_m: Floats, footprint_m: Floats,
    block: int, items: int, windows: Ints, stretches: Ints, count: int, near: Ints, work: NDArray[np.float64],
    scratch: Ints, old_m: Floats, observation: Ints, place: Ints, distance_m: Floats, n: int, open_: int,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Append the matches of a block item by item: boxes, wide windows, or more points than fit together.

    Returns what `_search` does; −1 for the query where all are done.
    """
    layers = len(layer_alert_m)
    lon, lat, metres = work[0], work[1], work[2]
    near_room = len(near)
    begin, open_before = n, open_
    for item in range(items):
        q = (block + item) // layers if layers > 1 else block + item
        layer = block + item - q * layers
        if layer == 0:
            begin = n
            open_before = open_
        window = Window(windows[0, item], windows[1, item], windows[2, item], windows[3, item])
        start, end = windows[5, item], windows[6, item]
        if end < 0:  # there was no room for it beside the others
            start = count
            end = list_wide(tiles, heads, words, offsets, keys, places, layer, window, stretches, count)
        if start == end:
            points = 0
        else:
            points = _points_in(stretches, start, end) if end >= 0 else near_room + 1
            if points > near_room or n + points > len(place):
                return begin, open_before, q, n - begin + points
            points = _preselect(keys, stretches, start, end, window, near)
        if points > 0:
            reach = entry(reach_m, q, -1.0)
            footprint = entry(footprint_m, q, 0.0)
            box = (west[q], south[q], east[q], north[q])
            radius = _radius(layer_alert_m[layer], reach, footprint)
            narrow = window.right - window.left < _NARROW
            _measure(keys, exact, box, radius, narrow, near, points, lon, lat, metres)
            n, open_ = _accept(
                places, alert_m, near, metres, points, q, reach, layer_alert_m[layer], footprint,
                observation, place, distance_m, n, open_,
            )  # fmt: skip
        if layer == layers - 1 and n - begin > 1:
            sort_by_place(place, distance_m, begin, n, scratch, old_m)
    return n, open_, -1, 0


@compiled
def _radius(alert_m_max: float, reach: float, footprint: float) -> float:
    return min((alert_m_max if reach < 0.0 else reach) + footprint, FARTHEST_M) + DOUBT_M


@compiled
def _windows(
    layer_alert_m: Floats, tiles: NDArray[np.int32], heads: Keys,
    west: Floats, south: Floats, east: Floats, north: Floats, reach_m: Floats, footprint_m: Floats,
    block: int, items: int, windows: Ints, radii: Floats, asked: Ints, cells: Keys,
) -> tuple[int, int, bool]:  # fmt: skip
    """Write each item's window and, last, whether it is small, wide or nowhere; ask for the words of the small.

    An item is a query in a layer. Returns the first query that is out of range, or −1; how many words are asked; and
    whether all are points with small windows or nowhere.
    """
    layers = len(layer_alert_m)
    for item in range(items):
        q = (block + item) // layers if layers > 1 else block + item
        layer_m = layer_alert_m[block + item - q * layers]
        radii[item] = _radius(layer_m, entry(reach_m, q, -1.0), entry(footprint_m, q, 0.0))
    windows_of(west, south, east, north, block, layers, radii, items, tiles, windows)
    n = 0
    alike = True
    for item in range(items):
        q = (block + item) // layers if layers > 1 else block + item
        state = usable(west[q], south[q], east[q], north[q])
        if state < 0:
            return q, 0, False
        if windows[4, item] == UNFIT:
            window = window_of(west[q], south[q], east[q], north[q], radii[item])
            windows[0, item] = window.low
            windows[1, item] = window.high
            windows[2, item] = window.left
            windows[3, item] = window.right
        window = Window(windows[0, item], windows[1, item], windows[2, item], windows[3, item])
        windows[4, item] = _WIDE
        if state == 0:
            windows[4, item] = _NOWHERE
        elif is_small(window):
            windows[4, item] = _SMALL
            n = list_words(tiles, heads, window, block + item - q * layers, item, asked, cells, n)
            alike &= (west[q] == east[q]) & (south[q] == north[q])
        else:
            alike = False
    return -1, n, alike


@compiled
def _place_stretches(
    layer_alert_m: Floats, tiles: NDArray[np.int32], heads: Keys, words: Keys, offsets: NDArray[np.uint16], keys: Keys,
    places: Numbers, block: int, items: int, windows: Ints, stretches: Ints, count: int,
) -> int:  # fmt: skip
    """Write where in `stretches` those of each item lie, list those of wide windows behind `count` of small.

    The end is −1 where there is no room. Returns how many there are.
    """
    layers = len(layer_alert_m)
    small = count
    at = 0
    for item in range(items):
        windows[5, item] = at
        while at < small and stretches[at, 0] == item:
            at += 1
        windows[6, item] = at
        if windows[4, item] == _WIDE:
            window = Window(windows[0, item], windows[1, item], windows[2, item], windows[3, item])
            layer = (block + item) % layers if layers > 1 else 0
            end = list_wide(tiles, heads, words, offsets, keys, places, layer, window, stretches, count)
            windows[5, item] = count
            windows[6, item] = end
            count = max(count, end)
    return count


@compiled
def _points_in(stretches: Ints, start: int, end: int) -> int:
    total = 0
    for i in range(start, end):
        total += int(stretches[i, 2] - stretches[i, 1])
    return total


@compiled
def _preselect(keys: Keys, stretches: Ints, start: int, end: int, window: Window, near: Ints) -> int:
    """The positions of those points of some stretches that lie in a window, and how many; without branches."""
    left = window.left if window.left >= 0 else window.left + TURN
    width = window.right - window.left
    height = window.high - window.low
    n = 0
    for i in range(start, end):
        for k in range(int(stretches[i, 1]), int(stretches[i, 2])):
            x = np.int64(keys[k] >> _HALF) - left
            x = x + TURN if x < 0 else x
            x = x - TURN if x >= TURN else x
            y = np.int64(keys[k] & _LOW) - window.low
            near[n] = k
            n += int((x <= width) & (y >= 0) & (y <= height))
    return n


@compiled
def _measure(
    keys: Keys, exact: Floats, box: Box, radius: float, narrow: bool, near: Ints, n: int,
    lon: Floats, lat: Floats, metres: Floats,
) -> None:  # fmt: skip
    """Metres from a box to points; −1 for those that only Karney can measure, 1e300 for those out of reach."""
    if exact.shape[1] > 0:
        for i in range(n):
            lon[i] = exact[0, near[i]]
            lat[i] = exact[1, near[i]]
    else:
        for i in range(n):
            lon[i] = key_lon(keys[near[i]])
            lat[i] = key_lat(keys[near[i]])
    if radius > SERIES_REACH_M:
        chord2_max = chord2_within(radius)
        for i in range(n):
            metres[i] = -1.0 if _may_be_within(box, lon[i], lat[i], chord2_max) else 1e300
        return
    at_south = expand(box[1])
    if narrow and box[0] == box[2] and box[1] == box[3]:
        for i in range(n):
            across = abs(lon[i] - box[0])
            metres[i] = near_distance(at_south, (lat[i] - box[1]) * RAD, min(across, 360.0 - across) * RAD)
        return
    at_north = at_south if box[3] == box[1] else expand(box[3])
    for i in range(n):
        metres[i] = box_distance(box, at_south, at_north, lon[i], lat[i], radius)


@compiled
def _accept(
    places: Numbers, alert_m: Floats, near: Ints, metres: Floats, points: int, query: int,
    reach: float, layer_alert_m: float, footprint: float, observation: Ints, place: Ints, distance_m: Floats, n: int,
    open_: int,
) -> tuple[int, int]:  # fmt: skip
    """Append the points within reach to the matches; how many there are then, and how many of them are open."""
    limit = reach if reach >= 0.0 else layer_alert_m
    own = reach < 0.0 and len(alert_m) > 0
    for i in range(points):
        k = near[i]
        if own:
            limit = alert_m[k]
        distance = metres[i] - footprint
        measured = metres[i] >= 0.0
        sure = measured and distance < limit - DOUBT_M
        hit = not measured or distance <= limit + DOUBT_M
        observation[n] = query
        place[n] = places[k]
        distance_m[n] = max(distance, 0.0) if sure else -1.0 - k
        open_ += hit and not sure
        n += hit
    return n, open_


@compiled
def _may_be_within(box: Box, lon: float, lat: float, chord2_max: float) -> bool:
    """False only where no geodesic from the box's nearest point, as `clamp` finds it, can be so short."""
    s1, c1 = reduced(min(max(lat, box[1]), box[3]))
    s2, c2 = reduced(lat)
    return sphere_chord2(s1, c1, s2, c2, box_offset(box, lon) * RAD) <= chord2_max
