"""Brute force with Karney's geodesic (PROJ): no engine but the judge of all, on sets small enough for all pairs."""

from typing import NamedTuple

import numpy as np
import pyproj

from benchmarks.peers.geodesic import Floats, Pairs

NAME = "Karney, brute force"
NEEDS = ("pyproj",)


class State(NamedTuple):
    """Where the places lie."""

    lon: Floats
    lat: Floats


def build(lon: Floats, lat: Floats, distance_m: float) -> State:
    """Nothing to prepare."""
    return State(lon, lat)


def join(state: State, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """Every distance there is."""
    observation, place = (
        side.ravel() for side in np.meshgrid(np.arange(len(lon)), np.arange(len(state.lon)), indexing="ij")
    )
    _, _, metres = pyproj.Geod(ellps="WGS84").inv(
        lon[observation], lat[observation], state.lon[place], state.lat[place]
    )
    near = metres <= distance_m
    return observation[near], place[near], metres[near]
