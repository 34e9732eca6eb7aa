"""Messages to the public with their life so far: drafted, approved, sent, what became of each, and who has it."""

from collections import Counter
from dataclasses import dataclass, field

from almenara.model.cap import MsgType
from almenara.model.events import (
    DeliveriesRecorded,
    Event,
    WarningApproved,
    WarningDrafted,
    WarningExpired,
    WarningPolicySet,
    WarningRejected,
    WarningSent,
)
from almenara.stages.public_warnings.approval import MACHINE

#: What is told of a message after its drafting.
Told = WarningApproved | WarningRejected | WarningSent | WarningExpired | DeliveriesRecorded

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
#: States in which a message is over: it neither waits nor holds, and nobody has to be told of it for long.
OVER = ("replaced", "rejected", "withdrawn", "updated", "cancelled", "expired", "ended")


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened to a message."""

    at_ms: int
    change: str
    by: str = ""
    detail: str = ""

    def __str__(self) -> str:
        by = f" by {self.by}" if self.by else ""
        return f"{self.change}{by}{': ' if by and self.detail else ', ' if self.detail else ''}{self.detail}"


@dataclass(slots=True)
class Message:
    """A message and its life."""

    draft: WarningDrafted
    state: str = "draft"  # one of STATES
    detail: str = ""
    approvals: list[WarningApproved] = field(default_factory=list)
    sent: WarningSent | None = None
    deliveries: dict[str, Counter[str]] = field(default_factory=dict)  # channel → outcome → recipients
    timeline: list[Moment] = field(default_factory=list)
    breaks: list[str] = field(default_factory=list)  # of a draft: why it cannot leave by the profiles switched on

    @property
    def identifier(self) -> str:
        """CAP's identifier."""
        return self.draft.identifier

    @property
    def is_over(self) -> bool:
        """Whether it neither waits nor holds any more."""
        return self.state in OVER

    @property
    def last_ms(self) -> int:
        """When something happened to it last."""
        return self.timeline[-1].at_ms if self.timeline else self.draft.now_ms

    @property
    def expires_ms(self) -> int:
        """As sent; as drafted when it was not."""
        return self.sent.expires_ms if self.sent is not None else self.draft.expires_ms

    @property
    def xml(self) -> bytes:
        """As sent; as drafted when it was not."""
        return self.sent.xml if self.sent is not None else self.draft.xml


class Book:
    """All messages by identifier, in order of drafting."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.profiles: list[str] = []  # that are switched on
        self._last: dict[str, dict[str, str]] = {}  # thread → "draft" and "sent" → identifier
        self._outcomes: dict[tuple[str, str, str], str] = {}  # identifier, channel, recipient

    def take(self, event: Event) -> None:
        """Follow one event; those that concern no message are passed over."""
        if isinstance(event, WarningDrafted):
            self._drafted(event)
        elif isinstance(event, WarningPolicySet):
            self.profiles = list(event.profiles)
        elif isinstance(event, Told) and (message := self.messages.get(event.identifier)) is not None:
            self._told(message, event)

    def _told(self, message: Message, event: Told) -> None:
        if isinstance(event, WarningApproved):
            message.approvals.append(event)
            message.timeline.append(Moment(event.now_ms, "approved", event.by))
        elif isinstance(event, WarningRejected):
            message.state = "withdrawn" if event.by == MACHINE else "rejected"
            message.detail = event.reason if event.by == MACHINE else f"by {event.by}: {event.reason}"
            by = "" if event.by == MACHINE else event.by
            message.timeline.append(Moment(event.now_ms, message.state, by, event.reason))
        elif isinstance(event, WarningSent):
            self._sent(message, event)
        elif isinstance(event, WarningExpired):
            # A log of before there were approvals let drafts expire that nobody sent.
            message.state = "expired" if message.sent is not None else "withdrawn"
            message.timeline.append(Moment(event.now_ms, "ran out"))
        else:
            self._delivered(message, event)

    def _drafted(self, event: WarningDrafted) -> None:
        last = self._last.setdefault(event.thread, {})
        before = self.messages.get(last.get("draft", ""))
        if before is not None and before.state == "draft":
            before.state, before.detail = "replaced", f"by {event.identifier}"
            before.timeline.append(Moment(event.now_ms, "replaced", event.identifier))
        last["draft"] = event.identifier
        told = Moment(event.now_ms, "drafted", event.drafted_by, ", ".join(event.reasons))
        self.messages[event.identifier] = Message(event, timeline=[told])

    def _sent(self, message: Message, event: WarningSent) -> None:
        last = self._last.setdefault(event.thread, {})
        before = self.messages.get(last.get("sent", ""))
        cancels = event.msg_type == MsgType.CANCEL
        if before is not None and before.state == "in-force":
            before.state = "cancelled" if cancels else "updated"
            before.detail = f"by {event.identifier}"
        last["sent"] = event.identifier
        message.state, message.sent = "ended" if cancels else "in-force", event
        message.timeline.append(Moment(event.now_ms, "sent", detail="signed" if event.signed else "not signed"))

    def _delivered(self, message: Message, event: DeliveriesRecorded) -> None:
        counts = message.deliveries.setdefault(event.channel, Counter())
        for result in event.results:
            key = (event.identifier, event.channel, result.recipient)
            if key in self._outcomes:
                counts[self._outcomes[key]] -= 1
            self._outcomes[key] = result.outcome
            counts[result.outcome] += 1
        message.deliveries[event.channel] = +counts
