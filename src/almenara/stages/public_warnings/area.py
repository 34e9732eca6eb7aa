"""The area of a warning: few, simple polygons that hold the hazard and every place it threatens, and little else.

Everything is worked out in a plane where longitude and latitude are stretched to metres: straight lines stay straight,
so what is covered there is covered in the message, whose edges are straight in longitude and latitude too. The plane
takes the metres of a degree where they are fewest in the scene, so that a margin is never less than it says.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from almenara.model.cap.message import Ring
from almenara.model.errors import InvalidWarning

#: Of all polygons together, the closing points counted.
VERTICES_MAX = 100
#: More polygons than this are joined, nearest first.
POLYGONS_MAX = 8
#: A place that is a point is in truth a settlement or a building of unknown extent.
POINT_MARGIN_M = 300.0
DECIMALS = 5  # 1.1 m

#: A place to hold: longitude and latitude of a point, its polygon if it has one, and its alert distance in metres.
Target = tuple[float, float, BaseGeometry | None, float]

_EDGE_M = 5.0  # a polygon reaches this far beyond what it must hold: more than rounding takes away
_STEPS = 3  # segments to a quarter of a round corner …
_CIRCUMSCRIBED = 1.0 / math.cos(math.pi / 4 / _STEPS)  # … whose radius grows so that chords stay outside the circle
_POLE_DEG = 89.0  # what comes nearer to a pole is held by a cap of the globe
_DEGREE_LAT_M = 110_574.0  # at the equator, where it is shortest (WGS84)
_DEGREE_LON_M = 111_319.0  # times the cosine of the latitude
_SHAPE_VERTICES = 400  # an outline with more is made coarser before it is worked with
_DISCS_MAX = 1_000

_Shapes = NDArray[Any]


def warning_area(footprint: BaseGeometry | None, places: Sequence[Target]) -> list[Ring]:
    """Closed rings (longitude, latitude; rounded to 5 decimals; counter-clockwise) of the area to warn.

    They hold the footprint widened by the smallest alert distance among the places (a place that wants to hear of
    hazards farther off does not make its neighbours hear of them), every polygon whole and every point with a margin of
    300 m. Each ring is simple and stays within ±180°; an area across the antimeridian is cut there.

    Raises InvalidWarning when there is nothing to hold or a position is no number.

    >>> rings = warning_area(None, [(-79.2, -4.0, None, 300.0)])
    >>> len(rings), rings[0][0] == rings[0][-1], uncovered(rings, None, [(-79.2, -4.0, None, 300.0)])
    (1, True, [])
    """
    scene = _Scene.of(footprint, places)
    wanted = scene.wanted()
    check = _to_degrees(wanted, scene)
    for candidate in _candidates(wanted):
        rings = _rings(_to_degrees(candidate, scene))
        if rings is not None and _holds(rings, check):
            return rings
    raise InvalidWarning("No polygons could be drawn that hold every threatened place.")


def uncovered(rings: Sequence[Ring], footprint: BaseGeometry | None, places: Sequence[Target]) -> list[int]:
    """Indices of the places that the rings do not hold entirely; −1 stands for the footprint. Empty is good."""
    try:
        area = shapely.disjoint_subset_union_all([shapely.Polygon(ring) for ring in rings])
    except shapely.GEOSException as error:
        raise InvalidWarning(f"The area is no set of polygons: {error}") from error
    shapely.prepare(area)
    shapes = np.array([_shape(lon, lat, geometry) for lon, lat, geometry, _ in places], dtype=object)
    missing = np.flatnonzero(~shapely.covers(area, shapes)).tolist() if len(shapes) else []
    if footprint is not None and not footprint.is_empty and not area.covers(footprint):
        missing.insert(0, -1)
    return missing


def _shape(lon: float, lat: float, geometry: BaseGeometry | None) -> BaseGeometry:
    return shapely.Point(lon, lat) if geometry is None or geometry.is_empty else geometry


# ---------------------------------------------------------------------- the scene in its plane


@dataclass(slots=True)
class _Scene:
    """What must be held, in degrees unrolled so that a scene across the antimeridian is of one piece."""

    footprint: _Shapes  # single parts
    polygons: _Shapes
    points: NDArray[np.float64]  # (n, 2)
    reach_m: float
    scale: NDArray[np.float64]  # metres to a degree of longitude, of latitude

    @staticmethod
    def of(footprint: BaseGeometry | None, places: Sequence[Target]) -> "_Scene":
        reach = min((place[3] for place in places), default=0.0)
        found = _parts([footprint] if footprint is not None else [])
        polygons = _parts([g for _, _, g, _ in places if g is not None and not g.is_empty])
        points = np.array([p[:2] for p in places if p[2] is None or p[2].is_empty], dtype=np.float64).reshape(-1, 2)
        bounds = np.vstack([shapely.bounds(found), shapely.bounds(polygons), np.hstack([points, points])])
        bounds = bounds.reshape(-1, 4)
        if not len(bounds):
            raise InvalidWarning("A warning needs a place or a footprint to draw its area round.")
        if not (np.isfinite(bounds).all() and math.isfinite(reach) and np.abs(bounds).max() <= 180.0):
            raise InvalidWarning("A warning's area cannot be drawn round a position that is no point on Earth.")
        farthest = float(np.abs(bounds[:, [1, 3]]).max()) + (max(reach, POINT_MARGIN_M) + _EDGE_M) / _DEGREE_LAT_M
        polar = farthest > _POLE_DEG
        cosine = math.cos(math.radians(min(farthest, _POLE_DEG)))
        scene = _Scene(found, polygons, points, max(reach, 0.0), np.array([_DEGREE_LON_M * cosine, _DEGREE_LAT_M]))
        if polar:
            scene._cap_poles()  # caps go all the way round: there is nothing to unroll
        else:
            scene._unroll(_cut(bounds))
        return scene

    def _cap_poles(self) -> None:
        """What lies within a degree of a pole is replaced by all longitudes from there to the pole."""
        margin = (POINT_MARGIN_M + _EDGE_M) / _DEGREE_LAT_M
        reach = (self.reach_m + _EDGE_M) / _DEGREE_LAT_M
        limit = _POLE_DEG - max(margin, reach)
        near = np.abs(self.points[:, 1]) > limit
        caps = [_cap(float(lat), float(lat), limit, margin) for lat in self.points[near, 1]]
        self.points = self.points[~near]
        for name, widened in (("footprint", reach), ("polygons", 0.0)):
            shapes = getattr(self, name)
            bounds = shapely.bounds(shapes)
            polar = np.abs(bounds[:, [1, 3]]).max(axis=1, initial=0.0) > limit
            caps += [_cap(south, north, limit, widened) for _, south, _, north in bounds[polar].tolist()]
            setattr(self, name, shapes[~polar])
        self.polygons = np.concatenate([self.polygons, _parts(caps)])

    def _unroll(self, cut: float) -> None:
        """Bring everything to longitudes from `cut` to `cut` + 360."""
        if cut <= -180.0:
            return
        self.points = self.points + np.column_stack([360.0 * (self.points[:, 0] < cut), 0.0 * self.points[:, 0]])
        for shapes in (self.footprint, self.polygons):
            for row in np.flatnonzero(shapely.bounds(shapes)[:, 0] < cut):
                shapes[row] = shapely.transform(shapes[row], lambda xy: xy + np.array([360.0, 0.0]))

    def wanted(self) -> BaseGeometry:
        """The area in metres that must be held: without holes, in at most POLYGONS_MAX parts."""
        shapes = [
            *_widened(_to_metres(self.footprint, self.scale), self.reach_m),
            *_widened(_to_metres(self.polygons, self.scale), 0.0),
        ]
        base = _filled(shapely.disjoint_subset_union_all(shapes)) if shapes else shapely.Polygon()
        points = shapely.points(np.unique(self.points, axis=0) * self.scale)
        margin = POINT_MARGIN_M * _CIRCUMSCRIBED
        core = shapely.buffer(base, -margin)
        shapely.prepare(core)
        points = points[~shapely.covers(core, points)]
        if len(points) > _DISCS_MAX:
            points = np.array([shapely.convex_hull(shapely.multipoints(points))], dtype=object)
        discs = shapely.buffer(points, margin, quad_segs=_STEPS)
        if len(discs):
            base = _filled(shapely.disjoint_subset_union_all([base, *discs]))
        return _joined(base)


def _cap(south: float, north: float, limit: float, widened: float) -> BaseGeometry:
    """All longitudes between the latitudes, and from there to the pole they come near to (or to both)."""
    south, north = south - widened, north + widened
    return shapely.box(-180.0, -90.0 if south < -limit else south, 180.0, 90.0 if north > limit else north)


def _cut(bounds: NDArray[np.float64]) -> float:
    """The longitude after the widest stretch that holds nothing; −180 when that stretch crosses the antimeridian."""
    order = np.argsort(bounds[:, 0])
    west, east = bounds[order, 0], np.maximum.accumulate(bounds[order, 2])
    gaps = west[1:] - east[:-1]
    if not len(gaps) or gaps.max() <= west[0] + 360.0 - east[-1]:
        return -180.0
    return float(west[1:][np.argmax(gaps)])


def _parts(shapes: Sequence[BaseGeometry]) -> _Shapes:
    """Single, valid parts."""
    found = shapely.get_parts(np.array(list(shapes), dtype=object)) if len(shapes) else np.empty(0, dtype=object)
    broken = ~shapely.is_valid(found)
    if broken.any():
        found[broken] = shapely.make_valid(found[broken])
    while (nested := shapely.get_type_id(found) > shapely.GeometryType.POLYGON).any():
        found = np.concatenate([found[~nested], shapely.get_parts(found[nested])])
    return np.asarray(found[~shapely.is_empty(found)], dtype=object)


def _to_metres(shapes: _Shapes, scale: NDArray[np.float64]) -> _Shapes:
    return np.atleast_1d(np.asarray(shapely.transform(shapes, lambda xy: xy * scale), dtype=object))


def _to_degrees(shape: BaseGeometry, scene: _Scene) -> BaseGeometry:
    def degrees(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        xy = xy / scene.scale
        xy[:, 1] = np.clip(xy[:, 1], -90.0, 90.0)
        return xy

    return shapely.transform(shape, degrees)


def _widened(shapes: _Shapes, reach_m: float) -> list[BaseGeometry]:
    """The shapes widened by at least `reach_m` metres; rough outlines are made coarser on the way, never narrower."""
    tolerance = 20.0
    if shapely.get_num_coordinates(shapes).sum() > 50 * _SHAPE_VERTICES:
        shapes = np.asarray(shapely.convex_hull(shapes), dtype=object)
    many = shapely.get_num_coordinates(shapes) > _SHAPE_VERTICES
    slack = np.full(len(shapes), _EDGE_M)
    while many.any() and tolerance < 1e5:
        # simplifying moves an outline by at most the tolerance, so widening by as much gives back what it cut off
        shapes = shapes.copy()
        shapes[many] = shapely.simplify(shapes[many], tolerance)
        slack[many] += tolerance
        many = shapely.get_num_coordinates(shapes) > _SHAPE_VERTICES
        tolerance *= 2.0
    widened: list[BaseGeometry] = list(
        shapely.buffer(shapes, (reach_m + slack) * _CIRCUMSCRIBED, quad_segs=_STEPS)
        if reach_m > 0.0
        else shapely.buffer(shapes, slack, join_style="mitre", mitre_limit=2.0, quad_segs=_STEPS)
    )
    return widened


def _filled(shape: BaseGeometry) -> BaseGeometry:
    """Without holes: the polygons of CAP have none."""
    parts = shapely.get_parts(shape)
    parts = parts[(shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)]
    if not shapely.get_num_interior_rings(parts).any():
        return shapely.multipolygons(parts)
    return shapely.multipolygons(
        shapely.get_parts(shapely.disjoint_subset_union_all(shapely.polygons(shapely.get_exterior_ring(parts))))
    )


def _joined(shape: BaseGeometry) -> BaseGeometry:
    """At most POLYGONS_MAX parts: the nearest are joined by their hull."""
    gap = POINT_MARGIN_M
    while len(parts := shapely.get_parts(shape)) > POLYGONS_MAX:
        one, other = shapely.STRtree(parts).query(parts, predicate="dwithin", distance=gap)
        group, before = np.arange(len(parts)), None
        while before is None or (group != before).any():  # the least number among all that hang together
            before = group.copy()
            np.minimum.at(group, one, before[other])
        members = [parts[group == number] for number in np.unique(group)]
        hulls = [m[0] if len(m) == 1 else shapely.convex_hull(shapely.multipolygons(m)) for m in members]
        shape = _filled(shapely.disjoint_subset_union_all(hulls))
        gap *= 2.0
    return shape


# ---------------------------------------------------------------------- few vertices


def _candidates(wanted: BaseGeometry) -> Iterator[BaseGeometry]:
    """Simpler and simpler shapes round the wanted one: outlines, then one hull, then a box."""
    yield from _simpler(wanted)
    hull = shapely.convex_hull(wanted)
    yield from _simpler(hull)
    yield shapely.envelope(shapely.buffer(hull, _EDGE_M))


def _simpler(wanted: BaseGeometry) -> Iterator[BaseGeometry]:
    step = max(2.0 * _EDGE_M, 0.01 * math.sqrt(wanted.area))
    for _ in range(10):
        # chords of a corner of two segments stay 0.92 of the distance away; simplifying takes at most 0.85 of it
        grown = shapely.buffer(wanted, step, quad_segs=2)
        yield _filled(shapely.simplify(_filled(grown), 0.85 * step))
        step *= 1.6


def _rings(shape: BaseGeometry) -> list[Ring] | None:
    """The shape (degrees, unrolled) as rings within ±180°; None when it has too many vertices or one is broken."""
    parts = [piece for part in shapely.get_parts(_filled(shape)) for piece in _pieces(part)]
    if not parts or int(shapely.get_num_coordinates(parts).sum()) > VERTICES_MAX:
        return None
    rings: list[Ring] = []
    for part in parts:
        xy = np.round(shapely.get_coordinates(shapely.orient_polygons(shapely.normalize(part))), DECIMALS) + 0.0
        xy[:, 0] = np.clip(xy[:, 0], -180.0, 180.0)
        xy = xy[np.append(True, (xy[1:] != xy[:-1]).any(axis=1))]
        if len(xy) < 4:
            continue  # a sliver at the antimeridian, less than rounding shows; `_holds` says whether it mattered
        if not shapely.is_valid(shapely.Polygon(xy)):
            return None
        rings.append(tuple((lon, lat) for lon, lat in xy.tolist()))
    return rings


def _pieces(part: BaseGeometry) -> list[BaseGeometry]:
    """One polygon cut at the antimeridian, at the poles and, when wider than 180°, at every half of the globe."""
    west, south, east, north = part.bounds
    if west >= -180.0 and east <= 180.0 and south >= -90.0 and north <= 90.0 and east - west <= 180.0:
        return [part]
    width = 180.0 if east - west > 180.0 else 360.0
    pieces: list[BaseGeometry] = []
    for number in range(math.floor((west + 180.0) / width), math.ceil((east + 180.0) / width)):
        left = number * width - 180.0
        turn = 360.0 * math.floor((left + 180.0) / 360.0)
        cut = _parts([shapely.intersection(part, shapely.box(left, -90.0, left + width, 90.0))])
        cut = cut[shapely.get_type_id(cut) == shapely.GeometryType.POLYGON]
        pieces += [shapely.transform(piece, lambda xy, turn=turn: xy - np.array([turn, 0.0])) for piece in cut]
    if width == 360.0:
        return pieces
    # what goes more than once round comes to lie upon itself
    halves = [[p for p in pieces if (p.bounds[0] < 0.0) == western] for western in (True, False)]
    return [p for half in halves for p in _parts([_filled(shapely.disjoint_subset_union_all(half))])]


def _holds(rings: list[Ring], wanted: BaseGeometry) -> bool:
    """Whether the rounded rings hold the wanted shape (degrees, unrolled)."""
    area = (
        shapely.disjoint_subset_union_all([shapely.Polygon(ring) for ring in rings])
        if len(rings) != 1
        else shapely.Polygon(rings[0])
    )
    west, _, east, _ = wanted.bounds
    if west >= -180.0 and east <= 180.0:
        return bool(area.covers(wanted))
    pieces = [piece for part in shapely.get_parts(wanted) for piece in _pieces(part)]
    return all(area.covers(piece) for piece in pieces)
