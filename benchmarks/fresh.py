"""Work of `worker` that only we can be asked for: save an index, and open it in a process that did nothing before."""

import os
import time
from typing import Any

import numpy as np


def save(job: dict[str, Any]) -> dict[str, Any]:
    """Build and save."""
    from almenara import PlaceIndex

    index = PlaceIndex.build(*np.load(job["places"], mmap_mode="r"), alert_distance_m=job["distance_m"])
    begun = time.perf_counter()
    index.save(job["index"])
    return {"save_s": time.perf_counter() - begun}


def open_and_ask(job: dict[str, Any]) -> dict[str, Any]:
    """Import, open, ask, ask again: milliseconds of each."""
    seen = np.load(job["observations"], mmap_mode="r")
    first, other = (np.ascontiguousarray(seen[:, some : some + 100]) for some in (0, 100))
    if job["cold"]:
        with open(job["index"], "rb") as file:  # noqa: PTH123
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    times = [time.perf_counter()]
    from almenara import PlaceIndex

    times.append(time.perf_counter())
    index = PlaceIndex.open(job["index"])
    times.append(time.perf_counter())
    index.within(first[0], first[1], job["distance_m"])
    times.append(time.perf_counter())
    index.within(other[0], other[1], job["distance_m"])
    times.append(time.perf_counter())
    names = ("import_ms", "open_ms", "first_ms", "again_ms")
    return {name: 1000.0 * span for name, span in zip(names, np.diff(times).tolist(), strict=True)}
