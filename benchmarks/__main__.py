"""Measures, and writes docs/benchmarks.md: `python -m benchmarks [--size small] [NAME ...]`.

Without names everything is measured. With names the rest is taken from what was measured before. `--page` measures
nothing and writes the page again.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.datasets import Datasets
from benchmarks.engines import ROOT, Bench, find_engines
from benchmarks.page import Goal, Section, machine, write_page

#: In the order of the page. Each has TITLE, measure(bench) → what JSON can hold, describe(result) and goals(result).
BENCHMARKS = (
    "exposure_batch",
    "exposure_stream",
    "exposure_polygons",
    "exposure_distances",
    "exposure_growth",
    "exposure_incremental",
    "fire_tracker",
    "chain",
    "warning_areas",
    "delivery",
    "cold_start",
    "serve_live",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for, write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(BENCHMARKS)}")
    parser.add_argument("--size", choices=("full", "small", "tiny"), default="full")
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench", help="where data and results are kept")
    parser.add_argument("--peers-python", type=Path, help="the Python that has the peers; by default .bench/venv")
    parser.add_argument("--out", type=Path, help="the page; by default docs/benchmarks.md for the full size")
    parser.add_argument("--detections", type=Path, nargs="*", default=[], help="files of a feed, for fire_tracker")
    parser.add_argument("--counties", type=Path, help="GeoJSON of counties, for warning_areas; default: squares")
    parser.add_argument("--page", action="store_true", help="write the page from what was measured before")
    asked = parser.parse_args(arguments)
    wrong = [name for name in asked.names if name not in BENCHMARKS]
    if wrong:
        parser.error(f"no such benchmark: {', '.join(wrong)}")
    names = [] if asked.page else asked.names or BENCHMARKS
    python = asked.peers_python or asked.folder / "venv" / "bin" / "python"
    engines, pythons = find_engines(python if python.exists() else Path(sys.executable))
    options = {"detections": asked.detections, "counties": asked.counties}
    bench = Bench(asked.size, Datasets(asked.folder / "data"), engines, pythons, _say, options)
    results = asked.folder / asked.size
    results.mkdir(parents=True, exist_ok=True)
    for about in engines.values():
        _say(about["name"] if "name" in about else f"left out: {about['missing']}")
    for name in names:
        _measure(bench, name, results / f"{name}.json")
    # A smaller size is a trial: it does not replace the page of the full one.
    page = asked.out or (ROOT / "docs" / "benchmarks.md" if asked.size == "full" else results / "benchmarks.md")
    _write(page, bench, results)
    _say(f"Written: {page}")


def _measure(bench: Bench, name: str, kept: Path) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    _say(f"== {name}: {module.TITLE}")
    begun = time.perf_counter()
    result = module.measure(bench)
    seconds = time.perf_counter() - begun
    result |= {"date": time.strftime("%Y-%m-%d", time.gmtime()), "seconds": seconds}
    kept.write_text(json.dumps(result, indent=1), encoding="utf-8")
    _say(f"  {seconds:.0f} s")


def _write(page: Path, bench: Bench, results: Path) -> None:
    parts: list[tuple[str, dict[str, Any], Section]] = []
    goals: list[Goal] = []
    for name in BENCHMARKS:
        kept = results / f"{name}.json"
        if kept.exists():
            module, result = importlib.import_module(f"benchmarks.{name}"), json.loads(kept.read_text(encoding="utf-8"))
            parts.append((module.TITLE, result, module.describe(result)))
            goals += module.goals(result)
    versions = {need: v for about in bench.engines.values() for need, v in about.get("versions", {}).items()}
    facts = {
        "machine": machine(),
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(versions.items())),
        "size": bench.size,
        "missing": {name: about["missing"] for name, about in bench.engines.items() if "missing" in about},
    }
    page.parent.mkdir(parents=True, exist_ok=True)
    notes = (ROOT / "benchmarks" / "notes.md").read_text(encoding="utf-8")
    write_page(page, parts, goals, facts, notes)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
