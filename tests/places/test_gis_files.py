"""Places from GeoPackage, Shapefile and GeoParquet, whose coordinate systems differ."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from shapely.geometry import Point, box

from almenara.model.errors import UnreadableInput, UsageError
from almenara.places import load_places
from tests.places.files import SQUARE, reasons, rows, vector, write


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
