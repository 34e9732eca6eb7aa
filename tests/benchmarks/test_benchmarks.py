"""The benchmarks run to their end on tiny loads, everybody finds the same pairs, and the page is written. No times."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.charts import bars, lines
from benchmarks.datasets import Datasets
from benchmarks.peers.geodesic import boxes, from_candidates
from benchmarks.worker import pair_hash


def measured(name: str, folder: Path) -> tuple[dict[str, Any], str]:
    """What a benchmark wrote, and its page. Peers are those that the tests' own environment has."""
    page = folder / "page.md"
    main([name, "--size", "tiny", "--folder", str(folder), "--peers-python", sys.executable, "--out", str(page)])
    result: dict[str, Any] = json.loads((folder / "tiny" / f"{name}.json").read_text(encoding="utf-8"))
    text = page.read_text(encoding="utf-8")
    for plot in (folder / "page").glob("*.svg"):
        ElementTree.parse(plot)  # noqa: S314
    assert "failed" not in text, text
    return result, text


def test_batch_finds_the_pairs_of_all(tmp_path: Path) -> None:
    result, page = measured("exposure_batch", tmp_path)
    engines = result["cases"][0]["engines"]
    assert {"Almenara", "SciPy cKDTree", "Shapely STRtree"} <= engines.keys()
    assert len({r["hash"] for r in engines.values()}) == 1
    assert engines["Almenara"]["pairs"] > 100
    assert result["edges"]["pairs"] > 1_000
    for name, r in result["edges"]["engines"].items():
        assert (r["missed"], r["wrong"]) == (0, 0), name
        assert r["error_m"] < 1e-6, name
    assert "found the same pairs" in page
    assert "batch-1.svg" in page


def test_stream_finds_the_pairs_of_all(tmp_path: Path) -> None:
    result, page = measured("exposure_stream", tmp_path)
    hundreds = [engine["sizes"][2] for engine in result["cases"][0]["engines"].values()]
    assert len(hundreds) >= 3
    assert len({one["hash"] for one in hundreds}) == 1
    assert hundreds[0]["pairs"] > 10
    assert "found the same pairs" in page


def test_mixed_distances_find_the_pairs_of_every_way(tmp_path: Path) -> None:
    result, page = measured("exposure_distances", tmp_path)
    near, *mixed = (one["pairs"] for one in result["ways"])
    assert 0 < near < mixed[0]
    assert len(set(mixed)) == 1
    assert "| mixed |" in page


def test_polygons_differ_by_what_is_explained(tmp_path: Path) -> None:
    result, page = measured("exposure_polygons", tmp_path)
    pairs = result["engines"]["Almenara"]["pairs"]
    difference = result["differences"]["Shapely STRtree"]
    assert pairs > 50
    assert difference["only_ours"] + difference["only_theirs"] <= 2
    assert "| Shapely STRtree |" in page


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if not name.startswith("exposure_")])
def test_others_write_their_part(tmp_path: Path, name: str) -> None:
    _, page = measured(name, tmp_path)
    title = importlib.import_module(f"benchmarks.{name}").TITLE
    part = page.split(f"## {title}")[1]
    assert part.count("|") > 30


@pytest.mark.parametrize("name", ["exposure_growth", "exposure_incremental"])
def test_growth_writes_its_part(tmp_path: Path, name: str) -> None:
    result, page = measured(name, tmp_path)
    assert "growth-places.svg" in page or "incremental.svg" in page
    for row in result.get("by_places", []):
        assert len({r["hash"] for r in row["engines"].values()}) == 1
        assert row["engines"]["Almenara"]["pairs"] > 10
    for row in result.get("rows", []):
        assert min(row["cells"], row["changes"]) > 0


def test_hash_is_of_the_set() -> None:
    observation, place = np.array([1, 2, 3]), np.array([7, 8, 9])
    assert pair_hash(observation, place) == pair_hash(observation[::-1], place[::-1])
    assert pair_hash(observation, place) != pair_hash(place, observation)
    assert pair_hash(observation, place) != pair_hash(observation[:2], place[:2])


def test_the_peers_distance_is_karneys() -> None:
    """All peers are given the same formula: within 1 µm of PROJ's up to 20 km, everywhere."""
    import pyproj

    dice = np.random.Generator(np.random.PCG64(3))
    n = 20_000
    lon, lat = dice.uniform(-180, 180, n), np.degrees(np.arcsin(dice.uniform(-1, 1, n)))
    geod = pyproj.Geod(ellps="WGS84")
    there = geod.fwd(lon, lat, dice.uniform(0, 360, n), dice.uniform(0, 20_000, n))
    _, _, true = geod.inv(lon, lat, there[0], there[1])
    each = np.arange(n)
    observation, _, metres = from_candidates(each, each, lon, lat, there[0], there[1], 30_000.0)
    assert len(metres) == n
    assert np.abs(metres - true[observation]).max() < 1e-6
    index, west, south, east, north = boxes(lon, lat, 20_000.0)
    x, y = there[0][index], there[1][index]
    held = np.bincount(index, (west <= x) & (x <= east) & (south <= y) & (y <= north), n)
    assert np.all(held >= 1)


def test_places_of_a_seed_are_the_same(tmp_path: Path) -> None:
    one, other = Datasets(tmp_path / "one"), Datasets(tmp_path / "other")
    for name, argument in (("places", 500), ("observations", 500), ("outlines", 50), ("edges", "places")):
        first = np.load(getattr(one, name)(argument))
        assert np.array_equal(first, np.load(getattr(other, name)(argument)))
        assert np.isfinite(first).all()


def test_charts_are_drawings() -> None:
    for svg in (
        bars("a < b", "things", {"x & y": 3.0, "z": 3000.0}),
        lines("title", "right", "up", {"s": [(1.0, 0.001), (1e6, 20.0)]}),
    ):
        root = ElementTree.fromstring(svg)  # noqa: S314
        assert root.tag.endswith("svg")
        assert len(root) > 8
