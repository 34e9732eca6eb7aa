"""docs/benchmarks.md: tables, plots and goals from what was measured, with the machine and all versions named."""

import math
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Goal(NamedTuple):
    """One row of the goals."""

    work: str
    goal: str
    measured: str
    met: bool


class Section(NamedTuple):
    """What a benchmark has to say: paragraphs of Markdown, and pictures by name."""

    text: list[str]
    plots: dict[str, str]  # name → SVG


def write_page(
    page: Path, parts: list[tuple[str, dict[str, Any], Section]], goals: list[Goal], about: dict[str, Any], notes: str
) -> None:
    """The page, and its plots in a folder of its name beside it."""
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    facts = [
        f"**Machine**: {about['machine']}",
        f"**Versions**: {about['versions']}",
        f"**Size**: {about['size']}",
        *(f"**Left out**: {name}: {reason}" for name, reason in about["missing"].items()),
    ]
    marks = [[goal.work, goal.goal, goal.measured, "yes" if goal.met else "**no**"] for goal in goals]
    paragraphs = [
        "# Benchmarks",
        "Written by `make bench`. What people say about it stands in `benchmarks/notes.md` and is repeated here.",
        "\n".join(f"- {fact}" for fact in facts),
        "## Goals",
        table(["work", "goal", "measured", "met"], marks) if marks else "Nothing that has a goal was measured.",
        notes.strip(),
    ]
    for title, result, section in parts:
        paragraphs += [f"## {title}", *section.text, f"_Measured {result['date']}, in {result['seconds']:.0f} s._"]
        for name, svg in section.plots.items():
            (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    page.write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")


def machine() -> str:
    """Processor, cores, memory and system of this machine."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{model}, {os.cpu_count()} processors, {memory_gb:.0f} GiB, {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Three digits that count."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def big(value: float) -> str:
    """A count for a table: 713,657 or 6.5 M."""
    for size, unit in ((1e9, "G"), (1e6, "M")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:,.0f}"
