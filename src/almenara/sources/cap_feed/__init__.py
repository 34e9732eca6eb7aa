"""Others' warnings: CAP messages alone, in Atom or RSS feeds, in EDXL-DE or in bare lists, of any authority."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from almenara.model.cap import Alert, MsgType, RefusedDocument, read
from almenara.model.cap.document import ENVELOPE_BYTES_MAX, NAMESPACES
from almenara.model.cap.envelopes import CAP_TYPE
from almenara.model.cap.facts import Facts, encode, facts_of, footprint_of
from almenara.model.cap.signature import check_trust, verify
from almenara.model.cap.trust import Trust, subject
from almenara.model.limits import AHEAD_MS_MAX, DETECTION_MS_MIN, HEAD_BYTES, RAW_BYTES_MAX
from almenara.model.observations import MESSAGES, Confidence, HeatClass, named_key
from almenara.ports import Parsed, Rejection
from almenara.sources.cap_feed.contents import Contents, Item, take_apart
from almenara.sources.cap_feed.reasons import REASONS

_SIGNS = (*(namespace.encode() for namespace in NAMESPACES.values()), CAP_TYPE.encode())
_PLATFORM_MAX = 64


@dataclass(frozen=True, slots=True)
class CapFeed:
    """The source. It keeps `ports.Source`; `configured` makes it demand signatures, or lets links be fetched."""

    trust: Trust | None = None
    links_fetched: bool = False  # whoever reads the feed fetches what it links to

    name = "cap_feed"
    kind = "warning"
    title = "Warnings of other authorities (CAP, also in Atom, RSS and EDXL-DE)"
    attribution = "Each warning's own sender, as it names itself"
    cadence_s = 3600  # a feed without warnings answers too
    url = "https://api.weather.gov/alerts/active.atom"
    reasons = REASONS

    def configured(self, *, trust: Trust | None, links_fetched: bool) -> "CapFeed":
        """The same source for one feed."""
        return replace(self, trust=trust, links_fetched=links_fetched)

    def recognises(self, head: bytes, name: str) -> bool:
        """Whether the content is XML that speaks of CAP."""
        plain = head.replace(b"\0", b"")  # UTF-16
        return b"<" in plain[:16] and any(sign in plain for sign in _SIGNS)

    def parse(self, path: Path, *, received_ms: int, rows_max: int) -> Iterator[Parsed]:
        """Read every message that the content holds; what it only links to is one rejection, unless that is fetched."""
        with path.open("rb") as file:
            data = file.read(ENVELOPE_BYTES_MAX + 1)
        if not data.removeprefix(b"\xef\xbb\xbf").strip():
            return
        try:
            contents = take_apart(data)
        except RefusedDocument as error:
            known = self.recognises(data[:HEAD_BYTES], path.name)
            yield Parsed(MESSAGES.empty_table(), [_refusal(0, data, error, reason=None if known else "not-this-feed")])
            return
        for begin in range(0, len(contents.items), rows_max):
            readings = [self._read(item, received_ms) for item in contents.items[begin : begin + rows_max]]
            rows = [reading for reading in readings if not isinstance(reading, Rejection)]
            yield Parsed(_table(rows), [reading for reading in readings if isinstance(reading, Rejection)])
        if contents.links and not self.links_fetched:
            yield Parsed(MESSAGES.empty_table(), [_linked(contents)])

    def _read(self, item: Item, received_ms: int) -> tuple[Any, ...] | Rejection:
        try:
            alert, signed_by = self._believed(item.data, received_ms)
        except RefusedDocument as error:
            return _refusal(item.number, item.data, error)
        facts = facts_of(alert, signed_by)
        problem = _problem(alert, facts, received_ms)
        if problem is not None:
            return Rejection(item.number, *problem, item.data[:RAW_BYTES_MAX])
        return _row(facts, footprint_of(alert))

    def _believed(self, data: bytes, received_ms: int) -> tuple[Alert, str]:
        """The message and, where signatures are demanded, who signed it. Raises RefusedDocument."""
        if self.trust is None:
            return read(data).alert, ""
        at = datetime.fromtimestamp(received_ms / 1000, UTC)
        verified = check_trust(verify(data), self.trust, at)
        return verified.reading.alert, subject(verified.trusted[0].certificate)


def _problem(alert: Alert, facts: Facts, received_ms: int) -> tuple[str, str] | None:
    if facts.sent_ms < DETECTION_MS_MIN:
        return "time-before-range", f"sent {alert.sent}"
    if facts.sent_ms > received_ms + AHEAD_MS_MAX:
        return "time-in-the-future", f"sent {alert.sent}"
    if not alert.info and alert.msg_type in (MsgType.ALERT, MsgType.UPDATE):
        return "info-missing", f"{alert.msg_type} {alert.identifier[:60]}"
    return None


def _row(facts: Facts, footprint: bytes | None) -> tuple[Any, ...]:
    inside = None if footprint is None else shapely.point_on_surface(shapely.from_wkb(footprint))
    words = facts.words[0] if facts.words else None
    return (
        *named_key(f"cap/{facts.name}"),
        facts.sent_ms,
        facts.sent_ms,
        np.nan if inside is None else inside.x,
        np.nan if inside is None else inside.y,
        0.0,
        0.0,
        np.nan,
        int(Confidence.NOMINAL),
        int(HeatClass.UNKNOWN),
        np.nan,
        facts.sender[:_PLATFORM_MAX],
        "CAP",
        "current",
        facts.name,
        (words.headline or words.event) if words is not None else None,
        footprint,
        encode(facts),
    )


def _refusal(number: int, data: bytes, error: RefusedDocument, *, reason: str | None = None) -> Rejection:
    fault = error.faults[0]
    if reason is None:
        reason = fault.reason if fault.reason in REASONS else "message-refused"
    return Rejection(number, reason, str(fault)[:500], data[:RAW_BYTES_MAX])


def _linked(contents: Contents) -> Rejection:
    raw = "\n".join(contents.links).encode()[:RAW_BYTES_MAX]
    return Rejection(0, "linked-only", f"{len(contents.links):,} messages, the first at {contents.links[0][:200]}", raw)


def _table(rows: list[tuple[Any, ...]]) -> pa.Table:
    if not rows:
        return MESSAGES.empty_table()
    columns = zip(*rows, strict=True)
    arrays = [_array(list(column), field.type) for column, field in zip(columns, MESSAGES, strict=True)]
    return pa.Table.from_arrays(arrays, schema=MESSAGES)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_dictionary(kind):
        return pa.array(values, kind)
    encoded = pa.array(values, kind.value_type).dictionary_encode()
    return encoded.cast(kind)


SOURCE = CapFeed()
