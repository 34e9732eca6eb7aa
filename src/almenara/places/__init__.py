"""Protected places: read from a gazetteer or a GIS file, checked one by one, as one table of `model.places.PLACES`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from almenara.model.errors import UnreadableInput, UsageError
from almenara.model.places import ALERT_DISTANCE_M_DEFAULT
from almenara.places.assemble import REASONS, Wishes, assemble, check_distance
from almenara.places.features import FEATURES_MAX, FILE_BYTES_MAX
from almenara.ports import Rejection

__all__ = ["FEATURES_MAX", "FILE_BYTES_MAX", "REASONS", "Places", "load_places"]

_GAZETTEER = "geonames:"


@dataclass(frozen=True, slots=True)
class Places:
    """What a gazetteer or a file held: places that can be protected, and rows that cannot, each with a reason."""

    table: pa.Table  # model.places.PLACES
    origin: str  # "geonames:EC", "schools.gpkg:urban", "towns.csv"
    attribution: str  # licence line to show, may be empty
    rejections: list[Rejection]


def load_places(
    spec: str,
    *,
    columns: Mapping[str, str] | None = None,
    kind: str | None = None,
    alert_distance_m: float | None = None,
    crs: str | None = None,
) -> Places:
    """Read places from `geonames:EC`, `geonames:world` or a file (CSV, GeoJSON, GeoPackage, Shapefile, GeoParquet).

    `columns` maps a field (name, kind, population, id, alert_distance_m, lon, lat, geometry, country, admin) to the
    file's own column; what it leaves out is recognised by usual names in Spanish, English and Portuguese. `kind` and
    `alert_distance_m` (metres, 0 < d ≤ 20,000; 300 where nothing says otherwise) go before recognised columns but not
    before those in `columns`. `crs` ("EPSG:32717") serves files that name none. A layer is chosen by "file.gpkg:layer".

    Raises UsageError when the request makes no sense, UnreadableInput or OversizedInput when the file as a whole cannot
    be used. Rows that cannot be used are returned as rejections, never repaired.
    """
    if alert_distance_m is not None:
        check_distance(alert_distance_m)
    if spec.startswith(_GAZETTEER):
        from almenara.places.geonames import ATTRIBUTION, geonames_table

        if columns or crs:
            raise UsageError("The gazetteer has its own columns and coordinates: leave --column and --crs out.")
        code = spec.removeprefix(_GAZETTEER)
        table, code = geonames_table(code, kind or "town", alert_distance_m or ALERT_DISTANCE_M_DEFAULT)
        return Places(table, _GAZETTEER + code, ATTRIBUTION, [])
    from almenara.places.files import read_features

    path, layer = _path_and_layer(spec)
    wishes = Wishes(dict(columns or {}), kind, alert_distance_m, crs)
    features = read_features(path, layer, wishes)
    table, rejections = assemble(features, wishes)
    origin = f"{path.name}:{layer}" if layer else path.name
    return Places(table, origin, features.attribution, rejections)


def _path_and_layer(spec: str) -> tuple[Path, str | None]:
    path = Path(spec)
    if path.exists():
        return path, None
    head, colon, layer = spec.rpartition(":")
    if colon and head and Path(head).exists():
        return Path(head), layer
    raise UnreadableInput(
        f"There is no file “{spec}”. Give a CSV, GeoJSON, GeoPackage, Shapefile or GeoParquet file, "
        "“file.gpkg:layer”, “geonames:EC” (any country code) or “geonames:world”."
    )
