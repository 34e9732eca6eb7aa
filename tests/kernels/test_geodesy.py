"""The series, the bounds and Vincenty's formula against Karney's geodesic, everywhere on the Earth."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import Geod

from almenara.kernels import geodesy
from almenara.kernels.jit import compiled

WGS84 = Geod(ellps="WGS84")
Floats = NDArray[np.float64]


def pairs(count: int, reach: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Points all over the Earth, a third close to a pole, and others at most `reach` metres away."""
    rng = np.random.default_rng(int(reach))
    lon, lat = rng.uniform(-180.0, 180.0, count), rng.uniform(-90.0, 90.0, count)
    polar = slice(0, count // 3)
    lat[polar] = np.sign(lat[polar]) * (90.0 - 10.0 ** rng.uniform(-9.0, 0.0, count // 3))
    lon[::7], lat[::11], lat[::101] = 180.0, 0.0, 90.0
    to_lon, to_lat, _ = WGS84.fwd(lon, lat, rng.uniform(0.0, 360.0, count), reach * rng.random(count) ** 0.3)
    return lon, lat, np.asarray(to_lon), np.asarray(to_lat)


@compiled
def box_distances(lon: Floats, lat: Floats, to_lon: Floats, to_lat: Floats, width: float, height: float) -> Floats:
    result = np.empty(len(lon))
    for i in range(len(lon)):
        box = (lon[i], lat[i], min(lon[i] + width, 180.0), min(lat[i] + height, 90.0))
        south, north = geodesy.expand(box[1]), geodesy.expand(box[3])
        result[i] = geodesy.box_distance(box, south, north, to_lon[i], to_lat[i], 1e9)
    return result


@compiled
def long_distances(lon: Floats, lat: Floats, to_lon: Floats, to_lat: Floats) -> Floats:
    result = np.empty(len(lon))
    for i in range(len(lon)):
        result[i] = geodesy.long_distance(lon[i], lat[i], to_lon[i], to_lat[i])
    return result


@compiled
def unit_chords2(lon: Floats, lat: Floats, to_lon: Floats, to_lat: Floats) -> Floats:
    result = np.empty(len(lon))
    for i in range(len(lon)):
        s1, c1 = geodesy.reduced(lat[i])
        s2, c2 = geodesy.reduced(to_lat[i])
        result[i] = geodesy.sphere_chord2(s1, c1, s2, c2, (to_lon[i] - lon[i]) * geodesy.RAD)
    return result


@pytest.mark.parametrize(
    ("reach", "error"), [(1e-3, 5e-9), (1.0, 5e-9), (300.0, 5e-9), (20_000.0, 1e-8), (50_000.0, 1e-6)]
)
@pytest.mark.parametrize("size", [0.0, 0.01])
def test_the_series_agrees_with_karney(reach: float, error: float, size: float) -> None:
    lon, lat, to_lon, to_lat = pairs(60_000, reach)
    box = (lon, lat, np.minimum(lon + size, 180.0), np.minimum(lat + size, 90.0))
    truth = geodesy.karney(*geodesy.clamp(box, to_lon, to_lat), to_lon, to_lat)
    near = truth <= reach  # clamped within a box, a point may be nearer to another side of the pole
    found = box_distances(lon, lat, to_lon, to_lat, size, size)
    assert np.abs(found - truth)[near].max() < error


def test_identical_points_are_at_no_distance() -> None:
    lon, lat, _, _ = pairs(1000, 1.0)
    assert not box_distances(lon, lat, lon, lat, 0.0, 0.0).any()


def test_vincenty_agrees_with_karney_but_for_antipodes() -> None:
    lon, lat, to_lon, to_lat = pairs(20_000, 1.9e7)
    error = np.abs(long_distances(lon, lat, to_lon, to_lat) - geodesy.karney(lon, lat, to_lon, to_lat))
    assert error.max() < 1e-3
    lon, lat, to_lon, to_lat = pairs(20_000, 1e5)
    error = np.abs(long_distances(lon, lat, to_lon, to_lat) - geodesy.karney(lon, lat, to_lon, to_lat))
    assert error.max() < 2e-6
    antipodes = long_distances(np.array([0.0]), np.array([0.1]), np.array([179.9]), np.array([0.0]))
    assert antipodes[0] == pytest.approx(1.995e7, rel=0.005)


@pytest.mark.parametrize("reach", [1.0, 1e3, 1e6, 2e7])
def test_bounds_hold(reach: float) -> None:
    lon, lat, to_lon, to_lat = pairs(20_000, reach)
    truth = geodesy.karney(lon, lat, to_lon, to_lat)
    chord2 = unit_chords2(lon, lat, to_lon, to_lat)
    assert all(c <= geodesy.chord2_within(s) for c, s in zip(chord2, truth, strict=True))
    angle = 2.0 * np.arcsin(np.minimum(1.0, np.sqrt(chord2) / 2.0))
    assert (truth <= geodesy.EQUATOR_M * angle + 1e-6).all()
    turn = np.abs((to_lon - lon + 180.0) % 360.0 - 180.0)
    lon_bound = np.array([geodesy.lon_reach(y, s) for y, s in zip(lat, truth, strict=True)])
    assert (turn <= lon_bound + 1e-12).all()
    assert (np.abs(to_lat - lat) <= np.degrees([geodesy.lat_reach(s) for s in truth]) + 1e-12).all()
