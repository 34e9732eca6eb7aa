"""Places whatever they come from: the gazetteer, ids, limits, reasons, real files."""

from pathlib import Path

import pytest
from shapely.geometry import Point

from almenara.model.errors import OversizedInput, UsageError
from almenara.model.observations import to_ipc
from almenara.places import REASONS, features, load_places
from tests.places.files import SQUARE, geojson, rows, write

REAL = Path(__file__).parents[3] / "shared" / "data" / "places"


class TestGazetteer:
    def test_a_country(self) -> None:
        places = load_places("geonames:ec")
        found = {row["name"]: row for row in rows(places)}
        assert places.origin == "geonames:EC"
        assert places.attribution == "GeoNames, CC BY 4.0"
        assert 500 < len(found) < 700
        assert found["Quito"]["population"] > 1_000_000
        assert {row["country"] for row in found.values()} == {"EC"}
        assert {row["alert_distance_m"] for row in found.values()} == {300.0}
        assert {row["kind"] for row in found.values()} == {"town"}

    def test_kind_and_distance_of_the_caller_apply(self) -> None:
        (row, *_) = rows(load_places("geonames:AD", kind="parish", alert_distance_m=5_000))
        assert (row["kind"], row["alert_distance_m"]) == ("parish", 5_000.0)

    def test_the_world_is_compact_and_its_ids_are_unique(self) -> None:
        table = load_places("geonames:world").table
        assert table.num_rows > 200_000
        assert table.nbytes < 25_000_000
        assert len(table.column("id").unique()) == table.num_rows

    @pytest.mark.parametrize(
        ("code", "hint"),
        [("Ecuador", "EC (Ecuador)"), ("ECU", "EC (Ecuador)"), ("UK", "GB"), ("Equador", "EC (Ecuador)"), ("", "")],
    )
    def test_an_unknown_code_names_its_neighbours(self, code: str, hint: str) -> None:
        with pytest.raises(UsageError) as caught:
            load_places(f"geonames:{code}")
        assert hint in str(caught.value)

    def test_a_country_without_towns(self) -> None:
        with pytest.raises(UsageError, match="no town in BV"):
            load_places("geonames:BV")

    def test_columns_make_no_sense_there(self) -> None:
        with pytest.raises(UsageError, match="own columns"):
            load_places("geonames:EC", columns={"name": "n"})


class TestIds:
    def test_they_do_not_depend_on_order_or_noise(self, tmp_path: Path) -> None:
        one = load_places(write(tmp_path / "a.csv", "name,lon,lat\nA,1.000001,2\nB,3,4\n"))
        two = load_places(write(tmp_path / "b.csv", "name,lat,lon\nB,4,3\n A ,2,1.000002\n"))
        assert set(one.table.column("id").to_pylist()) == set(two.table.column("id").to_pylist())

    def test_the_second_of_two_is_kept_out(self, tmp_path: Path) -> None:
        places = load_places(write(tmp_path / "a.csv", "id,name,lon,lat\n1,A,1,2\n1,B,3,4\n"))
        assert [row["name"] for row in rows(places)] == ["A"]
        assert places.rejections[0].reason == "duplicate-id"
        assert "row 2" in places.rejections[0].detail

    def test_reading_twice_gives_equal_bytes(self, tmp_path: Path) -> None:
        path = geojson(tmp_path / "p.geojson", (SQUARE, {"name": "A"}), (Point(1, 1), {"name": "B"}))
        assert to_ipc(load_places(path).table) == to_ipc(load_places(path).table)


def test_limits_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "p.csv", "name,lon,lat\nA,1,1\nB,2,2\n")
    monkeypatch.setattr(features, "FEATURES_MAX", 1)
    with pytest.raises(OversizedInput, match="more than 1 places"):
        load_places(path)
    monkeypatch.setattr(features, "FILE_BYTES_MAX", 10)
    with pytest.raises(OversizedInput, match="limit"):
        load_places(path)


def test_every_reason_is_explained() -> None:
    assert all(REASONS.values())


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason="the real inputs in ../shared/data are absent")
def test_real_files_of_ecuador() -> None:
    cantons = load_places(
        str(REAL / "ecuador" / "cantones-simplified-0.002deg.geojson"), columns={"name": "DPA_DESCAN"}, kind="canton"
    )
    towns = load_places(str(REAL / "geonames-cities1000-south-america.csv"), kind="town")
    assert len(rows(cantons)) + len(cantons.rejections) == 174
    assert sum(row["population"] or 0 for row in rows(cantons)) > 5_000_000
    assert {row["admin"] for row in rows(cantons)} >= {"AZUAY", "LOJA"}
    assert len(rows(towns)) + len(towns.rejections) == 6_262
