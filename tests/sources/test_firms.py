"""FIRMS: every form says the same, and every fault has its name."""

import json
from pathlib import Path

import numpy as np
import pytest

from almenara.model.observations import Confidence, HeatClass, detection_keys
from almenara.sources.firms import SOURCE
from almenara.sources.firms.versions import UNKNOWN, rank
from tests.sources.samples import (
    ARCHIVE,
    CURRENT,
    DAILY,
    DAILY_HEADER,
    FEDS,
    GEOJSON,
    GEOJSON_NESTED,
    JSON_LIST,
    MODIS,
    changed,
    read,
    read_whole,
)

VIIRS_FORMS = {
    "daily": DAILY,
    "current": CURRENT,
    "archive": ARCHIVE,
    "list": JSON_LIST,
    "geojson": GEOJSON,
    "nested": GEOJSON_NESTED,
}


@pytest.mark.parametrize("form", VIIRS_FORMS)
def test_all_forms_say_the_same(form: str, tmp_path: Path) -> None:
    table, rejections = read_whole(SOURCE, VIIRS_FORMS[form], tmp_path)
    assert rejections == []
    first, second = table.to_pylist()
    hi, lo = detection_keys(
        "S-NPP",
        "VIIRS",
        np.array([first["time"].timestamp() // 60], np.int64),
        np.array([-78.50002]),
        np.array([-0.25001]),
    )
    assert (first["key_hi"], first["key_lo"]) == (hi[0], lo[0])
    assert first["time"].isoformat() == "2026-08-14T06:33:00+00:00"
    assert (first["lon"], first["lat"]) == (-78.50002, -0.25001)
    assert (first["across_m"], first["along_m"]) == pytest.approx((550, 680))
    assert first["value"] == pytest.approx(4.26)
    assert (first["platform"], first["instrument"], first["status"]) == ("S-NPP", "VIIRS", "current")
    assert second["platform"] == "NOAA-20"
    assert [row["confidence"] for row in (first, second)] == [Confidence.NOMINAL, Confidence.HIGH]
    expected = [HeatClass.VEGETATION, HeatClass.STATIC] if form == "archive" else [HeatClass.UNKNOWN] * 2
    assert [row["heat_class"] for row in (first, second)] == expected
    assert np.isnan(first["depth_km"])


def test_modis_has_classes_of_confidence_and_unpadded_times(tmp_path: Path) -> None:
    table, rejections = read_whole(SOURCE, MODIS, tmp_path)
    assert rejections == []
    assert table["platform"].to_pylist() == ["Aqua", "Terra"]
    assert table["confidence"].to_pylist() == [Confidence.LOW, Confidence.HIGH]
    assert [str(time)[11:16] for time in table["time"].to_pylist()] == ["00:05", "00:33"]
    table, _ = read_whole(SOURCE, changed(MODIS, confidence="30", scan="", track=""), tmp_path)
    assert table["confidence"].to_pylist()[0] == Confidence.NOMINAL
    assert table["across_m"].to_pylist()[0] == table["along_m"].to_pylist()[0] == 1000


def test_feds(tmp_path: Path) -> None:
    table, rejections = read_whole(SOURCE, FEDS, tmp_path)
    assert rejections == []
    assert table["platform"].to_pylist() == ["S-NPP"] * 2
    assert table["across_m"].to_pylist() == pytest.approx([550, 410])
    assert table["along_m"].to_pylist() == pytest.approx([680, 370])
    assert table["confidence"].to_pylist() == [Confidence.NOMINAL] * 2
    assert [str(time)[:16] for time in table["time"].to_pylist()] == ["2026-08-14 06:33", "2026-08-14 18:05"]


def test_columns_in_any_order_and_more_of_them(tmp_path: Path) -> None:
    def rows_of(content: str) -> str:
        # Unknown numbers are NaN, which equals nothing: compared as text.
        return str(read_whole(SOURCE, content, tmp_path)[0].to_pylist())

    turned = "\n".join(",".join([*reversed(line.split(",")), "more"]) for line in CURRENT.splitlines())
    assert rows_of(turned) == rows_of(CURRENT)
    semicolons = CURRENT.replace(",", ";").replace(".", ",").replace("2,0NRT", "2.0NRT")
    assert rows_of(semicolons) == rows_of(CURRENT)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"latitude": ""}, "latitude-missing"),
        ({"latitude": "N/A"}, "latitude-unreadable"),
        ({"latitude": "nan"}, "latitude-unreadable"),
        ({"latitude": "-94.2", "longitude": "-100"}, "latitude-out-of-range"),
        ({"latitude": "900"}, "latitude-out-of-range"),
        ({"latitude": "-120.5", "longitude": "38.1"}, "coordinates-look-swapped"),
        ({"longitude": ""}, "longitude-missing"),
        ({"longitude": "inf"}, "longitude-unreadable"),
        ({"longitude": "180.1"}, "longitude-out-of-range"),
        ({"latitude": "0", "longitude": "-0.0"}, "coordinates-both-zero"),
        ({"acq_date": ""}, "date-missing"),
        ({"acq_date": "2026-02-30"}, "date-unreadable"),
        ({"acq_date": "14 August"}, "date-unreadable"),
        ({"acq_date": "8/9/2026"}, "date-ambiguous"),
        ({"acq_date": "1999-12-31"}, "time-before-range"),
        ({"acq_date": "2031-08-14"}, "time-in-the-future"),
        ({"acq_time": "2561"}, "clock-unreadable"),
        ({"acq_time": ""}, "clock-unreadable"),
        ({"acq_time": "-5"}, "clock-unreadable"),
        ({"satellite": "Sputnik"}, "satellite-unknown"),
        ({"satellite": ""}, "satellite-unknown"),
        ({"satellite": "GOES-16", "instrument": "ABI"}, "satellite-unknown"),
        ({"satellite": "Aqua"}, "instrument-unknown"),
        ({"instrument": "SEVIRI"}, "instrument-unknown"),
        ({"confidence": "sure"}, "confidence-unreadable"),
        ({"confidence": "87"}, "confidence-unreadable"),
        ({"frp": "hot"}, "power-unreadable"),
        ({"frp": "-3"}, "power-out-of-range"),
        ({"scan": "wide"}, "footprint-unreadable"),
        ({"track": "0"}, "footprint-out-of-range"),
        ({"scan": "375"}, "footprint-out-of-range"),
    ],
)  # fmt: skip
def test_each_fault_has_its_name(values: dict[str, str], reason: str, tmp_path: Path) -> None:
    content = changed(CURRENT, **values)
    table, rejections = read_whole(SOURCE, content, tmp_path)
    assert table.num_rows == 1, "the sound row is read all the same"
    assert [(rejection.line, rejection.reason) for rejection in rejections] == [(2, reason)]
    assert reason in SOURCE.reasons
    assert rejections[0].raw.decode() == content.splitlines()[1]
    shown = next(value for value in values.values())
    assert shown in rejections[0].detail


def test_a_bad_type_and_a_bad_per_cent(tmp_path: Path) -> None:
    assert [r.reason for r in read_whole(SOURCE, changed(ARCHIVE, type="7"), tmp_path)[1]] == ["type-unknown"]
    assert [r.reason for r in read_whole(SOURCE, changed(MODIS, confidence="101"), tmp_path)[1]] == [
        "confidence-unreadable"
    ]


def test_what_is_missing_but_not_needed(tmp_path: Path) -> None:
    content = changed(CURRENT, frp="", scan="", track="", confidence="", version="")
    table, rejections = read_whole(SOURCE, content, tmp_path)
    assert rejections == []
    row = table.to_pylist()[0]
    assert np.isnan(row["value"])
    assert (row["across_m"], row["along_m"]) == (375, 375)
    assert (row["confidence"], row["version"]) == (Confidence.NOMINAL, UNKNOWN)


@pytest.mark.parametrize(
    ("satellite", "platform"),
    [("N", "S-NPP"), ("1", "NOAA-20"), ("N20", "NOAA-20"), ("J1", "NOAA-20"), ("2", "NOAA-21"), ("N21", "NOAA-21"),
     ("Suomi NPP", "S-NPP"), ("noaa-21", "NOAA-21")],
)  # fmt: skip
def test_viirs_platforms(satellite: str, platform: str, tmp_path: Path) -> None:
    for content in (DAILY, CURRENT):
        table, rejections = read_whole(SOURCE, changed(content, satellite=satellite), tmp_path)
        assert rejections == []
        assert table["platform"].to_pylist()[0] == platform


def test_a_digit_names_a_satellite_of_viirs_only(tmp_path: Path) -> None:
    no_instrument = "\n".join(
        ",".join(field for i, field in enumerate(line.split(",")) if i != 8) for line in MODIS.splitlines()
    )
    _, rejections = read_whole(SOURCE, changed(no_instrument, satellite="1"), tmp_path)
    assert [rejection.reason for rejection in rejections] == ["satellite-unknown"]
    table, rejections = read_whole(SOURCE, no_instrument, tmp_path)
    assert (table["instrument"].to_pylist(), rejections) == (["MODIS", "MODIS"], [])


def test_longitude_180_is_one_place(tmp_path: Path) -> None:
    east = read_whole(SOURCE, changed(CURRENT, longitude="180"), tmp_path)[0].to_pylist()[0]
    west = read_whole(SOURCE, changed(CURRENT, longitude="-180"), tmp_path)[0].to_pylist()[0]
    assert str(east) == str(west)
    assert east["lon"] == -180


def test_versions_rank() -> None:
    order = ["", "2.0URT", "2.0RT", "1.0NRT", "2.0NRT", "6.0NRT", "6.1NRT", "1", "2", "6", "6.03", "61"]
    ranks = [rank(version) for version in order]
    assert ranks == sorted(set(ranks))
    assert rank("strange") == UNKNOWN
    assert rank(" 2.0nrt ") == rank("2.0NRT")


HEADER, ROW = CURRENT.splitlines()[:2]
SLASHES = "\n".join([HEADER, *(ROW.replace("2026-08-14", day) for day in ("{}", "8/9/2026", "7/7/2026"))])


@pytest.mark.parametrize(
    ("telling", "days"),
    [
        ("8/14/2026", ["2026-08-14", "2026-08-09", "2026-07-07"]),
        ("14/8/2026", ["2026-08-14", "2026-09-08", "2026-07-07"]),
        ("8/8/2026", ["2026-08-08", "2026-07-07"]),
    ],
)
def test_a_spreadsheet_tells_its_order_of_day_and_month(telling: str, days: list[str], tmp_path: Path) -> None:
    for rows_max in (1000, 1):
        pieces = read(SOURCE, SLASHES.format(telling), tmp_path, rows_max)
        found = [str(time)[:10] for piece in pieces for time in piece.observations["time"].to_pylist()]
        assert found == days
        reasons = [rejection.reason for piece in pieces for rejection in piece.rejections]
        assert reasons == ["date-ambiguous"] * (3 - len(days))


def test_one_damaged_date_decides_nothing(tmp_path: Path) -> None:
    dates = [f"8/{day}/2026" for day in range(1, 32)] * 2 + ["31/8/2026"]
    content = "\n".join([HEADER, *(ROW.replace("2026-08-14", day) for day in dates)])
    table, rejections = read_whole(SOURCE, content, tmp_path)
    assert table.num_rows == 62
    assert [(rejection.line, rejection.reason) for rejection in rejections] == [(64, "date-unreadable")]


def test_a_broken_off_json_is_read_up_to_the_break(tmp_path: Path) -> None:
    for content in (GEOJSON, GEOJSON_NESTED, JSON_LIST):
        cut = content[: content.rindex("275.6")]
        table, rejections = read_whole(SOURCE, cut, tmp_path)
        assert table.num_rows == 1
        assert [(rejection.line, rejection.reason) for rejection in rejections] == [(2, "json-cut-off")]
    _, rejections = read_whole(SOURCE, GEOJSON[:100], tmp_path)
    assert [(rejection.line, rejection.reason) for rejection in rejections] == [(0, "json-malformed")]


def test_items_that_are_no_detections(tmp_path: Path) -> None:
    good = json.loads(JSON_LIST)
    content = json.dumps([good[0], 7, {"latitude": {"deg": 1}}, None, "x", good[1]])
    table, rejections = read_whole(SOURCE, content, tmp_path)
    assert table.num_rows == 2
    assert [(rejection.line, rejection.reason) for rejection in rejections] == [
        (2, "item-unreadable"),
        (3, "latitude-unreadable"),
        (4, "item-unreadable"),
        (5, "item-unreadable"),
    ]


def test_a_feature_without_properties_of_position_has_a_geometry(tmp_path: Path) -> None:
    collection = json.loads(GEOJSON)
    for feature in collection["features"]:
        del feature["properties"]["latitude"], feature["properties"]["longitude"]
    table, rejections = read_whole(SOURCE, json.dumps(collection), tmp_path)
    assert (table["lat"].to_pylist(), rejections) == ([-0.25001, -0.25301], [])


def test_an_empty_collection_is_recognised_by_its_name() -> None:
    empty = b'{\n "features": [],\n "type": "FeatureCollection"\n}\n'
    assert SOURCE.recognises(empty, "modis-24h.geojson")
    assert not SOURCE.recognises(empty, "all_day.geojson")
    assert SOURCE.recognises(f"{DAILY_HEADER}\n".encode(), "anything")
