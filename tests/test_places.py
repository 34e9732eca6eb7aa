"""Places from every kind of file: what is read, what is kept out and by what name, what is refused as a whole."""

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPoint, MultiPolygon, Point, Polygon, box

from almenara.model.errors import InputError, OversizedInput, UnreadableInput, UsageError
from almenara.model.observations import to_ipc
from almenara.model.places import PLACES
from almenara.places import REASONS, Places, features, load_places

REAL = Path(__file__).parents[2] / "shared" / "data" / "places"
SQUARE = box(-79.0, -1.0, -78.9, -0.9)


def reasons(places: Places) -> dict[str, int]:
    return dict(Counter(rejection.reason for rejection in places.rejections))


def rows(places: Places) -> list[dict[str, Any]]:
    assert places.table.schema.equals(PLACES)
    assert set(reasons(places)) <= set(REASONS)
    return list(places.table.to_pylist())


def write(path: Path, text: str | bytes) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def geojson(path: Path, *items: tuple[Any, dict[str, Any]], **members: Any) -> str:
    """A FeatureCollection of (geometry or its GeoJSON text, properties)."""
    found = [
        {
            "type": "Feature",
            "properties": properties,
            "geometry": json.loads(shapely.to_geojson(geometry)) if hasattr(geometry, "geom_type") else geometry,
        }
        for geometry, properties in items
    ]
    return write(path, json.dumps({"type": "FeatureCollection", "features": found} | members))


def vector(path: Path, geometries: list[Any], crs: str | None, layer: str | None = None, **columns: list[Any]) -> str:
    data = {name: pa.array(values) for name, values in columns.items()}
    table = pa.table({"geometry": pa.array(shapely.to_wkb(np.array(geometries, dtype=object)), pa.binary())} | data)
    kind = "Point" if isinstance(geometries[0], Point) else "MultiPolygon"
    pyogrio.write_arrow(table, path, layer=layer, geometry_name="geometry", geometry_type=kind, crs=crs)
    return str(path)


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


class TestDelimited:
    @pytest.mark.parametrize(
        "text",
        [
            "name,lon,lat,population,type,id\nLoja,-79.2,-3.99,180617,city,L1\n",
            "NOMBRE;Longitud;Latitud;Población;Tipo;Código\nLoja;-79,2;-3,99;180617;city;L1\n",
            "\ufeffnome\tx\ty\tpopulação\ttipo\tcódigo\r\nLoja\t-79.2\t-3.99\t180617\tcity\tL1\r\n",
            'Nome|WKT|Habitantes|Clase|COD\n"Loja"|POINT (-79.2 -3.99)|180617|city|L1\n',
            "nombre,the_geom,pop,kind,uid\nLoja,SRID=4326;POINT(-79.2 -3.99),180617,city,L1\n",
        ],
    )
    def test_usual_headings_in_three_languages(self, tmp_path: Path, text: str) -> None:
        (row,) = rows(load_places(write(tmp_path / "p.csv", text)))
        assert (row["name"], row["kind"], row["population"], row["id"]) == ("Loja", "city", 180617, "L1")
        assert (row["lon"], row["lat"], row["geometry"]) == (-79.2, -3.99, None)

    def test_each_bad_row_costs_only_itself(self, tmp_path: Path) -> None:
        bad = {
            "A,abc,1,": "coordinates-unreadable",
            "B,nan,1,": "coordinates-not-finite",
            "C,inf,1,": "coordinates-not-finite",
            "D,,,": "geometry-missing",
            "E,10,-78,-5": "population-negative",
            "F,10,-78,about 5": "population-unreadable",
            "G,10,-78,2.5": "population-unreadable",
            "H,-34,150,": "coordinates-swapped",
            "I,200,10,": "longitude-out-of-range",
            "J,150,170,": "latitude-out-of-range",
            "K,0,0,": "coordinates-zero",
            ",5,5,": "name-missing",
            "M,5": "wrong-column-count",
            "Good,5,5,7": "duplicate-id",
            "x" * 301 + ",1,1,": "text-too-long",
            "N,5,,": "coordinates-unreadable",
        }
        text = "\n".join(["name,lon,lat,pop", "Good,5,5,7", *bad, "Also good,6,6,n/d", ""])
        places = load_places(write(tmp_path / "p.csv", text))
        assert [row["name"] for row in rows(places)] == ["Good", "Also good"]
        assert [r.reason for r in places.rejections] == list(bad.values())
        assert [r.line for r in places.rejections] == list(range(3, 3 + len(bad)))
        assert [r.raw.decode().strip() for r in places.rejections] == list(bad)
        assert places.table.column("population").to_pylist() == [7, None]

    def test_lines_are_counted_through_quoted_breaks(self, tmp_path: Path) -> None:
        text = 'name,lon,lat\n"Two\nlines",1,1\n\nBad,x,1\n'
        places = load_places(write(tmp_path / "p.csv", text))
        assert [row["name"] for row in rows(places)] == ["Two lines"]
        assert [(r.line, r.raw) for r in places.rejections] == [(5, b"Bad,x,1\n")]

    def test_text_of_a_spreadsheet_that_is_no_utf8(self, tmp_path: Path) -> None:
        (row,) = rows(load_places(write(tmp_path / "p.csv", "nombre,lon,lat\nEl Ángel,-78,0.6\n".encode("cp1252"))))
        assert row["name"] == "El Ángel"

    def test_mapped_columns_go_first(self, tmp_path: Path) -> None:
        path = write(tmp_path / "p.csv", "name,DESC,lon,lat,clase,radio\nA,B,1,1,school,900\n")
        (row,) = rows(load_places(path, columns={"name": "desc", "alert-distance": "radio"}, alert_distance_m=50))
        assert (row["name"], row["kind"], row["alert_distance_m"]) == ("B", "school", 900.0)
        (row,) = rows(load_places(path, kind="clinic", alert_distance_m=50))
        assert (row["name"], row["kind"], row["alert_distance_m"]) == ("A", "clinic", 50.0)

    @pytest.mark.parametrize(("columns", "says"), [({"nam": "x"}, "no field"), ({"name": "zzz"}, "name, lon, lat")])
    def test_a_mapping_that_fits_nothing(self, tmp_path: Path, columns: dict[str, str], says: str) -> None:
        with pytest.raises(UsageError, match=says):
            load_places(write(tmp_path / "p.csv", "name,lon,lat\nA,1,1\n"), columns=columns)

    def test_alert_distances_have_bounds(self, tmp_path: Path) -> None:
        path = write(tmp_path / "p.csv", "name,lon,lat,buffer\nA,1,1,0\nB,1,1,20001\nC,1,1,20000\nD,1,1,\n")
        places = load_places(path)
        assert [(row["name"], row["alert_distance_m"]) for row in rows(places)] == [("C", 20_000.0), ("D", 300.0)]
        assert reasons(places) == {"alert-distance-out-of-range": 2}
        for metres in (0, -1, 20_001, float("nan")):
            with pytest.raises(UsageError, match="alert distance"):
                load_places(path, alert_distance_m=metres)

    def test_projected_coordinates_need_a_name(self, tmp_path: Path) -> None:
        path = write(tmp_path / "p.csv", "nombre,x,y\nQuito,776535,9977000\nLoja,699700,9558000\n")
        with pytest.raises(UnreadableInput, match=r"no coordinate system: .*--crs"):
            load_places(path)
        quito, _ = rows(load_places(path, crs="EPSG:32717"))
        assert quito["lon"] == pytest.approx(-78.515, abs=0.01)
        assert quito["lat"] == pytest.approx(-0.208, abs=0.01)
        with pytest.raises(UsageError, match="coordinate system"):
            load_places(path, crs="EPSG:0")

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "empty"),
            ("a,b\n1,2\n", "longitude and latitude"),
            ("lon,lat\n1,2\n", "--column name="),
            ("name,lon,lat\n", "no rows"),
            ('name,lon,lat\n"A,1,1\n', "no readable CSV"),
            (b"\x7fELF\0\0\0", "no known kind"),
            ("<kml/>", "no known kind"),
        ],
    )
    def test_what_is_no_list_of_places(self, tmp_path: Path, text: str | bytes, says: str) -> None:
        with pytest.raises((UnreadableInput, UsageError), match=says):
            load_places(write(tmp_path / "p.csv", text))

    def test_a_missing_file_says_what_to_give(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableInput, match="geonames:EC"):
            load_places(str(tmp_path / "none.csv"))
        with pytest.raises(UnreadableInput, match="is no file"):
            load_places(str(tmp_path))


class TestGeoJson:
    def test_points_areas_and_multipoints(self, tmp_path: Path) -> None:
        path = geojson(
            tmp_path / "p.geojson",
            (Point(-78.5, -0.2), {"nombre": "Escuela", "tipo": "school"}),
            (SQUARE, {"nombre": "Parque", "tipo": "reserve"}),
            (MultiPolygon([box(179, 0, 180, 1), box(-180, 0, -179, 1)]), {"nombre": "Taveuni"}),
            (MultiPoint([(1, 1), (2, 2)]), {"nombre": "Two doors", "id": 7}),
            attribution="INEC",
        )
        places = load_places(path, kind=None)
        school, park, island, door, other = rows(places)
        assert places.attribution == "INEC"
        assert school["geometry"] is None
        assert shapely.from_wkb(park["geometry"]).equals(SQUARE)
        assert SQUARE.contains(Point(park["lon"], park["lat"]))
        assert shapely.from_wkb(island["geometry"]).geom_type == "MultiPolygon"
        assert island["kind"] == "place"
        assert [door["id"], other["id"]] == ["7", "7#2"]
        assert [other["lon"], other["lat"]] == [2.0, 2.0]

    def test_bad_geometries_are_named_and_never_repaired(self, tmp_path: Path) -> None:
        bowtie = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
        bad: list[tuple[Any, str]] = [
            (bowtie, "self-intersection"),
            (None, "geometry-missing"),
            ({"type": "Polygon", "coordinates": []}, "geometry-empty"),
            ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, "geometry-unreadable"),
            ({"type": "Point", "coordinates": ["a", 1]}, "geometry-unreadable"),
            ({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, "geometry-type-unsupported"),
            (box(-170, -1, 190, 1), "longitude-out-of-range"),
            (Polygon([(179, 0), (-179, 0), (-179, 1), (179, 1)]), "crosses-antimeridian"),
            (box(-10, 100, 10, 120), "coordinates-swapped"),
            (MultiPolygon([box(0, 0, 2, 2), box(1, 1, 3, 3)]), "self-intersection"),
            (Polygon(box(0, 0, 1, 1).exterior, [box(5, 5, 6, 6).exterior]), "geometry-invalid"),
        ]
        items = [(geometry, {"name": f"P{n}"}) for n, (geometry, _) in enumerate(bad)]
        places = load_places(geojson(tmp_path / "p.geojson", *items, (SQUARE, {"name": "Good"})))
        assert [row["name"] for row in rows(places)] == ["Good"]
        assert [(r.line, r.reason) for r in places.rejections] == [(n, why) for n, (_, why) in enumerate(bad, 1)]

    def test_a_polygon_round_the_pole_is_fine(self, tmp_path: Path) -> None:
        ring = [(-180.0, -90.0), (180.0, -90.0), (180.0, -80.0), (0.0, -75.0), (-180.0, -80.0)]
        places = load_places(geojson(tmp_path / "p.geojson", (Polygon(ring), {"name": "Antarctica"})))
        assert len(rows(places)) == 1

    def test_items_that_are_no_features(self, tmp_path: Path) -> None:
        good = {"type": "Feature", "id": "q", "properties": {"name": "Q"}, "geometry": Point(1, 1).__geo_interface__}
        text = json.dumps({"type": "FeatureCollection", "features": [3, {"type": "Point"}, good]})
        places = load_places(write(tmp_path / "p.json", text))
        assert [row["id"] for row in rows(places)] == ["q"]
        assert reasons(places) == {"not-a-feature": 2}

    def test_a_crs_of_2008_is_honoured(self, tmp_path: Path) -> None:
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32717"}}
        (row,) = rows(load_places(geojson(tmp_path / "p.geojson", (Point(776535, 9977000), {"name": "Q"}), crs=crs)))
        assert row["lon"] == pytest.approx(-78.515, abs=0.01)

    def test_metres_claimed_as_degrees(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableInput, match="not degrees, although"):
            load_places(geojson(tmp_path / "p.geojson", (Point(776535, 9977000), {"name": "Q"})))

    @pytest.mark.parametrize("text", ["{", '{"type": "Topology"}', "[]", '{"type": "FeatureCollection"}', "[" * 5000])
    def test_what_is_no_geojson(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(UnreadableInput, match="GeoJSON"):
            load_places(write(tmp_path / "p.geojson", text))

    @given(st.binary(max_size=300))
    def test_no_bytes_break_it(self, tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
        path = tmp_path_factory.getbasetemp() / "any.geojson"
        for head in (b"", b'{"type":"FeatureCollection","features":[', b"name,lon,lat\n"):
            try:
                load_places(write(path, head + data))
            except (InputError, UsageError):
                continue


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


class TestGisFiles:
    def test_geopackage_in_utm(self, tmp_path: Path) -> None:
        path = vector(tmp_path / "p.gpkg", [Point(776535, 9977000)], "EPSG:32717", nombre=["Quito"], habitantes=[5])
        (row,) = rows(load_places(path))
        assert (row["name"], row["population"]) == ("Quito", 5)
        assert row["lon"] == pytest.approx(-78.515, abs=0.01)

    def test_layers_are_chosen_by_name(self, tmp_path: Path) -> None:
        path = tmp_path / "p.gpkg"
        vector(path, [Point(1, 1)], "EPSG:4326", layer="urban", name=["A"])
        data = pa.table({"geometry": pa.array([Point(2, 2).wkb], pa.binary()), "name": ["B"]})
        pyogrio.write_arrow(
            data, path, layer="rural", geometry_name="geometry", geometry_type="Point", crs="EPSG:4326", append=True
        )
        with pytest.raises(UsageError, match="several layers: urban, rural"):
            load_places(str(path))
        with pytest.raises(UsageError, match="no layer “x”"):
            load_places(f"{path}:x")
        places = load_places(f"{path}:rural")
        assert places.origin == "p.gpkg:rural"
        assert [row["name"] for row in rows(places)] == ["B"]
        with pytest.raises(UsageError, match="has no layers"):
            load_places(write(tmp_path / "p.csv", "name,lon,lat\nA,1,1\n") + ":x")

    def test_shapefile_alone_and_zipped(self, tmp_path: Path) -> None:
        path = vector(
            tmp_path / "p.shp", [SQUARE, box(1, 1, 2, 2)], "EPSG:4674", NOMBRE=["Á", "B"], alert_dist=[50, 60]
        )
        archive = tmp_path / "p.zip"
        with zipfile.ZipFile(archive, "w") as out:
            for part in tmp_path.glob("p.*"):
                if part != archive:
                    out.write(part, part.name)
        for source in (path, str(archive)):
            first, second = rows(load_places(source))
            assert (first["name"], first["alert_distance_m"], second["alert_distance_m"]) == ("Á", 50.0, 60.0)
            assert shapely.from_wkb(first["geometry"]).symmetric_difference(SQUARE).area < 1e-9

    def test_shapefile_without_prj(self, tmp_path: Path) -> None:
        degrees = vector(tmp_path / "deg.shp", [Point(-78.5, -0.2)], "EPSG:4326", name=["A"])
        metres = vector(tmp_path / "utm.shp", [Point(776535, 9977000)], "EPSG:32717", name=["A"])
        for path in tmp_path.glob("*.prj"):
            path.unlink()
        assert rows(load_places(degrees))[0]["lon"] == -78.5
        with pytest.raises(UnreadableInput, match="no coordinate system"):
            load_places(metres)
        assert rows(load_places(metres, crs="EPSG:32717"))[0]["lon"] == pytest.approx(-78.515, abs=0.01)

    def test_parts_and_ruins_of_a_shapefile(self, tmp_path: Path) -> None:
        path = Path(vector(tmp_path / "p.shp", [Point(1, 1)], "EPSG:4326", name=["A"]))
        with pytest.raises(UnreadableInput, match=r"give the \.shp"):
            load_places(str(path.with_suffix(".dbf")))
        with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
            archive.writestr("readme.txt", "nothing")
        with pytest.raises(UnreadableInput, match="no Shapefile"):
            load_places(str(tmp_path / "empty.zip"))
        with pytest.raises(UnreadableInput):
            load_places(write(tmp_path / "bad.gpkg", b"SQLite format 3\0" + b"\1" * 200))
        with pytest.raises(UnreadableInput):
            load_places(write(tmp_path / "bad.shp", b"\0\0\x27\x0a" + b"\1" * 20))

    @pytest.mark.parametrize("crs", [None, "EPSG:32717"])
    def test_geoparquet(self, tmp_path: Path, crs: str | None) -> None:
        from pyproj import CRS

        about: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Point"]}
        point = Point(-78.5, -0.2)
        if crs:
            about["crs"] = CRS.from_user_input(crs).to_json_dict()
            point = Point(776535, 9977000)
        geo = {"version": "1.0.0", "primary_column": "geom", "columns": {"geom": about}}
        table = pa.table({"geom": pa.array([point.wkb, b"junk", None], pa.binary()), "name": ["A", "B", "C"]})
        pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / "p.parquet")
        places = load_places(str(tmp_path / "p.parquet"))
        assert rows(places)[0]["lon"] == pytest.approx(-78.5, abs=0.02)
        assert reasons(places) == {"geometry-unreadable": 1, "geometry-missing": 1}
        assert json.loads(places.rejections[0].raw) == {"name": "B"}

    def test_plain_parquet_with_positions(self, tmp_path: Path) -> None:
        table = pa.table({"lon": [1.0, None], "lat": [2.0, 3.0], "name": ["A", "B"]})
        pq.write_table(table, tmp_path / "p.parquet")
        places = load_places(str(tmp_path / "p.parquet"))
        assert [row["lon"] for row in rows(places)] == [1.0]
        assert reasons(places) == {"geometry-missing": 1}
        pq.write_table(table.drop_columns(["lon"]), tmp_path / "q.parquet")
        with pytest.raises(UnreadableInput, match="GeoParquet"):
            load_places(str(tmp_path / "q.parquet"))


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
