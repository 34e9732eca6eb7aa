"""Outlines are the cells, no more and no less: area, edges, holes, and the cut at the antimeridian."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from almenara.kernels.grid import COL_BITS, GROUP, boxes_of, cells_of, grid
from almenara.kernels.outlines import outlines

# Corners of the world: the equator, a border between groups of rows, both sides of ±180, far north, the poles' rows.
CORNERS = [(0.0, 0.0), (-79.2, -4.2), (179.9995, 10.0), (-180.0, -17.0), (25.0, 69.7), (100.0, 89.99), (5.0, -89.999)]
blots = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=40)


def square(lon: float, lat: float, at: set[tuple[int, int]], across_groups: bool = False) -> NDArray[np.int64]:
    """Cells by row and column from a corner, wrapping at the antimeridian, sorted."""
    row = int(cells_of(np.array([lon]), np.array([lat]))[0]) >> COL_BITS
    if across_groups:
        row = row // GROUP * GROUP - 4  # rows 0 to 3 of the square belong to the group below
    found = set()
    for up, along in at:
        r = min(max(row + up, 0), 106_751)
        n = int(grid().cols[r // GROUP])
        found.add(r << COL_BITS | (int((lon + 180.0) / 360.0 * n) + along) % n)
    return np.array(sorted(found), np.int64)


def rectangles(cells: NDArray[np.int64]) -> shapely.Geometry:
    return shapely.union_all(shapely.box(*boxes_of(cells)), grid_size=0)


@given(st.sampled_from(CORNERS), blots, st.booleans())
@settings(max_examples=200, deadline=None)
def test_an_outline_is_the_union_of_its_cells(
    corner: tuple[float, float], at: set[tuple[int, int]], across: bool
) -> None:
    cells = square(*corner, at, across)
    (fire,), (shape,) = outlines(np.full(len(cells), 3), cells)
    truth = rectangles(cells)
    assert fire == 3
    assert shape.is_valid
    assert shape.geom_type in ("Polygon", "MultiPolygon")
    assert shape.area == pytest.approx(truth.area, rel=1e-9)
    assert shapely.symmetric_difference(shape, truth).area <= 1e-9 * truth.area
    west, south, east, north = shape.bounds
    assert -180.0 <= west < east <= 180.0
    assert -90.0 <= south < north <= 90.0


@given(st.lists(st.tuples(st.sampled_from(CORNERS), blots), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_each_fire_has_its_own_outline_even_where_they_overlap(
    parts: list[tuple[tuple[float, float], set[tuple[int, int]]]],
) -> None:
    own = [square(*corner, at) for corner, at in parts]
    fires = np.concatenate([np.full(len(cells), 10 * k) for k, cells in enumerate(own)])
    found, shapes = outlines(fires, np.concatenate(own))
    assert found.tolist() == [10 * k for k in range(len(own))]
    for cells, shape in zip(own, shapes, strict=True):
        assert shapely.symmetric_difference(shape, rectangles(cells)).area <= 1e-9 * shape.area


def test_a_fire_across_the_antimeridian_is_cut_in_two() -> None:
    cells = square(179.9995, 10.0, {(r, c) for r in range(3) for c in range(4)})
    _, (shape,) = outlines(np.zeros(len(cells), np.int64), cells)
    assert shape.geom_type == "MultiPolygon"
    sides = sorted(part.bounds[::2] for part in shape.geoms)
    assert [west for west, _ in sides] == [-180.0, pytest.approx(179.999, abs=0.002)]
    assert sides[1][1] == 180.0
    assert all(east - west < 0.01 for west, east in sides)


def test_what_did_not_burn_inside_stays_a_hole() -> None:
    ring = {(r, c) for r in range(5) for c in range(5)} - {(2, 2), (2, 3)}
    cells = square(0.0, 0.0, ring)
    _, (shape,) = outlines(np.zeros(len(cells), np.int64), cells)
    (hole,) = shape.interiors
    assert len(cells) == 23
    assert shapely.Polygon(hole).area == pytest.approx(shape.area * 2 / 23, rel=1e-6)


def test_cells_that_touch_at_a_corner_are_two_parts_of_one_valid_shape() -> None:
    cells = square(0.0, 0.0, {(0, 0), (1, 1)})
    _, (shape,) = outlines(np.zeros(2, np.int64), cells)
    assert shape.is_valid
    assert (shape.geom_type, len(shape.geoms)) == ("MultiPolygon", 2)


def test_no_cells_no_outlines() -> None:
    fires, shapes = outlines(np.empty(0, np.int64), np.empty(0, np.int64))
    assert len(fires) == len(shapes) == 0
