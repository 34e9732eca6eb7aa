"""What the place index must answer, by brute force with Karney's algorithm, and where it is asked."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod

from almenara.kernels.matches import Matches

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
