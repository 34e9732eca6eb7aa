"""How far the k-th nearest point can be: a bound that makes `PlaceIndex.nearest` an ordinary search."""

import math

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.geodesy import RAD, half_sine2
from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats, Ints
from almenara.kernels.point_bands import HALF_TURN, TURN, degrees, key_x, key_y, lower_bound, units


@compiled
def kth_angle(
    height: float,
    starts: Ints,
    keys: NDArray[np.uint64],
    fences: NDArray[np.uint32],
    lon: Floats,
    lat: Floats,
    k: int,
    angle: Floats,
) -> None:
    """Write the angle (radians, unit sphere of geodetic latitudes) within which each query has k points.

    The bands are visited from the query's outwards, each from its longitude both ways, until nothing nearer can come.
    Queries that are not on the Earth are left as they are.
    """
    bands = len(starts) - 1
    best = np.empty(k, np.float64)  # haversines, a heap with the largest on top
    for q in range(len(lon)):
        if not (abs(lon[q]) <= 180.0 and abs(lat[q]) <= 90.0):
            continue
        best[:] = 2.0
        c = math.cos(lat[q] * RAD)
        middle = int((lat[q] + 90.0) / height)
        x = units(lon[q])
        for step in range(bands):
            gap = max((step - 1) * height, 0.0) * RAD
            if half_sine2(gap) > best[0]:
                break
            for side in range(2 if step else 1):
                band = middle - step if side else middle + step
                if 0 <= band < bands and starts[band] < starts[band + 1]:
                    _visit(height, starts, keys, fences, band, x, lat[q], c, best)
        angle[q] = 2.0 * math.asin(min(1.0, math.sqrt(best[0]))) + 1e-8


@compiled
def _visit(
    height: float,
    starts: Ints,
    keys: NDArray[np.uint64],
    fences: NDArray[np.uint32],
    band: int,
    x: int,
    lat: float,
    c: float,
    best: Floats,
) -> None:
    begin = starts[band]
    end = starts[band + 1]
    edge = max(abs(band * height - 90.0), abs((band + 1) * height - 90.0))
    narrowest = math.cos(min(edge, 90.0) * RAD)
    start = lower_bound(keys, fences, begin, end, x)
    for side in range(2):
        k = start if side == 0 else start - 1
        for _ in range(end - begin):
            if k >= end:
                k = begin
            elif k < begin:
                k = end - 1
            east = (key_x(keys[k]) - x) % TURN
            if (east > HALF_TURN) == (side == 0):
                break
            across = min(east, TURN - east) * 1e-7 * RAD
            wide = half_sine2(across)
            if c * narrowest * wide > best[0]:
                break
            y = degrees(key_y(keys[k]))
            _keep(best, half_sine2((y - lat) * RAD) + c * max(math.cos(y * RAD), 0.0) * wide)
            k += 1 if side == 0 else -1


@compiled
def _keep(best: Floats, value: float) -> None:
    """Replace the largest of the heap by a smaller value."""
    if value >= best[0]:
        return
    i = 0
    while 2 * i + 1 < len(best):
        child = 2 * i + 1
        if child + 1 < len(best) and best[child + 1] > best[child]:
            child += 1
        if best[child] <= value:
            break
        best[i] = best[child]
        i = child
    best[i] = value
