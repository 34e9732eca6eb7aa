"""What a person waits for in a fresh process: the command line's help, and the first answer of the library."""

import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.engines import ROOT, Bench
from benchmarks.page import Goal, Section, number, table

TITLE = "Cold start: the first answer of a fresh process"

ROUNDS = {"full": 7, "small": 3, "tiny": 2}
COMMANDS = {
    "an empty Python": "pass",
    "`import numpy`": "import numpy",
    "`import almenara`": "import almenara",
    "`almenara --help`": "import sys; sys.argv = ['almenara', '--help']; from almenara.cli import main; main()",
    "`PlaceIndex`, imported": "from almenara import PlaceIndex",
    "`PlaceIndex`, first `within`": (
        "from almenara import PlaceIndex; PlaceIndex.build([0.0], [0.0]).within(0.0, 0.001, 300.0)"
    ),
}


def measure(bench: Bench) -> dict[str, Any]:
    """Whole processes, by turns, the kernels' cache being filled."""
    walls: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number_of_round in range(1 + ROUNDS[bench.size]):
        for name, program in COMMANDS.items():
            begun = time.perf_counter()
            subprocess.run(  # noqa: S603
                [sys.executable, "-c", program], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
            )
            if number_of_round > 0:  # the first one fills the system's cache of files
                walls[name].append(1000 * (time.perf_counter() - begun))
    return {"walls_ms": walls}


def describe(result: dict[str, Any]) -> Section:
    """One table."""
    rows = [[name, number(min(ms)), number(statistics.median(ms))] for name, ms in result["walls_ms"].items()]
    text = [
        "Whole processes from start to end, compiled kernels in their cache on disk.",
        table(["process", "best ms", "median ms"], rows),
    ]
    return Section(text, {})


def goals(_result: dict[str, Any]) -> list[Goal]:
    """The goal of a first answer stands with the 10⁸ places."""
    return []
