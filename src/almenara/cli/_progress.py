"""A progress bar for long work: on a terminal it moves, in a log file it is one line for each stage."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Report(Protocol):
    """Told what is being done, and how much of it."""

    def __call__(self, words: str, done: int, total: int) -> None: ...


@contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Report]:
    """A bar on standard error while the block runs."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(file=sys.stderr)
    stage = [""]
    if quiet or not console.is_terminal:

        def line(words: str, done: int, total: int) -> None:
            name = words.split(",")[0].split(" ")[0]
            if not quiet and name != stage[0]:
                stage[0] = name
                console.print(f"{words} ({total})" if total > 1 else words, highlight=False)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Starting", total=None)

        def move(words: str, done: int, total: int) -> None:
            bar.update(task, description=words, completed=done, total=total)

        yield move
