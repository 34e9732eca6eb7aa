"""`almenara watch`: poll the configured feeds until stopped."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from almenara.model.events import Event


def command(
    config: Annotated[
        Path, typer.Option(help="The configuration file (TOML); its paths count from its own folder.")
    ] = Path("almenara.toml"),
    once: Annotated[bool, typer.Option("--once", help="Ask every feed once, write the results, and stop.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for results and report, written when stopping.")] = None,
    example: Annotated[bool, typer.Option("--example", help="Print an example configuration and stop.")] = False,
) -> None:
    """Poll the configured feeds, follow what they bring, and say what is decided, until stopped (Ctrl-C or SIGTERM).

    Example:  almenara watch --example > almenara.toml, then  almenara watch --config almenara.toml

    Everything is durable in the log before it is told; a stopped or killed watch goes on where it was.
    Warnings are drafts: nothing is sent.
    """
    from almenara.config import EXAMPLE, load_config

    if example:
        typer.echo(EXAMPLE, nl=False)
        return
    import signal
    import threading
    from contextlib import closing

    from almenara.report import render_report
    from almenara.service import session, watch
    from almenara.stores import open_log

    settings = load_config(config)
    base = config.resolve().parent
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    def nap(seconds: float) -> None:
        stop.wait(seconds)

    with closing(open_log(base / settings.state)) as log:
        current = watch.watch(log, settings, base, once=once, stopped=stop.is_set, nap=nap, tell=_tell)
        target = out if out is not None else (base / settings.out if settings.out else None)
        if target is not None:
            session.write_results(session.results_of(current), target, render_report, lambda *_: None)
            typer.echo(f"report  {target / 'report.html'}")


def _tell(feed: str, events: "list[Event]") -> None:
    """One line for each thing that a person would want to know."""
    from datetime import UTC, datetime

    from almenara.model import events as e

    def say(words: str, at_ms: int) -> None:
        typer.echo(f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}  {words}")

    for event in events:
        match event:
            case e.SourceSilent(origin=origin, at_ms=at):
                say(f"SILENT    {origin}: no data is not no fire", at)
            case e.SourceHeard(origin=origin, at_ms=at):
                say(f"heard     {origin}", at)
            case e.IncidentOpened(incident=name, priority=priority, reasons=reasons, now_ms=at):
                say(f"INCIDENT  {name}, priority {priority}: {', '.join(reasons)}", at)
            case e.IncidentClosed(incident=name, reason=reason, now_ms=at):
                say(f"closed    {name}: {reason}", at)
            case e.WarningDrafted(identifier=name, msg_type=kind, severity=severity, now_ms=at):
                say(f"WARNING   {kind} {name}, {severity} (draft)", at)
            case _:
                pass
