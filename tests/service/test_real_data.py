"""Whole replays of the real inputs: a world's day, great fires with their mergers, every feed file there is."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.service.running import almenara, assert_done, digest_of, summary_of

from almenara.intake import expand

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SQUARE_KM_BIG = 500.0

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real inputs (../shared/data) are not here"),
]


def given(*names: str) -> list[Path]:
    """Files or folders of the real inputs; the test is skipped where one is missing."""
    paths = [DATA / name for name in names]
    for path in paths:
        if not path.exists():
            pytest.skip(f"{path.relative_to(DATA)} is not among the real inputs")
    return paths


def run(out: Path, paths: list[Path], *options: str, places: str = "geonames:EC") -> dict[str, Any]:
    done = almenara("replay", *paths, "--places", places, "--out", out, *options, timeout_s=300)
    assert_done(done)
    summary = summary_of(out)
    rows = summary["rows"]
    assert rows["accepted"] + rows["superseded"] + rows["rejected"] == rows["read"]
    assert rows["too_late_to_follow"] == 0
    return summary


def fires_of(out: Path) -> list[dict[str, Any]]:
    features = json.loads((out / "hazards.geojson").read_text(encoding="utf-8"))["features"]
    return sorted((f["properties"] for f in features), key=lambda fire: -(fire["area_km2"] or 0.0))


def test_the_world_in_a_day(tmp_path: Path) -> None:
    files = given(
        "firms/SUOMI_VIIRS_C2_Global_VNP14IMGTDL_NRT_2023313.txt",
        "firms/J1_VIIRS_C2_Global_VJ114IMGTDL_NRT_2023313.txt",
    )
    summary = run(tmp_path / "a", files)
    assert summary["rows"]["read"] == 91_887
    assert summary["rows"]["rejected"] == 0
    assert summary["hazards"]["total"] > 20_000
    assert summary["peak_memory_mb"] < 2_000
    turned = run(tmp_path / "b", [*reversed(files), files[0]], "--batch-rows", "9999")
    assert turned["state_digest"] == summary["state_digest"]
    assert turned["rows"]["accepted"] == summary["rows"]["accepted"]


def test_the_creek_fire(tmp_path: Path) -> None:
    run(tmp_path, given("perimeters/feds-creek-2020/preprocessed/SNPP"), places="geonames:US")
    creek = fires_of(tmp_path)[0]
    assert 1_500 <= creek["area_km2"] <= 2_000
    rows = pq.read_table(tmp_path / "timeline.parquet", columns=["hazard_id", "time"]).to_pylist()
    assert len({row["time"] for row in rows if row["hazard_id"] == creek["id"]}) >= 124
    assert fires_of(tmp_path)[1]["area_km2"] < 20, "it is one fire"


def test_hermits_peak_and_calf_canyon_are_one(tmp_path: Path) -> None:
    run(tmp_path, given("firms/modis-c61-nrt-us-southwest-2022-apr-may.csv"), places="geonames:US")
    big = fires_of(tmp_path)[0]
    assert big["area_km2"] > SQUARE_KM_BIG
    assert big["merged_from"]
    rows = pq.read_table(tmp_path / "timeline.parquet", columns=["hazard_id", "change"]).to_pylist()
    merged = {row["hazard_id"] for row in rows if row["change"] == "merged"}
    assert set(big["merged_from"]) <= merged


def test_ecuador(tmp_path: Path) -> None:
    files = given("firms/modis-c61-nrt-ecuador-box.csv")
    summary = run(tmp_path / "a", files)
    assert summary["rows"]["read"] == summary["rows"]["accepted"] == 949
    assert summary["incidents"]["total"] > 20
    twice = run(tmp_path / "b", files * 2)
    assert digest_of(tmp_path / "b") == summary["state_digest"]
    assert twice["rows"]["superseded"] == 949


def test_every_feed_file_is_read_or_refused_by_name(tmp_path: Path) -> None:
    files = expand(given("firms", "inpe", "hazards/usgs"))
    summary = run(tmp_path, files)
    assert summary["rows"]["accepted"] > 180_000
    assert {source["name"] for source in summary["sources"]} >= {"firms", "inpe", "usgs_quakes"}
    asked = {feed["feed"] for feed in summary["feeds"]}
    assert {path.name.removesuffix(".gz") for path in files} == asked
    refused = {feed["feed"] for feed in summary["feeds"] if feed["last_outcome"] == "malformed"}
    assert refused == {"SOURCES.md", "earthquakes-1.json"}
    assert summary["rows"]["rejected_by_reason"] == {"event-type-unknown": 3, "unrecognised-content": 2}
