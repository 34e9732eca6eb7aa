"""Areas within which a role is held: a name and polygons of GeoJSON."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

import shapely
from shapely.errors import ShapelyError

from almenara.model.errors import UsageError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
VERTICES_MAX = 100_000
GEOJSON_BYTES_MAX = 900_000


@dataclass(frozen=True, slots=True)
class Area:
    """Ready to be asked what lies in it; the boundary belongs to it."""

    name: str
    shape: shapely.Geometry = field(repr=False)

    def contains(self, lon: float, lat: float) -> bool:
        """Whether a position in degrees lies in it or on its boundary.

        >>> square = '{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}'
        >>> read_area("square", square).contains(1.0, 0.5)
        True
        """
        return bool(shapely.intersects_xy(self.shape, lon, lat))


@lru_cache(maxsize=256)
def read_area(name: str, geojson: str) -> Area:
    """The area that a GeoJSON geometry, feature or collection of features covers. Raises UsageError."""
    if not NAME.fullmatch(name):
        raise UsageError(f"An area's name has 1 to 40 of a-z 0-9 _ -, not {name[:60]!r}.")
    if len(geojson) > GEOJSON_BYTES_MAX:
        raise UsageError(f"The area {name} has more than {GEOJSON_BYTES_MAX:,} bytes: simplify it.")
    try:
        shape = shapely.from_geojson(geojson)
    except (ShapelyError, ValueError) as error:
        raise UsageError(f"The area {name} is no GeoJSON: {error}.") from error
    parts = [part for part in shapely.get_parts([shape]) if not shapely.is_empty(part)]
    if not parts or any(part.geom_type not in ("Polygon", "MultiPolygon") for part in parts):
        raise UsageError(f"The area {name} must be made of polygons.")
    if shapely.get_num_coordinates(shape) > VERTICES_MAX:
        raise UsageError(f"The area {name} has more than {VERTICES_MAX:,} vertices: simplify it.")
    if not all(part.is_valid for part in parts):
        raise UsageError(f"The area {name} crosses itself: {shapely.is_valid_reason(shape)}.")
    west, south, east, north = shapely.total_bounds(shape)
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise UsageError(f"The area {name} must lie within longitude ±180 and latitude ±90 degrees.")
    whole = shapely.union_all(parts)
    shapely.prepare(whole)
    return Area(name, whole)
