"""Observations as they travel: one Arrow table for a batch, one row for each measured sign of a hazard."""

import hashlib
from enum import IntEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Confidence(IntEnum):
    """How surely the row shows a hazard, on the feeds' common scale."""

    LOW = 0
    NOMINAL = 1
    HIGH = 2


class HeatClass(IntEnum):
    """FIRMS `type` of a thermal anomaly (science archive; UNKNOWN in near-real-time data)."""

    UNKNOWN = -1
    VEGETATION = 0
    VOLCANO = 1
    STATIC = 2
    OFFSHORE = 3


#: Columns of every batch. `key_hi`/`key_lo` name the observation; of several versions of one key the highest
#: `version` counts (equal versions: the row whose values sort last, so that arrival order never matters).
OBSERVATIONS = pa.schema(
    [
        pa.field("key_hi", pa.uint64(), nullable=False),
        pa.field("key_lo", pa.uint64(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),  # of acquisition / origin time
        pa.field("lon", pa.float64(), nullable=False),  # degrees, −180…180, WGS84
        pa.field("lat", pa.float64(), nullable=False),  # degrees, −90…90
        pa.field("across_m", pa.float32(), nullable=False),  # footprint size along the scan (east–west), metres
        pa.field("along_m", pa.float32(), nullable=False),  # footprint size along the track (north–south), metres
        pa.field(
            "value", pa.float32(), nullable=False
        ),  # fire: radiative power in MW; earthquake: magnitude; NaN unknown
        pa.field("confidence", pa.int8(), nullable=False),  # Confidence
        pa.field("heat_class", pa.int8(), nullable=False),  # HeatClass; UNKNOWN for other kinds
        pa.field("depth_km", pa.float32(), nullable=False),  # earthquakes; NaN otherwise
        pa.field("platform", pa.dictionary(pa.int16(), pa.string()), nullable=False),  # "NOAA-20", "Aqua", "us"
        pa.field(
            "instrument", pa.dictionary(pa.int16(), pa.string()), nullable=False
        ),  # "VIIRS", "MODIS", "seismic network"
        pa.field(
            "status", pa.dictionary(pa.int8(), pa.string()), nullable=False
        ),  # "current" | "retracted" | "no-hazard"
        pa.field("reference", pa.string()),  # the provider's own id, if it has one
        pa.field("label", pa.string()),  # words for people: "12 km SE of Pedernales, Ecuador"
    ]
)

#: Columns of a batch of others' warnings: one row for each message, at a point inside its area (NaN where it has none).
#: `version` and `time` are when it was sent, `reference` is its sender and identifier.
MESSAGES = pa.schema(
    [
        *OBSERVATIONS,
        pa.field("footprint", pa.binary()),  # WKB of its polygons and circles, degrees, cut at ±180; null without any
        pa.field("message", pa.binary(), nullable=False),  # model.cap.facts.Facts
    ]
)


def schema_of(kind: str) -> pa.Schema:
    """The columns of observations of a kind of hazard."""
    return MESSAGES if kind == "warning" else OBSERVATIONS


#: `status` of a row: retracted takes an earlier version back; no-hazard is a sign that opens nothing (a quarry blast).
STATUSES = ("current", "retracted", "no-hazard")


def detection_keys(
    platform: str, instrument: str, minute: NDArray[np.int64], lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Keys of satellite detections: platform, instrument, acquisition minute and position at 1e-5 degree.

    `minute` counts minutes since 1970-01-01 UTC. Processing versions (NRT, RT, URT, SP) share one key.

    >>> hi, lo = detection_keys("Aqua", "MODIS", np.array([28_000_000]), np.array([-78.12345]), np.array([-0.5]))
    >>> bool(hi[0] == detection_keys("Aqua", "MODIS", np.array([28_000_000]), np.array([180.0]), np.array([0.0]))[0][0])
    True
    """
    sensor = np.uint64(
        int.from_bytes(hashlib.blake2b(f"{platform}/{instrument}".encode(), digest_size=4).digest(), "big")
    )
    x = np.round(np.where(lon >= 180.0, lon - 360.0, lon) * 1e5).astype(np.int64) + 18_000_000
    y = np.round(lat * 1e5).astype(np.int64) + 9_000_000
    hi = (minute.astype(np.uint64) << np.uint64(32)) | sensor
    lo = (y.astype(np.uint64) << np.uint64(32)) | x.astype(np.uint64)
    return hi, lo


def named_key(name: str) -> tuple[int, int]:
    """Key of an observation that its provider names (an earthquake): the name's 128-bit BLAKE2b.

    >>> named_key("usgs/us7000abcd") == named_key("usgs/us7000abcd")
    True
    """
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")


def to_ipc(table: pa.Table) -> bytes:
    """A table as one Arrow IPC stream, compressed with LZ4.

    >>> from_ipc(to_ipc(OBSERVATIONS.empty_table())).num_rows
    0
    """
    sink = pa.BufferOutputStream()
    # Most tables are small: handing their columns to threads costs four times what compressing them does.
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def from_ipc(data: bytes) -> pa.Table:
    """The table that `to_ipc` wrote."""
    with pa.ipc.open_stream(pa.BufferReader(data), options=pa.ipc.IpcReadOptions(use_threads=False)) as reader:
        return reader.read_all()
