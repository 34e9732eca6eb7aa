"""Places from text files (CSV and GeoJSON): what is read, what is kept out and by what name, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPoint, MultiPolygon, Point, Polygon, box

from almenara.model.errors import InputError, UnreadableInput, UsageError
from almenara.places import load_places
from tests.places.files import SQUARE, geojson, reasons, rows, write


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
