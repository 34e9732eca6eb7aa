"""DuckDB without an extension: an equi-join on cells and the chord, all in SQL."""

from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.peers.cells import cell_deg, cells_near, cells_of
from benchmarks.peers.geodesic import Floats, Pairs, ecef, from_chords

NAME = "DuckDB cell join"
NEEDS = ("duckdb", "pyarrow")

_JOIN = """
select i, j, sqrt(c) as chord from (
  select o.i, p.j, (o.x-p.x)*(o.x-p.x) + (o.y-p.y)*(o.y-p.y) + (o.z-p.z)*(o.z-p.z) as c
  from observations o join places p using (cell)
) where c <= ?
"""


class State(NamedTuple):
    """A connection that holds the places, and their latitudes."""

    connection: Any
    lat: Floats


def build(lon: Floats, lat: Floats, distance_m: float) -> State:
    """A table with the cell of each place."""
    connection = duckdb.connect()
    connection.execute("set preserve_insertion_order=false")
    x, y, z = ecef(lon, lat).T
    number = np.arange(len(lon), dtype=np.int32)
    table = pa.table({"j": number, "cell": cells_of(lon, lat, cell_deg(distance_m)), "x": x, "y": y, "z": z})
    connection.register("arrived", table)
    connection.execute("create table places as select * from arrived")
    connection.unregister("arrived")
    return State(connection, lat)


def join(state: State, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """One query."""
    of, cell = cells_near(lon, lat, distance_m, cell_deg(distance_m))
    x, y, z = ecef(lon, lat)[of].T
    state.connection.register(
        "observations", pa.table({"i": of.astype(np.int32), "cell": cell, "x": x, "y": y, "z": z})
    )
    found = state.connection.execute(_JOIN, [distance_m * distance_m]).fetchnumpy()
    observation, place = found["i"].astype(np.int64), found["j"].astype(np.int64)
    return from_chords(observation, place, found["chord"], lat, state.lat, distance_m)
