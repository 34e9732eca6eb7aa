"""Earthquakes: opened when felt, revised by the newest word, taken back, over after a day, whatever the order."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.stages.tables import DAY, HOUR, MINUTE, T0, counted, quakes

from almenara.kernels.intensity import radius_km
from almenara.stages import observations
from almenara.stages.hazards import CHANGES, Delta
from almenara.stages.hazards.earthquake import ENDED_AFTER_MS, EXPOSED_MMI, FELT_MMI, State, circle

geod = pyproj.Geod(ellps="WGS84")


class World:
    """The observations stage and the earthquakes, fed as the pipeline feeds them."""

    def __init__(self) -> None:
        self.seen = observations.State()
        self.quakes = State()
        self.changes: list[dict[str, Any]] = []

    def give(self, *rows: dict[str, Any]) -> None:
        self.quakes.receive(counted(self.seen, quakes(rows)))

    def step(self, t: float) -> Delta:
        delta = self.quakes.advance(T0 + round(t * MINUTE))
        pa.Table.from_pylist(delta.changes, schema=CHANGES)  # every row fits
        self.changes += delta.changes
        return delta

    def said(self) -> list[tuple[str, str]]:
        return [(row["change"], row["state"]) for row in self.changes]


def test_opened_revised_retracted_and_revived() -> None:
    world = World()
    world.give({"id": "a", "m": 5.6})
    opened = world.step(1)
    assert [shaking.magnitude for shaking in opened.shaking] == [pytest.approx(5.6)]
    world.give({"id": "a", "m": 6.1, "version": 2})
    revised = world.step(2)
    assert revised.restart == ["quake-a"]
    assert revised.shaking[0].magnitude == pytest.approx(6.1)
    world.give({"id": "a", "m": 6.1, "version": 3})
    assert world.step(3).changes == []  # nothing that matters is different
    world.give({"id": "a", "m": 6.1, "version": 4, "status": "retracted"})
    assert world.step(4).shaking == []
    world.give({"id": "a", "m": 6.1, "version": 5})
    revived = world.step(5)
    assert (revived.restart, len(revived.shaking)) == (["quake-a"], 1)
    assert world.said() == [
        ("opened", "active"),
        ("revised", "active"),
        ("retracted", "retracted"),
        ("revived", "active"),
    ]
    assert world.quakes.view("quake-a").observations == 5


def test_over_after_a_day_and_a_late_revision_does_not_bring_it_back() -> None:
    world = World()
    world.give({"id": "a"})
    world.step(0)
    day = ENDED_AFTER_MS // MINUTE
    world.step(day)
    world.step(day + 1)
    assert world.said() == [("opened", "active"), ("ended", "ended")]
    assert world.changes[-1]["time"] == T0 + DAY
    world.give({"id": "a", "m": 6.4, "version": 2})
    late = world.step(day + 100)
    assert (late.shaking, late.restart) == ([], [])
    assert [(row["change"], row["state"]) for row in late.changes] == [("revised", "ended")]
    assert world.quakes.view("quake-a").magnitude == pytest.approx(6.4)


@pytest.mark.parametrize(
    "row",
    [{"status": "no-hazard"}, {"status": "retracted"}, {"m": 2.4}, {"m": 5.0, "depth": 600.0}, {"m": float("nan")}],
)
def test_what_nobody_feels_and_what_is_no_earthquake_opens_nothing(row: dict[str, Any]) -> None:
    world = World()
    world.give({"id": "a", **row})
    delta = world.step(10)
    assert (delta.changes, delta.shaking, delta.restart) == ([], [], [])
    assert list(world.quakes.views()) == []
    assert list(world.quakes.digest_parts()) == []


def test_one_revised_below_feeling_is_taken_back() -> None:
    world = World()
    world.give({"id": "a", "m": 5.0})
    world.step(1)
    world.give({"id": "a", "m": 2.0, "version": 2})
    world.step(2)
    assert world.said()[-1] == ("retracted", "retracted")


def test_an_unknown_depth_is_taken_for_ten_kilometres() -> None:
    world = World()
    world.give({"id": "a", "depth": float("nan")}, {"id": "b", "depth": 10.0}, {"id": "c", "depth": -1.5})
    world.step(1)
    assert [world.quakes.view(f"quake-{name}").depth_km for name in "abc"] == [10.0, 10.0, 0.0]


def test_rings_are_where_the_intensity_is_reached() -> None:
    world = World()
    world.give({"id": "a", "m": 7.0})
    world.step(1)
    view = world.quakes.view("quake-a")
    rings = {ring["mmi"]: ring["radius_km"] for ring in view.extra["rings"]}
    assert rings == {mmi: round(radius_km(7.0, 10.0, mmi), 1) for mmi in (4.0, 5.0, 6.0, 7.0, 8.0)}  # IX is nowhere
    assert view.footprint is not None
    for shape, mmi in ((view.footprint, EXPOSED_MMI), (view.extra["felt"], FELT_MMI)):
        area = abs(geod.geometry_area_perimeter(shape)[0]) / 1e6
        assert area == pytest.approx(np.pi * radius_km(7.0, 10.0, mmi) ** 2, rel=0.01)


# ---------------------------------------------------------------------- order

revisions = st.builds(
    lambda name, v, m, t, status: {"id": name, "version": v, "m": m, "t": t, "status": status},
    st.sampled_from("abc"),
    st.integers(1, 4),
    st.sampled_from([2.0, 5.0, 6.5]),
    st.sampled_from([0, 3, 500, 2000]),
    st.sampled_from(["current", "current", "retracted", "no-hazard"]),
)
# Equal versions with different values are the observations stage's business: here a version says one thing.
deliveries = st.lists(revisions, min_size=1, max_size=12, unique_by=lambda r: (r["id"], r["version"]))


@given(deliveries, st.data())
@settings(max_examples=200, deadline=None)
def test_the_end_is_the_same_in_every_order_live_and_replayed(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    end = data.draw(st.sampled_from([2000, 3000, 4000]))
    replay = World()
    replay.give(*rows)
    for at in replay.quakes.pending_times().tolist():
        replay.step((at - T0) / MINUTE)
    replay.step(end)
    live = World()
    shuffled = data.draw(st.permutations(rows))
    now = 0
    while shuffled:
        n = data.draw(st.integers(1, len(shuffled)))
        live.give(*shuffled[:n])
        shuffled = shuffled[n:]
        now = data.draw(st.integers(now, end))
        live.step(now)
    live.step(end)
    assert live.quakes.digest_parts() == replay.quakes.digest_parts()
    newest = {
        name: max((r for r in rows if r["id"] == name), key=lambda r: r["version"])
        for name in "abc"
        if any(r["id"] == name for r in rows)
    }
    standing = {v.id: (v.magnitude, v.first_seen_ms) for v in live.quakes.views() if v.state != "retracted"}
    assert standing == {
        f"quake-{name}": (row["m"], T0 + row["t"] * MINUTE)
        for name, row in newest.items()
        if row["status"] == "current" and row["m"] > 2.0
    }


@given(deliveries, st.data())
@settings(max_examples=100, deadline=None)
def test_an_event_is_never_over_twice_nor_told_without_need(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    world = World()
    for row in data.draw(st.permutations(rows)):
        world.give(row)
        world.step(data.draw(st.sampled_from([2000, 2001])))
    world.step(9000)
    for name in "abc":
        states = [row["state"] for row in world.changes if row["hazard_id"] == f"quake-{name}"]
        ends = [row for row in world.changes if row["hazard_id"] == f"quake-{name}" and row["change"] == "ended"]
        revivals = [row for row in world.changes if row["change"] in ("opened", "revived", "revised")]
        assert len(ends) <= len(revivals)
        assert states[-1:] in ([], ["ended"], ["retracted"])


@given(deliveries, st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_a_snapshot_goes_on_as_if_nothing_had_happened(rows: list[dict[str, Any]], cut: int) -> None:
    world, again = World(), State()
    world.give(*rows)
    times = [*world.quakes.pending_times().tolist(), T0 + 3 * DAY]
    for at in times[:cut]:
        world.quakes.advance(at)
    again.load_parts(*world.quakes.to_parts())
    for at in times[cut:]:
        assert repr(again.advance(at)) == repr(world.quakes.advance(at))
    assert again.digest_parts() == world.quakes.digest_parts()


# ---------------------------------------------------------------------- circles


@given(
    st.one_of(st.floats(-180.0, 180.0), st.sampled_from([180.0, -180.0, 179.5])),
    st.one_of(st.floats(-90.0, 90.0), st.sampled_from([90.0, -90.0, 88.0, -89.5])),
    st.floats(0.1, 1500.0),
)
@settings(max_examples=300, deadline=None)
@example(0.0, 90.0, 1342.7)
@example(77.0, -90.0, 1342.7)
def test_a_circle_holds_the_geodesic_circle(lon: float, lat: float, radius: float) -> None:
    shape = circle(lon, lat, radius)
    azimuth = np.linspace(0.0, 360.0, 721)
    n = len(azimuth)
    for part in (0.25, 0.9999, 1.0):
        x, y, _ = geod.fwd(np.full(n, lon), np.full(n, lat), azimuth, np.full(n, 1000.0 * radius * part))
        inside = shapely.intersects_xy(shape, x, y)
        at_edge = np.abs(np.abs(x) - 180.0) < 1e-9  # either side of the cut is right
        assert (inside | at_edge).all()
    assert shape.is_valid
    west, south, east, north = shape.bounds
    assert -180.0 <= west <= east <= 180.0
    assert -90.0 <= south <= north <= 90.0
    if (90.0 - abs(lat)) * 111.0 > 2.0 * radius:  # away from the poles it holds little else
        assert abs(geod.geometry_area_perimeter(shape)[0]) / 1e6 <= np.pi * radius**2 * 1.03


def test_a_circle_at_the_antimeridian_has_two_sides() -> None:
    shape = circle(179.9, -17.0, 300.0)
    assert shape.geom_type == "MultiPolygon"
    assert shapely.intersects_xy(shape, [179.0, -179.0, 0.0], [-17.0, -17.0, -17.0]).tolist() == [True, True, False]


def test_times_that_were_not_followed_are_pending() -> None:
    world = World()
    world.give({"id": "a", "t": 5}, {"id": "b", "t": 5}, {"id": "c", "t": 90})
    assert world.quakes.pending_times().tolist() == [T0 + 5 * MINUTE, T0 + 90 * MINUTE]
    world.step(60)
    assert world.quakes.pending_times().tolist() == [T0 + HOUR + 30 * MINUTE]
