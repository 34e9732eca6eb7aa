"""`almenara channels`: the ways out of the house, how each does, and a test of every line."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from almenara.cli._orders import Place, find_place, operator, perform
from almenara.model.errors import UsageError

if TYPE_CHECKING:
    from almenara.model.commands import AnyCommand
    from almenara.stages.outbox import State as Outbox

app = typer.Typer(no_args_is_help=True, help="Channels: list, test, pause, resume, dead-letters, retry.")

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The configuration; almenara.toml when none is named.")
]
Name = Annotated[str, typer.Argument(metavar="CHANNEL", help="As configured.")]
By = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Who decides; else the user of this system.")]
Reason = Annotated[str, typer.Option(help="Why; it stays in the log.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@app.command("list")
def list_channels(config: Config = None, as_json: AsJson = False) -> None:
    """List the configured channels and how each does: recipients, what waits, dead letters, the last success.

    Example:  almenara channels list --config almenara.toml
    """
    from almenara.channels import names

    place = _place(config)
    rows = _rows(place)
    if as_json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    elif not rows:
        typer.echo(f"No channel is configured. Plugins: {', '.join(names())}.")
    else:
        _print_rows(rows)


@app.command("test")
def try_lines(
    channel: Annotated[str | None, typer.Argument(metavar="[CHANNEL]", help="Only this one.")] = None,
    config: Config = None,
    by: By = None,
) -> None:
    """Send a message of status Test to every channel of status Test, and to the test endpoint of every other.

    A Test message never reaches what is configured for Actual or Exercise: give a channel a test endpoint (`test`).
    What was sent and what came of it is written into the log, where there is one. Exit code 1 when one did not answer
    or cannot be tested.

    Example:  almenara channels test --config almenara.toml
    """
    import msgspec
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from almenara.config import policy_of, words_of
    from almenara.service.session import now_ms
    from almenara.service.trial import new_test, records_of, try_channels

    place = _place(config)
    assert place.config is not None
    wanted = [one for one in place.config.channel if channel in (None, one.name)]
    if not wanted:
        raise UsageError(f"No channel {channel!r} is configured." if channel else "No channel is configured.")
    policy = msgspec.structs.replace(policy_of(place.config), status="Test")
    message = new_test(policy, now_ms(), words_of(place.config, place.base))
    trials = try_channels(wanted, place.base, message)
    table = Table("Channel", "Recipient", "Outcome", "Seconds", "Detail")
    for one in trials:
        outcome = Text("delivered", style="green") if one.ok else Text("failed", style="bold red")
        detail = f"{one.receipt} {one.detail}".strip()
        table.add_row(Text(one.channel), Text(one.recipient), outcome, f"{one.seconds:.2f}", Text(detail))
    Console(highlight=False).print(table)
    if not _has_log(place):
        typer.echo(f"Not written down: there is no log in {place.state} yet.")
    else:
        for record in records_of(trials, message):
            perform(place, record, operator(by))
    if not all(one.ok for one in trials):
        raise typer.Exit(1)


@app.command()
def pause(channel: Name, reason: Reason = "", config: Config = None, by: By = None) -> None:
    """Let nothing out by a channel until it is resumed. What waits goes on waiting, and may run out meanwhile.

    Example:  almenara channels pause sirens --reason "maintenance until noon"
    """
    from almenara.model.commands import PauseChannel

    _do(config, PauseChannel(channel=channel, reason=reason), by)
    typer.echo(f"{channel} is paused.")


@app.command()
def resume(channel: Name, reason: Reason = "", config: Config = None, by: By = None) -> None:
    """Let a paused channel send again, beginning with the newest message of each thread.

    Example:  almenara channels resume sirens
    """
    from almenara.model.commands import ResumeChannel

    _do(config, ResumeChannel(channel=channel, reason=reason), by)
    typer.echo(f"{channel} sends again.")


@app.command("dead-letters")
def dead_letters(
    channel: Annotated[str | None, typer.Argument(metavar="[CHANNEL]", help="Only this one.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what was given up: which message, to whom, after how many attempts, and why.

    Example:  almenara channels dead-letters --config almenara.toml
    """
    from almenara.stages import outbox

    place = _place(config)
    assert place.config is not None
    state = _outbox(place)
    rows = [
        {"channel": one.name, "message": identifier, "recipient": to, "attempts": p.attempts, "why": p.detail}
        for one in place.config.channel
        if channel in (None, one.name)
        for identifier, to, p in outbox.dead_letters(state, one.name)
    ]
    if as_json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    elif not rows:
        typer.echo("No dead letters.")
    else:
        _print_cells(
            ("Channel", "Message", "Recipient", "Attempts", "Why"), [[str(v) for v in r.values()] for r in rows]
        )


@app.command()
def retry(
    channel: Name,
    identifier: Annotated[
        str | None, typer.Option("--message", metavar="ID", help="Only those of one message.")
    ] = None,
    config: Config = None,
    by: By = None,
) -> None:
    """Put dead letters back into the queue, as far as their message is still in force.

    Example:  almenara channels retry sirens --message incident-fire-a-1
    """
    from almenara.model.commands import RetryDeliveries

    said = _do(config, RetryDeliveries(channel=channel, identifier=identifier), by)
    typer.echo(f"Back in the queue: {len(said)} messages.")


def _place(config: Path | None) -> Place:
    place = find_place(None, config)
    assert place.config is not None
    return place


def _do(config: Path | None, command: AnyCommand, name: str | None) -> list[str]:
    place = _place(config)
    assert place.config is not None
    channel: str = getattr(command, "channel")  # noqa: B009 - every command given here has one
    if channel not in {one.name for one in place.config.channel}:
        known = ", ".join(one.name for one in place.config.channel) or "none"
        raise UsageError(f"No channel {channel!r} is configured. Configured: {known}.")
    return list(perform(place, command, operator(name)))


def _has_log(place: Place) -> bool:
    from almenara.stores.sqlite import FILE_NAME

    return (place.state / FILE_NAME).exists()


def _outbox(place: Place) -> Outbox:
    """As the log has it; empty when nothing was begun yet."""
    from almenara.service.session import Session
    from almenara.stages import outbox
    from almenara.stores import open_log

    if not _has_log(place):
        return outbox.State()
    with closing(open_log(place.state, readonly=True)) as log:
        session = Session(log)
        session.recover()
        return session.state.outbox


def _rows(place: Place) -> list[dict[str, Any]]:
    from almenara.channels import GuardedChannel, open_channel
    from almenara.ports import status_of
    from almenara.service.session import now_ms
    from almenara.stages import outbox

    assert place.config is not None
    state = _outbox(place)
    rows: list[dict[str, Any]] = []
    for one in place.config.channel:
        opened: GuardedChannel[Any] = open_channel(one.plugin, one.name, one.options, status_of(one.status), place.base)
        used = one.status == place.config.status
        recipients = opened.recipients()
        health = state.of(one.name)
        rows.append(
            {
                "name": one.name,
                "plugin": one.plugin,
                "status": one.status,
                "used": used,
                "state": _state(used, health.paused_by, health.paused_reason, health.failures_in_row),
                "recipients": len(recipients),
                "waiting": outbox.decide(state, one.name, recipients, now_ms()).waiting if used else 0,
                "delivered": health.delivered,
                "dead": health.dead,
                "last_success": _utc(health.last_success_ms),
                "last_failure": _utc(health.last_failure_ms),
                "detail": health.detail if health.failures_in_row else "",
            }
        )
    return rows


def _state(used: bool, paused_by: str, reason: str, failures: int) -> str:
    if not used:
        return "closed: this configuration has another status"
    if paused_by:
        return f"paused by {paused_by}" + (f": {reason}" if reason else "")
    return f"failing: {failures} failures in a row" if failures else "well"


def _print_rows(rows: list[dict[str, Any]]) -> None:
    names = (
        "Channel",
        "Plugin",
        "Status",
        "State",
        "Recipients",
        "Waiting",
        "Delivered",
        "Dead",
        "Last success (UTC)",
        "Why",
    )
    keys = ("name", "plugin", "status", "state", "recipients", "waiting", "delivered", "dead", "last_success", "detail")
    _print_cells(names, [[str(row[key] if row[key] is not None else "") for key in keys] for row in rows])


def _print_cells(names: tuple[str, ...], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*names)
    for row in rows:
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)


def _utc(at_ms: int | None) -> str | None:
    return None if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"
