"""One thread for each incident: when it speaks, what it refers to, how it ends."""

from typing import Any

import msgspec
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stages.public_warnings.scene import POLICY, T0, ended, fire, place, quake, step

from almenara.model.cap import MsgType, from_xml
from almenara.model.events import WarningDrafted, WarningExpired
from almenara.stages.public_warnings import State, decide, due, evolve, shipped
from almenara.stages.public_warnings.situation import HOUR_MS

LOJA, MALACATOS, SAN_PEDRO = place("Loja"), place("Malacatos"), place("San Pedro")


def test_the_first_place_raises_an_alert_and_the_same_again_raises_nothing() -> None:
    state = State()
    assert step(state, T0, fire(T0)) == []
    (alert,) = step(state, T0, fire(T0, LOJA))
    assert (alert.msg_type, alert.references, alert.reasons) == ("Alert", "", ["first"])
    assert (alert.identifier, alert.thread, alert.incident) == (
        "incident-fire-a-1",
        "incident-fire-a",
        "incident-fire-a",
    )
    assert alert.expires_ms == T0 + 6 * HOUR_MS
    assert alert.places == ["loja"]
    assert step(state, T0 + HOUR_MS, fire(T0 + HOUR_MS, LOJA)) == []


@pytest.mark.parametrize(
    ("later", "reasons"),
    [
        ({"places": (LOJA, MALACATOS)}, ["new-place"]),
        ({"places": (MALACATOS,)}, ["new-place", "place-safe"]),
        ({"priority": 1}, ["severity"]),
        ({"places": (place("Loja", certainty="Observed"),)}, ["certainty"]),
    ],
)
def test_grave_news_is_told_at_once(later: dict[str, Any], reasons: list[str]) -> None:
    state = State()
    step(state, T0, fire(T0, LOJA))
    (update,) = step(state, T0 + 1000, fire(T0 + 1000, **({"places": (LOJA,)} | later)))
    assert (update.msg_type, update.reasons) == ("Update", reasons)
    assert update.references == "drafts@almenara.invalid,incident-fire-a-1,2024-09-03T09:00:00-05:00"


@pytest.mark.parametrize(
    ("later", "reasons"),
    [
        ({"area_km2": 1.3}, ["grown"]),
        ({"places": (LOJA,)}, ["place-safe"]),
        ({"priority": 4}, ["severity-lower"]),
        (
            {"places": (place("Loja", certainty="Possible"), place("Malacatos", certainty="Possible"))},
            ["certainty-lower"],
        ),
        ({"area_km2": 1.1}, []),
    ],
)
def test_lesser_news_waits_for_the_quiet_time(later: dict[str, Any], reasons: list[str]) -> None:
    state = State()
    step(state, T0, fire(T0, LOJA, MALACATOS))
    changed = {"places": (LOJA, MALACATOS)} | later
    early, late = T0 + 2 * HOUR_MS, T0 + 3 * HOUR_MS
    assert step(state, early, fire(early, **changed)) == []
    assert [event.reasons for event in step(state, late, fire(late, **changed))] == ([reasons] if reasons else [])


def test_a_warning_near_its_end_is_renewed_only_when_the_hazard_was_seen_again() -> None:
    state = State()
    step(state, T0, fire(T0, LOJA))
    near = T0 + 5 * HOUR_MS
    assert due(state, near - 1, POLICY) == []
    assert due(state, near, POLICY) == ["incident-fire-a"]
    assert step(state, near, fire(T0, LOJA)) == []
    (update,) = step(state, near, fire(T0 + HOUR_MS, LOJA))
    assert (update.msg_type, update.reasons, update.expires_ms) == ("Update", ["expiry-near"], near + 6 * HOUR_MS)


def test_a_warning_without_news_runs_out_once() -> None:
    state = State()
    step(state, T0, fire(T0, LOJA))
    end = T0 + 6 * HOUR_MS
    assert step(state, end - 1) == []
    (expired,) = step(state, end)
    assert expired == WarningExpired(now_ms=end, identifier="incident-fire-a-1", thread="incident-fire-a")
    assert step(state, end + 1) == []
    assert step(state, end + 1, fire(T0, LOJA)) == []
    assert step(state, end + 2, ended(end + 2, "no-place-in-reach")) == []


def test_a_hazard_seen_again_after_the_end_is_warned_of_anew_in_the_same_thread() -> None:
    state = State()
    step(state, T0, fire(T0, LOJA))
    later = T0 + 7 * HOUR_MS
    (again,) = step(state, later, fire(later, LOJA))
    assert (again.msg_type, again.references, again.reasons) == ("Alert", "", ["seen-again"])
    assert (again.identifier, again.thread) == ("incident-fire-a-2", "incident-fire-a")
    assert list(state.open) == ["incident-fire-a"]


def test_references_name_every_earlier_message_that_still_lasts() -> None:
    state = State()
    step(state, T0, fire(T0, LOJA))
    t1, t2, t3 = T0 + 4 * HOUR_MS, T0 + 7 * HOUR_MS, T0 + 8 * HOUR_MS
    step(state, t1, fire(t1, LOJA, MALACATOS))
    (second,) = step(state, t2, fire(t2, LOJA, MALACATOS, SAN_PEDRO))
    assert [r.identifier for r in from_xml(second.xml).references] == ["incident-fire-a-2"]
    (cancel,) = step(state, t3, ended(t3, "no-place-in-reach"))
    assert [r.identifier for r in from_xml(cancel.xml).references] == ["incident-fire-a-2", "incident-fire-a-3"]


@pytest.mark.parametrize(
    ("reason", "english"),
    [
        ("no-place-in-reach", "No fire is now detected"),
        ("merged into incident-fire-b", "replaced by another warning"),
        ("static-source: classed by the provider as volcano", "lasting source"),
    ],
)
def test_an_ended_incident_is_cancelled_with_the_area_it_was_warned_for(reason: str, english: str) -> None:
    state = State()
    (alert,) = step(state, T0, fire(T0, LOJA, MALACATOS))
    (cancel,) = step(state, T0 + HOUR_MS, ended(T0 + HOUR_MS, reason))
    assert (cancel.msg_type, cancel.reasons, cancel.expires_ms) == ("Cancel", [reason], alert.expires_ms)
    assert cancel.places == ["loja", "malacatos"]
    first, last = from_xml(alert.xml), from_xml(cancel.xml)
    assert [info.area for info in last.info] == [info.area for info in first.info]
    assert english in (last.info[1].description or "")
    assert "AllClear" not in cancel.xml.decode()
    assert state.open == {}
    assert step(state, T0 + 7 * HOUR_MS) == []
    (reopened,) = step(state, T0 + 8 * HOUR_MS, fire(T0 + 8 * HOUR_MS, LOJA))
    assert (reopened.msg_type, reopened.identifier) == ("Alert", "incident-fire-a-3")


def test_names_that_cap_forbids_are_made_fit_without_colliding() -> None:
    state = State()
    events = step(state, T0, fire(T0, LOJA, incident="quake us,7"), fire(T0, LOJA, incident="quake us_7"))
    assert len({event.identifier for event in events}) == 2
    assert all(not set(" ,<&") & set(event.identifier) for event in events)


def test_the_snapshot_is_the_state_and_deciding_is_deterministic() -> None:
    state = State()
    step(state, T0, fire(T0, LOJA, MALACATOS, SAN_PEDRO), quake(T0, place("Catamayo", mmi=7.2)))
    copy = State.from_bytes(state.to_bytes())
    assert copy == state
    assert copy.to_bytes() == state.to_bytes()
    over = ended(T0 + 1, "", incident="incident-quake-us7000abcd", kind="earthquake")
    later = [fire(T0 + 1, LOJA, place("Vilcabamba")), over]
    assert decide(copy, later, T0 + 1, POLICY, shipped()) == decide(state, later, T0 + 1, POLICY, shipped())


TOWNS = [place(name) for name in ("Loja", "Malacatos", "Vilcabamba", "San Pedro")]
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.integers(1, 5 * 3600),  # seconds since the move before
        st.sets(st.integers(0, 3), max_size=4),
        st.integers(1, 4),
        st.sampled_from(["seen", "seen", "seen", "unseen", "ended", "away"]),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(MOVES)
def test_whatever_happens_a_thread_is_a_thread(moves: list[tuple[str, int, set[int], int, str]]) -> None:
    state, now = State(), T0
    seen = {"a": T0, "b": T0}
    messages: list[WarningDrafted] = []
    for name, seconds, towns, priority, what in moves:
        now += 1000 * seconds
        incident = f"incident-fire-{name}"
        seen[name] = now if what == "seen" else seen[name]
        places = tuple(TOWNS[n] for n in sorted(towns))
        situations = [fire(seen[name], *places, incident=incident, priority=priority)]
        if what == "ended":
            situations = [ended(now, "no-place-in-reach", incident=incident)]
        in_force = dict(state.open)
        for event in step(state, now, *([] if what == "away" else situations)):
            if isinstance(event, WarningExpired):
                assert in_force[event.thread] <= now
                continue
            alert = from_xml(event.xml)
            assert event.reasons
            assert alert.identifier == event.identifier not in {m.identifier for m in messages}
            lasting: list[str] = []
            for message in messages:
                if message.incident == event.incident:
                    lasting = [] if message.msg_type in ("Cancel", "Alert") else lasting
                    if message.msg_type != "Cancel" and message.expires_ms > now:
                        lasting.append(message.identifier)
            referred = [r.identifier for r in alert.references]
            assert referred == (lasting if alert.msg_type is not MsgType.ALERT else [])
            assert (alert.msg_type is MsgType.ALERT) == (in_force.get(event.incident, 0) <= now)
            if alert.msg_type is not MsgType.CANCEL:
                assert {p.id for p in places} == set(event.places)
                area = shapely.union_all([shapely.Polygon(ring) for ring in alert.info[0].area[0].polygon])
                assert all(area.covers(shapely.Point(p.lon, p.lat)) for p in places)
            messages.append(event)
    again = State()
    for message in messages:
        evolve(again, message)
    assert {n: t.version for n, t in again.threads.items()} == {n: t.version for n, t in state.threads.items()}
    assert msgspec.msgpack.decode(state.to_bytes()).keys() == state.threads.keys()
