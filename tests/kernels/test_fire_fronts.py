"""Tiles of fires and their advance against the same from all cells, written from the definitions."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.kernels.test_advance import offsets, patch, spots
from tests.kernels.test_fire_kernel import Sight, tell

from almenara.kernels.advance import beyond_m
from almenara.kernels.fire_fronts import ADVANCE_SHARE, rim_cells, tile_boxes
from almenara.kernels.fire_kernel import FireKernel
from almenara.kernels.grid import COL_BITS, COL_MASK, boxes_of


def in_tiles(cells: Any) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Cells as tiles: positions and bits."""
    row, col = cells >> COL_BITS, cells & COL_MASK
    keys, index = np.unique((row >> 3) << 15 | col >> 3, return_inverse=True)
    bits = np.zeros(len(keys), np.uint64)
    np.bitwise_or.at(bits, index, np.uint64(1) << ((row & 7) << 3 | col & 7).astype(np.uint64))
    return keys, bits


def advance_m(cells: Any, births: Any, since: int) -> float:
    old, new = cells[births <= since], cells[births > since]
    if not len(old):
        return math.nan
    return float(np.sort(beyond_m(old, new))[math.ceil(ADVANCE_SHARE * len(new)) - 1]) if len(new) else 0.0


steps = st.lists(st.tuples(st.integers(-25, 25), st.integers(-25, 25), st.integers(0, 6)), min_size=1, max_size=40)


@given(spots, steps, st.integers(-1, 7))
@settings(max_examples=120, deadline=None)
def test_tiles_and_advances_are_those_of_the_cells(spot: tuple[float, float], world: Any, since: int) -> None:
    """Fires that begin apart, grow and merge, at the antimeridian too."""
    lon, lat = spot
    wide = 0.004 / math.cos(math.radians(lat))
    at = [((lon + x * wide + 180.0) % 360.0 - 180.0, lat + y * 0.004, t) for x, y, t in world]
    tracker = FireKernel()
    tell(tracker, [Sight(t, k, x, y, 375.0, 375.0) for k, (x, y, t) in enumerate(at)])
    fires = tracker.going_on()
    starts, keys, bits, found = tracker.fronts_of(fires, np.full(len(fires), since, np.int64))
    owner, cells, births = tracker.footprints_of(fires)
    for k, fire in enumerate(fires):
        own = owner == fire
        of_cells = in_tiles(cells[own])
        assert keys[starts[k] : starts[k + 1]].tolist() == of_cells[0].tolist()
        assert bits[starts[k] : starts[k + 1]].tolist() == of_cells[1].tolist()
        assert found[k] == pytest.approx(advance_m(cells[own], births[own], since), rel=1e-12, nan_ok=True)


@given(spots, offsets)
@settings(max_examples=100, deadline=None)
def test_a_tile_lies_in_its_box_and_reaches_every_side(spot: tuple[float, float], shape: Any) -> None:
    cells = patch(*spot, shape)
    keys, bits = in_tiles(cells)
    of = np.searchsorted(keys, (cells >> COL_BITS >> 3) << 15 | (cells & COL_MASK) >> 3)
    for number, side in enumerate(tile_boxes(keys, bits)):
        nearest = np.minimum if number < 2 else np.maximum
        expected = np.full(len(keys), np.inf if number < 2 else -np.inf)
        nearest.at(expected, of, boxes_of(cells)[number])
        assert side.tolist() == expected.tolist()


@given(spots, st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_all_that_lies_nearest_to_an_outside_cell_is_of_the_rim(spot: tuple[float, float], shape: Any) -> None:
    own = patch(*spot, shape)
    keys, bits = in_tiles(own)
    rim, tile = rim_cells(keys, bits)
    assert np.isin(rim, own).all()
    assert in_tiles(np.sort(rim))[0].tolist() == keys[np.unique(tile)].tolist() == keys.tolist()
    outside = np.setdiff1d(patch(*spot, [(x, y) for x in range(-3, 10) for y in range(-3, 10)]), own)
    if len(outside):
        assert beyond_m(np.sort(rim), outside) == pytest.approx(beyond_m(own, outside), abs=1e-6)


def test_what_its_tile_walls_in_is_no_rim() -> None:
    full = np.array([0xFFFFFFFFFFFFFFFF], np.uint64)
    assert len(rim_cells(np.array([6250 << 15 | 11250]), full)[0]) == 28
