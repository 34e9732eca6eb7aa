"""The points near a block of many queries measured together, when all of these are points with small windows.

Most queries have no point near, some have a few. One loop over what all of a block have between them is done by the
processor in whole registers, where one loop for each query would hardly begin.
"""

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.geodesy import DOUBT_M, RAD, expand, near_distance
from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats, Ints, sort_by_place
from almenara.kernels.point_tiles import Keys, Numbers, key_lat, key_lon
from almenara.kernels.prefetch import prefetch
from almenara.kernels.queries import entry

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@compiled
def search_block(
    layer_alert_m: Floats, keys: Keys, places: Numbers, alert_m: Floats, exact: Floats, west: Floats, south: Floats,
    reach_m: Floats, footprint_m: Floats, block: int, windows: Ints, stretches: Ints, count: int,
    near: Ints, items: Ints, work: NDArray[np.float64], scratch: Ints, old_m: Floats,
    observation: Ints, place: Ints, distance_m: Floats, n: int, open_: int,
) -> tuple[int, int]:  # fmt: skip
    """Append the matches of a block's queries, by query and place; how many there are then, and how many are open."""
    points = _preselect(keys, windows, stretches, count, near, items)
    if points == 0:
        return n, open_
    for i in range(points):
        prefetch(places, near[i])
    _measure(keys, exact, west, south, block, len(layer_alert_m), near, items, points, work)
    begin = n
    n, open_ = _accept(
        layer_alert_m, places, alert_m, reach_m, footprint_m, block, near, items, work, points,
        observation, place, distance_m, n, open_,
    )  # fmt: skip
    for i in range(begin + 1, n + 1):
        if i == n or observation[i] != observation[begin]:
            if i - begin > 1:
                sort_by_place(place, distance_m, begin, i, scratch, old_m)
            begin = i
    return n, open_


@compiled
def _preselect(keys: Keys, windows: Ints, stretches: Ints, count: int, near: Ints, items: Ints) -> int:
    """The positions of the points that lie in the window of their stretch's item, the items, and how many there are.

    A packed point less the packed corner is the packed difference. What lies west of the corner, or south of it and so
    borrows, differs by more than any small window's extent.
    """
    n = 0
    for i in range(count):
        item = stretches[i, 0]
        corner = np.uint64(windows[2, item] << 32 | windows[0, item])
        width = np.uint64(windows[3, item] - windows[2, item])
        height = np.uint64(windows[1, item] - windows[0, item])
        for k in range(stretches[i, 1], stretches[i, 2]):
            off = keys[k] - corner
            near[n] = k
            items[n] = item
            n += int(((off >> _HALF) <= width) & ((off & _LOW) <= height))
    return n


@compiled
def _measure(
    keys: Keys, exact: Floats, west: Floats, south: Floats, block: int, layers: int, near: Ints, items: Ints, n: int,
    work: NDArray[np.float64],
) -> None:  # fmt: skip
    """Write the metres from queries to points into the first row of `work`."""
    for i in range(n):
        k = near[i]
        q = (block + items[i]) // layers if layers > 1 else block + items[i]
        lon = exact[0, k] if exact.shape[1] > 0 else key_lon(keys[k])
        lat = exact[1, k] if exact.shape[1] > 0 else key_lat(keys[k])
        across = abs(lon - west[q])
        work[0, i] = south[q]
        work[1, i] = (lat - south[q]) * RAD
        work[2, i] = min(across, 360.0 - across) * RAD
    for i in range(n):
        work[0, i] = near_distance(expand(work[0, i]), work[1, i], work[2, i])


@compiled
def _accept(
    layer_alert_m: Floats, places: Numbers, alert_m: Floats, reach_m: Floats, footprint_m: Floats, block: int,
    near: Ints, items: Ints, work: NDArray[np.float64], points: int,
    observation: Ints, place: Ints, distance_m: Floats, n: int, open_: int,
) -> tuple[int, int]:  # fmt: skip
    """Append the points within reach to the matches; how many there are then, and how many of them are open."""
    layers = len(layer_alert_m)
    own = len(alert_m) > 0
    for i in range(points):
        k = near[i]
        q = (block + items[i]) // layers if layers > 1 else block + items[i]
        reach = entry(reach_m, q, -1.0)
        if reach < 0.0:
            reach = alert_m[k] if own else layer_alert_m[block + items[i] - q * layers]
        distance = work[0, i] - entry(footprint_m, q, 0.0)
        hit = distance <= reach + DOUBT_M
        sure = distance < reach - DOUBT_M
        observation[n] = q
        place[n] = places[k]
        distance_m[n] = max(distance, 0.0) if sure else -1.0 - k
        open_ += int(hit) - int(sure)
        n += int(hit)
    return n, open_
