"""Public warnings: one thread of CAP messages for each incident, spoken when there is news and not otherwise."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from almenara.model.cap import Alert, Certainty, MsgType, Reference, Severity, cap_time, from_xml
from almenara.model.events import Event, WarningDrafted, WarningExpired
from almenara.stages.public_warnings.area import uncovered, warning_area
from almenara.stages.public_warnings.drafting import (
    AREA_KM2,
    LAST_SEEN,
    Envelope,
    Judgement,
    compose,
    compose_cancel,
    judge,
    seal,
)
from almenara.stages.public_warnings.situation import Policy, Situation, ThreatenedPlace, check_policy

__all__ = [
    "Policy",
    "Situation",
    "State",
    "Thread",
    "ThreatenedPlace",
    "check_policy",
    "decide",
    "due",
    "evolve",
    "forget",
    "uncovered",
    "warning_area",
]

_SEVERITIES = (Severity.UNKNOWN, Severity.MINOR, Severity.MODERATE, Severity.SEVERE, Severity.EXTREME)
_CERTAINTIES = (Certainty.UNKNOWN, Certainty.UNLIKELY, Certainty.POSSIBLE, Certainty.LIKELY, Certainty.OBSERVED)


class Sent(msgspec.Struct, frozen=True):
    """A message of a thread that later ones must refer to while it lasts."""

    sender: str
    identifier: str
    sent: str  # as the message writes it: its offset would not survive as a time
    expires_ms: int

    def reference(self) -> Reference:
        """As the later messages write it."""
        return Reference(self.sender, self.identifier, datetime.fromisoformat(self.sent))


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """What was last said of an incident."""

    id: str
    version: int  # messages written so far
    open: bool  # the last message neither ran out nor was cancelled
    identifier: str  # of the last message
    sent_ms: int
    expires_ms: int
    severity: str
    certainty: str
    places: frozenset[str]
    area_km2: float | None
    last_seen_ms: int
    earlier: tuple[Sent, ...]
    xml: bytes  # the last message; empty when closed


@dataclass(slots=True)
class State:
    """The threads by incident. Closed ones stay while the incident can come back, so that it goes on counting."""

    threads: dict[str, Thread] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)  # incident → when its last message runs out, ms

    def to_bytes(self) -> bytes:
        """For a snapshot; equal states give equal bytes."""
        return _encoder.encode(self.threads)

    @staticmethod
    def from_bytes(data: bytes) -> "State":
        """The state that `to_bytes` wrote."""
        threads = _decoder.decode(data)
        return State(threads, {name: thread.expires_ms for name, thread in threads.items() if thread.open})


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(dict[str, Thread])


def decide(
    state: State, situations: Sequence[Situation], now_ms: int, policy: Policy
) -> list[WarningDrafted | WarningExpired]:
    """The messages that the situations call for, and the warnings that ran out without need for another.

    A first message is an Alert. An Update follows at once for a new place, a higher severity or certainty, and when the
    end is near while the hazard was seen again; after the policy's quiet time also for growth, places no longer
    threatened, and lower severity or certainty. An ended incident's warning is cancelled. A hazard that is seen again
    after its warning ran out is warned of anew, as an Alert, because nothing is left to refer to.

    Raises InvalidWarning when a message cannot be proved (see `drafting.seal`).
    """
    events: list[WarningDrafted | WarningExpired] = []
    done: set[str] = set()
    for situation in {s.incident: s for s in situations}.values():
        event = _message(state.threads.get(situation.incident), situation, now_ms, policy)
        if event is not None:
            events.append(event)
            done.add(situation.incident)
    for incident, expires_ms in sorted(state.open.items()):
        if expires_ms <= now_ms and incident not in done:
            thread = state.threads[incident]
            events.append(WarningExpired(now_ms=now_ms, identifier=thread.identifier, thread=thread.id))
    return events


def evolve(state: State, event: Event) -> State:
    """Take in one decision of this stage."""
    if isinstance(event, WarningDrafted):
        thread = _after(state.threads.get(event.incident), event)
        state.threads[event.incident] = thread
        if thread.open:
            state.open[event.incident] = thread.expires_ms
        else:
            state.open.pop(event.incident, None)
    elif isinstance(event, WarningExpired):
        for incident in [name for name in state.open if state.threads[name].id == event.thread]:
            del state.open[incident]
            thread = state.threads[incident]
            state.threads[incident] = msgspec.structs.replace(thread, open=False, earlier=(), xml=b"")
    return state


def forget(state: State, incidents: Iterable[str]) -> State:
    """Let go of the threads of incidents that cannot come back, because what they were named for is archived."""
    for incident in incidents:
        if incident in state.threads and not state.threads[incident].open:
            del state.threads[incident]
    return state


def due(state: State, now_ms: int, policy: Policy) -> list[str]:
    """Incidents whose warning ends soon: `decide` must see their situations even when nothing touched them."""
    return sorted(name for name, expires_ms in state.open.items() if expires_ms - now_ms <= policy.expiry_near_ms)


# ---------------------------------------------------------------------- one situation


def _message(thread: Thread | None, situation: Situation, now_ms: int, policy: Policy) -> WarningDrafted | None:
    current = thread if thread is not None and thread.open and thread.expires_ms > now_ms else None
    if situation.ended:
        return _cancelled(current, situation, now_ms, policy) if current is not None else None
    if not situation.places:
        return None
    judged = judge(situation)
    reasons = _news(current, situation, judged, now_ms, policy) if current is not None else _cause(thread, situation)
    if not reasons:
        return None
    kind = MsgType.UPDATE if current is not None else MsgType.ALERT
    expires_ms = _whole(now_ms + policy.expires_ms[situation.kind])
    envelope = _envelope(kind, thread, situation.incident, now_ms, expires_ms)
    xml = seal(compose(situation, judged, envelope, policy), situation)
    places = sorted(place.id for place in situation.places)
    return _drafted(envelope, situation.incident, judged.severity, places, reasons, xml, policy)


def _cancelled(thread: Thread, situation: Situation, now_ms: int, policy: Policy) -> WarningDrafted:
    envelope = _envelope(MsgType.CANCEL, thread, situation.incident, now_ms, thread.expires_ms)
    alert = compose_cancel(situation, from_xml(thread.xml), envelope, policy)
    xml = seal(alert, situation)
    places = sorted(thread.places)
    reasons = [situation.end_reason or "ended"]
    return _drafted(envelope, situation.incident, alert.info[0].severity, places, reasons, xml, policy)


def _cause(thread: Thread | None, situation: Situation) -> list[str]:
    """Why a warning begins, when none is in force."""
    if thread is None:
        return ["first"]
    reasons = ["new-place"] if {place.id for place in situation.places} - thread.places else []
    if situation.last_seen_ms > thread.last_seen_ms:
        reasons.append("seen-again")
    return reasons


def _news(thread: Thread, situation: Situation, judged: Judgement, now_ms: int, policy: Policy) -> list[str]:
    """Why a warning in force is updated now."""
    reasons = []
    places = {place.id for place in situation.places}
    severity = _SEVERITIES.index(judged.severity) - _SEVERITIES.index(Severity(thread.severity))
    certainty = _CERTAINTIES.index(judged.certainty) - _CERTAINTIES.index(Certainty(thread.certainty))
    if places - thread.places:
        reasons.append("new-place")
    if severity > 0:
        reasons.append("severity")
    if certainty > 0:
        reasons.append("certainty")
    near = thread.expires_ms - now_ms <= policy.expiry_near_ms
    if near and situation.last_seen_ms > thread.last_seen_ms:
        reasons.append("expiry-near")
    if reasons or now_ms - thread.sent_ms >= policy.quiet_ms:
        if situation.area_km2 and thread.area_km2 and situation.area_km2 >= policy.growth * thread.area_km2:
            reasons.append("grown")
        if thread.places - places:
            reasons.append("place-safe")
        if severity < 0:
            reasons.append("severity-lower")
        if certainty < 0:
            reasons.append("certainty-lower")
    return reasons


# ---------------------------------------------------------------------- threads


def _thread_id(incident: str) -> str:
    """The incident's name in the letters that a CAP identifier may have; a changed name gets a digest to stay unique.

    >>> _thread_id("incident-fire-20240903-abc"), _thread_id("incident-quake-us 7,1")
    ('incident-fire-20240903-abc', 'incident-quake-us_7_1.c754e399')
    """
    safe = re.sub(r"[^A-Za-z0-9._:-]", "_", incident)
    return safe if safe == incident else f"{safe}.{hashlib.blake2b(incident.encode(), digest_size=4).hexdigest()}"


def _envelope(kind: MsgType, thread: Thread | None, incident: str, now_ms: int, expires_ms: int) -> Envelope:
    version = thread.version + 1 if thread is not None else 1
    earlier = thread.earlier if thread is not None and kind is not MsgType.ALERT else ()
    return Envelope(
        identifier=f"{_thread_id(incident)}-{version}",
        version=version,
        msg_type=kind,
        references=tuple(sent.reference() for sent in earlier if sent.expires_ms > now_ms),
        now_ms=now_ms,
        expires_ms=expires_ms,
    )


def _drafted(
    envelope: Envelope,
    incident: str,
    severity: str,
    places: list[str],
    reasons: list[str],
    xml: bytes,
    policy: Policy,
) -> WarningDrafted:
    return WarningDrafted(
        now_ms=envelope.now_ms,
        identifier=envelope.identifier,
        thread=_thread_id(incident),
        incident=incident,
        msg_type=envelope.msg_type.value,
        status=policy.status,
        references=" ".join(str(reference) for reference in envelope.references),
        expires_ms=envelope.expires_ms,
        severity=str(severity),
        places=places,
        reasons=reasons,
        xml=xml,
    )


def _after(before: Thread | None, event: WarningDrafted) -> Thread:
    """The thread after a message; what the event does not say stands in the message itself."""
    alert = from_xml(event.xml)
    version = before.version + 1 if before is not None else 1
    last_seen = _parameter(alert, LAST_SEEN)
    area_km2 = _parameter(alert, AREA_KM2)
    going = event.msg_type != MsgType.CANCEL
    kept = before.earlier if before is not None else ()
    sent = Sent(alert.sender, alert.identifier, cap_time(alert.sent), event.expires_ms)
    return Thread(
        id=event.thread,
        version=version,
        open=going,
        identifier=event.identifier,
        sent_ms=event.now_ms,
        expires_ms=event.expires_ms,
        severity=event.severity,
        certainty=alert.info[0].certainty.value,
        places=frozenset(event.places) if going else frozenset(),
        area_km2=float(area_km2) if area_km2 is not None else None,
        last_seen_ms=int(last_seen) if last_seen is not None else event.now_ms,
        earlier=(*(old for old in kept if old.expires_ms > event.now_ms), sent) if going else (),
        xml=event.xml if going else b"",
    )


def _parameter(alert: Alert, name: str) -> str | None:
    return next((p.value for p in alert.info[0].parameter if p.value_name == name), None)


def _whole(ms: int) -> int:
    """Cut to the whole seconds that CAP writes."""
    return ms // 1000 * 1000
