"""The place index: which of many places, points or polygons, lie within reach of which observations."""

import math
import os
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from almenara.kernels import array_file
from almenara.kernels.batches import SMALL_BATCH, run
from almenara.kernels.geodesy import FARTHEST_M, RADIUS_MAX_M
from almenara.kernels.matches import Floats, Matches, merge, no_matches
from almenara.kernels.nearest import bound_kth
from almenara.kernels.place_input import (
    PlacePoints,
    PlacePolygons,
    broadcast,
    column,
    distances,
    take_apart,
)
from almenara.kernels.point_search import search_points
from almenara.kernels.point_tiles import PointTiles, tile_points
from almenara.kernels.polygon_search import search_polygons
from almenara.kernels.polygon_shapes import PolygonShapes, shape_polygons
from almenara.kernels.queries import Boxes, Reach

ALERT_DISTANCE_M_DEFAULT = 300.0
#: Places are kept in layers by alert distance, parted here (metres), so that a few far-reaching ones slow no others.
LAYER_CUTS_M = (1_500.0, 10_000.0)
_NONE = np.zeros(0)
_FORMAT = "almenara place index 2"


class PlaceIndex:
    """Places that do not move, prepared so that all within reach of observations are found at once.

    Degrees in, metres out, WGS84. The pairs are those of brute force with Karney's geodesic; distances agree with it
    within 1 µm (measured: 10 nm up to 20 km) and beyond 50 km are Karney's own. Polygon edges are straight in longitude
    and latitude, as GeoJSON has them, and a polygon across the antimeridian is a MultiPolygon split there (RFC 7946,
    3.1.9). An index never changes, so any number of threads may search it.

    >>> import numpy as np
    >>> towns = PlaceIndex.build([179.999, 0.0, 120.0], [0.0, 10.0, 89.999])
    >>> len(towns)
    3

    Nothing near, nothing asked, or nowhere:

    >>> towns.within(50.0, 50.0)
    Matches(observation=array([], dtype=int64), place=array([], dtype=int64), distance_m=array([], dtype=float64))
    >>> len(towns.within([], []).place), len(towns.within(np.nan, 0.0).place)
    (0, 0)

    Across the antimeridian, and over the pole:

    >>> towns.within(-179.999, 0.0)
    Matches(observation=array([0]), place=array([0]), distance_m=array([222.638...]))
    >>> towns.within(-60.0, 89.999)
    Matches(observation=array([0]), place=array([2]), distance_m=array([223.387...]))
    """

    __slots__ = ("_anchors", "_count", "_points", "_polygons", "_repeated")

    def __init__(self, count: int, points: PointTiles, polygons: PolygonShapes | None, *, repeated: bool) -> None:
        """Use `build` or `open`."""
        self._count = count
        self._points = points
        self._polygons = polygons
        self._repeated = repeated  # whether a place may have several points or polygons
        self._anchors: PointTiles | None = None

    @classmethod
    def build(
        cls,
        lon: ArrayLike | None = None,
        lat: ArrayLike | None = None,
        *,
        geometries: ArrayLike | None = None,
        alert_distance_m: ArrayLike | None = None,
        threads: int | None = None,
    ) -> Self:
        """Index points (lon, lat, arrays of n degrees) or an array of n Shapely geometries in degrees.

        Geometries are points, multipoints, polygons and multipolygons, mixed as they come. A place's number is its
        position. `alert_distance_m`: metres, one value or n, 300 where nothing is said. Raises ValueError, naming the
        first place at fault, where a position is missing, not finite or not on the Earth, a geometry is empty or of
        another type, or a distance is negative or NaN.

        >>> import shapely
        >>> index = PlaceIndex.build(geometries=[shapely.box(179.0, 0.0, 180.0, 1.0), shapely.Point(-179.0, 0.5)])
        >>> index.within(-179.999, 0.5, 200_000.0).distance_m.round(3)
        array([   111.315, 111203.965])
        """
        threads = threads or os.cpu_count() or 1
        if geometries is None:
            if lon is None or lat is None:
                raise ValueError("a place index is built from lon and lat, or from geometries")
            x, y = column(lon), column(lat)
            if x.shape != y.shape:
                raise ValueError(f"there are {len(x)} longitudes and {len(y)} latitudes: as many are needed")
            points, polygons = PlacePoints(x, y, None), None
            count = len(x)
        else:
            if lon is not None or lat is not None:
                raise ValueError("a place index is built from lon and lat, or from geometries, not from both")
            shapes = np.asarray(geometries, dtype=object).reshape(-1)
            count = len(shapes)
            points, polygons = take_apart(shapes)
        alert_m = distances(ALERT_DISTANCE_M_DEFAULT if alert_distance_m is None else alert_distance_m, count, "places")
        tiles, outlines, repeated = _assemble(points, polygons, _fewest(alert_m), threads)
        return cls(count, tiles, outlines, repeated=repeated)

    def __len__(self) -> int:
        """Number of places."""
        return self._count

    @property
    def nbytes(self) -> int:
        """Bytes that the index holds at present (a memory-mapped one: of its file)."""
        return sum(array.nbytes for array in self._arrays().values())

    def within(
        self,
        lon: ArrayLike,
        lat: ArrayLike,
        distance_m: ArrayLike | None = None,
        *,
        footprint_m: ArrayLike | None = None,
        threads: int | None = None,
    ) -> Matches:
        """All places within reach of points, scalars or arrays of n degrees.

        `distance_m`: metres, one value or n; None: each place's own alert distance. `footprint_m`: radius of what was
        observed, one value or n, subtracted from the distance, which never sinks below 0. A NaN position matches
        nothing. `threads` counts for more than 4,096 queries; None: all processors. Raises ValueError where a position
        is not on the Earth or a distance is negative or NaN.

        >>> PlaceIndex.build(0.0, 0.0).within([0.0, 0.0], [0.001, 0.01], 300.0, footprint_m=187.5)
        Matches(observation=array([0]), place=array([0]), distance_m=array([0.]))
        """
        x, y = column(lon), column(lat)
        if len(x) != len(y):
            x, y = (np.ascontiguousarray(part) for part in broadcast(x, y))
        footprint = _NONE if footprint_m is None else distances(footprint_m, len(x), "queries")
        return self._find(Boxes(x, y, x, y), distance_m, footprint, threads)

    def within_boxes(
        self,
        west: ArrayLike,
        south: ArrayLike,
        east: ArrayLike,
        north: ArrayLike,
        distance_m: ArrayLike | None = None,
        *,
        threads: int | None = None,
    ) -> Matches:
        """All places within reach of small rectangles of longitude and latitude that do not cross the antimeridian.

        The distance is that to the point of the rectangle which has the place's longitude (the shorter way round) and
        latitude, or the nearest there are; 0 inside, and 0 for a polygon that overlaps. It exceeds the distance to the
        truly nearest point by less than s³·tan²φ/8R² (60° N: 0.3 µm at 300 m, 0.1 m at 20 km). Else as `within`.

        >>> PlaceIndex.build([-179.999], [0.0]).within_boxes(179.99, -0.001, 180.0, 0.001).distance_m
        array([111.319...])
        """
        boxes = Boxes(column(west), column(south), column(east), column(north))
        if not len(boxes.west) == len(boxes.south) == len(boxes.east) == len(boxes.north):
            boxes = Boxes(*broadcast(boxes.west, boxes.south, boxes.east, boxes.north))
        return self._find(boxes, distance_m, _NONE, threads)

    def nearest(self, lon: ArrayLike, lat: ArrayLike, k: int = 1, *, threads: int | None = None) -> Matches:
        """The k nearest places of each point at any distance, in the order of `within`; of equals the lower numbers.

        Fewer than k where the index holds fewer. Raises ValueError as `within`, or where k is below 1.

        >>> PlaceIndex.build([10.0, 20.0], [0.0, 0.0]).nearest(179.0, 0.0).place
        array([1])
        """
        if k < 1:
            raise ValueError(f"k is {k}: at least 1 is needed")
        x, y = broadcast(column(lon), column(lat))
        if not self._count or not len(x):
            return no_matches()
        anchors = self._anchor_points()
        angle = np.full(len(x), math.pi)
        # Several points of one place count once, so more of them are asked for.
        wanted = k if not self._repeated else k - 1 + int(np.bincount(anchors.places).max())
        if wanted < len(anchors.keys):
            a = anchors
            layers = len(a.layer_alert_m)
            bound_kth(a.tiles, a.heads, a.words, a.offsets, a.keys, a.places, layers, x, y, wanted, angle)
        reach = np.minimum(angle * RADIUS_MAX_M * (1.0 + 1e-9) + 0.05, FARTHEST_M)
        found = self.within(x, y, reach, threads=threads)
        order = np.lexsort((found.place, found.distance_m, found.observation))
        observation = found.observation[order]
        rank = np.arange(len(order)) - np.searchsorted(observation, observation)
        keep = np.sort(order[rank < k])
        return Matches(found.observation[keep], found.place[keep], found.distance_m[keep])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to one file, whole or not at all."""
        about = {
            "format": _FORMAT,
            "count": self._count,
            "repeated": self._repeated,
            "polygons": self._polygons is not None,
        }
        array_file.save(Path(path), about, self._arrays())

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """An index from its file, memory-mapped: pages are read when a search touches them.

        Raises ValueError where the file is not a place index of this version, or is cut short.
        """
        about, arrays = array_file.load(Path(path))
        if about.get("format") != _FORMAT:
            raise ValueError(f"{path} is not a place index of this version: build it anew")
        points = PointTiles(**{part.name: arrays[f"points.{part.name}"] for part in fields(PointTiles)})
        polygons = None
        if about["polygons"]:
            polygons = PolygonShapes(**{part.name: arrays[f"polygons.{part.name}"] for part in fields(PolygonShapes)})
        return cls(about["count"], points, polygons, repeated=about["repeated"])

    def _find(self, boxes: Boxes, distance_m: ArrayLike | None, footprint_m: Floats, threads: int | None) -> Matches:
        reach = Reach(_NONE if distance_m is None else distances(distance_m, len(boxes.west), "queries"), footprint_m)
        count = len(boxes.west)
        if count <= SMALL_BATCH:
            found = search_points(self._points, boxes, reach, 0, count)
        else:
            found = run(partial(search_points, self._points), boxes, reach, threads)
        if self._polygons is None:
            return merge([found], repeated=True) if self._repeated else found
        others = run(partial(search_polygons, self._polygons), boxes, reach, threads)
        return merge([found, others], repeated=self._repeated)

    def _anchor_points(self) -> PointTiles:
        """All points and one vertex of each polygon: what `nearest` finds first bounds what can be nearer."""
        if self._polygons is None:
            return self._points
        if self._anchors is None:
            lon, lat = self._points.coordinates()
            shapes = self._polygons
            at = shapes.spans[shapes.part_blocks[:-1], 0]
            lon, lat = np.append(lon, shapes.vertex_lon[at]), np.append(lat, shapes.vertex_lat[at])
            places = np.append(self._points.places, shapes.part_places)
            self._anchors = tile_points(lon, lat, places, None, np.zeros(1), threads=1)
        return self._anchors

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays = {f"points.{part.name}": getattr(self._points, part.name) for part in fields(PointTiles)}
        if self._polygons is not None:
            arrays |= {f"polygons.{part.name}": getattr(self._polygons, part.name) for part in fields(PolygonShapes)}
        return arrays


def _assemble(
    points: PlacePoints, polygons: PlacePolygons | None, alert_m: Floats, threads: int
) -> tuple[PointTiles, PolygonShapes | None, bool]:
    """Points and polygons prepared; whether a place has several of them. `alert_m`: one value, or for each place."""
    places = points.places
    own, layer = alert_m, None
    if len(alert_m) > 1:
        own = alert_m if places is None else alert_m[places]
        _, number = np.unique(np.searchsorted(LAYER_CUTS_M, own), return_inverse=True)
        layer = number.astype(np.uint8)
    tiles = tile_points(points.lon, points.lat, places, layer, own, threads)
    if places is None or polygons is None:
        return tiles, None, False
    shapes = shape_polygons(polygons.shapes, polygons.places, alert_m) if len(polygons.shapes) else None
    both = np.concatenate([places, polygons.places])
    return tiles, shapes, len(both) > 0 and int(np.bincount(both).max()) > 1


def _fewest(alert_m: Floats) -> Floats:
    """One value in place of many equal ones."""
    return alert_m[:1] if len(alert_m) and alert_m.min() == alert_m.max() else alert_m
