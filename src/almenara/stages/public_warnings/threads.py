"""The threads of warnings as they stand: what was said of an incident, what is in force, and the draft that waits."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from almenara.model.cap import Alert, MsgType, Reference, ResponseType, cap_time
from almenara.model.events import WarningDrafted, WarningSent
from almenara.stages.public_warnings.approval import MACHINE
from almenara.stages.public_warnings.drafting import AREA_KM2, LAST_SEEN, Envelope, read_message


class Sent(msgspec.Struct, frozen=True):
    """A message of a thread that later ones must refer to while it lasts."""

    sender: str
    identifier: str
    sent: str  # as the message writes it: its offset would not survive as a time
    expires_ms: int

    def reference(self) -> Reference:
        """As the later messages write it."""
        return Reference(self.sender, self.identifier, datetime.fromisoformat(self.sent))


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """How a message describes its situation: what news is measured against."""

    now_ms: int
    expires_ms: int
    severity: str
    certainty: str
    places: frozenset[str]
    area_km2: float | None
    last_seen_ms: int
    all_clear: bool


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A message that waits for its yes."""

    identifier: str
    msg_type: str
    now_ms: int
    stale_ms: int  # from then on it cannot be sent: it ran out, or what it refers to did
    expires_ms: int
    severity: str
    reasons: tuple[str, ...]
    drafted_by: str
    approved_by: tuple[str, ...]
    xml: bytes


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """One incident's warnings."""

    id: str
    incident: str
    kind: str
    version: int  # drafts written so far
    account: Account | None  # of the newest draft, whatever became of it; None: nothing to measure news against
    rejected: bool  # a person said no to the newest draft
    draft: Draft | None
    # What was sent last; "", 0 and empty when nothing was.
    open: bool  # it neither ran out nor was cancelled
    identifier: str
    sent_ms: int
    expires_ms: int
    severity: str
    said: Account | None
    earlier: tuple[Sent, ...]  # what later messages must refer to
    xml: bytes  # empty when closed

    def in_force(self, now_ms: int) -> bool:
        """Whether the public holds a warning of this thread."""
        return self.open and self.expires_ms > now_ms


@dataclass(slots=True)
class State:
    """The threads by incident. Closed ones stay, so that an incident that comes back goes on counting."""

    threads: dict[str, Thread] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)  # incident → when its last message runs out, ms
    pending: dict[str, int] = field(default_factory=dict)  # incident → when its draft grows stale, ms

    def put(self, thread: Thread) -> None:
        """Keep a thread as it stands now."""
        self.threads[thread.incident] = thread
        _keep(self.open, thread.incident, thread.expires_ms if thread.open else None)
        _keep(self.pending, thread.incident, thread.draft.stale_ms if thread.draft is not None else None)

    def drafts(self) -> Iterator[tuple[Thread, Draft]]:
        """What waits for a yes, with its thread."""
        for incident in self.pending:
            thread = self.threads[incident]
            assert thread.draft is not None
            yield thread, thread.draft

    def find_draft(self, identifier: str) -> tuple[Thread, Draft] | None:
        """The draft that waits under an identifier, None when none does."""
        return next(((thread, draft) for thread, draft in self.drafts() if draft.identifier == identifier), None)

    def get_draft(self, identifier: str) -> tuple[Thread, Draft]:
        """The draft that waits under an identifier. Raises LookupError when none does, which no log of ours does."""
        found = self.find_draft(identifier)
        if found is None:
            raise LookupError(f"{identifier} does not wait for approval: an event speaks of it that cannot be.")
        return found

    def to_bytes(self) -> bytes:
        """For a snapshot; equal states give equal bytes."""
        return _encoder.encode(self.threads)

    @staticmethod
    def from_bytes(data: bytes) -> "State":
        """The state that `to_bytes` wrote."""
        state = State()
        for thread in _decoder.decode(data).values():
            state.put(thread)
        return state


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(dict[str, Thread])


def _keep(index: dict[str, int], incident: str, value: int | None) -> None:
    if value is None:
        index.pop(incident, None)
    else:
        index[incident] = value


# ---------------------------------------------------------------------- how a thread goes on


def drafted(before: Thread | None, event: WarningDrafted) -> Thread:
    """The thread with a new draft, which takes the place of one that waited."""
    alert = read_message(event.xml)
    thread = before if before is not None else _new(event)
    refers = event.msg_type != MsgType.ALERT
    draft = Draft(
        identifier=event.identifier,
        msg_type=event.msg_type,
        now_ms=event.now_ms,
        stale_ms=min(event.expires_ms, thread.expires_ms) if refers else event.expires_ms,
        expires_ms=event.expires_ms,
        severity=event.severity,
        reasons=tuple(event.reasons),
        drafted_by=event.drafted_by,
        approved_by=(),
        xml=event.xml,
    )
    # A Cancel describes nothing: until it is sent, news is measured against what it would take back.
    account = thread.account if event.msg_type == MsgType.CANCEL else _account(alert, event.now_ms, event)
    return msgspec.structs.replace(thread, version=thread.version + 1, account=account, rejected=False, draft=draft)


def approved(thread: Thread, draft: Draft, by: str) -> Thread:
    """The thread with one more yes to its draft."""
    return msgspec.structs.replace(thread, draft=msgspec.structs.replace(draft, approved_by=(*draft.approved_by, by)))


def dropped(thread: Thread, by: str) -> Thread:
    """The thread without its draft. A person's no counts as said of the situation; the machine's leaves no trace."""
    if by == MACHINE:
        return msgspec.structs.replace(thread, draft=None, account=thread.said, rejected=False)
    return msgspec.structs.replace(thread, draft=None, rejected=True)


def sent(thread: Thread, event: WarningSent) -> Thread:
    """The thread after its draft left the house."""
    draft = thread.draft
    assert draft is not None, f"{event.identifier} was sent without a draft"
    assert draft.identifier == event.identifier
    alert = read_message(event.xml)
    going = draft.msg_type != MsgType.CANCEL
    account = thread.account
    if going and account is not None:  # the public knows it from now on, however long it waited
        account = msgspec.structs.replace(account, now_ms=event.now_ms, expires_ms=event.expires_ms)
    elif not going:
        account = _account(alert, event.now_ms, None)
        if draft.drafted_by != MACHINE and thread.account is not None:
            # A person took it back: the same places are no news, only a hazard that is seen again is.
            account = msgspec.structs.replace(account, places=thread.account.places)
    message = Sent(alert.sender, alert.identifier, cap_time(alert.sent), event.expires_ms)
    kept = [old for old in thread.earlier if old.expires_ms > event.now_ms]
    return msgspec.structs.replace(
        thread,
        account=account,
        said=account,
        draft=None,
        open=going,
        identifier=event.identifier,
        sent_ms=event.now_ms,
        expires_ms=event.expires_ms,
        severity=draft.severity,
        earlier=(*kept, message) if going else (),
        xml=event.xml if going else b"",
    )


def expired(thread: Thread) -> Thread:
    """The thread after its last message ran out."""
    return msgspec.structs.replace(thread, open=False, earlier=(), xml=b"")


def envelope(kind: MsgType, thread: Thread | None, incident: str, now_ms: int, expires_ms: int) -> Envelope:
    """What the thread says of its next message."""
    version = thread.version + 1 if thread is not None else 1
    earlier = thread.earlier if thread is not None and kind is not MsgType.ALERT else ()
    return Envelope(
        identifier=f"{thread_id(incident)}-{version}",
        version=version,
        msg_type=kind,
        references=tuple(old.reference() for old in earlier if old.expires_ms > now_ms),
        now_ms=now_ms,
        expires_ms=expires_ms,
    )


def thread_id(incident: str) -> str:
    """The incident's name in the letters that a CAP identifier may have; a changed name gets a digest to stay unique.

    >>> thread_id("incident-fire-20240903-abc"), thread_id("incident-quake-us 7,1")
    ('incident-fire-20240903-abc', 'incident-quake-us_7_1.c754e399')
    """
    safe = re.sub(r"[^A-Za-z0-9._:-]", "_", incident)
    return safe if safe == incident else f"{safe}.{hashlib.blake2b(incident.encode(), digest_size=4).hexdigest()}"


def _new(event: WarningDrafted) -> Thread:
    return Thread(
        id=event.thread,
        incident=event.incident,
        kind=event.kind,
        version=0,
        account=None,
        rejected=False,
        draft=None,
        open=False,
        identifier="",
        sent_ms=0,
        expires_ms=0,
        severity="",
        said=None,
        earlier=(),
        xml=b"",
    )


def _account(alert: Alert, now_ms: int, event: WarningDrafted | None) -> Account:
    """What a draft says; without an event, what is left after a Cancel: no place is warned any more."""
    info = alert.info[0]
    area_km2, last_seen = _parameter(alert, AREA_KM2), _parameter(alert, LAST_SEEN)
    return Account(
        now_ms=now_ms,
        expires_ms=event.expires_ms if event is not None else now_ms,
        severity=str(info.severity),
        certainty=str(info.certainty),
        places=frozenset(event.places) if event is not None else frozenset(),
        area_km2=float(area_km2) if area_km2 is not None else None,
        last_seen_ms=int(last_seen) if last_seen is not None else now_ms,
        all_clear=ResponseType.ALL_CLEAR in info.response_type,
    )


def _parameter(alert: Alert, name: str) -> str | None:
    return next((p.value for p in alert.info[0].parameter if p.value_name == name), None)
