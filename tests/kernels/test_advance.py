"""Distances beyond a footprint against Karney's geodesic."""

from typing import Any

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from almenara.kernels.advance import beyond_m
from almenara.kernels.grid import boxes_of, cells_of

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
