"""The promises between Almenara's logic and the world: what a log, a source, a channel and a clock must keep."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar, final, runtime_checkable

import pyarrow as pa

from almenara.model.cap import Alert, from_xml
from almenara.model.errors import StatusMismatch, UsageError
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

    def pick(self, seqs: Sequence[int]) -> Iterator[Entry]:
        """The entries of these numbers that there are, in ascending order, each held against its hash.

        Raises LogCorrupted at one whose hash does not fit.
        """

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

    observations: pa.Table  # model.observations.schema_of(the source's kind)
    rejections: list[Rejection] = field(default_factory=list)


class Source(Protocol):
    """A feed: one folder under `sources/`, whose package exposes `SOURCE`, an instance of this.

    Reads contents, never the network: fetching, size limits, decompression and quarantine are intake's.
    """

    name: str  # = folder name = config name
    kind: str  # hazard kind of its observations: "fire" | "earthquake" | "warning"
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


# ---------------------------------------------------------------------- channels


@final
class Actual:
    """The status of a message that people must act on."""

    word: ClassVar[str] = "Actual"


@final
class Exercise:
    """The status of a message for those who take part in an exercise."""

    word: ClassVar[str] = "Exercise"


@final
class Test:
    """The status of a message that tests the line and is to be ignored."""

    word: ClassVar[str] = "Test"


#: A CAP status as a type: a message of one and a channel of another do not fit together, for mypy and at run time.
S = TypeVar("S", Actual, Exercise, Test)
AnyStatus = type[Actual] | type[Exercise] | type[Test]


@dataclass(frozen=True, slots=True)
class Outgoing(Generic[S]):
    """A warning as it leaves the house: frozen bytes, and what they say.

    The status is read out of the bytes. Raises StatusMismatch when they say another, InvalidWarning when they are no
    message: an `Outgoing[Test]` whose XML says Actual cannot come to be.
    """

    xml: bytes
    thread: str
    status: type[S]
    alert: Alert = field(init=False)
    key: str = field(init=False)  # the same for the same bytes, for ever: 64 letters and digits

    def __post_init__(self) -> None:
        alert = from_xml(self.xml)
        if alert.status != self.status.word:
            raise StatusMismatch(f"{alert.identifier} has the status {alert.status}, not {self.status.word}.")
        object.__setattr__(self, "alert", alert)
        object.__setattr__(self, "key", hashlib.sha256(self.xml).hexdigest())

    @property
    def identifier(self) -> str:
        """CAP's identifier."""
        return self.alert.identifier

    @property
    def msg_type(self) -> str:
        """Alert, Update or Cancel."""
        return self.alert.msg_type.value

    @property
    def sent_ms(self) -> int:
        """When it was sent, as it says."""
        return int(self.alert.sent.timestamp() * 1000)

    @property
    def expires_ms(self) -> int | None:
        """When the last of its infos runs out; None when one never does, or there is none."""
        ends = [info.expires for info in self.alert.info]
        return max((int(end.timestamp() * 1000) for end in ends if end is not None), default=None)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the peer answered: proof that it has the message. Both are cut to limits.RECEIPT_CHARS_MAX."""

    receipt: str  # the peer's own id of the message, or its answer
    detail: str = ""  # for people


class Channel(Protocol[S]):
    """A way out of the house: one file under `channels/`, opened for exactly one status.

    A message may be sent again after a crash: `message.key` and `message.identifier` are the same then, and a peer that
    can tell must not get it twice. Secrets never appear in a receipt, an error or `recipients()`.
    """

    name: str  # as configured; the plugin is the file's name
    status: type[S]

    def recipients(self) -> Sequence[str]:
        """The configured endpoints, each by a short id that stays the same over restarts; a feed has one: its name.

        An id is for logs and tables (at most 64 of `A-Z a-z 0-9 . _ : @ / -`): the name an agency gave an endpoint, or
        a digest of its address, never an address that belongs to a person.
        """

    async def send(self, message: Outgoing[S], recipient: str) -> Receipt:
        """Deliver, and return only when the peer has it. At-least-once; may run for many recipients at a time.

        Raises ChannelFailed when it is worth another attempt, ChannelRefused when it never will be, StatusMismatch for
        a message of another status. The caller bounds the time and cancels: a cancelled send leaves the channel usable.
        """

    async def close(self) -> None:
        """Let go of connections; may be called twice."""


@runtime_checkable
class Tended(Protocol):
    """What a channel has besides when its far side changes with time alone, such as a feed whose entries run out."""

    async def tend(self, now_ms: int) -> None:
        """Do what is due by then; called every second or so while the channel is open, also while it is paused.

        Raises ChannelFailed when it could not be done now.
        """


def status_of(word: str) -> AnyStatus:
    """The type of a CAP status. Raises UsageError for one that warnings do not have here.

    >>> status_of("Test").word
    'Test'
    """
    for status in (Actual, Exercise, Test):
        if status.word == word:
            return status
    raise UsageError(f"The status must be Actual, Exercise or Test, not {word!r}.")
