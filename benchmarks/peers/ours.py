"""Almenara: `PlaceIndex`, as any program would call it."""

from typing import Any

import shapely

from almenara import PlaceIndex
from benchmarks.peers.geodesic import Floats, Pairs

NAME = "Almenara"
NEEDS = ("almenara", "numba")


def build(lon: Floats, lat: Floats, distance_m: float) -> PlaceIndex:
    """The index for this reach."""
    return PlaceIndex.build(lon, lat, alert_distance_m=distance_m)


def join(state: PlaceIndex, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """One call."""
    return state.within(lon, lat, distance_m)


def build_outlines(outlines: Floats, distance_m: float) -> PlaceIndex:
    """The index of polygons."""
    shapes: Any = shapely.polygons(outlines)
    return PlaceIndex.build(geometries=shapes, alert_distance_m=distance_m)


join_outlines = join


def bytes_a_place(state: PlaceIndex) -> float:
    """What the index holds of each place."""
    return state.nbytes / len(state)
