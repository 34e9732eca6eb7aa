"""Detections for the fire tracker, and a fire that grows by so many of them in each pass."""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.fire_tracker import EXTRA
from almenara.simulation.synthetic import FirePixels

Rows = dict[str, NDArray[Any]]

KM_A_DEGREE = 111.2
PIXEL_M = 375.0
START_MIN = 29_000_000  # minutes since 1970: in 2025


def rows_of(pixels: FirePixels) -> Rows:
    """Made-up detections as the tracker takes them."""
    return rows_at(pixels.time_ms // 60_000, pixels.lon, pixels.lat, pixels.across_m, pixels.along_m)


def rows_at(
    t: NDArray[Any],
    lon: NDArray[Any],
    lat: NDArray[Any],
    across_m: NDArray[Any],
    along_m: NDArray[Any],
    first_key: int = 0,
) -> Rows:
    """Detections with keys of their own, in order from `first_key`."""
    n = len(t)
    rows: Rows = {
        "t": t.astype(np.int32), "lon": lon, "lat": lat, "across_m": across_m.astype(np.float32),
        "along_m": along_m.astype(np.float32), "key_hi": t.astype(np.uint64),
        "key_lo": np.arange(first_key, first_key + n, dtype=np.uint64),
    }  # fmt: skip
    return rows | {name: np.zeros(n, kind) for name, kind in EXTRA.items()}


def some(rows: Rows, which: slice | NDArray[Any]) -> Rows:
    """A part of the detections."""
    return {name: column[which] for name, column in rows.items()}


def by_pass(rows: Rows) -> list[Rows]:
    """The detections of each minute, in order."""
    order = np.argsort(rows["t"], kind="stable")
    rows = some(rows, order)
    cuts = [0, *(np.flatnonzero(np.diff(rows["t"])) + 1).tolist(), len(order)]
    return [some(rows, slice(a, b)) for a, b in itertools.pairwise(cuts)]


def one_great_fire(passes: int, pixels: int, radius_km: float, seed: int) -> list[Rows]:
    """A fire that spreads from one point for weeks: a ring with bays in each pass, larger as the front grows."""
    dice = np.random.Generator(np.random.PCG64([seed, 904]))
    share = np.sqrt(np.arange(1, passes + 1)) * (0.2 + dice.random(passes))
    counts = dice.multinomial(pixels, share / share.sum())
    number = np.repeat(np.arange(passes), counts)
    front_km = radius_km * ((number + 1) / passes) ** 0.7
    angle = 2 * np.pi * dice.random(pixels)
    front_km *= 1.0 + 0.25 * np.cos(3 * angle + 1.0) + 0.1 * np.cos(8 * angle) + 0.03 * dice.standard_normal(pixels)
    lat = 37.2 + front_km * np.sin(angle) / KM_A_DEGREE
    lon = -119.3 + front_km * np.cos(angle) / (KM_A_DEGREE * np.cos(np.radians(37.2)))
    size = PIXEL_M * (1.0 + 0.6 * dice.random(passes))[number]
    return by_pass(rows_at(START_MIN + 720 * number, lon, lat, size, size))


def marching_fire(detections: int, a_pass: int, width: int = 64) -> list[Rows]:
    """A fire that grows by `a_pass` detections on fresh ground in every pass: rows of `width` of them, northwards."""
    number = np.arange(detections)
    lat = -60.0 + (number // width) * PIXEL_M / 1000.0 / KM_A_DEGREE
    lon = -60.0 + (number % width) * PIXEL_M / 1000.0 / (KM_A_DEGREE * np.cos(np.radians(lat)))
    t = START_MIN + number // a_pass
    size = np.full(detections, PIXEL_M)
    return by_pass(rows_at(t, lon, lat, size, size))
