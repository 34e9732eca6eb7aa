"""DuckDB's spatial extension: its spatial join of boxes and points, which builds its index anew for each query."""

from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.peers.geodesic import Floats, Pairs, boxes, from_candidates

NAME = "DuckDB spatial"
NEEDS = ("duckdb", "duckdb-extension-spatial", "pyarrow")

_JOIN = """
select o.i, p.j from (select i, ST_MakeEnvelope(west, south, east, north) as g from observations) o
join places p on ST_Intersects(o.g, p.g)
"""


class State(NamedTuple):
    """A connection that holds the places, and where they lie."""

    connection: Any
    lon: Floats
    lat: Floats


def build(lon: Floats, lat: Floats, distance_m: float) -> State:
    """A table of points."""
    connection = duckdb.connect()
    connection.execute("set preserve_insertion_order=false")
    # The extension comes as a package beside DuckDB's own, so that nothing is fetched while the benchmark runs.
    folder = Path(duckdb.__file__).parents[1] / "duckdb_extension_spatial"
    extension = next(folder.rglob("spatial.duckdb_extension"))
    connection.execute(f"load '{extension}'")
    connection.register("arrived", pa.table({"j": np.arange(len(lon), dtype=np.int32), "x": lon, "y": lat}))
    connection.execute("create table places as select j, ST_Point(x, y) as g from arrived")
    connection.unregister("arrived")
    return State(connection, lon, lat)


def join(state: State, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """One query."""
    index, west, south, east, north = boxes(lon, lat, distance_m)
    table = {"i": index.astype(np.int32), "west": west, "south": south, "east": east, "north": north}
    state.connection.register("observations", pa.table(table))
    found = state.connection.execute(_JOIN).fetchnumpy()
    observation, place = found["i"].astype(np.int64), found["j"].astype(np.int64)
    return from_candidates(observation, place, lon, lat, state.lon, state.lat, distance_m)
