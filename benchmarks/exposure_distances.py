"""Places that each have their own alert distance, against places that all have one: what the mixture costs."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from almenara import PlaceIndex
from almenara.kernels.matches import Matches
from benchmarks.datasets import SEED
from benchmarks.engines import Bench
from benchmarks.page import Goal, Section, big, number, table

TITLE = "Mixed alert distances: each place its own"

#: (places, observations, rounds)
SIZES = {"full": (1_000_000, 20_000, 5), "small": (100_000, 20_000, 3), "tiny": (20_000, 2_000, 1)}
NEAR_M, TOWN_M, FAR_M = 300.0, 1_000.0, (5_000.0, 20_000.0)
_FAR, _NOT_NEAR = 0.1, 0.5  # shares of all places


def measure(bench: Bench) -> dict[str, Any]:
    """The same places and observations with one distance, with mixed ones, and with the mixed ones by a detour."""
    count, seen, rounds = SIZES[bench.size]
    lon, lat = np.load(bench.data.places(count))
    x, y = np.load(bench.data.observations(seen))
    alert_m = _mixed(count)
    parts = [alert_m == NEAR_M, alert_m == TOWN_M, alert_m >= FAR_M[0]]
    near = PlaceIndex.build(lon, lat, alert_distance_m=NEAR_M)
    mixed = PlaceIndex.build(lon, lat, alert_distance_m=alert_m)
    apart = [PlaceIndex.build(lon[part], lat[part], alert_distance_m=alert_m[part]) for part in parts]

    def filtered() -> Matches:
        found = near.within(x, y, FAR_M[1])
        keep = found.distance_m <= alert_m[found.place]
        return Matches(found.observation[keep], found.place[keep], found.distance_m[keep])

    ways: dict[str, Callable[[], list[Matches]]] = {
        "all 300 m": lambda: [near.within(x, y)],
        "mixed": lambda: [mixed.within(x, y)],
        "an index for each kind": lambda: [index.within(x, y) for index in apart],
        "all looked for at 20 km, then told apart": lambda: [filtered()],
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    pairs: dict[str, int] = {}
    for turn in range(1 + rounds):
        for name, work in ways.items():
            cpu, begun = time.process_time(), time.perf_counter()
            found = work()
            spent = time.perf_counter() - begun, time.process_time() - cpu
            pairs[name] = sum(len(one.place) for one in found)
            if turn > 0:
                times[name].append(spent)
    rows = [
        {"way": name, "pairs": pairs[name], "wall_s": min(wall), "cpu_s": min(cpu)}
        for name, (wall, cpu) in ((name, zip(*some, strict=True)) for name, some in times.items())
    ]
    return {"places": count, "observations": seen, "rounds": rounds, "ways": rows}


def describe(result: dict[str, Any]) -> Section:
    """One table."""
    rows = [
        [
            one["way"], f"{one['pairs']:,}", number(1e3 * one["wall_s"]), number(1e3 * one["cpu_s"]),
            number(1e9 * one["cpu_s"] / max(one["pairs"], 1)),
        ]
        for one in result["ways"]
    ]  # fmt: skip
    text = [
        f"{big(result['places'])} places × {big(result['observations'])} observations. Mixed: half of the places at "
        f"{NEAR_M:.0f} m, four tenths at {TOWN_M:.0f} m, a tenth anywhere from {FAR_M[0] / 1e3:.0f} to "
        f"{FAR_M[1] / 1e3:.0f} km. One process, by turns, the best of {result['rounds']}.",
        table(["way", "pairs", "wall ms", "CPU ms", "CPU ns a pair"], rows),
    ]
    return Section(text, {})


def goals(_result: dict[str, Any]) -> list[Goal]:
    """None was set."""
    return []


def _mixed(count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    dice = np.random.Generator(np.random.PCG64([SEED, 3]))
    share = dice.random(count)
    far = dice.uniform(*FAR_M, count)
    return np.where(share < _FAR, far, np.where(share < _NOT_NEAR, TOWN_M, NEAR_M))
