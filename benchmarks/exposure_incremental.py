"""A hazard that grows by k cells costs O(k): following it, and who is exposed to what joined, however large it is."""

import time
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from almenara.model.events import PlacesImported
from almenara.model.observations import to_ipc
from almenara.model.places import PLACES
from almenara.stages import exposure
from almenara.stages.hazards.fire import State
from benchmarks.charts import lines
from benchmarks.engines import Bench
from benchmarks.page import Goal, Section, big, number, table
from benchmarks.tracking import Batch, counted, joined, marching_fire

TITLE = "Growing hazards: what k new detections cost"

#: Detections that a fire has before, and those of a pass; how many places there are on Earth.
BEFORE = {"full": (100, 1_000, 10_000, 100_000), "small": (100, 1_000, 10_000), "tiny": (100, 1_000)}
GROWN_BY = (1, 10, 100, 1_000)
PLACES_OF = {"full": 100_000, "small": 20_000, "tiny": 5_000}
_PASSES = 15


class Grown(NamedTuple):
    """Medians of some passes, and what happened in all of them."""

    follow_us: float
    expose_us: float
    cells: int
    changes: int


def measure(bench: Bench) -> dict[str, Any]:
    """Fires grown to a size, then a few passes of each number of detections; places lie evenly in their way."""
    places = _places(bench)
    _grow(places, marching_fire(200, 50), 1)
    rows = []
    for before in BEFORE[bench.size]:
        for k in GROWN_BY:
            first = -(-before // k)
            grown = _grow(places, marching_fire((first + _PASSES) * k, k), first)
            rows.append({"before": before, "k": k, **grown._asdict()})
    return {"rows": rows, "places": PLACES_OF[bench.size]}


def describe(result: dict[str, Any]) -> Section:
    """Two tables, one plot."""
    by = {(row["before"], row["k"]): row for row in result["rows"]}
    sizes = sorted({before for before, _ in by})
    text = [
        f"Microseconds (median of {_PASSES} passes) for k detections on fresh ground of one fire, by the number of "
        f"detections that it had before, a minute for each pass, among {big(result['places'])} places of which two "
        "thirds lie evenly in its way. First to follow the fire, with its identity and its facts:"
    ]
    for part, words in (
        ("follow_us", ""),
        ("expose_us", "Then who is exposed to the cells that joined, decided and noted:"),
    ):
        rows = [[f"{k:,}", *(number(by[before, k][part]) for before in sizes)] for k in GROWN_BY]
        text += [words] * bool(words) + [table(["k", *(f"after {big(before)}" for before in sizes)], rows)]
    series = {
        f"{k} new, {name}": [(before, by[before, k][part]) for before in sizes]
        for k in (1, 100)
        for part, name in (("follow_us", "followed"), ("expose_us", "exposed"))
    }
    title = "A pass of a growing fire, by how large it was before"
    text.append(f"![{title}](benchmarks/incremental.svg)")
    return Section(text, {"incremental": lines(title, "detections of the fire before", "microseconds", series)})


def goals(result: dict[str, Any]) -> list[Goal]:
    """The fifth row of the goals: at most twice as much for a fire a thousand times as large."""
    sizes = [row["before"] for row in result["rows"]]
    if max(sizes) < max(BEFORE["full"]):
        return []
    found = []
    for part, name in (("follow_us", "following"), ("expose_us", "exposure")):
        us = {(row["before"], row["k"]): row[part] for row in result["rows"]}
        worst = max(us[max(sizes), k] / us[min(sizes), k] for k in GROWN_BY)
        told = f"{worst:.1f}× at {big(max(sizes) / min(sizes))}× the size"
        found.append(Goal(f"k new cells of a hazard: {name}", "O(k), whatever its size", told, worst <= 2))
    return found


def _grow(places: PlacesImported, passes: list[Batch], first: int) -> Grown:
    """All detections of the passes before `first` at once, then the others one by one."""
    fires, exposed = State(), exposure.evolve(exposure.State(), places)
    follow_s, expose_s, cells, changes = [], [], 0, 0
    for number_of_pass, batch in enumerate([joined(passes[:first]), *passes[first:]]):
        received, now = counted(batch), int(batch["time"].max())
        begun = time.perf_counter()
        fires.receive(received)
        delta = fires.advance(now)
        followed = time.perf_counter()
        events = exposure.decide(exposed, delta, now)
        for event in events:
            exposure.evolve(exposed, event)
        done = time.perf_counter()
        if number_of_pass > 0:
            follow_s.append(followed - begun)
            expose_s.append(done - followed)
            cells += len(delta.boxes.index) if delta.boxes is not None else 0
            changes += len(events)
    return Grown(1e6 * float(np.median(follow_s)), 1e6 * float(np.median(expose_s)), cells, changes)


def _places(bench: Bench) -> PlacesImported:
    """Two thirds of the places lie where the fire goes, the others where people live."""
    count = PLACES_OF[bench.size]
    lon, lat = np.load(bench.data.places(count))
    dice = np.random.Generator(np.random.PCG64(905))
    track = joined(marching_fire(max(BEFORE[bench.size]) + _PASSES * max(GROWN_BY), max(GROWN_BY)))
    way = 2 * count // 3
    lon[:way] = dice.uniform(track["lon"].min(), track["lon"].max(), way)
    lat[:way] = dice.uniform(track["lat"].min(), track["lat"].max(), way)
    names = [f"place-{n}" for n in range(count)]
    known = {"id": names, "name": names, "kind": ["house"] * count, "lon": lon, "lat": lat}
    known |= {"alert_distance_m": np.full(count, 300.0)}
    arrays = [pa.array(known.get(field.name, [None] * count), field.type) for field in PLACES]
    rows = to_ipc(pa.table(arrays, schema=PLACES))
    return PlacesImported(origin="made up", attribution="", table=rows, rejected={})
