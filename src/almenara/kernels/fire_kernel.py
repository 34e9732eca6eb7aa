"""Follow fires: detections in, fires with stable identity, lineage and growing footprints out.

The result is a function of the set of detections alone. Detections are told in order of acquisition, one minute (a
*pass*) at a time. When one arrives late, the fires it can concern (its kin: all that ever lay within the link distance
of each other) are forgotten and told anew from their detections; nothing else is touched.

Rules (hazards.md §2, after FEDS, Chen et al. 2022): a detection belongs to every fire not ended that has a hot cell
within 1 km; several such fires become one, the oldest goes on; a fire unseen for 20 days is ended and never revives.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from almenara.kernels.fire_closing import WINDOW_TILES, close
from almenara.kernels.fire_compaction import compacted, stale_nodes
from almenara.kernels.fire_fronts import fronts_of
from almenara.kernels.fire_linking import fires_near, link, tiles_needed
from almenara.kernels.fire_runs import bits_at, cells_with_births, holder_at, mergers_of, runs_of
from almenara.kernels.fire_tiles import (
    N_MERGES,
    N_NODES,
    N_SLOTS,
    N_TILES,
    NEVER,
    NODE_FIELDS,
    TILE_FIELDS,
    Cells,
    Detections,
    empty_cells,
    empty_detections,
    find,
    grown,
    kin_of,
    rehash,
    roots_in,
    take,
    tiles_of,
    unlink_tiles,
)
from almenara.kernels.grid import grid
from almenara.kernels.key_table import rows_with
from almenara.kernels.outlines import outlines_of_runs

ENDED_AFTER_MIN = 20 * 24 * 60

#: Columns of a detection that the tracker keeps for its caller and hands back when a story is told anew.
EXTRA: dict[str, Any] = {"value": np.float32, "confidence": np.int8, "heat_class": np.int8, "platform": np.int16}
COLUMNS = ("t", "lon", "lat", "across_m", "along_m", "key_hi", "key_lo", *EXTRA)

Rows = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Pass:
    """What the detections of one minute did. Fires are node numbers; `roots` are the ones that go on."""

    t: int  # minutes since 1970-01-01 UTC
    rows: slice  # of the tracker's detections
    fires: NDArray[np.int64]  # root of each detection's fire after the pass
    absorbed: NDArray[np.int64]  # fires that had a past and ended in another one
    absorbed_by: NDArray[np.int64]
    cells: NDArray[np.int64]  # cells that joined a footprint
    cell_fires: NDArray[np.int64]  # and their fires' roots


@dataclass(frozen=True, slots=True)
class Update:
    """What one call of `update` did: forgotten fires (whose story is told anew in `retold`), then the new passes."""

    forgotten: NDArray[np.int64]  # nodes; their numbers are not used again
    retold: list[Pass]
    passes: list[Pass]


class FireKernel:
    """All fires that a late detection may still change, as arrays."""

    def __init__(self) -> None:
        self._cells = empty_cells(1024, 1024, 4096)
        self._obs = empty_detections(1024)
        self.extra: dict[str, NDArray[Any]] = {name: np.zeros(1024, kind) for name, kind in EXTRA.items()}
        self._n_obs = 0
        self._n_forgotten = 0  # rows whose story was told anew, or that were taken back
        self.told_until = -1  # the last minute told

    # ------------------------------------------------------------------ telling

    def update(
        self, rows: Rows, *, retract: tuple[NDArray[Any], NDArray[Any]] | None = None, oldest: int = 0
    ) -> Update:
        """Take in detections, in any order: one array for each name of COLUMNS (UTC minutes, degrees, metres, key).

        `retract` takes earlier detections back by their keys (high and low half), as a new version of one does, but
        none that was acquired before the minute `oldest`.
        """
        gone = self._rows_of(*retract) if retract is not None else np.empty(0, np.int64)
        gone = gone[self._obs.t[gone] >= oldest]
        rows = _in_order({name: np.asarray(rows[name]) for name in COLUMNS})
        n_late = int(np.searchsorted(rows["t"], self.told_until, side="right"))
        forgotten = np.empty(0, np.int64)
        retold: list[Pass] = []
        if n_late or len(gone):
            late = {name: column[:n_late] for name, column in rows.items()}
            forgotten, kept = self._forget(late, gone)
            until = self.told_until
            retold = self._tell(_in_order({n: np.concatenate((self._column(n)[kept], late[n])) for n in COLUMNS}))
            self.told_until = until
        return Update(forgotten, retold, self._tell({name: column[n_late:] for name, column in rows.items()}))

    def _column(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = self.extra[name] if name in EXTRA else getattr(self._obs, name)
        return column

    def _tell(self, rows: Rows) -> list[Pass]:
        """Tell detections that are in order of (minute, key)."""
        n = len(rows["t"])
        if n == 0:
            return []
        first = self._n_obs
        self._reserve_obs(n)
        for name in COLUMNS:
            self._column(name)[first : first + n] = rows[name]
        self._n_obs += n
        cuts = np.flatnonzero(np.diff(rows["t"])) + 1
        bounds = [first, *(cuts + first).tolist(), first + n]
        passes = [self._tell_pass(a, b) for a, b in itertools.pairwise(bounds)]
        self.told_until = max(self.told_until, passes[-1].t)
        return passes

    def _tell_pass(self, i0: int, i1: int) -> Pass:
        g = grid()
        o = self._obs
        self._reserve_nodes(i1 - i0)
        self._reserve_tiles(tiles_needed(o, i0, i1))
        self._cells.counts[N_MERGES] = 0
        t = int(o.t[i0])
        hot, roots = link(self._cells, g, o, i0, i1, ENDED_AFTER_MIN)
        joined, joined_roots = [], []
        start = 0
        while start < len(hot):
            self._reserve_tiles(WINDOW_TILES)
            cells, fires, start = close(self._cells, g, hot, roots, t, start)
            joined.append(cells)
            joined_roots.append(fires)
        absorbed = self._cells.merges[: int(self._cells.counts[N_MERGES])].astype(np.int64)
        return Pass(
            t=t,
            rows=slice(i0, i1),
            fires=self.roots(o.node[i0:i1]),
            absorbed=absorbed,
            absorbed_by=self.roots(absorbed),
            cells=np.concatenate(joined) if joined else hot[:0],
            cell_fires=np.concatenate(joined_roots) if joined else roots[:0],
        )

    def _forget(self, late: Rows, gone: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Drop every fire that late detections or the rows `gone` concern; return its nodes and remaining rows."""
        g = grid()
        s = self._cells
        kin = {int(find(s.kin, int(node))) for node in self._obs.node[gone]}
        for lon, lat, across, along in zip(*(late[n] for n in ("lon", "lat", "across_m", "along_m")), strict=True):
            kin.update(int(find(s.kin, int(root))) for root in fires_near(s, g, lon, lat, across, along))
        nodes, rows = kin_of(s, self._obs.next, np.array(sorted(kin), np.int64))
        unlink_tiles(s, nodes)
        s.first_t[nodes] = NEVER
        self._n_forgotten += len(rows)
        rows = np.setdiff1d(rows, gone)
        self._obs.node[gone] = -1
        self._obs.node[rows] = -1  # their rows are written again at the end
        return nodes, rows

    def _rows_of(self, key_hi: NDArray[Any], key_lo: NDArray[Any], since: int = 0) -> NDArray[np.int64]:
        """Rows, from one on, that hold detections with these keys."""
        o, n = self._obs, self._n_obs
        rows = since + rows_with(o.key_hi[since:n], o.key_lo[since:n], key_hi, key_lo)
        return np.asarray(rows[o.node[rows] >= 0])

    # ------------------------------------------------------------------ reading

    def roots(self, nodes: NDArray[Any]) -> NDArray[np.int64]:
        """The fires that nodes are part of now."""
        return roots_in(self._cells.parent, nodes)

    def nodes(self) -> NDArray[np.int64]:
        """Every fire told of, absorbed ones included (those absorbed within their first minute never were one)."""
        s, n = self._cells, int(self._cells.counts[N_NODES])
        return np.flatnonzero((s.first_t[:n] != NEVER) & (s.merged_t[:n] != -1))

    def going_on(self) -> NDArray[np.int64]:
        """Every fire that was not absorbed."""
        nodes = self.nodes()
        return np.asarray(nodes[self._cells.merged_t[nodes] == NEVER])

    def kin_nodes(self, fire: int) -> NDArray[np.int64]:
        """The fires among `nodes()` that are kin of a fire, itself included."""
        s, found = self._cells, [fire]
        while (node := int(s.kin_next[found[-1]])) != fire:
            found.append(node)
        nodes = np.array(found, np.int64)
        return np.asarray(nodes[s.merged_t[nodes] != -1])

    def born(self, nodes: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.uint64], NDArray[np.uint64]]:
        """Minute and key of the earliest detection of each fire: what names it."""
        s = self._cells
        return s.first_t[nodes], s.first_hi[nodes], s.first_lo[nodes]

    def last_seen(self, nodes: NDArray[np.int64]) -> NDArray[np.int32]:
        """Minute of the last detection of each fire (as it was when it was absorbed, for an absorbed one)."""
        return self._cells.last_t[nodes]

    def merged(self, nodes: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Minute in which each fire was absorbed (NEVER if it was not) and the fire that did it, as of that minute."""
        s = self._cells
        return s.merged_t[nodes], s.merged_into[nodes].astype(np.int64)

    def detections(self) -> Detections:
        """All detections that count, in the order of telling."""
        rows = np.flatnonzero(self._obs.node[: self._n_obs] >= 0)
        return take(self._obs, rows)

    def raw(self) -> Detections:
        """All columns as stored; the slice of a Pass points into them."""
        return self._obs

    def first_key(self, node: int) -> tuple[int, int]:
        """Key of the earliest detection of a fire, forgotten ones included."""
        return int(self._cells.first_hi[node]), int(self._cells.first_lo[node])

    def holders(self, keys: list[tuple[int, int]], since_row: int | None = 0) -> list[int | None]:
        """The fire that each detection belongs to now; None where it was taken back.

        They are looked for from a row on: what was told anew stands from its first pass on (None: nothing does).
        """
        hi, lo = (np.array([key[half] for key in keys], np.uint64) for half in (0, 1))
        rows = self._rows_of(hi, lo, self._n_obs if since_row is None else since_row)
        owner = self.roots(self._obs.node[rows])
        at = {
            (int(self._obs.key_hi[row]), int(self._obs.key_lo[row])): int(fire)
            for row, fire in zip(rows, owner, strict=True)
        }
        return [at.get(key) for key in keys]

    def mergers(self, fire: int) -> list[tuple[int, int, int]]:
        """(absorbed, by, minute) for a fire and all that it took in, directly or through others, in no set order."""
        return mergers_of(self._cells, self.kin_nodes(fire), fire)

    def rows(self) -> dict[str, NDArray[Any]]:
        """All detections that count: one array for each name of COLUMNS, as `update` takes them."""
        rows = np.flatnonzero(self._obs.node[: self._n_obs] >= 0)
        return {name: self._column(name)[rows] for name in COLUMNS}

    def footprints(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
        """Every footprint cell of every fire that goes on: (fire, cell, minute it joined), sorted by fire and cell.

        A cell that a fire holds twice, through merging, counts from the earlier minute.
        """
        n = int(self._cells.counts[N_TILES])
        return self._cells_in(np.flatnonzero(self._cells.tile_key[:n] >= 0))

    def footprints_of(self, fires: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
        """The same of some fires that go on; costs what they hold."""
        return self._cells_in(tiles_of(self._cells, fires))

    def _cells_in(self, tiles: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
        s = self._cells
        return cells_with_births(self.roots(s.tile_node[tiles]), s.tile_key[tiles], s.birth[tiles])

    def fronts_of(
        self, fires: NDArray[np.int64], since: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.float64]]:
        """Tiles of some fires that go on and their advance since a minute of each (see `fire_fronts.fronts_of`)."""
        return fronts_of(self._cells, fires, since)

    def outlines_of(self, fires: NDArray[np.int64]) -> NDArray[Any]:
        """The outline of each of some fires that go on, in the order given; costs what they hold."""
        s = self._cells
        tiles = tiles_of(s, fires)
        owner = np.repeat(np.arange(len(fires)), s.tile_n[fires])
        _, shapes = outlines_of_runs(*runs_of(owner, s.tile_key[tiles], s.joined[tiles]))
        return shapes

    def outline_at(self, node: int, minute: int) -> Any:
        """The footprint of a fire as the detections acquired until a minute draw it: empty before its first one.

        What was a fire of its own then is told alone; from the minute of a merger on the one that goes on is told.
        """
        s = self._cells
        fire = int(holder_at(s.merged_t, s.merged_into, node, minute))
        tiles = tiles_of(s, self.roots(np.array([node])))
        bits = bits_at(s, tiles, fire, minute)
        some = np.flatnonzero(bits)
        runs = runs_of(np.zeros(len(some), np.int64), s.tile_key[tiles[some]], bits[some])
        _, shapes = outlines_of_runs(*runs)
        return shapes[0] if len(shapes) else shapely.Polygon()

    def overlap_cells(self, nodes: NDArray[np.int64]) -> NDArray[np.int32]:
        """Footprint cells that each fire holds twice through merging."""
        return self._cells.overlap[nodes]

    # ------------------------------------------------------------------ letting go

    def stale(self, before: int) -> NDArray[np.int64]:
        """Nodes of all kin of which nothing was seen since the minute `before`, absorbed ones included."""
        return stale_nodes(self._cells, before)

    def mostly_forgotten(self) -> bool:
        """Whether a third of the room is taken by what was forgotten."""
        return self._n_forgotten > max(self._n_obs // 3, 4096)

    def let_go(self, nodes: NDArray[np.int64]) -> None:
        """Forget whole kin (all their nodes). Their room is free after `compact`."""
        s, o = self._cells, self._obs
        gone = np.zeros(int(s.counts[N_NODES]) + 1, np.bool_)  # the last place: detections of no fire
        gone[nodes] = True
        rows = np.flatnonzero(gone[o.node[: self._n_obs]])
        unlink_tiles(s, nodes)
        s.first_t[nodes] = NEVER
        o.node[rows] = -1
        self._n_forgotten += len(rows)

    def compact(self) -> NDArray[np.int64]:
        """Take no more room than what is held needs; return the nodes' new numbers, −1: forgotten."""
        told = take(self._obs, np.arange(self._n_obs))
        self._cells, self._obs, rows, node = compacted(self._cells, told)
        self.extra = {name: column[rows] for name, column in self.extra.items()}
        self._n_obs, self._n_forgotten = len(rows), 0
        return node

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The whole state, without spare room."""
        s, n = self._cells, self._n_obs
        sizes = {
            **dict.fromkeys(TILE_FIELDS, int(s.counts[N_TILES])),
            **dict.fromkeys(NODE_FIELDS, int(s.counts[N_NODES])),
        }
        arrays = {f"cells.{name}": getattr(s, name)[: sizes.get(name)] for name in Cells._fields}
        # The last pass's scratch: without it equal states are equal bytes.
        arrays["cells.merges"] = np.zeros_like(arrays["cells.merges"])
        arrays |= {f"obs.{name}": getattr(self._obs, name)[:n] for name in Detections._fields}
        return arrays | {f"extra.{name}": column[:n] for name, column in self.extra.items()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], told_until: int) -> "FireKernel":
        """The tracker that `to_arrays` took apart."""
        tracker = cls()
        tracker._cells = Cells(*(arrays[f"cells.{name}"].copy() for name in Cells._fields))
        tracker._obs = Detections(*(arrays[f"obs.{name}"].copy() for name in Detections._fields))
        tracker.extra = {name: arrays[f"extra.{name}"].copy() for name in EXTRA}
        tracker._n_obs = len(tracker._obs.t)
        tracker._n_forgotten = int(np.sum(tracker._obs.node < 0))
        tracker.told_until = told_until
        return tracker

    # ------------------------------------------------------------------ room

    def _reserve_obs(self, n: int) -> None:
        if self._n_obs + n > len(self._obs.t):
            size = max(self._n_obs + n, 2 * len(self._obs.t))
            self._obs = Detections(*(grown(a, size) for a in self._obs))
            self.extra = {name: grown(a, size) for name, a in self.extra.items()}

    def _reserve_nodes(self, n: int) -> None:
        s = self._cells
        need = int(s.counts[N_NODES]) + n
        if need > len(s.parent):
            size = max(need, 2 * len(s.parent))
            self._cells = s._replace(**{name: grown(getattr(s, name), size) for name in NODE_FIELDS})

    def _reserve_tiles(self, n: int) -> None:
        s = self._cells
        need = int(s.counts[N_TILES]) + n
        if need > len(s.tile_key):
            size = max(need, 2 * len(s.tile_key))
            s = s._replace(**{name: grown(getattr(s, name), size) for name in TILE_FIELDS})
        if 2 * (int(s.counts[N_SLOTS]) + n) > len(s.slot_key):
            slots = 1 << int(4 * (int(s.counts[N_SLOTS]) + n)).bit_length()
            key, tile = rehash(s.slot_key, s.slot_tile, slots)
            s = s._replace(slot_key=key, slot_tile=tile)
        self._cells = s


def _in_order(rows: Rows) -> dict[str, NDArray[Any]]:
    """By minute, then by key."""
    order = np.lexsort((rows["key_lo"], rows["key_hi"], rows["t"]))
    return {name: column[order] for name, column in rows.items()}
