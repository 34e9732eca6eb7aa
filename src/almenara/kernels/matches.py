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

#: As many queries as this are answered in one call; more are spread over threads.
SMALL_BATCH = 4096
_CHUNKS_PER_THREAD = 8
_INSERTION_MAX = 40


class Matches(NamedTuple):
    """Pairs within reach, one entry of each array for a pair, sorted by observation, then by place."""

    observation: Ints  # position of the query in the arrays given
    place: Ints  # position of the place in the arrays that built the index
    distance_m: Floats  # metres, 0 inside


#: Matches of the queries from the first to before the last, in order.
Search = Callable[[int, int], Matches]


def no_matches() -> Matches:
    """Matches of nothing."""
    return Matches(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def run(search: Search, count: int, threads: int | None) -> Matches:
    """All matches of a search in the queries' order; `threads` None means all processors when there is work for them."""
    if count <= SMALL_BATCH:
        return search(0, count)
    threads = threads or os.cpu_count() or 1
    size = max(SMALL_BATCH, min(65_536, -(-count // (_CHUNKS_PER_THREAD * threads))))
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda first: search(first, min(first + size, count)), range(0, count, size)))
        ends = np.cumsum([len(part.place) for part in parts]).tolist()
        whole = Matches(np.empty(ends[-1], np.int64), np.empty(ends[-1], np.int64), np.empty(ends[-1]))

        def put(part: Matches, end: int) -> None:
            for source, target in zip(part, whole, strict=True):
                target[end - len(source) : end] = source

        list(pool.map(put, parts, ends))
    return whole


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
