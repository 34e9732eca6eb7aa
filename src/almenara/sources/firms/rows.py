"""FIRMS' rows, whatever form they came in, judged and made into observations."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from almenara.model.limits import DETECTION_MS_MIN
from almenara.model.observations import OBSERVATIONS, Confidence, HeatClass
from almenara.ports import Parsed, Rejection
from almenara.sources.batch import Batch, Screening, check_position, check_time, read_date_time, read_distinct
from almenara.sources.detections import Detections, Sensor, find_sensor
from almenara.sources.firms.dates import AMBIGUOUS, MISSING, UNREADABLE, DateOrder, read_clock, read_days
from almenara.sources.firms.versions import UNKNOWN, rank
from almenara.sources.json_items import Item

#: Columns that only VIIRS has: where one is filled, the satellites "1" and "2" are NOAA-20 and NOAA-21.
VIIRS_ONLY = ("bright_ti4", "bright_ti5")

_POWER_MW_MAX = 1e6
_PIXEL_KM_MAX = 20.0
#: Classes of MODIS' confidence in per cent: Collection 6 user guide, table 8 (low < 30, nominal < 80, high).
_LOW_BELOW, _HIGH_FROM = 30, 80
_WORDS = {
    "": Confidence.NOMINAL,
    "l": Confidence.LOW,
    "low": Confidence.LOW,
    "n": Confidence.NOMINAL,
    "nominal": Confidence.NOMINAL,
    "h": Confidence.HIGH,
    "high": Confidence.HIGH,
}
_PER_CENT = 1000  # added to a confidence that came as a number


def read_rows(batch: Batch | None, rejections: list[Rejection], order: DateOrder, received_ms: int) -> Parsed:
    """The detections of one piece; `rejections` are those its reader found already."""
    if batch is None:
        return Parsed(OBSERVATIONS.empty_table(), rejections)
    screening = Screening(batch)
    lon, lat = check_position(batch, screening, "longitude", "latitude")
    time_ms = _time(batch, screening, order, received_ms)
    sensors, sensor = _sensors(batch, screening)
    modis = np.array([one.instrument == "MODIS" for one in sensors] or [False])[sensor]
    nominal_m = np.array([one.nominal_m for one in sensors] or [np.nan])[sensor]
    found = Detections(
        sensors=sensors,
        sensor=sensor,
        time_ms=time_ms,
        lon=lon,
        lat=lat,
        version=read_distinct(batch.text("version"), rank, UNKNOWN),
        value=_power(batch, screening),
        confidence=_confidence(batch, screening, modis),
        across_m=_size(batch, screening, "scan", nominal_m),
        along_m=_size(batch, screening, "track", nominal_m),
        heat_class=_heat_class(batch, screening),
    )
    refused = sorted(rejections + screening.rejections(), key=lambda rejection: rejection.line)
    return Parsed(found.table(screening.standing), refused)


def batch_of_items(items: Sequence[Item], names: Sequence[str]) -> Batch:
    """JSON objects, or GeoJSON features, as columns of text."""
    columns: dict[str, list[str]] = {name: [] for name in names}
    for item in items:
        fields = _flat(item)
        for name, column in columns.items():
            column.append(_text(fields.get(name)))
    return Batch(
        {name: pa.array(column, pa.string()) for name, column in columns.items()},
        len(items),
        np.array([item.number for item in items], np.int64),
        lambda row: bytes(items[row].raw),
    )


def _flat(item: Item) -> dict[str, object]:
    fields = item.fields
    properties = fields.get("properties")
    if not isinstance(properties, dict):
        return {name.lower(): value for name, value in fields.items()}
    flat = {str(name).lower(): value for name, value in properties.items()}
    geometry = fields.get("geometry")
    position = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if isinstance(position, list) and len(position) >= 2:
        flat.setdefault("longitude", position[0])
        flat.setdefault("latitude", position[1])
    return flat


def _text(value: object) -> str:
    if isinstance(value, str):
        # A lone surrogate is legal in JSON text and impossible in Arrow's.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    return "" if value is None else repr(value)


def _time(batch: Batch, screening: Screening, order: DateOrder, received_ms: int) -> NDArray[np.int64]:
    if "acq_date_time" in batch.columns:
        time_ms = read_distinct(batch.text("acq_date_time"), read_date_time, UNREADABLE)
        screening.refuse(time_ms == UNREADABLE, "date-unreadable", "acq_date_time")
        check_time(screening, time_ms, DETECTION_MS_MIN, received_ms, "acq_date_time")
        return time_ms
    days = read_days(batch.text("acq_date"), order)
    clock = read_distinct(batch.text("acq_time"), read_clock, -1)
    screening.refuse(days == MISSING, "date-missing", "acq_date")
    screening.refuse(days == UNREADABLE, "date-unreadable", "acq_date")
    screening.refuse(days == AMBIGUOUS, "date-ambiguous", "acq_date")
    screening.refuse(clock < 0, "clock-unreadable", "acq_time")
    time_ms = days + clock
    check_time(screening, time_ms, DETECTION_MS_MIN, received_ms, "acq_date", "acq_time")
    return time_ms


def _sensors(batch: Batch, screening: Screening) -> tuple[list[Sensor], NDArray[np.int64]]:
    """The sensors of the piece and which of them saw each row (0 for refused rows)."""
    viirs = pc.or_(*(pc.not_equal(batch.text(name), "") for name in VIIRS_ONLY))
    told = pc.binary_join_element_wise(
        batch.text("satellite"), batch.text("instrument"), pc.if_else(viirs, "VIIRS", ""), "\x1f"
    )
    sensors: list[Sensor] = []
    unknown, mismatched = -1, -2

    def read(text: str) -> int:
        satellite, instrument, viirs_columns = text.rsplit("\x1f", 2)
        instrument = instrument.strip().upper()
        sensor = find_sensor(satellite, viirs=instrument == "VIIRS" or (not instrument and bool(viirs_columns)))
        if sensor is None or sensor.instrument not in ("VIIRS", "MODIS"):
            return unknown
        if instrument not in ("", sensor.instrument):
            return mismatched
        if sensor not in sensors:
            sensors.append(sensor)
        return sensors.index(sensor)

    which = read_distinct(told, read, unknown)
    screening.refuse(which == unknown, "satellite-unknown", "satellite", "instrument")
    screening.refuse(which == mismatched, "instrument-unknown", "satellite", "instrument")
    return sensors, np.maximum(which, 0)


def _confidence(batch: Batch, screening: Screening, modis: NDArray[np.bool_]) -> NDArray[np.int8]:
    codes = read_distinct(batch.text("confidence"), _read_confidence, -1)
    bad = (codes < 0) | ((codes >= _PER_CENT) & ~modis)
    screening.refuse(bad, "confidence-unreadable", "confidence", "satellite")
    per_cent = codes - _PER_CENT
    classes = np.where(
        per_cent >= 0,
        np.where(per_cent < _LOW_BELOW, Confidence.LOW, np.where(per_cent < _HIGH_FROM, 1, Confidence.HIGH)),
        codes,
    )
    return classes.astype(np.int8)


def _read_confidence(text: str) -> int | None:
    word = text.strip().lower()
    if word in _WORDS:
        return int(_WORDS[word])
    try:
        per_cent = float(word)
    except ValueError:
        return None
    return _PER_CENT + int(per_cent) if 0 <= per_cent <= 100 else None


def _power(batch: Batch, screening: Screening) -> NDArray[np.float64]:
    power = batch.numbers("frp")
    screening.refuse(power.unreadable, "power-unreadable", "frp")
    screening.refuse((power.values < 0) | (power.values > _POWER_MW_MAX), "power-out-of-range", "frp")
    return power.values


def _size(batch: Batch, screening: Screening, name: str, nominal_m: NDArray[np.float64]) -> NDArray[np.float64]:
    size = batch.numbers(name)
    screening.refuse(size.unreadable, "footprint-unreadable", name)
    screening.refuse((size.values <= 0) | (size.values > _PIXEL_KM_MAX), "footprint-out-of-range", name)
    return np.where(size.missing, nominal_m, size.values * 1000.0)


def _heat_class(batch: Batch, screening: Screening) -> NDArray[np.int8]:
    unreadable = 100
    classes = read_distinct(batch.text("type"), _read_heat_class, unreadable)
    screening.refuse(classes == unreadable, "type-unknown", "type")
    return classes.astype(np.int8)


def _read_heat_class(text: str) -> int | None:
    text = text.strip()
    if not text:
        return int(HeatClass.UNKNOWN)
    return int(text[0]) if text in ("0", "1", "2", "3", "0.0", "1.0", "2.0", "3.0") else None
