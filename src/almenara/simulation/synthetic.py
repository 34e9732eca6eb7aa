"""Seeded fires, and places where people live, clustered as on Earth: loads for benchmarks and property tests."""

import io
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from almenara.places import load_places
from almenara.simulation.satellites import SATELLITES, pixel_size_km

HOUR_MS = 3_600_000
KM_A_DEGREE = 111.2
PLATFORMS = tuple(satellite.name for satellite in SATELLITES)

#: Where fires cluster, as boxes (west, south, east, north) with a share each; two of them lie across the antimeridian.
_REGIONS = (
    (14.0, -14.0, 34.0, 10.0, 0.30),  # African savanna
    (-65.0, -16.0, -46.0, -3.0, 0.18),  # Amazon and Cerrado
    (-80.8, -4.9, -75.5, 1.2, 0.04),  # Ecuador
    (95.0, -8.0, 141.0, 22.0, 0.12),  # South-East Asia
    (118.0, -33.0, 152.0, -12.0, 0.09),  # Australia
    (-124.0, 32.0, -104.0, 49.0, 0.07),  # western United States
    (-10.0, 35.0, 30.0, 45.0, 0.05),  # Mediterranean
    (95.0, 55.0, 160.0, 71.5, 0.07),  # Yakutia
    (-160.0, 58.0, -100.0, 69.0, 0.04),  # Alaska and Canada
    (176.0, 62.0, 184.0, 69.0, 0.02),  # Chukotka, across 180°
    (177.0, -19.0, 181.5, -16.0, 0.02),  # Fiji, across 180°
)


@dataclass(frozen=True, slots=True)
class FirePixels:
    """Detections as arrays of one length, in order of time."""

    lon: NDArray[np.float64]  # degrees, −180…180, 5 decimals
    lat: NDArray[np.float64]
    time_ms: NDArray[np.int64]  # whole minutes
    across_m: NDArray[np.float64]  # along scan
    along_m: NDArray[np.float64]  # along track
    frp_mw: NDArray[np.float64]
    confidence: NDArray[np.int8]  # model.observations.Confidence
    platform: NDArray[np.int64]  # index into PLATFORMS
    fire: NDArray[np.int64]  # which true fire it is of

    def __len__(self) -> int:
        return len(self.lon)


def generate_fires(
    n_pixels: int, seed: int, *, start_ms: int = 1_786_665_600_000, days: float = 10.0, pixels_a_fire: float = 120.0
) -> FirePixels:
    """`n_pixels` detections of growing fires: rings round centres in the world's fire regions, boreal ones included.

    Sizes of fires are lognormal round `pixels_a_fire`. Each fire is looked at twice a day by each of five satellites.

    >>> len(generate_fires(1000, seed=1)), len(generate_fires(0, seed=1))
    (1000, 0)
    """
    dice = np.random.Generator(np.random.PCG64([seed, 900]))
    fires = max(1, round(n_pixels / pixels_a_fire))
    weight = np.exp(1.3 * dice.standard_normal(fires))
    fire = np.sort(dice.choice(fires, size=n_pixels, p=weight / weight.sum()))
    shares = np.array([region[4] for region in _REGIONS])
    boxes = np.array(_REGIONS)[dice.choice(len(_REGIONS), size=fires, p=shares / shares.sum())]
    centre_lon = boxes[:, 0] + dice.random(fires) * (boxes[:, 2] - boxes[:, 0])
    centre_lat = boxes[:, 1] + dice.random(fires) * (boxes[:, 3] - boxes[:, 1])
    begun_h = dice.random(fires) * days * 24 * 0.6
    growth_m_h = 15.0 * np.exp(0.7 * dice.standard_normal(fires)) * np.sqrt(weight)

    looks_all = int(days * 24 / 12)
    first_look = np.ceil(begun_h / 12.0).astype(np.int64)
    looks = np.maximum(looks_all - first_look, 1)[fire]
    look = first_look[fire] + (dice.random(n_pixels) * looks).astype(np.int64)
    platform = dice.integers(0, len(PLATFORMS), n_pixels)
    # One look of one satellite at one fire is one minute with one scan angle.
    away_km = 1530.0 * (_mix(fire, look, platform) * 2.0 - 1.0) * np.where(platform < 3, 1.0, 0.75)
    offset_min = np.floor(platform * 37.0 + 50.0 * _mix(fire, look, platform + 7))
    time_ms = start_ms + (look * 720 + offset_min.astype(np.int64)) * 60_000
    across_m, along_m = _sizes(platform, away_km)

    radius = growth_m_h[fire] * np.maximum((time_ms - start_ms) / HOUR_MS - begun_h[fire], 1.0)
    angle = 2 * math.pi * dice.random(n_pixels)
    radius = radius * (1 + 0.12 * dice.standard_normal(n_pixels)) * (1 + 0.35 * np.cos(angle + fire % 7))
    north = radius * np.cos(angle) + 0.3 * along_m * dice.standard_normal(n_pixels)
    east = radius * np.sin(angle) + 0.3 * across_m * dice.standard_normal(n_pixels)
    lat = np.round(centre_lat[fire] + north / 110_574.0, 5)
    lon = centre_lon[fire] + east / (111_320.0 * np.cos(np.radians(centre_lat[fire])))
    lon = np.round((lon + 180.0) % 360.0 - 180.0, 5)
    frp = np.round(np.exp(1.6 + 1.0 * dice.standard_normal(n_pixels)), 2)
    confidence = np.searchsorted([0.12, 0.9], dice.random(n_pixels)).astype(np.int8)
    order = np.lexsort((lon, lat, platform, time_ms))
    return FirePixels(
        lon=lon[order],
        lat=lat[order],
        time_ms=time_ms[order],
        across_m=across_m[order],
        along_m=along_m[order],
        frp_mw=np.asarray(frp[order], dtype=np.float64),
        confidence=confidence[order],
        platform=platform[order],
        fire=fire[order],
    )


def write_firms_csv(pixels: FirePixels, path: Path, form: str = "daily-text") -> None:
    """Write the VIIRS rows as FIRMS text, MODIS' left out.

    "daily-text": 13 columns, HH:MM; "current-csv": 14 columns, unpadded HMM.
    """
    if form not in ("daily-text", "current-csv"):
        raise ValueError(f"no such form: {form}")
    daily = form == "daily-text"
    rows = np.flatnonzero(pixels.platform < 3)
    frp = pixels.frp_mw[rows]
    when = pa.array(pixels.time_ms[rows], pa.timestamp("ms", tz="UTC"))
    minute = pixels.time_ms[rows] // 60_000 % 1440
    time: pa.Array = pa.array(minute // 60 * 100 + minute % 60)
    codes = [{"N20": "1"}.get(one.code, one.code) if daily else one.code for one in SATELLITES[:3]]
    words = ["low", "nominal", "high"] if daily else ["l", "n", "h"]
    day = (minute >= 720) & (minute < 1320)
    columns = {
        "latitude": pixels.lat[rows],
        "longitude": pixels.lon[rows],
        "bright_ti4": np.round(np.minimum(300.0 + 60.0 * (1 - np.exp(-frp / 6.0)), 367.0), 2),
        "scan": np.round(pixels.across_m[rows] / 1000, 2),
        "track": np.round(pixels.along_m[rows] / 1000, 2),
        "acq_date": pc.strftime(when, "%Y-%m-%d"),
        "acq_time": pc.strftime(when, "%H:%M") if daily else time,
        "satellite": pa.array(codes).take(pa.array(pixels.platform[rows])),
        "instrument": pa.repeat("VIIRS", len(rows)),
        "confidence": pa.array(words).take(pa.array(pixels.confidence[rows])),
        "version": pa.repeat("2.0NRT", len(rows)),
        "bright_ti5": np.round(285.0 + 6.0 * (1 - np.exp(-frp / 30.0)), 2),
        "frp": frp,
        "daynight": pa.array(["N", "D"]).take(pa.array(day.astype(np.int8))),
    }
    if daily:
        del columns["instrument"]
    table = pa.table(columns)
    body = io.BytesIO()
    options = pa_csv.WriteOptions(include_header=False, quoting_style="none")
    pa_csv.write_csv(table, body, options)
    path.write_bytes(",".join(table.column_names).encode() + b"\n" + body.getvalue())


class Positions(NamedTuple):
    """Points as arrays of one length."""

    lon: NDArray[np.float64]  # degrees, −180…180
    lat: NDArray[np.float64]


class Towns(NamedTuple):
    """The world's towns as arrays of one length."""

    lon: NDArray[np.float64]  # degrees
    lat: NDArray[np.float64]
    population: NDArray[np.float64]  # at least 500: towns whose people nobody counted are taken for small


@cache
def load_towns() -> Towns:
    """All towns of the gazetteer."""
    table = load_places("geonames:world").table
    population = np.nan_to_num(table.column("population").to_numpy().astype(np.float64))
    return Towns(
        table.column("lon").to_numpy().astype(np.float64),
        table.column("lat").to_numpy().astype(np.float64),
        np.maximum(population, 500.0),
    )


def generate_buildings(n: int, seed: int) -> Positions:
    """`n` buildings round real towns: more round larger ones, dense in their middle, every seventh in the country.

    >>> generate_buildings(3, seed=1).lat.shape
    (3,)
    """
    dice = np.random.Generator(np.random.PCG64([seed, 901]))
    towns = load_towns()
    weight = towns.population**0.9
    town = dice.permutation(np.repeat(np.arange(len(weight)), dice.multinomial(n, weight / weight.sum())))
    spread_km = 0.7 * np.sqrt(towns.population[town] / (3_000.0 * math.pi))  # a disc of 3,000 people for each km²
    rural = dice.random(n) < 0.15
    spread_km[rural] = 2.0 + dice.exponential(5.0, int(rural.sum()))
    return _scattered(towns.lon[town], towns.lat[town], spread_km, dice, decimals=7)


def generate_alarms(n: int, seed: int) -> Positions:
    """`n` fire pixels near people: 7 of 10 in fires of about 40 of them beyond towns, the rest amid buildings.

    Half of the fires lie in South America. In no order.
    """
    dice = np.random.Generator(np.random.PCG64([seed, 902]))
    towns = load_towns()
    wild = int(0.7 * n)
    fires = max(1, wild // 40)
    america = (towns.lat > -56) & (towns.lat < 13) & (towns.lon > -82) & (towns.lon < -34)
    near = np.where(
        dice.random(fires) < 0.5, dice.choice(np.flatnonzero(america), fires), dice.integers(0, len(america), fires)
    )
    angle, away_km = 2 * math.pi * dice.random(fires), 1.0 + dice.exponential(15.0, fires)
    lat = np.clip(towns.lat[near] + away_km * np.sin(angle) / KM_A_DEGREE, -89.0, 89.0)
    lon = towns.lon[near] + away_km * np.cos(angle) / (KM_A_DEGREE * np.cos(np.radians(lat)))
    pixels = dice.multinomial(wild, dice.dirichlet(np.full(fires, 0.5)))
    fire = np.repeat(np.arange(fires), pixels)
    burning = _scattered(lon[fire], lat[fire], 0.26 * np.sqrt(pixels[fire]), dice, decimals=5)
    amid = generate_buildings(n - wild, seed + 1)
    order = dice.permutation(n)
    return Positions(
        np.concatenate((burning.lon, np.round(amid.lon, 5)))[order],
        np.concatenate((burning.lat, np.round(amid.lat, 5)))[order],
    )


def generate_outlines(n: int, seed: int, vertices: int = 50) -> NDArray[np.float64]:
    """`n` star-shaped outlines, 50 m to 2 km in radius, round buildings: (n, vertices, 2) longitudes and latitudes.

    Rings are open and lie between 80° south and north; some reach beyond 180°.
    """
    dice = np.random.Generator(np.random.PCG64([seed, 903]))
    centre = generate_buildings(n, seed)
    lat = np.clip(centre.lat, -80.0, 80.0)[:, None]
    angle = 2 * math.pi * np.sort(dice.random((n, vertices)), axis=1)
    radius_km = np.exp(dice.uniform(math.log(0.05), math.log(2.0), n))[:, None] * (
        0.6 + 0.4 * dice.random((n, vertices))
    )
    north = lat + radius_km * np.sin(angle) / KM_A_DEGREE
    east = centre.lon[:, None] + radius_km * np.cos(angle) / (KM_A_DEGREE * np.cos(np.radians(lat)))
    return np.asarray(np.round(np.stack((east, north), axis=-1), 7))


def _scattered(
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    spread_km: NDArray[np.float64],
    dice: np.random.Generator,
    decimals: int,
) -> Positions:
    """One normally distributed point round each centre."""
    north = lat + dice.standard_normal(len(lat)) * spread_km / KM_A_DEGREE
    north = np.asarray(np.round(np.clip(north, -89.99, 89.99), decimals), np.float64)
    east = lon + dice.standard_normal(len(lat)) * spread_km / (KM_A_DEGREE * np.cos(np.radians(north)))
    return Positions(np.round((east + 180.0) % 360.0 - 180.0, decimals), north)


def _mix(*numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """A number in 0…1 that depends on all the given ones alone (SplitMix64)."""
    state = np.zeros(len(numbers[0]), dtype=np.uint64)
    for number in numbers:
        state = state * np.uint64(0x9E3779B97F4A7C15) + number.astype(np.uint64) + np.uint64(0x632BE59BD9B4E019)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def _sizes(
    platform: NDArray[np.int64], away_km: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixel sizes in metres, from tables of 10 km steps."""
    across, along = np.zeros(len(platform)), np.zeros(len(platform))
    steps = np.abs(away_km / 10.0).astype(np.int64)
    for number, satellite in enumerate(SATELLITES):
        table = 1000.0 * np.round([pixel_size_km(satellite, 10.0 * step) for step in range(154)], 2)
        mine = platform == number
        across[mine], along[mine] = table[steps[mine]].T
    return across, along
