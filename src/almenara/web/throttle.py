"""A throttle: so many times within a while for each who asks, remembered for a bounded number of them."""

import time
from collections import OrderedDict
from collections.abc import Callable

#: Of so many the last ask is remembered; the one that asked the longest ago is forgotten first.
KNOWN_MAX = 10_000


class Throttle:
    """A bucket for each name, that holds `times` and fills up again within `seconds`."""

    def __init__(self, times: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._times = times
        self._rate = times / seconds
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name → what is left, when

    def wait_s(self, name: str) -> float:
        """Take one; 0 when there was one, else how long to wait for the next."""
        now = self._clock()
        left, at = self._left.pop(name, (float(self._times), now))
        left = min(left + (now - at) * self._rate, float(self._times))
        wait_s = 0.0 if left >= 1.0 else (1.0 - left) / self._rate
        self._left[name] = (left - 1.0 if left >= 1.0 else left), now
        while len(self._left) > KNOWN_MAX:
            self._left.popitem(last=False)
        return wait_s
