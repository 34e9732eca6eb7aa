"""Exposure against an independent oracle: brute force with Karney's geodesic over every cell of a footprint."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.stages.tables import DAY, MINUTE, T0, counted, detections, protect

from almenara.kernels.grid import boxes_of, cells_of
from almenara.kernels.intensity import mmi_at
from almenara.model.observations import from_ipc
from almenara.stages import observations
from almenara.stages.exposure import LEAVE_FACTOR, LEAVE_MMI, NEARER_M, State, decide, evolve
from almenara.stages.hazards import Boxes, Delta, Shaking
from almenara.stages.hazards.earthquake import EXPOSED_MMI
from almenara.stages.hazards.fire import State as Fires

geod = pyproj.Geod(ellps="WGS84")
Cells = NDArray[np.int64]


def metres(cells: Cells, lon: float, lat: float) -> NDArray[np.float64]:
    """From a place to each cell: to the rectangle's point of the place's own latitude and longitude, or the nearest."""
    west, south, east, north = boxes_of(cells)
    away = (west + east) / 2.0
    x = np.clip(away + (lon - away + 540.0) % 360.0 - 180.0, west, east)
    y = np.clip(lat, south, north)
    n = len(cells)
    return np.asarray(geod.inv(np.full(n, lon), np.full(n, lat), x, y)[2])


def finely(cells: Cells, lon: float, lat: float) -> float:
    """The same from 40 points of every edge, for high latitudes, where the nearest point is another; within 1 cm."""
    west, south, east, north = (np.repeat(side, 40) for side in boxes_of(cells))
    part = np.tile(np.linspace(0.0, 1.0, 40), len(cells))
    along, up = west + part * (east - west), south + part * (north - south)
    x, y = np.concatenate([along, along, west, east]), np.concatenate([south, north, up, up])
    edges = float(np.min(geod.inv(np.full(len(x), lon), np.full(len(x), lat), x, y)[2]))
    return min(edges, float(metres(cells, lon, lat).min()))


def blot(lon: float, lat: float, across: int = 2, up: int = 2, step: float = 0.0017) -> Cells:
    """A few cells round a position."""
    x = lon + step * np.arange(across) / max(np.cos(np.radians(lat)), 0.01)
    xx, yy = np.meshgrid((x + 180.0) % 360.0 - 180.0, np.clip(lat + step * np.arange(up), -90.0, 90.0))
    return np.unique(cells_of(xx.ravel(), yy.ravel()))


def change(hazard: str, **values: Any) -> dict[str, Any]:
    row = {
        "hazard_id": hazard,
        "into": None,
        "state": "active",
        "time": T0,
        "certainty": "Observed",
        "suppressed": None,
    }
    return row | values


def grown(hazard: str, cells: Cells, since: int = T0, restart: bool = False, **values: Any) -> Delta:
    """What a step says of one fire that gained cells, or was told anew with them."""
    index = np.zeros(len(cells), np.int64)
    west, south, east, north = boxes_of(cells)
    boxes = Boxes([hazard], index, west, south, east, north, since_ms=np.full(len(cells), since))
    return Delta(changes=[change(hazard, **values)], boxes=boxes, restart=[hazard] if restart else [])


def take(state: State, delta: Delta, now: int = T0) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of a step; the state has evolved by them."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for event in decide(state, delta, now):
        evolve(state, event)
        for row in from_ipc(event.table).to_pylist():
            assert (row["hazard_id"], row["place_id"]) not in rows  # once for a hazard and place
            rows[row["hazard_id"], row["place_id"]] = row
    return rows


# ---------------------------------------------------------------------- within reach, exactly

spots = st.tuples(
    st.one_of(st.floats(-180.0, 180.0), st.sampled_from([180.0, -180.0, 179.9995])), st.floats(-60.0, 60.0)
)


@given(spots, st.floats(0.0, 360.0), st.floats(100.0, 700.0))
@settings(max_examples=150, deadline=None)
def test_entered_at_the_alert_distance_and_not_a_hair_beyond(
    spot: tuple[float, float], bearing: float, away: float
) -> None:
    cells = blot(*spot)
    lon, lat, _ = geod.fwd(*spot, bearing, away + 300.0)
    distance = float(metres(cells, lon, lat).min())
    state = protect(
        {"id": "in", "lon": lon, "lat": lat, "d": distance + 1e-5},
        {"id": "out", "lon": lon, "lat": lat, "d": max(distance - 1e-5, 1e-6)},
    )
    rows = take(state, grown("f", cells))
    inside = distance < 1e-6  # within the footprint every distance is enough
    assert set(rows) == {("f", "in"), ("f", "out")} if inside else {("f", "in")}
    assert rows["f", "in"]["change"] == "entered"
    assert rows["f", "in"]["distance_m"] == pytest.approx(distance, abs=1e-5)


@given(
    st.sampled_from([(0.0, 89.998), (100.0, 90.0), (-30.0, -89.9995), (180.0, 69.7), (-179.999, -75.0), (25.0, 85.0)]),
    st.lists(st.tuples(st.floats(0.0, 360.0), st.floats(0.0, 1500.0), st.floats(50.0, 1200.0)), min_size=1, max_size=8),
)
@settings(max_examples=80, deadline=None)
def test_the_pairs_are_those_of_brute_force_at_the_ends_of_the_earth(
    spot: tuple[float, float], around: list[tuple[float, float, float]]
) -> None:
    cells = blot(*spot)
    at = [(*geod.fwd(*spot, bearing, away)[:2], d) for bearing, away, d in around]
    state = protect(*({"id": f"p{k}", "lon": lon, "lat": lat, "d": d} for k, (lon, lat, d) in enumerate(at)))
    found = {place for _, place in take(state, grown("f", cells))}
    for k, (lon, lat, d) in enumerate(at):
        # Within a cell's height of a pole the index means the point that it documents, not the truly nearest.
        truth = finely(cells, lon, lat) if abs(lat) < 89.9 else float(metres(cells, lon, lat).min())
        if abs(truth - d) > 0.05:
            assert (f"p{k}" in found) == (truth < d)
        if f"p{k}" in found:
            assert state.exposures["f"][f"p{k}"].distance_m == pytest.approx(truth, abs=0.05)


def test_polygon_places_count_from_their_boundary_and_from_inside() -> None:
    cells = blot(-79.2, -4.2, 4, 4)
    west, south, east, north = (side.min() if k < 2 else side.max() for k, side in enumerate(boxes_of(cells)))
    gap_m = float(geod.inv(west, north, west, north + 0.003)[2])
    above = shapely.box(west - 0.1, north + 0.003, east + 0.1, north + 0.1)
    moat = shapely.box(west - 1, south - 1, east + 1, north + 1) - shapely.box(
        west - 0.05, south - 0.05, east + 0.05, north + 0.05
    )
    state = protect(
        {"id": "near", "geometry": above, "d": gap_m + 1e-3},
        {"id": "far", "geometry": above, "d": gap_m - 1e-3},
        {"id": "round", "geometry": shapely.box(west - 1, south - 1, east + 1, north + 1), "d": 1.0},
        {"id": "hole", "geometry": moat, "d": 5000.0},
        {"id": "point", "lon": west, "lat": north + 0.003, "d": gap_m + 1e-3},
    )
    rows = take(state, grown("f", cells))
    assert {place for _, place in rows} == {"near", "round", "point"}  # the moat's inner edge is 5.5 km off
    assert rows["f", "round"]["distance_m"] == 0.0
    assert rows["f", "near"]["distance_m"] == pytest.approx(gap_m, abs=1e-3)


# ---------------------------------------------------------------------- growing


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_growing_step_by_step_is_growing_at_once(data: st.DataObject) -> None:
    cells = blot(-79.2, -4.2, 12, 8)
    order = np.array(data.draw(st.permutations(range(len(cells)))))
    cuts = sorted(data.draw(st.lists(st.integers(1, len(cells) - 1), max_size=5, unique=True)))
    offsets = st.tuples(st.floats(-0.02, 0.04), st.floats(-0.02, 0.03), st.floats(100.0, 1500.0))
    at = [(-79.2 + x, -4.2 + y, d) for x, y, d in data.draw(st.lists(offsets, min_size=1, max_size=8))]
    state = protect(*({"id": f"p{k}", "lon": lon, "lat": lat, "d": d} for k, (lon, lat, d) in enumerate(at)))
    known: dict[str, float] = {}
    for minute, part in enumerate(np.split(order, cuts)):
        take(state, grown("f", np.sort(cells[part]), since=T0 + minute * MINUTE))
        now = {place: e.distance_m for place, e in state.exposures.get("f", {}).items()}
        assert now.keys() >= known.keys()
        assert all(now[place] <= distance for place, distance in known.items())
        known = now
    minutes = np.empty(len(cells), np.int64)
    for minute, part in enumerate(np.split(order, cuts)):
        minutes[part] = minute
    truth = {f"p{k}": (metres(cells, lon, lat), d) for k, (lon, lat, d) in enumerate(at)}
    assert known.keys() == {place for place, (m, d) in truth.items() if m.min() <= d}
    for place, distance in known.items():
        m, d = truth[place]
        assert distance == pytest.approx(m.min(), abs=NEARER_M)
        assert (distance == 0.0) == (m.min() < 1e-6)  # "inside" is never rounded away
        assert state.exposures["f"][place].since == T0 + minutes[m <= d].min() * MINUTE


def test_the_last_half_metre_into_the_footprint_is_news() -> None:
    first = blot(-79.2, -4.2, 1, 1)
    west, south, east, north = (float(side[0]) for side in boxes_of(first))
    state = protect({"id": "p", "lon": east + 0.5 / 111_000, "lat": (south + north) / 2})
    take(state, grown("f", first))
    assert 0.0 < state.exposures["f"]["p"].distance_m < NEARER_M
    beside = cells_of(np.array([2 * east - west]) - 1e-6, np.array([(south + north) / 2]))
    assert [row["change"] for row in take(state, grown("f", beside)).values()] == ["nearer"]
    assert state.exposures["f"]["p"].distance_m == 0.0


# ---------------------------------------------------------------------- told anew


def retold(factor: float, exposed_before: bool = True) -> tuple[State, dict[tuple[str, str], dict[str, Any]]]:
    """A fire beside a place shrinks, so that the place lies at `factor` times its alert distance from it."""
    rest = blot(-79.2, -4.2)
    lon, lat = -79.2 + 0.003, -4.2 + 0.012
    d = float(metres(rest, lon, lat).min()) / factor
    state = protect({"id": "p", "lon": lon, "lat": lat, "d": d})
    if exposed_before:
        take(state, grown("f", np.union1d(rest, cells_of(np.array([lon]), np.array([lat])))))
    else:
        take(state, grown("f", blot(-79.3, -4.2)))
    return state, take(state, grown("f", rest, since=T0 + 9 * MINUTE, restart=True, change="revised"), now=T0 + DAY)


@pytest.mark.parametrize(("factor", "stays"), [(0.5, True), (1.001, True), (1.249, True), (1.251, False), (3, False)])
def test_a_place_leaves_beyond_leaving_only(factor: float, stays: bool) -> None:
    assert LEAVE_FACTOR == 1.25
    state, rows = retold(factor)
    assert ("p" in state.exposures.get("f", {})) == stays
    row = rows["f", "p"]
    if stays:
        kept = state.exposures["f"]["p"]
        assert row["change"] == "nearer"  # there is no word for farther: the distance says it
        assert kept.distance_m > 100.0
        assert kept.since == (T0 + 9 * MINUTE if factor <= 1 else T0)
    else:
        assert (row["change"], row["until"].timestamp() * 1000) == ("left", T0 + DAY)
    _, rows = retold(1.1, exposed_before=False)
    assert rows == {}  # what was outside enters at its distance, not at leaving's


def test_hysteresis_survives_a_change_of_name() -> None:
    rest = blot(-79.2, -4.2)
    lon, lat = -79.197, -4.188
    state = protect({"id": "p", "lon": lon, "lat": lat, "d": float(metres(rest, lon, lat).min()) / 1.1})
    take(state, grown("old", np.union1d(rest, cells_of(np.array([lon]), np.array([lat])))))
    delta = grown("new", rest, restart=True, change="opened")
    delta.changes.append(change("old", into="new", state="merged"))
    rows = take(state, delta)
    assert {key: row["change"] for key, row in rows.items()} == {("old", "p"): "left", ("new", "p"): "entered"}
    assert list(state.exposures) == ["new"]


# ---------------------------------------------------------------------- the hazard's own fate


def test_a_merger_hands_exposures_over_with_the_standing_of_the_fire_that_goes_on() -> None:
    here, there = blot(-79.2, -4.2), blot(-79.1, -4.2)
    state = protect({"id": "p", "lon": -79.2, "lat": -4.2}, {"id": "q", "lon": -79.1, "lat": -4.2})
    take(state, grown("a", here, since=T0, certainty="Possible", suppressed="static-source"))
    take(state, grown("b", there, since=T0 + DAY))
    delta = Delta(changes=[change("a", into="b", state="merged", time=T0 + 2 * DAY), change("b")])
    rows = take(state, delta)
    assert {key: row["change"] for key, row in rows.items()} == {("a", "p"): "left", ("b", "p"): "entered"}
    assert rows["a", "p"]["until"].timestamp() * 1000 == T0 + 2 * DAY
    assert list(state.exposures) == ["b"]
    moved = state.exposures["b"]["p"]
    assert (moved.certainty, moved.suppressed, moved.since) == ("Observed", None, T0)


def test_mergers_of_one_step_end_with_the_last() -> None:
    state = protect({"id": "p", "lon": -79.2, "lat": -4.2})
    take(state, grown("a", blot(-79.2, -4.2)))
    delta = Delta(changes=[change("a", into="b", state="merged"), change("b", into="c", state="merged"), change("c")])
    take(state, delta)
    assert {hazard: list(places) for hazard, places in state.exposures.items()} == {"c": ["p"]}


@pytest.mark.parametrize("end", ["ended", "retracted"])
def test_what_is_over_lets_its_places_go(end: str) -> None:
    state = protect({"id": "p", "lon": -79.2, "lat": -4.2})
    take(state, grown("f", blot(-79.2, -4.2)))
    rows = take(state, Delta(changes=[change("f", state=end, time=T0 + 3 * DAY)]), now=T0 + 4 * DAY)
    assert rows["f", "p"]["change"] == "left"
    assert rows["f", "p"]["until"].timestamp() * 1000 == T0 + 3 * DAY
    assert state.exposures == {}
    assert take(state, Delta(changes=[change("f", state=end)])) == {}


def test_what_came_and_went_within_a_step_exposes_nobody() -> None:
    state = protect({"id": "p", "lon": -79.2, "lat": -4.2})
    delta = grown("f", blot(-79.2, -4.2))
    delta.changes.append(change("f", state="ended"))
    assert take(state, delta) == {}
    assert state.exposures == {}


def test_certainty_and_suppression_follow_the_hazard() -> None:
    state = protect({"id": "p", "lon": -79.2, "lat": -4.2}, {"id": "q", "lon": -79.2, "lat": -4.195, "d": 5000.0})
    take(state, grown("f", blot(-79.2, -4.2), certainty="Possible"))
    rows = take(state, Delta(changes=[change("f", certainty="Likely")]))
    assert {row["change"] for row in rows.values()} == {"graded"}
    take(state, Delta(changes=[change("f", certainty="Likely", suppressed="persistent-source: x")]))
    assert {(e.certainty, e.suppressed) for e in state.exposures["f"].values()} == {("Likely", "persistent-source: x")}
    assert take(state, Delta(changes=[change("f", certainty="Likely", suppressed="persistent-source: x")])) == {}
    rows = take(state, grown("f", cells_of(np.array([-79.2]), np.array([-4.1957])), certainty="Observed"))
    assert {row["place_id"]: row["change"] for row in rows.values()} == {"p": "graded", "q": "nearer"}
    assert {(e.certainty, e.suppressed) for e in state.exposures["f"].values()} == {("Observed", None)}


def test_without_places_nothing_is_decided() -> None:
    assert decide(State(), grown("f", blot(0.0, 0.0)), T0) == []


# ---------------------------------------------------------------------- earthquakes


def shaken(state: State, magnitude: float) -> dict[tuple[str, str], dict[str, Any]]:
    quake = Shaking("quake-a", 179.9, -17.0, 10.0, magnitude, T0)
    return take(state, Delta(changes=[change("quake-a", certainty="Likely")], restart=["quake-a"], shaking=[quake]))


@given(st.lists(st.tuples(st.floats(0.0, 360.0), st.floats(0.0, 250_000.0)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_places_are_exposed_from_mmi_6_and_leave_below_5_and_a_half(around: list[tuple[float, float]]) -> None:
    at = [geod.fwd(179.9, -17.0, bearing, away)[:2] for bearing, away in around]
    state = protect(*({"id": f"p{k}", "lon": lon, "lat": lat} for k, (lon, lat) in enumerate(at)))
    before: set[str] = set()
    for magnitude in (6.5, 7.2, 6.9, 6.2, 7.0, 4.0):
        shaken(state, magnitude)
        felt = {
            f"p{k}": float(mmi_at(magnitude, 10.0, np.array([geod.inv(179.9, -17.0, *p)[2] / 1000.0]))[0])
            for k, p in enumerate(at)
        }
        entered = {place for place, mmi in felt.items() if mmi >= EXPOSED_MMI}
        held = {place for place in before if felt[place] >= LEAVE_MMI}
        now = state.exposures.get("quake-a", {})
        assert now.keys() == entered | held
        assert all(e.mmi == pytest.approx(felt[place], abs=0.006) for place, e in now.items())
        before = set(now)


# ---------------------------------------------------------------------- the whole, with real fires

places_around = [
    {"id": f"p{k}", "x": 0.7 * (k % 6) - 0.4, "y": 0.9 * (k // 6) - 0.5, "d": (50.0, 300.0, 900.0)[k % 3]}
    for k in range(24)
]
sightings = st.builds(
    lambda x, y, t, v, c: {"x": x * 0.3, "y": y * 0.3, "t": t, "version": v, "confidence": c},
    st.integers(0, 12),
    st.integers(0, 8),
    st.sampled_from([0, 5, 700, 1400, 9000, 9010, 45_000, 45_900]),
    st.integers(1, 2),
    st.integers(0, 2),
)


def check(state: State, fires: Fires, before: dict[str, set[str]]) -> None:
    """Every exposure is owed, and every one that is owed is there."""
    node, cells, _ = fires.tracker.footprints()
    standing = {view.id: view for view in fires.views() if view.state in ("active", "dormant")}
    assert state.exposures.keys() <= standing.keys()
    for number in np.unique(node).tolist():
        name = fires.facts.ids[number]
        if name not in standing:
            continue
        exposed = state.exposures.get(name, {})
        for place in places_around:
            row = state.place(str(place["id"]))
            truth = float(metres(cells[node == number], row.lon, row.lat).min())
            if truth <= row.alert_distance_m:
                assert exposed[row.id].distance_m == pytest.approx(truth, abs=NEARER_M)
            elif row.id in exposed:  # held, because it was exposed to this fire or to what became it
                assert truth <= LEAVE_FACTOR * row.alert_distance_m
                assert any(row.id in places for places in before.values())
                assert exposed[row.id].distance_m == pytest.approx(truth, abs=NEARER_M)
        found = {(e.certainty, e.suppressed) for e in exposed.values()}
        assert found <= {(standing[name].certainty, standing[name].suppressed)}


def exposed_now(state: State) -> dict[str, set[str]]:
    return {hazard: set(places) for hazard, places in state.exposures.items()}


@given(st.lists(sightings, min_size=1, max_size=16), st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_arrives_late_every_exposure_is_owed(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    shuffled: Iterable[dict[str, Any]] = data.draw(st.permutations(rows))
    seen, fires, state = observations.State(), Fires(), protect(*places_around)
    late = data.draw(st.booleans())
    for row in shuffled if late else sorted(rows, key=lambda r: r["t"]):
        fires.receive(counted(seen, detections([row])))
        now = T0 + (46_000 if late else row["t"]) * MINUTE
        before = exposed_now(state)
        take(state, fires.advance(now), now)
        check(state, fires, before)
