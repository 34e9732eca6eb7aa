"""Others' warnings through the whole chain: places, incidents, no draft of ours, snapshots and the log again."""

from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from almenara import pipeline
from almenara.model.codec import decode
from almenara.model.events import ObservationsReceived, PlacesImported
from almenara.model.observations import to_ipc
from almenara.pipeline import State
from almenara.snapshot import from_bytes, to_bytes
from almenara.stages._warned_places import WarnedPlaces
from almenara.stages.exposure import OTHERS_WARNING
from almenara.stages.incidents import HIGH, MODERATE, URGENT, WATCH, graded
from tests.stages.messages import facts as told_facts
from tests.stages.messages import messages
from tests.stages.tables import MINUTE, T0, places
from tests.test_pipeline import Act, Encoded, facts, opening, perform, story

HALF, ALL = shapely.box(-79.3, -4.3, -79.195, -4.1), shapely.box(-79.3, -4.3, -79.1, -4.1)


def received(*rows: dict[str, Any]) -> ObservationsReceived:
    table = to_ipc(messages(rows))
    return ObservationsReceived(source="cap_feed", kind="warning", origin="feed", sha256="0", part=0, table=table)


def exposed(state: State) -> dict[str, set[str]]:
    return {hazard: set(found) for hazard, found in state.exposure.exposures.items()}


def test_a_warning_exposes_the_places_in_its_area_opens_an_incident_and_drafts_nothing() -> None:
    state = State()
    perform(state, [*opening(), received({"id": "a", "area": HALF})])
    assert story(state, [T0]) == ["StepTaken", "hazard opened", "ExposuresChanged", "IncidentOpened"]
    (found,) = state.exposure.exposures.values()
    inside = {row["id"] for row in places_of(state) if row["lon"] <= -79.195}
    assert found.keys() == inside
    assert {(e.basis, e.distance_m, e.certainty, e.since) for e in found.values()} == {
        (OTHERS_WARNING, 0.0, "Likely", T0)
    }
    (incident,) = state.incidents.incidents.values()
    assert (incident.kind, incident.priority) == ("warning", HIGH)
    assert incident.reasons[:3] == ["severity:Severe", "urgency:Expected", "certainty:Likely"]

    graver = received({"id": "b", "t": 5, "refs": ["a"], "area": HALF, "severity": "Extreme", "urgency": "Immediate"})
    assert story(state, [graver, T0 + 5 * MINUTE])[1:] == ["StepTaken", "hazard revised", "IncidentChanged"]
    assert next(iter(state.incidents.incidents.values())).priority == URGENT

    wider = received({"id": "c", "t": 9, "refs": ["b"], "sent": {"b": 5}, "area": ALL})
    assert story(state, [wider, T0 + 9 * MINUTE])[1:4] == ["StepTaken", "hazard revised", "ExposuresChanged"]
    (found,) = state.exposure.exposures.values()
    assert {e.since for place, e in found.items() if place in inside} == {T0}  # no update makes them new
    assert {e.since for place, e in found.items() if place not in inside} == {T0 + 9 * MINUTE}

    cancel = received({"id": "d", "t": 20, "refs": ["c"], "sent": {"c": 9}, "type": "Cancel"})
    told = story(state, [cancel, T0 + 20 * MINUTE])
    assert told[1:] == ["StepTaken", "hazard ended", "ExposuresChanged", "IncidentClosed"]
    assert (state.exposure.exposures, state.incidents.incidents, state.warnings.threads) == ({}, {}, {})


def places_of(state: State) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = state.exposure.places.to_pylist()
    return rows


def test_an_area_that_is_only_named_exposes_nobody() -> None:
    state = State()
    perform(state, [*opening(), received({"id": "a", "area": None})])
    assert story(state, [T0]) == ["StepTaken", "hazard opened"]


def test_an_incident_goes_on_under_the_threads_older_name() -> None:
    state = State()
    perform(state, [*opening(), received({"id": "b", "t": 5, "refs": ["x"], "sent": {"x": 1}}), T0 + 5 * MINUTE])
    perform(state, [received({"id": "x", "t": 1, "refs": ["a"]}), T0 + 6 * MINUTE])
    (hazard,) = exposed(state)
    assert state.incidents.of_hazard[hazard] in state.incidents.incidents
    assert len(state.incidents.incidents) == 1


@pytest.mark.parametrize("status", ["Exercise", "Test", "Actual"])
def test_a_log_follows_its_own_status_only(status: str) -> None:
    state = State()
    rows = [{"id": one, "status": one} for one in ("Actual", "Exercise", "Test")]
    perform(state, [*opening(status), received(*rows), T0])
    (view,) = state.hazards["warning"].views()
    assert view.extra["messages"] == [f"met,{status}"]
    again = from_bytes(to_bytes(state))
    perform(again, [received({"id": "late", "t": 1, "status": "Draft"}), T0 + MINUTE])
    assert len(again.hazards["warning"].views()) == 1


def test_places_imported_later_meet_the_warning() -> None:
    state = State()
    perform(state, [opening()[0], received({"id": "a"}), T0])
    late = to_ipc(places([{"id": "school"}]))
    perform(state, [PlacesImported(origin="late", attribution="", table=late, rejected={}), T0 + MINUTE])
    assert list(exposed(state).values()) == [{"school"}]


@pytest.mark.parametrize(
    ("said", "priority"),
    [
        ({"severity": "Extreme", "urgency": "Immediate", "certainty": "Observed"}, URGENT),
        ({"severity": "Extreme", "urgency": "Immediate", "certainty": "Possible"}, HIGH),
        ({"severity": "Severe", "urgency": "Immediate"}, HIGH),
        ({"severity": "Severe", "urgency": "Future"}, MODERATE),
        ({"severity": "Unknown", "urgency": "Unknown", "certainty": "Unknown"}, MODERATE),
        ({"severity": "Minor", "urgency": "Immediate"}, WATCH),
        ({"severity": "Extreme", "urgency": "Immediate", "certainty": "Unlikely"}, WATCH),
        ({"severity": "Extreme", "urgency": "Past"}, WATCH),
    ],
)
def test_priority_is_what_the_authority_says(said: dict[str, str], priority: int) -> None:
    assert graded(told_facts({"id": "a", **said})) == priority


messages_sent = st.builds(
    lambda n, refs, kind, area, expires, sure: {
        "id": f"m{n}",
        "t": 10 * n,
        "refs": [f"m{k}" for k in refs if k < n],
        "sent": {f"m{k}": 10 * k for k in range(6)},
        "type": kind if any(k < n for k in refs) else "Alert",
        "area": area,
        "expires": expires,
        "certainty": sure,
    },
    st.integers(0, 5),
    st.lists(st.integers(0, 4), max_size=2, unique=True),
    st.sampled_from(["Update", "Update", "Cancel"]),
    st.sampled_from([HALF, ALL, None]),
    st.sampled_from([35, 300, None]),
    st.sampled_from(["Observed", "Possible"]),
)
runs = st.lists(messages_sent, min_size=1, max_size=6, unique_by=lambda row: row["id"])


@given(runs, st.data())
@settings(max_examples=60, deadline=None)
def test_a_snapshot_and_the_log_read_again_give_the_same(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    acts: list[Act] = list(opening())
    now = T0
    for row in data.draw(st.permutations(rows)):
        now += data.draw(st.sampled_from([0, 20, 400])) * MINUTE
        acts += [received(row), now]
    cut = data.draw(st.integers(0, len(acts)))
    whole, state, again = State(), State(), State()
    log = perform(whole, acts)
    first = perform(state, acts[:cut])
    back = from_bytes(to_bytes(state))
    assert first + perform(back, acts[cut:]) == log
    assert facts(back) == facts(whole)
    for entry in log:
        pipeline.evolve(again, decode(*entry))
    assert facts(again) == facts(whole)
    active = {view.id for view in whole.hazards["warning"].views() if view.state == "active"}
    assert exposed(whole).keys() <= active
    assert {h for i in whole.incidents.incidents.values() for h in i.hazards if h in active} == exposed(whole).keys()


def replay(*batches: ObservationsReceived) -> tuple[list[Encoded], State]:
    state = State()
    perform(state, [*opening(), *batches])
    return perform(state, [*state.hazards["warning"].pending_times().tolist(), T0 + 900 * MINUTE]), state


@given(runs, st.data())
@settings(max_examples=40, deadline=None)
def test_a_replay_does_not_depend_on_the_order_of_files(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    decided, _ = replay(received(*rows))
    shuffled, _ = replay(*(received(row) for row in data.draw(st.permutations(rows))))
    assert shuffled == decided


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_inside_is_what_shapely_says_of_each_place(seed: int) -> None:
    import numpy as np

    dice = np.random.default_rng(seed)
    rows = [{"id": str(k), "lon": x, "lat": y} for k, (x, y) in enumerate(dice.uniform(-5, 5, (60, 2)).tolist())]
    boxes = [shapely.box(x, y, x + 1.0, y + 1.0) for x, y in dice.uniform(-5, 5, (20, 2)).tolist()]
    rows += [{"id": f"b{k}", "geometry": box} for k, box in enumerate(boxes)]
    area = shapely.convex_hull(shapely.multipoints(dice.uniform(-4, 4, (5, 2))))
    table = places(rows)
    shapes = [row.get("geometry") or shapely.Point(row["lon"], row["lat"]) for row in rows]
    assert WarnedPlaces(table).inside(area) == [k for k, shape in enumerate(shapes) if shapely.intersects(area, shape)]
