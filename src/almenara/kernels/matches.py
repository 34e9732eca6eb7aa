"""What a search answers: pairs of query and place, and how they are put in order."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.jit import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_INSERTED_MAX, _COUNTED_MAX, _LANES = 6, 64, 16  # matches of one query, by how they are sorted
#: Entries that sorting needs to work in.
SCRATCH = _COUNTED_MAX + _LANES
_LARGEST = (1 << 63) - 1


class Matches(NamedTuple):
    """Pairs within reach, one entry of each array for a pair, sorted by observation, then by place."""

    observation: Ints  # position of the query in the arrays given
    place: Ints  # position of the place in the arrays that built the index
    distance_m: Floats  # metres, 0 inside


def no_matches() -> Matches:
    """Matches of nothing."""
    return Matches(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


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
def sort_by_place(place: Ints, distance_m: Floats, first: int, last: int, scratch: Ints, old_m: Floats) -> None:
    """Sort one query's matches by place, in place; `scratch` and `old_m` hold `SCRATCH` entries.

    Few by insertion; some by counting for each those before it, a whole register at a time and without a branch that
    could be guessed wrong; many by 8 bits at a time.
    """
    count = last - first
    if count > _COUNTED_MAX:
        _radix_sort(place[first:last], distance_m[first:last])
    elif count > _INSERTED_MAX:
        padded = (count + _LANES - 1) // _LANES * _LANES
        for i in range(count):
            scratch[i] = place[first + i] << 8 | i  # equal places stay in order
            old_m[i] = distance_m[first + i]
        for i in range(count, padded):
            scratch[i] = _LARGEST
        for i in range(count):
            mine = scratch[i]
            rank = first
            for other in scratch[:padded]:
                rank += other < mine
            place[rank] = mine >> 8
            distance_m[rank] = old_m[i]
    else:
        _insert(place, distance_m, first, last)


@compiled
def _insert(place: Ints, distance_m: Floats, first: int, last: int) -> None:
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
