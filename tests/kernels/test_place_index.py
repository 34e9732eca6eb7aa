"""The place index against brute force: every pair and every distance by Karney's algorithm."""

import math
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod

import almenara
from almenara.kernels.matches import Matches
from almenara.kernels.place_index import PlaceIndex

WGS84 = Geod(ellps="WGS84")
Floats = NDArray[np.float64]
CALM = settings(max_examples=60, deadline=None)


def distances(lon: Floats, lat: Floats, place_lon: Floats, place_lat: Floats) -> Floats:
    """Karney's distance of every query (row) to every place (column)."""
    x, px = np.broadcast_arrays(lon[:, None], place_lon[None, :])
    y, py = np.broadcast_arrays(lat[:, None], place_lat[None, :])
    good = ~(np.isnan(x) | np.isnan(y))
    result = np.full(x.shape, np.nan)
    result[good] = WGS84.inv(x[good], y[good], px[good], py[good])[2]
    return result


def box_distances(boxes: list[Floats], place_lon: Floats, place_lat: Floats) -> Floats:
    """Distance of every box (row) to every place: longitude clamped the shorter way round, latitude clamped."""
    west, south, east, north = (side[:, None] for side in boxes)
    lon, lat = place_lon[None, :], place_lat[None, :]
    turns = np.stack([np.clip(lon + turn, west, east) - (lon + turn) for turn in (-360.0, 0.0, 360.0)])
    nearest = np.take_along_axis(turns, np.abs(turns).argmin(axis=0)[None], axis=0)[0]
    x, y = np.broadcast_arrays(lon + nearest, np.clip(lat, south, north))
    lon, lat = np.broadcast_arrays(lon, lat)
    lon, lat = np.broadcast_to(lon, x.shape), np.broadcast_to(lat, x.shape)
    return np.asarray(WGS84.inv(x, y, lon, lat)[2])


def assert_same(found: Matches, truth: Floats, reach: Floats | float, tolerance: float = 1e-6) -> None:
    """The pairs are exactly those of the matrix within reach, in order, with its distances."""
    observation, place = np.nonzero(truth <= reach)
    np.testing.assert_array_equal(found.observation, observation)
    np.testing.assert_array_equal(found.place, place)
    np.testing.assert_allclose(found.distance_m, truth[observation, place], rtol=0.0, atol=tolerance)
    assert found.observation.dtype == found.place.dtype == np.int64


def scatter(seed: int, count: int, centre: tuple[float, float], spread_m: float) -> tuple[Floats, Floats]:
    """Points round a centre, over the pole and the antimeridian if need be."""
    rng = np.random.default_rng(seed)
    lon, lat = np.full(count, centre[0]), np.full(count, centre[1])
    x, y, _ = WGS84.fwd(lon, lat, rng.uniform(0.0, 360.0, count), spread_m * np.sqrt(rng.random(count)))
    return np.asarray(x), np.clip(np.asarray(y), -90.0, 90.0)


CENTRES = [(-78.5, -0.2), (180.0, 0.0), (-180.0, 65.0), (0.0, 90.0), (45.0, -90.0), (20.0, 89.99), (-0.001, 0.001)]
centres = st.sampled_from(CENTRES) | st.tuples(st.floats(-180.0, 180.0), st.floats(-90.0, 90.0))
reaches = st.sampled_from([0.0, 1.0, 300.0, 1_500.0, 20_000.0, 49_999.0, 50_001.0, 300_000.0])


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


# Polygons ------------------------------------------------------------------------------------------------------------


def line_distance(box: list[Floats], starts: Floats, ends: Floats) -> float:
    """Smallest distance between a box and straight lines in degrees, by ever finer samples about the smallest ones.

    The distance bends where the nearest part of the box changes, so the first samples lie there too.
    """
    first = np.broadcast_to(np.linspace(0.0, 1.0, 33), (len(starts), 33))
    with np.errstate(all="ignore"):
        bends = [(box[side] - starts[:, side % 2]) / (ends - starts)[:, side % 2] for side in range(4)]
    first = np.sort(np.clip(np.nan_to_num(np.column_stack([first, *bends])), 0.0, 1.0), axis=1)
    edge = np.repeat(np.arange(len(starts)), first.shape[1] - 1)
    low, high = first[:, :-1].ravel(), first[:, 1:].ravel()
    best = math.inf
    for _ in range(20):
        ts = low[:, None] + np.linspace(0.0, 1.0, 9) * (high - low)[:, None]
        points = starts[edge][:, None] + ts[:, :, None] * (ends - starts)[edge][:, None]
        values = box_distances(box, points[:, :, 0].ravel(), points[:, :, 1].ravel())[0].reshape(ts.shape)
        best = min(best, float(values.min()))
        lowest = values.argmin(axis=1)
        rows = np.arange(len(ts))
        low, high = ts[rows, np.maximum(lowest - 1, 0)], ts[rows, np.minimum(lowest + 1, 8)]
        span = WGS84.inv(points[:, 0, 0], points[:, 0, 1], points[:, 8, 0], points[:, 8, 1])[2]
        hopeful = values.min(axis=1) - span <= best
        low, high, edge = low[hopeful], high[hopeful], edge[hopeful]
    return best


def polygon_distance(box: list[Floats], polygon: shapely.Geometry) -> float:
    """0 where box and polygon overlap in longitude and latitude, else the smallest over all edges."""
    west, south, east, north = (float(side[0]) for side in box)
    for turn in (-360.0, 0.0, 360.0):
        corner = shapely.Point(west + turn, south)
        if shapely.intersects(corner if west == east else shapely.box(west + turn, south, east + turn, north), polygon):
            return 0.0
    rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(shapely.get_parts(polygon))]
    return line_distance(box, np.vstack([ring[:-1] for ring in rings]), np.vstack([ring[1:] for ring in rings]))


def star(seed: int, lon: float, lat: float, radius_m: float, corners: int) -> shapely.Polygon:
    """A star-shaped polygon, with a hole, that stays on its side of the antimeridian and the poles."""
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0.0, 360.0, corners))
    length = radius_m * rng.uniform(0.4, 1.0, corners)
    rings = []
    for scale in (1.0, 0.3):
        dy = scale * length * np.cos(np.radians(angle)) / 111_000.0
        dx = scale * length * np.sin(np.radians(angle)) / 111_000.0 / max(math.cos(math.radians(lat)), 0.01)
        rings.append(np.column_stack([np.clip(lon + dx, -180.0, 180.0), np.clip(lat + dy, -90.0, 90.0)]))
    return shapely.make_valid(shapely.Polygon(rings[0], [rings[1]]))


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 1 << 32),
    st.sampled_from([(-78.5, -0.2), (10.0, 60.0), (179.99, 40.0), (-179.999, -70.0), (5.0, 88.0), (0.0, -89.9)]),
    st.sampled_from([(200.0, 300.0), (3_000.0, 2_000.0), (60_000.0, 20_000.0), (100_000.0, 120_000.0)]),
    st.booleans(),
)
@example(5515457, (5.0, 88.0), (3_000.0, 2_000.0), True)  # the corner of a box is not where its distance is measured
def test_polygons_are_those_of_an_oracle(
    seed: int, centre: tuple[float, float], scale: tuple[float, float], boxes: bool
) -> None:
    size, reach = scale
    rng = np.random.default_rng(seed)
    x, y = scatter(seed, 4, centre, size + reach)
    shapes = [star(seed + i, x[i], y[i], size, 9) for i in range(4)]
    shapes = [s for s in shapes if s.geom_type in ("Polygon", "MultiPolygon")]
    west, south = scatter(seed + 1, 5, centre, size + reach)
    extent = 0.002 * rng.random((2, 5)) if boxes else np.zeros((2, 5))
    sides = [west, south, np.minimum(west + extent[0], 180.0), np.minimum(south + extent[1], 90.0)]
    index = PlaceIndex.build(geometries=shapes)
    found = index.within_boxes(west, south, sides[2], sides[3], reach) if boxes else index.within(west, south, reach)
    truth = np.array([[polygon_distance([side[i : i + 1] for side in sides], s) for s in shapes] for i in range(5)])
    assert_same(found, truth, reach, tolerance=1e-6)


def test_holes_count_as_outside() -> None:
    square = shapely.Polygon(
        [(0.0, 0.0), (0.1, 0.0), (0.1, 0.1), (0.0, 0.1)], [[(0.04, 0.04), (0.06, 0.04), (0.06, 0.06), (0.04, 0.06)]]
    )
    index = PlaceIndex.build(geometries=[square])
    inside, middle = index.within(0.02, 0.02, 0.0), index.within(0.05, 0.05, 5_000.0)
    assert inside.distance_m.tolist() == [0.0]
    assert middle.distance_m[0] == pytest.approx(WGS84.inv(0.05, 0.05, 0.05, 0.04)[2], abs=1e-6)
    assert index.within_boxes(0.049, 0.049, 0.051, 0.051, 10.0).place.tolist() == []
    assert index.within_boxes(0.03, 0.049, 0.051, 0.051, 0.0).distance_m.tolist() == [0.0]
    assert index.within_boxes(-1.0, -1.0, 1.0, 1.0, 0.0).distance_m.tolist() == [0.0]


def test_a_polygon_across_the_antimeridian_and_one_round_the_pole() -> None:
    fiji = shapely.MultiPolygon([shapely.box(179.5, -17.0, 180.0, -16.0), shapely.box(-180.0, -17.0, -179.5, -16.0)])
    arctic = shapely.box(-180.0, 80.0, 180.0, 90.0)
    index = PlaceIndex.build(geometries=[fiji, arctic], alert_distance_m=[2_000.0, 1_000.0])
    for lon in (179.9, 180.0, -180.0, -179.6):
        assert index.within(lon, -16.5).distance_m.tolist() == [0.0]
    assert index.within(-179.49, -16.5).distance_m[0] == pytest.approx(1067.7, abs=1.0)
    assert index.within([0.0, 180.0, -77.0], [90.0, 89.0, 85.0]).place.tolist() == [1, 1, 1]
    assert index.within([100.0, -180.0], [79.995, 79.995]).distance_m == pytest.approx([558.4, 558.4], abs=0.5)


def test_mixed_places_keep_their_numbers_and_count_once() -> None:
    shapes = [
        shapely.Point(0.0, 0.0),
        shapely.box(0.001, 0.0, 0.002, 0.001),
        shapely.MultiPoint([(0.003, 0.0), (0.0005, 0.0), (0.0, 0.0)]),
        shapely.MultiPolygon([shapely.box(0.01, 0.0, 0.02, 0.01), shapely.box(-0.01, 0.0, -0.0005, 0.01)]),
        shapely.GeometryCollection([shapely.Point(0.0, 0.0004), shapely.box(1.0, 1.0, 2.0, 2.0)]),
    ]
    index = PlaceIndex.build(geometries=shapes)
    found = index.within([0.0, 0.0], [0.0, 0.0], 150.0)
    assert len(index) == 5
    assert found.observation.tolist() == [0] * 5 + [1] * 5
    assert found.place.tolist() == [0, 1, 2, 3, 4] * 2
    assert found.distance_m[:5] == pytest.approx([0.0, 111.319, 0.0, 55.660, 44.230], abs=1e-3)
    many = index.within(np.zeros(5000), np.zeros(5000), 150.0)
    assert many.place.tolist() == [0, 1, 2, 3, 4] * 5000


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
    path.write_bytes(whole.replace(b"place index 1", b"place index 9"))
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
