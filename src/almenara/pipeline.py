"""The chain as one state: events go in, the stages decide in order, and what they decide is events again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pyarrow as pa
import shapely

from almenara.model.events import (
    Event,
    ExposuresChanged,
    HazardsArchived,
    HazardsChanged,
    IncidentChanged,
    IncidentClosed,
    IncidentMerged,
    IncidentOpened,
    ObservationsReceived,
    Parameter,
    ReachChanged,
    RowsRejected,
    RunStarted,
    SourceHeard,
    SourcePolled,
    SourceSilent,
    StepTaken,
    WarningApproved,
    WarningPolicySet,
)
from almenara.model.observations import from_ipc, to_ipc
from almenara.stages import attention, exposure, incidents, observations, outbox, public_warnings, reach, source_health
from almenara.stages.attention import State as Attention
from almenara.stages.exposure import State as Exposures
from almenara.stages.hazards import ARCHIVED, CHANGES, Delta, Follower, View, followers
from almenara.stages.hazards.earthquake import State as Earthquakes
from almenara.stages.hazards.fire import State as Fires
from almenara.stages.hazards.warning import State as OthersWarnings
from almenara.stages.incidents import State as Incidents
from almenara.stages.observations import State as Observations
from almenara.stages.outbox import State as Outbox
from almenara.stages.public_warnings import Policy, Signer, Situation, ThreatenedPlace, Words
from almenara.stages.public_warnings import State as Warnings
from almenara.stages.public_warnings.situation import bare
from almenara.stages.reach import State as Reach
from almenara.stages.source_health import State as Health

DAY_MS = 86_400_000

INCIDENT_EVENTS = (IncidentOpened, IncidentChanged, IncidentMerged, IncidentClosed)


@dataclass(slots=True)
class State:
    """Everything that the log adds up to."""

    health: Health = field(default_factory=Health)
    observations: Observations = field(default_factory=Observations)
    hazards: dict[str, Follower] = field(default_factory=followers)
    exposure: Exposures = field(default_factory=Exposures)
    reach: Reach = field(default_factory=Reach)
    incidents: Incidents = field(default_factory=Incidents)
    warnings: Warnings = field(default_factory=Warnings)
    outbox: Outbox = field(default_factory=Outbox)
    attention: Attention = field(default_factory=Attention)
    policy: Policy = field(default_factory=Policy)
    now_ms: int = 0


def evolve(state: State, event: Event) -> State:
    """The state after an event of the log. Only this runs when a log is read again."""
    if isinstance(event, ObservationsReceived):
        counted = observations.receive(state.observations, event.source, event.kind, from_ipc(event.table))
        state.hazards[event.kind].receive(counted)
    elif isinstance(event, RowsRejected):
        observations.reject(state.observations, event.source, event.reasons)
    elif isinstance(event, SourcePolled | SourceSilent | SourceHeard):
        state.health = source_health.evolve(state.health, event)
    elif isinstance(event, StepTaken):
        _advance(state, event.now_ms)
        state.exposure.unmet = False  # the step's own decisions follow in the log
    elif isinstance(event, HazardsArchived):
        _let_go(state, from_ipc(event.table).column("hazard_id").to_pylist())
    elif isinstance(event, (ExposuresChanged, *exposure.PLACES_CHANGED)):
        state.exposure = exposure.evolve(state.exposure, event)
        state.reach = reach.evolve(state.reach, event, state.exposure)
    elif isinstance(event, ReachChanged):
        state.reach = reach.evolve(state.reach, event, state.exposure)
    elif isinstance(event, INCIDENT_EVENTS):
        state.incidents = incidents.evolve(state.incidents, event)
    elif isinstance(event, public_warnings.EVENTS):
        state.warnings = public_warnings.evolve(state.warnings, event)
    elif isinstance(event, RunStarted):
        state.policy = policy_of(event)
        others_warnings(state).status = event.status
        follow_late(state, event.parameters.get("late_days"))
    elif isinstance(event, WarningPolicySet):
        settings = {name: getattr(event, name) for name in WarningPolicySet.SETTINGS}
        state.policy = msgspec.structs.replace(
            state.policy,
            **settings,
            languages=tuple(event.languages),
            profiles=tuple(event.profiles),
            signed=event.signed,
        )
    if isinstance(event, outbox.EVENTS):  # what was sent concerns the warnings and the outbox
        state.outbox = outbox.evolve(state.outbox, event)
    if isinstance(event, attention.EVENTS):
        state.attention = attention.evolve(state.attention, event)
    return state


def policy_of(run: RunStarted) -> Policy:
    """How a run warns: its status, and what else of the policy its parameters name."""
    named = {name: run.parameters[name] for name in ("sender", "timezone") if run.parameters.get(name) is not None}
    return msgspec.convert({"status": run.status, **named}, Policy)


def follow_late(state: State, days: Parameter) -> None:
    """Follow detections of fires that come so many days after their acquisition (None: as many as by default)."""
    if isinstance(days, int):
        fires_of(state).late_ms = days * DAY_MS
        state.observations.remembered_ms["fire"] = days * DAY_MS + observations.REMEMBERED_BEYOND_MS


def _advance(state: State, now_ms: int) -> list[Delta]:
    state.now_ms = state.observations.now_ms = now_ms
    return [state.hazards[kind].advance(now_ms) for kind in sorted(state.hazards)]


def _let_go(state: State, archived: list[str]) -> None:
    """The later stages forget what no hazard can call for any more."""
    state.warnings = public_warnings.forget(state.warnings, map(incidents.name_for, archived))


class Clockwork:
    """Takes steps: runs every stage's decision once, in order, and measures what each cost."""

    def __init__(self, timer: Callable[[], float], words: Words, sign: Signer | None = None) -> None:
        self._timer = timer
        self.words = words
        self.sign = sign
        self.seconds = dict.fromkeys(("hazards", "exposure", "reach", "incidents", "warnings"), 0.0)

    def step(self, state: State, now_ms: int) -> list[Event]:
        """Follow everything acquired up to `now_ms`; the state has evolved by all events returned."""
        begun = self._timer()
        events: list[Event] = [StepTaken(now_ms=now_ms)]
        deltas = _advance(state, now_ms)
        changes = [row for delta in deltas for row in delta.changes]
        if changes:
            table = to_ipc(pa.Table.from_pylist(changes, schema=CHANGES))
            events.append(HazardsChanged(now_ms=now_ms, table=table))
        archived = [row for delta in deltas for row in delta.archived]
        if archived:
            events.append(HazardsArchived(now_ms=now_ms, table=to_ipc(pa.Table.from_pylist(archived, schema=ARCHIVED))))
            evolve(state, events[-1])
        begun = self._lap("hazards", begun)
        exposed: set[str] = set()
        anew = [state.hazards[kind].reach() for kind in sorted(state.hazards)] if state.exposure.unmet else []
        state.exposure.unmet = False
        for delta in [*deltas, *anew]:
            for moved in exposure.decide(state.exposure, delta, now_ms):
                state.exposure = exposure.evolve(state.exposure, moved)
                events.append(moved)
                exposed.update(from_ipc(moved.table).column("hazard_id").to_pylist())
        begun = self._lap("exposure", begun)
        for reached in _reach(state, [*changes, *(row for delta in anew for row in delta.context)], now_ms):
            state.reach = reach.evolve(state.reach, reached, state.exposure)
            events.append(reached)
        begun = self._lap("reach", begun)
        touched = exposed | {row["hazard_id"] for row in changes}
        before = _incidents_of(state, touched | {row["into"] for row in changes if row["into"] is not None})
        shaking = _earthquakes(state).shaking
        # A warning can get graver without reaching another place.
        exposed |= {row["hazard_id"] for row in changes if row["kind"] == "warning"}
        says = others_warnings(state).grading
        ended: list[IncidentClosed | IncidentMerged] = []
        for event in incidents.decide(state.incidents, changes, exposed, state.exposure, shaking, now_ms, says):
            evolve(state, event)
            events.append(event)
            if isinstance(event, IncidentClosed | IncidentMerged):
                ended.append(event)
        begun = self._lap("incidents", begun)
        situations = list(_situations(state, touched, ended, before))
        for warning in public_warnings.decide(state.warnings, situations, now_ms, state.policy, self.words):
            evolve(state, warning)
            events.append(warning)
            if isinstance(warning, WarningApproved):
                events.append(public_warnings.send(state.warnings, warning.identifier, now_ms, state.policy, self.sign))
                evolve(state, events[-1])
        self._lap("warnings", begun)
        return events

    def _lap(self, stage: str, begun: float) -> float:
        now = self._timer()
        self.seconds[stage] += now - begun
        return now


def _incidents_of(state: State, hazards: set[str]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Kind and hazards of the open incidents that any of the hazards belongs to: no step touches others."""
    names = {state.incidents.of_hazard[h] for h in hazards if h in state.incidents.of_hazard}
    return {name: (i.kind, tuple(i.hazards)) for name in names for i in [state.incidents.incidents[name]]}


def _reach(state: State, rows: list[dict[str, Any]], now_ms: int) -> list[ReachChanged]:
    """What the fires that a step touched could reach."""
    if state.exposure.index is None or not rows:
        return []
    fronts = fires_of(state).fronts(reach.rising(rows))
    return reach.decide(state.reach, rows, fronts, state.exposure, now_ms)


def fires_of(state: State) -> Fires:
    """All fires."""
    follower = state.hazards["fire"]
    assert isinstance(follower, Fires)
    return follower


def _earthquakes(state: State) -> Earthquakes:
    follower = state.hazards["earthquake"]
    assert isinstance(follower, Earthquakes)
    return follower


def others_warnings(state: State) -> OthersWarnings:
    """The warnings of other authorities."""
    follower = state.hazards["warning"]
    assert isinstance(follower, OthersWarnings)
    return follower


# ---------------------------------------------------------------------- what a warning is written from


def _situations(
    state: State,
    touched: set[str],
    ended: list[IncidentClosed | IncidentMerged],
    before: dict[str, tuple[str, tuple[str, ...]]],
) -> Iterator[Situation]:
    """The incidents that a step touched or whose warning ends soon, as the warnings stage sees them.

    What another authority warns of is not warned of again in our name (decision 15).
    """
    names = {state.incidents.of_hazard[h] for h in touched if h in state.incidents.of_hazard}
    names.update(public_warnings.due(state.warnings, state.now_ms, state.policy))
    for name in sorted(names & state.incidents.incidents.keys()):
        situation = look(state, name)
        if situation is not None:
            yield situation
    for event in ended:
        reason = f"merged into {event.into}" if isinstance(event, IncidentMerged) else event.reason
        kind, hazards = before.get(event.incident, ("warning", ()))
        if kind != "warning":  # one that opened and ended in the same step has nothing to take back
            yield _ended(event.incident, kind, hazards, reason, state.now_ms)


def look(state: State, incident: str) -> Situation | None:
    """An incident as it stands, as the warnings stage sees it; None when it is not open, or another authority's."""
    found = state.incidents.incidents.get(incident)
    return _situation(state, incident) if found is not None and found.kind != "warning" else None


def _situation(state: State, name: str) -> Situation:
    incident = state.incidents.incidents[name]
    views = [view for hazard in incident.hazards if (view := _find_view(state, incident.kind, hazard)) is not None]
    main = max(views, key=lambda view: (view.magnitude or 0.0, view.area_km2 or 0.0, view.id))
    shapes = [view.footprint for view in views if view.footprint is not None]
    places: dict[str, ThreatenedPlace] = {}
    for hazard in incident.hazards:
        for place_id, exposed in sorted(state.exposure.exposures.get(hazard, {}).items()):
            if exposed.suppressed is None:
                found = _threatened(state.exposure.place(place_id), exposed)
                known = places.get(place_id)
                if known is None or found.distance_m < known.distance_m:
                    places[place_id] = found
    return Situation(
        incident=name,
        kind=incident.kind,
        hazards=tuple(incident.hazards),
        label=main.label,
        first_seen_ms=min(view.first_seen_ms for view in views),
        last_seen_ms=max(view.last_seen_ms for view in views),
        area_km2=sum(view.area_km2 or 0.0 for view in views) if incident.kind == "fire" else None,
        footprint=shapely.union_all(shapes) if shapes else None,
        magnitude=main.magnitude,
        depth_km=main.depth_km,
        epicentre=main.epicentre,
        priority=incident.priority,
        evidence=tuple(sorted({platform for view in views for platform in view.platforms})),
        places=tuple(places[place] for place in sorted(places)),
        ended=False,
        end_reason="",
    )


def _find_view(state: State, kind: str, hazard: str) -> View | None:
    """The hazard as it stands; None when it was absorbed or taken back (its incident goes on with the others)."""
    try:
        view = state.hazards[kind].view(hazard)
    except KeyError:
        return None
    return view if view.state not in ("merged", "retracted") else None


def _threatened(place: exposure.Place, exposed: exposure.Exposure) -> ThreatenedPlace:
    return ThreatenedPlace(
        id=place.id,
        name=place.name,
        kind=place.kind,
        population=place.population,
        lon=place.lon,
        lat=place.lat,
        geometry=shapely.from_wkb(place.geometry) if place.geometry is not None else None,
        alert_distance_m=place.alert_distance_m,
        distance_m=exposed.distance_m,
        since_ms=exposed.since,
        certainty=exposed.certainty,
        mmi=exposed.mmi,
    )


def _ended(name: str, kind: str, hazards: tuple[str, ...], reason: str, now_ms: int) -> Situation:
    return replace(bare(name, kind, now_ms), hazards=hazards, ended=True, end_reason=reason)
