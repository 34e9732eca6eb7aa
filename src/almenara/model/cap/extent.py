"""The area of a message as one shape on Earth, and how large it is; in bounded time, whatever the message draws."""

import math
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from almenara.model.cap.intricacy import eased
from almenara.model.cap.message import Area, Circle, Ring

#: Corners of a circle: its area comes out 0.1 % too small.
_CIRCLE_CORNERS = 72
#: Of more circles than this the boxes round them are taken.
_CIRCLES_MAX = 500
_HALF_EARTH_KM = 20_003.0
_WORLD = shapely.box(-180.0, -90.0, 180.0, 90.0)
_QUARTERS = shapely.box(np.arange(-180, 180, 90), -90, np.arange(-90, 270, 90), 90)
#: A ring that goes farther round than this is a band all the way round.
_ROUND_DEG = 540.0
_EDGE_DEG_MAX = 1.0
_DEGREE_LAT_KM = 110.574  # at the equator, where it is shortest (WGS84)
_GEOD = Geod(ellps="WGS84")

_Shapes = NDArray[np.object_]


def shape(areas: Iterable[Area]) -> BaseGeometry:
    """The union of all polygons and circles in degrees (longitude, latitude), cut at ±180; geocodes have no shape.

    A ring that jumps by more than 180 degrees of longitude crosses the antimeridian; one that goes all the way round
    holds the nearer pole. One that crosses itself is mended. What is too intricate to be united in a second or two,
    which nobody draws in earnest, is taken larger than it is (see `intricacy`), never smaller.
    """
    areas = list(areas)
    rings = list(dict.fromkeys(ring for area in areas for ring in area.polygon))  # every language repeats them
    circles = list(dict.fromkeys(c for area in areas for c in area.circle if c.radius_km > 0.0))
    if any(circle.radius_km >= _HALF_EARTH_KM for circle in circles):
        return _WORLD
    discs = _boxes(circles) if len(circles) > _CIRCLES_MAX else list(map(_disc, circles))
    parts = _cut(np.concatenate([_polygons(rings), _polygonal(discs)]))
    return shapely.union_all(eased(parts)) if len(parts) else shapely.Polygon()


def area_km2(geometry: BaseGeometry) -> float:
    """The area on the WGS84 ellipsoid of a shape in degrees.

    >>> round(area_km2(shapely.box(0.0, 0.0, 1.0, 1.0)))
    12309
    """
    geometry = shapely.segmentize(geometry, _EDGE_DEG_MAX)  # straight in degrees, which a geodesic is not
    # one that goes all the way round has no inside
    polygons = _polygonal(shapely.intersection(geometry, _QUARTERS))
    return sum(abs(_GEOD.geometry_area_perimeter(shapely.geometry.polygon.orient(part))[0]) for part in polygons) / 1e6


def gained_and_lost_km2(before: BaseGeometry, after: BaseGeometry) -> tuple[float, float]:
    """How much an area gained and lost between two messages."""
    gained, lost = shapely.difference(after, before), shapely.difference(before, after)
    return area_km2(gained), area_km2(lost)


def _polygons(rings: Sequence[Ring]) -> _Shapes:
    """Valid polygons of the rings, in longitudes that run on beyond ±180."""
    if not rings:
        return _polygonal([])
    counts = np.array([len(ring) for ring in rings])
    flat = chain.from_iterable(chain.from_iterable(rings))
    xy = np.fromiter(flat, np.float64, count=2 * int(counts.sum())).reshape(-1, 2)
    first = np.cumsum(counts) - counts
    xy[:, 0] = _unwrapped(xy[:, 0], first, counts)
    west, east = np.minimum.reduceat(xy[:, 0], first), np.maximum.reduceat(xy[:, 0], first)
    last = first + counts - 1
    closed = np.abs(xy[last, 0] - xy[first, 0]) < 180.0
    wide = east - west > _ROUND_DEG
    found = shapely.polygons(shapely.linearrings(xy, indices=np.repeat(np.arange(len(rings)), counts)))
    for row in np.flatnonzero(wide | ~closed):
        outline = xy[first[row] : last[row] + 1]
        found[row] = _band(outline) if wide[row] else _polar(outline)
    return _polygonal(_mended(found))


def _unwrapped(lon: NDArray[np.float64], first: NDArray[np.int_], counts: NDArray[np.int_]) -> NDArray[np.float64]:
    """Each ring's longitudes without jumps of more than 180 degrees, as `numpy.unwrap` has it for one."""
    step = np.diff(lon, prepend=lon[0])
    turn = np.where(np.abs(step) > 180.0, -360.0 * np.round(step / 360.0), 0.0)
    turn[first] = 0.0
    turned = np.cumsum(turn)
    return np.asarray(lon + turned - np.repeat(turned[first], counts), dtype=np.float64)


def _polar(outline: NDArray[np.float64]) -> BaseGeometry:
    """A ring that goes once round the Earth, and the pole it lies nearer to."""
    pole = math.copysign(90.0, float(outline[:, 1].mean()))
    return shapely.Polygon([*outline.tolist(), (float(outline[-1, 0]), pole), (float(outline[0, 0]), pole)])


def _band(outline: NDArray[np.float64]) -> BaseGeometry:
    """All longitudes between the ring's latitudes, and the nearer pole where it does not come back to its beginning."""
    south, north = float(outline[:, 1].min()), float(outline[:, 1].max())
    if abs(outline[-1, 0] - outline[0, 0]) >= 180.0:
        south, north = (south, 90.0) if outline[:, 1].mean() >= 0.0 else (-90.0, north)
    return shapely.box(-180.0, south, 180.0, north)


def _mended(shapes: _Shapes) -> _Shapes:
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken])
    return shapes


def _boxes(circles: Sequence[Circle]) -> _Shapes:
    """What holds each circle, a hundredth wider than on a sphere."""
    lon, lat, km = np.array([(circle.lon, circle.lat, circle.radius_km) for circle in circles]).T
    high = 1.01 * km / _DEGREE_LAT_KM
    south, north = lat - high, lat + high
    polar = (south <= -89.0) | (north >= 89.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        wide = np.degrees(np.arcsin(np.sin(np.radians(high)) / np.cos(np.radians(lat))))
    wide = np.where(polar | ~np.isfinite(wide), 180.0, wide)
    lon = np.where(wide >= 180.0, 0.0, lon)
    return np.asarray(shapely.box(lon - wide, np.maximum(south, -90.0), lon + wide, np.minimum(north, 90.0)))


def _disc(circle: Circle) -> BaseGeometry:
    azimuths = np.linspace(0.0, 360.0, _CIRCLE_CORNERS, endpoint=False)
    ones = np.ones_like(azimuths)
    lons, lats, _ = _GEOD.fwd(circle.lon * ones, circle.lat * ones, azimuths, circle.radius_km * 1000.0 * ones)
    held = [pole for pole in (-90.0, 90.0) if _distance_km(circle, pole) < circle.radius_km]
    if not held:
        ring = tuple(zip(lons.tolist(), lats.tolist(), strict=True))
        return shapely.multipolygons(_polygons([(*ring, ring[0])]))
    order = np.argsort(lons)
    lons, lats, pole = lons[order], lats[order], held[0]
    edge = float(np.interp(180.0, [lons[-1], lons[0] + 360.0], [lats[-1], lats[0]]))
    corners = [(-180.0, pole), (-180.0, edge), *zip(lons, lats, strict=True), (180.0, edge), (180.0, pole)]
    return shapely.make_valid(shapely.Polygon(corners))


def _distance_km(circle: Circle, pole: float) -> float:
    return float(_GEOD.inv(circle.lon, circle.lat, circle.lon, pole)[2]) / 1000.0


def _cut(shapes: _Shapes) -> _Shapes:
    """What lies beyond ±180 brought round to the other side."""
    bounds = shapely.bounds(shapes)
    beyond = (bounds[:, 0] < -180.0) | (bounds[:, 2] > 180.0)
    if not beyond.any():
        return shapes
    turned = [
        shapely.transform(shapes[beyond], lambda xy, degrees=degrees: xy - np.array([degrees, 0.0]))
        for degrees in (-720.0, -360.0, 0.0, 360.0, 720.0)  # a ring begins within ±180 and goes at most 540 farther
    ]
    return np.concatenate([shapes[~beyond], _polygonal(shapely.intersection(np.concatenate(turned), _WORLD))])


def _polygonal(shapes: Iterable[BaseGeometry]) -> _Shapes:
    """The polygons alone, without the points and lines that are left of what has no inside."""
    parts = shapely.get_parts(shapely.get_parts(np.array(list(shapes), dtype=object)))
    kept = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    return np.asarray(parts[kept], dtype=object)
