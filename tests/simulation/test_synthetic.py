"""Seeded fires for benchmarks: deterministic, clustered, everywhere, and writable as FIRMS text."""

from pathlib import Path

import numpy as np
import pytest

from almenara.simulation.synthetic import FirePixels, generate_fires, write_firms_csv


@pytest.fixture(scope="module")
def pixels() -> FirePixels:
    return generate_fires(40_000, seed=5)


def test_same_seed_same_arrays(pixels: FirePixels) -> None:
    again, other = generate_fires(40_000, seed=5), generate_fires(40_000, seed=6)
    for name in FirePixels.__slots__:
        assert np.array_equal(getattr(pixels, name), getattr(again, name))
    assert not np.array_equal(pixels.lon, other.lon)


def test_fires_lie_everywhere(pixels: FirePixels) -> None:
    assert len(pixels) == 40_000
    assert pixels.lon.min() >= -180.0
    assert pixels.lon.max() <= 180.0
    assert np.count_nonzero(pixels.lat > 60) > 500
    assert np.count_nonzero(np.abs(pixels.lon) > 178) > 100
    assert np.all(np.diff(pixels.time_ms) >= 0)
    assert np.all(pixels.time_ms % 60_000 == 0)


def test_a_look_has_one_time_and_one_scan_angle(pixels: FirePixels) -> None:
    largest = np.flatnonzero(pixels.fire == np.bincount(pixels.fire).argmax())
    looks = np.column_stack((pixels.platform[largest], pixels.time_ms[largest]))
    sizes = np.column_stack((looks, pixels.across_m[largest]))
    assert len(np.unique(looks, axis=0)) == len(np.unique(sizes, axis=0)) < len(largest) / 2


@pytest.mark.parametrize(("form", "columns", "time"), [("daily-text", 13, ":"), ("current-csv", 14, "12")])
def test_written_as_firms_text(pixels: FirePixels, tmp_path: Path, form: str, columns: int, time: str) -> None:
    path = tmp_path / "fires.txt"
    write_firms_csv(pixels, path, form)
    lines = path.read_text(encoding="ascii").splitlines()
    assert len(lines) == 1 + np.count_nonzero(pixels.platform < 3)
    assert {line.count(",") for line in lines} == {columns - 1}
    assert time in lines[1].split(",")[6]


def test_no_other_form(pixels: FirePixels, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such form"):
        write_firms_csv(pixels, tmp_path / "x", "xml")
