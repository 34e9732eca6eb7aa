"""`almenara sources`: the feeds that can be read, and how each is doing in a log."""

import json
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from almenara.model.events import Event
    from almenara.ports import EventLog

app = typer.Typer(subcommand_metavar="", help="The feeds that can be read, and how each is doing.")

#: Outcomes of a poll after which the state of the world is known: an empty answer is an answer.
_HEARD = ("data", "empty", "unchanged")


@app.callback(
    invoke_without_command=True,
    epilog="Examples:  almenara sources  ·  almenara sources --state watch --json",
)
def list_sources(
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder that holds a log: adds what it knows of each source.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list instead of a table.")] = False,
) -> None:
    """List the sources. With --state also: last heard, the last poll, silence, rows read and rejected.

    Silence is not "no hazard": a silent source leaves its hazards unknown.
    """
    from almenara.sources import find_all

    health = _health(state) if state is not None else {}
    described: list[dict[str, Any]] = [
        {
            "name": source.name,
            "kind": source.kind,
            "title": source.title,
            "cadence_s": source.cadence_s,
            "attribution": source.attribution,
            "url": source.url,
        }
        for source in find_all().values()
    ]
    known = {entry["name"] for entry in described}
    described += [{"name": name, "kind": "", "title": ""} for name in sorted(health.keys() - known)]
    if state is not None:
        for entry in described:
            entry["health"] = health.get(entry["name"], Health()).as_dict()
    if as_json:
        sys.stdout.write(json.dumps(described, ensure_ascii=False, indent=2) + "\n")
    elif state is None:
        _print_sources(described)
    else:
        _print_health(described)


@dataclass(slots=True)
class Health:
    """What a log knows of a source."""

    last_heard_ms: int | None = None
    last_poll_ms: int | None = None
    outcome: str | None = None
    detail: str = ""
    silent_ms: dict[str, int] = field(default_factory=dict)  # feeds of the source that are silent, since when
    read: int = 0
    rejected: int = 0

    def take(self, event: "Event") -> None:
        """Follow one event of the log."""
        from almenara.model.events import RowsRejected, SourceHeard, SourcePolled, SourceSilent

        if isinstance(event, SourcePolled):
            self.last_poll_ms, self.outcome, self.detail = event.at_ms, event.outcome, event.detail
            self.read += event.read
            if event.outcome in _HEARD:
                self.last_heard_ms = event.at_ms
        elif isinstance(event, SourceSilent):
            self.silent_ms[event.origin] = event.at_ms
        elif isinstance(event, SourceHeard):
            self.silent_ms.pop(event.origin, None)
        elif isinstance(event, RowsRejected):
            self.rejected += sum(event.reasons.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON, times in ISO 8601."""
        return {
            "last_heard": _iso(self.last_heard_ms),
            "last_poll": _iso(self.last_poll_ms),
            "outcome": self.outcome,
            "detail": self.detail,
            "silent_since": _iso(min(self.silent_ms.values(), default=None)),
            "silent_feeds": sorted(self.silent_ms),
            "rows_read": self.read,
            "rows_rejected": self.rejected,
        }


def _health(state: Path) -> dict[str, Health]:
    from almenara.stores import open_log

    with closing(open_log(state, readonly=True)) as log:
        return follow(log)


def follow(log: "EventLog") -> dict[str, Health]:
    """The health of each source that a log names."""
    health: dict[str, Health] = {}
    for entry in log.read():
        if entry.kind in ("SourcePolled", "SourceSilent", "SourceHeard", "RowsRejected"):
            event = entry.event()
            name: str = getattr(event, "source")  # noqa: B009 - all four have one, Event itself has none
            health.setdefault(name, Health()).take(event)
    return health


def _print_sources(described: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("Source", "Kind", "What it is", "Answers every", "Credit")
    table.columns[4].overflow = "fold"  # a credit line is owed in full
    for entry in described:
        every = _duration(entry["cadence_s"])
        cells = (entry["name"], entry["kind"], entry["title"], every, entry["attribution"])
        table.add_row(*(Text(cell) for cell in cells))
    Console(highlight=False).print(table)


def _print_health(described: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("Source", "State", "Last heard (UTC)", "Last poll (UTC)", "Outcome", "Read", "Rejected", "Detail")
    for column in table.columns[5:7]:
        column.justify = "right"
    for entry in described:
        health = entry["health"]
        silent = health["silent_since"]
        if silent:
            state = Text(f"silent since {silent[:16]}", style="bold red")
        elif health["last_poll"] is None:
            state = Text("never asked", style="dim")
        else:
            state = Text("heard", style="green") if health["outcome"] in _HEARD else Text("failing", style="yellow")
        cells = (
            health["last_heard"] or "",
            health["last_poll"] or "",
            health["outcome"] or "",
            f"{health['rows_read']:,}",
            f"{health['rows_rejected']:,}",
            health["detail"],
        )
        table.add_row(Text(entry["name"]), state, *(Text(cell) for cell in cells))
    Console(highlight=False).print(table)


def _iso(time_ms: int | None) -> str | None:
    from datetime import UTC, datetime, timedelta

    if time_ms is None:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _duration(seconds: int) -> str:
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"
