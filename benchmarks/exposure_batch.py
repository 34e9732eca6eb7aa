"""Many observations at once against many places: the pairs within reach, ours and every peer's, by turns."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.charts import bars
from benchmarks.engines import JUDGE, Bench, summary
from benchmarks.page import Goal, Section, big, number, table

TITLE = "Batch: all pairs of places and observations within reach"

#: (places, observations, reach in metres, rounds); places None: the towns of the world.
CASES: dict[str, list[tuple[int | None, int, float, int]]] = {
    "full": [(10_000_000, 1_000_000, 300.0, 3), (None, 100_000, 20_000.0, 3), (1_000_000, 100_000, 300.0, 3)],
    "small": [(1_000_000, 100_000, 300.0, 1), (None, 10_000, 20_000.0, 1)],
    "tiny": [(20_000, 5_000, 2_000.0, 1)],
}
#: Peers that are asked once only, and not for the millions of pairs of the towns: they would need minutes.
_SLOW = ("postgis",)


def measure(bench: Bench) -> dict[str, Any]:
    """All cases, then the edges of the Earth against brute force."""
    cases = []
    for places, count, distance_m, rounds in CASES[bench.size]:
        path = bench.data.towns() if places is None else bench.data.places(places)
        n_places = int(np.load(path, mmap_mode="r").shape[1])
        title = f"{'towns' if places is None else 'places'}: {big(n_places)} × {big(count)}, {distance_m / 1000:g} km"
        bench.say(f"  {title}")
        able = bench.peers(places=n_places)
        slow = [name for name in able if name in _SLOW and distance_m < 10_000]
        observations = bench.data.observations(count)
        job = _job(path, observations, distance_m) | {"repeats": 2}
        with bench.servers():
            rounds_of = bench.race([name for name in able if name not in _SLOW], job, rounds)
            rounds_of |= bench.race(slow, job | {"repeats": 1}, 1)
        results = {bench.name(name): summary(some) for name, some in rounds_of.items()}
        cases.append(
            {"title": title, "places": n_places, "distance_m": distance_m, "rounds": rounds, "engines": results}
        )
    return {"cases": cases, "edges": _edges(bench)}


def describe(result: dict[str, Any]) -> Section:
    """A table and a plot for each case."""
    text, plots = [], {}
    for place, case in enumerate(result["cases"]):
        text += [
            f"### {case['title'][0].upper()}{case['title'][1:]}",
            race_table(case["engines"]),
            same_pairs(case["engines"]),
        ]
        name = f"batch-{place + 1}"
        speeds = {e: r["observations"] / r["wall_s"] for e, r in case["engines"].items() if "failed" not in r}
        plots[name] = bars(case["title"], "observations a second", speeds)
        text.append(f"![{case['title']}](benchmarks/{name}.svg)")
    text += ["### The edges of the Earth", _edges_text(result["edges"])]
    return Section(text, plots)


def goals(result: dict[str, Any]) -> list[Goal]:
    """The first and the third row of the goals."""
    found = []
    for case in result["cases"]:
        ours, peers = split(case["engines"])
        if not ours or not peers:
            continue
        wall = min(r["wall_s"] for r in peers.values()) / ours["wall_s"]
        cpu = min(r["cpu_s"] for r in peers.values()) / ours["cpu_s"]
        if case["distance_m"] == 300.0 and case["places"] >= 10_000_000:
            bytes_a_place, build_s = ours["bytes_a_place"], ours["build_s"]
            found += [
                Goal("10⁷ × 10⁶, 300 m: wall", "≥ 15× the best peer", f"{wall:.1f}×", wall >= 15),
                Goal("10⁷ × 10⁶, 300 m: CPU", "≥ 8× the best peer", f"{cpu:.1f}×", cpu >= 8),
                Goal("10⁷ places: memory", "≤ 14 B a place", f"{bytes_a_place:.1f} B", bytes_a_place <= 14),
                Goal("10⁷ places: build", "≤ 0.5 s", f"{build_s:.2f} s", build_s <= 0.5),
            ]
        tree = peers.get("SciPy cKDTree")
        if case["distance_m"] == 20_000.0 and tree:
            wall, cpu = tree["wall_s"] / ours["wall_s"], tree["cpu_s"] / ours["cpu_s"]
            work = f"{case['title']}, against cKDTree and chord"
            found.append(Goal(work, "faster: wall and CPU", f"{wall:.1f}× and {cpu:.1f}×", wall > 1 and cpu > 1))
    return found


def race_table(engines: dict[str, dict[str, Any]]) -> str:
    """One row for each engine, the quickest first."""
    ours, _ = split(engines)
    rows = []
    for name, r in sorted(engines.items(), key=lambda item: item[1].get("wall_s", np.inf)):
        if "failed" in r:
            rows.append([name, f"failed: {r['failed']}", *[""] * 8])
            continue
        ratios = [r["wall_s"] / ours["wall_s"], r["cpu_s"] / ours["cpu_s"]] if ours else [np.nan, np.nan]
        rows.append(
            [
                name, number(r["build_s"]), number(r["wall_s"]), number(r["wall_median_s"]), number(r["cpu_s"]),
                big(r["observations"] / r["wall_s"]), number(r["memory_mb"]), f"{r['pairs']:,}",
                *(f"{ratio:.1f}" for ratio in ratios),
            ]
        )  # fmt: skip
    head = ["engine", "build s", "join s", "median s", "CPU s", "observations/s", "peak MB", "pairs", "× wall", "× CPU"]
    return table(head, rows)


def split(engines: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Our result (empty when there is none), and those of the peers that have one."""
    done = {name: r for name, r in engines.items() if "failed" not in r}
    return done.pop("Almenara", {}), done


def same_pairs(engines: dict[str, dict[str, Any]]) -> str:
    """Whether all found the same pairs."""
    hashes: dict[str, list[str]] = {}
    for name, r in engines.items():
        if "failed" not in r:
            hashes.setdefault(r["hash"], []).append(name)
    if len(hashes) == 1:
        return f"All {sum(map(len, hashes.values()))} found the same pairs (hash `{next(iter(hashes))}`)."
    groups = "; ".join(f"`{key}`: {', '.join(names)}" for key, names in hashes.items())
    return f"**The pairs differ**: {groups}."


def _job(places: Path, observations: Path, distance_m: float) -> dict[str, Any]:
    return {
        "task": "points", "places": str(places), "observations": str(observations), "distance_m": distance_m,
        "repeats": 1,
    }  # fmt: skip


def _edges(bench: Bench) -> dict[str, Any]:
    """Every engine's pairs about the antimeridian and the poles, held against brute force."""
    places, observations = bench.data.edges("places"), bench.data.edges("observations")
    bench.say("  the edges of the Earth")
    found: dict[str, Any] = {}
    true: dict[tuple[int, int], float] = {}
    with bench.servers():
        for engine in [JUDGE, *bench.peers()]:
            kept = bench.data.folder / f"edges-of-{engine}.npz"
            result = bench.run(engine, _job(places, observations, 300.0) | {"keep": str(kept)})
            if "failed" in result:
                found[bench.name(engine)] = result
                continue
            pairs = read_pairs(kept)
            if engine == JUDGE:
                true = pairs
                continue
            errors = [abs(metres - true[pair]) for pair, metres in pairs.items() if pair in true]
            found[bench.name(engine)] = {
                "missed": len(true.keys() - pairs.keys()),
                "wrong": len(pairs.keys() - true.keys()),
                "error_m": max(errors, default=0.0),
            }
    return {"pairs": len(true), "engines": found}


def read_pairs(path: Path) -> dict[tuple[int, int], float]:
    """Distances by (observation, place)."""
    with np.load(path) as kept:
        keys = zip(kept["observation"].tolist(), kept["place"].tolist(), strict=True)
        return dict(zip(keys, kept["distance_m"].tolist(), strict=True))


def _edges_text(edges: dict[str, Any]) -> str:
    rows = [
        [name, f"failed: {r['failed']}", "", ""]
        if "failed" in r
        else [name, str(r["missed"]), str(r["wrong"]), f"{1e9 * r['error_m']:.0f} nm"]
        for name, r in edges["engines"].items()
    ]
    text = (
        f"Clusters at ±180°, at both poles and in high latitudes, with exact 180°, −180° and ±90° among them: "
        f"{edges['pairs']:,} pairs by brute force with Karney's geodesic (PROJ), 300 m.\n\n"
    )
    return text + table(["engine", "pairs missed", "pairs too many", "largest error of a distance"], rows)
