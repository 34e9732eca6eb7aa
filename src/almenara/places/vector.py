"""Places from GIS files that carry their coordinate system: GeoPackage, Shapefile and GeoParquet."""

import json
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from almenara.model.errors import OversizedInput, UnreadableInput, UsageError
from almenara.places.assemble import Wishes
from almenara.places.columns import recognise
from almenara.places.features import FILE_BYTES_MAX, Features, check_count, objects
from almenara.places.files import parse_crs

_GEOMETRY = "wkb_geometry"


def read_vector(path: Path, layer: str | None, wishes: Wishes, family: str) -> Features:
    """All features of a layer. Raises UsageError when there are several and none is chosen."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FieldError

    if family == "zip":
        _check_zip(path)
    try:
        with warnings.catch_warnings():
            # GDAL reports oddities of single features as warnings; our own checks name them row by row.
            warnings.simplefilter("ignore")
            layers = [str(name) for name, _ in pyogrio.list_layers(path)]
            chosen = _choose(path, layers, layer)
            check_count(path, pyogrio.read_info(path, layer=chosen)["features"])
            meta, table = pyogrio.read_arrow(path, layer=chosen)
    except (DataSourceError, DataLayerError, FieldError, pa.ArrowException) as error:
        hint = " A Shapefile needs its .shx and .dbf files beside it." if family == "shp" else ""
        raise UnreadableInput(f"{path.name} cannot be read: {error}.{hint}") from error
    geometry = meta["geometry_name"] or _GEOMETRY
    if geometry not in table.column_names:
        raise UnreadableInput(f"The layer {chosen} of {path.name} has no geometry: it is a plain table.")
    return _features(table, geometry, parse_crs(meta["crs"]) if meta["crs"] else None, wishes)


def read_parquet(path: Path, wishes: Wishes) -> Features:
    """All rows of a GeoParquet file (WKB), or of a plain Parquet table with longitude and latitude columns."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            check_count(path, file.metadata.num_rows)
            uncompressed = sum(
                file.metadata.row_group(group).total_byte_size for group in range(file.metadata.num_row_groups)
            )
            if uncompressed > FILE_BYTES_MAX:
                raise OversizedInput(f"{path.name} unpacks to {uncompressed / 1e6:,.0f} MB: split it by area.")
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise UnreadableInput(f"{path.name} cannot be read: {error}.") from error
    geo = _geo_metadata(path, table)
    if geo is None:
        return _lon_lat_table(path, table, wishes)
    column, about = geo
    if about.get("encoding") != "WKB":
        raise UnreadableInput(
            f"The geometry of {path.name} is encoded as {about.get('encoding')}: write GeoParquet with WKB."
        )
    # GeoParquet: no "crs" member means OGC:CRS84, an explicit null means that nobody knows.
    crs = parse_crs("OGC:CRS84") if "crs" not in about else about["crs"] and parse_crs(json.dumps(about["crs"]))
    return _features(table, column, crs or None, wishes)


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise UnreadableInput(f"{path.name} is no readable ZIP archive: {error}.") from error
    if unpacked > FILE_BYTES_MAX:
        raise OversizedInput(f"{path.name} unpacks to {unpacked / 1e6:,.0f} MB: cut it to your area.")
    if not any(name.lower().endswith(".shp") for name in names):
        raise UnreadableInput(f"{path.name} holds no Shapefile (.shp): unpack it and give the file itself.")


def _choose(path: Path, layers: list[str], layer: str | None) -> str:
    listed = ", ".join(layers[:30]) or "none"
    if layer is not None:
        if layer not in layers:
            raise UsageError(f"{path.name} has no layer “{layer}”. Its layers: {listed}.")
        return layer
    if not layers:
        raise UnreadableInput(f"{path.name} holds no layer.")
    if len(layers) > 1:
        raise UsageError(
            f"{path.name} holds several layers: {listed}. Choose one, for example “{path.name}:{layers[0]}”."
        )
    return layers[0]


def _geo_metadata(path: Path, table: pa.Table) -> tuple[str, dict[str, Any]] | None:
    stored = (table.schema.metadata or {}).get(b"geo")
    if stored is None:
        return None
    try:
        geo = json.loads(stored)
        column = geo["primary_column"]
        about = geo["columns"][column]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableInput(f"The “geo” metadata of {path.name} is no GeoParquet metadata: {error!r}.") from error
    if not isinstance(about, dict) or column not in table.column_names:
        raise UnreadableInput(f"The “geo” metadata of {path.name} names a column that is not there.")
    return column, about


def _features(table: pa.Table, geometry: str, crs: Any | None, wishes: Wishes) -> Features:
    blobs = [None if blob is None else bytes(blob) for blob in table.column(geometry).to_pylist()]
    attributes = table.drop_columns([geometry])
    features = Features(
        names=attributes.column_names,
        values=_values(attributes, wishes),
        geometries=shapely.from_wkb(objects(blobs), on_invalid="ignore"),
        lines=np.arange(1, len(blobs) + 1, dtype=np.int64),
        raw=lambda row: _raw(attributes, row),
        crs=crs,
    )
    for row in np.flatnonzero(shapely.is_missing(features.geometries)).tolist():
        if blobs[row] is not None:
            features.problems[row] = ("geometry-unreadable", "it is no well-formed WKB")
    return features


def _lon_lat_table(path: Path, table: pa.Table, wishes: Wishes) -> Features:
    values = _values(table, wishes)
    if "lon" not in values or "lat" not in values:
        raise UnreadableInput(
            f"{path.name} is Parquet without a “geo” entry and without longitude and latitude columns "
            f"(its columns: {', '.join(table.column_names)}): write it as GeoParquet."
        )
    features = Features(
        names=table.column_names,
        values=values,
        geometries=objects([None] * table.num_rows),
        lines=np.arange(1, table.num_rows + 1, dtype=np.int64),
        raw=lambda row: _raw(table, row),
    )
    for row, (x, y) in enumerate(zip(values["lon"], values["lat"], strict=True)):
        if x is None or y is None:
            continue
        try:
            features.geometries[row] = shapely.Point(float(str(x)), float(str(y)))
        except ValueError:
            features.problems[row] = ("coordinates-unreadable", f"longitude “{x}”, latitude “{y}”")
    return features


def _values(table: pa.Table, wishes: Wishes) -> dict[str, Sequence[object]]:
    columns = recognise(table.column_names, wishes.columns)
    return {field: table.column(column).to_pylist() for field, column in columns.items()}


def _raw(table: pa.Table, row: int) -> bytes:
    return json.dumps(table.slice(row, 1).to_pylist()[0], ensure_ascii=False, default=str).encode()
