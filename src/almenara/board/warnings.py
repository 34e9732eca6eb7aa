"""Warnings as they are shown: a message, its life, and the few words of it that stand in a list."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from almenara.board.forms import By, PublicWarning, moment, utc
from almenara.board.messages import Book, Message
from almenara.model.cap import Alert, from_xml
from almenara.model.events import Event
from almenara.pipeline import State
from almenara.stages.public_warnings import rule_of
from almenara.stages.public_warnings.approval import YESES

Box = tuple[float, float, float, float]

#: What can have become of a delivery.
OUTCOMES = ("delivered", "failed", "refused", "dead", "superseded")
#: How long a message that is over stays on the board.
KEPT_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Digest:
    """What a list says of a message's text and area."""

    urgency: str
    certainty: str
    event: str
    headline: dict[str, str]
    bbox: Box | None


def digest_of(alert: Alert) -> Digest:
    """The few words of a message; the first language counts."""
    first = alert.info[0]
    return Digest(
        urgency=first.urgency.value,
        certainty=first.certainty.value,
        event=first.event,
        headline={info.language or "en-US": info.headline or info.event for info in alert.info},
        bbox=bounds_of(alert),
    )


def bounds_of(alert: Alert) -> Box | None:
    """The box round a message's polygons."""
    points = [point for info in alert.info[:1] for area in info.area for ring in area.polygon for point in ring]
    if not points:
        return None
    lon, lat = [point[0] for point in points], [point[1] for point in points]
    return min(lon), min(lat), max(lon), max(lat)


class Warnings:
    """The messages that wait or hold, and those that were over lately."""

    def __init__(self) -> None:
        self.book = Book()
        self._digests: dict[str, Digest] = {}

    def take(self, event: Event) -> None:
        """Follow what happened."""
        self.book.take(event)

    def form(self, identifier: str, state: State) -> PublicWarning | None:
        """A message as it stands; None when it is not on the board."""
        message = self.book.messages.get(identifier)
        if message is None:
            return None
        digest = self._digests.get(identifier)
        if digest is None:
            digest = self._digests[identifier] = digest_of(from_xml(message.xml))
        if message.is_over:
            self._lighten(message)
        return form_of(message, digest, state)

    def sweep(self, now_ms: int) -> list[str]:
        """Let what ran out be expired and forget what was over long ago; returns the identifiers that changed."""
        changed = []
        for identifier, message in list(self.book.messages.items()):
            if message.state == "in-force" and message.expires_ms <= now_ms:
                message.state = "expired"
                changed.append(identifier)
            elif message.is_over and message.last_ms + KEPT_MS <= now_ms:
                del self.book.messages[identifier]
                self._digests.pop(identifier, None)
                changed.append(identifier)
        return changed

    def _lighten(self, message: Message) -> None:
        """The bytes of what is over are in the log."""
        message.draft = msgspec.structs.replace(message.draft, xml=b"")
        if message.sent is not None:
            message.sent = msgspec.structs.replace(message.sent, xml=b"")


def form_of(message: Message, digest: Digest, state: State) -> PublicWarning:
    """A message's form."""
    draft = message.draft
    return PublicWarning(
        identifier=draft.identifier,
        thread=draft.thread,
        incident=draft.incident,
        kind=draft.kind,
        msg_type=draft.msg_type,
        status=draft.status,
        state=message.state,
        detail=message.detail,
        severity=draft.severity,
        urgency=digest.urgency,
        certainty=digest.certainty,
        event=digest.event,
        headline=digest.headline,
        reasons=tuple(draft.reasons),
        drafted=By(by=draft.drafted_by, at=moment(draft.now_ms)),
        approvals=tuple(By(by=one.by, at=moment(one.now_ms)) for one in message.approvals),
        approvals_needed=_needed(message, state),
        sent=utc(message.sent.now_ms if message.sent is not None else None),
        expires=moment(message.expires_ms),
        references=draft.references,
        places=len(draft.places),
        deliveries={channel: _counted(counts) for channel, counts in sorted(message.deliveries.items())},
        bbox=digest.bbox,
    )


def _needed(message: Message, state: State) -> int:
    """How many yeses it takes, or took: who drafts by hand counts as the first."""
    found = state.warnings.find_draft(message.draft.identifier) if message.state == "draft" else None
    if found is None:
        return len(message.approvals)
    thread, draft = found
    return YESES[rule_of(thread, draft, state.policy)]


def _counted(counts: Mapping[str, int]) -> dict[str, int]:
    return {outcome: counts.get(outcome, 0) for outcome in OUTCOMES}
