"""The extent of a message: as the standard's words draw it, over meridian and poles, and in bounded time."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from almenara.model.cap import Area, Circle, RefusedDocument, Ring, read
from almenara.model.cap.envelopes import open_envelope
from almenara.model.cap.extent import area_km2, shape
from almenara.model.cap.intricacy import HULLS_MAX, eased

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "cap"
WORLD = shapely.box(-180, -90, 180, 90)


def ring(*corners: tuple[float, float]) -> Ring:
    return (*corners, corners[0])


def of(*rings: Ring) -> shapely.Geometry:
    return shape([Area(area_desc="a", polygon=rings)])


def round_about(lon: float, lat: float, radii: list[float]) -> Ring:
    """A star of corners, counted from -180 to 180 as messages do."""
    angles = np.linspace(0.0, 2.0 * np.pi, len(radii), endpoint=False)
    far = np.asarray(radii)
    lons = (lon + far * np.cos(angles) + 180.0) % 360.0 - 180.0
    lats = np.clip(lat + far * np.sin(angles), -90.0, 90.0)
    return ring(*zip(lons.round(5).tolist(), lats.round(5).tolist(), strict=True))


rings = st.builds(
    round_about,
    st.one_of(st.floats(-180, 180), st.sampled_from([179.9, -179.9, 180.0])),
    st.floats(-80, 80),
    st.lists(st.floats(0.1, 9.0), min_size=3, max_size=12),
)


def by_hand(drawn: Ring) -> shapely.Geometry:
    """One ring, unrolled by numpy and brought back in three turns."""
    lons = np.unwrap([lon for lon, _ in drawn], period=360.0)
    whole = shapely.make_valid(shapely.Polygon(np.column_stack([lons, [lat for _, lat in drawn]])))
    turned = [shapely.transform(whole, lambda xy, t=t: xy + np.array([t, 0.0])) for t in (-360.0, 0.0, 360.0)]
    return shapely.union_all([shapely.intersection(one, WORLD) for one in turned])


@settings(max_examples=150, deadline=None)
@given(st.lists(rings, min_size=1, max_size=5))
def test_the_extent_is_the_union_of_what_is_drawn(drawn: list[Ring]) -> None:
    found, wanted = of(*drawn), shapely.union_all([by_hand(one) for one in drawn])
    assert found.is_valid
    assert found.symmetric_difference(wanted).area < 1e-9
    assert of(*drawn, *drawn) == found, "every language repeats the areas"


@pytest.mark.parametrize("lat", [60.0, -60.0, 89.5])
def test_a_ring_round_the_earth_holds_the_pole(lat: float) -> None:
    found = of(ring(*((float(lon), lat) for lon in range(-180, 180, 45))))
    pole = 90.0 if lat > 0 else -90.0
    assert found.equals(shapely.box(-180, min(lat, pole), 180, max(lat, pole)))
    backwards = of(ring(*((float(lon), lat) for lon in range(180, -180, -45))))
    assert backwards.equals(found)


def test_a_ring_that_winds_on_and_on_is_a_band() -> None:
    winding = [(float((lon + 180) % 360 - 180), 10.0 + lon / 1000) for lon in range(0, 3600, 90)]
    back = [(lon, lat + 1.0) for lon, lat in reversed(winding)]
    found = of(ring(*winding, *back))
    assert found.bounds == pytest.approx((-180.0, 10.0, 180.0, 14.51))
    assert found.covers(shapely.MultiPoint(winding))


# ---------------------------------------------------------------------- what is made to cost time

Drawing = tuple[list[Ring], list[Circle]]
RNG = np.random.default_rng(5)


def triangles() -> Drawing:
    corners = RNG.uniform(0, 9, (40_000, 2)).tolist()
    return [ring((x, y), (x + 3, y), (x, y + 3)) for x, y in corners], []


def slivers() -> Drawing:
    across = RNG.uniform(0, 50, 2_000).tolist()
    upright = [ring((t, 0.0), (t + 0.001, 50.0), (t, 50.0)) for t in across]
    return [*upright, *(tuple((lat, lon) for lon, lat in one) for one in upright)], []


def combs() -> Drawing:
    teeth = [(float(x), t) for n in range(3_000) for x, t in ((0, n / 60), (50, n / 60 + 0.008))]
    comb = ring(*teeth, (-1.0, 50.0), (-1.0, 0.0))
    return [comb, tuple((lat, lon) for lon, lat in comb)], []


def stars() -> Drawing:
    return [round_about(x, y, RNG.uniform(1, 9, 1_000).tolist()) for x, y in RNG.uniform(0, 20, (60, 2)).tolist()], []


def circles() -> Drawing:
    return [], [Circle(x, y, 300.0) for x, y in RNG.uniform(-89, 89, (60_000, 2)).tolist()]


@pytest.mark.parametrize("drawing", [triangles, slivers, combs, stars, circles])
def test_what_is_made_to_cost_time_is_taken_larger_and_quickly(drawing: Callable[[], Drawing]) -> None:
    drawn, discs = drawing()
    begun = time.process_time()
    found = shape([Area(area_desc="a", polygon=tuple(drawn), circle=tuple(discs))])
    assert time.process_time() - begun < 8.0  # it is about one; without bounds it is minutes
    assert found.is_valid
    shapely.prepare(found)
    assert shapely.covers(found, [shapely.make_valid(shapely.Polygon(one)) for one in drawn[::97]]).all()
    assert shapely.covers(found, [of_circle(disc) for disc in discs[::997]]).all()


def of_circle(disc: Circle) -> shapely.Geometry:
    return shape([Area(area_desc="a", circle=(disc,))])


def test_neighbours_are_no_crossings() -> None:
    """A country's thousands of cells side by side, each with a border that winds, stay what they are."""
    cells = shapely.segmentize(
        np.array([shapely.box(x / 10, y / 10, x / 10 + 0.1, y / 10 + 0.1) for x in range(60) for y in range(60)]), 0.005
    )
    assert eased(cells) is cells
    alone = np.array([shapely.box(0, 0, 1, 1)], dtype=object)
    assert eased(alone) is alone


def test_hulls_hold_what_they_stand_for() -> None:
    drawn, _ = slivers()
    shapes = shapely.polygons([np.array(one) for one in drawn])
    hulls = eased(shapes)
    assert 1 < len(hulls) <= HULLS_MAX
    assert shapely.covers(shapely.union_all(hulls), shapes).all()


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason="the real CAP messages are not here")
def test_nothing_real_is_too_intricate(monkeypatch: pytest.MonkeyPatch) -> None:
    read_ones = 0
    asked: list[bool] = []

    def ask(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
        asked.append(eased(shapes) is shapes)
        return shapes

    monkeypatch.setattr("almenara.model.cap.extent.eased", ask)
    for path in sorted(REAL.rglob("*.*")):
        try:
            alerts = [read(one.data).alert for one in open_envelope(path.read_bytes()).alerts]
        except RefusedDocument:
            continue
        for alert in alerts:
            found = shape([area for info in alert.info for area in info.area])
            assert found.is_valid
            assert area_km2(found) >= 0.0
            read_ones += 1
    assert read_ones > 30
    assert asked
    assert all(asked)
