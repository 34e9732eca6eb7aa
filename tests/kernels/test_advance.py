"""Advance and edges of fires against slow references written from the definitions."""

from typing import Any

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from almenara.kernels.advance import ADVANCE_SHARE, advances_m, beyond_m, edges
from almenara.kernels.grid import COL_BITS, boxes_of, cells_of, grid

geod = pyproj.Geod(ellps="WGS84")
Cells = NDArray[np.int64]


def patch(lon: float, lat: float, offsets: list[tuple[int, int]]) -> Cells:
    """Cells so many columns and rows from a position."""
    x = lon + np.array([dx for dx, _ in offsets]) * 0.0017 / max(np.cos(np.radians(lat)), 0.05)
    y = lat + np.array([dy for _, dy in offsets]) * 0.00169
    return np.unique(cells_of((x + 180.0) % 360.0 - 180.0, np.clip(y, -89.9, 89.9)))


def centre(cell: Any) -> tuple[float, float]:
    west, south, east, north = (float(side[0]) for side in boxes_of(np.array([cell])))
    return (west + east) / 2, (south + north) / 2


def metres(cell: Any, footprint: Cells) -> float:
    """From a cell's centre to the nearest rectangle, by Karney's geodesic."""
    lon, lat = centre(cell)
    west, south, east, north = boxes_of(footprint)
    middle = (west + east) / 2
    x = np.clip(middle + (lon - middle + 540.0) % 360.0 - 180.0, west, east)
    y = np.clip(lat, south, north)
    return float(np.min(geod.inv(np.full(len(x), lon), np.full(len(x), lat), x, y)[2]))


spots = st.tuples(st.one_of(st.floats(-180, 180), st.sampled_from([180.0, -179.999])), st.floats(-75.0, 75.0))
offsets = st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), min_size=1, max_size=25)


@given(spots, offsets, offsets)
@settings(max_examples=150, deadline=None)
def test_distances_are_those_of_the_geodesic(spot: tuple[float, float], old: Any, new: Any) -> None:
    footprint, cells = patch(*spot, old), patch(*spot, new)
    found = beyond_m(footprint, cells)
    for cell, away in zip(cells, found, strict=True):
        assert away == pytest.approx(metres(cell, footprint), rel=0.006, abs=1.0)
    assert np.all(found[np.isin(cells, footprint)] == 0.0)


def test_nothing_lies_beyond_nothing() -> None:
    assert np.isinf(beyond_m(np.empty(0, np.int64), patch(0.0, 0.0, [(0, 0)]))).all()
    assert len(beyond_m(patch(0.0, 0.0, [(0, 0)]), np.empty(0, np.int64))) == 0


fires = st.lists(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20), st.integers(0, 5)), min_size=1, max_size=25),
    min_size=1,
    max_size=4,
)


@given(spots, fires, st.integers(-1, 5))
@settings(max_examples=80, deadline=None)
def test_an_advance_holds_nine_tenths_of_what_joined(spot: tuple[float, float], world: Any, since: int) -> None:
    per_fire = []
    for cells in world:
        own = patch(*spot, [(x, y) for x, y, _ in cells])
        per_fire.append((own, np.resize(np.array([t for *_, t in cells]), len(own))))
    starts = np.concatenate(([0], np.cumsum([len(own) for own, _ in per_fire])))
    cells, births = (np.concatenate(column) for column in zip(*per_fire, strict=True))
    found = advances_m(starts, cells, births, np.full(len(world), since))
    for (own, born), advance in zip(per_fire, found, strict=True):
        old, new = own[born <= since], own[born > since]
        if not len(old):
            assert np.isnan(advance)
        elif not len(new):
            assert advance == 0.0
        else:
            away = np.array([metres(cell, old) for cell in new])
            within, nearer = away <= advance * 1.006 + 1.0, away < advance * 0.994 - 1.0
            assert within.mean() >= ADVANCE_SHARE > nearer.mean()


@given(spots, st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_all_that_lies_nearest_to_an_outside_cell_is_edge(spot: tuple[float, float], shape: Any) -> None:
    own = patch(*spot, shape)
    edge = edges(np.array([0, len(own)]), own)
    outside = np.setdiff1d(patch(*spot, [(x, y) for x in range(-3, 10) for y in range(-3, 10)]), own)
    if len(outside):
        assert beyond_m(own[edge], outside) == pytest.approx(beyond_m(own, outside), abs=1e-6)


def test_what_is_walled_in_is_no_edge_even_where_the_columns_change() -> None:
    for row in (50_000, 50_016, 60_000):  # 50_016 = 32 · 1563: the first row of a group
        n, below = (int(grid().cols[r >> 5]) for r in (row, row - 1))
        block = [(row + r) << COL_BITS | (n // 3 + c) for r in range(3) for c in range(12)]
        middle = round((n // 3) * below / n)
        block += [(row - 1) << COL_BITS | (middle + c) for c in range(-3, 16)]
        cells = np.array(sorted(block))
        inside = np.flatnonzero(~edges(np.array([0, len(cells)]), cells))
        rows = set((cells[inside] >> COL_BITS).tolist())
        assert row + 1 in rows
        assert row in rows
        assert row + 2 not in rows
