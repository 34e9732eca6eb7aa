"""The promises between Almenara's logic and the world: what a log, a source and a clock must keep."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from almenara.model.events import Event

#: Returns the present time in milliseconds since 1970-01-01 UTC. Only `service` and the CLI hold a real one.
Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log. `hash` = SHA-256 over (prev_hash, seq, recorded_ms, kind, version, payload)."""

    seq: int  # 1, 2, 3, … without gaps
    recorded_ms: int
    kind: str
    version: int
    payload: bytes
    prev_hash: bytes
    hash: bytes

    def event(self) -> Event:
        """The fact itself, lifted to today's form."""
        from almenara.model.codec import decode

        return decode(self.kind, self.version, self.payload)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement of what the log held: Ed25519 over (seq, hash, signed_ms)."""

    seq: int
    hash: bytes
    signed_ms: int
    public_key: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found. `broken_seq` is the first entry that does not fit, None when all is well."""

    entries: int
    checkpoints: int
    broken_seq: int | None
    reason: str


class EventLog(Protocol):
    """An append-only, hash-chained log with signed checkpoints and state snapshots beside it.

    One writer; any number of readers. `append` returns only when the entries are durable, all or none of them.
    """

    def append(self, events: Sequence[Event], recorded_ms: int) -> int:
        """Append all events in one transaction; return the sequence number of the last (0 for an empty log)."""

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Entries with seq > `after`, in order. Raises LogCorrupted on the first entry whose hash does not fit."""

    def head(self) -> tuple[int, bytes]:
        """Sequence number and hash of the last entry; (0, 32 zero bytes) for an empty log."""

    def checkpoint(self, now_ms: int) -> Checkpoint | None:
        """Sign the head and keep the statement; None for an empty log."""

    def checkpoints(self) -> Iterator[Checkpoint]:
        """All checkpoints in order."""

    def verify(self, progress: Callable[[int], None] | None = None) -> Verdict:
        """Recompute every hash and signature. Never raises on tampering: the verdict locates it."""

    def save_snapshot(self, seq: int, data: bytes) -> None:
        """Keep the state after entry `seq` (atomically; older snapshots may be dropped).

        May be called from another thread than the writer's, which it does not hold up; one at a time.
        """

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest intact snapshot not beyond the head, or None. A damaged one is passed over."""

    def size_bytes(self) -> int:
        """Bytes that the log takes at present."""

    def close(self) -> None:
        """Release the log; further calls fail."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row (or one whole content, line 0) that cannot be used, with its named reason and its bytes as they came."""

    line: int  # 1-based line or item number in the content; 0 for the content as a whole
    reason: str  # a short name from the source's `reasons`, e.g. "latitude-out-of-range"
    detail: str  # for people
    raw: bytes  # at most limits.RAW_BYTES_MAX bytes


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one piece of a content held. Read rows = observations.num_rows + len(rejections)."""

    observations: pa.Table  # model.observations.OBSERVATIONS
    rejections: list[Rejection] = field(default_factory=list)


class Source(Protocol):
    """A feed: one folder under `sources/`, whose package exposes `SOURCE`, an instance of this.

    Reads contents, never the network: fetching, size limits, decompression and quarantine are intake's.
    """

    name: str  # = folder name = config name
    kind: str  # hazard kind of its observations: "fire" | "earthquake"
    title: str  # for people
    attribution: str  # the provider's credit line
    cadence_s: int  # a healthy feed answers at least this often; silent after three times as long
    url: str  # a public default address for `watch`; used only when configured
    reasons: dict[str, str]  # every rejection reason it can give → an explanation for people

    def recognises(self, head: bytes, name: str) -> bool:
        """Whether a content that begins with `head` (first 64 KiB, decompressed) is of this feed; `name` is a hint."""

    def parse(self, path: Path, *, received_ms: int, rows_max: int) -> Iterator[Parsed]:
        """Read a decompressed content from a file, at most `rows_max` rows a piece, in bounded memory.

        Never raises on bad data: a content that cannot be read at all is one Rejection with line 0.
        `received_ms` bounds times from above: later than a day after it is "time-in-the-future".
        """
