"""How cost grows: 10⁵ to 10⁸ places, 10³ to 10⁷ observations, and what a fresh process waits for."""

from pathlib import Path
from typing import Any

from benchmarks.charts import lines
from benchmarks.engines import OURS, Bench, summary
from benchmarks.page import Goal, Section, big, number, table

TITLE = "Growth: places, observations, and opening a file"

#: Metres, and the fresh processes of which the best counts.
DISTANCE_M = {"full": 300.0, "small": 300.0, "tiny": 5_000.0}
OPENED = {"full": 3, "small": 3, "tiny": 1}
PEER = "scipy_ckdtree"
PLACES = {"full": (10**5, 10**6, 10**7, 10**8), "small": (10**5, 10**6), "tiny": (2_000, 20_000)}
#: How many observations meet how many places, and from where on the peer would take too long.
OBSERVATIONS = {
    "full": ((10**3, 10**4, 10**5, 10**6, 10**7), 10**7, 10**6),
    "small": ((10**3, 10**4, 10**5), 10**6, 10**5),
    "tiny": ((100, 1_000), 20_000, 1_000),
}
PEER_PLACES_MAX = 10**7
_SEEN = {"full": 10**6, "small": 10**5, "tiny": 1_000}


def measure(bench: Bench) -> dict[str, Any]:
    """Ours to the end, the best peer as far as it comes in good time."""
    seen = _SEEN[bench.size]
    by_places = []
    for count in PLACES[bench.size]:
        bench.say(f"  {big(count)} places × {big(seen)} observations")
        engines = [OURS] + [PEER] * (PEER in bench.peers() and count <= PEER_PLACES_MAX)
        job = _job(bench, count, seen)
        found = {bench.name(name): summary(some) for name, some in bench.race(engines, job, 1).items()}
        by_places.append({"places": count, "engines": found, "file": _file(bench, count)})
    counts, places, peer_max = OBSERVATIONS[bench.size]
    bench.say(f"  {big(places)} places × {big(counts[0])} to {big(counts[-1])} observations")
    by_observations = {}
    for engine in [OURS] + [PEER] * (PEER in bench.peers()):
        mine = [count for count in counts if engine == OURS or count <= peer_max]
        job = _job(bench, places, counts[-1]) | {"counts": mine}
        by_observations[bench.name(engine)] = bench.race([engine], job, 1)[engine][0]
    return {
        "by_places": by_places,
        "by_observations": by_observations,
        "seen": seen,
        "places": places,
        "distance_m": DISTANCE_M[bench.size],
    }


def describe(result: dict[str, Any]) -> Section:
    """Two tables, three plots."""
    rows = []
    for row in result["by_places"]:
        r, f = row["engines"].get("Almenara", {}), row["file"]
        if "failed" in r or "failed" in f:
            rows.append([big(row["places"]), r.get("failed", f.get("failed", "")), *[""] * 8])
            continue
        numbers = [r["build_s"], r["bytes_a_place"], r["memory_mb"], r["wall_s"]]
        waits = [f["save_s"], f["open_ms"], f["first_ms"], f["first_cold_ms"], f["again_ms"]]
        rows.append([big(row["places"]), *(number(one) for one in [*numbers, *waits])])
    head = [
        "places", "build s", "B a place", "peak MB", f"s to join {big(result['seen'])}", "save s", "open ms",
        "first answer ms", "from a cold disk ms", "next answer ms",
    ]  # fmt: skip
    text = [
        "Almenara alone; every file is opened in a fresh process, and the first answer is the first call of `within` "
        "there, of 100 observations, compiled code loaded from its cache included. A cold disk is one whose pages the "
        "system was asked to forget.",
        table(head, rows),
        *(f"![Growth](benchmarks/growth-{name}.svg)" for name in ("places", "memory", "observations")),
    ]
    joins: dict[str, list[tuple[float, float]]] = {}
    memory: dict[str, list[tuple[float, float]]] = {}
    for row in result["by_places"]:
        for name, r in row["engines"].items():
            if "failed" not in r:
                joins.setdefault(f"{name}: join", []).append((row["places"], r["wall_s"]))
                joins.setdefault(f"{name}: build", []).append((row["places"], r["build_s"]))
                memory.setdefault(name, []).append((row["places"], max(r["memory_mb"], 0.1)))
    seen = {
        name: [(join["observations"], join["wall_s"]) for join in r["joins"]]
        for name, r in result["by_observations"].items()
        if "failed" not in r
    }
    reach = f"{result['distance_m'] / 1000:g} km"
    plots = {
        "growth-places": lines(f"{big(result['seen'])} observations, {reach}", "places", "seconds", joins),
        "growth-memory": lines("Peak memory of build and join", "places", "MB", memory),
        "growth-observations": lines(f"{big(result['places'])} places, {reach}", "observations", "seconds", seen),
    }
    return Section(text, plots)


def goals(result: dict[str, Any]) -> list[Goal]:
    """The fourth row of the goals."""
    largest = result["by_places"][-1]
    file = largest["file"]
    if largest["places"] < 10**8 or "failed" in file:
        return []
    return [
        Goal("10⁸ places: open", "< 10 ms", f"{file['open_ms']:.1f} ms", file["open_ms"] < 10),
        Goal("10⁸ places: first answer", "< 50 ms", f"{file['first_ms']:.0f} ms", file["first_ms"] < 50),
    ]


def _job(bench: Bench, places: int, observations: int) -> dict[str, Any]:
    return {
        "task": "points", "places": str(bench.data.places(places)), "distance_m": DISTANCE_M[bench.size], "repeats": 2,
        "observations": str(bench.data.observations(observations)),
    }  # fmt: skip


def _file(bench: Bench, count: int) -> dict[str, Any]:
    """Save an index, then open it in processes of their own: the best of some, and once from a cold disk."""
    path = Path(bench.data.folder) / "growth.index"
    job = _job(bench, count, _SEEN[bench.size]) | {"index": str(path)}
    try:
        saved = bench.run(OURS, job | {"task": "save"})
        opened = [
            bench.run(OURS, job | {"task": "open", "cold": cold}) for cold in [False] * OPENED[bench.size] + [True]
        ]
    finally:
        path.unlink(missing_ok=True)
    for one in (saved, *opened):
        if "failed" in one:
            return one
    times = {name: min(one[name] for one in opened[:-1]) for name in ("open_ms", "first_ms", "again_ms", "import_ms")}
    return saved | times | {"first_cold_ms": opened[-1]["open_ms"] + opened[-1]["first_ms"]}
