"""Small files of places in every form, made here, and the reading of them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from shapely.geometry import Point, box

from almenara.model.places import PLACES
from almenara.places import REASONS, Places

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
