"""The outbox: what was sent and who has it, which attempt is due when, and when to give up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from almenara.model.events import (
    ChannelPaused,
    ChannelResumed,
    DeliveriesRecorded,
    DeliveriesRetried,
    DeliveryResult,
    Event,
    WarningSent,
)

EVENTS = (WarningSent, DeliveriesRecorded, DeliveriesRetried, ChannelPaused, ChannelResumed)

#: Pauses between attempts: doubled each time, drawn from the upper half, never longer than a quarter of an hour.
BACKOFF_MS = 2_000
BACKOFF_MS_MAX = 15 * 60_000
#: A peer that asks to wait longer than this is asked again all the same: the warning would be worth nothing.
RETRY_AFTER_MS_MAX = 60 * 60_000
ATTEMPTS_MAX = 40
#: What ran out is kept this long, so that people see who did not get it.
KEPT_MS = 24 * 3_600_000
DEAD_SHOWN_MAX = 1_000

DELIVERED, FAILED, REFUSED, DEAD, SUPERSEDED = "delivered", "failed", "refused", "dead", "superseded"
#: Outcomes after which nothing more is tried.
_DONE = frozenset({DELIVERED, REFUSED, DEAD, SUPERSEDED})


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way out."""

    identifier: str
    thread: str
    number: int  # 1, 2, … in order of sending
    sent_ms: int
    expires_ms: int
    xml: bytes


class Progress(msgspec.Struct, frozen=True):
    """How far the delivery to one recipient got."""

    attempts: int
    outcome: str
    next_ms: int
    detail: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel does."""

    last_success_ms: int | None = None
    last_failure_ms: int | None = None
    failures_in_row: int = 0
    delivered: int = 0
    dead: int = 0
    detail: str = ""  # of the last failure
    paused_by: str = ""  # empty: it is not paused
    paused_reason: str = ""


class Attempt(NamedTuple):
    """One delivery that is due."""

    identifier: str
    recipient: str
    number: int  # 1, 2, …


@dataclass(slots=True)
class State:
    """Messages that have not run out long ago, and each channel's progress with them."""

    sent: int = 0
    messages: dict[str, Message] = field(default_factory=dict)  # in order of sending
    progress: dict[str, dict[str, dict[str, Progress]]] = field(
        default_factory=dict
    )  # channel → identifier → recipient
    health: dict[str, Health] = field(default_factory=dict)  # by channel
    settled: dict[tuple[str, str], int] = field(
        default_factory=dict
    )  # (channel, identifier) → recipients that are done

    def of(self, channel: str) -> Health:
        """A channel's health; a channel that did nothing yet is well."""
        return self.health.get(channel, Health())

    def to_bytes(self) -> bytes:
        """For a snapshot; equal states give equal bytes."""
        return _encoder.encode((self.sent, self.messages, self.progress, self.health))

    @staticmethod
    def from_bytes(data: bytes) -> "State":
        """The state that `to_bytes` wrote."""
        state = State(*_decoder.decode(data))
        for channel, messages in state.progress.items():
            for identifier, known in messages.items():
                state.settled[channel, identifier] = sum(p.outcome in _DONE for p in known.values())
        return state


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(
    tuple[int, dict[str, Message], dict[str, dict[str, dict[str, Progress]]], dict[str, Health]]
)


class Due(NamedTuple):
    """What a channel has to do now."""

    attempts: list[Attempt]  # the newest message first
    given_up: list[tuple[str, DeliveryResult]]  # identifier and the result to record, without asking the peer
    waiting: int  # deliveries not done, due or not


def decide(state: State, channel: str, recipients: Sequence[str], now_ms: int, *, keeps_all: bool = False) -> Due:
    """What is due at a channel with these recipients; a recipient that is new gets what is still in force.

    The newest message of a thread goes first. An older one is not sent to who has a newer one of its thread, unless the
    channel is an archive that `keeps_all`. A message that ran out undelivered is a dead letter.
    """
    done_by = state.progress.get(channel, {})
    attempts: list[Attempt] = []
    given_up: list[tuple[str, DeliveryResult]] = []
    waiting = 0
    paused = bool(state.of(channel).paused_by)
    everyone = frozenset(recipients)
    newer: dict[str, list[str]] = {}  # thread → its messages that were looked at, newest first
    for message in sorted(state.messages.values(), key=lambda m: -m.number):
        known = done_by.get(message.identifier, {})
        later = newer.setdefault(message.thread, [])
        if state.settled.get((channel, message.identifier)) == len(known) and known.keys() >= everyone:
            later.append(message.identifier)
            continue
        for recipient in recipients:
            before = known.get(recipient)
            if before is not None and before.outcome in _DONE:
                continue
            number = before.attempts + 1 if before is not None else 1
            has = None if keeps_all else next((name for name in later if _has(done_by, name, recipient)), None)
            if has is not None:
                detail = f"not needed any more: {has} was delivered"
                given_up.append((message.identifier, _result(recipient, number, SUPERSEDED, detail)))
            elif message.expires_ms <= now_ms:
                detail = f"ran out undelivered; {before.detail if before is not None else 'it was never tried'}"
                given_up.append((message.identifier, _result(recipient, number, DEAD, detail)))
            else:
                waiting += 1
                if not paused and (before is None or before.next_ms <= now_ms):
                    attempts.append(Attempt(message.identifier, recipient, number))
        later.append(message.identifier)
    return Due(attempts, given_up, waiting)


def failed(attempt: Attempt, detail: str, now_ms: int, chance: float, retry_after_s: float | None) -> DeliveryResult:
    """The result of an attempt that is worth another one, not before some time; a dead letter after ATTEMPTS_MAX.

    `chance`, 0 ≤ chance < 1, spreads the attempts of many so that they do not come back at once.
    """
    if attempt.number >= ATTEMPTS_MAX:
        return _result(attempt.recipient, attempt.number, DEAD, f"given up after {ATTEMPTS_MAX} attempts; {detail}")
    wait_ms = backoff_ms(attempt.number, chance)
    if retry_after_s is not None:
        wait_ms = max(wait_ms, min(int(1000 * retry_after_s), RETRY_AFTER_MS_MAX))
    return _result(attempt.recipient, attempt.number, FAILED, detail, next_ms=now_ms + wait_ms)


def backoff_ms(number: int, chance: float) -> int:
    """How long to wait after the attempt of that number.

    >>> [backoff_ms(number, 0.0) for number in (1, 2, 3, 20)]
    [1000, 2000, 4000, 450000]
    """
    most = min(BACKOFF_MS << min(number - 1, 20), BACKOFF_MS_MAX)
    return int(most * (0.5 + 0.5 * chance))


def delivered(attempt: Attempt, receipt: str, detail: str) -> DeliveryResult:
    """The result of an attempt that has its receipt."""
    return _result(attempt.recipient, attempt.number, DELIVERED, detail, receipt=receipt)


def refused(attempt: Attempt, detail: str) -> DeliveryResult:
    """The result of an attempt that the peer will never take."""
    return _result(attempt.recipient, attempt.number, REFUSED, detail)


def evolve(state: State, event: Event) -> State:
    """Take in what happened."""
    if isinstance(event, WarningSent):
        state.sent += 1
        state.messages[event.identifier] = Message(
            identifier=event.identifier,
            thread=event.thread,
            number=state.sent,
            sent_ms=event.now_ms,
            expires_ms=event.expires_ms,
            xml=event.xml,
        )
        _forget(state, event.now_ms)
    elif isinstance(event, DeliveriesRecorded):
        _record(state, event)
    elif isinstance(event, DeliveriesRetried):
        known = state.progress.get(event.channel, {}).get(event.identifier, {})
        for recipient in event.recipients:
            known.pop(recipient, None)
        state.settled[event.channel, event.identifier] = sum(p.outcome in _DONE for p in known.values())
        health = state.of(event.channel)
        left = max(0, health.dead - len(event.recipients))
        state.health[event.channel] = msgspec.structs.replace(health, dead=left)
    elif isinstance(event, ChannelPaused | ChannelResumed):
        paused = isinstance(event, ChannelPaused)
        state.health[event.channel] = msgspec.structs.replace(
            state.of(event.channel),
            paused_by=event.by if paused else "",
            paused_reason=event.reason if paused else "",
        )
    return state


def dead_letters(state: State, channel: str) -> list[tuple[str, str, Progress]]:
    """Message, recipient and progress of what was given up or refused, newest message first, at most DEAD_SHOWN_MAX."""
    found = [
        (identifier, recipient, progress)
        for identifier, known in state.progress.get(channel, {}).items()
        for recipient, progress in known.items()
        if progress.outcome in (DEAD, REFUSED)
    ]
    order = {name: -message.number for name, message in state.messages.items()}
    return sorted(found, key=lambda row: (order.get(row[0], 0), row[1]))[:DEAD_SHOWN_MAX]


def _record(state: State, event: DeliveriesRecorded) -> None:
    if event.identifier in state.messages:  # else it ran out long ago
        known = state.progress.setdefault(event.channel, {}).setdefault(event.identifier, {})
        before = sum(known[r.recipient].outcome in _DONE for r in event.results if r.recipient in known)
        after = sum(result.outcome in _DONE for result in event.results)
        key = event.channel, event.identifier
        state.settled[key] = state.settled.get(key, 0) + after - before
        for result in event.results:
            known[result.recipient] = Progress(result.attempt, result.outcome, result.next_ms, result.detail)
    health = state.of(event.channel)
    good = sum(result.outcome == DELIVERED for result in event.results)
    bad = [result for result in event.results if result.outcome in (FAILED, REFUSED, DEAD)]
    gone = sum(result.outcome in (REFUSED, DEAD) for result in event.results)
    state.health[event.channel] = msgspec.structs.replace(
        health,
        last_success_ms=event.now_ms if good else health.last_success_ms,
        last_failure_ms=event.now_ms if bad else health.last_failure_ms,
        failures_in_row=0 if good else health.failures_in_row + len(bad),
        delivered=health.delivered + good,
        dead=health.dead + gone,
        detail=bad[-1].detail if bad else health.detail,
    )
    _forget(state, event.now_ms)


def _forget(state: State, now_ms: int) -> None:
    """Drop what ran out long ago, so that the state stays bounded."""
    for name in [name for name, message in state.messages.items() if message.expires_ms + KEPT_MS <= now_ms]:
        del state.messages[name]
        for channel, known in state.progress.items():
            known.pop(name, None)
            state.settled.pop((channel, name), None)


def _has(done_by: dict[str, dict[str, Progress]], identifier: str, recipient: str) -> bool:
    progress = done_by.get(identifier, {}).get(recipient)
    return progress is not None and progress.outcome in (DELIVERED, SUPERSEDED)


def _result(
    recipient: str, attempt: int, outcome: str, detail: str, *, receipt: str = "", next_ms: int = 0
) -> DeliveryResult:
    return DeliveryResult(
        recipient=recipient, attempt=attempt, outcome=outcome, detail=detail, receipt=receipt, next_ms=next_ms
    )
