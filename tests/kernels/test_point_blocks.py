"""Points measured a block at a time give what they give one by one, and what brute force gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.kernels.brute_force import CALM, CENTRES, Floats, assert_same, centres, distances, scatter

from almenara.kernels.matches import Matches
from almenara.kernels.place_index import LAYER_CUTS_M, PlaceIndex

SHORT = st.floats(0.0, 1_400.0)
WIDE_M = 30_000.0


def one_by_one(index: PlaceIndex, lon: Floats, lat: Floats, reach: Floats | None, footprint: Floats) -> Matches:
    """`within`, where every second query is far away and sees so far that no block can be measured together."""
    far_lon, far_lat = np.where(lon > 0.0, lon - 180.0, lon + 180.0), -lat
    far_lat = np.where(np.abs(lat) < 5.0, 45.0, far_lat)
    x, y = (np.stack([of, other], axis=1).ravel() for of, other in ((lon, far_lon), (lat, far_lat)))
    wide = np.stack([footprint, np.full(len(lon), WIDE_M)], axis=1).ravel()
    found = index.within(x, y, None if reach is None else np.repeat(reach, 2), footprint_m=wide)
    mine = found.observation % 2 == 0
    assert mine.all(), "nothing lies near the far ones"
    return Matches(found.observation // 2, found.place, found.distance_m)


def assert_equal(together: Matches, single: Matches) -> None:
    np.testing.assert_array_equal(together.observation, single.observation)
    np.testing.assert_array_equal(together.place, single.place)
    np.testing.assert_array_equal(together.distance_m, single.distance_m)


def asked(seed: int, count: int, centre: tuple[float, float], spread_m: float) -> tuple[Floats, Floats, Floats]:
    """Queries, one of them NaN, and their footprints, half of them none."""
    rng = np.random.default_rng(seed)
    lon, lat = scatter(seed, count, centre, spread_m)
    lon[count // 2] = np.nan
    return lon, lat, rng.uniform(0.0, 400.0, count) * (rng.random(count) < 0.5)


@CALM
@given(st.integers(0, 1 << 32), centres, SHORT, st.integers(3, 12))
def test_a_block_is_its_queries_one_by_one(
    seed: int, centre: tuple[float, float], longest: float, decimals: int
) -> None:
    spread = 2.0 * longest + 500.0
    lon, lat = (np.round(part, decimals) for part in scatter(seed, 300, centre, spread))
    x, y, footprint = asked(seed + 1, 150, centre, spread)
    x[:9], y[:9] = lon[:9], lat[:9]
    reach = longest * np.random.default_rng(seed).random(len(x))
    index = PlaceIndex.build(lon, lat)
    together = index.within(x, y, reach, footprint_m=footprint)
    truth = np.maximum(distances(x, y, lon, lat) - footprint[:, None], 0.0)
    assert_same(together, truth, reach[:, None])
    assert_equal(together, one_by_one(index, x, y, reach, footprint))


@CALM
@given(st.integers(0, 1 << 32), centres, st.sampled_from([(900.0,), (300.0, 5_000.0), (300.0, 5_000.0, 20_000.0)]))
def test_layers_of_places_with_their_own_distances(
    seed: int, centre: tuple[float, float], kinds: tuple[float, ...]
) -> None:
    assert len(kinds) <= 1 + len(LAYER_CUTS_M)
    rng = np.random.default_rng(seed)
    lon, lat = scatter(seed, 300, centre, 3_000.0)
    alert: NDArray[np.float64] = rng.choice(np.array(kinds), 300) * rng.uniform(0.7, 1.0, 300)
    x, y, footprint = asked(seed + 1, 150, centre, 6_000.0)
    index = PlaceIndex.build(lon, lat, alert_distance_m=alert)
    together = index.within(x, y, footprint_m=footprint)
    assert_same(together, np.maximum(distances(x, y, lon, lat) - footprint[:, None], 0.0), alert[None, :])
    assert_equal(together, one_by_one(index, x, y, None, footprint))


@pytest.mark.parametrize("centre", CENTRES)
def test_more_points_than_one_block_has_room_for(centre: tuple[float, float]) -> None:
    lon, lat = scatter(3, 4_000, centre, 1_000.0)
    x, y, footprint = asked(4, 130, centre, 1_500.0)
    reach = np.full(130, 250.0)
    index = PlaceIndex.build(lon, lat)
    together = index.within(x, y, reach, footprint_m=footprint)
    assert len(together.place) > 5_000
    assert_same(together, np.maximum(distances(x, y, lon, lat) - footprint[:, None], 0.0), reach[:, None])
    assert_equal(together, one_by_one(index, x, y, reach, footprint))
