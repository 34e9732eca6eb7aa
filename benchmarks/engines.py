"""Runs engines by turns: every round runs each once, in a process of its own, so that noise hits all alike."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.datasets import Datasets

ROOT = Path(__file__).resolve().parents[1]
OURS = "ours"
JUDGE = "karney"
TIMEOUT_S = 240.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """What every benchmark is given: how large it shall be, where its data are, and who can take part."""

    size: str  # full | small | tiny
    data: Datasets
    engines: dict[str, dict[str, Any]]  # by module name: NAME, versions, … of `worker`; or what is missing
    pythons: dict[str, Path]
    say: Say
    options: dict[str, Any] = field(default_factory=dict)

    def peers(self, *, outlines: bool = False, places: int = 0) -> list[str]:
        """Everybody who can do it, ourselves first."""
        able = [
            name
            for name, about in self.engines.items()
            if "missing" not in about
            and name != JUDGE
            and (about["outlines"] or not outlines)
            and (about["places_max"] is None or places <= about["places_max"])
        ]
        return sorted(able, key=lambda name: (name != OURS, name))

    def name(self, engine: str) -> str:
        """What tables call it."""
        return str(self.engines[engine]["name"])

    def run(self, engine: str, job: dict[str, Any]) -> dict[str, Any]:
        """One engine, one process. The result holds only `failed`, a sentence, where none came."""
        return work(self.pythons[engine], job | {"engine": engine})

    def race(self, engines: Sequence[str], job: dict[str, Any], rounds: int) -> dict[str, list[dict[str, Any]]]:
        """Each engine's results, one for each round. Who fails once is out."""
        results: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
        for number in range(rounds if engines else 0):
            # The order turns, so that nobody always follows the same neighbour.
            turn = number % len(engines)
            for engine in [*engines[turn:], *engines[:turn]]:
                if any("failed" in one for one in results[engine]):
                    continue
                result = self.run(engine, job)
                results[engine].append(result)
                self.say(f"    round {number + 1}/{rounds}  {self.name(engine):<20} {_told(result)}")
        return results

    @contextmanager
    def servers(self) -> Iterator[None]:
        """Engines that need a server have it within."""
        with ExitStack() as stack:
            for name, about in self.engines.items():
                if about.get("server"):
                    stack.enter_context(_server(self.pythons[name], name))
            yield


def work(python: Path, job: dict[str, Any]) -> dict[str, Any]:
    """What a worker made of a job."""
    command = [str(python), "-W", "error::RuntimeWarning", "-m", "benchmarks.worker"]
    try:
        done = subprocess.run(  # noqa: S603
            command, input=json.dumps(job), capture_output=True, text=True, cwd=ROOT, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {TIMEOUT_S:.0f} s"}
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"failed": f"ended with {done.returncode}: {last[:200]}"}
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def find_engines(peers_python: Path) -> tuple[dict[str, dict[str, Any]], dict[str, Path]]:
    """All engines of `peers`, and the Python of each: ours and the judge run in the project's own."""
    shared = {"__init__", "geodesic", "cells"}
    names = sorted(path.stem for path in (ROOT / "benchmarks" / "peers").glob("*.py") if path.stem not in shared)
    own = Path(sys.executable)
    pythons = {name: own if name in (OURS, JUDGE) else peers_python for name in names}
    found: dict[str, dict[str, Any]] = {}
    for python in dict.fromkeys(pythons.values()):
        mine = [name for name in names if pythons[name] == python]
        found |= work(python, {"task": "versions", "engines": mine})
    return found, pythons


def summary(results: list[dict[str, Any]], count: int = -1) -> dict[str, Any]:
    """The rounds of one engine as one: the best and the median wall, the best of everything else."""
    if any("failed" in one for one in results):
        return {"failed": next(one["failed"] for one in results if "failed" in one)}
    joins = [one["joins"][count] for one in results]
    hashes = {join["hash"] for join in joins}
    walls = [join["wall_s"] for join in joins]
    return {
        "build_s": min(one["build_s"] for one in results),
        "wall_s": min(walls),
        "wall_median_s": statistics.median(walls),
        "cpu_s": min(join["cpu_s"] for join in joins),
        "memory_mb": statistics.median(one["memory_mb"] for one in results),
        "observations": joins[0]["observations"],
        "pairs": joins[0]["pairs"],
        "hash": hashes.pop() if len(hashes) == 1 else "differs between rounds",
        "bytes_a_place": results[0].get("bytes_a_place"),
    }


@contextmanager
def _server(python: Path, name: str) -> Iterator[None]:
    """A helper that starts the server, tells what its engines must know, and stops it when its input ends."""
    program = (
        "import importlib, json, os, sys; before = dict(os.environ);"
        f"stop = importlib.import_module('benchmarks.peers.{name}').start();"
        "print(json.dumps({k: v for k, v in os.environ.items() if before.get(k) != v}), flush=True);"
        "sys.stdin.read(); stop()"
    )
    with subprocess.Popen(  # noqa: S603
        [str(python), "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as helper:
        assert helper.stdout is not None
        line = helper.stdout.readline()  # empty where it could not start: its engine then fails, and says so
        told: dict[str, str] = json.loads(line) if line else {}
        os.environ.update(told)
        try:
            yield
        finally:
            for key in told:
                del os.environ[key]
            helper.communicate()


def _told(result: dict[str, Any]) -> str:
    if "failed" in result:
        return f"failed: {result['failed']}"
    if "sizes" in result:
        return "p50 ms " + "  ".join(f"{one['size']}: {one['p50_ms']:.3f}" for one in result["sizes"])
    joins = "  ".join(f"{one['observations']:,}: {one['wall_s']:.3f} s" for one in result["joins"])
    return f"build {result['build_s']:.2f} s, join {joins}, {result['memory_mb']:.0f} MB"
