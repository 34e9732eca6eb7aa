"""`almenara watch`: poll the configured feeds until stopped."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from almenara.model.events import DeliveryResult, Event
    from almenara.service.rates import Rates


def command(
    config: Annotated[
        Path, typer.Option(help="The configuration file (TOML); its paths count from its own folder.")
    ] = Path("almenara.toml"),
    once: Annotated[bool, typer.Option("--once", help="Ask every feed once, write the results, and stop.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for results and report, written when stopping.")] = None,
    rate_every: Annotated[
        int, typer.Option(help="Say how the chain is doing every so many minutes; 0: only in the end.", min=0)
    ] = 10,
    example: Annotated[bool, typer.Option("--example", help="Print an example configuration and stop.")] = False,
) -> None:
    """Poll the configured feeds, follow what they bring, and say what is decided, until stopped (Ctrl-C or SIGTERM).

    Example:  almenara watch --example > almenara.toml, then  almenara watch --config almenara.toml

    Everything is durable in the log before it is told; a stopped or killed watch goes on where it was.
    What is sent goes out by the configured channels; who has to approve it first is set under [approval].
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
    from almenara.service.signing import load_signer
    from almenara.stores import open_log

    settings = load_config(config)
    base = config.resolve().parent
    sign = load_signer(settings.signing, base)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    def nap(seconds: float) -> None:
        stop.wait(seconds)

    folder = base / settings.state
    with closing(open_log(folder)) as log:
        figures = _Figures(folder, rate_every)
        current = watch.watch(
            log, settings, base, once=once, stopped=stop.is_set, nap=nap, tell=_tell, tell_rates=figures, sign=sign
        )
        if figures.last is not None:
            typer.echo(f"rate    {figures.last.line()}")
        target = out if out is not None else (base / settings.out if settings.out else None)
        if target is not None:
            session.write_results(current.gather(), target, render_report, lambda *_: None)
            typer.echo(f"report  {target / 'report.html'}")


class _Figures:
    """Leaves the chain's figures beside the log, for `almenara rates`, and prints them every so many minutes."""

    def __init__(self, folder: Path, minutes: int) -> None:
        self._folder, self._every_ms = folder, 60_000 * minutes
        self._printed_ms: int | None = None
        self.last: Rates | None = None

    def __call__(self, rates: "Rates") -> None:
        from almenara.service.rates import write

        write(rates, self._folder)
        self.last = rates
        if self._printed_ms is None:
            self._printed_ms = rates.at_ms  # the first minutes say little
        if self._every_ms and rates.at_ms - self._printed_ms >= self._every_ms:
            self._printed_ms = rates.at_ms
            _say(f"rate      {rates.line()}", rates.at_ms)


def _say(words: str, at_ms: int) -> None:
    from datetime import UTC, datetime

    typer.echo(f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}  {words}")


def _tell(feed: str, events: "list[Event]") -> None:
    """One line for each thing that a person would want to know."""
    from almenara.model import events as e

    for event in events:
        match event:
            case e.SourceSilent(origin=origin, at_ms=at):
                _say(f"SILENT    {origin}: no data is not no fire", at)
            case e.SourceHeard(origin=origin, at_ms=at):
                _say(f"heard     {origin}", at)
            case e.IncidentOpened(incident=name, priority=priority, reasons=reasons, now_ms=at):
                _say(f"INCIDENT  {name}, priority {priority}: {', '.join(reasons)}", at)
            case e.IncidentClosed(incident=name, reason=reason, now_ms=at):
                _say(f"closed    {name}: {reason}", at)
            case e.WarningDrafted(identifier=name, msg_type=kind, severity=severity, now_ms=at):
                _say(f"WARNING   {kind} {name}, {severity} (draft)", at)
            case e.WarningApproved(identifier=name, by=who, now_ms=at):
                _say(f"approved  {name} by {who}", at)
            case e.WarningRejected(identifier=name, by=who, reason=reason, now_ms=at):
                _say(f"dropped   {name} by {who}: {reason}", at)
            case e.WarningSent(identifier=name, msg_type=kind, now_ms=at):
                _say(f"SENT      {kind} {name}", at)
            case e.ChannelPaused(channel=name, by=who, reason=reason, now_ms=at):
                _say(f"PAUSED    {name} by {who}: {reason}", at)
            case e.ChannelResumed(channel=name, by=who, now_ms=at):
                _say(f"resumed   {name} by {who}", at)
            case e.DeliveriesRecorded(channel=channel, identifier=name, results=results, now_ms=at):
                _say(f"delivery  {channel} {name}: {_counted(results)}", at)
            case _:
                pass


def _counted(results: "list[DeliveryResult]") -> str:
    """How many of each outcome, and the last reason for a failure."""
    from collections import Counter

    counts = Counter(result.outcome for result in results)
    why = next((f" ({r.detail})" for r in reversed(results) if r.outcome in ("failed", "refused", "dead")), "")
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) + why
