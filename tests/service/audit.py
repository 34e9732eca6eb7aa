"""Reads a log to its end and proves what must hold after every step: warnings are sound and cover who is exposed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import capvalidator
import shapely
from lxml import etree
from shapely.geometry.base import BaseGeometry

from almenara.model.cap import validate
from almenara.model.events import (
    Event,
    ExposuresChanged,
    IncidentChanged,
    IncidentClosed,
    IncidentMerged,
    IncidentOpened,
    PlacesImported,
    RunStarted,
    StepTaken,
    WarningDrafted,
)
from almenara.model.observations import from_ipc
from almenara.ports import EventLog

CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
MARKS = {"Exercise": ("SIMULACRO", "EXERCISE"), "Test": ("PRUEBA", "TEST")}
TEXTS = ("headline", "description", "instruction")


class Message:
    """A warning as a receiver reads it: from its XML alone."""

    def __init__(self, xml: bytes) -> None:
        self.xml = xml
        self.root = etree.fromstring(xml)

    def text(self, name: str) -> str:
        return self.root.findtext(f"{CAP}{name}") or ""

    def texts(self, name: str) -> list[str]:
        return [element.text or "" for element in self.root.iter(f"{CAP}{name}")]

    @cached_property
    def area(self) -> BaseGeometry:
        """Every polygon of the first language, its pairs latitude before longitude."""
        info = self.root.find(f"{CAP}info")
        assert info is not None
        rings = [element.text or "" for element in info.iter(f"{CAP}polygon")]
        assert rings
        return shapely.union_all([polygon_of(ring) for ring in rings])


def polygon_of(text: str) -> BaseGeometry:
    """A CAP polygon: "lat,lon lat,lon …", closed."""
    pairs = [tuple(float(number) for number in pair.split(",")) for pair in text.split()]
    assert pairs[0] == pairs[-1]
    assert len(pairs) >= 4
    shape = shapely.Polygon([(lon, lat) for lat, lon in pairs])
    assert shape.is_valid
    return shape


def check_message(event: WarningDrafted, status: str) -> Message:
    """A warning by itself: its schema by two judges, its status, and the mark of what is not real."""
    assert validate(event.xml) == []
    assert capvalidator.check_schema(event.xml).passed
    message = Message(event.xml)
    assert message.text("identifier") == event.identifier
    assert message.text("status") == event.status == status
    assert message.text("msgType") == event.msg_type
    for mark in MARKS.get(status, ()):
        assert mark in message.text("note")
    for name in TEXTS:
        said = message.texts(name)
        assert len(said) == 2
        for number, words in enumerate(said):
            marked = any(mark in words for both in MARKS.values() for mark in both)
            assert marked if status in MARKS else not marked, words
            assert status not in MARKS or MARKS[status][number] in words
    return message


@dataclass
class Audit:
    """What stands after an entry of the log, and what was seen on the way."""

    status: str = "Exercise"
    places: dict[str, BaseGeometry] = field(default_factory=dict)
    exposed: dict[str, dict[str, str | None]] = field(default_factory=dict)  # hazard → place → suppressed
    of_hazard: dict[str, str] = field(default_factory=dict)
    said: dict[str, Message] = field(default_factory=dict)  # incident → its newest warning that was no Cancel
    warnings: int = 0
    covered: int = 0  # exposures found inside, summed over steps

    def read(self, log: EventLog) -> "Audit":
        for event in events_of(log):
            if isinstance(event, StepTaken):
                self.check()
            self.take(event)
        self.check()
        return self

    def take(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.status = event.status
        elif isinstance(event, PlacesImported):
            for row in from_ipc(event.table).to_pylist():
                shape = shapely.Point(row["lon"], row["lat"])
                self.places[row["id"]] = shapely.from_wkb(row["geometry"]) if row["geometry"] else shape
        elif isinstance(event, ExposuresChanged):
            for row in from_ipc(event.table).to_pylist():
                places = self.exposed.setdefault(row["hazard_id"], {})
                if row["change"] == "left":
                    places.pop(row["place_id"], None)
                else:
                    places[row["place_id"]] = row["suppressed"]
        elif isinstance(event, WarningDrafted):
            self.warnings += 1
            message = check_message(event, self.status)
            if event.msg_type != "Cancel":
                self.said[event.incident] = message
        else:
            self.follow(event)

    def follow(self, event: Event) -> None:
        if isinstance(event, IncidentOpened):
            self.of_hazard[event.hazard] = event.incident
        elif isinstance(event, IncidentChanged):
            self.of_hazard.update(dict.fromkeys(event.hazards, event.incident))
        elif isinstance(event, IncidentMerged):
            mine = [hazard for hazard, incident in self.of_hazard.items() if incident == event.incident]
            self.of_hazard.update(dict.fromkeys(mine, event.into))
        elif isinstance(event, IncidentClosed):
            for hazard in [h for h, incident in self.of_hazard.items() if incident == event.incident]:
                del self.of_hazard[hazard]

    def check(self) -> None:
        """Every place that is exposed and not suppressed has an incident, whose newest warning holds it."""
        for hazard, places in self.exposed.items():
            for place, suppressed in places.items():
                if suppressed is None:
                    incident = self.of_hazard.get(hazard)
                    assert incident is not None, f"{hazard} threatens {place}, and nobody works on it"
                    assert self.said[incident].area.covers(self.places[place]), f"{incident} does not warn {place}"
                    self.covered += 1


def events_of(log: EventLog, *kinds: type[Event]) -> Iterator[Event]:
    """The events of a log; of some kinds only, if any are named."""
    names = {kind.__name__ for kind in kinds}
    for entry in log.read():
        if not names or entry.kind in names:
            yield entry.event()
