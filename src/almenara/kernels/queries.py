"""What is asked of an index: boxes and how far each looks; and Karney's word on what a kernel leaves open."""

import math
from typing import NamedTuple

import numpy as np

from almenara.kernels.geodesy import clamp, karney
from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats, Ints, Matches


class Boxes(NamedTuple):
    """Queries: west, south, east, north in degrees; NaN matches nothing. Points are boxes without extent."""

    west: Floats
    south: Floats
    east: Floats
    north: Floats


class Reach(NamedTuple):
    """How far each query looks: metres, one value for all, or one for each query."""

    reach_m: Floats  # empty: each place's own alert distance
    footprint_m: Floats  # subtracted from the distance; empty: none


@compiled
def usable(west: float, south: float, east: float, north: float) -> int:
    """1 for a query on the Earth, 0 for one that is NaN somewhere, −1 for one that cannot be."""
    if -180.0 <= west <= east <= 180.0 and -90.0 <= south <= north <= 90.0:
        return 1
    return 0 if math.isnan(west) or math.isnan(south) or math.isnan(east) or math.isnan(north) else -1


@compiled
def entry(values: Floats, at: int, missing: float) -> float:
    """An entry of an array that holds none, one for all, or one for each."""
    if len(values) == 0:
        return missing
    return float(values[at]) if len(values) > 1 else float(values[0])


def raise_out_of_range(boxes: Boxes, query: int) -> None:
    """Say what is wrong with a query."""
    w, s, e, n = (float(side[query]) for side in (boxes.west, boxes.south, boxes.east, boxes.north))
    if w == e and s == n:
        raise ValueError(f"query {query} lies at longitude {w}, latitude {s}: needed are −180…180 and −90…90 degrees")
    raise ValueError(
        f"query {query} is the box west {w}, south {s}, east {e}, north {n}: "
        "needed are −180 ≤ west ≤ east ≤ 180 and −90 ≤ south ≤ north ≤ 90 degrees"
    )


def settle(
    boxes: Boxes, reach: Reach, matches: Matches, open_: Ints, lon: Floats, lat: Floats, alert_m: Floats
) -> Matches:
    """Give the matches at `open_` their exact distances, to points lon, lat; drop those that prove out of reach.

    `alert_m`: the alert distances of their places, one value or as many.
    """
    observation, place, distance_m = matches
    of = observation[open_]
    from_lon, from_lat = clamp((boxes.west[of], boxes.south[of], boxes.east[of], boxes.north[of]), lon, lat)
    exact = karney(from_lon, from_lat, lon, lat)
    if len(reach.footprint_m):
        exact = np.maximum(exact - _entries(reach.footprint_m, of), 0.0)
    distance_m[open_] = exact
    limit = _entries(reach.reach_m, of) if len(reach.reach_m) else alert_m
    keep = np.ones(len(place), np.bool_)
    keep[open_] = exact <= limit
    return Matches(observation[keep], place[keep], distance_m[keep])


def _entries(values: Floats, where: Ints) -> Floats:
    return values[where] if len(values) > 1 else values
