"""What is known of each fire beside its cells: counts, power, confidence, satellites, and whether its heat persists."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.grid import areas_km2, cells_of
from almenara.model.observations import Confidence, HeatClass
from almenara.stages.hazards._fire_retelling import add_in_turn

#: A persistent source (flare, vent, kiln): hot on so many days of the last 90, without moving, in one spot.
PERSISTENT_DAYS = 20
PERSISTENT_WINDOW_DAYS = 90
PERSISTENT_DRIFT_M = 750.0
PERSISTENT_SPREAD_M = 750.0  # root mean square distance of its detections from their centre: wider is no flare

#: Detections from pixels wider than this place a fire too roughly to call an exposure observed.
COARSE_PIXEL_M = 750.0
#: Hot days whose mean position says where a fire began; later days count with weight 1/5 each.
DRIFT_DAYS = 5

_FIELDS: dict[str, Any] = {
    "known": np.bool_,  # whether the number is that of a fire
    "state": np.int8,
    "observations": np.int64,
    "area_km2": np.float64,  # of all cells, those held twice through merging counted twice
    "overlap": np.int64,  # cells held twice
    "confidence": np.int8,  # best
    "power_max_mw": np.float64,
    "seen_by": np.uint64,  # bit for each platform
    "fixed": np.int64,  # detections that the provider classes as volcano, static or offshore
    "pixel_m": np.float64,  # finest
    "day": np.int64,  # last hot day
    "days_low": np.uint64,  # hot days before `day`: bit k for k + 1 days earlier
    "days_high": np.uint64,  # 64 … 127 days earlier
    "cell_km2": np.float64,  # of one cell where the fire began
    "lon": np.float64,  # of the first detection: origin of the offsets below
    "lat": np.float64,
    "sum_x": np.float64,  # of all detections, metres
    "sum_y": np.float64,
    "sum_squares": np.float64,
    "begin_x": np.float64,  # mean position on the first days, metres
    "begin_y": np.float64,
    "begin_days": np.int64,
    "now_x": np.float64,  # moving mean of the daily positions
    "now_y": np.float64,
    "today_x": np.float64,  # sums over the last hot day
    "today_y": np.float64,
    "today_n": np.int64,
}


class Facts:
    """Columns over the tracker's node numbers, and the names of the fires."""

    def __init__(self) -> None:
        self.ids: dict[int, str] = {}
        self.numbers: dict[str, int] = {}
        for name, kind in _FIELDS.items():
            setattr(self, name, np.zeros(1024, kind))

    known: NDArray[np.bool_]
    state: NDArray[np.int8]
    observations: NDArray[np.int64]
    area_km2: NDArray[np.float64]
    overlap: NDArray[np.int64]
    confidence: NDArray[np.int8]
    power_max_mw: NDArray[np.float64]
    seen_by: NDArray[np.uint64]
    fixed: NDArray[np.int64]
    pixel_m: NDArray[np.float64]
    day: NDArray[np.int64]
    days_low: NDArray[np.uint64]
    days_high: NDArray[np.uint64]
    cell_km2: NDArray[np.float64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    sum_x: NDArray[np.float64]
    sum_y: NDArray[np.float64]
    sum_squares: NDArray[np.float64]
    begin_x: NDArray[np.float64]
    begin_y: NDArray[np.float64]
    begin_days: NDArray[np.int64]
    now_x: NDArray[np.float64]
    now_y: NDArray[np.float64]
    today_x: NDArray[np.float64]
    today_y: NDArray[np.float64]
    today_n: NDArray[np.int64]

    def add(self, fire: int, name: str) -> None:
        """Begin the facts of a fire."""
        self._make_room(fire + 1)
        for field, value in (("known", True), ("power_max_mw", -1.0), ("pixel_m", np.inf), ("day", -1)):
            getattr(self, field)[fire] = value
        self.ids[fire] = name
        self.numbers[name] = fire

    def _make_room(self, fires: int) -> None:
        if fires > len(self.state):
            for field in _FIELDS:
                old = getattr(self, field)
                grown = np.zeros(max(fires, 2 * len(old)), old.dtype)
                grown[: len(old)] = old
                setattr(self, field, grown)

    def forget(self, fire: int) -> None:
        """Drop a fire whose story is told anew under another number."""
        name = self.ids.pop(fire)
        self.known[fire] = False
        if self.numbers.get(name) == fire:
            del self.numbers[name]

    def open_fires(self) -> NDArray[np.int64]:
        """Fires that are active or dormant."""
        return np.flatnonzero(self.known & (self.state <= 1))

    def unknown(self, fires: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those among `fires` that are not known yet."""
        self._make_room(int(fires.max(initial=-1)) + 1)
        return np.asarray(fires[~self.known[fires]])

    def see(
        self,
        fires: NDArray[np.int64],
        index: NDArray[np.int64],
        minute: int,
        lon: NDArray[np.float64],
        lat: NDArray[np.float64],
        pixel_m: NDArray[np.float32],
        extra: dict[str, NDArray[Any]],
        turn: NDArray[np.int64] | None = None,
    ) -> None:
        """Take in the detections of a pass: `index` says to which of `fires` each belongs.

        Or of several passes on one day, with the number of the pass (`turn`) that brought each.
        """
        first = np.zeros(len(fires), np.int64)
        first[index[::-1]] = np.arange(len(index) - 1, -1, -1)
        new = self.observations[fires] == 0
        self.lon[fires[new]], self.lat[fires[new]] = lon[first[new]], lat[first[new]]
        self.cell_km2[fires[new]] = areas_km2(cells_of(lon[first[new]], lat[first[new]]))
        self.observations[fires] += np.bincount(index, minlength=len(fires))
        self.fixed[fires] += np.bincount(index, extra["heat_class"] > HeatClass.VEGETATION, len(fires)).astype(np.int64)
        np.maximum.at(self.confidence, fires[index], extra["confidence"])
        power = np.where(np.isnan(extra["value"]), -1.0, extra["value"].astype(float))
        np.maximum.at(self.power_max_mw, fires[index], power)
        np.minimum.at(self.pixel_m, fires[index], pixel_m.astype(float))
        np.bitwise_or.at(self.seen_by, fires[index], np.uint64(1) << extra["platform"].astype(np.uint64))
        self._turn_day(fires, minute // 1440)
        x, y = _metres(lon, lat, self.lon[fires][index], self.lat[fires][index])
        for total, values in ((self.sum_x, x), (self.sum_y, y), (self.sum_squares, x * x + y * y)):
            add_in_turn(total, fires, index, values, turn)
        add_in_turn(self.today_x, fires, index, x, turn)
        add_in_turn(self.today_y, fires, index, y, turn)
        self.today_n[fires] += np.bincount(index, minlength=len(fires))

    def grow(
        self,
        fires: NDArray[np.int64],
        owner: NDArray[np.int64],
        cells: NDArray[np.int64],
        turn: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """Take in the cells that a pass (or several, as `see`) added to `fires`; returns each one's new area, km²."""
        index, areas = np.searchsorted(fires, owner), areas_km2(cells)
        add_in_turn(self.area_km2, fires, index, areas, turn)
        return np.asarray(np.bincount(index, areas, len(fires)))

    def _turn_day(self, fires: NDArray[np.int64], day: int) -> None:
        """Close the last hot day of fires that are seen on a new one."""
        f = fires[self.day[fires] != day]
        self._shift_days(f[self.day[f] >= 0], day)
        past = f[self.today_n[f] > 0]
        x, y = self.today_x[past] / self.today_n[past], self.today_y[past] / self.today_n[past]
        early = self.begin_days[past] < DRIFT_DAYS
        n = self.begin_days[past] + 1
        self.begin_x[past] += np.where(early, (x - self.begin_x[past]) / n, 0.0)
        self.begin_y[past] += np.where(early, (y - self.begin_y[past]) / n, 0.0)
        self.begin_days[past] += early
        weight = np.where(early, 1.0 / n, 1.0 / DRIFT_DAYS)
        self.now_x[past] += weight * (x - self.now_x[past])
        self.now_y[past] += weight * (y - self.now_y[past])
        self.today_x[f] = self.today_y[f] = 0.0
        self.today_n[f] = 0
        self.day[f] = day

    def _shift_days(self, fires: NDArray[np.int64], day: int) -> None:
        gap = (day - self.day[fires]).astype(np.uint64)  # at least 1; NumPy shifts by 64 and more give 0
        low, high = self.days_low[fires], self.days_high[fires]
        word = np.uint64(64)
        carried = np.where(gap < word, low >> (word - gap), low << (gap - word))  # the other branch's value is not used
        high = (high << gap) | carried | (np.uint64(1) << (gap - np.uint64(65)))
        self.days_high[fires] = high & np.uint64((1 << PERSISTENT_WINDOW_DAYS - 65) - 1)
        self.days_low[fires] = (low << gap) | (np.uint64(1) << (gap - np.uint64(1)))

    def merge(self, gone: int, by: int, overlap: int) -> None:
        """The facts of an absorbed fire join those of the one that goes on (which may itself be older or idle)."""
        latest = max(int(self.day[gone]), int(self.day[by]))
        mask = 0
        for fire in (gone, by):
            own = (int(self.days_high[fire]) << 64 | int(self.days_low[fire])) << 1 | 1
            mask |= own << (latest - int(self.day[fire]))
        mask = mask >> 1 & ((1 << PERSISTENT_WINDOW_DAYS - 1) - 1)
        self.days_low[by], self.days_high[by] = mask & (2**64 - 1), mask >> 64
        if self.day[by] < latest:  # its own last day is over; begin the other's
            self._turn_day(np.array([by]), latest)
            self.days_low[by], self.days_high[by] = mask & (2**64 - 1), mask >> 64
        x, y = _metres(self.lon[gone], self.lat[gone], self.lon[by], self.lat[by])
        n = self.observations[gone]
        shift = 2.0 * (x * self.sum_x[gone] + y * self.sum_y[gone]) + n * (x * x + y * y)
        self.sum_squares[by] += self.sum_squares[gone] + shift
        self.sum_x[by] += self.sum_x[gone] + n * x
        self.sum_y[by] += self.sum_y[gone] + n * y
        self.observations[by] += n
        self.fixed[by] += self.fixed[gone]
        self.area_km2[by] += self.area_km2[gone]
        self.overlap[by] = overlap
        self.confidence[by] = max(self.confidence[by], self.confidence[gone])
        self.power_max_mw[by] = max(self.power_max_mw[by], self.power_max_mw[gone])
        self.pixel_m[by] = min(self.pixel_m[by], self.pixel_m[gone])
        self.seen_by[by] |= self.seen_by[gone]

    def areas(self, fires: NDArray[np.int64]) -> NDArray[np.float64]:
        """Area of each footprint, km², cells held twice counted once."""
        return self.area_km2[fires] - self.overlap[fires] * self.cell_km2[fires]

    def hot_days(self, fires: NDArray[np.int64]) -> NDArray[np.int64]:
        """Distinct hot days of each fire among the 90 that end with its last one."""
        days = np.bitwise_count(self.days_high[fires]) + np.bitwise_count(self.days_low[fires])
        return days.astype(np.int64) + 1

    def persistent(self, fires: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each is heat that stays: a flare, a volcano, a kiln."""
        n = self.observations[fires]
        drift = np.hypot(self.now_x[fires] - self.begin_x[fires], self.now_y[fires] - self.begin_y[fires])
        spread = self.sum_squares[fires] / n - (self.sum_x[fires] ** 2 + self.sum_y[fires] ** 2) / n**2
        one_spot = (drift < PERSISTENT_DRIFT_M) & (spread < PERSISTENT_SPREAD_M**2)
        return self._fixed(fires) | (one_spot & (self.hot_days(fires) >= PERSISTENT_DAYS))

    def _fixed(self, fires: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray(self.fixed[fires] == self.observations[fires])

    def suppressed(self, fires: NDArray[np.int64]) -> list[str | None]:
        """Why no alert is raised for each fire, or None."""
        why: list[str | None] = [None] * len(fires)
        quiet = np.flatnonzero(self.persistent(fires))
        for k, fixed, days in zip(quiet, self._fixed(fires[quiet]), self.hot_days(fires[quiet]), strict=True):
            why[k] = (
                "static-source: classed by the provider as volcano, static or offshore"
                if fixed
                else f"persistent-source: hot on {days} of 90 days without moving"
            )
        return why

    def certainty(self, fires: NDArray[np.int64]) -> list[str]:
        """CAP certainty that an exposure to each fire may claim: earned by confidence and by pixel size."""
        fine = np.where(self.pixel_m[fires] <= COARSE_PIXEL_M, 2, 1)
        earned = np.where(self.confidence[fires] < Confidence.NOMINAL, 0, fine)
        return [("Possible", "Likely", "Observed")[grade] for grade in earned.tolist()]

    def renumber(self, new: NDArray[np.int64]) -> None:
        """Follow the tracker's new numbers (−1: gone)."""
        self._make_room(len(new))
        old = np.flatnonzero(new >= 0)
        for name in _FIELDS:
            setattr(self, name, getattr(self, name)[old])
        self.ids = {int(new[fire]): name for fire, name in self.ids.items() if new[fire] >= 0}
        self.numbers = {name: int(new[fire]) for name, fire in self.numbers.items() if new[fire] >= 0}

    def to_parts(self) -> tuple[dict[str, NDArray[Any]], list[tuple[int, str]]]:
        """Arrays and names for a snapshot."""
        return {name: getattr(self, name) for name in _FIELDS}, sorted(self.ids.items())

    @classmethod
    def from_parts(cls, arrays: dict[str, NDArray[Any]], ids: list[tuple[int, str]]) -> "Facts":
        """The facts that `to_parts` took apart."""
        facts = cls()
        for name in _FIELDS:
            setattr(facts, name, arrays[name].copy())
        facts.ids = {int(fire): name for fire, name in ids}
        facts.numbers = {name: fire for fire, name in facts.ids.items()}
        return facts


def _metres(lon: Any, lat: Any, lon0: Any, lat0: Any) -> tuple[Any, Any]:
    """Offsets east and north of (lon0, lat0), metres; good to 0.5 % over the few kilometres that matter here."""
    return ((lon - lon0 + 540.0) % 360.0 - 180.0) * 111_320.0 * np.cos(np.radians(lat0)), (lat - lat0) * 111_132.0
