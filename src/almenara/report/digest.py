"""What of a run the report shows: counts for the headlines, the incidents with a map, the exposed places."""

from collections import Counter
from dataclasses import dataclass

from almenara.report.exposed import Exposures, exposures, nearest_places
from almenara.report.folder import Hazard, Incident, Run
from almenara.report.markup import Html, name, two

MAPS_MAX = 12
PLACES_MAX = 200


@dataclass(frozen=True, slots=True)
class Digest:
    """The parts of a run in the order of their importance."""

    hazards: dict[str, Hazard]
    states: Counter[tuple[str, str]]  # (kind, state) → hazards
    suppressed: int  # hazards that are no wildfire (volcano, chimney)
    open: list[Incident]
    mapped: list[tuple[int, Incident]]  # number on the maps and in the tables
    incidents: list[Incident]  # all, most important first
    exposures: Exposures
    nearest: dict[str, str]  # hazard → name of the nearest place

    def hazard_name(self, identity: str) -> Html:
        """What a hazard is called: its label, the place it is nearest to, or its id."""
        hazard = self.hazards.get(identity)
        if hazard is not None and hazard.properties.label:
            return name(hazard.properties.label)
        if identity in self.nearest:
            return two("cerca de {p}", "near {p}", p=name(self.nearest[identity]))
        return name(identity)


def digest(run: Run) -> Digest:
    """Choose and count."""
    shown = [incident for incident in run.incidents if incident.status != "merged"]
    priorities: dict[str, int] = {}
    for incident in shown:
        if incident.status == "open":
            for hazard in incident.hazards:
                priorities[hazard] = min(incident.priority, priorities.get(hazard, incident.priority))
    return Digest(
        hazards={hazard.properties.id: hazard for hazard in run.hazards},
        states=Counter((h.properties.kind, h.properties.state) for h in run.hazards if not h.properties.suppressed),
        suppressed=sum(1 for h in run.hazards if h.properties.suppressed),
        open=[incident for incident in shown if incident.status == "open"],
        mapped=list(enumerate(shown[:MAPS_MAX], start=1)),
        incidents=shown,
        exposures=exposures(run.exposures, priorities, shown_max=PLACES_MAX),
        nearest=nearest_places(run.could_reach) | nearest_places(run.exposures),
    )
