"""Which places lie within reach of which hazard: found from what joined a footprint, kept with hysteresis."""

from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import shapely

from almenara.kernels.intensity import mmi_at, radius_km
from almenara.kernels.place_index import PlaceIndex
from almenara.model.events import Event, ExposuresChanged, PlaceChanged, PlaceRemoved, PlacesImported
from almenara.model.observations import from_ipc, to_ipc
from almenara.model.places import PLACES
from almenara.stages._protected_places import protected
from almenara.stages._warned_places import WarnedPlaces
from almenara.stages.hazards import Area, Boxes, Delta, Shaking
from almenara.stages.hazards.earthquake import EXPOSED_MMI

#: A place leaves a hazard's reach beyond 1.25 times the distance at which it entered (an earthquake: half a degree of
#: intensity below), so that a revised footprint does not make it come and go.
LEAVE_FACTOR = 1.25
LEAVE_MMI = EXPOSED_MMI - 0.5
#: The intensity model was fitted to M 5.0–7.9 events: below this magnitude it says nothing that a warning may rest on.
MAGNITUDE_MIN = 4.5
#: A place that is nearer by less than this is not news, unless the footprint now holds it.
NEARER_M = 1.0
#: The basis of an exposure to a warning that is not ours.
OTHERS_WARNING = "another authority's warning"
#: States of a hazard that no place is exposed to any more.
OVER = ("ended", "retracted")

CHANGES = pa.schema(
    [
        pa.field("hazard_id", pa.string(), nullable=False),
        pa.field("place_id", pa.string(), nullable=False),
        pa.field("change", pa.string(), nullable=False),  # entered | nearer | graded | left
        pa.field("distance_m", pa.float64(), nullable=False),  # footprint to place; earthquake: epicentre to place
        pa.field("since", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("until", pa.timestamp("ms", tz="UTC")),
        # observed footprint | estimated intensity | another authority's warning
        pa.field("basis", pa.string(), nullable=False),
        # Observed | Likely | Possible; another authority's warning: also Unlikely, Unknown
        pa.field("certainty", pa.string(), nullable=False),
        pa.field("suppressed", pa.string()),
        pa.field("mmi", pa.float64()),
    ]
)


class Exposure(msgspec.Struct, frozen=True):
    """One hazard × place that lasts."""

    distance_m: float
    since: int  # ms
    basis: str
    certainty: str
    suppressed: str | None
    mmi: float | None


class Place(msgspec.Struct, frozen=True):
    """What the later stages say of a place."""

    id: str
    name: str
    kind: str
    population: int | None
    alert_distance_m: float
    lon: float
    lat: float
    geometry: bytes | None  # WKB
    country: str | None
    admin: str | None


@dataclass(slots=True)
class State:
    """The places and the exposures that last."""

    imports: dict[str, bytes] = field(default_factory=dict)  # origin → table
    edits: dict[str, bytes | None] = field(default_factory=dict)  # place → its row by hand, None: taken out
    places: pa.Table = field(default_factory=PLACES.empty_table)
    ids: list[str] = field(default_factory=list)  # of `places`, by row
    rows: dict[str, int] = field(default_factory=dict)  # and back
    index: PlaceIndex | None = None
    warned: WarnedPlaces | None = None  # made when another authority's warning first asks
    exposures: dict[str, dict[str, Exposure]] = field(default_factory=dict)  # hazard → place → exposure
    unmet: bool = False  # places were imported that the hazards have not been held against yet

    def place(self, place_id: str) -> Place:
        """A place by id; KeyError when there is none."""
        return Place(**self.places.slice(self.rows[place_id], 1).to_pylist()[0])

    def population(self, place_id: str) -> int | None:
        """How many people live at a place, None when nobody knows; KeyError when there is no such place."""
        people: int | None = self.places.column("population")[self.rows[place_id]].as_py()
        return people


#: What changes the places themselves.
PLACES_CHANGED = (PlacesImported, PlaceChanged, PlaceRemoved)


def evolve(state: State, event: Event) -> State:
    """Take in places, or what was decided about exposures."""
    if isinstance(event, PLACES_CHANGED):
        if isinstance(event, PlacesImported):
            state.imports[event.origin] = event.table
        else:
            state.edits[event.place] = event.table if isinstance(event, PlaceChanged) else None
        rebuild(state)
        state.unmet = True
        for name, exposed in list(state.exposures.items()):  # places that are gone are nobody's exposure
            state.exposures[name] = {place: e for place, e in exposed.items() if place in state.rows}
    elif isinstance(event, ExposuresChanged):
        for row in from_ipc(event.table).to_pylist():
            hazard = state.exposures.setdefault(row["hazard_id"], {})
            if row["change"] == "left":
                hazard.pop(row["place_id"], None)
                if not hazard:
                    del state.exposures[row["hazard_id"]]
            else:
                since = round(row["since"].timestamp() * 1000)
                values = {name: row[name] for name in ("distance_m", "basis", "certainty", "suppressed", "mmi")}
                hazard[row["place_id"]] = Exposure(since=since, **values)
    return state


def rebuild(state: State) -> None:
    """Make the table and the index of all places anew."""
    state.places = protected(state.imports, state.edits)
    state.ids = state.places.column("id").to_pylist()
    state.rows = dict(zip(state.ids, range(len(state.ids)), strict=True))
    state.warned = None
    reach = state.places.column("alert_distance_m").to_numpy()
    shapes = state.places.column("geometry")
    lon, lat = state.places.column("lon").to_numpy(), state.places.column("lat").to_numpy()
    if shapes.null_count == len(shapes):
        state.index = PlaceIndex.build(lon, lat, alert_distance_m=reach)
    else:
        geometries = shapely.points(lon, lat)
        has = np.asarray(shapes.is_valid().to_numpy(zero_copy_only=False))
        geometries[has] = shapely.from_wkb([s for s in shapes.to_pylist() if s is not None])
        state.index = PlaceIndex.build(geometries=geometries, alert_distance_m=reach)


def decide(state: State, delta: Delta, now_ms: int) -> list[ExposuresChanged]:
    """What a step's changes of hazards mean for the places."""
    if state.index is None:
        return []
    decision = _Decision(state, delta)
    decision.hand_over()
    if delta.boxes is not None and len(delta.boxes.index):
        decision.reach_boxes(delta.boxes)
        decision.hold_on(delta.boxes)
    for shaking in delta.shaking:
        decision.reach_shaking(shaking)
    for area in delta.areas:
        decision.reach_area(area)
    decision.let_go(now_ms)
    decision.grade()
    rows = decision.rows
    if not rows:
        return []
    table = pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=CHANGES)
    return [ExposuresChanged(now_ms=now_ms, table=to_ipc(table))]


class _Decision:
    """The rows of one step, at most one for each hazard and place."""

    def __init__(self, state: State, delta: Delta) -> None:
        self.state = state
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.latest = {row["hazard_id"]: row for row in [*delta.context, *delta.changes]}
        self.restart = set(delta.restart)
        # What was exposed to hazards told anew, under their own name or one that they took in.
        self.before = {(h, p): e for h in delta.restart for p, e in state.exposures.get(h, {}).items()}
        self.kept: set[tuple[str, str]] = set()

    def put(self, hazard: str, place: str, change: str, exposure: Exposure, until: int | None = None) -> None:
        row = msgspec.structs.asdict(exposure)
        self.rows[hazard, place] = {"hazard_id": hazard, "place_id": place, "change": change, "until": until, **row}

    def known(self, hazard: str, place: str) -> Exposure | None:
        row = self.rows.get((hazard, place))
        if row is None:
            return self.state.exposures.get(hazard, {}).get(place)
        if row["change"] == "left":
            return None
        return Exposure(**{name: row[name] for name in Exposure.__struct_fields__})

    def meet(self, hazard: str, place: str, found: Exposure) -> None:
        """A place was found within reach (or, when it was exposed before, not yet beyond leaving)."""
        self.kept.add((hazard, place))
        before = self.known(hazard, place)
        if before is None:
            self.put(hazard, place, "entered", found)
            return
        again = hazard in self.restart  # told anew: what was found now replaces what was known
        distance = found.distance_m if again else min(found.distance_m, before.distance_m)
        since = found.since if again else min(found.since, before.since)
        better = msgspec.structs.replace(before, distance_m=distance, since=since, mmi=found.mmi)
        moved = abs(distance - before.distance_m) >= NEARER_M or (distance == 0.0) != (before.distance_m == 0.0)
        if moved or found.mmi != before.mmi or since != before.since:
            change = "entered" if self.rows.get((hazard, place), {}).get("change") == "entered" else "nearer"
            self.put(hazard, place, change, better)

    def hand_over(self) -> None:
        """Exposures of a hazard that became part of another go to that one."""
        for hazard, row in self.latest.items():
            if row["into"] is None:
                continue
            for place, exposure in sorted(self.state.exposures.get(hazard, {}).items()):
                self.put(hazard, place, "left", exposure, until=row["time"])
                target = self.last_of(row["into"])
                if target in self.restart:
                    self.before.setdefault((target, place), exposure)
                else:
                    self.meet(target, place, exposure)

    def last_of(self, hazard: str) -> str:
        """The hazard that goes on after all mergers of this step."""
        while (row := self.latest.get(hazard)) is not None and row["into"] is not None:
            hazard = row["into"]
        return hazard

    def reach_boxes(self, boxes: Boxes) -> None:
        assert self.state.index is not None
        within = self.state.index.within_boxes(boxes.west, boxes.south, boxes.east, boxes.north)
        if not len(within.place):
            return
        hazard = boxes.index[within.observation]
        order = np.lexsort((within.distance_m, within.place, hazard))
        hazard, place = hazard[order], within.place[order]
        first = np.flatnonzero(np.append(True, (np.diff(hazard) != 0) | (np.diff(place) != 0)))  # of each pair
        since = np.minimum.reduceat(boxes.since_ms[within.observation[order]], first)
        columns = (hazard[first], place[first], within.distance_m[order[first]], since)
        for number, row, distance_m, since_ms in zip(*(column.tolist() for column in columns), strict=True):
            name = boxes.hazards[number]
            certainty, suppressed = self.claim_of(name)
            found = Exposure(distance_m, since_ms, "observed footprint", certainty, suppressed, None)
            self.meet(name, self.state.ids[row], found)

    def claim_of(self, hazard: str) -> tuple[str, str | None]:
        """What an exposure to a hazard may claim: certainty, and why no alert is raised."""
        row = self.latest.get(hazard)
        return (row["certainty"], row["suppressed"]) if row else ("Possible", None)

    def hold_on(self, boxes: Boxes) -> None:
        """Places that a footprint told anew no longer reaches stay exposed until they are beyond leaving."""
        assert self.state.index is not None
        lost: dict[str, list[str]] = {}
        for hazard, place in sorted(self.before.keys() - self.kept):
            lost.setdefault(hazard, []).append(place)
        alert = self.state.places.column("alert_distance_m")
        numbers = {hazard: number for number, hazard in enumerate(boxes.hazards)}
        for hazard in sorted(lost.keys() & numbers.keys()):
            mine = boxes.index == numbers[hazard]
            rows = [self.state.rows[place] for place in lost[hazard]]
            leave_m = [LEAVE_FACTOR * alert[row].as_py() for row in rows]
            west, south, east, north = (side[mine] for side in (boxes.west, boxes.south, boxes.east, boxes.north))
            within = self.state.index.within_boxes(west, south, east, north, max(leave_m))
            held = np.flatnonzero(np.isin(within.place, rows))
            held = held[np.argsort(-within.distance_m[held], kind="stable")]  # the last of each place is the nearest
            nearest = dict(zip(within.place[held].tolist(), within.distance_m[held].tolist(), strict=True))
            for place, row, metres in zip(lost[hazard], rows, leave_m, strict=True):
                if nearest.get(row, np.inf) <= metres:
                    known = self.before[hazard, place]
                    self.meet(hazard, place, msgspec.structs.replace(known, distance_m=nearest[row]))

    def reach_shaking(self, quake: Shaking) -> None:
        assert self.state.index is not None
        far = radius_km(quake.magnitude, quake.depth_km, LEAVE_MMI) * 1000.0
        if far == 0.0 or quake.magnitude < MAGNITUDE_MIN:
            return
        within = self.state.index.within(quake.lon, quake.lat, far)
        felt = mmi_at(quake.magnitude, quake.depth_km, within.distance_m / 1000.0)
        exposed = self.state.exposures.get(quake.hazard, {})
        for row, distance, mmi in zip(within.place.tolist(), within.distance_m.tolist(), felt.tolist(), strict=True):
            place = self.state.ids[row]
            if mmi >= EXPOSED_MMI or place in exposed:
                found = Exposure(distance, quake.since_ms, "estimated intensity", "Likely", None, round(mmi, 2))
                self.meet(quake.hazard, place, found)

    def reach_area(self, area: Area) -> None:
        """Another authority says itself where it warns: a place is in or out, and stays in since when it came in."""
        if self.state.warned is None:
            self.state.warned = WarnedPlaces(self.state.places)
        certainty, suppressed = self.claim_of(area.hazard)
        for row in self.state.warned.inside(area.footprint):
            place = self.state.ids[row]
            known = self.before.get((area.hazard, place))
            since = area.since_ms if known is None else known.since
            self.meet(area.hazard, place, Exposure(0.0, since, OTHERS_WARNING, certainty, suppressed, None))

    def let_go(self, now_ms: int) -> None:
        """Places that a footprint told anew no longer reaches, and all places of hazards that are over."""
        for hazard in sorted(self.restart):
            for place, exposure in sorted(self.state.exposures.get(hazard, {}).items()):
                if (hazard, place) not in self.kept:
                    self.put(hazard, place, "left", exposure, until=now_ms)
        exposed = (self.latest.keys() & self.state.exposures.keys()) | {hazard for hazard, _ in self.rows}
        over = {hazard for hazard in exposed & self.latest.keys() if self.latest[hazard]["state"] in OVER}
        for hazard, place in [key for key in self.rows if key[0] in over]:  # what came and went within the step
            del self.rows[hazard, place]
        for hazard in sorted(over):
            for place, exposure in sorted(self.state.exposures.get(hazard, {}).items()):
                self.put(hazard, place, "left", exposure, until=self.latest[hazard]["time"])

    def grade(self) -> None:
        """Certainty and suppression follow the hazard."""
        touched: dict[str, set[str]] = {}
        for hazard, place in self.rows:
            touched.setdefault(hazard, set()).add(place)
        for hazard in sorted(self.latest.keys() & touched.keys() | self.latest.keys() & self.state.exposures.keys()):
            row = self.latest[hazard]
            if row["into"] is not None or row["state"] in OVER:
                continue
            claim = (row["certainty"], row["suppressed"])
            lasting = self.state.exposures.get(hazard, {})
            # All that lasts was graded alike: one tells whether the step must look at more than what it touched.
            same = all((e.certainty, e.suppressed) == claim for e in islice(lasting.values(), 1))
            for place in sorted(touched.get(hazard, set()).union(() if same else lasting)):
                exposure = self.known(hazard, place)
                if exposure is None or (exposure.certainty, exposure.suppressed) == claim:
                    continue
                graded = msgspec.structs.replace(exposure, certainty=claim[0], suppressed=claim[1])
                before = self.rows.get((hazard, place))
                self.put(hazard, place, before["change"] if before else "graded", graded)
