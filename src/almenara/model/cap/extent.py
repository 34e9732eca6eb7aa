"""The area of a message as one shape on Earth, and how large it is."""

import math
from collections.abc import Iterable

import numpy as np
import shapely
from pyproj import Geod
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from almenara.model.cap.message import Area, Circle, Ring

#: Corners of a circle: its area comes out 0.1 % too small.
_CIRCLE_CORNERS = 72
_HALF_EARTH_KM = 20_003.0
_WORLD = shapely.box(-180.0, -90.0, 180.0, 90.0)
_QUARTERS = shapely.box(np.arange(-180, 180, 90), -90, np.arange(-90, 270, 90), 90)
_EDGE_DEG_MAX = 1.0
_GEOD = Geod(ellps="WGS84")


def shape(areas: Iterable[Area]) -> BaseGeometry:
    """The union of all polygons and circles in degrees (longitude, latitude), cut at ±180; geocodes have no shape.

    A ring that jumps by more than 180 degrees of longitude crosses the antimeridian. One that crosses itself is
    mended.
    """
    parts = [_polygon(ring) for area in areas for ring in area.polygon]
    parts += [_disc(circle) for area in areas for circle in area.circle]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def area_km2(geometry: BaseGeometry) -> float:
    """The area on the WGS84 ellipsoid of a shape in degrees.

    >>> round(area_km2(shapely.box(0.0, 0.0, 1.0, 1.0)))
    12309
    """
    geometry = shapely.segmentize(geometry, _EDGE_DEG_MAX)  # straight in degrees, which a geodesic is not
    parts = shapely.get_parts(
        shapely.intersection(geometry, _QUARTERS)
    )  # one that goes all the way round has no inside
    polygons = [part for part in shapely.get_parts(parts) if part.geom_type == "Polygon" and not part.is_empty]
    return sum(abs(_GEOD.geometry_area_perimeter(shapely.geometry.polygon.orient(part))[0]) for part in polygons) / 1e6


def gained_and_lost_km2(before: BaseGeometry, after: BaseGeometry) -> tuple[float, float]:
    """How much an area gained and lost between two messages."""
    gained, lost = shapely.difference(after, before), shapely.difference(before, after)
    return area_km2(gained), area_km2(lost)


def _polygon(ring: Ring) -> BaseGeometry:
    lons = np.unwrap([lon for lon, _ in ring], period=360.0)
    polygon = shapely.Polygon(np.column_stack([lons, [lat for _, lat in ring]]))
    return _cut(_polygonal(shapely.make_valid(polygon)))


def _disc(circle: Circle) -> BaseGeometry:
    if circle.radius_km <= 0.0:
        return shapely.Polygon()
    if circle.radius_km >= _HALF_EARTH_KM:
        return _WORLD
    azimuths = np.linspace(0.0, 360.0, _CIRCLE_CORNERS, endpoint=False)
    ones = np.ones_like(azimuths)
    lons, lats, _ = _GEOD.fwd(circle.lon * ones, circle.lat * ones, azimuths, circle.radius_km * 1000.0 * ones)
    held = [pole for pole in (-90.0, 90.0) if _distance_km(circle, pole) < circle.radius_km]
    if not held:
        return _polygon(tuple(zip(lons, lats, strict=True)))
    order = np.argsort(lons)
    lons, lats, pole = lons[order], lats[order], held[0]
    edge = float(np.interp(180.0, [lons[-1], lons[0] + 360.0], [lats[-1], lats[0]]))
    corners = [(-180.0, pole), (-180.0, edge), *zip(lons, lats, strict=True), (180.0, edge), (180.0, pole)]
    return _polygonal(shapely.make_valid(shapely.Polygon(corners)))


def _distance_km(circle: Circle, pole: float) -> float:
    return float(_GEOD.inv(circle.lon, circle.lat, circle.lon, pole)[2]) / 1000.0


def _cut(geometry: BaseGeometry) -> BaseGeometry:
    """What lies beyond ±180 brought round to the other side."""
    west, _, east, _ = shapely.bounds(geometry)
    if math.isnan(west) or (west >= -180.0 and east <= 180.0):
        return geometry
    first, last = math.floor((west + 180.0) / 360.0), math.floor((east + 180.0) / 360.0)
    turned = [translate(geometry, xoff=-360.0 * turn) for turn in range(first, last + 1)]
    return _polygonal(shapely.union_all([_polygonal(shapely.intersection(one, _WORLD)) for one in turned]))


def _polygonal(geometry: BaseGeometry) -> BaseGeometry:
    """Without the points and lines that are left of what has no inside, which GEOS cannot overlay with polygons."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return shapely.union_all([part for part in parts if part.geom_type == "Polygon"])
