"""Shapely's STRtree: boxes in degrees find candidates; polygons are measured in a plane at each observation."""

from typing import Any, NamedTuple

import numpy as np
import shapely

from benchmarks.peers.geodesic import Floats, Ints, Pairs, boxes, ecef, from_candidates

NAME = "Shapely STRtree"
NEEDS = ("shapely",)

_AT_ONCE = 20_000  # candidate polygons measured together


class State(NamedTuple):
    """A tree, and where its points lie."""

    tree: Any
    lon: Floats
    lat: Floats


class Outlines(NamedTuple):
    """A tree of polygons, and their vertices."""

    tree: Any
    vertices: Floats


def build(lon: Floats, lat: Floats, distance_m: float) -> State:
    """A tree of points."""
    return State(shapely.STRtree(shapely.points(lon, lat)), lon, lat)


def join(state: State, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """All boxes in one query."""
    observation, place = _candidates(state.tree, lon, lat, distance_m)
    return from_candidates(observation, place, lon, lat, state.lon, state.lat, distance_m)


def build_outlines(outlines: Floats, distance_m: float) -> Outlines:
    """A tree of polygons."""
    return Outlines(shapely.STRtree(shapely.polygons(outlines)), outlines)


def join_outlines(state: Outlines, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """Candidates by their boxes, then the distance in the tangent plane at the observation."""
    observation, place = _candidates(state.tree, lon, lat, distance_m)
    parts = [np.zeros(0)]
    for first in range(0, len(place), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        of, rings = observation[some], state.vertices[place[some]]
        plane = shapely.polygons(_tangent_plane(lon[of], lat[of], rings))
        metres = shapely.distance(plane, shapely.Point(0.0, 0.0))
        # East and north of the plane are R·sin(s/R), so that the arc is longer than what is measured.
        parts.append(metres * (1.0 + metres**2 / (6.0 * 6_371_000.0**2)))
    metres = np.concatenate(parts)
    near = metres <= distance_m
    return observation[near], place[near], metres[near]


def _candidates(tree: Any, lon: Floats, lat: Floats, distance_m: float) -> tuple[Ints, Ints]:
    index, west, south, east, north = boxes(lon, lat, distance_m)
    box, place = tree.query(shapely.box(west, south, east, north))
    return index[box], place


def _tangent_plane(lon: Floats, lat: Floats, rings: Floats) -> Floats:
    """(n, vertices, 2) metres east and north of each observation."""
    n, vertices, _ = rings.shape
    far = ecef(rings[..., 0].ravel(), rings[..., 1].ravel()).reshape(n, vertices, 3) - ecef(lon, lat)[:, None, :]
    x, y = np.radians(lon)[:, None], np.radians(lat)[:, None]
    east = -np.sin(x) * far[..., 0] + np.cos(x) * far[..., 1]
    inward = np.cos(x) * far[..., 0] + np.sin(x) * far[..., 1]
    return np.stack((east, -np.sin(y) * inward + np.cos(y) * far[..., 2]), axis=-1)
