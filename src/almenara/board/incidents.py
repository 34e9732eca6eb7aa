"""Incidents as they are shown, those that are over included, with their last numbers."""

from dataclasses import dataclass

from almenara.board.forms import By, Incident, moment, utc
from almenara.board.places import PlaceBook
from almenara.model.events import Event, IncidentChanged, IncidentClosed, IncidentMerged, IncidentOpened
from almenara.pipeline import State
from almenara.stages.attention import subject

#: So many incidents that are over are kept in mind; older ones are in the log.
KEPT_MAX = 5_000


@dataclass(slots=True)
class Record:
    """What is remembered of an incident."""

    id: str
    kind: str
    priority: int
    reasons: tuple[str, ...]
    opened_ms: int
    hazards: tuple[str, ...]
    status: str = "open"
    closed_ms: int | None = None
    places: int = 0
    population: int | None = None
    label: str = ""


class Incidents:
    """All incidents that are known, by id, in order of opening."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def begin(self, state: State) -> None:
        """Know the incidents that the state holds."""
        for one in state.incidents.incidents.values():
            if one.id not in self.records:
                self.records[one.id] = Record(
                    one.id, one.kind, one.priority, tuple(one.reasons), one.opened_ms, tuple(one.hazards)
                )

    def take(self, event: Event) -> None:
        """Follow what happened."""
        if isinstance(event, IncidentOpened):
            name = event.incident
            self.records.pop(name, None)  # one that comes back is the newest again
            self.records[name] = Record(
                name, event.kind, event.priority, tuple(event.reasons), event.now_ms, (event.hazard,)
            )
            self._forget()
        elif isinstance(event, IncidentChanged) and (record := self.records.get(event.incident)) is not None:
            record.priority, record.reasons, record.hazards = (
                event.priority,
                tuple(event.reasons),
                tuple(event.hazards),
            )
        elif isinstance(event, IncidentMerged):
            self._end(event.incident, "merged", event.now_ms)
            gone, goes_on = self.records.get(event.incident), self.records.get(event.into)
            if gone is not None and goes_on is not None:
                goes_on.hazards = tuple(dict.fromkeys((*goes_on.hazards, *gone.hazards)))
        elif isinstance(event, IncidentClosed):
            self._end(event.incident, "closed", event.now_ms)

    def form(self, name: str, state: State, places: PlaceBook) -> Incident | None:
        """An incident as it stands; None when it is not known."""
        record = self.records.get(name)
        if record is None:
            return None
        if record.status == "open":
            exposed = threatened(state, record.hazards)
            record.places, record.population = len(exposed), places.people(exposed)
            record.label = places.largest(exposed)
        given = state.attention.given.get(subject("incident", name))
        return Incident(
            id=name,
            kind=record.kind,
            status=record.status,
            priority=record.priority,
            reasons=record.reasons,
            opened=moment(record.opened_ms),
            closed=utc(record.closed_ms),
            hazards=record.hazards,
            places=record.places,
            population=record.population,
            label=record.label,
            acknowledged=None if given is None else By(by=given.by, at=moment(given.at_ms)),
        )

    def _end(self, name: str, status: str, at_ms: int) -> None:
        record = self.records.get(name)
        if record is not None:
            record.status, record.closed_ms = status, at_ms

    def _forget(self) -> None:
        over = [name for name, record in self.records.items() if record.status != "open"]
        for name in over[: len(over) - KEPT_MAX] if len(over) > KEPT_MAX else ():
            del self.records[name]


def threatened(state: State, hazards: tuple[str, ...]) -> set[str]:
    """The places within reach of an incident's hazards for which an alarm may be raised."""
    exposures = state.exposure.exposures
    return {place for hazard in hazards for place, one in exposures.get(hazard, {}).items() if one.suppressed is None}
