"""SciPy's cKDTree on Earth-centred coordinates, the observations in a tree of their own for every processor."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from benchmarks.peers.geodesic import Floats, Ints, Pairs, ecef, from_candidates, from_chords

NAME = "SciPy cKDTree"
NEEDS = ("scipy",)


class State(NamedTuple):
    """A tree, and where its points lie."""

    tree: Any
    lon: Floats
    lat: Floats


def build(lon: Floats, lat: Floats, distance_m: float) -> State:
    """A tree in the way that is quickest to build and to search."""
    return State(_tree(ecef(lon, lat)), lon, lat)


def join(state: State, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """Tree against tree."""
    threads = os.cpu_count() or 1
    here = ecef(lon, lat)
    # In pieces of space, so that two threads do not search the same part of the places' tree.
    pieces = [piece for piece in np.array_split(np.argsort(lat), 4 * threads) if len(piece)]

    def search(piece: Ints) -> Pairs:
        found = _tree(here[piece]).sparse_distance_matrix(state.tree, distance_m, output_type="ndarray")
        return from_chords(piece[found["i"]], found["j"], found["v"], lat, state.lat, distance_m)

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(search, pieces))
    observation, place, metres = (np.concatenate(column) for column in zip(*parts, strict=True))
    return observation, place, metres


def join_few(state: State, lon: Floats, lat: Floats, distance_m: float) -> Pairs:
    """One search for each observation: quicker than a tree of few."""
    lists = state.tree.query_ball_point(ecef(lon, lat), distance_m)
    counts = np.fromiter((len(one) for one in lists), np.int64, len(lists))
    place = np.fromiter((one for some in lists for one in some), np.int64, int(counts.sum()))
    observation = np.repeat(np.arange(len(lon)), counts)
    return from_candidates(observation, place, lon, lat, state.lon, state.lat, distance_m)


def _tree(points: Floats) -> Any:
    return cKDTree(points, leafsize=16, balanced_tree=False, compact_nodes=False)
