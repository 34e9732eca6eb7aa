"""The fire tracker's memory made anew without what was forgotten, everything else renumbered."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.fire_tiles import (
    N_NODES,
    N_TILES,
    NEVER,
    NODE_FIELDS,
    TILE_FIELDS,
    Cells,
    Detections,
    place_tiles,
    roots_in,
    take,
)

Numbers = NDArray[np.int64]


def compacted(s: Cells, told: Detections) -> tuple[Cells, Detections, Numbers, Numbers]:
    """The memory of what is held; the detections kept, their rows, the nodes' numbers (-1: forgotten)."""
    n_nodes, n_tiles = int(s.counts[N_NODES]), int(s.counts[N_TILES])
    kept = s.first_t[:n_nodes] != NEVER
    rows = np.flatnonzero((told.node >= 0) & kept[told.node])
    tiles = np.flatnonzero((s.tile_key[:n_tiles] >= 0) & kept[s.tile_node[:n_tiles]])
    nodes = np.flatnonzero(kept)
    node, tile, row = _renumbered(nodes, n_nodes), _renumbered(tiles, n_tiles), _renumbered(rows, len(told.t))
    maps = dict.fromkeys(("parent", "kin", "kin_next", "merged_into", "tile_node"), node)
    maps |= dict.fromkeys(("tile_head", "tile_tail", "tile_next_in"), tile) | {"obs_head": row}
    fields: dict[str, Any] = {name: getattr(s, name)[tiles] for name in TILE_FIELDS}
    fields |= {name: getattr(s, name)[nodes] for name in NODE_FIELDS}
    fields |= {name: mapped[fields[name]].astype(np.int32) for name, mapped in maps.items()}
    slots = 1 << int(4 * max(len(tiles), 1024)).bit_length()
    counts = np.array([len(tiles), len(nodes), 0, 0], np.int64)
    fields |= {"slot_key": np.full(slots, -1, np.int64), "slot_tile": np.full(slots, -1, np.int32)}
    cells = Cells(counts=counts, **fields)
    place_tiles(cells)
    detections = take(told, rows)
    linked = detections._replace(
        node=node[detections.node].astype(np.int32), next=row[detections.next].astype(np.int32)
    )
    return cells, linked, rows, node[:n_nodes]


def stale_nodes(s: Cells, before: int) -> Numbers:
    """Nodes of all kin of which nothing was seen since the minute `before`, absorbed ones included."""
    n = int(s.counts[N_NODES])
    kin = roots_in(s.kin, np.arange(n))
    last = np.full(n, -1, np.int64)
    np.maximum.at(last, kin, s.last_t[:n])
    return np.flatnonzero((last[kin] < before) & (s.first_t[:n] != NEVER))


def _renumbered(kept: Numbers, n: int) -> Numbers:
    """New number of each old one; -1 where it is gone, and for -1 itself (the last place)."""
    new = np.full(n + 1, -1, np.int64)
    new[kept] = np.arange(len(kept))
    return new
