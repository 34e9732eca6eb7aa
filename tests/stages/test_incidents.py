"""Incidents: opened once, raised and never lowered, merged into the older, closed with the reason named."""

from typing import Any

import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stages.tables import DAY, T0, protect

from almenara.model.events import Event, IncidentChanged, IncidentClosed, IncidentMerged, IncidentOpened
from almenara.stages.exposure import Exposure
from almenara.stages.hazards import Shaking
from almenara.stages.incidents import HIGH, MODERATE, URGENT, WATCH, State, assess, decide, evolve

geod = pyproj.Geod(ellps="WGS84")
PLACES: list[dict[str, Any]] = [
    {"id": "hamlet", "population": 40},
    {"id": "village", "population": 990},
    {"id": "town", "population": 1000},
    {"id": "city", "population": 10_000},
    {"id": "unknown", "population": None},
]


class Desk:
    """The stage with exposures set by hand."""

    def __init__(self) -> None:
        self.state = State()
        self.exposures = protect(*PLACES)
        self.quakes: dict[str, Shaking] = {}
        self.now = T0

    def expose(self, hazard: str, **places: Exposure) -> None:
        self.exposures.exposures[hazard] = places

    def release(self, hazard: str) -> None:
        self.exposures.exposures.pop(hazard, None)

    def step(self, *exposed: str, into: tuple[tuple[str, str], ...] = ()) -> list[Any]:
        rows: list[dict[str, Any]] = [{"hazard_id": gone, "into": by} for gone, by in into]
        rows += [{"hazard_id": hazard, "into": None} for hazard in exposed]
        self.now += 60_000
        events: list[Event] = []
        for event in decide(self.state, rows, set(exposed), self.exposures, self.quakes.__getitem__, self.now):
            evolve(self.state, event)
            events.append(event)
            assert self.consistent()
        return events

    def consistent(self) -> bool:
        owned = {h: i.id for i in self.state.incidents.values() for h in i.hazards}
        return owned == self.state.of_hazard


def near(distance: float = 200.0, certainty: str = "Observed", **changes: Any) -> Exposure:
    values: dict[str, Any] = {"since": T0, "basis": "observed footprint", "suppressed": None, "mmi": None}
    return Exposure(distance_m=distance, certainty=certainty, **(values | changes))


def felt(mmi: float) -> Exposure:
    return near(30_000.0, "Likely", mmi=mmi, basis="estimated intensity")


def names(events: list[Any]) -> list[str]:
    return [type(event).__name__.removeprefix("Incident") for event in events]


# ---------------------------------------------------------------------- life


def test_opened_once_for_a_hazard() -> None:
    desk = Desk()
    desk.expose("fire-a", town=near())
    (opened,) = desk.step("fire-a")
    assert opened == IncidentOpened(
        now_ms=desk.now,
        incident="incident-fire-a",
        kind="fire",
        hazard="fire-a",
        priority=HIGH,
        reasons=["distance:200", "places:1", "population:1000"],
    )
    assert desk.step("fire-a") == []
    desk.expose("fire-a", town=near(), city=near(280.0))
    (changed,) = desk.step("fire-a")
    assert isinstance(changed, IncidentChanged)
    assert (changed.priority, changed.reasons) == (URGENT, ["distance:200", "places:2", "population:11000"])
    assert changed.hazards == ["fire-a"]


def test_a_hazard_whose_exposures_are_suppressed_opens_nothing() -> None:
    desk = Desk()
    desk.expose("fire-a", city=near(0.0, suppressed="static-source: x"))
    assert desk.step("fire-a") == []
    assert desk.state.incidents == {}


def test_closed_when_no_place_is_left_in_reach() -> None:
    desk = Desk()
    desk.expose("fire-a", town=near())
    desk.step("fire-a")
    desk.release("fire-a")
    (closed,) = desk.step("fire-a")
    assert closed == IncidentClosed(now_ms=desk.now, incident="incident-fire-a", reason="no-place-in-reach")
    assert (desk.state.incidents, desk.state.of_hazard) == ({}, {})
    assert desk.step("fire-a") == []


def test_heat_that_proves_persistent_closes_its_incident_and_the_reason_says_so() -> None:
    desk = Desk()
    desk.expose("fire-a", town=near())
    desk.step("fire-a")
    reason = "persistent-source: hot on 30 of 90 days without moving"
    desk.expose("fire-a", town=near(suppressed=reason))
    (closed,) = desk.step("fire-a")
    assert isinstance(closed, IncidentClosed)
    assert closed.reason == reason


def test_one_that_comes_back_is_opened_again() -> None:
    desk = Desk()
    desk.expose("fire-a", town=near())
    desk.step("fire-a")
    desk.release("fire-a")
    desk.step("fire-a")
    desk.expose("fire-a", town=near())
    assert names(desk.step("fire-a")) == ["Opened"]


# ---------------------------------------------------------------------- priority

exposures = st.dictionaries(
    st.sampled_from([place["id"] for place in PLACES]),
    st.builds(
        lambda d, c, s: near(d, c, suppressed=s),
        st.sampled_from([0.0, 0.4, 250.0]),
        st.sampled_from(["Observed", "Likely", "Possible"]),
        st.sampled_from([None, None, "static-source: x"]),
    ),
)


@given(st.lists(st.tuples(st.sampled_from("abc"), exposures), max_size=12), st.data())
@settings(max_examples=150, deadline=None)
def test_a_priority_never_sinks_and_an_incident_is_opened_once(
    story: list[tuple[str, dict[str, Exposure]]], data: st.DataObject
) -> None:
    desk = Desk()
    gone: set[str] = set()
    for hazard, found in story:
        if hazard in gone:
            continue
        before = {name: i.priority for name, i in desk.state.incidents.items()}
        desk.expose(hazard, **found)
        if not found:
            desk.release(hazard)
        merge: tuple[tuple[str, str], ...] = ()
        other = data.draw(st.sampled_from("abc"))
        if other != hazard and other not in gone and data.draw(st.booleans()):
            desk.expose(hazard, **{**desk.exposures.exposures.pop(other, {}), **found})
            merge = ((other, hazard),)
            gone.add(other)
        events = desk.step(hazard, *(name for pair in merge for name in pair[:1]), into=merge)
        for event in events:
            if isinstance(event, IncidentOpened):
                assert event.incident not in before
            elif isinstance(event, IncidentChanged):
                assert event.priority <= before.get(event.incident, WATCH)
        for name, incident in desk.state.incidents.items():
            assert incident.priority <= before.get(name, WATCH)
            for event in events:
                if isinstance(event, IncidentMerged) and event.into == name:
                    assert incident.priority <= before[event.incident]
        # An incident stands for as long as one of its hazards alerts somebody.
        alerting = {
            h for h, found in desk.exposures.exposures.items() if any(e.suppressed is None for e in found.values())
        }
        assert alerting <= desk.state.of_hazard.keys()
        for incident in desk.state.incidents.values():
            assert alerting.intersection(incident.hazards)


@pytest.mark.parametrize(
    ("places", "priority"),
    [
        ({"hamlet": near(0.0)}, URGENT),
        ({"hamlet": near(0.4)}, MODERATE),
        ({"city": near()}, URGENT),
        ({"town": near()}, HIGH),
        ({"village": near()}, MODERATE),
        ({"village": near(), "hamlet": near(900.0)}, HIGH),
        ({"unknown": near()}, MODERATE),
        ({"city": near(0.0, "Possible")}, WATCH),
        ({"city": near(0.0, "Possible"), "hamlet": near(250.0, "Likely")}, URGENT),
        ({"city": felt(6.2)}, MODERATE),
        ({"hamlet": felt(7.0)}, HIGH),
        ({"city": felt(7.1)}, URGENT),
        ({"hamlet": felt(8.0)}, URGENT),
    ],
)
def test_priorities(places: dict[str, Exposure], priority: int) -> None:
    state = protect(*PLACES)
    state.exposures["h"] = places
    found, reasons = assess(list(places.values()), state, ["h"])
    assert found == priority
    assert f"places:{len(places)}" in reasons
    assert ("certainty:Possible" in reasons) == (priority == WATCH)


def test_an_unknown_population_is_called_unknown_not_zero() -> None:
    state = protect(*PLACES)
    state.exposures["h"] = {"unknown": near()}
    assert assess([near()], state, ["h"])[1] == ["distance:200", "places:1", "population-unknown"]
    state.exposures["h"]["hamlet"] = near()
    assert assess([near()], state, ["h"])[1] == ["distance:200", "places:2", "population:40"]


def test_a_place_within_reach_of_two_hazards_is_counted_once() -> None:
    state = protect(*PLACES)
    state.exposures |= {"h": {"village": near()}, "i": {"village": near(100.0)}}
    assert assess([near(), near(100.0)], state, ["h", "i"])[1] == ["distance:100", "places:1", "population:990"]


# ---------------------------------------------------------------------- fires that become one


def two_fires() -> Desk:
    desk = Desk()
    desk.expose("fire-old", hamlet=near())
    desk.step("fire-old")
    desk.expose("fire-new", city=near(0.0))
    desk.step("fire-new")
    return desk


@pytest.mark.parametrize("into", ["fire-old", "fire-new"])
def test_two_incidents_become_the_older_whichever_fire_goes_on(into: str) -> None:
    desk = two_fires()
    gone = {"fire-old": "fire-new", "fire-new": "fire-old"}[into]
    desk.exposures.exposures[into] |= desk.exposures.exposures.pop(gone)
    events = desk.step(into, gone, into=((gone, into),))
    assert events[0] == IncidentMerged(now_ms=desk.now, incident="incident-fire-new", into="incident-fire-old")
    (incident,) = desk.state.incidents.values()
    assert incident.id == "incident-fire-old"
    assert incident.hazards == ["fire-old", "fire-new"]
    assert incident.priority == URGENT
    assert incident.reasons == ["distance:0", "places:2", "population:10040"]


def test_what_was_urgent_stays_urgent_through_a_merger() -> None:
    desk = two_fires()
    del desk.exposures.exposures["fire-new"]
    events = desk.step("fire-old", "fire-new", into=(("fire-new", "fire-old"),))
    changed = [event for event in events if isinstance(event, IncidentChanged)]
    assert next(event.priority for event in changed) == URGENT  # the log says it, not the state alone
    assert desk.state.incidents["incident-fire-old"].priority == URGENT


def test_an_incident_follows_its_fire_into_one_that_has_none() -> None:
    desk = Desk()
    desk.expose("fire-a", town=near())
    desk.step("fire-a")
    desk.exposures.exposures["fire-b"] = desk.exposures.exposures.pop("fire-a")
    (changed,) = desk.step("fire-a", "fire-b", into=(("fire-a", "fire-b"),))
    assert changed.hazards == ["fire-a", "fire-b"]
    assert desk.state.of_hazard == {"fire-a": "incident-fire-a", "fire-b": "incident-fire-a"}


# ---------------------------------------------------------------------- sequences of earthquakes


def quake(desk: Desk, name: str, magnitude: float, away_km: float, days: float, mmi: float = 6.5) -> list[Any]:
    lon, lat, _ = geod.fwd(179.9, -17.0, 90.0, 1000.0 * away_km)  # the sequence crosses the antimeridian
    desk.quakes[name] = Shaking(name, lon, lat, 10.0, magnitude, round(T0 + days * DAY))
    desk.expose(name, town=felt(mmi))
    return desk.step(name)


@pytest.mark.parametrize(
    ("magnitude", "second", "away_km", "days", "one"),
    [
        # Gardner & Knopoff (1974), table 1: M 6: 54 km, 510 days; M 7: 70 km, 915 days
        (6.0, 5.0, 53.0, 1.0, True),
        (6.0, 5.0, 54.0, 1.0, False),
        (5.0, 6.0, 53.0, 1.0, True),  # a foreshock: the larger one's windows count
        (6.0, 5.0, 10.0, 490.0, True),
        (6.0, 5.0, 10.0, 505.0, False),
        (7.0, 5.5, 70.0, 900.0, True),
        (7.0, 5.5, 72.0, 900.0, False),
        (7.0, 5.5, 10.0, 925.0, False),
        (6.0, 5.0, 10.0, -490.0, True),  # the foreshock heard of later
    ],
)
def test_foreshock_mainshock_and_aftershock_are_one_incident(
    magnitude: float, second: float, away_km: float, days: float, one: bool
) -> None:
    desk = Desk()
    (opened,) = quake(desk, "quake-a", magnitude, 0.0, 0.0)
    assert opened.kind == "earthquake"
    (event,) = quake(desk, "quake-b", second, away_km, days)
    if one:
        assert isinstance(event, IncidentChanged)
        assert (event.incident, event.hazards) == ("incident-quake-a", ["quake-a", "quake-b"])
    else:
        assert isinstance(event, IncidentOpened)
        assert event.incident == "incident-quake-b"


def test_a_sequence_stays_open_until_its_last_earthquake_is_over() -> None:
    desk = Desk()
    quake(desk, "quake-a", 6.0, 0.0, 0.0)
    quake(desk, "quake-b", 5.2, 5.0, 0.5)
    desk.release("quake-a")
    assert desk.step("quake-a") == []
    desk.release("quake-b")
    assert names(desk.step("quake-b")) == ["Closed"]


def test_a_stronger_shock_raises_the_sequence() -> None:
    desk = Desk()
    quake(desk, "quake-a", 5.5, 0.0, 0.0, mmi=6.1)
    assert desk.state.incidents["incident-quake-a"].priority == MODERATE
    (changed,) = quake(desk, "quake-b", 7.0, 20.0, 1.0, mmi=8.2)
    assert (changed.priority, changed.reasons[0]) == (URGENT, "mmi:8.2")


def test_a_fire_never_joins_a_sequence() -> None:
    desk = Desk()
    quake(desk, "quake-a", 6.0, 0.0, 0.0)
    desk.expose("fire-a", town=near())
    assert names(desk.step("fire-a")) == ["Opened"]
    assert len(desk.state.incidents) == 2


def test_what_an_incident_says_shrinks_with_what_is_in_reach() -> None:
    desk = Desk()
    desk.quakes = {name: Shaking(name, -80.0, 0.0, 10.0, 7.0, T0) for name in ("quake-a", "quake-b")}
    desk.expose("quake-a", town=felt(7.1), village=felt(6.2))
    desk.step("quake-a")
    desk.expose("quake-b", village=felt(6.1))
    desk.step("quake-b")
    desk.release("quake-a")  # the main shock is over, the aftershock is not
    (changed,) = desk.step("quake-a")
    assert isinstance(changed, IncidentChanged)
    assert changed.reasons == ["mmi:6.1", "places:1", "population:990"]
