"""`almenara log`: look into a log, prove that nobody changed it, and take it out as JSON lines."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

# Arrow, cryptography and Rich's tables are imported where they are used: `--help` answers at once.
if TYPE_CHECKING:
    import pyarrow as pa

    from almenara.model.events import Event
    from almenara.ports import Checkpoint, Entry, EventLog, Verdict

app = typer.Typer(
    no_args_is_help=True,
    help="Look into a log, prove that nobody changed it, export it. Safe while a watch is writing.",
)

SHOWN_DEFAULT = 20
#: Larger selections are for `export`: a table on a screen is built in memory.
SHOWN_MAX = 10_000
_VALUE_CHARS = 60
_EMPTY: tuple[object, ...] = (None, "", [], {})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

State = Annotated[Path, typer.Argument(metavar="STATE", help="The folder a replay, a drill or a watch wrote.")]


class Format(StrEnum):
    """What `export` can write."""

    JSONL = "jsonl"


@app.command()
def show(
    state: State,
    after: Annotated[int, typer.Option(min=0, metavar="N", help="Only entries with a number above N.")] = 0,
    kind: Annotated[
        str | None, typer.Option("--type", metavar="NAME", help="Only events of this type, e.g. WarningDrafted.")
    ] = None,
    last: Annotated[
        int, typer.Option(min=1, max=SHOWN_MAX, metavar="N", help="How many, counted from the end.")
    ] = SHOWN_DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each entry.")] = False,
) -> None:
    """Show the last entries: number, time (UTC), type and a summary. Tables appear as their number of rows.

    Example, the last five warnings:  almenara log show state --type WarningDrafted --last 5
    """
    _check_type(kind)
    with _opened(state) as log:
        head, _ = log.head()
        entries = _selected(log, after, last, kind, head)
        if as_json:
            for entry in entries:
                sys.stdout.buffer.write(_json_line({**_frame(entry), "event": _event_fields(entry, _size)}))
            sys.stdout.buffer.flush()
        else:
            _print_table(entries, head)


@app.command()
def verify(
    state: State,
    public_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The key (PEM, 64 hex digits or 32 bytes) that must have signed, kept elsewhere."
        ),
    ] = None,
) -> None:
    """Recompute every hash and every signature. Exit code 0: nothing was changed; 1: broken, with the entry's number.

    The key inside the folder proves little against somebody who can write there: keep a copy of the public key
    elsewhere (openssl pkey -in state/signing.key -pubout -out almenara.pem) and give it.

    Example:  almenara log verify state --public-key almenara.pem
    """
    from rich.console import Console

    expected = None if public_key is None else _read_key(public_key)
    with _opened(state) as log:
        head = _find_head(log)
        with _progress("Verifying", head and head[0]) as update:
            verdict = log.verify(update)
        last: Checkpoint | None = None
        if verdict.broken_seq is None:
            for last in log.checkpoints():
                if expected is not None and last.public_key != expected:
                    verdict = _foreign(verdict, last.seq)
                    break
        head = _find_head(log)
    console = Console(soft_wrap=True, highlight=False)
    _print_findings(console.print, verdict, last, head)
    if verdict.broken_seq is not None:
        console.print(f"[bold red]Broken at entry {verdict.broken_seq}[/]: {verdict.reason}.")
        raise typer.Exit(1)
    if expected is not None and last is None and verdict.entries:
        console.print("[bold red]Not proven[/]: no checkpoint is signed with the key you gave.")
        raise typer.Exit(1)
    console.print(f"[bold green]Good[/]: {verdict.reason}.")


@app.command()
def export(
    state: State,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; standard output without it.")] = None,
    form: Annotated[Format, typer.Option("--format", help="One JSON object on each line.")] = Format.JSONL,
    expand: Annotated[bool, typer.Option("--expand", help="Tables as rows and messages as text, not base64.")] = False,
    payload: Annotated[
        bool, typer.Option("--payload", help="The bytes that were hashed too, for a check by other means.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing FILE.")] = False,
) -> None:
    """Write every entry with its hashes and its event as JSON lines.

    Example:  almenara log export state --out log.jsonl --expand
    """
    from base64 import b64encode

    assert form is Format.JSONL  # the only one so far
    with _opened(state) as log, _destination(out, force) as file, _progress("Exporting", log.head()[0]) as update:
        for entry in log.read():
            line = {**_frame(entry), "event": _event_fields(entry, _rows if expand else _base64)}
            # An event from a newer Almenara cannot be decoded here, but it must not get lost.
            if payload or line["event"] is None:
                line["payload"] = b64encode(entry.payload).decode()
            file.write(_json_line(line))
            update(entry.seq)


@contextmanager
def _opened(state: Path) -> Iterator[EventLog]:
    from almenara.stores import open_log

    with closing(open_log(state, readonly=True)) as log:
        yield log


def _selected(log: EventLog, after: int, last: int, kind: str | None, head: int) -> Iterator[Entry]:
    """The last entries that are asked for, one in memory at a time: payloads may be megabytes."""
    if kind is None:  # found by number, without reading what stands before them
        yield from islice(log.read(max(after, head - last)), last)
        return
    for seq in deque((entry.seq for entry in log.read(after) if entry.kind == kind), maxlen=last):
        yield next(log.read(seq - 1))


def _check_type(kind: str | None) -> None:
    from almenara.model.errors import UsageError
    from almenara.model.events import EVENTS

    if kind is not None and kind not in EVENTS:
        raise UsageError(f"There is no event type {kind!r}. Known: {', '.join(sorted(EVENTS))}.")


def _print_table(entries: Iterable[Entry], head: int) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("Entry", "Recorded (UTC)", "Type", "Summary", box=None, pad_edge=False)
    table.columns[0].justify = "right"
    for column in table.columns[:3]:
        column.no_wrap = True
    for entry in entries:
        fields = _event_fields(entry, _size)
        summary = (
            f"{len(entry.payload):,} bytes of version {entry.version}, newer than this program"
            if fields is None
            else "  ".join(f"{name} {_short(name, value)}" for name, value in fields.items() if value not in _EMPTY)
        )
        table.add_row(str(entry.seq), _utc(entry.recorded_ms), entry.kind, escape(summary))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{table.row_count:,} shown; the log holds {head:,} {'entry' if head == 1 else 'entries'}.")


def _print_findings(
    tell: Callable[[str], None], verdict: Verdict, last: Checkpoint | None, head: tuple[int, bytes] | None
) -> None:
    tell(f"Entries that fit      {verdict.entries:,}")
    tell(f"Checkpoints that fit  {verdict.checkpoints:,}")
    if verdict.broken_seq is None:
        if last is not None:
            tell(f"Last signed           entry {last.seq:,} at {_utc(last.signed_ms)} UTC")
            tell(f"Public key            {last.public_key.hex()}")
        tell(f"Not signed yet        {verdict.entries - (last.seq if last else 0):,}")
    tell(f"Head                  {f'{head[0]:,} {head[1].hex()}' if head else 'cannot be read'}")


def _find_head(log: EventLog) -> tuple[int, bytes] | None:
    """The head, or None in a file so damaged that it cannot be found: the verdict says where."""
    from almenara.model.errors import LogError

    try:
        return log.head()
    except LogError:
        return None


def _foreign(verdict: Verdict, seq: int) -> Verdict:
    from almenara.ports import Verdict

    return Verdict(
        verdict.entries,
        verdict.checkpoints,
        seq,
        f"the checkpoint at entry {seq} is signed with another key than given",
    )


def _read_key(path: Path) -> bytes:
    """The 32 bytes of an Ed25519 public key. Raises UsageError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    from almenara.model.errors import UsageError

    try:
        data = path.read_bytes()
        if len(data) == 32:
            return data
        if len(data.strip()) == 64:
            return bytes.fromhex(data.decode("ascii"))
        key = load_pem_public_key(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path} is no public key: PEM, 64 hexadecimal digits or 32 bytes are.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path} is not an Ed25519 public key.")
    return key.public_bytes_raw()


@contextmanager
def _destination(out: Path | None, force: bool) -> Iterator[IO[bytes]]:
    """Standard output, or a file that appears only when it is whole."""
    from almenara.model.errors import LogError, UsageError

    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if out.exists() and not force:
        raise UsageError(f"{out} exists: choose another name, or give --force to replace it.")
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(out)
    except OSError as error:
        raise LogError(f"{out} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal's standard error; nothing elsewhere, so that pipes stay clean."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)


def _frame(entry: Entry) -> dict[str, Any]:
    """What stands round an event, for JSON."""
    return {
        "seq": entry.seq,
        "recorded": _utc(entry.recorded_ms, "T") + "Z",
        "recorded_ms": entry.recorded_ms,
        "type": entry.kind,
        "version": entry.version,
        "prev_hash": entry.prev_hash.hex(),
        "hash": entry.hash.hex(),
    }


def _event_fields(entry: Entry, bytes_as: Callable[[bytes], object]) -> dict[str, Any] | None:
    """The event's fields, those of bytes passed through `bytes_as`; None for an event this program does not know."""
    import msgspec

    from almenara.model.errors import UnknownEvent

    try:
        event: Event = entry.event()
    except UnknownEvent:
        return None
    fields = msgspec.structs.asdict(event)
    return {name: bytes_as(value) if isinstance(value, bytes) else value for name, value in fields.items()}


def _table(value: bytes) -> pa.Table | None:
    """The Arrow table in a field of bytes, if it is one."""
    import pyarrow as pa

    from almenara.model.observations import from_ipc

    if not value.startswith(b"\xff\xff\xff\xff"):  # the mark that every Arrow IPC message begins with
        return None
    try:
        return from_ipc(value)
    except (pa.ArrowException, OSError):
        return None


def _size(value: bytes) -> dict[str, int]:
    table = _table(value)
    return {"bytes": len(value)} if table is None else {"rows": table.num_rows, "bytes": len(value)}


def _rows(value: bytes) -> object:
    """A table as rows, a message as text, all else as base64."""
    table = _table(value)
    if table is not None:
        return table.to_pylist()
    try:
        return value.decode() if value.startswith(b"<") else _base64(value)
    except UnicodeDecodeError:
        return _base64(value)


def _base64(value: bytes) -> str:
    from base64 import b64encode

    return b64encode(value).decode()


def _json_line(fields: dict[str, Any]) -> bytes:
    """One line of JSON; bytes inside rows become base64, times ISO 8601, NaN null."""
    import msgspec

    return msgspec.json.encode(fields) + b"\n"


def _short(name: str, value: object) -> str:
    """A field's value in a few words."""
    if isinstance(value, dict) and value.keys() <= {"rows", "bytes"} and "bytes" in value:
        return f"{value['rows']:,} rows" if "rows" in value else f"{value['bytes']:,} bytes"
    if isinstance(value, dict):
        text = ", ".join(f"{key}={each}" for key, each in value.items())
    elif isinstance(value, list):
        text = ", ".join(map(str, value))
    elif name.endswith("_ms") and isinstance(value, int):
        return _utc(value)
    else:
        text = str(value)
    return f"{text[: _VALUE_CHARS - 1]}…" if len(text) > _VALUE_CHARS else text


def _utc(ms: int, separator: str = " ") -> str:
    """ISO 8601, with milliseconds where there are any; the bare number for a time beyond the calendar."""
    try:
        time = (_EPOCH + timedelta(milliseconds=ms)).replace(tzinfo=None)
    except OverflowError:
        return f"{ms} ms"
    return time.isoformat(separator, "milliseconds" if ms % 1000 else "seconds")
