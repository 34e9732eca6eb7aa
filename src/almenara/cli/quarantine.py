"""`almenara quarantine`: what could not be read, why, and reading it again."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from almenara.model.events import QuarantineRetried, RowsRejected
    from almenara.ports import EventLog

app = typer.Typer(
    no_args_is_help=True,
    help="Rows and contents that could not be read: nothing is dropped in silence. See why, and read them again.",
)

_RAW_CHARS = 400
SHOWN_DEFAULT = 20

State = Annotated[Path, typer.Option(metavar="DIR", help="The folder that holds the log.")]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@dataclass(frozen=True, slots=True)
class Record:
    """A quarantine record as the log holds it."""

    id: str
    seq: int  # of the log's entry
    recorded_ms: int
    event: "RowsRejected"  # without its rows: a log may hold gigabytes of them
    retried: "QuarantineRetried | None"  # the last time

    @property
    def rows(self) -> int:
        """How many rows were kept out (a content as a whole counts as one)."""
        return sum(self.event.reasons.values())


@app.command("list", epilog="Example:  almenara quarantine list --state watch")
def list_records(state: State, as_json: Json = False) -> None:
    """List the quarantine records: where each came from, what was wrong, and whether it was read again."""
    from almenara.stores import open_log

    with closing(open_log(state, readonly=True)) as log:
        records = read_records(log)
    if as_json:
        sys.stdout.write(json.dumps([_described(record) for record in records], ensure_ascii=False, indent=2) + "\n")
    else:
        _print_records(records)


@app.command(epilog="Example:  almenara quarantine show 3f2a9c0d1b7e-4 --state watch --rows 100")
def show(
    record_id: Annotated[
        str, typer.Argument(metavar="ID", help="From `almenara quarantine list`; its start is enough.")
    ],
    state: State,
    rows: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many rows.")] = SHOWN_DEFAULT,
    as_json: Json = False,
) -> None:
    """Show the rows of a record: line, reason with its explanation, and the bytes as they came."""
    from almenara.model.observations import from_ipc
    from almenara.stores import open_log

    with closing(open_log(state, readonly=True)) as log:
        record = _find(read_records(log), record_id)
        kept = from_ipc(_whole(log, record).rows)
    table = kept.slice(0, rows)
    explained = _explanations(record.event.source)
    shown = [
        {**row, "explanation": explained.get(row["reason"], ""), "raw": row["raw"].decode("utf-8", "backslashreplace")}
        for row in table.to_pylist()
    ]
    if as_json:
        sys.stdout.write(json.dumps({**_described(record), "shown": shown}, ensure_ascii=False, indent=2) + "\n")
    else:
        _print_rows(record, shown, kept.num_rows)


@app.command(
    epilog="Examples:  almenara quarantine retry 3f2a9c0d1b7e-4 --state watch  ·  "
    "almenara quarantine retry --all --state watch"
)
def retry(
    state: State,
    record_id: Annotated[str | None, typer.Argument(metavar="ID", help="From `almenara quarantine list`.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every record that is not wholly read yet.")] = False,
) -> None:
    """Read rejected rows again with today's readers; what can be read is appended to the log.

    Reading the same row twice does no harm: an observation that is there already is passed over. The original record
    stays. Stop a running watch first: a log has one writer.
    """
    from rich.console import Console

    from almenara.intake import retry as read_again
    from almenara.model.errors import UsageError
    from almenara.model.events import QuarantineRetried
    from almenara.sources import find_all
    from almenara.stores import open_log

    if (record_id is None) == (not every):
        raise UsageError("Name one record to read again, or say --all. See: almenara quarantine list")
    with closing(open_log(state, readonly=True)) as log:
        records = read_records(log)
    chosen = [_find(records, record_id)] if record_id is not None else [one for one in records if not _is_done(one)]
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if not chosen:
        console.print("Nothing to read again: no record is open.")
        return
    sources = find_all()
    with closing(open_log(state)) as log:
        for record in chosen:
            now_ms = time.time_ns() // 1_000_000
            events = read_again(_whole(log, record), sources, received_ms=now_ms)
            log.append(events, now_ms)
            done = events[-1]
            assert isinstance(done, QuarantineRetried)
            console.print(f"{record.id}: {done.accepted:,} rows read, {done.rejected:,} still refused")


def read_records(log: "EventLog") -> list[Record]:
    """The quarantine records of a log, oldest first; a content that came again with the same faults is one record."""
    from msgspec.structs import replace

    from almenara.intake import quarantine_id
    from almenara.model.events import QuarantineRetried, RowsRejected

    found: dict[str, tuple[int, int, RowsRejected]] = {}
    retried: dict[str, QuarantineRetried] = {}
    for entry in log.read():
        if entry.kind == "RowsRejected":
            event = entry.event()
            assert isinstance(event, RowsRejected)
            found[quarantine_id(event)] = entry.seq, entry.recorded_ms, replace(event, rows=b"")
        elif entry.kind == "QuarantineRetried":
            again = entry.event()
            assert isinstance(again, QuarantineRetried)
            retried[again.quarantine] = again
    return [Record(name, seq, when, event, retried.get(name)) for name, (seq, when, event) in found.items()]


def _whole(log: "EventLog", record: Record) -> "RowsRejected":
    from almenara.model.events import RowsRejected

    event = next(log.read(record.seq - 1)).event()
    assert isinstance(event, RowsRejected)
    return event


def _find(records: list[Record], record_id: str) -> Record:
    from almenara.model.errors import UsageError

    matching = [record for record in records if record.id == record_id] or [
        record for record in records if record.id.startswith(record_id)
    ]
    if len(matching) != 1:
        problem = "There is no record" if not matching else f"{len(matching)} records begin with"
        raise UsageError(f"{problem} {record_id!r}. See: almenara quarantine list")
    return matching[0]


def _is_done(record: Record) -> bool:
    return record.retried is not None and record.retried.rejected == 0


def _explanations(source: str) -> dict[str, str]:
    from almenara.intake import REASONS
    from almenara.sources import find_all

    known = find_all().get(source)
    return REASONS | (known.reasons if known is not None else {})


def _described(record: Record) -> dict[str, Any]:
    again = record.retried
    return {
        "id": record.id,
        "recorded": _utc(record.recorded_ms),
        "source": record.event.source,
        "origin": record.event.origin,
        "sha256": record.event.sha256,
        "reasons": record.event.reasons,
        "retried": None if again is None else {"accepted": again.accepted, "rejected": again.rejected},
    }


def _print_records(records: list[Record]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not records:
        console.print("The quarantine is empty: everything that came could be read.")
        return
    table = Table("Record", "Recorded (UTC)", "Source", "Origin", "Reasons", "Read again")
    table.columns[0].no_wrap = True
    reasons: Counter[str] = Counter()
    for record in records:
        reasons.update(record.event.reasons)
        counts = ", ".join(f"{reason}: {count:,}" for reason, count in record.event.reasons.items())
        again = record.retried
        answer = "" if again is None else f"{again.accepted:,} read, {again.rejected:,} refused"
        cells = (record.id, _utc(record.recorded_ms), record.event.source, record.event.origin, counts, answer)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    console.print(
        f"{len(records):,} records, {sum(reasons.values()):,} rows. Look into one: almenara quarantine show ID"
    )


def _print_rows(record: Record, shown: list[dict[str, Any]], kept: int) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{record.id}  {record.event.source}  {record.event.origin}  recorded {_utc(record.recorded_ms)} UTC")
    for line in _row_lines(shown):
        console.print(line)
    if kept > len(shown):
        console.print(f"{kept - len(shown):,} more rows: --rows {kept}")
    if record.rows > kept:
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in record.event.reasons.items())
        console.print(f"{record.rows - kept:,} rows were set aside without their bytes ({reasons}).")
    if record.retried is not None:
        console.print(f"Read again: {record.retried.accepted:,} rows read, {record.retried.rejected:,} still refused")


def _row_lines(shown: list[dict[str, Any]]) -> Iterator[str]:
    for row in shown:
        where = f"line {row['line']:,}" if row["line"] else "the content as a whole"
        yield ""
        yield f"{where}: {row['reason']} ({row['detail']})"
        if row["explanation"]:
            yield f"  {row['explanation']}"
        raw = row["raw"]
        text = "".join(c if c.isprintable() else "·" for c in raw[:_RAW_CHARS])
        yield f"  {text}{'…' if len(raw) > _RAW_CHARS else ''}"


def _utc(time_ms: int) -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)).strftime("%Y-%m-%d %H:%M:%S")
