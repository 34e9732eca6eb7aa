"""What a search answers, and how many queries are spread over threads and put back in order."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.jit import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: As many queries as this are answered in one call, in the order given; more are sorted and spread over threads.
SMALL_BATCH = 4096
_CHUNKS_PER_THREAD = 8
_INSERTION_MAX = 40
_ORDER_BAND_DEG = 0.004
_AS_GIVEN = np.zeros(0, np.int64)


class Matches(NamedTuple):
    """Pairs within reach, one entry of each array for a pair, sorted by observation, then by place."""

    observation: Ints  # position of the query in the arrays given
    place: Ints  # position of the place in the arrays that built the index
    distance_m: Floats  # metres, 0 inside


#: Searches the queries order[first:last] (all of first…last when `order` is empty) and notes how many matches each has.
Search = Callable[[Ints, int, int, Ints], Matches]


def no_matches() -> Matches:
    """Matches of nothing."""
    return Matches(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def run(search: Search, lon: Floats, lat: Floats, threads: int | None) -> Matches:
    """All matches of a search in the queries' order; `threads` None means all processors when there is work for them.

    A search gives each query's matches together, sorted by place.
    """
    count = len(lon)
    if count <= SMALL_BATCH:
        return search(_AS_GIVEN, 0, count, _AS_GIVEN)
    threads = threads or os.cpu_count() or 1
    order = _neighbours_together(lon, lat)
    found = np.zeros(count, np.int64)
    size = max(SMALL_BATCH, min(65_536, -(-count // (_CHUNKS_PER_THREAD * threads))))
    firsts = range(0, count, size)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda first: search(order, first, min(first + size, count), found), firsts))
        begins = np.cumsum(found) - found
        total = sum(len(part.place) for part in parts)
        result = Matches(np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total))
        list(
            pool.map(lambda part: _put_in_order(part.observation, part.place, part.distance_m, begins, *result), parts)
        )
    return result


def merge(parts: list[Matches], *, repeated: bool) -> Matches:
    """Several answers to the same queries as one; of a `repeated` pair the smallest distance counts."""
    parts = [part for part in parts if len(part.place)]
    if not parts:
        return no_matches()
    if len(parts) == 1 and not repeated:
        return parts[0]
    observation, place, distance_m = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((distance_m, place, observation))
    observation, place, distance_m = observation[order], place[order], distance_m[order]
    if repeated:
        first = np.ones(len(place), np.bool_)
        first[1:] = (observation[1:] != observation[:-1]) | (place[1:] != place[:-1])
        observation, place, distance_m = observation[first], place[first], distance_m[first]
    return Matches(observation, place, distance_m)


def _neighbours_together(lon: Floats, lat: Floats) -> Ints:
    """An order of the queries by latitude band, then longitude; those that are NaN somewhere."""
    keys = np.empty(len(lon), np.uint64)
    _order_keys(lon, lat, keys)
    keys.sort()
    keys &= np.uint64(0xFFFFFFFF)
    return keys.view(np.int64)


@compiled
def _order_keys(lon: Floats, lat: Floats, keys: NDArray[np.uint64]) -> None:
    for i in range(len(lon)):
        if not (abs(lon[i]) <= 180.0 and abs(lat[i]) <= 90.0):
            keys[i] = np.uint64(i)
            continue
        band = np.uint64((lat[i] + 90.0) / _ORDER_BAND_DEG)
        column = np.uint64((lon[i] + 180.0) * (65_535.0 / 360.0))
        keys[i] = (band << np.uint64(48)) | (column << np.uint64(32)) | np.uint64(i)


@compiled
def _put_in_order(
    observation: Ints, place: Ints, distance_m: Floats, begins: Ints, to_observation: Ints, to_place: Ints, to_m: Floats
) -> None:
    to = 0
    for i in range(len(place)):
        to = begins[observation[i]] if i == 0 or observation[i] != observation[i - 1] else to + 1
        to_observation[to] = observation[i]
        to_place[to] = place[i]
        to_m[to] = distance_m[i]


@compiled
def sort_by_place(place: Ints, distance_m: Floats, first: int, last: int) -> None:
    """Sort one query's matches by place, in place: by insertion, or where there are many by 8 bits at a time."""
    if last - first > _INSERTION_MAX:
        _radix_sort(place[first:last], distance_m[first:last])
        return
    for i in range(first + 1, last):
        p = place[i]
        d = distance_m[i]
        j = i - 1
        while j >= first and place[j] > p:
            place[j + 1] = place[j]
            distance_m[j + 1] = distance_m[j]
            j -= 1
        place[j + 1] = p
        distance_m[j + 1] = d


@compiled
def _radix_sort(place: Ints, distance_m: Floats) -> None:
    other_place = np.empty(len(place), np.int64)
    other_m = np.empty(len(place), np.float64)
    counts = np.empty(256, np.int64)
    largest = place.max()
    shift = 0
    while largest >> shift:
        counts[:] = 0
        for p in place:
            counts[(p >> shift) & 255] += 1
        begin = 0
        for digit in range(256):
            count = counts[digit]
            counts[digit] = begin
            begin += count
        for i in range(len(place)):
            digit = (place[i] >> shift) & 255
            other_place[counts[digit]] = place[i]
            other_m[counts[digit]] = distance_m[i]
            counts[digit] += 1
        place[:] = other_place
        distance_m[:] = other_m
        shift += 8
