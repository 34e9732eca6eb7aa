"""A few observations at a time against places prepared once: how long each call takes, ours and every peer's."""

from typing import Any

from benchmarks.charts import lines
from benchmarks.engines import Bench
from benchmarks.exposure_batch import same_pairs
from benchmarks.page import Goal, Section, big, number, table

TITLE = "Streaming: 1 to 1,000 observations at a time"

SIZES = (1, 10, 100, 1000)
#: (places, reach in metres, rounds)
CASES: dict[str, list[tuple[int, float, int]]] = {
    "full": [(1_000_000, 300.0, 2), (10_000_000, 300.0, 2)],
    "small": [(1_000_000, 300.0, 1)],
    "tiny": [(20_000, 5_000.0, 1)],
}
#: Without an index that lasts they read every place for every call: one size is enough to see it.
_INDEX_EACH_CALL = ("sedonadb_boxes", "sedonadb_geography", "duckdb_spatial")


def measure(bench: Bench) -> dict[str, Any]:
    """Each engine in a process of its own, all sizes of batches in turn."""
    cases = []
    observations = bench.data.observations({"full": 1_000_000, "small": 100_000, "tiny": 5_000}[bench.size])
    for places, distance_m, rounds in CASES[bench.size]:
        bench.say(f"  {big(places)} places")
        job = {
            "task": "stream", "places": str(bench.data.places(places)), "observations": str(observations),
            "distance_m": distance_m, "sizes": SIZES,
        }  # fmt: skip
        lasting = [name for name in bench.peers(places=places) if name not in _INDEX_EACH_CALL]
        others = [name for name in bench.peers(places=places) if name in _INDEX_EACH_CALL]
        with bench.servers():
            found = bench.race(lasting, job, rounds)
            if places <= 1_000_000:
                found |= bench.race(others, job | {"sizes": [100]}, 1)
        cases.append(
            {
                "places": places,
                "distance_m": distance_m,
                "engines": {bench.name(name): _best(some) for name, some in found.items()},
            }
        )
    return {"cases": cases}


def describe(result: dict[str, Any]) -> Section:
    """A table and a plot for each number of places."""
    text, plots = [], {}
    for case in result["cases"]:
        engines = case["engines"]
        text.append(f"### {big(case['places'])} places, {case['distance_m'] / 1000:g} km")
        order = sorted(engines, key=lambda name: _at(engines[name], 100).get("p50_ms", 1e9))
        rows = []
        for name in order:
            if "failed" in engines[name]:
                rows.append([name, f"failed: {engines[name]['failed']}", "", "", "", ""])
                continue
            ms = [_at(engines[name], size) for size in SIZES]
            spans = [f"{number(one['p50_ms'])} / {number(one['p99_ms'])}" if one else "" for one in ms]
            rows.append([name, *spans, number(ms[2]["cpu_ms"]) if ms[2] else ""])
        heads = [f"{size:,}: p50 / p99 ms" for size in SIZES]
        text.append(table(["engine", *heads, "CPU ms for 100"], rows))
        hundreds = {name: one for name in order if (one := _at(engines[name], 100))}
        text.append(same_pairs(hundreds))
        plot = f"stream-{case['places']}"
        series = {
            name: [(one["size"], one["p50_ms"]) for one in engines[name]["sizes"]]
            for name in order
            if hundreds.get(name)
        }
        title = f"Time of a call, {big(case['places'])} places, {case['distance_m'] / 1000:g} km"
        plots[plot] = lines(title, "observations in a call", "median milliseconds", series)
        text.append(f"![{title}](benchmarks/{plot}.svg)")
    return Section(text, plots)


def goals(result: dict[str, Any]) -> list[Goal]:
    """The second row of the goals."""
    found = []
    for case in result["cases"]:
        ours, tree = (_at(case["engines"].get(name, {}), 100) for name in ("Almenara", "Shapely STRtree"))
        if case["places"] == 10_000_000 and ours:
            us = 1000 * ours["p50_ms"]
            found.append(Goal("100 observations, 10⁷ places: p50", "≤ 30 µs", f"{us:.1f} µs", us <= 30))
            if tree:
                ratio = tree["p50_ms"] / ours["p50_ms"]
                found.append(Goal("the same against STRtree", "≥ 10×", f"{ratio:.1f}×", ratio >= 10))
    return found


def _best(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The best round for each size of batch, by its median."""
    failed = [one for one in rounds if "failed" in one]
    if failed:
        return failed[0]
    sizes = [min(ways, key=lambda one: one["p50_ms"]) for ways in zip(*(one["sizes"] for one in rounds), strict=True)]
    return {"sizes": sizes}


def _at(engine: dict[str, Any], size: int) -> dict[str, Any]:
    return next((one for one in engine.get("sizes", []) if one["size"] == size), {})
