"""Others' warnings: one hazard for each thread, ended by Cancel or expiry, the same whatever the order of arrival."""

from typing import Any

import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stages.messages import messages
from tests.stages.tables import DAY, MINUTE, T0, counted

from almenara.stages import observations
from almenara.stages.hazards import ARCHIVED, ARCHIVED_AFTER_MS, CHANGES, Delta, unpack_view
from almenara.stages.hazards.warning import State, hazard_id

DAY_MINUTES = DAY // MINUTE
WEST, EAST = shapely.box(-79.3, -4.3, -79.2, -4.1), shapely.box(-79.2, -4.3, -79.1, -4.1)


class World:
    """The observations stage and the warnings, fed as the pipeline feeds them."""

    def __init__(self, status: str = "Exercise") -> None:
        self.seen = observations.State()
        self.warnings = State()
        self.warnings.status = status
        self.changes: list[dict[str, Any]] = []
        self.archived: list[dict[str, Any]] = []

    def give(self, *rows: dict[str, Any]) -> None:
        if rows:
            self.warnings.receive(counted(self.seen, messages(rows)))

    def step(self, t: float) -> Delta:
        delta = self.warnings.advance(T0 + round(t * MINUTE))
        pa.Table.from_pylist(delta.changes, schema=CHANGES)  # every row fits
        pa.Table.from_pylist(delta.archived, schema=ARCHIVED)
        self.changes += delta.changes
        self.archived += delta.archived
        return delta

    def said(self) -> list[tuple[str, str]]:
        return [(row["change"], row["state"]) for row in self.changes]

    def states(self) -> dict[str, str]:
        return {view.id: view.state for view in self.warnings.views()}


def name(identifier: str, sender: str = "met") -> str:
    return hazard_id((0, f"{sender},{identifier}"))


def test_alert_update_cancel_are_one_hazard() -> None:
    world = World()
    world.give({"id": "a", "area": WEST})
    opened = world.step(0)
    assert [(area.hazard, area.footprint.equals(WEST)) for area in opened.areas] == [(name("a"), True)]
    world.give({"id": "b", "t": 60, "refs": ["a"], "area": EAST, "severity": "Extreme"})
    updated = world.step(60)
    assert updated.restart == [name("a")]
    view = world.warnings.view(name("a"))
    assert view.footprint is not None
    assert view.footprint.equals(EAST)
    assert (view.extra["severity"], view.observations, view.label) == ("Extreme", 2, "Lluvia fuerte (Valle)")
    world.give({"id": "c", "t": 90, "refs": ["a", "b"], "sent": {"b": 60}, "type": "Cancel"})
    cancelled = world.step(95)
    assert (cancelled.areas, cancelled.restart) == ([], [])
    assert world.said() == [("opened", "active"), ("revised", "active"), ("ended", "ended")]
    assert world.changes[-1]["time"] == T0 + 90 * MINUTE
    assert {row["hazard_id"] for row in world.changes} == {name("a")}


def test_ended_by_expiry_and_revived_by_an_update() -> None:
    world = World()
    world.give({"id": "a", "expires": 100})
    world.step(0)
    assert world.step(99).changes == []
    world.step(100)
    world.give({"id": "b", "t": 110, "refs": ["a"]})
    world.step(110)
    assert world.said() == [("opened", "active"), ("ended", "ended"), ("revived", "active")]
    assert world.changes[1]["time"] == T0 + 100 * MINUTE


def test_a_message_that_does_not_say_lasts_a_day_and_none_lasts_for_ever() -> None:
    world = World()
    world.give({"id": "a", "expires": None}, {"id": "b", "expires": 10_000_000})
    world.step(DAY_MINUTES)
    assert world.states() == {name("a"): "ended", name("b"): "active"}
    world.step(100 * DAY_MINUTES)
    assert world.states() == {name("a"): "ended", name("b"): "ended"}


def test_all_clear_ends() -> None:
    world = World()
    world.give({"id": "a"})
    world.step(0)
    world.give({"id": "b", "t": 5, "refs": ["a"], "all_clear": True})
    world.step(5)
    assert world.states() == {name("a"): "ended"}


def test_of_a_warning_split_in_two_the_other_half_goes_on() -> None:
    world = World()
    world.give({"id": "a", "area": shapely.union(WEST, EAST)})
    world.step(0)
    world.give({"id": "c", "t": 30, "refs": ["a"], "type": "Cancel"}, {"id": "b", "t": 30, "refs": ["a"], "area": EAST})
    world.step(30)
    view = world.warnings.view(name("a"))
    assert view.state == "active"
    assert view.footprint is not None
    assert view.footprint.equals(EAST)


def test_when_one_of_two_standing_messages_ends_the_area_shrinks() -> None:
    world = World()
    world.give({"id": "a", "area": WEST, "expires": 50}, {"id": "b", "t": 10, "refs": ["x"], "area": EAST})
    world.give({"id": "x", "t": -5, "refs": ["a"], "sent": {"a": -9}, "type": "Ack"})
    world.step(10)
    assert shapely.area(world.warnings.views()[0].footprint) == pytest.approx(0.04)
    shrunk = world.step(50)
    assert [row["change"] for row in shrunk.changes] == ["revised"]
    assert shapely.area(shrunk.areas[0].footprint) == pytest.approx(0.02)


def test_nobody_cancels_what_another_says() -> None:
    world = World()
    world.give({"id": "a"}, {"id": "c", "t": 5, "sender": "troll", "refs": ["a"], "type": "Cancel"})
    world.step(10)
    assert world.states() == {name("a"): "active"}


@pytest.mark.parametrize("log", ["Actual", "Exercise", "Test"])
def test_only_messages_of_the_logs_own_status_are_hazards(log: str) -> None:
    world = World(log)
    world.give(*({"id": status, "status": status} for status in ("Actual", "Exercise", "Test", "System", "Draft")))
    world.give({"id": "x", "t": 5, "refs": [log], "type": "Cancel", "status": "Test" if log != "Test" else "Actual"})
    world.step(10)
    assert world.states() == {name(log): "active"}
    assert sum(world.warnings.other_status.values()) == 5


def test_an_acknowledgement_is_no_hazard() -> None:
    world = World()
    world.give({"id": "a", "type": "Ack", "refs": ["z"]}, {"id": "b", "type": "Error", "refs": ["z"]})
    world.give({"id": "c", "type": "Cancel", "refs": ["z"]})
    assert world.step(10).changes == []
    assert list(world.warnings.views()) == []


def test_an_earlier_message_that_comes_late_gives_the_thread_its_name() -> None:
    world = World()
    world.give({"id": "c", "t": 20, "refs": ["b"], "sent": {"b": 10}})
    world.step(20)
    assert world.states() == {name("b"): "active"}
    world.give({"id": "b", "t": 10, "refs": ["a"]})
    renamed = world.step(21)
    assert world.states() == {name("a"): "active"}
    assert {(row["hazard_id"], row["change"], row["into"]) for row in renamed.changes} == {
        (name("a"), "opened", None),
        (name("b"), "merged", name("a")),
    }


def test_a_warning_without_a_drawn_area_says_so() -> None:
    world = World()
    world.give({"id": "a", "area": None})
    delta = world.step(0)
    assert delta.areas == []
    view = world.warnings.view(name("a"))
    assert (view.footprint, view.area_km2, view.extra["area_is_named_only"]) == (None, None, True)


def test_a_thread_is_archived_when_nothing_can_change_it() -> None:
    world = World()
    world.give({"id": "a"})
    world.step(0)
    later = ARCHIVED_AFTER_MS // MINUTE + 2 * DAY_MINUTES
    world.give({"id": "z", "t": later})
    world.step(later)
    assert [row["hazard_id"] for row in world.archived] == [name("a")]
    assert unpack_view(world.archived[0]["view"]).state == "ended"
    assert world.states() == {name("z"): "active"}
    assert set(world.warnings._where) == {"met,z"}


def test_a_thread_that_goes_on_for_a_year_keeps_its_name_and_forgets_its_middle() -> None:
    world = World()
    for week in range(53):
        t = week * 7 * DAY_MINUTES
        refs = [f"m{week - 1}"] if week else []
        world.give({"id": f"m{week}", "t": t, "refs": refs, "sent": {f"m{week - 1}": t - 7 * DAY_MINUTES}})
        world.step(t)
    assert world.states() == {name("m0"): "active"}
    assert len(world.warnings._where) < 25
    assert world.archived == []


# ---------------------------------------------------------------------- order

IDS = "abcde"
SENT = {"a": 0, "b": 10, "c": 20, "d": 30, "e": 30}


@st.composite
def threads(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to five messages that refer to earlier ones as they like; some are sent twice, changed."""
    rows = []
    for identifier in draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1)):
        earlier = [other for other in IDS if SENT[other] < SENT[identifier]]
        refs = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
        kinds = ["Update", "Update", "Cancel", "Ack"] if refs else ["Alert"]
        row = {
            "id": identifier,
            "t": SENT[identifier],
            "refs": refs,
            "sent": SENT,
            "type": draw(st.sampled_from(kinds)),
            "expires": draw(st.sampled_from([25, 60, 200, None])),
            "area": draw(st.sampled_from([WEST, EAST, None])),
            "severity": draw(st.sampled_from(["Minor", "Extreme"])),
            "all_clear": draw(st.sampled_from([False, False, True])),
        }
        rows.append(row)
        if draw(st.booleans()):
            rows.append(row | {"t": row["t"] + 1, "refs": draw(st.permutations(refs))[:1], "severity": "Moderate"})
    return rows


@given(threads(), st.data())
@settings(max_examples=300, deadline=None)
def test_the_end_is_the_same_in_every_order_live_and_replayed(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    end = data.draw(st.sampled_from([40, 100, 5000]))
    replay = World()
    replay.give(*rows)
    for at in replay.warnings.pending_times().tolist():
        replay.step((at - T0) / MINUTE)
    replay.step(end)
    live = World()
    waiting = data.draw(st.permutations(rows))
    now = 0
    while waiting:
        n = data.draw(st.integers(1, len(waiting)))
        live.give(*waiting[:n])
        waiting = waiting[n:]
        now = data.draw(st.integers(now, end))
        live.step(now)
    live.step(end)
    assert live.warnings.digest_parts() == replay.warnings.digest_parts()
    assert repr(live.warnings.views()) == repr(replay.warnings.views())
    for world in (live, replay):
        last = {row["hazard_id"]: row["state"] for row in world.changes}
        assert {h: s for h, s in last.items() if s not in ("merged", "retracted")} == world.states()


def oracle(rows: list[dict[str, Any]], now: int) -> dict[str, str]:
    """The states by the standard's words, with no thought of speed: for messages that are sent once."""
    links = [(row["id"], ref) for row in rows for ref in row["refs"]]
    parts = {row["id"]: {row["id"]} for row in rows} | {
        ref: {ref} for _, ref in links if ref not in {r["id"] for r in rows}
    }
    for one, other in links:
        joined = parts[one] | parts[other]
        parts.update(dict.fromkeys(joined, joined))
    found = {}
    for part in {frozenset(part) for part in parts.values()}:
        ends = []
        for row in rows:
            if row["id"] in part and row["type"] in ("Alert", "Update") and not row["all_clear"]:
                expiry = row["t"] + 1440 if row["expires"] is None else max(row["expires"], row["t"])
                by = [r["t"] for r in rows if row["id"] in r["refs"] and r["type"] in ("Update", "Cancel")]
                ends.append(min([expiry, *by]))
        if ends:
            first = min(part, key=lambda identifier: (SENT[identifier], identifier))
            found[name(first)] = "active" if max(ends) > now else "ended"
    return found


@given(threads(), st.sampled_from([35, 70, 3000]))
@settings(max_examples=200, deadline=None)
def test_as_the_standard_has_it(rows: list[dict[str, Any]], end: int) -> None:
    once = list({row["id"]: row for row in reversed(rows)}.values())
    world = World()
    world.give(*once)
    world.step(end)
    assert world.states() == oracle(once, end)


@given(threads(), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_snapshot_goes_on_as_if_nothing_had_happened(rows: list[dict[str, Any]], cut: int) -> None:
    world, again = World(), State()
    world.give(*rows)
    times = [*world.warnings.pending_times().tolist(), T0 + DAY, T0 + 30 * DAY]
    for at in times[:cut]:
        world.warnings.advance(at)
    again.load_parts(*world.warnings.to_parts())
    assert repr(again.reach()) == repr(world.warnings.reach())
    for at in times[cut:]:
        assert repr(again.advance(at)) == repr(world.warnings.advance(at))
    assert again.digest_parts() == world.warnings.digest_parts()
