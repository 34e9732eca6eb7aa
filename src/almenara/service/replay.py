"""Replay: real feed files through the whole chain in order of acquisition, to be resumed wherever it was stopped."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from almenara import intake, results, sources
from almenara.contents import expand
from almenara.model.errors import UsageError
from almenara.model.events import Event, ObservationsReceived, Parameter, RowsRejected, SourcePolled
from almenara.model.observations import from_ipc, to_ipc
from almenara.ports import EventLog, Source
from almenara.service.linked import trust_in
from almenara.service.session import Progress, Session, now_ms
from almenara.sources.cap_feed import SOURCE as OTHERS_WARNINGS
from almenara.stages.public_warnings import read_words

#: Rows in one log entry of observations. Results never depend on it.
BATCH_ROWS_DEFAULT = 50_000


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What a replay is asked to do."""

    paths: Sequence[Path]
    places: str
    status: str = "Exercise"
    source: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    batch_rows: int = BATCH_ROWS_DEFAULT
    sender: str | None = None
    timezone: str | None = None
    templates: Path | None = None  # the agency's own words
    trust: Path | None = None  # certificates: others' warnings that are not signed under one are refused

    def parameters(self, files: Sequence[Path]) -> dict[str, Parameter]:
        """What must be the same when a replay is resumed."""
        listing = "\n".join(f"{path} {path.stat().st_size}" for path in files)
        return {
            "files": len(files),
            "listing": hashlib.sha256(listing.encode()).hexdigest(),
            "places": self.places,
            "source": self.source,
            "since_ms": self.since_ms,
            "until_ms": self.until_ms,
            "batch_rows": self.batch_rows,
            "sender": self.sender,
            "timezone": self.timezone,
            "templates": str(self.templates) if self.templates is not None else None,
            "trust": hashlib.sha256(self.trust.read_bytes()).hexdigest() if self.trust is not None else None,
        }


def replay(log: EventLog, options: ReplayOptions, *, progress: Progress) -> results.Results:
    """Read real files in order of acquisition through the whole chain; goes on where an interrupted run stopped."""
    begun = time.perf_counter()
    known = sources.find_all()
    if options.trust is not None:
        trust = trust_in(options.trust, f"--trust {options.trust}")
        known = {**known, OTHERS_WARNINGS.name: OTHERS_WARNINGS.configured(trust=trust, links_fetched=False)}
    if options.source is not None and options.source not in known:
        raise UsageError(f"There is no source {options.source!r}. Known: {', '.join(sorted(known))}.")
    files = expand(options.paths)
    session = Session(log, words=read_words(options.templates) if options.templates is not None else None)
    session.recover()
    parameters = options.parameters(files)
    session.start("replay", options.status, parameters)
    session.import_places(options.places, progress)
    _ingest(session, options, files, known, progress)
    _follow(session, progress)
    return session.finish(parameters, begun, progress)


def _ingest(
    session: Session, options: ReplayOptions, files: Sequence[Path], known: dict[str, Source], progress: Progress
) -> None:
    """Read the files into the log. What an interrupted run had read is known by its count of finished files."""
    begun = time.perf_counter()
    finished, parts = 0, 0
    for entry in session.log.read():
        if entry.kind == SourcePolled.__name__:
            finished, parts = finished + 1, 0
        elif entry.kind in (ObservationsReceived.__name__, RowsRejected.__name__):
            parts += 1
    received = next((entry.recorded_ms for entry in session.log.read()), now_ms())
    for number, path in enumerate(files):
        if number < finished:
            continue
        progress(f"Reading {path.name}", number, len(files))
        for event in intake.read_content(
            path,
            sources=known,
            source_name=options.source,
            received_ms=received,
            rows_max=options.batch_rows,
        ):
            for kept in _within(event, options.since_ms, options.until_ms):
                if parts > 0:
                    parts -= 1
                    continue
                session.take(kept)
    session.commit()
    session.seconds["ingest"] = time.perf_counter() - begun


def _within(event: Event, since_ms: int | None, until_ms: int | None) -> list[Event]:
    """The event with only the rows of the period asked for; the others are counted as rejected."""
    if not isinstance(event, ObservationsReceived) or (since_ms is None and until_ms is None):
        return [event]
    table = from_ipc(event.table)
    at = table.column("time").cast(pa.int64())
    inside = pc.and_(
        pc.greater_equal(at, since_ms if since_ms is not None else 0),
        pc.less(at, until_ms if until_ms is not None else 2**62),
    )
    kept = table.filter(inside)
    if kept.num_rows == table.num_rows:
        return [event]
    outside = table.num_rows - kept.num_rows
    return [
        ObservationsReceived(
            source=event.source,
            kind=event.kind,
            origin=event.origin,
            sha256=event.sha256,
            part=event.part,
            table=to_ipc(kept),
        ),
        RowsRejected(
            source=event.source,
            origin=event.origin,
            sha256=event.sha256,
            part=event.part,
            reasons={"outside-the-period": outside},
            rows=to_ipc(intake.REJECTED.empty_table()),
        ),
    ]


def _follow(session: Session, progress: Progress) -> None:
    times = np.unique(np.concatenate([f.pending_times() for f in session.state.hazards.values()]))
    for number, at in enumerate(times.tolist()):
        progress(f"Following hazards, {datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC", number, len(times))
        session.step(at)
    session.commit()
