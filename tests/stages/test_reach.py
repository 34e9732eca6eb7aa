"""Places that fires could reach: against brute force, with hysteresis, through mergers."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.test_advance import patch
from tests.kernels.test_fire_fronts import in_tiles
from tests.stages.tables import DAY, HOUR, LAT, LON, T0, protect
from tests.stages.test_exposure import metres

from almenara.kernels.grid import cells_of
from almenara.model.events import PlacesImported
from almenara.model.observations import from_ipc
from almenara.stages.exposure import LEAVE_FACTOR, Exposure
from almenara.stages.hazards import Fronts
from almenara.stages.reach import LAPSES_MS, LISTED_AHEAD_MS, State, decide, describe, evolve, rising
from almenara.stages.reach_bands import HORIZON_MAX_H, bands_m, hours_until, widened_m
from almenara.stages.reach_listing import listed, summary


def row(hazard: str, **values: Any) -> dict[str, Any]:
    plain = {"hazard_id": hazard, "kind": "fire", "state": "active", "into": None, "suppressed": None, "time": T0}
    return plain | values


def front(*fires: tuple[str, Any, float], at: int = T0, fine: bool = True) -> Fronts:
    """Fires by name, cells and advance, seen last at a time."""
    tiled = [in_tiles(cells) for _, cells, _ in fires]
    return Fronts(
        hazards=[name for name, _, _ in fires],
        last_seen_ms=np.full(len(fires), at),
        fine=np.full(len(fires), fine),
        advance_m=np.array([advance for *_, advance in fires], float),
        starts=np.concatenate(([0], np.cumsum([len(keys) for keys, _ in tiled]))),
        tiles=np.concatenate([np.empty(0, np.int64), *(keys for keys, _ in tiled)]),
        bits=np.concatenate([np.empty(0, np.uint64), *(bits for _, bits in tiled)]),
    )


class Desk:
    """A state, and all that was decided."""

    def __init__(self, *places: dict[str, Any]) -> None:
        self.places = protect(*places)
        self.state = State()
        self.tables: list[Any] = []

    def step(self, fronts: Fronts, now: int = T0, rows: list[dict[str, Any]] | None = None) -> dict[str, str]:
        """Place → change, of all fires."""
        touched = rows if rows is not None else [row(name) for name in fronts.hazards]
        told: dict[str, str] = {}
        for event in decide(self.state, touched, fronts, self.places, now):
            evolve(self.state, event, self.places)
            self.tables.append(from_ipc(event.table))
            told |= {f"{r['hazard_id']} {r['place_id']}": r["change"] for r in self.tables[-1].to_pylist()}
        return told

    def listing(self, now: int) -> dict[str, dict[str, Any]]:
        """The rows that last, by place."""
        return {r["place_id"]: r for r in listed(self.tables, now) if r["until"] is None}


CELL = cells_of(np.array([LON]), np.array([LAT]))


def away(metres_away: float, name: str = "p") -> dict[str, Any]:
    """A place so far north of CELL's edge, about."""
    return {"id": name, "x": 0.0, "y": 0.1 + metres_away / 1000.0}


spots = st.lists(st.tuples(st.floats(-25.0, 25.0), st.floats(-25.0, 25.0)), min_size=1, max_size=12)
shapes = st.lists(st.tuples(st.integers(-12, 12), st.integers(-12, 12)), min_size=1, max_size=20)


@given(spots, st.lists(shapes, min_size=1, max_size=3), st.booleans(), st.floats(0.0, 6_000.0), st.booleans())
@settings(max_examples=60, deadline=None)
def test_exactly_the_places_within_the_bands_are_found(
    towns: Any, world: Any, fine: bool, advance: float, own: bool
) -> None:
    desk = Desk(*({"id": f"p{k}", "x": x, "y": y} for k, (x, y) in enumerate(towns)))
    pace = advance if own else np.nan
    fires = [(f"fire-{k}", patch(LON + 0.05 * k, LAT, shape), pace) for k, shape in enumerate(world)]
    desk.step(front(*fires, fine=fine))
    band = bands_m(np.array([own]), np.array([fine]), np.array([pace]))
    where = desk.places.places.select(["id", "lon", "lat"]).to_pylist()
    for name, cells, _ in fires:
        found = desk.state.near.get(name, {})
        for place in where:
            distance = float(metres(cells, place["lon"], place["lat"]).min())
            hours = hours_until(np.array([distance]), band)[0]
            if abs(distance - 2 * band[0, -1, -1]) < 0.01:
                continue  # on the very edge
            assert (place["id"] in found) == bool(hours[-1] <= HORIZON_MAX_H)
            if place["id"] in found:
                near = found[place["id"]]
                moments = [near.earliest_p50_ms, near.earliest_p80_ms, near.earliest_p95_ms]
                assert near.distance_m == pytest.approx(distance, abs=1e-3)
                for hour, moment in zip(hours, moments, strict=True):
                    assert (moment is None) == bool(hour > HORIZON_MAX_H)
                    assert moment is None or moment == pytest.approx(T0 + hour * HOUR, abs=100)


def test_waiting_lists_a_place_without_a_new_decision() -> None:
    fronts = front(("fire-a", CELL, np.nan))
    band = bands_m(np.array([False]), np.array([True]), np.array([np.nan]))
    late = float(widened_m(band, np.array([6.0]))[0, -1, -1])  # the 24 h band as of six hours later
    desk = Desk(away(late))
    desk.step(fronts)
    assert not desk.listing(T0 + 4 * HOUR)
    told = desk.listing(T0 + 8 * HOUR)["p"]
    assert told["band"] == "P95"
    assert told["certainty"] == "Possible"
    assert told["basis"] == "could be reached"
    assert 20.0 < told["lead_time_h"] < 24.0
    assert desk.listing(T0 + 20 * HOUR)["p"]["lead_time_h"] == pytest.approx(told["lead_time_h"] - 12.0, abs=0.11)


def test_a_fire_not_seen_for_two_days_says_nothing_any_more() -> None:
    desk = Desk(away(700.0))
    desk.step(front(("fire-a", CELL, np.nan)))
    assert desk.listing(T0 + LAPSES_MS - 1)["p"]["lead_time_h"] == 0.0
    assert not desk.listing(T0 + LAPSES_MS)
    assert not describe(front(("fire-a", CELL, np.nan)), T0 + LAPSES_MS)
    assert describe(front(("fire-a", CELL, np.nan)), T0)["fire-a"]["basis"] == "pooled prior"
    (over,) = listed(desk.tables, T0 + 5 * DAY)
    assert over["until"] == T0 + LAPSES_MS


def test_a_listed_place_leaves_beyond_a_quarter_more_and_not_before() -> None:
    fast, slow = 1_000.0, 500.0
    reach = {a: bands_m(np.array([True]), np.array([True]), np.array([a]))[0, -1, -1] for a in (fast, slow)}
    held, lost = reach[slow] * (1.0 + LEAVE_FACTOR) / 2.0, reach[slow] * (LEAVE_FACTOR + 0.1)
    assert lost < reach[fast]
    desk = Desk(away(held, "held"), away(lost, "lost"))
    desk.step(front(("fire-a", CELL, fast)))
    assert desk.listing(T0).keys() == {"held", "lost"}
    later = T0 + HOUR
    desk.step(front(("fire-a", CELL, slow), at=later), later)
    assert desk.listing(later).keys() == {"held"}
    assert desk.state.near["fire-a"]["held"].since_ms == T0
    assert desk.state.near["fire-a"]["lost"].since_ms > later
    for k in range(2, 9):  # to and fro: nothing flaps
        at = T0 + k * HOUR
        desk.step(front(("fire-a", CELL, slow + 5.0 * (k % 2)), at=at), at)
        assert desk.listing(at).keys() == {"held"}


def test_what_is_observed_is_no_longer_only_possible() -> None:
    desk = Desk(away(250.0))
    desk.step(front(("fire-a", CELL, np.nan)))
    assert desk.listing(T0)["p"]["band"] == "P50"
    desk.places.exposures["fire-a"] = {"p": Exposure(250.0, T0, "observed footprint", "Observed", None, None)}
    assert desk.step(front(("fire-a", CELL, np.nan))) == {"fire-a p": "left"}
    assert not desk.state.near


@pytest.mark.parametrize("end", [{"state": "dormant"}, {"state": "ended"}, {"suppressed": "persistent-source"}])
def test_fires_that_rise_no_more_let_go(end: dict[str, Any]) -> None:
    desk = Desk(away(700.0))
    desk.step(front(("fire-a", CELL, np.nan)))
    rows = [row("fire-a", **end)]
    assert rising(rows) == []
    assert desk.step(front(), T0 + DAY, rows) == {"fire-a p": "left"}
    assert not desk.state.near
    assert summary_of(desk, T0 + DAY)["over"] == 1


def test_a_merger_keeps_since_when() -> None:
    desk = Desk(away(700.0))
    desk.step(front(("fire-b", CELL, np.nan)))
    now = T0 + HOUR
    rows = [row("fire-b", state="merged", into="fire-a"), row("fire-a")]
    assert rising(rows) == ["fire-a"]
    told = desk.step(front(("fire-a", CELL, 300.0), at=now), now, rows)
    assert told == {"fire-a p": "entered", "fire-b p": "left"}
    assert desk.state.near["fire-a"]["p"].since_ms == T0


def test_a_place_left_out_by_an_import_is_forgotten() -> None:
    desk = Desk(away(700.0))
    desk.step(front(("fire-a", CELL, np.nan)))
    event = PlacesImported(origin="test", attribution="", table=b"", rejected={})
    evolve(desk.state, event, protect({"id": "another", "x": 0.0}))
    assert desk.state.near == {}


def test_across_the_antimeridian() -> None:
    cells = np.unique(cells_of(np.array([179.999, -179.999]), np.array([10.0, 10.0])))
    desk = Desk({"id": "west", "lon": 179.99, "lat": 10.0}, {"id": "east", "lon": -179.99, "lat": 10.0})
    desk.step(front(("fire-a", cells, np.nan)))
    assert desk.state.near["fire-a"].keys() == {"west", "east"}


def test_listing_ahead_is_the_longest_horizon() -> None:
    assert LISTED_AHEAD_MS == DAY
    assert LAPSES_MS == 2 * DAY


def summary_of(desk: Desk, now: int) -> dict[str, Any]:
    rows = [{**r, "population": 5} for r in listed(desk.tables, now)]
    return summary(pa.Table.from_pylist(rows))


def test_numbers_come_with_their_doubts() -> None:
    desk = Desk(away(450.0, "a"), away(900.0, "b"))
    desk.step(front(("fire-a", CELL, np.nan), ("fire-b", CELL, np.nan)))
    told = summary_of(desk, T0)
    assert (told["places"], told["population"], told["total"], told["over"]) == (2, 10, 4, 0)
    assert told["P50"] + told["P80"] + told["P95"] == 4
    assert "need not" in told["note"]
