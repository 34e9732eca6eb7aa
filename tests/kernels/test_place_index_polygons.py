"""Polygons in the place index against an oracle that measures every edge at ever finer samples."""

import math

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.kernels.brute_force import WGS84, Floats, assert_same, box_distances, scatter

from almenara.kernels.place_index import PlaceIndex


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
