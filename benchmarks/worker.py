"""One engine in one process: reads what to do from standard input, measures it, writes what came of it as JSON.

Run by `engines.py` with the Python that has the engine, from the root of the project: `python -m benchmarks.worker`.
"""

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import fresh
from benchmarks.peers.geodesic import Floats, Pairs

_STREAM_S_MAX = 4.0  # how long batches of one size are repeated
_STREAM_MIN, _STREAM_MAX = 5, 400


def main() -> None:
    """One job."""
    job = json.load(sys.stdin)
    if job["task"] == "versions":
        result: dict[str, Any] = {name: _versions(name) for name in job["engines"]}
    elif job["task"] in ("save", "open"):
        result = fresh.save(job) if job["task"] == "save" else fresh.open_and_ask(job)
    else:
        result = TASKS[job["task"]](_Engine(job["engine"]), job)
    sys.stdout.write(json.dumps(result))


def pair_hash(observation: Any, place: Any) -> str:
    """64 bits of a set of pairs, whatever their order: the sum of each pair's finalised bits (as in MurmurHash3)."""
    key = (observation.astype(np.uint64) << np.uint64(32)) | place.astype(np.uint64)
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        key ^= key >> np.uint64(33)
        key *= np.uint64(factor)
    key ^= key >> np.uint64(33)
    return f"{int(key.sum(dtype=np.uint64)):016x}"


class _Engine:
    """A module of `peers`, with what it leaves out filled in."""

    def __init__(self, name: str) -> None:
        self.module = module = importlib.import_module(f"benchmarks.peers.{name}")
        self.cpu_s: Callable[[], float] = getattr(module, "cpu_s", time.process_time)
        self.join_few: Callable[..., Pairs] = getattr(module, "join_few", module.join)

    def timed(self, work: Callable[[], Any]) -> tuple[Any, float, float]:
        """What it gave, wall and processor seconds."""
        cpu, begun = self.cpu_s(), time.perf_counter()
        given = work()
        return given, time.perf_counter() - begun, self.cpu_s() - cpu

    def warm(self, distance_m: float) -> None:
        """Load libraries and compiled code, on a few points."""
        lon, lat = np.linspace(0.0, 1.0, 50), np.linspace(0.0, 1.0, 50)
        state = self.module.build(lon, lat, distance_m)
        self.module.join(state, np.tile(lon, 100), np.tile(lat, 100), distance_m)
        self.join_few(state, lon, lat, distance_m)


def _points(engine: _Engine, job: dict[str, Any]) -> dict[str, Any]:
    """All places against all observations, and where asked against their first thousands too."""
    lon, lat = np.load(job["places"])
    engine.warm(job["distance_m"])
    module = engine.module
    return _race(engine, job, lambda: module.build(lon, lat, job["distance_m"]), module.join)


def _outlines(engine: _Engine, job: dict[str, Any]) -> dict[str, Any]:
    """The same of places that are polygons."""
    outlines, module, distance_m = np.load(job["places"]), engine.module, job["distance_m"]
    few = np.tile(outlines[:50, 0], (100, 1))  # so many that threads are used
    module.join_outlines(module.build_outlines(outlines[:50], distance_m), few[:, 0], few[:, 1], distance_m)
    return _race(engine, job, lambda: module.build_outlines(outlines, distance_m), module.join_outlines)


def _race(engine: _Engine, job: dict[str, Any], build: Callable[[], Any], join: Callable[..., Pairs]) -> dict[str, Any]:
    seen = np.load(job["observations"])
    before_mb = _start_of_memory()
    state, build_s, build_cpu_s = engine.timed(build)
    result: dict[str, Any] = {"build_s": build_s, "build_cpu_s": build_cpu_s, "joins": []}
    for count in job.get("counts", [seen.shape[1]]):
        x, y = np.ascontiguousarray(seen[:, :count])
        times = []
        for _ in range(job["repeats"]):
            pairs, wall_s, cpu_s = engine.timed(partial(join, state, x, y, job["distance_m"]))
            times.append((wall_s, cpu_s))
        observation, place, _ = pairs
        wall_s, cpu_s = (min(column) for column in zip(*times, strict=True))
        about = {"observations": int(count), "pairs": len(place), "hash": pair_hash(observation, place)}
        result["joins"].append(about | {"wall_s": wall_s, "cpu_s": cpu_s})
    own: Callable[[], float] | None = getattr(engine.module, "memory_mb", None)
    result["memory_mb"] = own() if own else _status_mb("VmHWM") - before_mb
    if hasattr(engine.module, "bytes_a_place"):
        result["bytes_a_place"] = engine.module.bytes_a_place(state)
    if "keep" in job:
        np.savez(job["keep"], observation=observation, place=place, distance_m=pairs[2])
    return result


def _stream(engine: _Engine, job: dict[str, Any]) -> dict[str, Any]:
    """Small batches one after another, against places prepared once."""
    lon, lat = np.load(job["places"])
    seen = np.load(job["observations"])
    distance_m = job["distance_m"]
    engine.warm(distance_m)
    state, build_s, _ = engine.timed(lambda: engine.module.build(lon, lat, distance_m))
    sizes = []
    for size in job["sizes"]:
        batches = [np.ascontiguousarray(seen[:, a : a + size]) for a in range(0, min(seen.shape[1], 500 * size), size)]
        sizes.append({"size": size} | _one_size(engine, state, batches, distance_m))
    return {"build_s": build_s, "sizes": sizes}


def _one_size(engine: _Engine, state: Any, batches: list[Floats], distance_m: float) -> dict[str, Any]:
    found = [engine.join_few(state, x, y, distance_m) for x, y in batches[:_STREAM_MIN]]
    gc.collect()
    gc.disable()
    walls: list[float] = []
    cpu, begun = engine.cpu_s(), time.perf_counter()
    for number in range(_STREAM_MAX):
        x, y = batches[number % len(batches)]
        start = time.perf_counter()
        engine.join_few(state, x, y, distance_m)
        walls.append(time.perf_counter() - start)
        if number + 1 >= _STREAM_MIN and time.perf_counter() - begun > _STREAM_S_MAX:
            break
    cpu = engine.cpu_s() - cpu
    gc.enable()
    p50, p99 = np.percentile(walls, [50, 99])
    # The first batches tell whether all give the same answers.
    at = np.concatenate([number * len(batches[0][0]) + one[0] for number, one in enumerate(found)])
    place = np.concatenate([one[1] for one in found])
    return {
        "batches": len(walls), "p50_ms": 1e3 * p50, "p99_ms": 1e3 * p99, "cpu_ms": 1e3 * cpu / len(walls),
        "pairs": len(place), "hash": pair_hash(at, place),
    }  # fmt: skip


TASKS: dict[str, Callable[[_Engine, dict[str, Any]], dict[str, Any]]] = {
    "points": _points,
    "stream": _stream,
    "outlines": _outlines,
}


def _start_of_memory() -> float:
    """Forget the peak so far; MB resident now, the input among them."""
    gc.collect()
    if os.access("/proc/self/clear_refs", os.W_OK):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status_mb("VmRSS")


def _status_mb(key: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


def _versions(name: str) -> dict[str, Any]:
    """What an engine is made of here, or why it cannot be had."""
    try:
        module = importlib.import_module(f"benchmarks.peers.{name}")
        versions = {need: metadata.version(need) for need in module.NEEDS}
    except ModuleNotFoundError as error:  # PackageNotFoundError is one
        return {"missing": f"{error.name} is not installed"}
    if hasattr(module, "why_not") and (reason := module.why_not()):
        return {"missing": reason}
    able = {"outlines": hasattr(module, "join_outlines"), "server": hasattr(module, "start")}
    facts = {"places_max": getattr(module, "PLACES_MAX", None), "inexact": getattr(module, "INEXACT", None)}
    return {"name": module.NAME, "versions": versions} | able | facts


if __name__ == "__main__":
    main()
