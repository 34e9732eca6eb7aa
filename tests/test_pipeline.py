"""The chain as one state: whole again from a snapshot or from its log, and the same in every order of the same rows."""

from typing import Any

import msgspec
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from almenara import pipeline
from almenara.model.codec import decode, encode
from almenara.model.events import (
    Event,
    HazardsArchived,
    HazardsChanged,
    ObservationsReceived,
    Parameter,
    PlaceChanged,
    PlaceRemoved,
    PlacesImported,
    ReachChanged,
    RowsRejected,
    RunStarted,
    SourcePolled,
    WarningDrafted,
)
from almenara.model.observations import from_ipc, to_ipc
from almenara.pipeline import Clockwork, State
from almenara.snapshot import from_bytes, to_bytes
from almenara.stages.public_warnings import shipped
from almenara.stages.source_health import decide as silence
from tests.stages.tables import MINUTE, T0, detections, places, quakes

Encoded = tuple[str, int, bytes]
Act = Event | int  # an event to take, or a time to step to

TOWNS = [
    {
        "id": f"p{k}",
        "x": 1.1 * (k % 4) - 0.3,
        "y": 0.8 * (k // 4) - 0.4,
        "d": (300.0, 900.0)[k % 2],
        "population": 600 * k,
    }
    for k in range(12)
]
DAY = 1440


def received(table: pa.Table, kind: str = "fire", part: int = 0) -> ObservationsReceived:
    source = {"fire": "firms", "earthquake": "usgs_quakes"}[kind]
    return ObservationsReceived(source=source, kind=kind, origin="feed", sha256="0", part=part, table=to_ipc(table))


def opening(status: str = "Exercise", late_days: int | None = None) -> list[Event]:
    table = to_ipc(places(TOWNS))
    asked: dict[str, Parameter] = {"timezone": "America/Guayaquil", "late_days": late_days}
    return [
        RunStarted(mode="drill", status=status, parameters=asked),
        PlacesImported(origin="towns.csv", attribution="", table=table, rejected={}),
    ]


def perform(state: State, acts: list[Act]) -> list[Encoded]:
    """Take and decide; everything that belongs into the log, as the log would hold it."""
    clockwork, log = Clockwork(lambda: 0.0, shipped()), []
    for act in acts:
        if isinstance(act, int):
            quiet: list[Event] = list(silence(state.health, {"feed": 3_600_000}, act))
            for event in quiet:
                pipeline.evolve(state, event)
            log += [encode(event) for event in [*quiet, *clockwork.step(state, act)]]
        else:
            pipeline.evolve(state, act)
            log.append(encode(act))
    return log


def facts(state: State) -> dict[str, Any]:
    """All that two equal states have in common, and nothing that only says how they came about."""
    return {
        "hazards": {kind: list(follower.digest_parts()) for kind, follower in state.hazards.items()},
        "views": {kind: repr(follower.views()) for kind, follower in state.hazards.items()},
        "exposures": state.exposure.exposures,
        "reach": state.reach.near,
        "incidents": {name: msgspec.to_builtins(i) for name, i in state.incidents.incidents.items()},
        "of_hazard": state.incidents.of_hazard,
        "threads": state.warnings.threads,
        "open": (state.warnings.open, state.warnings.pending),
        "outbox": (state.outbox.sent, state.outbox.messages, state.outbox.progress, state.outbox.health),
        "counts": state.observations.counts,
        "keys": (state.observations.keys, state.observations.newest_ms),
        "feeds": {name: msgspec.to_builtins(feed) for name, feed in state.health.feeds.items()},
        "policy": state.policy,
        "now": state.now_ms,
    }


# ---------------------------------------------------------------------- small worlds

sightings = st.builds(
    lambda x, y, t, v, c, p: {"x": x * 0.3, "y": y * 0.3, "t": t, "version": v, "confidence": c, "platform": p},
    st.integers(0, 11),
    st.integers(0, 8),
    st.sampled_from([0, 4, 700, 1400, 9000, 9010, 33_000, 45_000]),
    st.integers(1, 2),
    st.integers(0, 2),
    st.sampled_from(["S-NPP", "NOAA-20"]),
)
shocks = st.builds(
    lambda name, v, m, t, x, status: {"id": name, "version": v, "m": m, "t": t, "lon": -79.2 + x, "status": status},
    st.sampled_from("abc"),
    st.integers(1, 3),
    st.sampled_from([3.0, 5.6, 6.8]),
    st.sampled_from([2, 650, 2000]),
    st.sampled_from([0.0, 0.2]),
    st.sampled_from(["current", "current", "retracted"]),
)
fires_and_quakes = st.tuples(
    st.lists(sightings, max_size=14),
    st.lists(shocks, max_size=5, unique_by=lambda r: (r["id"], r["version"])),
)


@st.composite
def live_runs(draw: st.DrawFn) -> list[Act]:
    """Feeds answer in any order, late or not, or fail; the chain follows at once."""
    rows, tremors = draw(fires_and_quakes)
    acts: list[Act] = list(opening(late_days=draw(st.sampled_from([None, 5]))))
    loose = [*((row, "fire") for row in rows), *((row, "earthquake") for row in tremors)]
    now = T0
    for row, kind in draw(st.permutations(loose)):
        now += draw(st.sampled_from([0, 5, 700, 9000])) * MINUTE
        table = detections([row]) if kind == "fire" else quakes([row])
        acts.append(received(table, kind))
        if draw(st.booleans()):
            outcome = draw(st.sampled_from(["data", "empty", "failed"]))
            acts.append(SourcePolled(source="firms", origin="feed", at_ms=now, outcome=outcome, read=1, detail=""))
            reasons = {"latitude-out-of-range": 1}
            acts.append(RowsRejected(source="firms", origin="feed", sha256="0", part=0, reasons=reasons, rows=b""))
        if draw(st.booleans()):
            acts.append(now)
    return [*acts, now + 60 * DAY * MINUTE]


@given(live_runs())
@settings(max_examples=40, deadline=None)
def test_the_log_read_again_gives_the_state(acts: list[Act]) -> None:
    state, again = State(), State()
    for entry in perform(state, acts):
        pipeline.evolve(again, decode(*entry))
    assert facts(again) == facts(state)
    assert to_bytes(again) == to_bytes(state)


@given(live_runs())
@settings(max_examples=30, deadline=None)
def test_the_same_run_gives_the_same_bytes(acts: list[Act]) -> None:
    one, other = State(), State()
    assert perform(one, acts) == perform(other, acts)
    assert to_bytes(one) == to_bytes(one) == to_bytes(other)


def replay(*batches: ObservationsReceived) -> tuple[list[Encoded], State]:
    """All rows first, then every step; what was decided."""
    state = State()
    perform(state, [*opening(), *batches])
    times = {int(at) for follower in state.hazards.values() for at in follower.pending_times()}
    return perform(state, [*sorted(times), T0 + 60 * DAY * MINUTE]), state


@given(fires_and_quakes, st.data())
@settings(max_examples=40, deadline=None)
def test_neither_the_order_of_rows_nor_the_batches_show_in_what_is_decided(
    world: tuple[list[dict[str, Any]], list[dict[str, Any]]], data: st.DataObject
) -> None:
    rows, tremors = world
    ordered, state = replay(received(detections(rows)), received(quakes(tremors), "earthquake"))
    mixed, shaken = data.draw(st.permutations(rows)), data.draw(st.permutations(tremors))
    cut = data.draw(st.integers(0, len(rows)))
    parts = [received(detections(part), part=k) for k, part in enumerate((mixed[:cut], mixed[cut:]))]
    shuffled, other = replay(parts[1], *(received(quakes([row]), "earthquake") for row in shaken), parts[0])
    assert shuffled == ordered
    parted, whole = facts(other), facts(state)
    assert {name: parted[name] for name in ("hazards", "exposures", "reach", "incidents", "threads")} == {
        name: whole[name] for name in ("hazards", "exposures", "reach", "incidents", "threads")
    }


def story(state: State, acts: list[Act]) -> list[str]:
    """The decided events in words."""
    told = []
    for entry in perform(state, acts):
        event = decode(*entry)
        if isinstance(event, HazardsChanged):
            told += [f"hazard {row['change']}" for row in from_ipc(event.table).to_pylist()]
        elif isinstance(event, WarningDrafted):
            told.append(f"warning {event.msg_type} {event.status} {', '.join(event.reasons)}")
        else:
            told.append(type(event).__name__)
    return told


def test_a_fire_beside_a_town_goes_all_the_way_from_a_pixel_to_a_warning() -> None:
    state = State()
    perform(state, [*opening("Test"), received(detections([{"x": 0.0, "y": 0.0, "t": 0}]))])
    assert story(state, [T0]) == [
        "StepTaken",
        "hazard opened",
        "ExposuresChanged",
        "ReachChanged",
        "IncidentOpened",
        "warning Alert Test first",
        "WarningApproved",
        "WarningSent",
    ]
    assert story(state, [T0 + MINUTE]) == ["StepTaken"]  # nothing new, nothing said
    told = story(state, [T0 + 21 * DAY * MINUTE])
    assert told[1:] == ["hazard ended", "ExposuresChanged", "ReachChanged", "IncidentClosed", "WarningExpired"]
    assert state.exposure.exposures == {}


def test_an_earthquake_taken_back_is_cancelled() -> None:
    state = State()
    perform(state, [*opening(), received(quakes([{"id": "a", "m": 6.5}]), "earthquake"), T0])
    assert len(state.exposure.exposures["quake-a"]) == len(TOWNS)
    gone = quakes([{"id": "a", "version": 2, "m": float("nan"), "status": "retracted"}])
    told = story(state, [received(gone, "earthquake"), T0 + MINUTE])
    assert told[1:] == [
        "StepTaken",
        "hazard retracted",
        "ExposuresChanged",
        "IncidentClosed",
        "warning Cancel Exercise no-place-in-reach",
        "WarningApproved",
        "WarningSent",
    ]


def test_a_run_without_places_follows_hazards_and_warns_nobody() -> None:
    state = State()
    acts: list[Act] = [opening()[0], received(detections([{"t": 0}])), T0]
    assert story(state, acts)[2:] == ["StepTaken", "hazard opened"]
    back = from_bytes(to_bytes(state))
    assert back is not None
    assert facts(back) == facts(state)


def test_only_steps_take_time() -> None:
    laps = iter(range(100))
    clockwork = Clockwork(lambda: float(next(laps)), shipped())
    clockwork.step(State(), T0)
    assert list(clockwork.seconds) == ["hazards", "exposure", "reach", "incidents", "warnings"]
    assert all(seconds == 1.0 for seconds in clockwork.seconds.values())


def imported(origin: str, *rows: dict[str, Any]) -> PlacesImported:
    return PlacesImported(origin=origin, attribution="", table=to_ipc(places(rows)), rejected={})


def test_places_imported_later_meet_the_hazards_at_the_next_step() -> None:
    state = State()
    fire = received(detections([{"x": 0.0, "y": 0.0, "t": 0}]))
    perform(state, [opening()[0], fire, T0])
    told = story(state, [imported("late.csv", {"id": "school", "x": 0.1}), T0 + MINUTE])
    assert told == [
        "PlacesImported",
        "StepTaken",
        "ExposuresChanged",
        "IncidentOpened",
        "warning Alert Exercise first",
        "WarningApproved",
        "WarningSent",
    ]
    gone = story(state, [imported("late.csv", {"id": "far", "x": 50.0}), T0 + 2 * MINUTE])
    assert gone[:2] == ["PlacesImported", "StepTaken"]
    assert not any(state.exposure.exposures.values())


def by_hand(row: dict[str, Any]) -> PlaceChanged:
    return PlaceChanged(place=row["id"], table=to_ipc(places([row])), by="Ana")


def test_a_place_said_by_hand_meets_the_hazards_and_outlives_imports() -> None:
    state = State()
    fire = received(detections([{"x": 0.0, "y": 0.0, "t": 0}]))
    perform(state, [opening()[0], imported("a.csv", {"id": "school", "x": 50.0}), fire, T0])
    assert not state.exposure.exposures
    assert "IncidentOpened" in story(state, [by_hand({"id": "school", "x": 0.1, "population": 7}), T0 + MINUTE])
    perform(state, [imported("a.csv", {"id": "school", "x": 50.0}), T0 + 2 * MINUTE])
    (exposed,) = state.exposure.exposures.values()
    assert exposed.keys() == {"school"}
    assert state.exposure.population("school") == 7
    back = from_bytes(to_bytes(state))
    assert facts(back) == facts(state)
    assert back.exposure.places == state.exposure.places


def test_a_place_that_moved_away_is_exposed_no_more() -> None:
    state = State()
    fire = received(detections([{"x": 0.0, "y": 0.0, "t": 0}]))
    perform(state, [opening()[0], imported("a.csv", {"id": "school", "x": 0.1}), fire, T0])
    assert any(state.exposure.exposures.values())
    assert "ExposuresChanged" in story(state, [by_hand({"id": "school", "x": 50.0}), T0 + MINUTE])
    assert not any(state.exposure.exposures.values())


def test_a_place_taken_out_stays_out_until_a_person_brings_it_back() -> None:
    state = State()
    fire = received(detections([{"x": 0.0, "y": 0.0, "t": 0}]))
    school = {"id": "school", "x": 0.1}
    perform(state, [opening()[0], imported("a.csv", school, {"id": "far", "x": 50.0}), fire, T0])
    perform(state, [PlaceRemoved(place="school", by="Ana"), T0 + MINUTE])
    assert state.exposure.ids == ["far"]
    assert not any(state.exposure.exposures.values())
    perform(state, [imported("a.csv", school), T0 + 2 * MINUTE])
    assert state.exposure.ids == []
    perform(state, [by_hand(school), T0 + 3 * MINUTE])
    assert state.exposure.ids == ["school"]
    assert any(state.exposure.exposures.values())


def test_equal_ids_of_two_imports_are_two_places() -> None:
    state = State()
    perform(state, [imported("a.csv", {"id": "1", "x": 0.0}), imported("b.csv", {"id": "1", "x": 9.0})])
    assert sorted(state.exposure.rows) == ["1", "b.csv/1"]


def test_a_small_earthquake_is_followed_but_nobody_is_warned() -> None:
    state = State()
    perform(state, [*opening(), received(quakes([{"id": "a", "m": 4.3, "depth": 0.0}]), "earthquake"), T0])
    assert state.hazards["earthquake"].view("quake-a").state == "active"
    assert state.exposure.exposures == {}


def test_what_could_be_reached_has_no_voice_in_public_and_opens_nothing() -> None:
    """A growing fire comes near places that it never touches: listed for the officer, and nothing else."""
    far = [{"id": f"p{k}", "x": 2.0 + 0.4 * k, "y": 0.0, "population": 50_000} for k in range(3)]
    state = State()
    table = to_ipc(places(far))
    acts: list[Act] = [
        RunStarted(mode="drill", status="Exercise", parameters={}),
        PlacesImported(origin="towns.csv", attribution="", table=table, rejected={}),
        received(
            detections([{"x": 0.25 * k, "y": 0.0, "t": 200 * k, "frp": 900.0, "confidence": 2} for k in range(5)])
        ),
    ]
    perform(state, acts)
    told = [line for t in range(5) for line in story(state, [T0 + 200 * t * MINUTE])]
    assert "ReachChanged" in told
    assert {place for near in state.reach.near.values() for place in near} == {"p0", "p1", "p2"}
    assert not state.exposure.exposures
    assert not state.incidents.incidents
    assert not state.warnings.threads
    assert set(told) == {"StepTaken", "hazard opened", "hazard grew", "ReachChanged"}


@given(st.integers(0, 7), st.booleans())
@settings(max_examples=16, deadline=None)
def test_reach_changes_nothing_that_was_decided_without_it(k: int, near: bool) -> None:
    """Incidents and warnings are the same whether or not there is a place beside that could be reached."""
    exposed = {"id": "in", "x": 0.2 + 0.05 * k, "y": 0.0, "population": 900}
    beside = [{"id": "beside", "x": 0.0, "y": 0.9, "population": 90_000}] if near else []

    def decided(rows: list[dict[str, Any]]) -> list[Encoded]:
        state = State()
        perform(state, [PlacesImported(origin="t", attribution="", table=to_ipc(places(rows)), rejected={})])
        perform(state, [received(detections([{"x": 0.0, "y": 0.0, "t": t} for t in (0, 300, 900)]))])
        log = perform(state, [T0 + t * MINUTE for t in (0, 300, 900)])
        assert (len(rows) == 2) == any("beside" in near for near in state.reach.near.values())
        return [entry for entry in log if entry[0] != ReachChanged.__name__]

    assert decided([exposed, *beside]) == decided([exposed])


def test_fires_are_let_go_of_by_the_lateness_of_the_run() -> None:
    held = {}
    for days in (None, 5):
        state = State()
        acts: list[Act] = list(opening(late_days=days))
        for x, t in ((0.0, 0), (3_000.0, 27 * DAY)):
            acts += [received(detections([{"x": x, "y": 0.0, "t": t}])), T0 + t * MINUTE]
        log = perform(state, acts)
        held[days] = len(state.hazards["fire"].views())
        archived = [event for entry in log if isinstance(event := decode(*entry), HazardsArchived)]
        assert len(archived) == (days == 5)
        assert from_bytes(to_bytes(state)).observations.remembered_ms == state.observations.remembered_ms
    assert held == {None: 2, 5: 1}
