"""Polars: an equi-join on cells and the chord as an expression; the join hashes anew each time."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from benchmarks.peers.cells import cell_deg, cells_near, cells_of
from benchmarks.peers.geodesic import Floats, Pairs, ecef, from_chords

NAME = "Polars cell join"
NEEDS = ("polars",)


class State(NamedTuple):
    """The places with their cells, and their latitudes."""

    places: Any
    lat: Floats


def build(lon: Floats, lat: Floats, distance_m: float) -> State:
    """A frame with the cell of each place."""
    x, y, z = ecef(lon, lat).T
    number = np.arange(len(lon), dtype=np.int32)
    columns = {"j": number, "cell": cells_of(lon, lat, cell_deg(distance_m)), "px": x, "py": y, "pz": z}
    return State(pl.DataFrame(columns), lat)


def join(state: State, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """One lazy query."""
    of, cell = cells_near(lon, lat, distance_m, cell_deg(distance_m))
    x, y, z = ecef(lon, lat)[of].T
    here = pl.DataFrame({"i": of.astype(np.int32), "cell": cell, "x": x, "y": y, "z": z})
    square = sum((pl.col(a) - pl.col(f"p{a}")) ** 2 for a in "xyz")
    found = (
        here.lazy()
        .join(state.places.lazy(), on="cell")
        .select("i", "j", c=square)
        .filter(pl.col("c") <= distance_m * distance_m)
        .collect()
    )
    observation, place = found["i"].to_numpy().astype(np.int64), found["j"].to_numpy().astype(np.int64)
    return from_chords(observation, place, np.sqrt(found["c"].to_numpy()), lat, state.lat, distance_m)
