"""How strongly an earthquake is felt: the published figures, and a law that never turns back on itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from almenara.kernels.intensity import MAGNITUDE_MIN, RINGS, mmi_at, radius_km, sigma_mmi

magnitudes = st.floats(0.0, 9.5)  # the largest ever measured
depths = st.floats(0.0, 700.0)
distances = st.floats(0.0, 3000.0)


def felt(magnitude: float, depth_km: float, distance_km: float) -> float:
    return float(mmi_at(magnitude, depth_km, np.array([distance_km]))[0])


@pytest.mark.parametrize(("magnitude", "reach_km"), [(6.0, 25.0), (7.0, 75.0)])
def test_published_reach_of_mmi_6_at_10_km_depth(magnitude: float, reach_km: float) -> None:
    assert radius_km(magnitude, 10.0, 6.0) == pytest.approx(reach_km, rel=0.06)


@pytest.mark.parametrize(
    ("magnitude", "hypocentral_km", "mmi"),
    # by hand from the equation: M 6 at 30 km: 2.085 + 8.568 − 1.402 ln √(900 + 28.6); M 7 at 100 km: … + 0.078 ln 2
    [(6.0, 30.0, 5.863), (7.0, 100.0, 5.663), (5.0, 10.0, 5.974)],
)
def test_the_equation(magnitude: float, hypocentral_km: float, mmi: float) -> None:
    assert felt(magnitude, hypocentral_km, 0.0) == pytest.approx(mmi, abs=0.002)


@given(magnitudes, depths, distances, st.floats(0.0, 500.0))
def test_farther_is_never_stronger(magnitude: float, depth_km: float, distance_km: float, more: float) -> None:
    assert felt(magnitude, depth_km, distance_km + more) <= felt(magnitude, depth_km, distance_km) + 1e-12


@given(magnitudes, st.floats(0.0, 3.0), st.floats(1.0, 700.0), distances)
def test_a_larger_one_is_never_weaker(magnitude: float, more: float, depth_km: float, distance_km: float) -> None:
    # Right above a source that lies at no depth at all the law itself dips, by less than a tenth, up to M 6.7.
    larger = min(magnitude + more, 9.5)
    assert felt(larger, depth_km, distance_km) >= felt(magnitude, depth_km, distance_km) - 1e-12


@given(st.floats(-5.0, MAGNITUDE_MIN), distances)
def test_a_tremor_does_not_shake_its_epicentre_without_bound(magnitude: float, distance_km: float) -> None:
    assert felt(magnitude, 0.0, distance_km) <= felt(MAGNITUDE_MIN, 0.0, distance_km)
    if magnitude <= 3.0:
        assert radius_km(magnitude, 0.0, 6.0) == 0.0  # nobody is warned of a quarry blast


@given(magnitudes, depths, st.sampled_from(RINGS))
def test_radius_is_the_inverse(magnitude: float, depth_km: float, mmi: float) -> None:
    reach = radius_km(magnitude, depth_km, mmi)
    assert reach >= 0.0
    if reach == 0.0:
        assert felt(magnitude, depth_km, 0.001) < mmi
    else:
        assert felt(magnitude, depth_km, reach) == pytest.approx(mmi, abs=1e-6)
        assert felt(magnitude, depth_km, reach * 1.001 + 0.001) < mmi


@given(magnitudes, depths)
def test_stronger_rings_lie_inside_weaker_ones(magnitude: float, depth_km: float) -> None:
    radii = [radius_km(magnitude, depth_km, mmi) for mmi in RINGS]
    assert radii == sorted(radii, reverse=True)


def test_arrays_of_any_length() -> None:
    assert mmi_at(6.0, 10.0, np.empty(0)).shape == (0,)
    many = mmi_at(6.0, 10.0, np.array([0.0, 50.0, 300.0]))
    assert many.tolist() == [felt(6.0, 10.0, km) for km in (0.0, 50.0, 300.0)]


def test_the_spread_is_the_published_one() -> None:
    assert sigma_mmi(0.0, np.array([0.0, 22.9, 1e6])) == pytest.approx([1.19, 1.005, 0.82], abs=1e-6)
