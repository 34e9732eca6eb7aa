"""INPE Queimadas: the "focos" of ten satellites that Brazil's space institute publishes as CSV."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from almenara.model.limits import DETECTION_MS_MIN
from almenara.model.observations import OBSERVATIONS, Confidence
from almenara.ports import Parsed, Rejection
from almenara.sources.batch import (
    REASONS,
    TEXT_REASONS,
    Batch,
    Screening,
    check_position,
    check_time,
    read_date_time,
    read_distinct,
)
from almenara.sources.delimited import Header, find_header, read_batches
from almenara.sources.detections import Detections, Sensor, find_sensor

#: INPE's names of what is needed, the daily files' first; the exports of BDQueimadas and the 10-minute files differ.
_NAMES = {
    "lat": ("lat", "latitude"),
    "lon": ("lon", "longitude"),
    "time": ("data_hora_gmt", "datahora", "data_pas", "data"),
    "satellite": ("satelite",),
}
_MORE = {"frp": ("frp",), "id": ("id", "foco_id"), "municipality": ("municipio",), "state": ("estado",)}
#: INPE's own copy of a detection counts less than any version FIRMS gives of it (firms.versions): it has no footprint.
_VERSION = 0
#: INPE writes −999 where a value is unknown.
_UNKNOWN_MAX = -999.0
_POWER_MW_MAX = 1e6
_UNREADABLE = -(2**62)
_FILE_NAME = re.compile(r"inpe|focos|queimadas|dados_diarios", re.IGNORECASE)


class Inpe:
    """The source. It keeps `ports.Source`."""

    name = "inpe"
    kind = "fire"
    title = "INPE Queimadas fire detections (focos) of all satellites"
    attribution = "INPE, Programa Queimadas, https://terrabrasilis.dpi.inpe.br/queimadas"
    cadence_s = 6 * 3600
    url = "https://dataserver-coids.inpe.br/queimadas/queimadas/focos/csv/diario/Brasil/"
    reasons = (
        REASONS
        | TEXT_REASONS
        | {
            "time-unreadable": "The time is not YYYY-MM-DD HH:MM:SS.",
            "satellite-unknown": "The satellite is none that INPE is known to use.",
            "power-unreadable": "The radiative power is no number.",
            "power-out-of-range": "The radiative power is below 0 or beyond 1,000,000 MW.",
        }
    )

    def recognises(self, head: bytes, name: str) -> bool:
        """Whether the content has INPE's columns; an empty one is judged by its name."""
        header = find_header(head)
        return _columns(header) is not None if header else not head.strip() and bool(_FILE_NAME.search(name))

    def parse(self, path: Path, *, received_ms: int, rows_max: int) -> Iterator[Parsed]:
        """Read a content."""
        for batch, rejections in read_batches(path, rows_max, _columns):
            yield _read_rows(batch, rejections, received_ms)


def _columns(header: Header) -> dict[str, str] | None:
    found = {
        name: spelling
        for name, spellings in (_NAMES | _MORE).items()
        for spelling in reversed(spellings)
        if spelling in header.names
    }
    return found if found.keys() >= _NAMES.keys() else None


def _read_rows(batch: Batch | None, rejections: list[Rejection], received_ms: int) -> Parsed:
    if batch is None:
        return Parsed(OBSERVATIONS.empty_table(), rejections)
    screening = Screening(batch)
    lon, lat = check_position(batch, screening, "lon", "lat")
    time_ms = read_distinct(batch.text("time"), read_date_time, _UNREADABLE)
    screening.refuse(time_ms == _UNREADABLE, "time-unreadable", "time")
    check_time(screening, time_ms, DETECTION_MS_MIN, received_ms, "time")
    sensors, sensor = _sensors(batch, screening)
    nominal_m = np.array([one.nominal_m for one in sensors] or [np.nan])[sensor]
    coarse = np.array([one.geostationary for one in sensors] or [False])[sensor]
    found = Detections(
        sensors=sensors,
        sensor=sensor,
        time_ms=time_ms,
        lon=lon,
        lat=lat,
        version=np.full(batch.rows, _VERSION, np.int64),
        value=_power(batch, screening),
        # A pixel of several kilometres shows a fire, but not where: it must not count like one of 375 m.
        confidence=np.where(coarse, Confidence.LOW, Confidence.NOMINAL).astype(np.int8),
        across_m=nominal_m,
        along_m=nominal_m,
        reference=_or_null(batch.text("id")),
        label=_label(batch),
    )
    refused = sorted(rejections + screening.rejections(), key=lambda rejection: rejection.line)
    return Parsed(found.table(screening.standing), refused)


def _sensors(batch: Batch, screening: Screening) -> tuple[list[Sensor], NDArray[np.int64]]:
    sensors: list[Sensor] = []

    def read(text: str) -> int | None:
        sensor = find_sensor(text)
        if sensor is None:
            return None
        if sensor not in sensors:
            sensors.append(sensor)
        return sensors.index(sensor)

    which = read_distinct(batch.text("satellite"), read, -1)
    screening.refuse(which < 0, "satellite-unknown", "satellite")
    return sensors, np.maximum(which, 0)


def _power(batch: Batch, screening: Screening) -> NDArray[np.float64]:
    power = batch.numbers("frp")
    screening.refuse(power.unreadable, "power-unreadable", "frp")
    values = np.where(power.values <= _UNKNOWN_MAX, np.nan, power.values)
    screening.refuse((values < 0) | (values > _POWER_MW_MAX), "power-out-of-range", "frp")
    return values


def _label(batch: Batch) -> pa.Array:
    """“PORTO VELHO, RONDÔNIA”, null where neither is said."""
    municipality, state = _or_null(batch.text("municipality")), _or_null(batch.text("state"))
    both = pc.binary_join_element_wise(municipality, state, ", ")
    return pc.coalesce(both, municipality, state)


def _or_null(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


SOURCE = Inpe()
