"""What responders work on: incidents opened, raised, merged and closed from exposures, each with its reasons."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyproj

from almenara.model.cap.facts import Facts
from almenara.model.events import Event, IncidentChanged, IncidentClosed, IncidentMerged, IncidentOpened
from almenara.stages.exposure import OTHERS_WARNING, Exposure
from almenara.stages.exposure import State as Exposures
from almenara.stages.hazards import Shaking

#: Priority of an incident: 1 needs people now, 4 needs watching.
URGENT, HIGH, MODERATE, WATCH = 1, 2, 3, 4
MANY_PEOPLE = 10_000
SOME_PEOPLE = 1_000
DAY_MS = 86_400_000

_geod = pyproj.Geod(ellps="WGS84")


class Incident(msgspec.Struct):
    """One open incident."""

    id: str
    kind: str
    hazards: list[str]
    priority: int
    reasons: list[str]
    opened_ms: int


@dataclass(slots=True)
class State:
    """The open incidents."""

    incidents: dict[str, Incident] = field(default_factory=dict)
    of_hazard: dict[str, str] = field(default_factory=dict)  # hazard → its open incident


def evolve(state: State, event: Event) -> State:
    """Take in one decision of this stage."""
    if isinstance(event, IncidentOpened):
        new = Incident(event.incident, event.kind, [event.hazard], event.priority, list(event.reasons), event.now_ms)
        state.incidents[event.incident] = new
        state.of_hazard[event.hazard] = event.incident
    elif isinstance(event, IncidentChanged):
        incident = state.incidents[event.incident]
        incident.hazards, incident.priority = list(event.hazards), event.priority
        incident.reasons = list(event.reasons)
        state.of_hazard.update(dict.fromkeys(event.hazards, event.incident))
    elif isinstance(event, IncidentMerged):
        gone, goes_on = state.incidents.pop(event.incident), state.incidents[event.into]
        goes_on.hazards.extend(h for h in gone.hazards if h not in goes_on.hazards)
        state.of_hazard.update(dict.fromkeys(gone.hazards, event.into))
    elif isinstance(event, IncidentClosed):
        for hazard in state.incidents.pop(event.incident).hazards:
            state.of_hazard.pop(hazard, None)
    return state


def _none_known(hazard: str) -> Facts:
    raise KeyError(hazard)


def decide(
    state: State,
    changes: list[dict[str, Any]],
    exposed: set[str],
    exposures: Exposures,
    shaking: Callable[[str], Shaking],
    now_ms: int,
    warning: Callable[[str], Facts] = _none_known,
) -> Iterator[Event]:
    """What a step means for the incidents; the caller lets the state evolve by each event before asking for the next.

    `changes` are rows of hazards.CHANGES, `exposed` the hazards whose exposures changed, `exposures` the state after
    that, `shaking` finds an earthquake by hazard, `warning` what another authority says.
    """
    for row in changes:
        if row["into"] is not None:
            yield from _hand_over(state, row["hazard_id"], row["into"], now_ms)
    for hazard in sorted(exposed):
        incident = state.of_hazard.get(hazard)
        raised = _alerting(exposures, [hazard])
        if not raised:
            others = state.incidents[incident].hazards if incident is not None else []
            if incident is not None and _alerting(exposures, others):  # it goes on with fewer places
                yield from _reassess(state.incidents[incident], others, exposures, now_ms, warning)
            continue
        if incident is None and raised[0].mmi is not None:
            incident = _sequence_of(state, shaking(hazard), shaking)
        if incident is None:
            yield _opened(hazard, raised, exposures, now_ms, warning)
        else:
            hazards = state.incidents[incident].hazards
            joined = hazards if hazard in hazards else [*hazards, hazard]
            yield from _reassess(state.incidents[incident], joined, exposures, now_ms, warning)
    touched = exposed | {row["hazard_id"] for row in changes}
    for name in sorted({state.of_hazard[hazard] for hazard in touched if hazard in state.of_hazard}):
        hazards = state.incidents[name].hazards
        if not _alerting(exposures, hazards):
            quiet = [e.suppressed for h in hazards for e in exposures.exposures.get(h, {}).values() if e.suppressed]
            yield IncidentClosed(now_ms=now_ms, incident=name, reason=quiet[0] if quiet else "no-place-in-reach")


def _opened(
    hazard: str, raised: list[Exposure], exposures: Exposures, now_ms: int, warning: Callable[[str], Facts]
) -> IncidentOpened:
    priority, reasons = assess(raised, exposures, [hazard], warning)
    others = raised[0].basis == OTHERS_WARNING
    kind = "warning" if others else "fire" if raised[0].mmi is None else "earthquake"
    name = name_for(hazard)
    return IncidentOpened(now_ms=now_ms, incident=name, kind=kind, hazard=hazard, priority=priority, reasons=reasons)


def name_for(hazard: str) -> str:
    """The name of an incident that a hazard opens."""
    return f"incident-{hazard}"


def _alerting(exposures: Exposures, hazards: list[str]) -> list[Exposure]:
    return [e for h in hazards for e in exposures.exposures.get(h, {}).values() if e.suppressed is None]


def _hand_over(state: State, hazard: str, into: str, now_ms: int) -> Iterator[Event]:
    """Incidents follow their hazards into one: the one opened first goes on."""
    gone, goes_on = state.of_hazard.get(hazard), state.of_hazard.get(into)
    if gone is None or gone == goes_on:
        return
    if goes_on is None:
        i = state.incidents[gone]
        hazards = [*i.hazards, into]
        yield IncidentChanged(now_ms=now_ms, incident=gone, hazards=hazards, priority=i.priority, reasons=i.reasons)
        return
    older, younger = sorted((goes_on, gone), key=lambda name: (state.incidents[name].opened_ms, name))
    lost = state.incidents[younger]
    yield IncidentMerged(now_ms=now_ms, incident=younger, into=older)
    i = state.incidents[older]
    if lost.priority < i.priority:  # a priority never sinks, by merging neither
        hazards = list(i.hazards)
        yield IncidentChanged(
            now_ms=now_ms, incident=older, hazards=hazards, priority=lost.priority, reasons=lost.reasons
        )


def _reassess(
    i: Incident, hazards: list[str], exposures: Exposures, now_ms: int, warning: Callable[[str], Facts]
) -> Iterator[Event]:
    priority, reasons = assess(_alerting(exposures, hazards), exposures, hazards, warning)
    priority = min(priority, i.priority)
    if (priority, reasons, hazards) != (i.priority, i.reasons, i.hazards):
        yield IncidentChanged(now_ms=now_ms, incident=i.id, hazards=list(hazards), priority=priority, reasons=reasons)


def assess(
    raised: list[Exposure], exposures: Exposures, hazards: list[str], warning: Callable[[str], Facts] = _none_known
) -> tuple[int, list[str]]:
    """Priority and its reasons, from the exposures of an incident's hazards.

    Fire: 1 when the footprint holds a place or 10,000 people are within reach, 2 from 1,000 people, 3 else; 4 when only
    low-confidence detections carry it. Earthquake: 1 from MMI VIII or 10,000 people at VII, 2 from VII, 3 else.
    Another authority's warning: by its own words, see `graded`.
    """
    places = {p for h in hazards for p, e in exposures.exposures.get(h, {}).items() if e.suppressed is None}
    known = [n for p in places if (n := exposures.population(p)) is not None]
    people = sum(known)
    reasons = [f"places:{len(places)}", f"population:{people}" if known else "population-unknown"]
    if raised[0].basis == OTHERS_WARNING:
        gravest = min((warning(h) for h in hazards if h in exposures.exposures), key=graded)
        said = [f"{name}:{getattr(gravest, name)}" for name in ("severity", "urgency", "certainty")]
        return graded(gravest), [*said, *reasons]
    strongest = max((e.mmi for e in raised if e.mmi is not None), default=None)
    if strongest is not None:
        reasons.insert(0, f"mmi:{strongest:.1f}")
        severe = strongest >= 7.0
        urgent = strongest >= 8.0 or (severe and people >= MANY_PEOPLE)
        return (URGENT if urgent else HIGH if severe else MODERATE), reasons
    nearest = min(e.distance_m for e in raised)
    reasons.insert(0, f"distance:{round(nearest)}")
    if all(e.certainty == "Possible" for e in raised):
        return WATCH, [*reasons, "certainty:Possible"]
    if nearest == 0.0 or people >= MANY_PEOPLE:
        return URGENT, reasons
    return (HIGH if people >= SOME_PEOPLE else MODERATE), reasons


def graded(facts: Facts) -> int:
    """Priority of another authority's warning: 1 for Extreme that is Immediate and Observed or Likely, 2 for Severe or
    Extreme that is Immediate or Expected, 3 for the rest from Moderate on, 4 for Minor, Unlikely or Past.

    What it leaves unknown counts as Moderate: it is no reason to call for people, and none to look away.
    """
    sure = facts.certainty in ("Observed", "Likely")
    if facts.severity == "Minor" or facts.certainty == "Unlikely" or facts.urgency == "Past":
        return WATCH
    if facts.severity == "Extreme" and facts.urgency == "Immediate" and sure:
        return URGENT
    soon = facts.urgency in ("Immediate", "Expected")
    return HIGH if facts.severity in ("Severe", "Extreme") and soon else MODERATE


def _sequence_of(state: State, new: Shaking, shaking: Callable[[str], Shaking]) -> str | None:
    """The open incident whose earthquakes this one belongs with: foreshock, mainshock, aftershock.

    Windows of Gardner & Knopoff (1974) round the larger of two events: L = 10^(0.1238 M + 0.983) km and
    T = 10^(0.032 M + 2.7389) days from M 6.5, 10^(0.5409 M − 0.547) days below.
    """
    found = []
    for hazard, incident in state.of_hazard.items():
        if state.incidents[incident].kind != "earthquake" or hazard == new.hazard:
            continue
        other = shaking(hazard)
        m = max(new.magnitude, other.magnitude)
        days = 10 ** (0.032 * m + 2.7389) if m >= 6.5 else 10 ** (0.5409 * m - 0.547)
        _, _, metres = _geod.inv(new.lon, new.lat, other.lon, other.lat)
        if abs(new.since_ms - other.since_ms) <= days * DAY_MS and metres <= 1000.0 * 10 ** (0.1238 * m + 0.983):
            found.append((state.incidents[incident].opened_ms, incident))
    return min(found)[1] if found else None
