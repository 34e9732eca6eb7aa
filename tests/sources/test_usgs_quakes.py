"""USGS earthquakes: revisions, retractions, and events that are none."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

from almenara.model import limits
from almenara.model.observations import Confidence, named_key
from almenara.sources import json_items
from almenara.sources.usgs_quakes import SOURCE
from tests.sources.samples import QUAKE, QUAKES, read, read_whole


def quake(**values: Any) -> dict[str, Any]:
    """The sample with other properties; `id` and `geometry` stand beside them."""
    feature: dict[str, Any] = copy.deepcopy(QUAKE)
    for name in ("id", "geometry"):
        if name in values:
            feature[name] = values.pop(name)
    feature["properties"] |= values
    return feature


def at(*coordinates: object) -> dict[str, Any]:
    return {"type": "Point", "coordinates": list(coordinates)}


def test_a_quake(tmp_path: Path) -> None:
    table, rejections = read_whole(SOURCE, QUAKES, tmp_path)
    assert rejections == []
    row = table.to_pylist()[0]
    assert (row["key_hi"], row["key_lo"]) == named_key("usgs/us7000abcd")
    assert row["version"] == 1_780_000_900_000
    assert row["time"].timestamp() == 1_780_000_000
    assert (row["lon"], row["lat"], row["depth_km"]) == (-79.9, 0.01, 20.5)
    assert row["value"] == pytest.approx(5.1)
    assert (row["across_m"], row["along_m"]) == (0, 0)
    assert (row["platform"], row["instrument"], row["status"]) == ("us", "seismic network", "current")
    assert (row["reference"], row["label"]) == ("us7000abcd", "12 km SE of Pedernales, Ecuador")


@pytest.mark.parametrize(
    ("feature", "status"),
    [
        (quake(status="deleted"), "retracted"),
        (quake(status="deleted", mag=None), "retracted"),
        (quake(type="quarry blast"), "no-hazard"),
        (quake(type="Ice Quake"), "no-hazard"),
        (quake(type="other event"), "no-hazard"),
        (quake(type=None), "current"),
        (quake(type="induced or triggered event"), "current"),
    ],
)
def test_status(feature: dict[str, Any], status: str, tmp_path: Path) -> None:
    table, rejections = read_whole(SOURCE, json.dumps(feature), tmp_path)
    assert rejections == []
    assert table["status"].to_pylist() == [status]


def test_what_need_not_be_there(tmp_path: Path) -> None:
    feature = quake(updated=None, place=None, net=None, status="reviewed", geometry=at(180, -15))
    row = read_whole(SOURCE, json.dumps(feature), tmp_path)[0].to_pylist()[0]
    assert row["version"] == 1_780_000_000_000
    assert math.isnan(row["depth_km"])
    assert (row["lon"], row["label"], row["platform"]) == (-180, None, "unknown")
    assert row["confidence"] == Confidence.HIGH


@pytest.mark.parametrize(
    ("feature", "reason"),
    [
        (quake(mag=None), "magnitude-missing"),
        (quake(mag="5"), "magnitude-unreadable"),
        (quake(mag=True), "magnitude-unreadable"),
        (quake(mag=12), "magnitude-out-of-range"),
        (quake(mag=10**300), "magnitude-unreadable"),
        (quake(id=None), "id-missing"),
        (quake(type="Type 1"), "event-type-unknown"),
        (quake(time="yesterday"), "time-unreadable"),
        (quake(time=1.5), "time-unreadable"),
        (quake(time=10**30), "time-unreadable"),
        (quake(updated="x"), "time-unreadable"),
        (quake(time=-(10**15)), "time-before-range"),
        (quake(time=4_000_000_000_000), "time-in-the-future"),
        (quake(geometry=None), "latitude-missing"),
        (quake(geometry=at(-79)), "latitude-missing"),
        (quake(geometry=at(None, 3)), "longitude-missing"),
        (quake(geometry=at(-79, "3")), "latitude-unreadable"),
        (quake(geometry=at(10, -179)), "coordinates-look-swapped"),
        (quake(geometry=at(100, -179)), "latitude-out-of-range"),
        (quake(geometry=at(181, 1)), "longitude-out-of-range"),
        (quake(geometry=at(0, 0)), "coordinates-both-zero"),
        (quake(geometry=at(1, 1, 9000)), "depth-out-of-range"),
        (quake(geometry=[1, 2]), "item-unreadable"),
        ({"type": "Feature", "id": "x"}, "item-unreadable"),
    ],
)  # fmt: skip
def test_each_fault_has_its_name(feature: dict[str, Any], reason: str, tmp_path: Path) -> None:
    content = json.dumps({"type": "FeatureCollection", "features": [feature, QUAKE]})
    table, rejections = read_whole(SOURCE, content, tmp_path)
    assert table.num_rows == 1
    assert [(rejection.line, rejection.reason) for rejection in rejections] == [(1, reason)]
    assert reason in SOURCE.reasons
    assert json.loads(rejections[0].raw) == feature


def test_json_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_items, "JSON_BYTES_MAX", 100)
    pieces = read(SOURCE, QUAKES, tmp_path)
    assert [(r.line, r.reason) for piece in pieces for r in piece.rejections] == [(0, "json-too-large")]
    assert limits.JSON_BYTES_MAX > 50 * limits.MIB, "the world's quakes of a month are some 10 MB"


def test_an_empty_feed_is_recognised_by_its_address_or_name() -> None:
    assert SOURCE.recognises(b'{"metadata":{"url":"https://earthquake.usgs.gov/x"},"features":[]}', "x")
    assert SOURCE.recognises(b'{"features":[]}', "all_hour.geojson")
    assert not SOURCE.recognises(b'{"features":[]}', "modis.geojson")
