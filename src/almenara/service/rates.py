"""How the chain is doing: observations per second, the time of a step, how far behind, and what log and memory take."""

import os
import resource
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

#: The rate that is reported as the present one is that of so many seconds.
WINDOW_S = 60
#: Steps over which the quantiles of their times are taken.
STEPS_KEPT = 1_000
#: Beside the log: what a running watch last said of itself.
FILE_NAME = "rates.json"


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """The chain's figures at one moment."""

    at_ms: int
    observations_per_s: float  # rows taken in a second, over the last minute
    observations_per_s_mean: float  # since this process began
    read: int  # rows in all of the log; read = accepted + superseded + rejected
    accepted: int
    superseded: int
    rejected: int
    steps: int  # that this process took
    step_p50_ms: float | None  # of its last 1,000
    step_p95_ms: float | None
    lag_s: float | None  # from the newest observation's acquisition until `at_ms`
    log_bytes: int
    log_entries: int
    snapshot_age_s: float | None  # None: this process made none yet
    snapshot_bytes: int
    snapshot_pause_ms: float  # for which the newest snapshot held up the chain
    memory_mb: float  # held by the process

    def line(self) -> str:
        """For people, in one line."""
        step = "–" if self.step_p95_ms is None else f"{self.step_p50_ms:,.0f} ms (p95 {self.step_p95_ms:,.0f} ms)"
        lag = "–" if self.lag_s is None else duration(self.lag_s)
        return (
            f"{self.observations_per_s:,.1f} observations/s, {self.read:,} read, {self.rejected:,} rejected; "
            f"newest {lag} old; step {step}; log {self.log_bytes / 1e6:,.1f} MB, memory {self.memory_mb:,.0f} MB"
        )


class Meter:
    """Counts as the chain works, in bounded memory; `timer` is a monotonic clock in seconds."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._begun = timer()
        self._rows = 0
        self._recent: deque[tuple[int, int]] = deque()  # (second, rows taken in it), those of the window
        self._steps: deque[float] = deque(maxlen=STEPS_KEPT)
        self.steps = 0

    def took(self, rows: int) -> None:
        """Note that rows were taken in."""
        second = int(self._timer())
        self._rows += rows
        if self._recent and self._recent[-1][0] == second:
            self._recent[-1] = second, self._recent[-1][1] + rows
        else:
            self._recent.append((second, rows))
        self._forget(second)

    def stepped(self, seconds: float) -> None:
        """Note the time that a step took."""
        self._steps.append(seconds)
        self.steps += 1

    def per_s(self) -> tuple[float, float]:
        """Rows a second over the last minute, and since the meter began."""
        now = self._timer()
        self._forget(int(now))
        lasted = max(now - self._begun, 1e-9)
        return sum(rows for _, rows in self._recent) / min(lasted, WINDOW_S), self._rows / lasted

    def step_ms(self) -> tuple[float | None, float | None]:
        """Median and 95th percentile of the last steps."""
        if not self._steps:
            return None, None
        p50, p95 = np.percentile(self._steps, [50, 95]) * 1000.0
        return round(float(p50), 2), round(float(p95), 2)

    def _forget(self, second: int) -> None:
        while self._recent and self._recent[0][0] <= second - WINDOW_S:
            self._recent.popleft()


def memory_mb() -> float:
    """What this process holds at present, MB; the most it ever held where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return peak_memory_mb()
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def peak_memory_mb() -> float:
    """The most memory this process has held, MB."""
    scale = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, KiB on Linux
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6, 1)


def duration(seconds: float) -> str:
    """A length of time in the unit that suits it.

    >>> duration(42.4), duration(600.0), duration(9000.0), duration(400_000.0)
    ('42 s', '10 min', '2.5 h', '4.6 d')
    """
    for unit, size, digits in (("d", 86_400, 1), ("h", 3600, 1), ("min", 60, 0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s"


def write(rates: Rates, folder: Path) -> None:
    """Leave the figures beside the log for who asks (`almenara rates`); whole or not at all."""
    part = folder / f".{FILE_NAME}.part"
    part.write_bytes(msgspec.json.encode(rates))
    part.replace(folder / FILE_NAME)


def read(folder: Path) -> Rates | None:
    """What the last watch on this folder said of itself; None when it said nothing that can be read."""
    try:
        return msgspec.json.decode((folder / FILE_NAME).read_bytes(), type=Rates)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
