"""Satellite detections from several feeds under the same names: platforms, instruments, sizes, and their table."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from almenara.model.observations import OBSERVATIONS, HeatClass, detection_keys


@dataclass(frozen=True, slots=True)
class Sensor:
    """An instrument on a platform: what a detection's key is made of."""

    platform: str
    instrument: str
    nominal_m: float  # size of a pixel straight below
    geostationary: bool = False


def _on(instrument: str, nominal_m: float, *platforms: str, geostationary: bool = False) -> list[Sensor]:
    return [Sensor(platform, instrument, nominal_m, geostationary) for platform in platforms]


#: Sizes: VIIRS I band 375 m, MODIS 1 km, AVHRR 1.1 km; ABI 2 km and SEVIRI 3 km below the satellite.
SENSORS = {
    sensor.platform: sensor
    for sensor in [
        *_on("VIIRS", 375.0, "S-NPP", "NOAA-20", "NOAA-21"),
        *_on("MODIS", 1000.0, "Terra", "Aqua"),
        *_on("AVHRR", 1100.0, *(f"NOAA-{n}" for n in range(12, 20)), *(f"METOP-{letter}" for letter in "ABC")),
        *_on("imager", 4000.0, *(f"GOES-{n:02}" for n in range(8, 16)), geostationary=True),
        *_on("ABI", 2000.0, *(f"GOES-{n}" for n in range(16, 20)), geostationary=True),
        *_on("SEVIRI", 3000.0, *(f"MSG-{n:02}" for n in range(1, 5)), geostationary=True),
    ]
}

#: How the feeds write the platforms, letters and digits only. "1" and "2" are NOAA-20 and -21 in VIIRS feeds alone.
_SPELLINGS = {
    "S-NPP": ("N", "NPP", "SNPP", "SUOMINPP", "SUOMI", "NPP375", "NPP375D"),
    "NOAA-20": ("N20", "J1", "J01", "JPSS1", "NOAA20", "NOAA20D", "J1V"),
    "NOAA-21": ("N21", "J2", "J02", "JPSS2", "NOAA21", "NOAA21D"),
    "Terra": ("T", "TERRA", "TERRAMM", "TERRAMT", "EOSAM1"),
    "Aqua": ("A", "AQUA", "AQUAMT", "AQUAMM", "EOSPM1"),
}
_BY_SPELLING = {spelling: SENSORS[platform] for platform, all_of in _SPELLINGS.items() for spelling in all_of}
_DIGITS = {"1": SENSORS["NOAA-20"], "2": SENSORS["NOAA-21"]}
_SERIES = re.compile(r"(NOAA|GOES|G|METOP|MSG|MET)0*([0-9]{1,2}|[ABC])D?")


def find_sensor(satellite: str, *, viirs: bool = False) -> Sensor | None:
    """The sensor that a feed means, None when it is unknown. `viirs`: the feed is known to be one of VIIRS.

    >>> find_sensor("NPP-375D").platform, find_sensor("AQUA_M-T").platform, find_sensor("GOES-16").instrument
    ('S-NPP', 'Aqua', 'ABI')
    >>> find_sensor("1"), find_sensor("1", viirs=True).platform
    (None, 'NOAA-20')
    """
    spelling = re.sub(r"[^A-Z0-9]", "", satellite.upper())
    if viirs and satellite.strip() in _DIGITS:
        return _DIGITS[satellite.strip()]
    known = _BY_SPELLING.get(spelling)
    if known is not None:
        return known
    if spelling == "METOP":  # INPE has written it without saying which
        return Sensor("METOP", "AVHRR", 1100.0)
    if spelling == "MSG":
        return Sensor("MSG", "SEVIRI", 3000.0, geostationary=True)
    match = _SERIES.fullmatch(spelling)
    if match is None:
        return None
    series, number = match.groups()
    series = {"G": "GOES", "MET": "MSG"}.get(series, series)
    if number.isdigit() and series in ("GOES", "MSG"):
        number = f"{int(number):02}"
    return SENSORS.get(f"{series}-{number}")


@dataclass(slots=True)
class Detections:
    """Columns of the detections of one piece; every array has one value for each row."""

    sensors: list[Sensor]
    sensor: NDArray[np.int64]  # index into `sensors`
    time_ms: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    version: NDArray[np.int64]
    value: NDArray[np.float64]
    confidence: NDArray[np.int8]
    across_m: NDArray[np.float64]
    along_m: NDArray[np.float64]
    heat_class: NDArray[np.int8] | None = None
    reference: pa.Array | None = None
    label: pa.Array | None = None

    def table(self, rows: NDArray[np.bool_]) -> pa.Table:
        """The chosen rows as observations."""
        sensor, lon, lat, time_ms = self.sensor[rows], self.lon[rows], self.lat[rows], self.time_ms[rows]
        hi = np.zeros(len(sensor), np.uint64)
        lo = np.zeros(len(sensor), np.uint64)
        for i in np.unique(sensor).tolist():
            mine = sensor == i
            one = self.sensors[i]
            minute = time_ms[mine] // 60_000
            hi[mine], lo[mine] = detection_keys(one.platform, one.instrument, minute, lon[mine], lat[mine])
        count = len(sensor)
        heat = np.full(count, HeatClass.UNKNOWN, np.int8) if self.heat_class is None else self.heat_class[rows]
        chosen = pa.array(rows)
        return pa.Table.from_arrays(
            [
                pa.array(hi),
                pa.array(lo),
                pa.array(self.version[rows]),
                pa.array(time_ms).cast(pa.timestamp("ms", tz="UTC")),
                pa.array(lon),
                pa.array(lat),
                pa.array(self.across_m[rows].astype(np.float32)),
                pa.array(self.along_m[rows].astype(np.float32)),
                pa.array(self.value[rows].astype(np.float32)),
                pa.array(self.confidence[rows]),
                pa.array(heat),
                pa.array(np.full(count, np.nan, np.float32)),
                _dictionary([one.platform for one in self.sensors], sensor, pa.int16()),
                _dictionary([one.instrument for one in self.sensors], sensor, pa.int16()),
                _dictionary(["current"], np.zeros(count, np.int64), pa.int8()),
                pa.nulls(count, pa.string()) if self.reference is None else self.reference.filter(chosen),
                pa.nulls(count, pa.string()) if self.label is None else self.label.filter(chosen),
            ],
            schema=OBSERVATIONS,
        )


def _dictionary(words: list[str], indices: NDArray[np.int64], index_type: pa.DataType) -> pa.Array:
    """Words by index, each word once in the dictionary whatever the sensors share."""
    distinct = sorted(set(words))
    remap = np.array([distinct.index(word) for word in words] or [0], np.int64)
    return pa.DictionaryArray.from_arrays(pa.array(remap[indices]).cast(index_type), pa.array(distinct, pa.string()))
