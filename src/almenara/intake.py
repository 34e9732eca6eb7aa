"""Contents in, events out: which feed a content is, what of it can be read, and the quarantine of the rest."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pyarrow as pa

from almenara.contents import Content, expand, open_content
from almenara.model.errors import UsageError
from almenara.model.events import Event, ObservationsReceived, QuarantineRetried, RowsRejected, SourcePolled
from almenara.model.limits import RAW_BYTES_MAX, REJECTED_BYTES_MAX, REJECTED_ROWS_MAX
from almenara.model.observations import from_ipc, to_ipc
from almenara.ports import Parsed, Rejection, Source

__all__ = ["REASONS", "REJECTED", "UNKNOWN_SOURCE", "expand", "open_content", "quarantine_id", "read_content", "retry"]

#: Rows of a quarantine record. The metadata hold `header`: the line without which the rows cannot be read again.
REJECTED = pa.schema(
    [
        pa.field("line", pa.int64(), nullable=False),  # as in ports.Rejection
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("raw", pa.binary(), nullable=False),
    ]
)

#: Named in events when nobody can say which feed a content is.
UNKNOWN_SOURCE = "unknown"

#: Reasons that intake itself gives; the sources have their own (`Source.reasons`).
REASONS = {
    "unrecognised-content": "No feed that is known here looks like this. Name it with --source where it is one.",
    "content-too-large": "The content is larger than anything that is read here.",
    "expands-too-far": "The .gz unpacks to far more than a feed does, as one made to fill the disk would.",
    "compression-damaged": "The .gz is cut off or damaged.",
}

_HEADER = b"header"


def read_content(
    path: Path,
    sources: Mapping[str, Source],
    *,
    received_ms: int,
    rows_max: int,
    source_name: str | None = None,
    origin: str | None = None,
) -> Iterator[Event]:
    """All that a file says, as events: pieces of at most `rows_max` rows, and in the end one SourcePolled.

    Each event that carries rows has a part number of its own; the same content and `rows_max` give the same parts, so
    that a reader can be resumed after any of them. `source_name` names the feed where the content need not tell.

    Raises UsageError for an unknown source and UnreadableInput for a file that cannot be opened; whatever is wrong
    inside is an event.
    """
    if source_name is not None and source_name not in sources:
        raise UsageError(f"There is no source {source_name!r}. Known: {', '.join(sorted(sources))}.")
    with open_content(path) as content:
        came_from = content.origin if origin is None else origin
        source = sources[source_name] if source_name is not None else _recognise(content, came_from, sources)
        yield from _events(content, came_from, source, received_ms, rows_max)


def _recognise(content: Content, origin: str, sources: Mapping[str, Source]) -> Source | None:
    return next((sources[name] for name in sorted(sources) if sources[name].recognises(content.head, origin)), None)


def _events(content: Content, origin: str, source: Source | None, received_ms: int, rows_max: int) -> Iterator[Event]:
    name = UNKNOWN_SOURCE if source is None else source.name
    accepted = refused = part = 0
    reasons: Counter[str] = Counter()
    for parsed in _pieces(content, source, received_ms, rows_max):
        if source is not None and parsed.observations.num_rows:
            table = to_ipc(parsed.observations)
            yield ObservationsReceived(
                source=name, kind=source.kind, origin=origin, sha256=content.sha256, part=part, table=table
            )
            part += 1
        for rejections in _records(parsed.rejections):
            counts = Counter(rejection.reason for rejection in rejections)
            rows = to_ipc(_table(rejections, content.head))
            yield RowsRejected(
                source=name,
                origin=origin,
                sha256=content.sha256,
                part=part,
                reasons=dict(sorted(counts.items())),
                rows=rows,
            )
            reasons += counts
            part += 1
        accepted += parsed.observations.num_rows
        refused += len(parsed.rejections)
    outcome = "data" if accepted else "malformed" if refused else "empty"
    yield SourcePolled(
        source=name,
        origin=origin,
        at_ms=received_ms,
        outcome=outcome,
        read=accepted + refused,
        detail=", ".join(f"{reason}: {count:,}" for reason, count in sorted(reasons.items())),
    )


def _pieces(content: Content, source: Source | None, received_ms: int, rows_max: int) -> Iterator[Parsed]:
    from almenara.model.observations import OBSERVATIONS

    refusal = content.refusal
    if refusal is None and source is None and content.head:
        refusal = "unrecognised-content", "no source recognises its first bytes"
    if refusal is not None:
        reason, detail = refusal
        yield Parsed(OBSERVATIONS.empty_table(), [Rejection(0, reason, detail, content.head[:RAW_BYTES_MAX])])
    elif source is not None:
        yield from source.parse(content.path, received_ms=received_ms, rows_max=rows_max)


def _records(rejections: list[Rejection]) -> Iterator[list[Rejection]]:
    """Rejections in records of bounded size."""
    record: list[Rejection] = []
    size = 0
    for rejection in rejections:
        if record and (len(record) == REJECTED_ROWS_MAX or size + len(rejection.raw) > REJECTED_BYTES_MAX):
            yield record
            record, size = [], 0
        record.append(rejection)
        size += len(rejection.raw)
    if record:
        yield record


def _table(rejections: list[Rejection], head: bytes) -> pa.Table:
    lines = (line for line in head.split(b"\n", 64) if line.strip())
    header = b"" if _is_json(head) else next(lines, b"").rstrip(b"\r")
    return pa.Table.from_arrays(
        [
            pa.array([rejection.line for rejection in rejections], pa.int64()),
            pa.array([rejection.reason for rejection in rejections], pa.string()),
            pa.array([rejection.detail for rejection in rejections], pa.string()),
            pa.array([rejection.raw for rejection in rejections], pa.binary()),
        ],
        schema=REJECTED.with_metadata({_HEADER: header}),
    )


def quarantine_id(record: RowsRejected) -> str:
    """The name of a quarantine record for people: the content's fingerprint, shortened, and the part."""
    return f"{record.sha256[:12]}-{record.part}"


def retry(
    record: RowsRejected, sources: Mapping[str, Source], *, received_ms: int, rows_max: int = REJECTED_ROWS_MAX
) -> list[Event]:
    """Read the rows of a quarantine record again with today's readers: what could be read, then QuarantineRetried.

    Rows that are still refused stay in the record they are in. A content refused as a whole can be read again only when
    its kept bytes are all of it.
    """
    table = from_ipc(record.rows)
    header = (table.schema.metadata or {}).get(_HEADER, b"")
    kept = list(zip(table["line"].to_pylist(), table["raw"].to_pylist(), strict=True))
    contents = [raw for line, raw in kept if line == 0 and hashlib.sha256(raw).hexdigest() == record.sha256]
    raws = [raw for line, raw in kept if line > 0 and len(raw) < RAW_BYTES_MAX]  # the others were cut off
    if raws:
        contents.append(_reassembled(raws, header))
    received: list[Event] = []
    accepted = 0
    for content in contents:
        for event in _read_again(content, record, sources, received_ms, rows_max):
            accepted += from_ipc(event.table).num_rows
            received.append(event)
    rejected = max(0, table.num_rows - accepted)
    return [*received, QuarantineRetried(quarantine=quarantine_id(record), accepted=accepted, rejected=rejected)]


def _reassembled(raws: list[bytes], header: bytes) -> bytes:
    """A content of the kept rows alone: lines under their header, or items of a JSON list."""
    if header:
        return b"\n".join([header, *raws]) + b"\n"
    return b"[" + b",".join(raw for raw in raws if _is_whole_json(raw)) + b"]"


def _read_again(
    content: bytes, record: RowsRejected, sources: Mapping[str, Source], received_ms: int, rows_max: int
) -> Iterator[ObservationsReceived]:
    with tempfile.TemporaryDirectory(prefix="almenara-") as folder:
        path = Path(folder, "content")
        path.write_bytes(content)
        named = record.source if record.source in sources else None
        for event in read_content(
            path, sources, received_ms=received_ms, rows_max=rows_max, source_name=named, origin=record.origin
        ):
            if isinstance(event, ObservationsReceived):
                yield event


def _is_json(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def _is_whole_json(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
