"""Every message of a log with its life so far: drafted, approved, sent, what became of it, who has it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import get_args

from almenara.model.cap import MsgType
from almenara.model.events import (
    DeliveriesRecorded,
    WarningApproved,
    WarningDrafted,
    WarningExpired,
    WarningPolicySet,
    WarningRejected,
    WarningSent,
)
from almenara.ports import EventLog
from almenara.stages.public_warnings.approval import MACHINE
from almenara.stages.public_warnings.profiles import breaches

#: States of a message, each with what it means for people.
STATES = {
    "draft": "waits for approval",
    "replaced": "a newer draft took its place",
    "rejected": "dropped by a person",
    "withdrawn": "lapsed, or no longer called for",
    "in-force": "sent, and the thread's last word",
    "updated": "sent, and superseded by a later message",
    "cancelled": "sent, and taken back",
    "expired": "sent, and ran out",
    "ended": "sent: it ended the thread",
}


@dataclass(slots=True)
class Message:
    """A message and its life."""

    draft: WarningDrafted
    state: str = "draft"  # one of STATES
    detail: str = ""
    approvals: list[WarningApproved] = field(default_factory=list)
    sent: WarningSent | None = None
    deliveries: dict[str, Counter[str]] = field(default_factory=dict)  # channel → outcome → recipients
    timeline: list[tuple[int, str]] = field(default_factory=list)
    breaks: list[str] = field(default_factory=list)  # of a draft: why it cannot leave by the profiles switched on

    @property
    def identifier(self) -> str:
        """CAP's identifier."""
        return self.draft.identifier

    @property
    def expires_ms(self) -> int:
        """As sent; as drafted when it was not."""
        return self.sent.expires_ms if self.sent is not None else self.draft.expires_ms

    @property
    def xml(self) -> bytes:
        """As sent; as drafted when it was not."""
        return self.sent.xml if self.sent is not None else self.draft.xml


def read_messages(log: EventLog, now_ms: int) -> list[Message]:
    """All messages of a log, in order of drafting, as they stand at a time."""
    book = _Book()
    for event in _events(log):
        book.take(event)
    for message in book.messages.values():
        if message.state == "in-force" and message.expires_ms <= now_ms:
            message.state = "expired"
        if message.state == "draft":
            message.breaks = [str(fault) for fault in breaches(message.xml, book.profiles)]
    return list(book.messages.values())


Told = (
    WarningDrafted
    | WarningApproved
    | WarningRejected
    | WarningSent
    | WarningExpired
    | DeliveriesRecorded
    | WarningPolicySet
)
_KINDS = {kind.__name__ for kind in get_args(Told)}


def _events(log: EventLog) -> Iterator[Told]:
    for entry in log.read():
        if entry.kind in _KINDS:
            event = entry.event()
            assert isinstance(event, Told)
            yield event


class _Book:
    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.profiles: list[str] = []
        self._last: dict[str, dict[str, str]] = {}  # thread → "draft" and "sent" → identifier
        self._outcomes: dict[tuple[str, str, str], str] = {}  # identifier, channel, recipient

    def take(self, event: Told) -> None:
        """Follow one event."""
        if isinstance(event, WarningDrafted):
            self._drafted(event)
            return
        if isinstance(event, WarningPolicySet):
            self.profiles = event.profiles
            return
        message = self.messages[event.identifier]
        if isinstance(event, WarningApproved):
            message.approvals.append(event)
            message.timeline.append((event.now_ms, f"approved by {event.by}"))
        elif isinstance(event, WarningRejected):
            message.state = "withdrawn" if event.by == MACHINE else "rejected"
            message.detail = event.reason if event.by == MACHINE else f"by {event.by}: {event.reason}"
            message.timeline.append((event.now_ms, f"{message.state}, {message.detail}"))
        elif isinstance(event, WarningSent):
            self._sent(message, event)
        elif isinstance(event, WarningExpired):
            # A log of before there were approvals let drafts expire that nobody sent.
            message.state = "expired" if message.sent is not None else "withdrawn"
            message.timeline.append((event.now_ms, "ran out"))
        else:
            self._delivered(message, event)

    def _drafted(self, event: WarningDrafted) -> None:
        last = self._last.setdefault(event.thread, {})
        before = self.messages.get(last.get("draft", ""))
        if before is not None and before.state == "draft":
            before.state, before.detail = "replaced", f"by {event.identifier}"
            before.timeline.append((event.now_ms, f"replaced by {event.identifier}"))
        last["draft"] = event.identifier
        told = (event.now_ms, f"drafted by {event.drafted_by}: {', '.join(event.reasons)}")
        self.messages[event.identifier] = Message(event, timeline=[told])

    def _sent(self, message: Message, event: WarningSent) -> None:
        last = self._last[event.thread]
        before = self.messages.get(last.get("sent", ""))
        cancels = event.msg_type == MsgType.CANCEL
        if before is not None and before.state == "in-force":
            before.state = "cancelled" if cancels else "updated"
            before.detail = f"by {event.identifier}"
        last["sent"] = event.identifier
        message.state, message.sent = "ended" if cancels else "in-force", event
        message.timeline.append((event.now_ms, "sent, signed" if event.signed else "sent, not signed"))

    def _delivered(self, message: Message, event: DeliveriesRecorded) -> None:
        counts = message.deliveries.setdefault(event.channel, Counter())
        for result in event.results:
            key = (event.identifier, event.channel, result.recipient)
            if key in self._outcomes:
                counts[self._outcomes[key]] -= 1
            self._outcomes[key] = result.outcome
            counts[result.outcome] += 1
        message.deliveries[event.channel] = +counts
