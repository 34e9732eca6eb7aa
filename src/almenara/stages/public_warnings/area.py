"""The area of a warning: few, simple polygons that hold the hazard and every place it threatens, and little else.

Everything is worked out in a plane where longitude and latitude are stretched to metres: straight lines stay straight,
so what is covered there is covered in the message, whose edges are straight in longitude and latitude too. The plane
takes the metres of a degree where they are fewest in the scene, so that a margin is never less than it says.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from almenara.model.cap.message import Ring
from almenara.model.errors import InvalidWarning

#: Of all polygons together, the closing points counted.
VERTICES_MAX = 100
#: More polygons than this are joined, those first that lose least by it.
POLYGONS_MAX = 16
#: A place that is a point is in truth a settlement or a building of unknown extent.
POINT_MARGIN_M = 300.0
DECIMALS = 5  # 1.1 m

#: The fields of a `Protected` as a bare tuple.
Target = tuple[float, float, BaseGeometry | None, float]


@dataclass(frozen=True, slots=True)
class Protected:
    """A place that the area must hold."""

    lon: float  # degrees, WGS84
    lat: float
    geometry: BaseGeometry | None  # polygon or multipolygon in WGS84, cut at ±180; None for a point
    reach_m: float  # its alert distance; what widens the footprint is the caller's to say


_EDGE_M = 5.0  # a polygon reaches this far beyond what it must hold: more than rounding takes away
_STEPS = 3  # segments to a quarter of a disc …
_CIRCUMSCRIBED = 1.0 / math.cos(math.pi / 4 / _STEPS)  # … whose radius grows so that chords stay outside the circle
_CORNER_STEPS = 8  # the same for corners of a widened shape, where GEOS rounds the count of segments: a chord may span
_CORNER = 1.0 / math.cos(1.5 * math.pi / 4 / _CORNER_STEPS)  # one and a half of them
_POLE_DEG = 89.0  # what comes nearer to a pole is held by a cap of the globe
_DEGREE_LAT_M = 110_574.0  # at the equator, where it is shortest (WGS84)
_DEGREE_LON_M = 111_319.0  # times the cosine of the latitude
_SHAPE_VERTICES = 400  # an outline with more is made coarser before it is worked with
_DISCS_MAX = 1_000
_COMPARED_MAX = 100  # parts that are compared each with each to find what to join

_Shapes = NDArray[Any]


@overload
def warning_area(
    footprint: BaseGeometry | None, reach_m: float, places: Sequence[Protected | Target]
) -> tuple[Ring, ...]: ...
@overload
def warning_area(footprint: BaseGeometry | None, reach_m: Sequence[Target], /) -> tuple[Ring, ...]: ...
def warning_area(
    footprint: BaseGeometry | None,
    reach_m: float | Sequence[Target],
    places: Sequence[Protected | Target] | None = None,
) -> tuple[Ring, ...]:
    """Closed rings (longitude, latitude; rounded to 5 decimals; counter-clockwise) of the area to warn.

    They hold the footprint widened by `reach_m` metres, every polygon whole and every point with a margin of 300 m.
    Each ring is simple, has no hole and stays within ±180°; an area across the antimeridian is cut there. All rings
    together have at most VERTICES_MAX vertices. Without `reach_m` it is the smallest alert distance among the places
    (a place that wants to hear of hazards farther off does not make its neighbours hear of them).

    Raises InvalidWarning when there is nothing to hold or a position is no point on Earth.

    >>> place = Protected(-79.2, -4.0, None, reach_m=5000.0)
    >>> rings = warning_area(None, 5000.0, [place])
    >>> len(rings), rings[0][0] == rings[0][-1], covers(rings, None, [place])
    (1, True, [])
    """
    if isinstance(reach_m, Sequence):
        held = _protected(reach_m)
        reach = min((place.reach_m for place in held), default=0.0)
    else:
        held, reach = _protected(places or ()), float(reach_m)
    scene = _Scene.of(footprint, reach, held)
    wanted = scene.wanted()
    check = _to_degrees(wanted, scene)
    for candidate in _candidates(wanted):
        rings = _rings(_to_degrees(candidate, scene))
        # `_holds` knows the margins; `covers` knows nothing of how the rings were made
        if rings is not None and _holds(rings, check) and not covers(rings, footprint, held):
            return tuple(rings)
    raise InvalidWarning("No polygons could be drawn that hold every threatened place.")


def covers(
    rings: Sequence[Ring], footprint: BaseGeometry | None, places: Sequence[Protected] | Sequence[Target]
) -> list[int]:
    """Positions of the places that the rings do NOT hold entirely; −1 stands for the footprint. Empty is good.

    Raises InvalidWarning when the rings are no polygons.
    """
    try:
        parts = [shapely.Polygon(ring) for ring in rings]
        area = parts[0] if len(parts) == 1 else shapely.union_all(parts)
    except (shapely.GEOSException, ValueError) as error:
        raise InvalidWarning(f"The area is no set of polygons: {error}") from error
    if not shapely.is_valid(parts).all():
        raise InvalidWarning("The area is no set of polygons: a ring crosses itself.")
    shapely.prepare(area)
    shapes = np.array([_shape(place) for place in _protected(places)], dtype=object)
    missing: list[int] = np.flatnonzero(~shapely.covers(area, shapes)).tolist() if len(shapes) else []
    if footprint is not None and not footprint.is_empty and not area.covers(_valid(footprint)):
        missing.insert(0, -1)
    return missing


uncovered = covers


def _protected(places: Sequence[Protected | Target]) -> list[Protected]:
    return [place if isinstance(place, Protected) else Protected(*place) for place in places]


def _shape(place: Protected) -> BaseGeometry:
    if place.geometry is None or place.geometry.is_empty:
        return shapely.Point(place.lon, place.lat)
    return _valid(place.geometry)


def _valid(shape: BaseGeometry) -> BaseGeometry:
    return shape if shape.is_valid else shapely.make_valid(shape)


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
    def of(footprint: BaseGeometry | None, reach: float, places: Sequence[Protected]) -> "_Scene":
        found = _parts([footprint] if footprint is not None else [])
        polygons = _parts([p.geometry for p in places if p.geometry is not None and not p.geometry.is_empty])
        bare = [(p.lon, p.lat) for p in places if p.geometry is None or p.geometry.is_empty]
        points = np.array(bare, dtype=np.float64).reshape(-1, 2)
        bounds = np.vstack([shapely.bounds(found), shapely.bounds(polygons), np.hstack([points, points])]).reshape(
            -1, 4
        )
        if not len(bounds):
            raise InvalidWarning("A warning needs a place or a footprint to draw its area round.")
        far = np.abs(bounds).reshape(-1, 2).max(axis=0)
        if not (np.isfinite(bounds).all() and math.isfinite(reach) and far[0] <= 180.0 and far[1] <= 90.0):
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
        discs = shapely.buffer(_gathered(points, _DISCS_MAX), margin, quad_segs=_STEPS)
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
    if shapely.get_num_coordinates(shapes).sum() > 50 * _SHAPE_VERTICES:
        shapes = np.asarray(shapely.convex_hull(shapes), dtype=object)
    # detail that is small against the reach does not show in the outcome, but costs much
    tolerance = max(20.0, 0.01 * reach_m)
    many = shapely.get_num_coordinates(shapes) > (_SHAPE_VERTICES if reach_m < 2_000.0 else 40)
    slack = np.full(len(shapes), _EDGE_M)
    while many.any() and tolerance < 1e5:
        # simplifying moves an outline by at most the tolerance, so widening by as much gives back what it cut off
        shapes = shapes.copy()
        shapes[many] = shapely.simplify(shapes[many], tolerance)
        slack[many] += tolerance
        many = shapely.get_num_coordinates(shapes) > _SHAPE_VERTICES
        tolerance *= 2.0
    if reach_m > 0.0:
        return list(shapely.buffer(shapes, (reach_m + slack) * _CORNER, quad_segs=_CORNER_STEPS))
    return list(shapely.buffer(shapes, slack, join_style="mitre", mitre_limit=2.0, quad_segs=_STEPS))


def _filled(shape: BaseGeometry) -> BaseGeometry:
    """Without holes: the polygons of CAP have none."""
    parts = shapely.get_parts(shape)
    parts = parts[(shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)]
    if not shapely.get_num_interior_rings(parts).any():
        return shapely.multipolygons(parts)
    return shapely.multipolygons(
        shapely.get_parts(shapely.disjoint_subset_union_all(shapely.polygons(shapely.get_exterior_ring(parts))))
    )


def _gathered(shapes: _Shapes, most: int) -> _Shapes:
    """At most `most` shapes: hulls of those whose middles share a square, the squares as small as will do."""
    if len(shapes) <= most:
        return shapes
    middles = shapely.bounds(shapes).reshape(-1, 2, 2).mean(axis=1)
    side = POINT_MARGIN_M
    while len((found := np.unique(np.floor(middles / side), axis=0, return_inverse=True))[0]) > most:
        side *= 1.5
    square = found[1].ravel()
    order = np.argsort(square, kind="stable")
    hulls = shapely.convex_hull(shapely.geometrycollections(shapes[order], indices=square[order]))
    return np.asarray(hulls, dtype=object)


def _joined(shape: BaseGeometry) -> BaseGeometry:
    """At most POLYGONS_MAX parts: those whose common hull adds least are joined by it."""
    parts = shapely.get_parts(shape)
    if len(parts) <= POLYGONS_MAX:
        return shape
    parts = shapely.get_parts(_filled(shapely.union_all(_gathered(parts, _COMPARED_MAX))))
    count = len(parts)
    waste = np.full((count, count), np.inf)
    one, other = np.triu_indices(count, 1)
    waste[one, other] = _waste(parts[one], parts[other])
    alive = np.ones(count, dtype=np.bool_)
    while alive.sum() > POLYGONS_MAX:
        kept, gone = divmod(int(waste.argmin()), count)
        parts[kept] = shapely.convex_hull(shapely.geometrycollections([parts[kept], parts[gone]]))
        alive[gone] = False
        waste[gone, :] = waste[:, gone] = np.inf
        rest = np.flatnonzero(alive & (np.arange(count) != kept))
        again = _waste(parts[rest], np.repeat(parts[[kept]], len(rest)))
        waste[np.minimum(rest, kept), np.maximum(rest, kept)] = again
    return _filled(shapely.union_all(parts[alive]))


def _waste(one: _Shapes, other: _Shapes) -> NDArray[np.float64]:
    """Square metres that the hull of each pair adds to it."""
    hulls = shapely.convex_hull(shapely.geometrycollections(np.column_stack((one, other))))
    return np.asarray(shapely.area(hulls) - shapely.area(one) - shapely.area(other), dtype=np.float64)


# ---------------------------------------------------------------------- few vertices


def _candidates(wanted: BaseGeometry) -> Iterator[BaseGeometry]:
    """Simpler and simpler shapes round the wanted one: outlines, then one hull, then a box."""
    yield from _simpler(wanted)
    hull = shapely.convex_hull(wanted)
    yield from _simpler(hull)
    yield shapely.envelope(shapely.buffer(hull, _EDGE_M))


def _simpler(wanted: BaseGeometry) -> Iterator[BaseGeometry]:
    # Finer first: each try is a little coarser, and the first with few enough vertices warns fewest without need.
    step = max(_EDGE_M, 0.002 * math.sqrt(wanted.area))
    for _ in range(13):
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
    parts = [shapely.Polygon(ring) for ring in rings]
    area = parts[0] if len(parts) == 1 else shapely.union_all(parts)
    west, _, east, _ = wanted.bounds
    if west >= -180.0 and east <= 180.0:
        return bool(area.covers(wanted))
    pieces = [piece for part in shapely.get_parts(wanted) for piece in _pieces(part)]
    return all(area.covers(piece) for piece in pieces)
