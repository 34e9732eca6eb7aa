"""Events to bytes and back, lifting entries that older versions wrote."""

from collections.abc import Callable
from typing import Any

import msgspec

from almenara.model.errors import UnknownEvent
from almenara.model.events import EVENTS, Event

#: (type, version) → what turns the decoded fields of that version into those of the next one.
UPCASTS: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {
    # A draft of version 1 was always the machine's; the event term in its message tells the kind.
    ("WarningDrafted", 1): lambda fields: {
        **fields,
        "kind": "earthquake" if b"OET-068" in fields["xml"] else "fire",
        "drafted_by": "almenara",
    },
    # The rest of the policy could not be set then: it was this.
    ("WarningPolicySet", 1): lambda fields: {
        **fields,
        "languages": ["es", "en"],
        "sender_name": None,
        "web": None,
        "contact": None,
        "emergency_number": None,
        "quiet_ms": 3 * 3_600_000,
        "expires_ms": {"fire": 6 * 3_600_000, "earthquake": 3 * 3_600_000},
    },
    ("WarningPolicySet", 2): lambda fields: {**fields, "expiry_near_ms": 3_600_000, "growth": 1.2},
}

_encoder = msgspec.msgpack.Encoder(order="deterministic")


def encode(event: Event) -> tuple[str, int, bytes]:
    """Type name, version and MessagePack payload of an event; equal events give equal bytes.

    >>> from almenara.model.events import StepTaken
    >>> decode(*encode(StepTaken(now_ms=5)))
    StepTaken(now_ms=5)
    """
    kind = type(event)
    return kind.__name__, kind.version, _encoder.encode(event)


def decode(kind: str, version: int, payload: bytes) -> Event:
    """The event of a log entry, in today's form. Raises UnknownEvent when the entry is newer than this program."""
    event = EVENTS.get(kind)
    if event is None or version > event.version:
        raise UnknownEvent(
            f"The log holds {kind} version {version}, which this version of Almenara does not know: update it."
        )
    try:
        if version == event.version:
            return msgspec.msgpack.decode(payload, type=event)
        fields = msgspec.msgpack.decode(payload)
        while version < event.version:
            fields = UPCASTS[kind, version](fields)
            version += 1
        return msgspec.convert(fields, event)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise UnknownEvent(f"An entry of type {kind} cannot be read: {error}") from error
