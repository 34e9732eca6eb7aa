"""Input of the place index checked and brought into the one form that the kernels read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from almenara.kernels.matches import Floats


@dataclass(frozen=True, slots=True)
class PlacePoints:
    """Points in degrees and the numbers of their places."""

    lon: Floats
    lat: Floats
    places: NDArray[np.uint32] | None  # None: 0, 1, 2…


@dataclass(frozen=True, slots=True)
class PlacePolygons:
    """Shapely polygons and the numbers of their places."""

    shapes: NDArray[Any]
    places: NDArray[np.uint32]


def take_apart(shapes: NDArray[Any]) -> tuple[PlacePoints, PlacePolygons | None]:
    """Points and polygons of mixed geometries."""
    bad = np.flatnonzero(~shapely.is_geometry(shapes) | shapely.is_empty(shapes))
    if len(bad):
        raise ValueError(f"place {bad[0]} has no geometry, or an empty one")
    parts, owner = shapely.get_parts(shapes, return_index=True)
    kinds = shapely.get_type_id(parts)
    point, polygon = kinds == shapely.GeometryType.POINT, kinds == shapely.GeometryType.POLYGON
    bad = np.flatnonzero(~(point | polygon))
    if len(bad):
        raise ValueError(f"place {owner[bad[0]]} is a {shapes[owner[bad[0]]].geom_type}: needed are points or polygons")
    bounds = shapely.bounds(parts)
    on_earth = (np.abs(bounds[:, 0::2]) <= 180.0).all(axis=1) & (np.abs(bounds[:, 1::2]) <= 90.0).all(axis=1)
    bad = np.flatnonzero(polygon & ~on_earth)
    if len(bad):
        raise ValueError(
            f"place {owner[bad[0]]} reaches beyond ±180 degrees of longitude or ±90 of latitude: "
            "split it at the antimeridian into a MultiPolygon (RFC 7946, 3.1.9)"
        )
    places = owner.astype(np.uint32)
    lon, lat = shapely.get_x(parts[point]), shapely.get_y(parts[point])
    return PlacePoints(lon, lat, places[point]), PlacePolygons(parts[polygon], places[polygon])


def column(values: ArrayLike) -> Floats:
    """Values as a writable, contiguous array of one dimension: the one layout that the kernels are compiled for."""
    if type(values) is np.ndarray and values.dtype == np.float64 and values.ndim == 1 and values.flags.carray:
        return values
    return np.array(values, np.float64, ndmin=1, order="C").reshape(-1)


def broadcast(*columns: Floats) -> list[Floats]:
    """Columns of one length; single values are repeated."""
    count = max((len(values) for values in columns if len(values) != 1), default=1)
    if any(len(values) not in (1, count) for values in columns):
        raise ValueError(
            f"the coordinates of the queries are {[len(c) for c in columns]} in number: as many are needed"
        )
    return [values if len(values) == count else np.full(count, values[0]) for values in columns]


def distances(values: ArrayLike | float, count: int, of: str) -> Floats:
    """Distances in metres, one or `count`, checked."""
    if isinstance(values, float) and values >= 0.0:
        return np.array([values])
    metres = column(values)
    if len(metres) not in (1, count):
        raise ValueError(f"there are {len(metres)} distances for {count} {of}: one is needed, or as many")
    if len(metres) and not metres.min() >= 0.0:
        at = int(np.flatnonzero(~(metres >= 0.0))[0])
        raise ValueError(f"distance {at} is {metres[at]}: metres, 0 or more, are needed")
    return metres
