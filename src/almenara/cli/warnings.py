"""`almenara warnings`: what was drafted and sent, and what persons decide about it."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from almenara.cli._orders import Place, find_place, operator, perform
from almenara.model.errors import UsageError

if TYPE_CHECKING:
    from almenara.model.commands import AnyCommand, Wording
    from almenara.service.messages import Message

app = typer.Typer(
    no_args_is_help=True, help="Warnings: list, show, approve, reject, update, cancel, all-clear, draft, words."
)

State = Annotated[Path | None, typer.Option("--state", metavar="DIR", help="The folder that holds the log.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Or the configuration; almenara.toml when neither is named."),
]
By = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Who decides; else the user of this system.")]
Thread = Annotated[str, typer.Argument(metavar="WARNING", help="The incident, or its newest message.")]
Identifier = Annotated[str, typer.Argument(metavar="IDENTIFIER", help="The draft, as `list` shows it.")]
Text = Annotated[
    Path | None, typer.Option("--text", metavar="FILE", help="Your own words, a TOML table for each language.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@app.command("list")
def list_warnings(
    state: State = None,
    config: Config = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what waits for approval and what is in force.

    Example:  almenara warnings list --config almenara.toml
    """
    place = find_place(state, config)
    messages = [m for m in _messages(place) if everything or m.state in ("draft", "in-force")]
    if as_json:
        sys.stdout.write(json.dumps([_fields(m) for m in messages], ensure_ascii=False, indent=2) + "\n")
        return
    if not messages:
        typer.echo("Nothing waits for approval, and no warning is in force.")
        return
    _print_table(messages)


@app.command()
def show(
    identifier: Annotated[str, typer.Argument(metavar="IDENTIFIER", help="A message, as `list` shows it.")],
    state: State = None,
    config: Config = None,
    xml: Annotated[bool, typer.Option("--xml", help="The message itself, byte for byte.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one message: its text in every language, its life, and who has it.

    Example:  almenara warnings show incident-fire-a-1 --state state
    """
    message = next((m for m in _messages(find_place(state, config)) if m.identifier == identifier), None)
    if message is None:
        raise UsageError(f"There is no message {identifier!r}: see `almenara warnings list --all`.")
    if xml:
        sys.stdout.buffer.write(message.xml)
        sys.stdout.buffer.flush()
    elif as_json:
        sys.stdout.write(json.dumps(_fields(message), ensure_ascii=False, indent=2) + "\n")
    else:
        _print_message(message)


@app.command()
def approve(identifier: Identifier, state: State = None, config: Config = None, by: By = None) -> None:
    """Say yes to a draft. It is sent when it has every yes that it needs.

    Example:  almenara warnings approve incident-fire-a-1 --as "Ana Ruiz"
    """
    from almenara.model.commands import ApproveWarning

    _do(find_place(state, config), ApproveWarning(identifier=identifier), by)


@app.command()
def reject(
    identifier: Identifier,
    reason: Annotated[str, typer.Option(help="Why; it stays in the log.")],
    state: State = None,
    config: Config = None,
    by: By = None,
) -> None:
    """Drop a draft. It is not proposed again before there is more to say, or it would have run out.

    Example:  almenara warnings reject incident-fire-a-1 --reason "a controlled burn"
    """
    from almenara.model.commands import RejectWarning

    _do(find_place(state, config), RejectWarning(identifier=identifier, reason=reason), by)


@app.command()
def update(warning: Thread, text: Text = None, state: State = None, config: Config = None, by: By = None) -> None:
    """Draft an Update from the situation as it is now, with your own words if you give any.

    You count as its first yes.

    Example:  almenara warnings update incident-fire-a --text words.toml
    """
    from almenara.model.commands import SendUpdate

    _do(find_place(state, config), SendUpdate(thread=warning, wording=_wording(text)), by)


@app.command()
def cancel(
    warning: Thread,
    reason: Annotated[str, typer.Option(help="Why; it stays in the log.")],
    text: Text = None,
    state: State = None,
    config: Config = None,
    by: By = None,
) -> None:
    """Draft the Cancel of what is in force: it should not have been said, or holds no longer.

    You count as its first yes.

    Example:  almenara warnings cancel incident-fire-a --reason "mistaken position"
    """
    from almenara.model.commands import CancelWarning

    _do(find_place(state, config), CancelWarning(thread=warning, reason=reason, wording=_wording(text)), by)


@app.command("all-clear")
def all_clear(warning: Thread, text: Text = None, state: State = None, config: Config = None, by: By = None) -> None:
    """Draft the all-clear: somebody who knows says that the danger is over.

    You count as its first yes.

    Example:  almenara warnings all-clear incident-fire-a --as "Ana Ruiz"
    """
    from almenara.model.commands import GiveAllClear

    _do(find_place(state, config), GiveAllClear(thread=warning, wording=_wording(text)), by)


@app.command()
def draft(
    statement: Annotated[Path | None, typer.Argument(metavar="FILE", help="What you say, in TOML.")] = None,
    area: Annotated[Path | None, typer.Option(metavar="FILE", help="Where: polygons in GeoJSON.")] = None,
    thread: Annotated[
        str | None, typer.Option(metavar="WARNING", help="Say more of an event that was warned of by hand.")
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Print an example of FILE and stop.")] = False,
    state: State = None,
    config: Config = None,
    by: By = None,
) -> None:
    """Draft a warning of your own: flood, volcanic ash, storm, evacuation, test, or what else there are words for.

    You count as its first yes. Then it lives like any other: approve, cancel, all-clear.

    Example:  almenara warnings draft flood.toml --area banks.geojson --as "Ana Ruiz"
    """
    from almenara.cli._by_hand import EXAMPLE, read_draft

    if example:
        typer.echo(EXAMPLE, nl=False)
        return
    if statement is None or area is None:
        raise UsageError("Name the file with what you say, and --area: see `almenara warnings draft --example`.")
    _do(find_place(state, config), read_draft(statement, area, thread), by)


@app.command("words")
def check_words(
    templates: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Your folder of words; else the one that is configured.")
    ] = None,
    config: Config = None,
) -> None:
    """Check the words of all warnings and list kinds and languages. Exit code 1: some are missing, and which.

    Example:  almenara warnings words --templates words
    """
    from rich.console import Console
    from rich.table import Table

    from almenara.config import load_config, words_of
    from almenara.stages.public_warnings import read_words, shipped

    if templates is not None:
        words = read_words(templates)
    else:
        words = words_of(load_config(config), config.resolve().parent) if config is not None else shipped()
    tags = sorted(words.languages)
    table = Table("Kind", *tags)
    for kind in sorted(words.kinds):
        table.add_row(kind, *(words.hazards[kind, tag].event if (kind, tag) in words.hazards else "—" for tag in tags))
    Console(highlight=False).print(table)
    missing = [f"{kind}.{tag}.toml" for kind in sorted(words.kinds) for tag in tags if (kind, tag) not in words.hazards]
    for name in missing:
        typer.echo(f"missing: {name}")
    if missing:
        raise typer.Exit(1)


def _do(place: Place, command: AnyCommand, name: str | None) -> None:
    said = list(perform(place, command, operator(name)))
    drafted = [line.split()[1:] for line in said if line.startswith("WarningDrafted")]
    sent = [line.split()[1] for line in said if line.startswith("WarningSent")]
    for identifier, kind in drafted:
        typer.echo(f"Drafted {identifier} ({kind}).")
    for identifier in sent:
        typer.echo(f"Sent {identifier}: it leaves by the channels of the running `almenara watch`, or the next.")
    if any(line.startswith("WarningRejected") for line in said):
        typer.echo("Dropped.")
    elif not sent:
        typer.echo("Not sent yet: it waits for another person's yes (almenara warnings approve …).")


def _wording(path: Path | None) -> dict[str, Wording]:
    """An officer's own words from a file: [es] headline, description, instruction."""
    import msgspec

    from almenara.model.commands import Wording

    if path is None:
        return {}
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Wording])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"{path}: {error}. Write [es] and [en] with headline, description, instruction.") from error


def _messages(place: Place) -> list[Message]:
    from almenara.service.messages import read_messages
    from almenara.service.session import now_ms
    from almenara.stores import open_log

    with closing(open_log(place.state, readonly=True)) as log:
        return read_messages(log, now_ms())


def _print_table(messages: Iterable[Message]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as Cell

    from almenara.service.messages import STATES

    table = Table("Message", "Type", "Severity", "State", "Places", "Ends (UTC)", "Delivered")
    table.columns[0].overflow = "fold"
    for m in messages:
        words = f"{m.state}: {STATES[m.state]}" + (f" ({m.detail})" if m.detail else _yeses(m))
        style = {"draft": "bold yellow", "in-force": "bold red"}.get(m.state, "dim")
        delivered = ", ".join(f"{name} {_count(c)}" for name, c in sorted(m.deliveries.items()))
        cells = (m.draft.severity, str(len(m.draft.places)), _utc(m.expires_ms), delivered)
        row = (m.identifier, m.draft.msg_type, cells[0], Cell(words, style=style), *cells[1:])
        table.add_row(*(cell if isinstance(cell, Cell) else Cell(cell) for cell in row))
    Console(highlight=False).print(table)


def _print_message(message: Message) -> None:
    from rich.console import Console

    from almenara.model.cap import from_xml
    from almenara.service.messages import STATES

    alert = from_xml(message.xml)
    console = Console(highlight=False, markup=False)
    console.print(f"{message.identifier}  {alert.msg_type} {alert.status}", style="bold")
    console.print(f"{message.state}: {STATES[message.state]}" + (f" ({message.detail})" if message.detail else ""))
    for at_ms, words in ((moment.at_ms, str(moment)) for moment in message.timeline):
        console.print(f"  {_utc(at_ms)}  {words}")
    for name, counts in sorted(message.deliveries.items()):
        console.print(f"  {name}: {', '.join(f'{count} {outcome}' for outcome, count in sorted(counts.items()))}")
    if alert.references:
        console.print(f"refers to {', '.join(reference.identifier for reference in alert.references)}")
    for info in alert.info:
        console.print(f"\n[{info.language}] {info.headline}", style="bold")
        console.print(f"{info.severity}, {info.urgency}, {info.certainty}; {', '.join(a.area_desc for a in info.area)}")
        console.print(f"{info.description or ''}\n\n{info.instruction or ''}")


def _fields(m: Message) -> dict[str, Any]:
    return {
        "identifier": m.identifier,
        "thread": m.draft.thread,
        "incident": m.draft.incident,
        "msg_type": m.draft.msg_type,
        "status": m.draft.status,
        "severity": m.draft.severity,
        "state": m.state,
        "detail": m.detail,
        "reasons": m.draft.reasons,
        "places": m.draft.places,
        "drafted": _utc(m.draft.now_ms),
        "drafted_by": m.draft.drafted_by,
        "approved_by": [approval.by for approval in m.approvals],
        "sent": None if m.sent is None else _utc(m.sent.now_ms),
        "sha256": None if m.sent is None else m.sent.sha256,
        "signed": m.sent is not None and m.sent.signed,
        "expires": _utc(m.expires_ms),
        "deliveries": {name: dict(counts) for name, counts in sorted(m.deliveries.items())},
    }


def _yeses(m: Message) -> str:
    if m.state != "draft":
        return ""
    names = [*([m.draft.drafted_by] if m.draft.drafted_by != "almenara" else []), *(a.by for a in m.approvals)]
    return f" (yes so far: {', '.join(names)})" if names else ""


def _count(counts: dict[str, int]) -> str:
    return f"{counts.get('delivered', 0)}/{sum(counts.values())}"


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"
