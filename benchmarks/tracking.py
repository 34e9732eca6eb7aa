"""Detections for the fire tracker: made-up days of the world, a great fire, and fires that grow by so many a pass."""

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from almenara.model.observations import OBSERVATIONS, detection_keys
from almenara.simulation.synthetic import KM_A_DEGREE, FirePixels
from almenara.stages.observations import Counted

#: Columns of one length: lon, lat (degrees), time (ms since 1970, UTC), across_m, along_m (metres).
Batch = dict[str, NDArray[Any]]

MINUTE_MS = 60_000
PIXEL_M = 375.0
START_MS = 1_750_000_020_000


def batch_of(pixels: FirePixels) -> Batch:
    """Made-up detections as a batch."""
    return {
        "lon": pixels.lon, "lat": pixels.lat, "time": pixels.time_ms,
        "across_m": pixels.across_m, "along_m": pixels.along_m,
    }  # fmt: skip


def by_pass(batch: Batch) -> list[Batch]:
    """The detections of each minute, in order."""
    order = np.argsort(batch["time"], kind="stable")
    cuts = [0, *(np.flatnonzero(np.diff(batch["time"][order])) + 1).tolist(), len(order)]
    return [{name: column[order[a:b]] for name, column in batch.items()} for a, b in itertools.pairwise(cuts)]


def joined(batches: list[Batch]) -> Batch:
    """Several batches as one."""
    return {name: np.concatenate([one[name] for one in batches]) for name in batches[0]}


def counted(batch: Batch) -> Counted:
    """A batch as the stage of fires receives it: every row new."""
    n = len(batch["lon"])
    hi, lo = detection_keys("made up", "VIIRS", batch["time"] // MINUTE_MS, batch["lon"], batch["lat"])
    columns = {**batch, "key_hi": hi, "key_lo": lo, "version": np.zeros(n, np.int64)}
    columns |= {"value": np.full(n, 10.0), "confidence": np.ones(n), "heat_class": np.full(n, -1)}
    columns |= {"depth_km": np.full(n, np.nan)}
    words = {"platform": "made up", "instrument": "VIIRS", "status": "current"}
    arrays = [
        pa.array(columns[field.name]).cast(field.type)
        if field.name in columns
        else pa.array([words.get(field.name)] * n, pa.string()).cast(field.type)
        for field in OBSERVATIONS
    ]
    nobody = np.zeros(0, np.uint64)
    return Counted(pa.table(arrays, schema=OBSERVATIONS), nobody, nobody)


def one_great_fire(passes: int, pixels: int, radius_km: float, seed: int) -> list[Batch]:
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
    return by_pass(_batch(720 * number, lon, lat, size))


def marching_fire(detections: int, a_pass: int, width: int = 64) -> list[Batch]:
    """A fire that grows by `a_pass` detections on fresh ground in every pass: rows of `width` of them, northwards."""
    number = np.arange(detections)
    lat = -60.0 + (number // width) * PIXEL_M / 1000.0 / KM_A_DEGREE
    lon = -60.0 + (number % width) * PIXEL_M / 1000.0 / (KM_A_DEGREE * np.cos(np.radians(lat)))
    return by_pass(_batch(number // a_pass, lon, lat, np.full(detections, PIXEL_M)))


def _batch(minute: NDArray[Any], lon: NDArray[Any], lat: NDArray[Any], size_m: NDArray[Any]) -> Batch:
    return {"lon": lon, "lat": lat, "time": START_MS + MINUTE_MS * minute, "across_m": size_m, "along_m": size_m}
