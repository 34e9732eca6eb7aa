"""Bands of reach: nested, never below the floor, wider with the hours; calibration that covers fires not seen yet."""

import numpy as np
import pytest
from benchmarks.reach import weighted_quantiles
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from almenara.stages.reach_bands import (
    COARSE,
    FINE,
    FIRES_MIN,
    FLOOR_M,
    HORIZON_MAX_H,
    HORIZONS_H,
    LEVELS,
    OWN,
    PRIOR,
    SCALES,
    bands_m,
    calibrated,
    hours_until,
    widened_m,
)

Floats = NDArray[np.float64]
fires = st.tuples(st.booleans(), st.booleans(), st.floats(0.0, 30_000.0))


def bands(own: bool, fine: bool, advance: float) -> Floats:
    return bands_m(np.array([own]), np.array([fine]), np.array([advance if own else np.nan]))


@given(fires, st.floats(0.0, 200.0), st.floats(0.0, 200.0))
def test_bands_are_nested_and_grow_with_hours_and_staleness(
    fire: tuple[bool, bool, float], one: float, other: float
) -> None:
    early, late = sorted((one, other))
    first, then = widened_m(bands(*fire), np.array([early])), widened_m(bands(*fire), np.array([late]))
    for found in (bands(*fire), first, then):
        assert np.all(found >= FLOOR_M)
        assert np.all(np.diff(found, axis=1) >= 0.0)  # P50 within P80 within P95
        assert np.all(np.diff(found, axis=2) >= -1e-9)  # 6 h within 12 h within 24 h
    assert np.all(then >= first - 1e-9)
    assert widened_m(bands(*fire), np.zeros(1)) == pytest.approx(bands(*fire))


@given(st.booleans(), st.floats(0.0, 9_000.0), st.floats(0.0, 9_000.0))
def test_a_faster_fire_reaches_farther(fine: bool, one: float, other: float) -> None:
    slow, fast = sorted((one, other))
    assert np.all(bands(True, fine, fast) >= bands(True, fine, slow))


@given(fires, st.floats(0.0, 60_000.0), st.floats(0.0, 23.9))
def test_a_place_is_met_when_the_band_as_of_then_holds_it(
    fire: tuple[bool, bool, float], metres: float, stale: float
) -> None:
    hours = hours_until(np.array([metres]), bands(*fire))[0]
    assert hours[2] <= hours[1] <= hours[0]  # a higher level meets it no later
    held = metres <= widened_m(bands(*fire), np.array([stale]))[0, :, -1]
    assert np.all(
        held[np.abs(hours - 24.0 - stale) > 1e-6] == (hours <= 24.0 + stale)[np.abs(hours - 24.0 - stale) > 1e-6]
    )
    assert np.all((hours <= HORIZON_MAX_H) | np.isinf(hours))


def test_what_ships_is_what_the_protocol_says() -> None:
    for basis in (OWN, PRIOR):
        for pixel in (FINE, COARSE):
            scales = SCALES[basis, pixel]
            assert len(scales) == len(HORIZONS_H)
            values = np.array([scale.values for scale in scales])
            assert np.all(np.isfinite(values))
            assert values.shape == (len(HORIZONS_H), len(LEVELS))
            assert np.all(np.diff(values, axis=0) >= 0.0)
            assert np.all(np.diff(values, axis=1) >= 0.0)
            assert all(scale.calibrated == (scale.fires >= FIRES_MIN) for scale in scales)
    assert not calibrated(np.array([True]), np.array([True]), np.array([3.0]))[0]  # VIIRS in 6 h: nobody has seen it
    hours = np.array([6.0, 12.0, 13.0, 24.0, 40.0])
    assert calibrated(np.array(True), np.array(True), hours).tolist() == [False, False, False, True, True]
    assert calibrated(np.array(False), np.array(False), hours).all()


@given(st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_calibration_by_fire_covers_a_case_of_a_fire_not_seen_yet(seed: int) -> None:
    """Fires differ in pace, in how variable they are, and in how often they were seen; that must not show."""
    rng = np.random.default_rng(seed)

    def fire() -> list[float]:
        pace = rng.lognormal(0.0, 1.0)
        return [float(pace * x) for x in rng.lognormal(0.0, 0.5, rng.integers(1, 13))]

    covered = []
    for _ in range(150):
        limits = weighted_quantiles([fire() for _ in range(60)])
        fresh = [rng.choice(fire()) for _ in range(20)]
        covered.append([np.mean(np.array(fresh) <= limit) for limit in limits])
    assert np.mean(covered, axis=0) == pytest.approx([level / 100 for level in LEVELS], abs=0.035)


def test_too_few_fires_give_no_limit() -> None:
    assert weighted_quantiles([[1.0]] * 18)[2] == np.inf
    assert weighted_quantiles([[1.0]] * 19)[2] == 1.0
