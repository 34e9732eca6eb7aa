"""A seeded wildfire on a fine grid: who burns when, pushed by wind through uneven fuel.

Each cell gets the time at which fire reaches it, by Dijkstra's shortest travel time. The rate of spread is an ellipse
round the wind (Anderson 1983 in spirit: the head runs, the flanks creep, the back backs), it breathes with the hour of
the day, and smooth noise makes some fuel slower. Cells that never burn carry infinity.
"""

import heapq
import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

HOUR_MS = 3_600_000
#: Metres in a degree of latitude, and of longitude at the equator (WGS84, good to 0.5 % over a landscape of 30 km).
LAT_M = 110_574.0
LON_M = 111_320.0

#: Sixteen steps instead of eight make the fronts round.
_STEPS = tuple(
    (dx, dy) for dx in range(-2, 3) for dy in range(-2, 3) if (dx, dy) != (0, 0) and math.gcd(abs(dx), abs(dy)) == 1
)


@dataclass(frozen=True, slots=True)
class Ignition:
    """Where and when a fire starts; after `contained_ms` it stays where it is."""

    name: str
    lon: float
    lat: float
    at_ms: int
    contained_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Landscape:
    """A square of country that can burn, and what blows over it."""

    lon: float  # of the centre
    lat: float
    half_m: float  # half the side
    ignitions: tuple[Ignition, ...]
    wind_to_deg: float  # where the wind blows to, clockwise from north
    head_m_h: float  # rate of the head in the early afternoon
    spared: tuple[tuple[float, float], ...] = ()  # (lon, lat) whose crews and streets keep the fire out of the centre
    spared_m: float = 140.0
    cell_m: float = 50.0
    fuel_spread: float = 0.3  # standard deviation of the logarithm of the fuel factor


@dataclass(frozen=True, slots=True)
class Burn:
    """What became of a landscape: arrival time of the fire (ms, infinity: never) and whose fire it was (−1: none's)."""

    landscape: Landscape
    arrival_ms: NDArray[np.float64]  # [row, column], row 0 in the south
    owner: NDArray[np.int16]

    def lon_lat(self, cells: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centres of cells given by flat index."""
        side = self.arrival_ms.shape[0]
        x = (cells % side + 0.5) * self.landscape.cell_m - self.landscape.half_m
        y = (cells // side + 0.5) * self.landscape.cell_m - self.landscape.half_m
        return to_lon_lat(self.landscape, x, y)

    def burning(self, at_ms: int, residence_ms: int) -> NDArray[np.int64]:
        """Flat indices of the cells that the front reached within the last `residence_ms`: what a satellite can see."""
        flat = self.arrival_ms.ravel()
        return np.flatnonzero((flat <= at_ms) & (flat > at_ms - residence_ms))

    def area_m2(self, at_ms: int, ignition: int | None = None) -> float:
        """Burnt area of one fire, or of all."""
        return float(np.count_nonzero(self._burnt(at_ms, ignition))) * self.landscape.cell_m**2

    def perimeter(self, at_ms: int, ignition: int | None = None) -> shapely.Geometry:
        """The burnt country as a polygon in degrees, to 5 decimals."""
        rows = []
        cell, half = self.landscape.cell_m, self.landscape.half_m
        for row, line in enumerate(self._burnt(at_ms, ignition)):
            edges = np.flatnonzero(np.diff(np.concatenate(([False], line, [False])).astype(np.int8)))
            for start, stop in edges.reshape(-1, 2):
                rows.append((start * cell - half, row * cell - half, stop * cell - half, (row + 1) * cell - half))
        if not rows:
            return shapely.Polygon()
        union = shapely.union_all(shapely.box(*np.array(rows).T)).simplify(cell)

        def degrees(points: NDArray[np.float64]) -> NDArray[np.float64]:
            lon, lat = to_lon_lat(self.landscape, points[:, 0], points[:, 1])
            return np.asarray(np.round(np.column_stack((lon, lat)), 5), dtype=np.float64)

        return shapely.transform(union, degrees)

    def first_within_ms(self, lon: float, lat: float, reach_m: float, ignition: int) -> int | None:
        """When a fire first burnt within `reach_m` of a point; None: never."""
        cells = np.flatnonzero(np.isfinite(self.arrival_ms.ravel()) & (self.owner.ravel() == ignition))
        x, y = to_metres(self.landscape, *self.lon_lat(cells))
        px, py = to_metres(self.landscape, np.array([lon]), np.array([lat]))
        near = (x - px) ** 2 + (y - py) ** 2 <= reach_m**2
        return int(self.arrival_ms.ravel()[cells[near]].min()) if near.any() else None

    def _burnt(self, at_ms: int, ignition: int | None) -> NDArray[np.bool_]:
        burnt = self.arrival_ms <= at_ms
        return burnt if ignition is None else burnt & (self.owner == ignition)


def spread(landscape: Landscape, until_ms: int, utc_offset_h: float, rng: np.random.Generator) -> Burn:
    """Burn the landscape down to `until_ms`. The same generator state gives the same fire."""
    side = round(2 * landscape.half_m / landscape.cell_m)
    fuel = np.exp(landscape.fuel_spread * _smooth_noise(rng, side, round(700 / landscape.cell_m)))
    fuel *= np.exp(0.25 * rng.standard_normal((side, side)))
    fuel[_spared(landscape, side)] = 0.0
    reach = _ellipse(landscape)
    arrival = np.full(side * side, np.inf)
    owner = np.full(side * side, -1, dtype=np.int16)
    speeds: list[float] = fuel.ravel().tolist()
    queue: list[tuple[float, int, int]] = []
    for number, ignition in enumerate(landscape.ignitions):
        x, y = to_metres(landscape, np.array([ignition.lon]), np.array([ignition.lat]))
        column = int((x[0] + landscape.half_m) // landscape.cell_m)
        row = int((y[0] + landscape.half_m) // landscape.cell_m)
        heapq.heappush(queue, (float(ignition.at_ms), row * side + column, number))
    ends = [min(until_ms, until_ms if i.contained_ms is None else i.contained_ms) for i in landscape.ignitions]
    while queue:
        at, cell, number = heapq.heappop(queue)
        if owner[cell] >= 0 or at > ends[number]:
            continue
        arrival[cell], owner[cell] = at, number
        row, column = divmod(cell, side)
        pace = _hour_factor(at, utc_offset_h)
        for dx, dy, step_h in reach:
            if not (0 <= column + dx < side and 0 <= row + dy < side):
                continue
            other = cell + dy * side + dx
            speed = speeds[other] * pace
            if speed > 0.0 and owner[other] < 0:
                later = at + step_h / speed * HOUR_MS
                if later <= ends[number]:
                    heapq.heappush(queue, (later, other, number))
    return Burn(landscape, arrival.reshape(side, side), owner.reshape(side, side))


def first_contact_ms(burn: Burn) -> dict[tuple[int, int], int]:
    """When two fires of one landscape first stood side by side: (ignition, ignition) → time. Empty: they never met."""
    met: dict[tuple[int, int], int] = {}
    for axis in (0, 1):
        one = (burn.owner[:-1], burn.arrival_ms[:-1]) if axis == 0 else (burn.owner[:, :-1], burn.arrival_ms[:, :-1])
        two = (burn.owner[1:], burn.arrival_ms[1:]) if axis == 0 else (burn.owner[:, 1:], burn.arrival_ms[:, 1:])
        touch = (one[0] != two[0]) & (one[0] >= 0) & (two[0] >= 0)
        for a, b, at in zip(one[0][touch], two[0][touch], np.maximum(one[1], two[1])[touch], strict=True):
            pair = (int(min(a, b)), int(max(a, b)))
            met[pair] = min(met.get(pair, int(at)), int(at))
    return met


def to_metres(
    landscape: Landscape, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Degrees → metres east and north of the landscape's centre."""
    east = LON_M * math.cos(math.radians(landscape.lat))
    return (lon - landscape.lon) * east, (lat - landscape.lat) * LAT_M


def to_lon_lat(
    landscape: Landscape, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres east and north of the landscape's centre → degrees."""
    east = LON_M * math.cos(math.radians(landscape.lat))
    return landscape.lon + x / east, landscape.lat + y / LAT_M


def _ellipse(landscape: Landscape) -> list[tuple[int, int, float]]:
    """The sixteen steps with the hours each takes through plain fuel in the early afternoon."""
    eccentricity = 0.72  # length-to-breadth 1.44: mountain country breaks long runs
    wind = math.radians(landscape.wind_to_deg)
    steps = []
    for dx, dy in _STEPS:
        angle = math.atan2(dx, dy) - wind
        rate = landscape.head_m_h * (1 - eccentricity) / (1 - eccentricity * math.cos(angle))
        steps.append((dx, dy, math.hypot(dx, dy) * landscape.cell_m / rate))
    return steps


def _hour_factor(at_ms: float, utc_offset_h: float) -> float:
    """Fires run at 14 h local time and lie down at night: 1.0 … 0.22."""
    hour = (at_ms / HOUR_MS + utc_offset_h) % 24.0
    sun = max(0.0, math.cos((hour - 14.0) / 24.0 * 2 * math.pi))
    return 0.22 + 0.78 * sun * math.sqrt(sun)


def _spared(landscape: Landscape, side: int) -> NDArray[np.bool_]:
    centres = (np.arange(side) + 0.5) * landscape.cell_m - landscape.half_m
    x, y = np.meshgrid(centres, centres)
    mask = np.zeros((side, side), dtype=bool)
    for lon, lat in landscape.spared:
        px, py = to_metres(landscape, np.array([lon]), np.array([lat]))
        mask |= (x - px) ** 2 + (y - py) ** 2 < landscape.spared_m**2
    return mask


def _smooth_noise(rng: np.random.Generator, side: int, width: int) -> NDArray[np.float64]:
    """White noise under three box filters, scaled to unit variance."""
    noise = rng.standard_normal((side + 3 * width, side + 3 * width))
    for _ in range(3):
        for axis in (0, 1):
            total = np.cumsum(noise, axis=axis)
            noise = total - np.roll(total, width, axis=axis)
    noise = noise[3 * width :, 3 * width :]  # the roll spoils as much at the low edges
    return np.asarray((noise - noise.mean()) / noise.std(), dtype=np.float64)
