"""The place index: which of many places, points or polygons, lie within reach of which observations."""

import math
import os
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from almenara.kernels import array_file
from almenara.kernels.geodesy import FARTHEST_M, RADIUS_MAX_M
from almenara.kernels.matches import Floats, Matches, Search, merge, no_matches, run
from almenara.kernels.nearest import kth_angle
from almenara.kernels.place_input import (
    PlacePoints,
    PlacePolygons,
    broadcast,
    check_positions,
    column,
    distances,
    take_apart,
)
from almenara.kernels.point_bands import PointBands, band_points
from almenara.kernels.point_search import search_points
from almenara.kernels.polygon_search import search_polygons
from almenara.kernels.polygon_shapes import PolygonShapes, shape_polygons
from almenara.kernels.queries import Boxes, Reach

ALERT_DISTANCE_M_DEFAULT = 300.0
#: Heights of bands in degrees, and the largest reach in metres each serves well; the last serves the rest.
LEVELS = ((0.004, 1_500.0), (0.03, 10_000.0), (0.2, math.inf))
_FEW = 4096  # points that need no bands of another height
_NONE = np.zeros(0)
_FORMAT = "almenara place index 1"


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

    __slots__ = ("_alert_m", "_anchors", "_count", "_layers", "_levels", "_points", "_polygons", "_repeated")

    def __init__(self, parts: "_Parts") -> None:
        """Use `build` or `open`."""
        self._count = parts.count
        self._repeated = parts.repeated
        self._alert_m = parts.alert_m
        self._layers = parts.layers
        self._levels = parts.levels
        self._polygons = parts.polygons
        self._anchors: PointBands | None = None
        self._points = sum(len(layer.keys) for layer in parts.layers)

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
            points, polygons = PlacePoints(x, y, np.arange(len(x), dtype=np.uint32)), None
            count = len(x)
        else:
            if lon is not None or lat is not None:
                raise ValueError("a place index is built from lon and lat, or from geometries, not from both")
            shapes = np.asarray(geometries, dtype=object).reshape(-1)
            count = len(shapes)
            points, polygons = take_apart(shapes)
        check_positions(points)
        alert_m = distances(ALERT_DISTANCE_M_DEFAULT if alert_distance_m is None else alert_distance_m, count, "places")
        return cls(_assemble(points, polygons, count, distances(alert_m, count, "places").copy(), threads))

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
            kth_angle(anchors.height, anchors.starts, anchors.keys, anchors.fences, x, y, wanted, angle)
        reach = np.minimum(angle * RADIUS_MAX_M * (1.0 + 1e-9) + 0.05, FARTHEST_M)
        found = self.within(x, y, reach, threads=threads)
        order = np.lexsort((found.place, found.distance_m, found.observation))
        observation = found.observation[order]
        rank = np.arange(len(order)) - np.searchsorted(observation, observation)
        keep = np.sort(order[rank < k])
        return Matches(found.observation[keep], found.place[keep], found.distance_m[keep])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to one file, whole or not at all; what it built for longer reaches goes with it."""
        about = {
            "format": _FORMAT,
            "count": self._count,
            "repeated": self._repeated,
            "layers": [[layer.height, layer.alert_m_max] for layer in self._layers],
            "levels": {str(at): [level.height, level.alert_m_max] for at, level in self._levels.items()},
            "shared": self._shared(),
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
        layers = [_bands(f"layer{i}", head, arrays) for i, head in enumerate(about["layers"])]
        shared = about["shared"]
        levels = {
            int(at): layers[0] if int(at) == shared else _bands(f"level{at}", head, arrays)
            for at, head in about["levels"].items()
        }
        polygons = None
        if about["polygons"]:
            polygons = PolygonShapes(**{part.name: arrays[f"polygon.{part.name}"] for part in fields(PolygonShapes)})
        return cls(_Parts(about["count"], about["repeated"], arrays["alert_m"], layers, levels, polygons))

    def _find(self, boxes: Boxes, distance_m: ArrayLike | None, footprint_m: Floats, threads: int | None) -> Matches:
        if distance_m is None:
            reach = Reach(_NONE, footprint_m, self._alert_m)
            bands = self._layers
        else:
            reach = Reach(distances(distance_m, len(boxes.west), "queries"), footprint_m, self._alert_m)
            bands = self._bands_for(float(reach.reach_m.max(initial=0.0)))
        searches: list[Search] = [partial(search_points, part, boxes, reach) for part in bands]
        if self._polygons is not None:
            searches.append(partial(search_polygons, self._polygons, boxes, reach))
        parts = [run(search, boxes.west, boxes.south, threads) for search in searches]
        return parts[0] if len(parts) == 1 and not self._repeated else merge(parts, repeated=self._repeated)

    def _bands_for(self, reach_m: float) -> list[PointBands]:
        """All points in bands that suit a reach; made at the first need, in about a second for 10⁷ points."""
        at = _level_for(reach_m)
        if at not in self._levels:
            if self._points <= _FEW:
                return self._layers
            lon, lat, places = self._all_points()
            self._levels[at] = band_points(
                lon, lat, places, height=LEVELS[at][0], alert_m_max=_largest(self._alert_m), threads=os.cpu_count() or 1
            )
        return [self._levels[at]]

    def _all_points(self) -> tuple[Floats, Floats, NDArray[np.uint32]]:
        pairs = [layer.coordinates() for layer in self._layers]
        lon, lat = (np.concatenate(column) for column in zip(*pairs, strict=True))
        return lon, lat, np.concatenate([layer.places for layer in self._layers])

    def _anchor_points(self) -> PointBands:
        """All points and one vertex of each polygon: what `nearest` finds first bounds what can be nearer."""
        if self._polygons is None and self._levels:
            return next(iter(self._levels.values()))
        if self._anchors is None:
            lon, lat, places = self._all_points()
            if self._polygons is not None:
                shapes = self._polygons
                at = shapes.spans[shapes.part_blocks[:-1], 0]
                lon, lat = np.append(lon, shapes.vertex_lon[at]), np.append(lat, shapes.vertex_lat[at])
                places = np.append(places, shapes.part_places)
            self._anchors = band_points(lon, lat, places, height=LEVELS[1][0], alert_m_max=0.0, threads=1)
        return self._anchors

    def _shared(self) -> int:
        """The level that is the only layer, or −1."""
        return next((at for at, level in self._levels.items() if level is self._layers[0]), -1)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {"alert_m": self._alert_m}
        parts: dict[str, Any] = {f"layer{i}": layer for i, layer in enumerate(self._layers)}
        parts |= {f"level{at}": level for at, level in self._levels.items() if level is not self._layers[0]}
        if self._polygons is not None:
            parts["polygon"] = self._polygons
        for name, part in parts.items():
            for field in fields(part):
                value = getattr(part, field.name)
                if isinstance(value, np.ndarray):
                    arrays[f"{name}.{field.name}"] = value
        return arrays


@dataclass(frozen=True, slots=True)
class _Parts:
    """What an index is made of. Layers: the points by size of their alert distance; levels: all of them."""

    count: int
    repeated: bool
    alert_m: Floats
    layers: list[PointBands]
    levels: dict[int, PointBands]
    polygons: PolygonShapes | None


def _assemble(points: PlacePoints, polygons: PlacePolygons | None, count: int, alert_m: Floats, threads: int) -> _Parts:
    own = alert_m[points.places] if len(alert_m) > 1 else np.broadcast_to(alert_m, len(points.lon))
    classes = np.searchsorted([reach for _, reach in LEVELS[:-1]], own) if len(alert_m) > 1 else None
    layers: list[PointBands] = []
    levels: dict[int, PointBands] = {}
    groups = [_level_for(_largest(own))] if classes is None else np.unique(classes).tolist()
    for at in groups or [0]:
        mine = slice(None) if len(groups) < 2 else np.flatnonzero(classes == at)
        layer = band_points(
            points.lon[mine], points.lat[mine], points.places[mine],
            height=LEVELS[at][0], alert_m_max=_largest(own[mine]), threads=threads,
        )  # fmt: skip
        layers.append(layer)
    if len(layers) == 1:
        levels[(groups or [0])[0]] = layers[0]
    shapes = None
    repeated = bool(len(points.places)) and int(np.bincount(points.places).max()) > 1
    if polygons is not None and len(polygons.shapes):
        shapes = shape_polygons(polygons.shapes, polygons.places, alert_m)
        both = np.concatenate([points.places, polygons.places])
        repeated = int(np.bincount(both).max()) > 1
    return _Parts(count, repeated, alert_m, layers, levels, shapes)


def _bands(name: str, head: list[float], arrays: dict[str, NDArray[Any]]) -> PointBands:
    rest = {f.name: arrays[f"{name}.{f.name}"] for f in fields(PointBands) if f.name not in ("height", "alert_m_max")}
    return PointBands(head[0], head[1], **rest)


def _level_for(reach_m: float) -> int:
    return next(at for at, (_, longest) in enumerate(LEVELS) if reach_m <= longest)


def _largest(values: Floats) -> float:
    return float(values.max(initial=0.0))
