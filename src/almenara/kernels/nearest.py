"""How far the k-th nearest point can be: a bound that makes `PlaceIndex.nearest` an ordinary search."""

import math

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.geodesy import RAD, half_sine2
from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats
from almenara.kernels.point_tiles import CELL, HALF_TURN, TURN, Keys, Numbers
from almenara.kernels.point_windows import TILE_STRETCHES_MAX, Window, list_wide


@compiled
def bound_kth(
    tiles: NDArray[np.int32], heads: Keys, words: Keys, offsets: NDArray[np.uint16], keys: Keys, places: Numbers,
    layers: int, lon: Floats, lat: Floats, k: int, angle: Floats,
) -> None:  # fmt: skip
    """Write an angle (radians, unit sphere of geodetic latitudes) within which each query has k points.

    Windows that double from one cell on are counted until one holds k. Queries that are not on the Earth are left.
    """
    stretches = np.empty((k + TILE_STRETCHES_MAX, 3), np.int64)
    for q in range(len(lon)):
        if not (abs(lon[q]) <= 180.0 and abs(lat[q]) <= 90.0):
            continue
        y = int((lat[q] + 90.0) * 1e7)
        x = int((lon[q] + 180.0) * 1e7)
        cosine = max(math.cos(lat[q] * RAD), 0.0)
        half = CELL // 2
        while half < HALF_TURN:
            wide = min(int(half / max(cosine, 1e-9)), HALF_TURN)
            window = Window(max(y - half, 0), min(y + half, HALF_TURN), x - wide, x + wide)
            if wide == HALF_TURN:
                window = Window(window.low, window.high, 0, TURN)
            count = 0
            for layer in range(layers):
                n = list_wide(tiles, heads, words, offsets, keys, places, layer, window, stretches, 0)
                for i in range(n):
                    count += stretches[i, 2] - stretches[i, 1]
                if n < 0:  # more stretches than k, and no stretch is empty
                    count = k
            if count >= k:
                angle[q] = _corner(lat[q], cosine, half, wide)
                break
            half *= 2


@compiled
def _corner(lat: float, cosine: float, half: int, wide: int) -> float:
    """No point of the cells that a window of half sizes (units) touches is at a larger angle from its middle.

    Cells may reach beyond the window by themselves, and a window of many cells is counted by words, of eight.
    """
    up = (half + 9 * CELL) * 1e-7 * RAD if half > CELL else (half + CELL) * 1e-7 * RAD
    across = min((wide + 9 * CELL) * 1e-7 * RAD, math.pi)
    lowest = math.cos(max(abs(lat) * RAD - up, 0.0))
    haversine = half_sine2(min(up, math.pi)) + cosine * lowest * half_sine2(across)
    return 2.0 * math.asin(min(1.0, math.sqrt(haversine))) + 1e-8
