"""The Ecuador exercise: the same bytes for the same seed, real feed shapes, and every trouble it promises."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import shapely

from almenara.model.errors import UsageError
from almenara.simulation import Delivery, World, find_scenarios, write_world

HOUR_MS = 3_600_000
DAILY = (
    "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,confidence,version,bright_ti5,frp,daynight"
)
CURRENT_VIIRS = (
    "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,instrument,"
    "confidence,version,bright_ti5,frp,daynight"
)
CURRENT_MODIS = CURRENT_VIIRS.replace("bright_ti4", "brightness").replace("bright_ti5", "bright_t31")
DOWNLOAD = (
    "latitude,longitude,brightness,scan,track,acq_date,acq_time,satellite,instrument,"
    "confidence,version,bright_t31,frp,daynight"
)


def bytes_of(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def of_feed(world: World, key: str) -> list[Delivery]:
    return [delivery for delivery in world.deliveries if delivery.feed == key]


def text_of(delivery: Delivery) -> str:
    assert delivery.path is not None
    return delivery.path.read_text(encoding="utf-8")


def at_hour(world: World, key: str, hour: float) -> Delivery:
    """The feed's last delivery not after an hour of the exercise."""
    return [one for one in of_feed(world, key) if one.at_ms <= world.start_ms + hour * HOUR_MS][-1]


def test_same_seed_same_bytes_in_another_process(world: World, world_folder: Path, tmp_path: Path) -> None:
    # Another process has another string hash: whatever leans on set order would differ.
    program = "import sys; from pathlib import Path; from almenara.simulation import write_world as w; "
    program += "w('ecuador', 7, Path(sys.argv[1]))"
    environment = os.environ | {"PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment)  # noqa: S603
    assert bytes_of(tmp_path) == bytes_of(world_folder)


def test_other_seed_other_world(world_folder: Path, world: World, tmp_path: Path) -> None:
    other = write_world("ecuador", 8, tmp_path)
    assert other.truth["fires"] != world.truth["fires"]
    assert bytes_of(tmp_path)["truth.json"] != bytes_of(world_folder)["truth.json"]
    assert [fire["name"] for fire in other.truth["fires"]] == [fire["name"] for fire in world.truth["fires"]]


def test_scenarios_are_found_by_file_name(tmp_path: Path) -> None:
    assert "ecuador" in find_scenarios()
    assert all(name == scenario.name for name, scenario in find_scenarios().items())
    with pytest.raises(UsageError, match="ecuador"):
        write_world("atlantis", 7, tmp_path)


def test_deliveries_are_in_order_and_on_disk(world: World, world_folder: Path) -> None:
    assert world.end_ms - world.start_ms == 72 * HOUR_MS
    assert all(one.at_ms <= two.at_ms for one, two in pairwise(world.deliveries))
    assert all(world.start_ms <= one.at_ms <= world.end_ms for one in world.deliveries)
    named = {one.path for one in world.deliveries if one.path}
    assert named | {world_folder / "truth.json"} == {path for path in world_folder.rglob("*") if path.is_file()}
    assert json.loads((world_folder / "truth.json").read_text(encoding="utf-8")) == world.truth


def texts_of(world: World, key: str) -> list[str]:
    """The feed's different contents, those of a disturbance left out."""
    paths = {one.path: one.note for one in of_feed(world, key) if one.path}
    broken = {path for path, note in paths.items() if note.startswith(f"{key}: ") and not note.endswith("nothing new")}
    return [path.read_text(encoding="utf-8") for path in paths if path not in broken]


@pytest.mark.parametrize(
    ("feed", "header", "confidence"),
    [
        ("firms-s-npp", DAILY, {"low", "nominal", "high"}),
        ("firms-noaa-20", CURRENT_VIIRS, set("lnh")),
        ("firms-modis", CURRENT_MODIS, {str(per_cent) for per_cent in range(101)}),
    ],
)
def test_text_feeds_have_the_real_columns(world: World, feed: str, header: str, confidence: set[str]) -> None:
    names = header.split(",")
    rows = []
    for text in texts_of(world, feed):
        first, *lines = text.splitlines()
        assert first == header
        rows += [dict(zip(names, line.split(","), strict=True)) for line in lines]
    assert {row["confidence"] for row in rows} <= confidence
    assert len({row["confidence"] for row in rows}) >= 3
    times = {row["acq_time"] for row in rows}
    if feed == "firms-s-npp":
        assert all(len(time) == 5 and time[2] == ":" for time in times)
    else:
        assert all(time.isdigit() and not time.startswith("0") for time in times)
        assert {len(time) for time in times} >= {3, 4}


def test_geojson_feed_has_text_properties(world: World) -> None:
    collection = json.loads(text_of(at_hour(world, "firms-noaa-21", 32)))
    assert list(collection) == ["features", "type"]
    assert len(collection["features"]) > 10
    for feature in collection["features"]:
        assert list(feature) == ["geometry", "properties", "type"]
        assert all(isinstance(value, str) for value in feature["properties"].values())
        assert set(DAILY.split(",")) == set(feature["properties"])


def test_pixels_have_the_sizes_of_their_instruments(world: World) -> None:
    for feed, low, high, largest in (("firms-noaa-20", 0.3, 0.85, 0.85), ("firms-modis", 1.0, 4.9, 2.1)):
        rows = [line.split(",") for text in texts_of(world, feed) for line in text.splitlines()[1:]]
        assert all(low <= float(row[3]) <= high for row in rows)
        assert all(low <= float(row[4]) <= largest for row in rows)
        assert len({row[3] for row in rows}) > 5


def test_files_repeat_what_earlier_ones_held(world: World) -> None:
    for feed in ("firms-s-npp", "firms-noaa-20", "firms-modis"):
        rows = Counter(line for text in texts_of(world, feed) for line in text.splitlines()[1:])
        assert sum(count > 1 for count in rows.values()) > 0.3 * len(rows)


def test_late_pass_comes_after_later_looks(world: World) -> None:
    def first_told_h(feed: str, minute: str) -> float:
        told = [one.at_ms for one in of_feed(world, feed) if one.path and f",2026-08-15,{minute}," in text_of(one)]
        return (min(told) - world.start_ms) / HOUR_MS

    assert first_told_h("firms-s-npp", "18:03") - 37.05 > 9.0
    assert first_told_h("firms-noaa-20", "1854") < 43.0  # looked later, was read first


def test_standard_processing_comes_again_under_the_same_positions(world: World) -> None:
    archive, again = of_feed(world, "firms-archive")
    assert text_of(archive).splitlines()[0] == DOWNLOAD
    lines = text_of(again).splitlines()
    assert lines[0] == DOWNLOAD + ",type"
    assert {line.split(",")[10] for line in lines[1:]} == {"2"}
    assert {line.split(",")[-1] for line in lines[1:]} == {"0", "2"}
    before = {tuple(line.split(",")[:2]) for text in texts_of(world, "firms-s-npp") for line in text.splitlines()}
    assert len(lines) > 80
    assert all(tuple(line.split(",")[:2]) in before for line in lines[1:])


def test_troubles_come_as_promised(world: World) -> None:
    silent = Counter(one.feed for one in world.deliveries if one.path is None)
    assert silent == {"firms-noaa-20": 12, "usgs-all-day": 12}
    assert at_hour(world, "firms-noaa-20", 37).path is not None
    assert json.loads(text_of(at_hour(world, "firms-noaa-21", 22)))["features"] == []
    assert len(json.loads(text_of(at_hour(world, "firms-noaa-21", 19)))["features"]) > 10
    nested = json.loads(text_of(at_hour(world, "firms-noaa-21", 34)))
    assert isinstance(nested["features"][0], list)
    with pytest.raises(json.JSONDecodeError):
        json.loads(text_of(at_hour(world, "firms-noaa-21", 53)))
    broken = text_of(at_hour(world, "firms-modis", 29))
    assert "-94.25181" in broken
    assert "2026-02-30" in broken
    assert not broken.endswith("\n")


def test_the_great_quake_is_revised_upward(world: World) -> None:
    told: list[tuple[float, int]] = []
    kinds: set[str] = set()
    for one in of_feed(world, "usgs-all-day"):
        if one.path is None:
            continue
        collection = json.loads(text_of(one))
        assert collection["metadata"]["count"] == len(collection["features"])
        for feature in collection["features"]:
            kinds.add(feature["properties"]["type"])
            said = (feature["properties"]["mag"], feature["properties"]["updated"])
            if feature["id"] == "us7000x902" and said not in told:
                told.append(said)
    assert [magnitude for magnitude, _ in told] == [6.6, 7.0, 7.0]
    assert all(one[1] < two[1] for one, two in pairwise(told))
    assert 18 * 60_000 <= told[1][1] - told[0][1] <= 22 * 60_000
    assert kinds == {"earthquake", "quarry blast"}
    assert world.truth["aftershocks"] >= 15


@pytest.mark.parametrize("seed", [7, 1, 2])
def test_fires_reach_towns_and_meet(seed: int, world: World, tmp_path: Path) -> None:
    truth = world.truth if seed == 7 else write_world("ecuador", seed, tmp_path).truth
    reached = {town["name"] for fire in truth["fires"] for town in fire["towns"]}
    assert {"Vilcabamba", "Malacatos"} <= reached
    assert [merge["fires"] for merge in truth["merges"]] == [["Vilcabamba fire", "Malacatos fire"]]
    assert 30 <= (truth["merges"][0]["at_ms"] - world.start_ms) / HOUR_MS <= 62
    by_kind = {incident["kind"]: incident for incident in truth["incidents"]}
    assert len(truth["incidents"]) == 2
    assert len(by_kind["fire"]["hazards"]) == 2
    assert "us7000x902" in by_kind["earthquake"]["hazards"]
    celica = next(fire for fire in truth["fires"] if fire["name"] == "Celica fire")
    assert celica["towns"] == []
    assert celica["detections"] > 0
    assert truth["static"][0]["hot_days_before"] >= 20


def test_the_flare_reaches_its_town_only_during_the_exercise(world: World) -> None:
    def nearest_m(texts: list[str]) -> float:
        """From the middle of Shushufindi to the nearest edge of a pixel of the flare."""
        rows = [line.split(",") for text in texts for line in text.splitlines() if ",-76.6" in line]
        east = [(float(row[1]) + 76.64491) * 111_320 - 500 * float(row[3]) for row in rows]
        assert len(rows) > 20
        return min(east)

    assert nearest_m([text_of(of_feed(world, "firms-archive")[0])]) > 300
    assert nearest_m(texts_of(world, "firms-noaa-20") + texts_of(world, "firms-s-npp")) < 300


def test_perimeters_grow_and_hold_their_detections(world: World) -> None:
    for fire in world.truth["fires"]:
        areas = [perimeter["area_m2"] for perimeter in fire["perimeters"]]
        assert areas == sorted(areas)
        last: Any = shapely.from_wkt(fire["perimeters"][-1]["wkt"])
        assert last.is_valid
        # 0.001 degree is 111 m: the ignition burns, whatever `simplify` took off the outline.
        assert last.buffer(0.001).contains(shapely.Point(fire["lon"], fire["lat"]))
    loja = shapely.union_all(
        [shapely.from_wkt(fire["perimeters"][-1]["wkt"]) for fire in world.truth["fires"][:2]]
    ).buffer(0.009)
    rows = [row.split(",") for row in text_of(at_hour(world, "firms-noaa-20", 70)).splitlines()[1:]]
    here = [row for row in rows if -79.32 < float(row[1]) < -79.15 and -4.32 < float(row[0]) < -4.15]
    assert len(here) > 30
    assert all(loja.contains(shapely.Point(float(row[1]), float(row[0]))) for row in here)


def test_the_real_sources_read_every_content(world: World) -> None:
    from almenara import sources

    plugins = sources.find_all()
    assert {one.source for one in world.deliveries} <= set(plugins)
    rows: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for path, delivery in {one.path: one for one in world.deliveries}.items():
        if path is None:
            continue
        source = plugins[delivery.source]
        content = path.read_bytes()
        disturbed = any(name in delivery.note for name in ("nested-too-deep", "cut-off"))
        assert disturbed or source.recognises(content[:65536], path.name), path.name
        for piece in source.parse(path, received_ms=delivery.at_ms, rows_max=50):
            rows[delivery.feed] += piece.observations.num_rows
            read[delivery.note] += piece.observations.num_rows
            refused[delivery.note] += len(piece.rejections)
    assert set(rows) >= {
        "firms-s-npp",
        "firms-noaa-20",
        "firms-noaa-21",
        "firms-modis",
        "firms-archive",
        "usgs-all-day",
    }
    assert {note for note, count in refused.items() if count} - {"firms-noaa-21: nested-too-deep"} == {
        "firms-modis: broken-rows",
        "firms-noaa-21: cut-off",
    }
    # What is nested too deep may be read or refused, but it is never "no fire".
    assert read["firms-noaa-21: nested-too-deep"] + refused["firms-noaa-21: nested-too-deep"] > 0
