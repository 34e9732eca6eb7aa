"""SedonaDB's geography type, which is a sphere: asked for 0.6 % more, so that nothing on the ellipsoid is missed."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import sedonadb
import shapely

from benchmarks.peers.geodesic import Floats, Ints, Pairs, from_candidates

NAME = "SedonaDB, geography"
NEEDS = ("sedonadb", "geoarrow-pyarrow", "pyarrow", "shapely")
INEXACT = "polygons are measured on a sphere, which errs by up to 0.56 %"

_SPHERE = 1.006


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
    session.sql("select j, ST_GeogPoint(x, y) as g from arrived").to_memtable().to_view("places", overwrite=True)
    return State(session, lon, lat)


def join(state: State, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """One query, then the ellipsoid."""
    observation, place = _near(state.session, lon, lat, distance_m * _SPHERE)
    return from_candidates(observation, place, lon, lat, state.lon, state.lat, distance_m)


def build_outlines(outlines: Floats, distance_m: float) -> Any:
    """A view of polygons, computed and kept."""
    session = sedonadb.connect()
    text = pa.array(shapely.to_wkt(shapely.polygons(outlines), rounding_precision=8).tolist())
    table = pa.table({"j": np.arange(len(outlines), dtype=np.int32), "outline": text})
    session.create_data_frame(table).to_view("arrived", overwrite=True)
    session.sql("select j, ST_GeogFromWKT(outline) as g from arrived").to_memtable().to_view("places", overwrite=True)
    return session


def join_outlines(state: Any, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """One query, on the sphere; it is not asked for distances."""
    observation, place = _near(state, lon, lat, distance_m)
    return observation, place, np.full(len(place), np.nan)


def _near(session: Any, lon: Floats, lat: Floats, distance_m: float) -> tuple[Ints, Ints]:
    table = pa.table({"i": np.arange(len(lon), dtype=np.int32), "x": lon, "y": lat})
    session.create_data_frame(table).to_view("observations", overwrite=True)
    query = (
        "select o.i, p.j from (select i, ST_GeogPoint(x, y) as g from observations) o "  # noqa: S608
        f"join places p on ST_DWithin(o.g, p.g, {distance_m})"
    )
    found = session.sql(query).to_arrow_table()
    observation, place = (found[name].to_numpy().astype(np.int64) for name in "ij")
    return observation, place
