"""Fires as the reach stage sees them: the pace of their last day, and their tiles."""

from collections.abc import Sequence

import numpy as np

from almenara.kernels.fire_kernel import FireKernel
from almenara.stages.hazards import Fronts
from almenara.stages.hazards._fire_facts import COARSE_PIXEL_M, Facts
from almenara.stages.hazards._fire_rows import MINUTE_MS

WINDOW_MIN = 24 * 60
#: A fire seen for a shorter time has no advance yet: two satellites may pass within the hour and see the same flames.
OBSERVED_MIN = 2 * 60


def fronts(tracker: FireKernel, facts: Facts, hazards: Sequence[str]) -> Fronts:
    """Some fires that go on."""
    fires = np.array([facts.numbers[name] for name in hazards], np.int64)
    first = tracker.born(fires)[0].astype(np.int64)
    last = tracker.last_seen(fires).astype(np.int64)
    since = np.where(last - first < OBSERVED_MIN, -1, np.maximum(last - WINDOW_MIN, first))
    starts, tiles, bits, advance_m = tracker.fronts_of(fires, since)
    return Fronts(
        hazards=list(hazards),
        last_seen_ms=last * MINUTE_MS,
        fine=facts.pixel_m[fires] <= COARSE_PIXEL_M,
        advance_m=advance_m,
        starts=starts,
        tiles=tiles,
        bits=bits,
    )
