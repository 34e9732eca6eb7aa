"""Fires as the reach stage sees them: the pace of their last day, and their cells."""

from collections.abc import Sequence

import numpy as np

from almenara.kernels.advance import advances_m
from almenara.kernels.fire_kernel import FireKernel
from almenara.stages.hazards import Fronts
from almenara.stages.hazards._fire_facts import COARSE_PIXEL_M, Facts
from almenara.stages.hazards._fire_rows import MINUTE_MS

WINDOW_MIN = 24 * 60
#: A fire seen for a shorter time has no advance yet: two satellites may pass within the hour and see the same flames.
OBSERVED_MIN = 2 * 60


def fronts(tracker: FireKernel, facts: Facts, hazards: Sequence[str]) -> Fronts:
    """Some fires that go on; costs what their footprints hold."""
    numbers = np.array([facts.numbers[name] for name in hazards], np.int64)
    order = np.argsort(numbers)
    fires = numbers[order]
    owner, cells, births = tracker.footprints_of(fires)
    starts = np.searchsorted(owner, np.append(fires, np.iinfo(np.int64).max))
    first = tracker.born(fires)[0].astype(np.int64)
    last = tracker.last_seen(fires).astype(np.int64)
    since = np.where(last - first < OBSERVED_MIN, -1, np.maximum(last - WINDOW_MIN, first))
    return Fronts(
        hazards=[hazards[k] for k in order],
        last_seen_ms=last * MINUTE_MS,
        fine=facts.pixel_m[fires] <= COARSE_PIXEL_M,
        advance_m=advances_m(starts, cells, births, since),
        starts=starts,
        cells=cells,
    )
