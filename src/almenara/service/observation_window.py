"""The observations of the last days that count, as arrays in memory: what a map of many is added up from."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from almenara.ports import EventLog
from almenara.service.log_index import LogIndex
from almenara.service.observation_index import Box, Wanted, numpy_of, within

WINDOW_MS = 72 * 3_600_000
#: 28 bytes each.
ROWS_MAX = 2_000_000
CELLS_MAX = 20_000
#: A tile of the map is so many cells wide, of about 8 pixels.
CELLS_A_TILE = 64
ZOOM_MAX = 22


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows of one batch."""

    row: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    value: NDArray[np.float32]

    def pick(self, chosen: NDArray[np.bool_]) -> "Piece":
        """Some of the rows."""
        return Piece(*(getattr(self, name)[chosen] for name in self.__slots__))

    @staticmethod
    def join(pieces: Iterable["Piece"]) -> "Piece":
        """The rows of all."""
        parts = [_NOTHING, *pieces]
        return Piece(*(np.concatenate([getattr(piece, name) for piece in parts]) for name in Piece.__slots__))


_NOTHING = Piece(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class Grid:
    """n cells that hold observations: their middles, how many each holds, their power together, the newest."""

    cell_deg: float
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    count: NDArray[np.int64]
    frp_mw: NDArray[np.float64]
    newest_ms: NDArray[np.int64]


class ObservationWindow:
    """The window over one log, kept up with its index."""

    def __init__(self, index: LogIndex, kind: str = "fire", rows_max: int = ROWS_MAX) -> None:
        self._index = index
        self._changed: set[int] = set()  # entries to look at again
        index.listen(self._changed.update)
        self._kind = kind
        self._rows_max = rows_max
        self._lock = threading.Lock()
        self._pieces: dict[int, Piece] = {}  # by entry of the log
        self._all = _NOTHING
        self._begun = False
        #: What is older is not there, or not all of it.
        self.complete_since_ms = 0

    def follow(self, log: EventLog, now_ms: int) -> None:
        """Bring index and window up to the head of the log."""
        with self._lock:
            self._index.follow(log)
            changed = set[int]()
            while self._changed:  # others may follow the log at this moment
                changed.add(self._changed.pop())
            since_ms = now_ms - WINDOW_MS
            fresh = changed - self._pieces.keys() if self._begun else set()
            if not self._begun or fresh:
                wanted = Wanted(since_ms=since_ms, kind=self._kind)
                for batch in self._index.observations.batches(log, wanted, min(fresh, default=0)):
                    if not self._begun or batch.seq in fresh:
                        self._pieces[batch.seq] = _piece(batch.table).pick(batch.counts & _told(batch.table))
            for seq in changed & self._pieces.keys() - fresh:
                piece = self._pieces[seq]
                self._pieces[seq] = piece.pick(self._index.observations.counts_of(seq)[piece.row])
            if changed or not self._begun or self._is_stale(since_ms):
                self._bound(since_ms)
            self._begun = True

    def grid(self, bbox: Box, zoom: float, since_ms: int, until_ms: int) -> Grid:
        """Observations of a box and a time, added up in at most CELLS_MAX cells whose edges do not move with it."""
        seen = self._all  # replaced as a whole, never changed
        begin, end = np.searchsorted(seen.time_ms, since_ms), np.searchsorted(seen.time_ms, until_ms, "right")
        seen = Piece(*(getattr(seen, name)[begin:end] for name in Piece.__slots__))
        return add_up(seen.pick(within(bbox, seen.lon, seen.lat)), bbox, zoom)

    def _is_stale(self, since_ms: int) -> bool:
        """Whether more than an hour of what is held lies before the window."""
        return bool(len(self._all.time_ms)) and int(self._all.time_ms[0]) < since_ms - 3_600_000

    def _bound(self, since_ms: int) -> None:
        """Let go of what the window does not hold any more, and put the rest in order of time."""
        kept = {seq: piece.pick(piece.time_ms >= since_ms) for seq, piece in self._pieces.items()}
        self._pieces = {seq: piece for seq, piece in kept.items() if len(piece.row)}
        everything = Piece.join(self._pieces.values())
        order = np.argsort(everything.time_ms, kind="stable")
        self.complete_since_ms = since_ms
        if len(order) > self._rows_max:
            order = order[-self._rows_max :]
            self.complete_since_ms = int(everything.time_ms[order[0]]) + 1
            kept = {seq: p.pick(p.time_ms >= self.complete_since_ms - 1) for seq, p in self._pieces.items()}
            self._pieces = {seq: piece for seq, piece in kept.items() if len(piece.row)}
        self._all = Piece(*(getattr(everything, name)[order] for name in Piece.__slots__))


def add_up(seen: Piece, bbox: Box, zoom: float) -> Grid:
    """Rows within a box added up in cells."""
    west, south, east, north = bbox
    width = east - west if east >= west else east - west + 360.0
    cell_deg, x0, y0, columns, rows = _cells(west, south, width, north - south, zoom)
    x = np.clip(np.floor(_round_the_earth(seen.lon, west) / cell_deg).astype(np.int64) - x0, 0, columns - 1)
    y = np.clip(np.floor((seen.lat + 90.0) / cell_deg).astype(np.int64) - y0, 0, rows - 1)
    cell = y * columns + x
    count = np.bincount(cell, minlength=columns * rows)
    frp_mw = np.bincount(cell, weights=np.nan_to_num(seen.value.astype(np.float64)), minlength=columns * rows)
    newest = np.zeros(columns * rows, np.int64)
    newest[cell] = seen.time_ms  # rows come in order of time: the last one to be written is the newest
    held = np.flatnonzero(count)
    lon = (held % columns + x0 + 0.5) * cell_deg - 180.0
    return Grid(
        cell_deg=cell_deg,
        lon=np.asarray((lon + 180.0) % 360.0 - 180.0, np.float64),
        lat=np.minimum((held // columns + y0 + 0.5) * cell_deg - 90.0, 90.0),
        count=count[held],
        frp_mw=np.asarray(frp_mw[held], np.float64),
        newest_ms=newest[held],
    )


def _cells(west: float, south: float, width: float, height: float, zoom: float) -> tuple[float, int, int, int, int]:
    """Size of the cells, which the first ones are, and how many columns and rows cover the box."""
    cell_deg = 360.0 / 2.0 ** min(max(round(zoom), 0), ZOOM_MAX) / CELLS_A_TILE
    while True:
        x0, y0 = int(np.floor((west + 180.0) / cell_deg)), int(np.floor((south + 90.0) / cell_deg))
        columns = int(np.floor((west + 180.0 + width) / cell_deg)) - x0 + 1
        rows = int(np.floor((south + 90.0 + height) / cell_deg)) - y0 + 1
        if columns * rows <= CELLS_MAX:
            return cell_deg, x0, y0, columns, rows
        cell_deg *= 2.0


def _round_the_earth(lon: NDArray[np.float64], west: float) -> NDArray[np.float64]:
    """Degrees east of −180, of points that lie west of the box's western edge one turn more."""
    return np.where(lon < west, lon + 360.0, lon) + 180.0


def _piece(table: pa.Table) -> Piece:
    value = numpy_of(table, "value").astype(np.float32)
    time_ms, lon, lat = (numpy_of(table, name) for name in ("time", "lon", "lat"))
    return Piece(np.arange(table.num_rows, dtype=np.int32), time_ms, lon, lat, value)


def _told(table: pa.Table) -> NDArray[np.bool_]:
    status = table.column("status").cast(pa.string()).to_numpy(zero_copy_only=False)
    return np.asarray(status != "retracted", np.bool_)
