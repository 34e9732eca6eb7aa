"""The place index against brute force: every pair and every distance by Karney's algorithm."""

import math
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from tests.kernels.brute_force import CALM, assert_same, box_distances, centres, distances, reaches, scatter

import almenara
from almenara.kernels.place_index import PlaceIndex


@CALM
@given(st.integers(0, 1 << 32), centres, reaches, st.integers(0, 9))
def test_points_are_those_of_brute_force(seed: int, centre: tuple[float, float], reach: float, decimals: int) -> None:
    spread = 3.0 * max(reach, 100.0)
    lon, lat = (np.round(part, decimals) for part in scatter(seed, 150, centre, spread))
    x, y = scatter(seed + 1, 40, centre, spread)
    x[:5], y[:5] = lon[:5], lat[:5]
    index = PlaceIndex.build(lon, lat)
    assert_same(index.within(x, y, reach), distances(x, y, lon, lat), reach)


@CALM
@given(st.integers(0, 1 << 32), centres, st.floats(0.0, 60_000.0))
def test_each_place_has_its_own_reach_and_each_query_its_footprint(
    seed: int, centre: tuple[float, float], longest: float
) -> None:
    rng = np.random.default_rng(seed)
    lon, lat = scatter(seed, 200, centre, 2.0 * longest + 10.0)
    x, y = scatter(seed + 1, 30, centre, 2.0 * longest + 10.0)
    alert = longest * rng.random(200) ** 4
    footprint = rng.uniform(0.0, 500.0, 30)
    truth = np.maximum(distances(x, y, lon, lat) - footprint[:, None], 0.0)
    index = PlaceIndex.build(lon, lat, alert_distance_m=alert)
    assert_same(index.within(x, y, footprint_m=footprint), truth, alert[None, :])
    reach = rng.uniform(0.0, longest + 1.0, 30)
    assert_same(index.within(x, y, reach, footprint_m=footprint), truth, reach[:, None])


@CALM
@given(st.integers(0, 1 << 32), centres, st.sampled_from([0.0, 300.0, 20_000.0, 100_000.0]), st.floats(1e-6, 0.3))
def test_boxes_are_those_of_brute_force(seed: int, centre: tuple[float, float], reach: float, size: float) -> None:
    rng = np.random.default_rng(seed)
    spread = 2.0 * reach + 200_000.0 * size
    lon, lat = scatter(seed, 200, centre, spread)
    x, y = scatter(seed + 1, 25, centre, spread)
    boxes = [x, y, np.minimum(x + size * rng.random(25), 180.0), np.minimum(y + size * rng.random(25), 90.0)]
    index = PlaceIndex.build(lon, lat)
    assert_same(
        index.within_boxes(boxes[0], boxes[1], boxes[2], boxes[3], reach), box_distances(boxes, lon, lat), reach
    )


def test_reach_may_span_the_earth() -> None:
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(-180.0, 180.0, 300), rng.uniform(-90.0, 90.0, 300)
    x, y = np.array([0.0, 180.0, -78.5, 12.0, 12.0]), np.array([0.0, 0.0, -0.2, 90.0, -90.0])
    index = PlaceIndex.build(lon, lat, alert_distance_m=2e7)
    truth = distances(x, y, lon, lat)
    for reach in (1e6, 1e7, 1.99e7, 2.1e7, math.inf):
        assert_same(index.within(x, y, reach), truth, reach)
    assert_same(index.within(x, y), truth, 2e7)


def test_longitude_180_is_longitude_minus_180_and_every_longitude_is_the_pole() -> None:
    index = PlaceIndex.build([180.0, -180.0, 10.0, -170.0], [5.0, 5.0, 90.0, 90.0])
    for lon in (180.0, -180.0):
        assert index.within(lon, 5.0, 0.0).place.tolist() == [0, 1]
    found = index.within([77.0, -180.0], [90.0, 90.0], 0.0)
    assert found.place.tolist() == [2, 3, 2, 3]
    assert index.within_boxes(-180.0, 4.9, -179.9, 5.1, 0.0).place.tolist() == [0, 1]
    assert index.within_boxes(179.9, 4.9, 180.0, 5.1, 0.0).distance_m.tolist() == [0.0, 0.0]


def test_pairs_at_the_very_reach_are_decided_as_karney_does() -> None:
    lon, lat = scatter(3, 400, (-78.5, -0.2), 400.0)
    index = PlaceIndex.build(lon, lat)
    truth = distances(np.array([-78.5]), np.array([-0.2]), lon, lat)
    for reach in truth[0]:
        for edge in (np.nextafter(reach, 0.0), reach, np.nextafter(reach, 1e9)):
            assert_same(index.within(-78.5, -0.2, edge), truth, edge)


def test_large_batches_give_what_small_ones_give() -> None:
    lon, lat = scatter(1, 3000, (180.0, 60.0), 60_000.0)
    x, y = scatter(2, 9000, (180.0, 60.0), 60_000.0)
    x[17], y[4321] = np.nan, np.nan
    for digits in (5, 12):
        index = PlaceIndex.build(lon.round(digits), lat.round(digits), alert_distance_m=np.full(3000, 2000.0))
        whole = index.within(x, y, footprint_m=10.0, threads=3)
        halves = [index.within(x[a : a + 3000], y[a : a + 3000], footprint_m=10.0) for a in (0, 3000, 6000)]
        np.testing.assert_array_equal(
            whole.observation, np.concatenate([h.observation + a for h, a in zip(halves, (0, 3000, 6000), strict=True)])
        )
        np.testing.assert_array_equal(whole.place, np.concatenate([h.place for h in halves]))
        np.testing.assert_array_equal(whole.distance_m, np.concatenate([h.distance_m for h in halves]))


@CALM
@given(st.integers(0, 1 << 32), centres, st.sampled_from([300.0, 2_500.0, 20_000.0]), st.sampled_from([4, 9]))
def test_crowds_give_what_brute_force_gives(
    seed: int, centre: tuple[float, float], reach: float, decimals: int
) -> None:
    """Many places in few cells, also at one point; more than a first guess has room for."""
    lon, lat = (np.round(part, decimals) for part in scatter(seed, 3000, centre, 0.7 * reach))
    lon[:400], lat[:400] = lon[0], lat[0]
    alert = reach * np.random.default_rng(seed).choice([1.0, 0.1, 20_000.0 / reach], 3000, p=[0.8, 0.15, 0.05])
    x, y = scatter(seed + 1, 12, centre, reach)
    truth = distances(x, y, lon, lat)
    assert_same(PlaceIndex.build(lon, lat).within(x, y, reach), truth, reach)
    assert_same(PlaceIndex.build(lon, lat, alert_distance_m=alert).within(x, y), truth, alert[None, :])


def test_more_points_in_a_word_than_sixteen_bits_count() -> None:
    rng = np.random.default_rng(8)
    lon, lat = rng.uniform(10.001, 10.05, 150_000), rng.uniform(50.001, 50.05, 150_000)
    index = PlaceIndex.build(lon, lat)
    x, y = rng.uniform(10.0, 10.05, 6), rng.uniform(50.0, 50.05, 6)
    for reach in (50.0, 900.0, 6_000.0):
        assert_same(index.within(x, y, reach), distances(x, y, lon, lat), reach)


def test_a_large_batch_over_the_whole_earth_is_answered_query_by_query() -> None:
    rng = np.random.default_rng(9)
    lon, lat = rng.uniform(-180.0, 180.0, 20_000), np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, 20_000)))
    x, y = rng.uniform(-180.0, 180.0, 5_000), np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, 5_000)))
    x[:4], y[:4] = (180.0, -180.0, 5.0, 0.0), (0.0, 0.0, 90.0, -90.0)
    index = PlaceIndex.build(lon, lat)
    reach, footprint = rng.uniform(0.0, 90_000.0, 5_000), rng.uniform(0.0, 400.0, 5_000)
    whole = index.within(x, y, reach, footprint_m=footprint)
    for q in range(0, 5_000, 97):
        one = index.within(x[q], y[q], reach[q], footprint_m=footprint[q])
        mine = whole.observation == q
        np.testing.assert_array_equal(whole.place[mine], one.place)
        np.testing.assert_array_equal(whole.distance_m[mine], one.distance_m)
    assert (np.diff(whole.observation) >= 0).all()
    y[4_321] = 91.0
    with pytest.raises(ValueError, match="query 4321 lies at"):
        index.within(x, y, 300.0)


# Nearest, files, refusals --------------------------------------------------------------------------------------------


@CALM
@given(st.integers(0, 1 << 32), centres, st.integers(1, 7), st.sampled_from([0.0, 1_000.0, 2_000_000.0]))
def test_nearest_are_those_of_brute_force(seed: int, centre: tuple[float, float], k: int, spread: float) -> None:
    lon, lat = scatter(seed, 120, centre, spread)
    x, y = scatter(seed + 1, 6, centre, 3.0 * spread)
    y[5] = np.nan
    found = PlaceIndex.build(lon, lat).nearest(x, y, k)
    truth = distances(x, y, lon, lat)[:5]
    assert found.observation.tolist() == np.repeat(np.arange(5), k).tolist()
    np.testing.assert_allclose(np.sort(found.distance_m.reshape(5, k)), np.sort(truth)[:, :k], rtol=0.0, atol=1e-6)
    np.testing.assert_allclose(found.distance_m, truth[found.observation, found.place], rtol=0.0, atol=1e-6)


def test_nearest_of_mixed_places() -> None:
    shapes = [
        shapely.box(0.0, 0.0, 10.0, 10.0),
        shapely.Point(12.0, 5.0),
        shapely.MultiPoint([(50.0, 0.0), (10.5, 5.0)]),
    ]
    index = PlaceIndex.build(geometries=shapes)
    assert index.nearest(10.9, 5.0, 1).place.tolist() == [2]
    assert index.nearest(10.9, 5.0, 2).place.tolist() == [0, 2]
    assert index.nearest(-170.0, 0.0, 5).place.tolist() == [0, 1, 2]
    assert index.nearest(5.0, 5.0).distance_m.tolist() == [0.0]


def test_a_saved_index_answers_the_same(tmp_path: Path) -> None:
    lon, lat = scatter(1, 5000, (180.0, 0.0), 30_000.0)
    shapes = [*shapely.points(lon, lat), shapely.box(179.9, 0.0, 180.0, 0.1)]
    alert = np.r_[np.geomspace(10.0, 20_000.0, 5000), 500.0]
    for index in (
        PlaceIndex.build(geometries=shapes, alert_distance_m=alert),
        PlaceIndex.build(lon, lat),
        PlaceIndex.build([], []),
    ):
        index.within(0.0, 0.0, 20_000.0)
        index.save(tmp_path / "places")
        again = PlaceIndex.open(tmp_path / "places")
        assert (len(again), again.nbytes) == (len(index), index.nbytes)
        for reach in (None, 200.0, 5_000.0, 20_000.0):
            for mine, other in zip(
                index.within(lon[:50], lat[:50], reach), again.within(lon[:50], lat[:50], reach), strict=True
            ):
                np.testing.assert_array_equal(mine, other)
        again.save(tmp_path / "places")
    assert list(tmp_path.iterdir()) == [tmp_path / "places"]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "places"
    PlaceIndex.build([1.0], [2.0]).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match="cut short"):
        PlaceIndex.open(path)
    path.write_bytes(b"something else\n")
    with pytest.raises(ValueError, match="not a file of arrays"):
        PlaceIndex.open(path)
    path.write_bytes(whole.replace(b"almenara place index ", b"almenara place index 9"))
    with pytest.raises(ValueError, match="build it anew"):
        PlaceIndex.open(path)


def test_nothing_asked_or_nothing_there() -> None:
    for index in (PlaceIndex.build([], []), PlaceIndex.build(geometries=[]), PlaceIndex.build([1.0], [1.0])):
        assert len(index.within([], []).place) == 0
        assert len(index.within(50.0, 50.0).place) == 0
        assert len(index.within_boxes([], [], [], [], 5.0).place) == 0
        assert len(index.within([np.nan, 1.0], [1.0, np.nan], 1e6).place) == 0
        assert len(index.within_boxes(0.9, np.nan, 1.1, 1.1, 1e6).place) == 0
        assert len(index.nearest([], [], 3).place) == 0
        assert index.nearest(np.nan, 0.0).place.tolist() == []


def test_read_only_and_strided_arrays_are_welcome() -> None:
    lon, lat = np.zeros(6)[::2], np.zeros(3, np.float32)
    lon.flags.writeable = False
    index = PlaceIndex.build(lon, lat, alert_distance_m=np.float32(5.0))
    assert index.within(lon, lat).place.tolist() == [0, 1, 2] * 3
    assert index.within(0, [0, 0]).place.tolist() == [0, 1, 2] * 2


@pytest.mark.parametrize(
    ("lon", "lat", "distance", "words"),
    [
        (180.1, 0.0, 1.0, "query 0 lies at longitude 180.1"),
        (0.0, -90.5, 1.0, "latitude -90.5"),
        ([0.0, 1.0], [0.0, math.inf], 1.0, "query 1"),
        (0.0, 0.0, -1.0, "distance 0 is -1.0"),
        (0.0, 0.0, math.nan, "distance 0 is nan"),
        (0.0, 0.0, [1.0, 2.0], "2 distances for 1 queries"),
        ([0.0, 1.0], [0.0, 1.0, 2.0], 1.0, "as many are needed"),
    ],
)
def test_what_cannot_be_asked(lon: float, lat: float, distance: float, words: str) -> None:
    for index in (PlaceIndex.build([1.0], [1.0]), PlaceIndex.build(geometries=[shapely.box(0, 0, 1, 1)])):
        with pytest.raises(ValueError, match=words):
            index.within(lon, lat, distance)


def test_boxes_that_cannot_be() -> None:
    index = PlaceIndex.build([1.0], [1.0])
    for west, south, east, north in ((1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 1.0, 0.0), (179.0, 0.0, 181.0, 1.0)):
        with pytest.raises(ValueError, match="query 0 is the box"):
            index.within_boxes(west, south, east, north)
    with pytest.raises(ValueError, match="k is 0"):
        index.nearest(0.0, 0.0, 0)


def test_places_that_cannot_be() -> None:
    for arguments, words in (
        ({"lon": [0.0, 181.0], "lat": [0.0, 0.0]}, "place 1 lies at longitude 181"),
        ({"lon": [0.0, np.nan], "lat": [0.0, 0.0]}, "place 1 lies at longitude nan"),
        ({"lon": [0.0], "lat": [0.0, 0.0]}, "1 longitudes and 2 latitudes"),
        ({"lon": [0.0]}, "from lon and lat, or"),
        ({"lon": [0.0], "lat": [0.0], "geometries": []}, "not from both"),
        ({"geometries": [shapely.Point(0, 0), shapely.Point()]}, "place 1 has no geometry"),
        ({"geometries": [None]}, "place 0 has no geometry"),
        ({"geometries": [shapely.LineString([(0, 0), (1, 1)])]}, "place 0 is a LineString"),
        ({"geometries": [shapely.box(170, 0, 190, 1)]}, "split it at the antimeridian"),
        ({"lon": [0.0], "lat": [0.0], "alert_distance_m": [-1.0]}, "distance 0 is -1"),
        ({"lon": [0.0], "lat": [0.0], "alert_distance_m": [1.0, 2.0]}, "2 distances for 1 places"),
    ):
        with pytest.raises(ValueError, match=words):
            PlaceIndex.build(**arguments)


def test_the_package_offers_it_without_loading_it() -> None:
    assert almenara.PlaceIndex is PlaceIndex
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = almenara.nothing
