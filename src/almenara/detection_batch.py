"""Detections as library users have them (columns, scalars, times of many kinds) checked and in one form."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from almenara.model.observations import OBSERVATIONS, detection_keys

MINUTE_MS = 60_000
PIXEL_M = 375.0  # VIIRS at nadir
#: Columns and what is meant where they are absent.
_DEFAULTS: dict[str, Any] = {
    "across_m": PIXEL_M,
    "along_m": PIXEL_M,
    "platform": "unknown",
    "instrument": "unknown",
    "frp_mw": np.nan,
    "confidence": 1,
    "heat_class": -1,
    "version": 0,
}
_NEEDED = ("lon", "lat", "time")
#: Numeric columns: the kind of number, and the range it must lie in.
_RANGES: dict[str, tuple[Any, float, float]] = {
    "lon": (np.float64, -180.0, 180.0),
    "lat": (np.float64, -90.0, 90.0),
    "across_m": (np.float32, 1.0, 50_000.0),
    "along_m": (np.float32, 1.0, 50_000.0),
    "frp_mw": (np.float32, 0.0, 1e6),
    "confidence": (np.int8, 0, 2),
    "heat_class": (np.int8, -1, 3),
    "version": (np.int64, -(2.0**62), 2.0**62),
}
_OLDEST_MS, _NEWEST_MS = 0, 4_000_000_000_000  # 1970 … 2096: minutes fit the kernels


class Batch(NamedTuple):
    """Detections as columns of one length, checked."""

    rows: dict[str, NDArray[Any]]  # as `stages.hazards.fire.State.receive_rows` takes them
    platforms: list[str]
    time_ms: NDArray[np.int64]
    current: NDArray[np.bool_]  # False: this row takes an earlier version back

    def __len__(self) -> int:
        return len(self.time_ms)

    def where(self, kept: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """Some of the rows."""
        return self.rows if kept.all() else {name: column[kept] for name, column in self.rows.items()}

    def fingerprints(self) -> NDArray[np.uint64]:
        """One number for all of a row that a reissue can change: decides between equal versions."""
        out = np.full(len(self), 0xCBF29CE484222325, np.uint64)
        names = ("value", "confidence", "heat_class", "across_m", "along_m", "lon", "lat")
        for column in (self.time_ms, self.current, *(self.rows[name] for name in names)):
            out = (out ^ column.astype(np.float64).view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
            out ^= out >> np.uint64(29)
        return out


def read_batch(batch: pa.Table | Mapping[str, ArrayLike] | None) -> Batch:
    """A batch as `FireTracker.update` takes it; errors as it says.

    >>> len(read_batch(None))
    0
    >>> read_batch({"lon": [10.0, 190.0], "lat": 50.0, "time": "2026-08-14"})
    Traceback (most recent call last):
    ValueError: row 1: lon is 190.0, which is not in -180 … 180
    """
    if isinstance(batch, pa.Table):
        if batch.schema.equals(OBSERVATIONS):
            return _from_observations(batch)
        batch = {name: batch.column(name).to_numpy() for name in batch.column_names}
    return _from_columns(_columns({"lon": [], "lat": [], "time": []} if batch is None else batch))


def _from_observations(table: pa.Table) -> Batch:
    names = ("lon", "lat", "across_m", "along_m", "key_hi", "key_lo", "version", "value", "confidence", "heat_class")
    rows = {name: np.asarray(table.column(name).to_numpy()) for name in names}
    time_ms = np.asarray(table.column("time").cast("int64").to_numpy())
    platforms, rows["platform"] = _encoded(table.column("platform").combine_chunks().dictionary_decode())
    rows["t"] = (time_ms // MINUTE_MS).astype(np.int32)
    status = table.column("status").cast("string").to_numpy(zero_copy_only=False)
    return Batch(rows, platforms, time_ms, np.asarray(status == "current", bool))


def _from_columns(columns: dict[str, NDArray[Any]]) -> Batch:
    time_ms = columns.pop("time")
    minute = time_ms // MINUTE_MS
    platforms, platform = _encoded(columns.pop("platform"))
    instruments, instrument = _encoded(columns.pop("instrument"))
    hi, lo = np.empty(len(minute), np.uint64), np.empty(len(minute), np.uint64)
    for a, b in itertools.product(range(len(platforms)), range(len(instruments))):
        mine = (platform == a) & (instrument == b)
        keys = detection_keys(platforms[a], instruments[b], minute[mine], columns["lon"][mine], columns["lat"][mine])
        hi[mine], lo[mine] = keys
    rows = {**columns, "value": columns["frp_mw"], "t": minute.astype(np.int32), "platform": platform}
    rows |= {"key_hi": hi, "key_lo": lo}
    del rows["frp_mw"]
    return Batch(rows, platforms, time_ms, np.ones(len(minute), bool))


def _encoded(words: Any) -> tuple[list[str], NDArray[Any]]:
    """The different words and, for each row, the number of its own."""
    if isinstance(words, np.ndarray):
        if words.strides == (0,) and len(words):  # one word for all rows
            return [str(words[0])], np.zeros(len(words), np.int32)
        words = pa.array(words.tolist(), pa.string())
    coded = words.dictionary_encode()
    return coded.dictionary.to_pylist(), np.asarray(coded.indices.to_numpy())


def as_time(value: ArrayLike, name: str) -> int:
    """One time, ms since 1970 UTC.

    >>> as_time("1970-01-01T00:01", "at"), as_time(60_000, "at")
    (60000, 60000)
    """
    times = _times(value, name)
    if len(times) != 1:
        raise ValueError(f"{name} is one time, not {len(times)}")
    return int(times[0])


def _columns(batch: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """All columns at one length, checked."""
    missing = [name for name in _NEEDED if name not in batch]
    if missing:
        raise ValueError(f"a batch of detections needs lon, lat and time: {missing[0]} is missing")
    unknown = [name for name in batch if name not in _DEFAULTS and name not in _NEEDED]
    if unknown:
        raise ValueError(f"no such column: {unknown[0]!r}; there are {', '.join((*_NEEDED, *_DEFAULTS))}")
    columns: dict[str, NDArray[Any]] = {"time": _times(batch["time"], "time")}
    for name in ("platform", "instrument"):
        columns[name] = np.atleast_1d(np.asarray(batch.get(name, _DEFAULTS[name])))
    for name in _RANGES:
        columns[name] = np.atleast_1d(np.asarray(batch.get(name, _DEFAULTS.get(name))))
    lengths = {name: len(column) for name, column in columns.items() if np.ndim(batch.get(name, 0))}
    length = next(iter(lengths.values()), 1)
    for name, column in columns.items():
        if column.ndim != 1 or lengths.get(name, length) != length:
            raise ValueError(f"{name} has the shape {column.shape} where {length} values belong")
        columns[name] = np.broadcast_to(column, length)
    for name, (kind, low, high) in _RANGES.items():
        columns[name] = _checked(name, columns[name], kind, low, high)
    outside = np.flatnonzero((columns["time"] < _OLDEST_MS) | (columns["time"] > _NEWEST_MS))
    if len(outside):
        time = np.datetime64(int(columns["time"][outside[0]]), "ms")
        raise ValueError(f"row {outside[0]}: time is {time}, which is not in 1970 … 2096")
    return columns


def _checked(name: str, column: NDArray[Any], kind: Any, low: float, high: float) -> NDArray[Any]:
    try:
        values = column.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} holds something that is not a number: {error}") from error
    good = (values >= low) & (values <= high)
    if name == "frp_mw":
        good |= np.isnan(values)
    bad = np.flatnonzero(~good)
    if len(bad):
        raise ValueError(f"row {bad[0]}: {name} is {column[bad[0]]}, which is not in {low:g} … {high:g}")
    return column.astype(kind)


def _times(value: ArrayLike, name: str) -> NDArray[np.int64]:
    """Times of any kind as ms since 1970 UTC."""
    array = np.atleast_1d(np.asarray(value))
    if array.dtype == object:
        if not all(isinstance(one, datetime) for one in array.flat):
            raise ValueError(f"{name} is neither datetime64, datetime, ISO text nor whole milliseconds since 1970")
        array = np.array([(one.astimezone(UTC) if one.tzinfo else one).replace(tzinfo=None) for one in array.flat])
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind in "UM" or array.dtype == object:
        try:
            array = array.astype("datetime64[ms]")
        except ValueError as error:
            raise ValueError(f"{name} is not a time in ISO form (UTC, without an offset): {error}") from error
        if np.isnat(array).any():
            raise ValueError(f"row {np.flatnonzero(np.isnat(array))[0]}: {name} is missing (NaT)")
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} is neither datetime64, datetime, ISO text nor whole milliseconds since 1970")
    return array.astype(np.int64)
