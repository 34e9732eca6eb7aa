"""Fires: the same state whatever the order of arrival, lineage, persistence, and how sure we may say we are."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almenara.model.observations import OBSERVATIONS, detection_keys
from almenara.stages import observations
from almenara.stages.hazards import CHANGES
from almenara.stages.hazards.fire import State

DAY = 1440
T0 = 28_000_000  # minutes


def batch(rows: list[dict[str, Any]]) -> pa.Table:
    """Detections from a few words each: x, y in km from (−79.2, −4.2), t in minutes."""
    lon = np.array([-79.2 + r["x"] / 111.0 for r in rows])
    lat = np.array([-4.2 + r["y"] / 110.6 for r in rows])
    minute = np.array([T0 + r["t"] for r in rows], np.int64)
    platform = [r.get("platform", "S-NPP") for r in rows]
    keys = [detection_keys(p, "VIIRS", minute[[i]], lon[[i]], lat[[i]]) for i, p in enumerate(platform)]
    columns = {
        "key_hi": [int(hi[0]) for hi, _ in keys],
        "key_lo": [int(lo[0]) for _, lo in keys],
        "version": [r.get("version", 1) for r in rows],
        "time": minute * 60_000,
        "lon": lon,
        "lat": lat,
        "across_m": [r.get("size", 375.0) for r in rows],
        "along_m": [r.get("size", 375.0) for r in rows],
        "value": [r.get("frp", 5.0) for r in rows],
        "confidence": [r.get("confidence", 1) for r in rows],
        "heat_class": [r.get("heat_class", -1) for r in rows],
        "depth_km": [float("nan")] * len(rows),
        "platform": platform,
        "instrument": ["VIIRS"] * len(rows),
        "status": ["current"] * len(rows),
        "reference": [None] * len(rows),
        "label": [None] * len(rows),
    }
    return pa.table(
        {
            f.name: pa.array(columns[f.name], f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
            for f in OBSERVATIONS
        }
    ).cast(OBSERVATIONS)


class World:
    """The observations stage and the fires, fed as the pipeline feeds them."""

    def __init__(self) -> None:
        self.seen = observations.State()
        self.fires = State()
        self.changes: list[dict[str, Any]] = []
        self.archived: list[dict[str, Any]] = []

    def give(self, rows: list[dict[str, Any]]) -> None:
        self.fires.receive(observations.receive(self.seen, "firms", "fire", batch(rows)))

    def step(self, t: int) -> None:
        delta = self.fires.advance((T0 + t) * 60_000)
        self.changes += delta.changes
        self.archived += delta.archived
        pa.Table.from_pylist(self.changes, schema=CHANGES)  # every row fits

    def digests(self) -> list[bytes]:
        """Of all fires, those let go of among them."""
        return sorted([*self.fires.digest_parts(), *(row["digest"] for row in self.archived)])


def followed(rows: list[dict[str, Any]]) -> World:
    world = World()
    world.give(rows)
    for at in world.fires.pending_times().tolist():
        world.step(at // 60_000 - T0)
    return world


spots = st.builds(
    lambda x, y, t, v, c, s: {"x": x * 0.3, "y": y * 0.3, "t": t, "version": v, "confidence": c, "size": s},
    st.integers(0, 20),
    st.integers(0, 12),
    st.sampled_from([0, 5, 700, 1400, 9000, 9010, 30_000, 45_000, 70_000]),
    st.integers(1, 2),
    st.integers(0, 2),
    st.sampled_from([375.0, 800.0]),
)


@given(st.lists(spots, min_size=1, max_size=25), st.data())
@settings(max_examples=60, deadline=None)
def test_late_passes_converge_to_the_state_of_the_ordered_replay(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    ordered = followed(rows)
    end = max(r["t"] for r in rows)
    live = World()
    shuffled = data.draw(st.permutations(rows))
    while shuffled:
        n = data.draw(st.integers(1, len(shuffled)))
        live.give(shuffled[:n])
        live.step(end)  # everything that arrived is followed at once, late or not
        shuffled = shuffled[n:]
    ordered.step(end)
    assert live.fires.digest_parts() == ordered.fires.digest_parts()


LATE_DAYS = 10


def live(rows: list[dict[str, Any]], delays: list[int]) -> World:
    """Each row comes so many minutes after its acquisition; long after the last one, a fire elsewhere is seen."""
    world = World()
    world.fires.late_ms = LATE_DAYS * DAY * 60_000
    elsewhere = {"x": 500.0, "y": 0.0, "t": max(r["t"] for r in rows) + 60 * DAY}
    coming = [*((row["t"] + delay, row) for row, delay in zip(rows, delays, strict=True)), (elsewhere["t"], elsewhere)]
    for t, row in sorted(coming, key=lambda pair: pair[0]):
        world.give([row])
        world.step(int(t))
    return world


@given(st.lists(spots, min_size=1, max_size=25), st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_archived_is_what_no_detection_in_time_could_have_changed(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    delays = [data.draw(st.sampled_from([0, 3, DAY, 5 * DAY, LATE_DAYS * DAY])) for _ in rows]
    punctual, late = live(rows, [0] * len(rows)), live(rows, delays)
    assert late.digests() == punctual.digests()
    assert late.fires.not_followed == 0
    assert [view.id for view in late.fires.views()] == [view.id for view in punctual.fires.views()]
    assert len(late.fires.views()) == 1, "all but the one elsewhere are archived"


def test_what_comes_too_late_neither_adds_nor_takes_back() -> None:
    row = {"x": 0.0, "y": 0.0, "t": 0}
    again = row | {"version": 2, "frp": 9.0}
    for days, followed_still in ((LATE_DAYS, True), (LATE_DAYS + 1, False)):
        world = World()
        world.fires.late_ms = LATE_DAYS * DAY * 60_000
        for given_rows in ([row], [{"x": 500.0, "y": 0.0, "t": days * DAY}], [again]):
            world.give(given_rows)
            world.step(days * DAY)
        powers = {view.frp_max_mw for view in world.fires.views()}
        assert powers == ({5.0, 9.0} if followed_still else {5.0})
        assert world.fires.not_followed == (not followed_still)


@given(st.lists(spots, min_size=1, max_size=25), st.integers(0, 24))
@settings(max_examples=40, deadline=None)
def test_a_snapshot_goes_on_as_if_nothing_had_happened(rows: list[dict[str, Any]], cut: int) -> None:
    whole = followed(rows)
    world = World()
    world.give(rows)
    times = world.fires.pending_times().tolist()
    for at in times[:cut]:
        world.step(at // 60_000 - T0)
    arrays, values = world.fires.to_parts()
    again = State()
    again.load_parts({name: a.copy() for name, a in arrays.items()}, values)
    changes = list(world.changes)
    for at in times[cut:]:
        changes += again.advance(at).changes
    assert again.digest_parts() == whole.fires.digest_parts()
    assert changes == whole.changes


def test_two_fires_that_meet_become_the_older_one_and_the_merger_is_remembered() -> None:
    world = followed(
        [
            {"x": 0, "y": 0, "t": 0},
            {"x": 4, "y": 0, "t": 100},
            {"x": 1, "y": 0, "t": 800},
            {"x": 3, "y": 0, "t": 800},
            {"x": 2, "y": 0, "t": 1500},
        ]
    )
    (fire,) = world.fires.views()
    assert [row["change"] for row in world.changes] == ["opened", "opened", "grew", "grew", "merged", "grew"]
    merged = world.changes[4]
    assert fire.merged_from == (merged["hazard_id"],)
    assert merged["into"] == fire.id == world.changes[0]["hazard_id"]
    assert fire.observations == 5


def test_an_earlier_detection_found_late_renames_the_fire_and_says_so() -> None:
    world = World()
    world.give([{"x": 0, "y": 0, "t": 500}])
    world.step(500)
    old = world.fires.views()[0].id
    world.give([{"x": 0.3, "y": 0, "t": 100}])
    world.step(600)
    (fire,) = world.fires.views()
    assert fire.id != old
    assert [(r["change"], r["hazard_id"], r["into"]) for r in world.changes[1:]] == [
        ("opened", fire.id, None),
        ("renamed", old, fire.id),
    ]
    assert fire.merged_from == ()


def test_a_fire_sleeps_after_five_days_and_ends_after_twenty() -> None:
    world = followed([{"x": 0, "y": 0, "t": 0}, {"x": 50, "y": 0, "t": 6 * DAY}, {"x": 0, "y": 0, "t": 27 * DAY}])
    assert [(r["change"], r["state"]) for r in world.changes] == [
        ("opened", "active"),
        ("opened", "active"),
        ("dormant", "dormant"),
        ("opened", "active"),
        ("ended", "ended"),
        ("ended", "ended"),
    ]
    assert len(world.fires.views()) == 3


@pytest.mark.parametrize(("spread_km", "persistent"), [(0.2, True), (6.0, False)])
def test_heat_that_stays_is_kept_but_raises_no_alarm(spread_km: float, persistent: bool) -> None:
    rows = [{"x": spread_km * (day / 30), "y": 0, "t": day * DAY} for day in range(30)]
    (fire,) = followed(rows).fires.views()
    assert (fire.suppressed is not None) is persistent
    if persistent:
        assert fire.suppressed == "persistent-source: hot on 30 of 90 days without moving"


def test_what_the_provider_calls_a_volcano_is_suppressed_at_once() -> None:
    (fire,) = followed([{"x": 0, "y": 0, "t": 0, "heat_class": 1}]).fires.views()
    assert fire.suppressed is not None
    assert fire.suppressed.startswith("static-source")


@pytest.mark.parametrize(
    ("confidence", "size", "certainty"), [(0, 375.0, "Possible"), (1, 375.0, "Observed"), (2, 1500.0, "Likely")]
)
def test_certainty_is_earned(confidence: int, size: float, certainty: str) -> None:
    (fire,) = followed([{"x": 0, "y": 0, "t": 0, "confidence": confidence, "size": size}]).fires.views()
    assert fire.certainty == certainty


def test_a_newer_version_replaces_and_another_satellite_adds() -> None:
    world = World()
    world.give([{"x": 0, "y": 0, "t": 0, "confidence": 0}])
    world.step(10)
    world.give(
        [{"x": 0, "y": 0, "t": 0, "confidence": 2, "version": 2}, {"x": 0, "y": 0, "t": 0, "platform": "NOAA-20"}]
    )
    world.step(20)
    (fire,) = world.fires.views()
    assert (fire.observations, fire.confidence, fire.platforms) == (2, "high", ("NOAA-20", "S-NPP"))
    counts = world.seen.counts["firms"]
    assert (counts.read, counts.accepted, counts.superseded_by_newer) == (3, 2, 1)
