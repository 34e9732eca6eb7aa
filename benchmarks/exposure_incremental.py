"""A hazard that grows by k cells costs O(k): following it and finding whom its new cells reach, however large it is."""

import statistics
import time
from typing import Any

import numpy as np

from almenara import PlaceIndex
from almenara.kernels.fire_tracker import FireTracker
from almenara.kernels.grid import boxes_of
from benchmarks.charts import lines
from benchmarks.engines import Bench
from benchmarks.page import Goal, Section, big, number, table
from benchmarks.tracking import Rows, marching_fire

TITLE = "Growing hazards: what k new detections cost"

#: Detections that a fire has before, and those of a pass.
BEFORE = {"full": (100, 1_000, 10_000, 100_000), "small": (100, 1_000, 10_000), "tiny": (100, 1_000)}
GROWN_BY = (1, 10, 100, 1_000)
_PASSES = 15


def measure(bench: Bench) -> dict[str, Any]:
    """Fires grown to a size, then a few passes of each number of detections; half of the places lie in their way."""
    places = {"full": 1_000_000, "small": 100_000, "tiny": 10_000}[bench.size]
    index = _places_in_the_way(bench, places)
    _grow(FireTracker(), index, marching_fire(200, 50))
    rows = []
    for before in BEFORE[bench.size]:
        for k in GROWN_BY:
            tracker = FireTracker()
            told = marching_fire(before + _PASSES * k, k)
            first = -(-before // k)
            tracker.update({name: np.concatenate([one[name] for one in told[:first]]) for name in told[0]})
            spans, cells, pairs = _grow(tracker, index, told[first:])
            rows.append(
                {"before": before, "k": k, "us": 1e6 * statistics.median(spans), "cells": cells, "pairs": pairs}
            )
    return {"rows": rows, "places": places}


def describe(result: dict[str, Any]) -> Section:
    """One table, one plot."""
    by = {(row["before"], row["k"]): row for row in result["rows"]}
    sizes = sorted({before for before, _ in by})
    body = [[f"{k:,}", *(number(by[before, k]["us"]) for before in sizes)] for k in GROWN_BY]
    series = {f"{k} new detections": [(before, by[before, k]["us"]) for before in sizes] for k in GROWN_BY}
    title = "A pass of a growing fire, by how large it was before"
    text = [
        f"Microseconds (median of {_PASSES} passes) to take in k detections of one fire and find all places within "
        f"300 m of the cells that joined it, against {big(result['places'])} places, by the number of detections that "
        "it had before, a minute for each pass.",
        table(["k", *(f"after {big(before)}" for before in sizes)], body),
        f"![{title}](benchmarks/incremental.svg)",
    ]
    return Section(text, {"incremental": lines(title, "detections of the fire before", "microseconds", series)})


def goals(result: dict[str, Any]) -> list[Goal]:
    """The fifth row of the goals: at most twice as much for a fire a thousand times as large."""
    worst = 0.0
    for k in GROWN_BY:
        us = [row["us"] for row in result["rows"] if row["k"] == k]
        worst = max(worst, us[-1] / us[0])
    sizes = [row["before"] for row in result["rows"]]
    times = big(max(sizes) / min(sizes))
    return [
        Goal("k new cells of a hazard", "O(k), whatever its size", f"{worst:.1f}× at {times}× the size", worst <= 2)
    ]


def _grow(tracker: FireTracker, index: PlaceIndex, passes: list[Rows]) -> tuple[list[float], int, int]:
    """Seconds of each pass; cells that joined and pairs found in all of them."""
    spans, cells, pairs = [], 0, 0
    for rows in passes:
        begun = time.perf_counter()
        update = tracker.update(rows)
        joined = np.concatenate([told.cells for told in update.passes])
        found = index.within_boxes(*boxes_of(joined))
        spans.append(time.perf_counter() - begun)
        cells, pairs = cells + len(joined), pairs + len(found.place)
    return spans, cells, pairs


def _places_in_the_way(bench: Bench, count: int) -> PlaceIndex:
    """Half of the places are towns' buildings, half lie evenly where the fire goes."""
    lon, lat = np.load(bench.data.places(count))
    dice = np.random.Generator(np.random.PCG64(905))
    track = marching_fire(max(BEFORE[bench.size]) + _PASSES * max(GROWN_BY), 1_000_000)[0]
    half = count // 2
    lon[:half] = dice.uniform(track["lon"].min(), track["lon"].max(), half)
    lat[:half] = dice.uniform(track["lat"].min(), track["lat"].max(), half)
    return PlaceIndex.build(lon, lat)
