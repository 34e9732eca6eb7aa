"""Places that are polygons of 50 vertices: distance to the boundary, 0 inside."""

from typing import Any

import numpy as np

from benchmarks.charts import bars
from benchmarks.engines import OURS, Bench, summary
from benchmarks.exposure_batch import race_table, read_pairs
from benchmarks.page import Goal, Section, big, table

TITLE = "Polygons: distance to a boundary of 50 vertices"

#: polygons, observations, reach in metres, rounds
CASES = {
    "full": (100_000, 100_000, 300.0, 3),
    "small": (20_000, 20_000, 300.0, 1),
    "tiny": (300, 3_000, 20_000.0, 1),
}


def measure(bench: Bench) -> dict[str, Any]:
    """Every engine that takes polygons, by turns; then how their pairs differ from ours."""
    places, count, distance_m, rounds = CASES[bench.size]
    engines = bench.peers(outlines=True, places=places)
    job = {
        "task": "outlines", "places": str(bench.data.outlines(places)), "distance_m": distance_m, "repeats": 2,
        "observations": str(_observations(bench, count)),
    }  # fmt: skip
    results: dict[str, Any] = {}
    with bench.servers():
        for name, some in bench.race(engines, job, rounds).items():
            results[bench.name(name)] = summary(some)
        differences = _differences(bench, engines, job)
    return {"places": places, "distance_m": distance_m, "engines": results, "differences": differences}


def describe(result: dict[str, Any]) -> Section:
    """One table of speeds, one of differences."""
    engines = result["engines"]
    speeds = {name: r["observations"] / r["wall_s"] for name, r in engines.items() if "failed" not in r}
    title = f"{big(result['places'])} polygons of 50 vertices, {result['distance_m'] / 1000:g} km"
    rows = [
        [name, f"{d['only_ours']}", f"{d['only_theirs']}", _metres(d["farthest_m"]), d["why"] or ""]
        for name, d in result["differences"].items()
    ]
    text = [
        race_table(engines),
        f"![{title}](benchmarks/polygons.svg)",
        "Edges are straight in longitude and latitude (RFC 7946). How the pairs differ, and how far from the reach the "
        "farthest pair lies that only one of two has:",
        table(["engine", "only ours", "only theirs", "farthest from the reach", "because"], rows),
    ]
    return Section(text, {"polygons": bars(title, "observations a second", speeds)})


def goals(_result: dict[str, Any]) -> list[Goal]:
    """None are set for polygons."""
    return []


def _observations(bench: Bench, count: int) -> Any:
    """Where the polygons lie, too: within 80° of the equator."""
    path = bench.data.folder / f"observations-{count}-temperate.npy"
    if not path.exists():
        seen = np.load(bench.data.observations(count))
        np.save(path, seen[:, np.abs(seen[1]) < 79.0])
    return path


def _differences(bench: Bench, engines: list[str], job: dict[str, Any]) -> dict[str, Any]:
    """Each peer's pairs against ours."""
    pairs = {}
    for engine in engines:
        kept = bench.data.folder / f"polygons-of-{engine}.npz"
        if "failed" not in bench.run(engine, job | {"repeats": 1, "keep": str(kept)}):
            pairs[engine] = read_pairs(kept)
    mine = pairs.pop(OURS, {})
    told = {}
    for engine, theirs in pairs.items():
        only_ours, only_theirs = mine.keys() - theirs.keys(), theirs.keys() - mine.keys()
        metres = [*(mine[pair] for pair in only_ours), *(theirs[pair] for pair in only_theirs)]
        why = bench.engines[engine]["inexact"] or "edges are straight in the plane of each observation"
        told[bench.name(engine)] = {
            "only_ours": len(only_ours),
            "only_theirs": len(only_theirs),
            "farthest_m": max((abs(one - job["distance_m"]) for one in metres if np.isfinite(one)), default=0.0),
            "why": why if metres else None,
        }
    return told


def _metres(value: float) -> str:
    return f"{value:.2g} m" if value >= 0.1 else f"{1000 * value:.2g} mm"
