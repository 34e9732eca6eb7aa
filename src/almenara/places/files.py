"""Opens a file of places: finds out what it is by its bytes and name, and hands it to the right reader."""

from pathlib import Path
from typing import Any

from almenara.model.errors import UnreadableInput, UsageError
from almenara.places.assemble import Wishes
from almenara.places.features import Features, check_count, check_file_size

_KNOWN = "CSV, GeoJSON, GeoPackage, Shapefile (.shp or .zip) or GeoParquet"


def read_features(path: Path, layer: str | None, wishes: Wishes) -> Features:
    """All rows of a file. Raises UnreadableInput when it is of no known kind, UsageError for a layer where none are."""
    if not path.is_file():
        raise UnreadableInput(f"“{path}” is no file: give a {_KNOWN} file.")
    try:
        check_file_size(path)
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise UnreadableInput(f"{path.name} cannot be read: {error.strerror}.") from error
    if not head.strip():
        raise UnreadableInput(f"{path.name} is empty.")
    family = _family(path, head)
    if layer is not None and family not in ("gpkg", "zip"):
        raise UsageError(f"{path.name} has no layers: leave “:{layer}” out.")
    features = _read(family, path, layer, wishes)
    check_count(path, len(features.geometries))
    if not len(features.geometries) and not features.rejections:
        raise UnreadableInput(f"{path.name} holds no places: it has no rows.")
    if "name" not in features.values:
        raise UsageError(
            f"No column of {path.name} looks like the places' names (its columns: {', '.join(features.names)}). "
            "Say which one it is: --column name=…"
        )
    if features.crs is None and wishes.crs:
        features.crs = parse_crs(wishes.crs)
    return features


def parse_crs(text: str) -> Any:
    """A pyproj CRS from "EPSG:32717" or the like. Raises UsageError."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise UsageError(f"“{text}” is no coordinate system that is known here: write it like EPSG:32717.") from error


def _family(path: Path, head: bytes) -> str:
    if head.startswith(b"SQLite format 3\0"):
        return "gpkg"
    if head.startswith(b"\0\0\x27\x0a"):
        return "shp"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    stripped = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if stripped.startswith((b"{", b"[")):
        return "geojson"
    if path.suffix.lower() in (".dbf", ".shx", ".prj", ".cpg"):
        raise UnreadableInput(f"{path.name} is a part of a Shapefile: give the .shp file beside it.")
    if b"\0" in head or stripped.startswith(b"<"):
        raise UnreadableInput(f"{path.name} is of no known kind: give a {_KNOWN} file.")
    return "csv"


def _read(family: str, path: Path, layer: str | None, wishes: Wishes) -> Features:
    if family == "csv":
        from almenara.places.delimited import read_csv

        return read_csv(path, wishes)
    if family == "geojson":
        from almenara.places.geojson import read_geojson

        return read_geojson(path, wishes)
    if family == "parquet":
        from almenara.places.vector import read_parquet

        return read_parquet(path, wishes)
    from almenara.places.vector import read_vector

    return read_vector(path, layer, wishes, family)
