"""The public fire tracker: the same bytes whatever the order, as-of footprints, lineage, time, bounds, errors."""

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from almenara import FireTracker
from almenara.model.observations import OBSERVATIONS
from almenara.simulation.synthetic import PLATFORMS, FirePixels, generate_fires

DAY_MS = 86_400_000
NOON = np.datetime64("2026-08-14T12:00", "ms")


def columns(pixels: FirePixels, rows: Any = slice(None)) -> dict[str, Any]:
    return {
        "lon": pixels.lon[rows],
        "lat": pixels.lat[rows],
        "time": pixels.time_ms[rows],
        "across_m": pixels.across_m[rows],
        "along_m": pixels.along_m[rows],
        "frp_mw": pixels.frp_mw[rows],
        "confidence": pixels.confidence[rows],
        "platform": np.array(PLATFORMS)[pixels.platform[rows]],
    }


def spot(east_km: float, hours: float, lat: float = 50.0, lon: float = 20.0, **more: Any) -> dict[str, Any]:
    """One detection, so far east of (lon, lat) and so long after noon."""
    x = lon + east_km / (111.32 * np.cos(np.radians(lat)))
    return {
        "lon": (x + 180.0) % 360.0 - 180.0,
        "lat": lat,
        "time": NOON + np.timedelta64(round(hours * 60), "m"),
        **more,
    }


def file_of(tracker: FireTracker, folder: Path) -> bytes:
    path = folder / "tracker"
    tracker.save(path)
    return path.read_bytes()


# ---------------------------------------------------------------------- order of arrival


@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([8.0, 60.0]), st.data())
@settings(max_examples=15, deadline=None)
def test_the_saved_bytes_do_not_depend_on_how_detections_came(
    tmp_path_factory: pytest.TempPathFactory, seed: int, parts: int, days: float, data: st.DataObject
) -> None:
    """Fires of all the world, boreal ones and across the antimeridian too, shuffled, late, in pieces, some twice."""
    pixels = generate_fires(300, seed, days=days, pixels_a_fire=40.0)
    folder = tmp_path_factory.mktemp("trackers")
    now = pixels.time_ms.max() + DAY_MS
    ordered, mixed = FireTracker(), FireTracker()
    ordered.update(columns(pixels))
    ordered.update(now=now)
    order = np.random.default_rng(seed).permutation(len(pixels))
    for part in np.array_split(order, parts):
        mixed.update(columns(pixels, part))
        if data.draw(st.booleans()):
            mixed.update(columns(pixels, part[:5]))
    mixed.update(now=now)
    assert file_of(mixed, folder) == file_of(ordered, folder)
    assert mixed.hazards() == ordered.hazards()
    again = FireTracker.open(folder / "tracker")
    assert again.hazards() == ordered.hazards()
    assert file_of(again, folder) == file_of(ordered, folder)


def test_the_saved_bytes_do_not_depend_on_the_batches_when_fires_are_archived_meanwhile(tmp_path: Path) -> None:
    pixels = generate_fires(1500, 5, start_ms=0, days=400.0, pixels_a_fire=20.0)
    files, archived = [], []
    for parts in (1, 7, 200):
        tracker = FireTracker()
        told = [tracker.update(columns(pixels, part)) for part in np.array_split(np.arange(len(pixels)), parts)]
        archived.append(sorted((fire.id, fire.observations) for update in told for fire in update.archived))
        files.append(file_of(tracker, tmp_path))
    assert files[0] == files[1] == files[2]
    assert archived[0] == archived[1] == archived[2] != []


@given(st.integers(0, 10_000), st.integers(0, 299))
@settings(max_examples=15, deadline=None)
def test_as_of_any_time_a_footprint_is_what_the_detections_until_then_draw(seed: int, k: int) -> None:
    pixels = generate_fires(300, seed, days=6.0, pixels_a_fire=60.0)
    whole, until = FireTracker(), FireTracker()
    for part in np.array_split(np.random.default_rng(seed).permutation(len(pixels)), 3):
        whole.update(columns(pixels, part))
    at = pixels.time_ms[k]
    until.update(columns(pixels, pixels.time_ms <= at))
    for fire in until.hazards():
        assert shapely.equals_exact(whole.footprint(fire.id, at=at), fire.footprint)
    for fire in whole.hazards():
        assert shapely.equals_exact(whole.footprint(fire.id), fire.footprint)
        assert whole.footprint(fire.id, at=fire.first_seen - np.timedelta64(1, "m")).is_empty


def test_a_tracker_goes_on_after_it_was_saved_as_if_nothing_had_happened(tmp_path: Path) -> None:
    pixels = generate_fires(600, 3, days=6.0, pixels_a_fire=60.0)
    first, second = np.arange(300), np.arange(300, 600)
    whole = FireTracker()
    whole.update(columns(pixels, first))
    whole.save(tmp_path / "half")
    again = FireTracker.open(tmp_path / "half")
    assert again.now == whole.now
    assert again.update(columns(pixels, second)).changes == whole.update(columns(pixels, second)).changes
    assert again.update(columns(pixels, first)).duplicates == 300


# ---------------------------------------------------------------------- what an update says


def test_only_what_changed_is_told() -> None:
    tracker = FireTracker()
    tracker.update({"lon": [10.0, 20.0, 30.0], "lat": 50.0, "time": NOON})
    (change,) = tracker.update(spot(0.6, 12.0))
    assert (change.change, change.observations, change.new_observations) == ("grew", 2, 1)
    assert change.footprint is not None
    assert change.footprint.covers(shapely.Point(20.0, 50.0))
    assert 0 < change.new_area_km2 < change.area_km2
    (same,) = tracker.update(spot(0.6, 12.5, platform="NOAA-20"))
    assert (same.change, same.new_area_km2, same.area_km2) == ("seen", 0.0, change.area_km2)
    repeated = tracker.update(spot(0.6, 12.0))
    assert (len(repeated), repeated.duplicates) == (0, 1)


@pytest.mark.parametrize(("lat", "lon"), [(50.0, 20.0), (69.7, 179.99), (-17.0, -179.995), (0.0, 0.0)])
def test_fires_that_meet_become_the_older_one(lat: float, lon: float) -> None:
    tracker = FireTracker()
    ids = [tracker.update(spot(east, hour, lat, lon))[0].id for hour, east in enumerate((0.0, 3.0, 1.5))]
    east, west = spot(0.8, 12.0, lat, lon), spot(2.2, 12.0, lat, lon)
    told = tracker.update({name: [east[name], west[name]] for name in east})
    changes = {change.id: change for change in told}
    assert [changes[name].merged_into for name in ids] == [None, ids[0], ids[0]]
    assert sorted(changes[ids[0]].merged_from) == sorted(ids[1:])
    assert [fire.id for fire in tracker.hazards()] == [ids[0]]
    lineage = tracker.lineage(ids[0])
    assert {merger.id for merger in lineage.mergers} == set(ids[1:])
    assert all(merger.into == ids[0] and merger.time == NOON + np.timedelta64(12, "h") for merger in lineage.mergers)
    assert tracker.lineage(ids[2]).goes_on_as == ids[0]
    before = [tracker.footprint(name, at=NOON + np.timedelta64(11, "h")) for name in ids]
    assert not any(a.intersects(b) for a, b in itertools.pairwise(before))
    assert all(tracker.footprint(name).equals(tracker.footprint(ids[0])) for name in ids)


def test_late_data_can_rename_merge_and_take_back() -> None:
    tracker = FireTracker()
    (opened,) = tracker.update(spot(0.0, 10.0, version=1))
    told = tracker.update(spot(0.5, 2.0))
    assert {(c.change, c.merged_into) for c in told} == {("opened", None), ("renamed", told[0].id)}
    with pytest.raises(KeyError, match=r"no fire 'fire-.*' is held"):
        tracker.footprint(opened.id)
    (left,) = tracker.update(_observation(spot(0.0, 10.0), version=2, status="retracted"))
    assert (left.change, left.observations) == ("revised", 1)


def _observation(one: dict[str, Any], version: int, status: str) -> pa.Table:
    from almenara.detection_batch import read_batch

    rows = read_batch(one).rows
    plain: dict[str, Any] = {name: rows[name] for name in OBSERVATIONS.names if name in rows and name != "platform"}
    plain |= {"version": [version], "time": np.array([one["time"]]), "depth_km": [np.nan], "status": [status]}
    plain |= {"platform": ["unknown"], "instrument": ["unknown"], "reference": [None], "label": [None]}
    arrays = {
        f.name: pa.array(plain[f.name], f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
        for f in OBSERVATIONS
    }
    return pa.table(arrays).cast(OBSERVATIONS)


def test_time_alone_makes_fires_sleep_and_end_and_a_new_detection_wakes_them() -> None:
    tracker = FireTracker()
    tracker.update(spot(0.0, 0.0))
    days = np.timedelta64(1, "D")
    assert len(tracker.update(now=NOON + 5 * days)) == 0
    (asleep,) = tracker.update(now=NOON + 5 * days + np.timedelta64(1, "h"))
    assert (asleep.change, asleep.state) == ("dormant", "dormant")
    (awake,) = tracker.update(spot(0.3, 6 * 24.0))
    assert (awake.change, awake.state) == ("revived", "active")
    (over,) = tracker.update(now=NOON + 27 * days)
    assert (over.change, over.state, over.time) == ("ended", "ended", NOON + 26 * days)
    assert tracker.hazards("active", "dormant") == []
    assert len(tracker.hazards("ended")) == 1
    (other,) = tracker.update(spot(0.0, 27 * 24.0))
    assert other.change == "opened"
    assert tracker.now == NOON + 27 * days
    tracker.update(now=NOON)
    assert tracker.now == NOON + 27 * days  # time never runs backwards


def test_what_is_not_due_yet_waits_also_in_the_file(tmp_path: Path) -> None:
    tracker = FireTracker()
    assert len(tracker.update(spot(0.0, 5.0), now=NOON)) == 0
    tracker.save(tmp_path / "tracker")
    for one in (tracker, FireTracker.open(tmp_path / "tracker")):
        (change,) = one.update(now=NOON + np.timedelta64(5, "h"))
        assert change.change == "opened"


def test_memory_depends_on_what_burns_not_on_history() -> None:
    """Two years of a steady number of fires: what is held stops growing, and what is let go of is told."""
    tracker, held, archived = FireTracker(), [], set()
    seen: set[str] = set()
    for week in range(104):
        pixels = generate_fires(120, week, start_ms=week * 7 * DAY_MS, days=7.0, pixels_a_fire=20.0)
        told = tracker.update(columns(pixels))
        seen |= {change.id for change in told if change.change == "opened"}
        archived |= {fire.id for fire in told.archived}
        held.append(tracker.nbytes)
    assert max(held[52:]) <= 1.1 * max(held[26:52])
    alive = {fire.id for fire in tracker.hazards()}
    assert not archived & alive
    merged = {name for name in seen if name not in archived | alive}
    assert len(merged) < 0.3 * len(seen)
    late = tracker.update(spot(0.0, 0.0) | {"time": 0})
    assert (len(late), late.too_late) == (0, 1)


# ---------------------------------------------------------------------- input and its errors


TWO_EAST = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    "time", [NOON, "2026-08-14T12:00", NOON.astype(np.int64), dt.datetime(2026, 8, 14, 14, tzinfo=TWO_EAST)]
)
def test_times_of_many_kinds(time: Any) -> None:
    (change,) = FireTracker().update({"lon": 1.0, "lat": 2.0, "time": time})
    assert change.time == NOON


def test_a_table_with_the_columns_by_name_is_a_batch_too() -> None:
    table = pa.table({"lon": [1.0, 9.0], "lat": [2.0, 2.0], "time": pa.array([0, 0], pa.timestamp("ms"))})
    assert len(FireTracker().update(table)) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lon": [0.0, 181.0]}, "row 1: lon is 181.0, which is not in -180 … 180"),
        ({"lat": [np.nan, 0.0]}, "row 0: lat is nan"),
        ({"across_m": -1.0}, "row 0: across_m is -1.0"),
        ({"confidence": [0, 7]}, "row 1: confidence is 7, which is not in 0 … 2"),
        ({"confidence": "high"}, "confidence holds something that is not a number"),
        ({"lat": [0.0, 1.0, 2.0]}, "lat has the shape"),
        ({"time": "yesterday"}, "time is not a time in ISO form"),
        ({"time": 1.5}, "time is neither datetime64"),
        ({"time": [np.datetime64("NaT", "ms"), NOON]}, "row 0: time is missing"),
        ({"time": "1900-01-01"}, "row 0: time is 1900-01-01T00:00:00.000, which is not in 1970 … 2096"),
        ({"brightness": [1.0, 2.0]}, "no such column: 'brightness'; there are lon, lat, time, across_m"),
    ],
)
def test_errors_say_what_is_wrong_where(change: dict[str, Any], message: str) -> None:
    tracker = FireTracker()
    with pytest.raises(ValueError, match=message):
        tracker.update({"lon": [0.0, 1.0], "lat": [0.0, 1.0], "time": NOON, **change})
    assert tracker.hazards() == []
    assert tracker.now == np.datetime64(0, "ms")


def test_more_errors() -> None:
    tracker = FireTracker()
    with pytest.raises(ValueError, match="needs lon, lat and time: time is missing"):
        tracker.update({"lon": 1.0, "lat": 1.0})
    with pytest.raises(ValueError, match="no such state: 'burning'"):
        tracker.hazards("burning")
    with pytest.raises(ValueError, match="now is one time, not 2"):
        tracker.update(now=[0, 1])
    with pytest.raises(KeyError, match="no fire 'x' is held"):
        tracker.lineage("x")


def test_files_of_another_kind_or_cut_short_are_refused(tmp_path: Path) -> None:
    from almenara import PlaceIndex

    PlaceIndex.build(0.0, 0.0).save(tmp_path / "index")
    with pytest.raises(ValueError, match="not written by a fire tracker of this version: 'almenara place index 2'"):
        FireTracker.open(tmp_path / "index")
    tracker = FireTracker()
    tracker.update(spot(0.0, 0.0))
    tracker.save(tmp_path / "tracker")
    (tmp_path / "short").write_bytes((tmp_path / "tracker").read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut short"):
        FireTracker.open(tmp_path / "short")
