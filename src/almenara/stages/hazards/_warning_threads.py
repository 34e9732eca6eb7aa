"""Threads of others' warnings: which messages belong together, which of them stand, and until when.

A message stands until a later one of the same sender names it in `references` (an Update or a Cancel), or it expires:
the standard's own words, so that of a warning split in two, each half goes on by itself. Everything here depends on
which messages there are, never on the order they came in.
"""

import hashlib
from collections.abc import Iterable

import msgspec
import shapely
from shapely.geometry.base import BaseGeometry

from almenara.model.cap.facts import CERTAINTIES, SEVERITIES, URGENCIES, Facts, encode, is_offer
from almenara.model.cap.message import Certainty, Severity, Urgency
from almenara.stages.observations import LATE_MAX_MS

HOUR_MS = 3_600_000
#: CAP lets a message leave open how long it lasts; such a one is taken to last so long.
ASSUMED_LASTS_MS = 24 * HOUR_MS
#: No message lasts longer without another: state stays bounded.
LASTS_MAX_MS = LATE_MAX_MS
#: References to older messages are not followed: those may be forgotten already (`ARCHIVED_AFTER_MS`).
REFERS_MAX_MS = 20 * 24 * HOUR_MS

#: Time (ms) and name of a message: the earliest that a thread knows of gives it its id.
Mark = tuple[int, str]


class Message(msgspec.Struct, frozen=True):
    """A message and where it warns."""

    facts: Facts
    footprint: bytes | None  # WKB
    first: Mark | None = None  # of its thread, when earlier messages were let go of

    def mark(self) -> Mark:
        return self.facts.sent_ms, self.facts.name

    def refers_to(self) -> list[Mark]:
        """The earlier messages that it names."""
        sent = self.facts.sent_ms
        marks = [(at, f"{self.facts.sender},{identifier}") for identifier, at in self.facts.replaces]
        return [mark for mark in marks if sent - REFERS_MAX_MS <= mark[0] <= sent and mark[1] != self.facts.name]

    def marks(self) -> list[Mark]:
        """All that it says of its thread."""
        return [self.mark(), *self.refers_to(), *([] if self.first is None else [self.first])]


class Thread:
    """Messages that refer to each other."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self.messages = {message.facts.name: message for message in messages}

    def names(self) -> set[str]:
        """Of its messages, and of those that they name."""
        return {mark[1] for message in self.messages.values() for mark in message.marks()}

    def first(self) -> Mark:
        """The earliest message known or named; of one that is known, its own time counts."""
        marks = (mark for message in self.messages.values() for mark in message.marks())
        known = self.messages
        return min((known[name].facts.sent_ms if name in known else at, name) for at, name in marks)

    def ends(self) -> dict[str, int]:
        """When each message that warns stops standing (ms), by name."""
        replaced: dict[str, int] = {}
        for message in self.messages.values():
            if message.facts.msg_type in ("Update", "Cancel"):
                for _, name in message.refers_to():
                    replaced[name] = min(replaced.get(name, message.facts.sent_ms), message.facts.sent_ms)
        found = {}
        for name, message in self.messages.items():
            if is_offer(message.facts):
                end = _expiry(message.facts)
                by = replaced.get(name)
                found[name] = end if by is None or by < message.facts.sent_ms else min(end, by)
        return found

    def standing(self, now_ms: int) -> "Standing | None":
        """What the thread says as of now; None when nothing that is known of it ever warned."""
        ends = self.ends()
        if not ends:
            return None
        last = max(ends.values())
        lasting = [name for name, end in ends.items() if end > now_ms] or [n for n, end in ends.items() if end == last]
        messages = tuple(sorted((self.messages[name] for name in lasting), key=lambda m: m.mark()))
        return Standing(messages, min(ends[name] for name in lasting), last)

    def newest_ms(self) -> int:
        """When its last message was sent."""
        return max(message.facts.sent_ms for message in self.messages.values())


class Standing(msgspec.Struct, frozen=True):
    """The messages of a thread that count, by time: those that stand, or that stood to the end."""

    messages: tuple[Message, ...]
    next_ms: int  # when the first of them ends
    end_ms: int  # when the last of all ends

    def digest(self) -> bytes:
        """Names what is said, and where."""
        total = hashlib.blake2b(digest_size=16)
        for message in self.messages:
            for part in (encode(message.facts), message.footprint or b""):
                total.update(len(part).to_bytes(8, "big"))
                total.update(part)
        return total.digest()

    def gravest(self) -> Facts:
        """The facts of the gravest message, of equals the latest."""
        return max((message.facts for message in self.messages), key=_gravity)

    def footprint(self) -> BaseGeometry | None:
        """Where they warn, together; None when none of them draws it."""
        shapes = [shapely.from_wkb(message.footprint) for message in self.messages if message.footprint is not None]
        return shapely.union_all(shapes) if shapes else None


def _gravity(facts: Facts) -> tuple[int, int, int, int, str]:
    severity, urgency = SEVERITIES.index(Severity(facts.severity)), URGENCIES.index(Urgency(facts.urgency))
    return severity, urgency, CERTAINTIES.index(Certainty(facts.certainty)), facts.sent_ms, facts.name


def _expiry(facts: Facts) -> int:
    said = facts.sent_ms + ASSUMED_LASTS_MS if facts.expires_ms is None else facts.expires_ms
    return max(facts.sent_ms, min(said, facts.sent_ms + LASTS_MAX_MS))
