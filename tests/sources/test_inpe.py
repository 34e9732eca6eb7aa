"""INPE's focos: the same detection as FIRMS has the same key."""

from pathlib import Path

import numpy as np
import pytest

from almenara.model.observations import Confidence
from almenara.sources.firms import SOURCE as FIRMS
from almenara.sources.firms.versions import rank
from almenara.sources.inpe import SOURCE
from tests.sources.samples import CURRENT, INPE, changed, read_whole


def test_a_detection_seen_through_both_feeds_is_one(tmp_path: Path) -> None:
    inpe, rejections = read_whole(SOURCE, INPE, tmp_path)
    assert rejections == []
    firms, _ = read_whole(FIRMS, CURRENT, tmp_path)
    for column in ("key_hi", "key_lo", "platform", "instrument", "time"):
        assert inpe[column].to_pylist()[:2] == firms[column].to_pylist()
    assert max(inpe["version"].to_pylist()) < min(rank(""), *firms["version"].to_pylist())


def test_what_inpe_says(tmp_path: Path) -> None:
    first, second, third = read_whole(SOURCE, INPE, tmp_path)[0].to_pylist()
    assert first["value"] == pytest.approx(4.2)
    assert np.isnan(second["value"])
    assert np.isnan(third["value"]), "INPE writes −999 for unknown"
    assert [row["across_m"] for row in (first, second, third)] == [375, 375, 2000]
    assert [row["confidence"] for row in (first, third)] == [Confidence.NOMINAL, Confidence.LOW]
    assert [row["label"] for row in (first, second, third)] == [
        "PORTO VELHO, RONDÔNIA",
        "ACRE",
        "MISSÃO VELHA, A, ACRE",
    ]
    assert first["reference"] == "a1"


@pytest.mark.parametrize(
    ("satellite", "platform", "instrument"),
    [
        ("NOAA-21", "NOAA-21", "VIIRS"),
        ("NPP-375", "S-NPP", "VIIRS"),
        ("AQUA_M-T", "Aqua", "MODIS"),
        ("TERRA_M-M", "Terra", "MODIS"),
        ("GOES-19", "GOES-19", "ABI"),
        ("METOP-B", "METOP-B", "AVHRR"),
        ("MSG-03", "MSG-03", "SEVIRI"),
        ("NOAA-18D", "NOAA-18", "AVHRR"),
        ("NOAA-19", "NOAA-19", "AVHRR"),
        ("GOES-13", "GOES-13", "imager"),
    ],
)
def test_satellites(satellite: str, platform: str, instrument: str, tmp_path: Path) -> None:
    row = read_whole(SOURCE, changed(INPE, satelite=satellite), tmp_path)[0].to_pylist()[0]
    assert (row["platform"], row["instrument"]) == (platform, instrument)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"satelite": "LANDSAT-8"}, "satellite-unknown"),
        ({"satelite": "1"}, "satellite-unknown"),
        ({"data_hora_gmt": "2024-09-26"}, "time-unreadable"),
        ({"data_hora_gmt": "2024-13-26 04:59:00"}, "time-unreadable"),
        ({"data_hora_gmt": "1998-09-26 04:59:00"}, "time-before-range"),
        ({"data_hora_gmt": "2099-09-26 04:59:00"}, "time-in-the-future"),
        ({"lat": "-60.1", "lon": "x"}, "longitude-unreadable"),
        ({"lat": "-95", "lon": "-9.5"}, "coordinates-look-swapped"),
        ({"frp": "x"}, "power-unreadable"),
        ({"frp": "-1"}, "power-out-of-range"),
    ],
)
def test_each_fault_has_its_name(values: dict[str, str], reason: str, tmp_path: Path) -> None:
    table, rejections = read_whole(SOURCE, changed(INPE, **values), tmp_path)
    assert table.num_rows == 2
    assert [(rejection.line, rejection.reason) for rejection in rejections] == [(2, reason)]
    assert reason in SOURCE.reasons


def test_municipalities_in_another_encoding_cost_no_row(tmp_path: Path) -> None:
    table, rejections = read_whole(SOURCE, INPE.encode("latin-1"), tmp_path)
    assert (table.num_rows, rejections) == (3, [])


def test_the_export_of_bdqueimadas(tmp_path: Path) -> None:
    content = (
        "DataHora,Satelite,Pais,Estado,Municipio,Bioma,DiaSemChuva,Precipitacao,RiscoFogo,Latitude,Longitude,FRP\n"
        "2026/08/01 04:55:00,NPP-375,Brasil,ACRE,FEIJÓ,Amazônia,1,0,0.5,-8.1,-70.2,3.1\n"
    )
    assert SOURCE.recognises(content.encode(), "export.csv")
    table, rejections = read_whole(SOURCE, content, tmp_path)
    assert (table.num_rows, rejections) == (1, [])
