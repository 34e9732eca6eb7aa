"""Many queries: asked region by region on several threads, the answers put back in the queries' order."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats, Ints, Matches
from almenara.kernels.queries import Boxes, Reach, raise_out_of_range, usable

#: As many queries as this are answered in one call, in the order given.
SMALL_BATCH = 4096
_CHUNK_MAX = 16_384  # queries whose answers still fit the processor's cache
_REGION_DEG = 1.5
_ROWS, _COLUMNS = 120, 240

#: Matches of the queries from the first to before the last, those of each together.
Search = Callable[[Boxes, Reach, int, int], Matches]


def run(search: Search, boxes: Boxes, reach: Reach, threads: int | None) -> Matches:
    """All matches of a search in the queries' order; `threads`: None for all processors, when many are asked.

    The queries of a region follow each other, so that what one reads is in the processor's cache for the next.
    """
    count = len(boxes.west)
    if count <= SMALL_BATCH:
        return search(boxes, reach, 0, count)
    threads = threads or os.cpu_count() or 1
    order = _order_by_region(boxes)
    asked, far = _gather(boxes, reach, order)
    size = max(SMALL_BATCH, min(_CHUNK_MAX, -(-count // (4 * threads))))
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda at: search(asked, far, at, min(at + size, count)), range(0, count, size)))
        begins = np.zeros(count + 1, np.int64)
        list(pool.map(lambda part: _count(part.observation, order, begins), parts))
        np.cumsum(begins, out=begins)
        total = int(begins[-1])
        whole = Matches(np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total))
        list(pool.map(lambda part: _put(part.observation, part.place, part.distance_m, order, begins, *whole), parts))
    return whole


def _order_by_region(boxes: Boxes) -> Ints:
    count = len(boxes.west)
    order = np.empty(count, np.int64)
    wrong = _sort_by_region(*boxes, np.zeros(_ROWS * _COLUMNS + 1, np.int64), np.empty(count, np.uint16), order)
    if wrong >= 0:
        raise_out_of_range(boxes, wrong)
    return order


def _gather(boxes: Boxes, reach: Reach, order: Ints) -> tuple[Boxes, Reach]:
    """Queries in another order; the two sides of a point stay one array."""
    west, south = boxes.west[order], boxes.south[order]
    east = west if boxes.east is boxes.west else boxes.east[order]
    north = south if boxes.north is boxes.south else boxes.north[order]
    each = (values[order] if len(values) > 1 else values for values in reach)
    return Boxes(west, south, east, north), Reach(*each)


@compiled
def _sort_by_region(
    west: Floats, south: Floats, east: Floats, north: Floats, begins: Ints, regions: NDArray[np.uint16], order: Ints
) -> int:
    """Write the positions of the queries sorted by region, NaN in the last one; the first out of range, or −1."""
    for i in range(len(west)):
        state = usable(west[i], south[i], east[i], north[i])
        if state < 0:
            return i
        region = len(begins) - 2
        if state > 0:
            row = min(int((south[i] + 90.0) * (1.0 / _REGION_DEG)), _ROWS - 1)
            region = row * _COLUMNS + min(int((west[i] + 180.0) * (1.0 / _REGION_DEG)), _COLUMNS - 1)
        regions[i] = region
        begins[region + 1] += 1
    for at in range(1, len(begins)):
        begins[at] += begins[at - 1]
    for i in range(len(west)):
        order[begins[regions[i]]] = i
        begins[regions[i]] += 1
    return -1


@compiled
def _count(observation: Ints, order: Ints, counts: Ints) -> None:
    """Count the matches of each query, one entry further on, so that their sums say where each begins."""
    for q in observation:
        counts[order[q] + 1] += 1


@compiled
def _put(
    observation: Ints, place: Ints, distance_m: Floats, order: Ints, begins: Ints,
    to_observation: Ints, to_place: Ints, to_m: Floats,
) -> None:  # fmt: skip
    """Bring matches to where those of their query begin."""
    to = 0
    for i in range(len(place)):
        query = order[observation[i]]
        to = begins[query] if i == 0 or observation[i] != observation[i - 1] else to + 1
        to_observation[to] = query
        to_place[to] = place[i]
        to_m[to] = distance_m[i]
