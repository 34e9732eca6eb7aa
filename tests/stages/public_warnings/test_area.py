"""Every area holds what it must, is what CAP allows, and wastes little: random scenes, meridians and poles."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from shapely.geometry.base import BaseGeometry
from tests.model.cap.messages import FULL

from almenara.model.cap import Alert, Ring, from_xml, to_xml, validate
from almenara.model.errors import InvalidWarning
from almenara.stages.public_warnings.area import (
    POINT_MARGIN_M,
    VERTICES_MAX,
    Protected,
    Target,
    covers,
    uncovered,
    warning_area,
)

GEOD = pyproj.Geod(ellps="WGS84")
AZIMUTHS = np.arange(0.0, 360.0, 15.0)


def ring_round(lon: float, lat: float, metres: float) -> list[BaseGeometry]:
    """Points at a geodesic distance, by Karney."""
    n = len(AZIMUTHS)
    east, north, _ = GEOD.fwd(np.full(n, lon), np.full(n, lat), AZIMUTHS, np.full(n, metres))
    return list(shapely.points(east, north))


def cut(shape: BaseGeometry) -> BaseGeometry:
    """A shape that may leave ±180 and ±90, as RFC 7946 wants it."""
    pieces = [
        shapely.transform(
            shapely.intersection(shape, shapely.box(west, -90, west + 360, 90)),
            # GEOS now and then leaves a corner outside of what it intersected with.
            lambda xy, west=west: np.clip(xy - np.array([west + 180.0, 0.0]), [-180.0, -90.0], [180.0, 90.0]),
        )
        for west in (-540.0, -180.0, 180.0)
    ]
    return shapely.union_all([p for p in pieces if p.area > 0.0])


def check(rings: Sequence[Ring], footprint: BaseGeometry | None, places: list[Target]) -> None:
    assert rings
    assert sum(len(ring) for ring in rings) <= VERTICES_MAX
    polygons = [shapely.Polygon(ring) for ring in rings]
    for ring, polygon in zip(rings, polygons, strict=True):
        assert ring[0] == ring[-1]
        assert polygon.is_valid
        assert polygon.exterior.is_simple
        assert polygon.exterior.is_ccw
        west, south, east, north = polygon.bounds
        assert -180.0 <= west <= east <= 180.0
        assert -90.0 <= south <= north <= 90.0
        assert east - west <= 180.0
        assert all(round(lon, 5) == lon and round(lat, 5) == lat for lon, lat in ring)
    assert uncovered(rings, footprint, places) == []
    area = shapely.union_all(polygons)
    assert footprint is None or area.covers(footprint)
    for lon, lat, geometry, _ in places:
        if geometry is not None:
            assert area.covers(geometry)
        else:
            assert all(area.covers(point) for point in ring_round(lon, lat, POINT_MARGIN_M)), (lon, lat)


longitudes = st.one_of(
    st.floats(-180, 180), st.sampled_from([180.0, -180.0, 0.0]), st.floats(179.9, 180), st.floats(-180, -179.9)
)
latitudes = st.one_of(
    st.floats(-85, 85), st.floats(-90, 90), st.sampled_from([90.0, -90.0, 0.0, 89.99, 88.995, -88.996])
)
spreads = st.sampled_from([0.0, 0.001, 0.02, 0.3, 3.0])


KINDS = ["cells", "sliver", "needle", "star", "circle", "holed", "tiny", "huge"]
Scene = tuple[BaseGeometry | None, list[Target]]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    footprint = draw(st.sampled_from(["", *KINDS]))
    kinds = draw(st.lists(st.sampled_from(["", "", "", *KINDS]), min_size=not footprint, max_size=12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return made(rng, draw(longitudes), draw(latitudes), draw(spreads), footprint, kinds, twice=draw(st.booleans()))


def made(
    rng: np.random.Generator, lon0: float, lat0: float, spread: float, kind: str, kinds: list[str], *, twice: bool
) -> Scene:
    """A footprint of a kind ("" for none) and places of other kinds ("" for a point), strewn about."""
    stretch = min(1.0 / max(math.cos(math.radians(lat0)), 0.05), 10.0)

    def somewhere() -> tuple[float, float]:
        lon = lon0 + stretch * spread * rng.uniform(-1, 1)
        lat = float(np.clip(lat0 + spread * rng.uniform(-1, 1), -90, 90))
        return float((lon + 180.0) % 360.0 - 180.0) if not -180.0 <= lon <= 180.0 else lon, lat

    def shape(kind: str) -> BaseGeometry | None:
        lon, lat = somewhere()
        if kind == "cells":
            d = 0.0034
            cells = [shapely.box(i * d, j * d, i * d + d, j * d + d) for i, j in rng.integers(-4, 5, (12, 2))]
            drawn = shapely.transform(shapely.union_all(cells), lambda xy: xy * [stretch, 1.0] + [lon, lat])
        elif kind == "sliver":
            drawn = shapely.Polygon([(lon, lat), (lon + 0.2, lat + 1e-7), (lon + 0.2, lat), (lon + 0.1, lat - 1e-7)])
        elif kind == "needle":  # all the way north and south, and no wider than rounding
            drawn = shapely.box(lon, lat - 5.0, lon + 1e-7, lat + 5.0)
        elif kind == "star":
            angle = np.linspace(0, 2 * np.pi, 601)[:-1]
            radius = 0.02 * (1.0 + 0.8 * rng.uniform(-1, 1, 600))
            drawn = shapely.Polygon(
                np.column_stack([lon + stretch * radius * np.cos(angle), lat + radius * np.sin(angle)])
            )
        elif kind == "holed":
            drawn = shapely.Point(lon, lat).buffer(0.5).difference(shapely.Point(lon + 0.1, lat).buffer(0.3))
            drawn = drawn.difference(shapely.box(lon - 0.4, lat - 1e-6, lon - 0.25, lat + 1e-6))
        elif kind == "tiny":
            drawn = shapely.box(lon, lat, lon + 1e-9, lat + 1e-9)
        elif kind == "huge":  # an ocean, over a pole and the antimeridian often
            drawn = shapely.box(lon - 70.0, lat - 40.0, lon + 70.0, lat + 40.0)
        else:
            drawn = shapely.Point(lon, lat).buffer(2.0, quad_segs=18)
        drawn = cut(drawn)
        return None if drawn.is_empty or not drawn.is_valid else drawn

    footprint = shape(kind) if kind else None
    places: list[Target] = []
    for one in [*kinds, *([] if kinds or footprint is not None else [""])]:
        lon, lat = somewhere()
        places.append((lon, lat, shape(one) if one else None, float(rng.choice([0.0, 300.0, 1500.0]))))
    return footprint, places + places[:twice]


def drawn_by(seed: int) -> Scene:
    rng = np.random.default_rng(seed)
    lon = float(rng.choice([rng.uniform(-180, 180), 180.0, -180.0, rng.uniform(179.9, 180), rng.uniform(-180, -179.9)]))
    lat = float(rng.choice([rng.uniform(-85, 85), rng.uniform(-90, 90), 90.0, -90.0, 89.99, -88.996]))
    kinds = [str(kind) for kind in rng.choice(["", "", "", *KINDS], rng.integers(0, 13))]
    spread, kind = float(rng.choice([0.0, 0.001, 0.02, 0.3, 3.0])), str(rng.choice(["", *KINDS]))
    return made(rng, lon, lat, spread, kind, kinds, twice=bool(rng.integers(2)))


@pytest.mark.parametrize("hundred", range(10))
def test_a_thousand_scenes_are_held_and_stand_in_the_message_as_they_were_drawn(hundred: int) -> None:
    """Meridians, poles, slivers, holes, specks and oceans, the same thousand every time."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        footprint, places = drawn_by(seed)
        rings = warning_area(footprint, places)
        check(rings, footprint, places)
        stated, *_ = from_xml(to_xml(with_area(rings))).info
        assert stated.area[0].polygon == rings, seed
        assert validate(to_xml(with_area(rings)), ["plain"]) == [], seed
        latitude, longitude = (float(number) for number in polygons_of(rings)[0].split()[0].split(","))
        assert (longitude, latitude) == rings[0][0], "latitude first"


def with_area(rings: Sequence[Ring]) -> Alert:
    area = msgspec.structs.replace(FULL.info[0].area[0], polygon=tuple(rings), circle=())
    return msgspec.structs.replace(FULL, info=(msgspec.structs.replace(FULL.info[0], area=(area,)),))


def polygons_of(rings: Sequence[Ring]) -> list[str]:
    root = etree.fromstring(to_xml(with_area(rings)))
    return [polygon.text or "" for polygon in root.iter("{urn:oasis:names:tc:emergency:cap:1.2}polygon")]


@settings(max_examples=100, deadline=None)
@given(scenes())
def test_random_scenes_are_held(scene: Scene) -> None:
    footprint, places = scene
    rings = warning_area(footprint, places)
    check(rings, footprint, places)
    assert warning_area(footprint, places) == rings


def small_fire() -> BaseGeometry:
    d = 0.0034
    return shapely.union_all([shapely.box(i * d, j * d, i * d + d, j * d + d) for i, j in [(0, 0), (1, 0), (4, 2)]])


def in_metres(shape: BaseGeometry) -> BaseGeometry:
    """At the equator, where the tests of economy take place."""
    return shapely.transform(shape, lambda xy: xy * [111_320.0, 110_574.0])


def test_a_reach_of_its_own_and_places_by_name() -> None:
    fire, targets = small_fire(), [(0.005, 0.003, None, 300.0), (0.03, 0.0, small_fire(), 9_000.0)]
    places = [Protected(*target) for target in targets]
    assert warning_area(fire, 300.0, places) == warning_area(fire, targets) == warning_area(fire, 300.0, targets)
    near, far = (shapely.MultiPolygon([(r, []) for r in warning_area(fire, m, places)]) for m in (0.0, 2_000.0))
    assert far.buffer(0).covers(near.buffer(0))
    assert far.area > 2.0 * near.area
    assert covers(warning_area(fire, 0.0, places), fire, [*places, Protected(2.0, 2.0, None, 0.0)]) == [2]


@pytest.mark.parametrize("reach_m", [1_500.0, 30_000.0, 300_000.0, 800_000.0])
@pytest.mark.parametrize("vertices", [3, 5, 7, 9, 11, 17, 60, 900])
@pytest.mark.parametrize(("lon", "lat"), [(0.0, 0.0), (179.99, 15.3), (-70.0, -60.0), (10.0, 84.0)])
def test_no_corner_cuts_the_alert_distance_short(lon: float, lat: float, vertices: int, reach_m: float) -> None:
    """GEOS rounds a corner with fewer segments than asked for: no chord may come nearer than the distance."""
    angle = np.linspace(0.0, 2.0 * np.pi, vertices, endpoint=False)
    outline = np.column_stack([lon + 0.05 * np.cos(angle), lat + 0.05 * np.sin(angle)])
    fire = cut(shapely.Polygon(outline))
    rings = warning_area(fire, reach_m, [])
    check(rings, fire, [])
    area = shapely.union_all([shapely.Polygon(ring) for ring in rings])
    shapely.prepare(area)
    corners = shapely.get_coordinates(fire)[:: max(1, vertices // 12)]
    azimuths = np.arange(0.0, 360.0, 3.0)
    x, y = np.repeat(corners, len(azimuths), axis=0).T
    east, north, _ = GEOD.fwd(x, y, np.tile(azimuths, len(corners)), np.full(len(x), reach_m - 0.5))
    assert shapely.covers(area, shapely.points(east, north)).all()


def test_the_footprint_is_widened_by_the_alert_distance() -> None:
    fire = small_fire()
    rings = warning_area(fire, [(0.005, 0.003, None, 300.0)])
    area = shapely.union_all([shapely.Polygon(ring) for ring in rings])
    for lon, lat in shapely.get_coordinates(fire):
        assert all(area.covers(point) for point in ring_round(lon, lat, 299.9))


@pytest.mark.parametrize(
    ("footprint", "places", "most"),
    [
        (None, [(0.0, 0.0, None, 300.0)], 1.25),
        (small_fire(), [(0.005, 0.003, None, 300.0)], 1.20),
        (small_fire(), [(0.0, 0.0, None, 300.0), (0.4, 0.1, None, 50_000.0)], 1.30),
        (shapely.Point(0, 0).buffer(2, quad_segs=30), [(0.5, 0.5, None, 0.0)], 1.08),
    ],
)
def test_little_else_is_warned(footprint: BaseGeometry | None, places: list[Target], most: float) -> None:
    needed = [in_metres(shapely.Point(lon, lat)).buffer(300, quad_segs=32) for lon, lat, _, _ in places]
    if footprint is not None:
        needed.append(in_metres(footprint).buffer(min(place[3] for place in places), quad_segs=32))
    area = sum(in_metres(shapely.Polygon(ring)).area for ring in warning_area(footprint, places))
    assert area <= most * shapely.union_all(needed).area


def test_far_apart_fires_get_polygons_of_their_own_and_many_are_joined() -> None:
    two = shapely.union_all([shapely.box(0, 0, 0.01, 0.01), shapely.box(1, 1, 1.01, 1.01)])
    assert len(warning_area(two, [(0.0, 0.0, None, 300.0)])) == 2
    rng = np.random.default_rng(3)
    many = shapely.union_all([shapely.box(x, y, x + 0.004, y + 0.004) for x, y in rng.uniform(-1, 1, (200, 2))])
    check(warning_area(many, [(0.0, 0.0, None, 300.0)]), many, [(0.0, 0.0, None, 300.0)])


def test_an_area_across_the_antimeridian_is_cut_there_and_stays_small() -> None:
    fire = shapely.union_all([shapely.box(179.99, -17, 180, -16.99), shapely.box(-180, -17, -179.99, -16.99)])
    places: list[Target] = [(-179.985, -16.98, None, 300.0)]
    rings = warning_area(fire, places)
    check(rings, fire, places)
    assert sum(shapely.Polygon(ring).area for ring in rings) < 0.002


def test_polar_caps_and_rings_round_the_globe_are_held() -> None:
    cap = shapely.box(-180, 80, 180, 90)
    for footprint, places in (
        (cap, [(10.0, 85.0, None, 0.0)]),
        (None, [(0.0, -90.0, None, 300.0)]),
        (None, [(0.0, 90.0, None, 300.0), (170.0, 88.0, None, 300.0), (-100.0, 60.0, None, 300.0)]),
        (shapely.box(-180, -1, 180, 1), [(10.0, 0.0, None, 300.0)]),
    ):
        check(warning_area(footprint, places), footprint, places)


def test_thousands_of_places_within_an_earthquakes_reach() -> None:
    circle = shapely.Point(-79, -4).buffer(3, quad_segs=18)
    rng = np.random.default_rng(1)
    places: list[Target] = [(float(x) - 79, float(y) - 4, None, 0.0) for x, y in rng.uniform(-2, 2, (4000, 2))]
    check(warning_area(circle, places), circle, places[:50])
    assert uncovered(warning_area(None, places), None, places) == []


def test_a_ring_that_crosses_itself_is_no_area() -> None:
    bow = ((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0))
    for rings in ([bow], [((0.0, 0.0), (1.0, 1.0))]):
        with pytest.raises(InvalidWarning):
            covers(rings, None, [])
    assert covers([], small_fire(), [Protected(0.0, 0.0, None, 0.0)]) == [-1, 0]


def test_what_an_area_lacks_is_named() -> None:
    rings = warning_area(None, [(0.0, 0.0, None, 300.0)])
    far: Any = shapely.box(1, 1, 2, 2)
    assert uncovered(rings, far, [(0.0, 0.0, None, 300.0), (1.0, 1.0, None, 300.0), (0.0, 0.0, far, 300.0)]) == [
        -1,
        1,
        2,
    ]


@pytest.mark.parametrize("place", [(float("nan"), 0.0, None, 300.0), (0.0, float("inf"), None, 300.0), None])
def test_an_area_round_nothing_is_refused(place: Target | None) -> None:
    with pytest.raises(InvalidWarning):
        warning_area(None, [place] if place is not None else [])
