"""Following fires: a day of the whole world, one great fire pass by pass with its outline, and what history costs."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from almenara.simulation.synthetic import generate_fires
from almenara.stages.hazards.fire import State
from benchmarks.charts import lines
from benchmarks.engines import Bench
from benchmarks.page import Goal, Section, big, number, table
from benchmarks.tracking import Batch, batch_of, by_pass, counted, marching_fire, one_great_fire

TITLE = "Fire tracker"

#: Detections of the world's day; passes and detections of the great fire; passes of the endless one.
SIZES = {"full": (91_887, 124, 25_000, 20_000), "small": (20_000, 124, 5_000, 2_000), "tiny": (2_000, 10, 300, 100)}
A_PASS = 50
_ROUNDS = 3


def measure(bench: Bench) -> dict[str, Any]:
    """The best of three of each; files of a feed, where given, once."""
    world, passes, pixels, endless = SIZES[bench.size]
    _follow(by_pass(batch_of(generate_fires(1_000, seed=1, days=1.0))), draw=True)  # compiled code is loaded
    day = by_pass(batch_of(generate_fires(world, seed=7, days=1.0)))
    fire = one_great_fire(passes, pixels, 22.0, seed=7)
    return {
        "world": min((_follow(day, draw=True) for _ in range(_ROUNDS)), key=lambda one: one["seconds"]),
        "world_alone": min((_follow(day, draw=False) for _ in range(_ROUNDS)), key=lambda one: one["seconds"]),
        "great": min((_follow(fire, draw=True) for _ in range(_ROUNDS)), key=lambda one: one["seconds"]),
        "history": _history(endless),
        "files": [_files(path) for path in bench.options.get("detections", [])],
    }


def describe(result: dict[str, Any]) -> Section:
    """One table, one plot."""
    names = {
        "world": "a day of the world, outlines of what changed",
        "world_alone": "the same without outlines",
        "great": "one great fire, outlines of what changed",
    }
    rows = [[text, *_told(result[name])] for name, text in names.items()]
    rows += [[f"file: {one['name']}", *_told(one)] for one in result["files"]]
    title = f"A pass of {A_PASS} detections, by the passes before it"
    history = [(passes, us) for passes, us in result["history"]]
    text = [
        table(["what", "detections", "passes", "fires", "seconds", "ms a pass", "detections/s"], rows),
        "Detections arrive pass by pass (a minute of acquisition); outlines are of every fire that a pass touched.",
        f"![{title}](benchmarks/tracker-history.svg)",
    ]
    series = {"median of the passes": history}
    return Section(text, {"tracker-history": lines(title, "passes before", "microseconds a pass", series)})


def goals(result: dict[str, Any]) -> list[Goal]:
    """What the issue asks of the tracker."""
    world, great, history = result["world"], result["great"], result["history"]
    if world["detections"] < SIZES["full"][0]:
        return []
    ratio = history[-1][1] / history[0][1]
    return [
        Goal(
            "a great fire, 124 passes, with outlines", "≤ 0.3 s", f"{great['seconds']:.2f} s", great["seconds"] <= 0.3
        ),
        Goal("a day of the world, 91,887 pixels", "≤ 1 s", f"{world['seconds']:.2f} s", world["seconds"] <= 1.0),
        Goal("a pass, by its history", "independent", f"{ratio:.1f}× after {history[-1][0]:,} passes", ratio <= 1.5),
    ]


def _follow(passes: list[Batch], *, draw: bool) -> dict[str, Any]:
    """All passes one after another; `draw`: with the outline of every fire that a pass touched."""
    fires, received = State(), [counted(batch) for batch in passes]
    begun = time.perf_counter()
    for batch, rows in zip(passes, received, strict=True):
        fires.receive(rows)
        delta = fires.advance(int(batch["time"][0]))
        if draw:
            for row in delta.changes:
                if row["into"] is None:
                    fires.view(row["hazard_id"])
    seconds = time.perf_counter() - begun
    return {
        "seconds": seconds,
        "detections": sum(len(batch["lon"]) for batch in passes),
        "passes": len(passes),
        "fires": len(fires.views()),
    }


def _history(passes: int) -> list[tuple[int, float]]:
    """Median microseconds of a pass of one endless fire, by powers of two of the passes before."""
    fires, spans = State(), []
    for batch in marching_fire(A_PASS * passes, A_PASS):
        rows = counted(batch)
        begun = time.perf_counter()
        fires.receive(rows)
        fires.advance(int(batch["time"][0]))
        spans.append(1e6 * (time.perf_counter() - begun))
    cuts = [first for first in (2**power for power in range(4, 30)) if 2 * first <= passes]
    return [(first, float(np.median(spans[first : 2 * first]))) for first in cuts]


def _files(path: Path) -> dict[str, Any]:
    """A real file, read by its source first, then followed pass by pass."""
    from almenara import intake, sources
    from almenara.model.events import ObservationsReceived
    from almenara.model.observations import from_ipc
    from almenara.stages import observations

    seen, fires, detections = observations.State(), State(), 0
    for event in intake.read_content(path, sources.find_all(), received_ms=4_102_444_800_000, rows_max=100_000):
        if isinstance(event, ObservationsReceived) and event.kind == "fire":
            counted = observations.receive(seen, event.source, "fire", from_ipc(event.table))
            detections += len(counted.table)
            fires.receive(counted)
    times = fires.pending_times().tolist()
    begun = time.perf_counter()
    for at in times:
        fires.advance(at)
    seconds = time.perf_counter() - begun
    followed = len(fires.views())
    return {"name": path.name, "seconds": seconds, "detections": detections, "passes": len(times), "fires": followed}


def _told(one: dict[str, Any]) -> list[str]:
    seconds, passes, detections = one["seconds"], one["passes"], one["detections"]
    counts = [big(detections), big(passes), big(one["fires"])]
    return [*counts, number(seconds), number(1000 * seconds / max(passes, 1)), big(detections / seconds)]
