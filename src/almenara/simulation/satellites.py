"""Five polar orbiters and what they see of a heat source: pass times, pixels that grow off-nadir, clouds, confidence.

Orbits are circles that keep their local solar time. A place d kilometres from the ground track is seen at a scan angle
that follows from the orbit's height; pixel size follows from the angle (VIIRS 0.38–0.8 km, MODIS 1–4.8 km).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from almenara.simulation.fire_spread import LAT_M, LON_M

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
EARTH_KM = 6371.0
_EQUATOR_KM_PER_DEG = 111.32


@dataclass(frozen=True, slots=True)
class Satellite:
    """An orbiter with its imager."""

    name: str  # as FIRMS titles it: "S-NPP"
    code: str  # FIRMS `satellite` column
    instrument: str  # "VIIRS" | "MODIS"
    period_min: float
    phase: float  # part of an orbit by which it runs ahead of its sisters
    crossings_h: tuple[float, float]  # local solar time of the night and the day pass
    height_km: float
    reach_km: float  # half the swath
    frp_seen_mw: float  # radiative power of which half the pixels are noticed


SATELLITES = (
    Satellite("S-NPP", "N", "VIIRS", 101.498, 0.0, (1.45, 13.45), 829.0, 1530.0, 1.2),
    Satellite("NOAA-20", "N20", "VIIRS", 101.498, 0.5, (1.43, 13.43), 829.0, 1530.0, 1.2),
    Satellite("NOAA-21", "N21", "VIIRS", 101.498, 0.25, (1.44, 13.44), 829.0, 1530.0, 1.2),
    Satellite("Terra", "Terra", "MODIS", 98.884, 0.1, (22.5, 10.5), 705.0, 1165.0, 8.0),
    Satellite("Aqua", "Aqua", "MODIS", 98.884, 0.6, (1.5, 13.5), 705.0, 1165.0, 8.0),
)


@dataclass(frozen=True, slots=True)
class Overpass:
    """One look of one satellite at one place."""

    satellite: int  # index into SATELLITES
    orbit: int  # in half orbits: the granules of one number are published together
    at_ms: int  # a whole minute, as FIRMS gives it
    east_km: float  # of the place from the ground track
    day: bool


@dataclass(frozen=True, slots=True)
class Heat:
    """Small sources of heat at one moment: their places and powers."""

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    frp_mw: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Detections:
    """Pixels in which a satellite noticed heat, in FIRMS' units; one element for each pixel in every array."""

    satellite: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    scan_km: NDArray[np.float64]
    track_km: NDArray[np.float64]
    frp_mw: NDArray[np.float64]
    bright_k: NDArray[np.float64]  # 4 µm
    far_k: NDArray[np.float64]  # 11 µm
    confidence: NDArray[np.int64]  # per cent, MODIS' scale
    day: NDArray[np.bool_]
    source: NDArray[np.int64]  # which of the world's heat sources it saw

    def __len__(self) -> int:
        return len(self.lon)

    def pick(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Detections":
        """Some of the rows, in the given order."""
        return Detections(*(getattr(self, name)[rows] for name in Detections.__slots__))

    @staticmethod
    def join(parts: list["Detections"]) -> "Detections":
        """All parts, one after another."""
        return Detections(*(np.concatenate([getattr(part, name) for part in parts]) for name in Detections.__slots__))


def list_overpasses(lon: float, lat: float, from_ms: int, until_ms: int, phase: float) -> list[Overpass]:
    """Every look at a place within the time, in order. `phase` (0…1) sets where in its cycle the fleet is.

    Only what the equator's neighbourhood needs: the way from the node to the latitude adds its minutes, no more.
    """
    found = []
    for number, satellite in enumerate(SATELLITES):
        period_ms = satellite.period_min * MINUTE_MS
        offset = (phase + satellite.phase) % 1.0 * period_ms
        for orbit in range(math.floor(from_ms / period_ms) - 2, math.ceil(until_ms / period_ms) + 2):
            for half, solar_h in enumerate(satellite.crossings_h):
                node_ms = offset + (orbit + 0.5 * half) * period_ms
                track_lon = (solar_h - node_ms / HOUR_MS) % 24.0 * 15.0
                away = (lon - track_lon + 180.0) % 360.0 - 180.0
                east_km = away * _EQUATOR_KM_PER_DEG * math.cos(math.radians(lat))
                way = lat if half else -lat  # the day pass climbs north, the night pass comes down
                if satellite.instrument == "MODIS" and satellite.name == "Terra":
                    way = -way
                at_ms = round((node_ms + way / 360.0 * period_ms) / MINUTE_MS) * MINUTE_MS
                if abs(east_km) < satellite.reach_km and from_ms <= at_ms < until_ms:
                    found.append(Overpass(number, 2 * orbit + half, at_ms, east_km, day=half == 1))
    return sorted(found, key=lambda look: (look.at_ms, look.satellite))


def pixel_size_km(satellite: Satellite, away_km: float) -> tuple[float, float]:
    """Size along scan and along track of a pixel `away_km` from the ground track.

    >>> [round(size, 2) for size in pixel_size_km(SATELLITES[0], 0.0)]
    [0.38, 0.38]
    >>> [round(size, 1) for size in pixel_size_km(SATELLITES[0], 1500.0)]
    [0.8, 0.8]
    >>> [round(size, 1) for size in pixel_size_km(SATELLITES[4], 1160.0)]
    [4.8, 2.0]
    """
    angle = abs(away_km) / EARTH_KM
    across, down = EARTH_KM * math.sin(angle), EARTH_KM + satellite.height_km - EARTH_KM * math.cos(angle)
    scan_angle = math.atan2(across, down)
    stretch = math.hypot(across, down) / satellite.height_km
    slant = stretch / math.cos(scan_angle + angle)
    if satellite.instrument == "MODIS":
        return slant, stretch
    degrees = math.degrees(scan_angle)
    merged = 3 if degrees < 31.72 else 2 if degrees < 44.86 else 1  # VIIRS adds up samples near nadir
    return 0.38 * slant * merged / 3, 0.375 * stretch


def detect(look: Overpass, heat: Heat, source: int, rng: np.random.Generator) -> Detections:
    """What the look notices of the heat: pixels in the sensor's own grid, some lost to cloud or weakness."""
    satellite = SATELLITES[look.satellite]
    scan_km, track_km = pixel_size_km(satellite, look.east_km)
    lon0, lat0 = float(heat.lon.mean()), float(heat.lat.mean())
    east_m = LON_M * math.cos(math.radians(lat0))
    tilt = math.radians(9.5 if look.day else -9.5)  # of the scan lines against the parallels
    x, y = (heat.lon - lon0) * east_m, (heat.lat - lat0) * LAT_M
    along_scan = x * math.cos(tilt) + y * math.sin(tilt)
    along_track = y * math.cos(tilt) - x * math.sin(tilt)
    corner = rng.random(2)
    column = np.floor(along_scan / (scan_km * 1000) + corner[0]).astype(np.int64)
    row = np.floor(along_track / (track_km * 1000) + corner[1]).astype(np.int64)
    pixels, member = np.unique(np.column_stack((row, column)), axis=0, return_inverse=True)
    frp = np.bincount(member.ravel(), weights=heat.frp_mw, minlength=len(pixels))
    wobble = 0.08 * rng.standard_normal((2, len(pixels)))
    u = (pixels[:, 1] + 0.5 - corner[0] + wobble[0]) * scan_km * 1000
    v = (pixels[:, 0] + 0.5 - corner[1] + wobble[1]) * track_km * 1000
    frp = frp * np.exp(0.35 * rng.standard_normal(len(pixels)))
    seen = rng.random(len(pixels)) < 1.0 / (1.0 + (satellite.frp_seen_mw / np.maximum(frp, 1e-6)) ** 2.5)
    seen &= ~_clouded(u, v, rng)
    glow = rng.standard_normal((3, len(pixels)))
    pixels_n = len(pixels)
    base = (312.0 if look.day else 298.0) + 2.0 * glow[0]
    area = scan_km * track_km / 0.14
    bright = np.minimum(base + 60.0 * (1 - np.exp(-frp / (6.0 * area))) + 4.0 * np.abs(glow[1]), 367.0)
    far = base - (14.0 if look.day else 10.0) + 6.0 * (1 - np.exp(-frp / (30.0 * area)))
    confidence = np.clip(48 + 16 * np.log2(np.maximum(frp, 0.05) / satellite.frp_seen_mw) + 9 * glow[2], 0, 100)
    return Detections(
        satellite=np.full(pixels_n, look.satellite, dtype=np.int64),
        time_ms=np.full(pixels_n, look.at_ms, dtype=np.int64),
        lon=np.round(lon0 + (u * math.cos(tilt) - v * math.sin(tilt)) / east_m, 5),
        lat=np.round(lat0 + (u * math.sin(tilt) + v * math.cos(tilt)) / LAT_M, 5),
        scan_km=np.full(pixels_n, round(scan_km, 2)),
        track_km=np.full(pixels_n, round(track_km, 2)),
        frp_mw=np.round(frp, 2),
        bright_k=np.round(bright, 2),
        far_k=np.round(far, 2),
        confidence=np.round(confidence).astype(np.int64),
        day=np.full(pixels_n, look.day),
        source=np.full(pixels_n, source, dtype=np.int64),
    ).pick(np.flatnonzero(seen))


def _clouded(u: NDArray[np.float64], v: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """A cloud somewhere over the pixels, on three looks of ten; it may hide all of them."""
    chance, place, size = rng.random(), rng.random(), rng.random()
    if chance > 0.3 or not len(u):
        return np.zeros(len(u), dtype=bool)
    middle = min(int(place * len(u)), len(u) - 1)
    radius = 600.0 + 2600.0 * size
    return np.asarray((u - u[middle]) ** 2 + (v - v[middle]) ** 2 < radius**2)
