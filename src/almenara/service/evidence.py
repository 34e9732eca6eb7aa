"""Where a hazard's observations came from: each one found in the log, by its key, with feed, content and entry."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from almenara.board.details import CONFIDENCES, Evidence, passes
from almenara.board.forms import Hazard, moment
from almenara.model.events import ObservationsReceived
from almenara.model.observations import from_ipc
from almenara.ports import EventLog
from almenara.service.history import Batch, History
from almenara.service.office import Office

#: So many batches are looked through, the newest first; what lies further back is told without where it came from.
BATCHES_MAX = 400
MINUTE_MS = 60_000
#: An area that is drawn by cells may end short of the middle of a pixel that lies in it.
MARGIN_DEG = 0.05

_NOT_FOUND: dict[str, Any] = {"instrument": None, "source": None, "origin": None, "entry": None}


def find_evidence(office: Office, form: Hazard, first_ms: int, last_ms: int, known: Evidence) -> dict[str, Any]:
    """What a hazard rests on, as the API tells it; for a worker thread."""
    assert office.history is not None
    bbox = None
    if form.bbox is not None and form.kind == "fire":
        west, south, east, north = form.bbox
        bbox = (west - MARGIN_DEG, south - MARGIN_DEG, east + MARGIN_DEG, north + MARGIN_DEG)
    batches = office.history.batches(
        kind=form.kind, since_ms=first_ms - MINUTE_MS, until_ms=last_ms + MINUTE_MS, bbox=bbox, limit=BATCHES_MAX
    )
    with closing(office.open_reader()) as log:
        if form.kind == "fire":
            rows = _by_key(known, office.history, log, batches)
        else:
            rows = list(_by_reference(known, office.history, log, batches))
    return {"passes": passes(rows), "observations": rows, "total": known.total, "truncated": known.total > len(rows)}


def _by_key(known: Evidence, history: History, log: EventLog, batches: list[Batch]) -> list[dict[str, Any]]:
    """Rows that the state knows, each with the batch that brought it last."""
    wanted = {(int(hi), int(lo)): at for at, (hi, lo) in enumerate(known.keys)}
    low = pa.array(known.keys[:, 1])
    found: dict[int, dict[str, Any]] = {}
    for entry, event in _batches(history, log, batches):
        table = from_ipc(event.table)
        near = table.filter(pc.is_in(table.column("key_lo"), low)).select(["key_hi", "key_lo", "instrument"])
        for row in near.to_pylist():
            at = wanted.get((row["key_hi"], row["key_lo"]))
            if at is not None:  # a later entry brought a newer version
                found[at] = {
                    "instrument": row["instrument"],
                    "source": event.source,
                    "origin": event.origin,
                    "entry": entry,
                }
    return [row | found.get(at, _NOT_FOUND) for at, row in enumerate(known.rows)]


def _by_reference(known: Evidence, history: History, log: EventLog, batches: list[Batch]) -> Iterator[dict[str, Any]]:
    """Rows of what its provider names: an earthquake's revisions, the messages of an authority."""
    references = pa.array(sorted(known.references), pa.string())
    for entry, event in _batches(history, log, batches):
        table = from_ipc(event.table)
        for row in table.filter(pc.is_in(table.column("reference"), references)).to_pylist():
            yield {
                "time": moment(round(row["time"].timestamp() * 1000)),
                "lon": _number(row["lon"]),
                "lat": _number(row["lat"]),
                "across_m": _number(row["across_m"]),
                "along_m": _number(row["along_m"]),
                "value": _number(row["value"]),
                "confidence": CONFIDENCES[row["confidence"]],
                "platform": row["platform"],
                "instrument": row["instrument"],
                "source": event.source,
                "origin": event.origin,
                "entry": entry,
            }


def _batches(history: History, log: EventLog, batches: list[Batch]) -> Iterator[tuple[int, ObservationsReceived]]:
    for entry in log.pick([batch.seq for batch in batches]):
        event = entry.event()
        assert isinstance(event, ObservationsReceived)
        yield entry.seq, event


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 5)
