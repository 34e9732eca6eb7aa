"""SedonaDB in the plane: its spatial join of boxes and points, which builds its index anew for each query."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import sedonadb

from benchmarks.peers.geodesic import Floats, Pairs, boxes, from_candidates

NAME = "SedonaDB, boxes"
NEEDS = ("sedonadb", "geoarrow-pyarrow", "pyarrow")

_BOXES = """
select i, ST_Envelope(ST_MakeLine(ST_Point(west, south), ST_Point(east, north))) as g from arrived_boxes
"""


class State(NamedTuple):
    """A session that holds the places, and where they lie."""

    session: Any
    lon: Floats
    lat: Floats


def build(lon: Floats, lat: Floats, distance_m: float) -> State:
    """A view of points, computed and kept."""
    session = sedonadb.connect()
    table = pa.table({"j": np.arange(len(lon), dtype=np.int32), "x": lon, "y": lat})
    session.create_data_frame(table).to_view("arrived", overwrite=True)
    session.sql("select j, ST_Point(x, y) as g from arrived").to_memtable().to_view("places", overwrite=True)
    return State(session, lon, lat)


def join(state: State, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """One query."""
    index, west, south, east, north = boxes(lon, lat, distance_m)
    table = {"i": index.astype(np.int32), "west": west, "south": south, "east": east, "north": north}
    state.session.create_data_frame(pa.table(table)).to_view("arrived_boxes", overwrite=True)
    query = f"select o.i, p.j from ({_BOXES}) o join places p on ST_Intersects(o.g, p.g)"  # noqa: S608
    found = state.session.sql(query).to_arrow_table()
    observation, place = (found[name].to_numpy().astype(np.int64) for name in "ij")
    return from_candidates(observation, place, lon, lat, state.lon, state.lat, distance_m)
