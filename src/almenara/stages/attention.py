"""What persons have looked at: alarms acknowledged until things get worse, and hazards labelled as none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from almenara.model.commands import Acknowledge, LabelHazard, UnlabelHazard
from almenara.model.errors import CommandRefused
from almenara.model.events import (
    AttentionGiven,
    DeliveriesRecorded,
    Event,
    HazardLabelled,
    HazardsArchived,
    HazardUnlabelled,
    IncidentChanged,
    IncidentClosed,
    IncidentMerged,
    SourceHeard,
)
from almenara.model.observations import from_ipc
from almenara.stages.outbox import DELIVERED

NOT_A_HAZARD = "not-a-hazard"
LABELS = (NOT_A_HAZARD,)

EVENTS = (
    AttentionGiven,
    DeliveriesRecorded,
    HazardLabelled,
    HazardUnlabelled,
    HazardsArchived,
    IncidentChanged,
    IncidentClosed,
    IncidentMerged,
    SourceHeard,
)
AttentionOrder = Acknowledge | LabelHazard | UnlabelHazard


class Given(msgspec.Struct, frozen=True):
    """Somebody has seen it."""

    by: str
    at_ms: int
    priority: int  # of an incident when it was seen; 0 of what has none


class Label(msgspec.Struct, frozen=True):
    """What a person says of a hazard."""

    label: str  # one of LABELS
    reason: str
    by: str
    at_ms: int


@dataclass(slots=True)
class State:
    """What has been seen and is still the same, and the labels of hazards that are followed."""

    given: dict[str, Given] = field(default_factory=dict)  # "incident:…", "source:…", "channel:…"
    labels: dict[str, Label] = field(default_factory=dict)  # by hazard

    def to_values(self) -> dict[str, Any]:
        """For a snapshot."""
        found: dict[str, Any] = msgspec.to_builtins({"given": self.given, "labels": self.labels})
        return found

    @staticmethod
    def from_values(values: dict[str, Any]) -> "State":
        """The state that `to_values` wrote."""
        given = msgspec.convert(values["given"], dict[str, Given])
        return State(given, msgspec.convert(values["labels"], dict[str, Label]))


def subject(kind: str, name: str) -> str:
    """How attention to a thing is filed.

    >>> subject("incident", "incident-fire-a")
    'incident:incident-fire-a'
    """
    return f"{kind}:{name}"


def order(
    state: State, command: AttentionOrder, by: str, priority_of: Callable[[str, str], int | None], now_ms: int
) -> AttentionGiven | HazardLabelled | HazardUnlabelled:
    """What a person's order amounts to. Raises CommandRefused, naming why, when it makes no sense as things stand.

    `priority_of` finds an incident's priority, and 0 for a feed, channel or hazard that is known; None: it is not.
    """
    if isinstance(command, Acknowledge):
        named = {kind: getattr(command, kind) for kind in ("incident", "source", "channel")}
        wanted = {kind: name for kind, name in named.items() if name}
        if len(wanted) != 1:
            raise CommandRefused("unknown", "Name one thing: an incident, a source or a channel.")
        ((kind, name),) = wanted.items()
        priority = priority_of(kind, name)
        if priority is None:
            raise CommandRefused("unknown", f"There is no {kind} {name!r} that could be acknowledged.")
        known = state.given.get(subject(kind, name))
        if known is not None:
            raise CommandRefused("acknowledged-already", f"{known.by} has acknowledged {name} already.")
        return AttentionGiven(now_ms=now_ms, kind=kind, subject=name, priority=priority, by=by)
    hazard = command.hazard
    if priority_of("hazard", hazard) is None:
        raise CommandRefused("unknown", f"There is no hazard {hazard!r}.")
    label = state.labels.get(hazard)
    if isinstance(command, UnlabelHazard):
        if label is None:
            raise CommandRefused("not-labelled", f"{hazard} has no label.")
        return HazardUnlabelled(now_ms=now_ms, hazard=hazard, by=by)
    if command.label not in LABELS:
        raise CommandRefused("unknown", f"There is no label {command.label!r}. Known: {', '.join(LABELS)}.")
    if label is not None:
        raise CommandRefused("labelled-already", f"{label.by} labelled {hazard} already: {label.reason}")
    return HazardLabelled(now_ms=now_ms, hazard=hazard, label=command.label, reason=command.reason, by=by)


def evolve(state: State, event: Event) -> State:
    """Take in what persons did, and forget what is not as they saw it any more."""
    if isinstance(event, AttentionGiven):
        state.given[subject(event.kind, event.subject)] = Given(event.by, event.now_ms, event.priority)
    elif isinstance(event, HazardLabelled):
        state.labels[event.hazard] = Label(event.label, event.reason, event.by, event.now_ms)
    elif isinstance(event, HazardUnlabelled):
        state.labels.pop(event.hazard, None)
    elif isinstance(event, HazardsArchived):
        if state.labels:
            for hazard in from_ipc(event.table).column("hazard_id").to_pylist():
                state.labels.pop(hazard, None)
    elif isinstance(event, IncidentChanged):
        seen = state.given.get(subject("incident", event.incident))
        if seen is not None and event.priority < seen.priority:
            del state.given[subject("incident", event.incident)]  # it got graver than what was seen
    elif isinstance(event, IncidentClosed | IncidentMerged):
        state.given.pop(subject("incident", event.incident), None)
    elif isinstance(event, SourceHeard):
        state.given.pop(subject("source", event.origin), None)
    elif isinstance(event, DeliveriesRecorded) and any(one.outcome == DELIVERED for one in event.results):
        state.given.pop(subject("channel", event.channel), None)
    return state
