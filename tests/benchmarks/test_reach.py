"""The reach benchmark: its scores against brute force, its halves, and cases that know nothing of the future."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.reach import CLASSES, calibrate, of_class, report
from benchmarks.reach_cases import CASES_MAX, Case, Followed, Outcome, follow, in_calibration
from benchmarks.reach_scores import ALERT_M, METHODS, QUANTITIES, band_km2, scattered, score, tally
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.test_advance import metres, patch

from almenara.kernels.advance import beyond_m
from almenara.kernels.grid import areas_km2
from almenara.simulation.synthetic import generate_fires, write_firms_csv
from almenara.stages.reach_bands import FIRES_MIN, HORIZONS_H

NAMES = list(METHODS)


def a_case(old: Any, new: Any, *, advance: float = 400.0, fire: str = "fire-1", minute: int = 1000) -> Case:
    footprint, cells = patch(-79.2, -4.2, old), patch(-79.2, -4.2, new)
    cells = np.setdiff1d(cells, footprint)
    births = minute + 300 + 60 * np.arange(len(cells))
    outcome = Outcome(footprint, cells, births.astype(np.int64), beyond_m(footprint, cells))
    return Case(fire, minute, fine=True, advance_m=advance, outcomes={2: outcome})


shapes = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=20)


@given(shapes, shapes, st.sampled_from([0.0, 400.0, 1_000.0, 2_000.0]))
@settings(max_examples=40, deadline=None)
def test_tallies_are_those_of_brute_force(old: Any, new: Any, radius: float) -> None:
    case = a_case(old, new)
    outcome = case.outcomes[2]
    found = dict(zip(QUANTITIES, tally([case], 2, lambda *_: radius), strict=True))
    away = [metres(cell, outcome.footprint) for cell in outcome.new]
    if any(abs(d - radius) < 8.0 for d in away):
        return  # on the very edge
    area = areas_km2(outcome.new)
    inside = np.array([d <= radius for d in away], bool)
    assert found["held"] == inside.all()
    assert found["hit"] == pytest.approx(area[inside].sum())
    assert found["part"] == pytest.approx(area[inside].sum() / area.sum() if len(area) else 0.0)
    told = missed = false = 0
    lead = 0.0
    for cell, distance in zip(*scattered(case, outcome.footprint), strict=True):
        hours = [
            (birth - case.minute) / 60.0
            for burnt, birth in zip(outcome.new, outcome.births, strict=True)
            if beyond_m(np.array([burnt]), np.array([cell]))[0] <= ALERT_M
        ]
        assert distance > ALERT_M
        told += bool(hours) and distance <= radius
        missed += bool(hours) and distance > radius
        false += not hours and distance <= radius
        lead += min(hours) if hours and distance <= radius else 0.0
    assert (found["told"], found["missed"], found["false"]) == (told, missed, false)
    assert found["lead"] == pytest.approx(lead)


def test_the_area_of_a_band_is_that_of_a_buffer() -> None:
    square = patch(0.0, 0.0, [(x, y) for x in range(20) for y in range(20)])
    side = np.sqrt(areas_km2(square).sum())
    assert band_km2(square, 1_000.0) == pytest.approx(4 * side + np.pi, rel=0.02)
    assert band_km2(square, 0.0) == 0.0


def test_every_fire_weighs_the_same() -> None:
    near, far = [(1, 0)], [(30, 0)]
    cases = {"fire-1": [a_case([(0, 0)], near, fire=f"c{k}") for k in range(9)], "fire-2": [a_case([(0, 0)], far)]}
    found = score(cases, 2, METHODS["1 km"])
    assert found is not None
    assert (found.fires, found.cases) == (2, 10)
    assert found.values["reliability"][0] == found.values["coverage"][0] == 0.5
    low, high = found.values["reliability"][1:]
    assert (low, high) == (0.0, 1.0)
    assert score(cases, 0, METHODS["1 km"]) is None


def test_baselines_are_nested() -> None:
    case = a_case([(0, 0)], [(1, 0)])
    radii = {name: method(case, 2) for name, method in METHODS.items()}
    assert radii["persistence"] == 0.0 < radii["1 km"] < radii["2 km"]
    assert radii["P50"] <= radii["P80"] <= radii["P95"]
    assert radii["own q90 + 250 m"] == 650.0


def test_a_fire_keeps_its_half_and_both_halves_are_alike_in_size() -> None:
    names = [f"fire-20240101-{k:012d}" for k in range(4_000)]
    assert np.mean([in_calibration(name) for name in names]) == pytest.approx(0.5, abs=0.03)
    assert in_calibration(names[7]) == in_calibration(str(names[7]))


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    path = tmp_path_factory.mktemp("fires") / "fires.csv"
    write_firms_csv(generate_fires(6_000, seed=3, days=4.0, pixels_a_fire=25.0), path)
    return follow([path])


def test_cases_know_the_past_and_are_scored_on_the_future(followed: Followed) -> None:
    assert followed.fires > 100 < len(followed.cases)
    for own in followed.cases.values():
        assert 0 < len(own) <= CASES_MAX
        for case in own:
            for h, outcome in case.outcomes.items():
                assert np.all(outcome.births > case.minute)
                assert np.all(outcome.births - case.minute <= 60 * HORIZONS_H[h] + 180)
                assert not np.isin(outcome.new, outcome.footprint).any()
                assert outcome.beyond_m == pytest.approx(beyond_m(outcome.footprint, outcome.new))


def test_from_detections_to_the_report(followed: Followed, tmp_path: Path) -> None:
    some = Followed(dict(list(followed.cases.items())[:40]), followed.fires)
    report(some, tmp_path)
    text = (tmp_path / "reach.md").read_text(encoding="utf-8")
    assert "persistence" in text
    assert "held back" in text
    assert (tmp_path / "reach.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_class_with_few_fires_borrows_and_says_so(followed: Followed) -> None:
    few: dict[str, list[Case]] = {}
    for k in range(FIRES_MIN):
        for own in (True, False):
            case = a_case([(0, 0)], [(1 + k % 7, 0)], advance=400.0 if own else np.nan)
            case.fine = False
            few[f"fire-{k}-{own}"] = [case]
    assert {key: len(of_class(few, *key)) for key in CLASSES} == {
        key: FIRES_MIN * (key[1] == "coarse") for key in CLASSES
    }
    for (_, pixel), scales in calibrate(few).items():
        assert [scale.calibrated for scale in scales] == [False, False, pixel == "coarse"]
        assert scales[0].values == scales[1].values == scales[2].values
        assert scales[2].fires == (FIRES_MIN if pixel == "coarse" else 0)
    with pytest.raises(SystemExit, match="honestly"):
        calibrate(dict(list(few.items())[:20]))
