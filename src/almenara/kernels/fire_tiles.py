"""The memory of the fire tracker: cells in tiles of 8 × 8, found through a hash of their position.

Several fires may hold a tile at one position. Fires are nodes of a union-find forest whose root is always the oldest
fire. A second forest, *kin*, joins all fires that ever lay within the link distance of each other, ended ones included:
kin is the largest set of fires whose story a late observation can change, and so what gets told anew when one arrives.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.grid import COL_BITS
from almenara.kernels.jit import compiled, inlined

NEVER = 2**31 - 1
TILE = 64  # cells in a tile of 8 × 8
TILE_COL_BITS = 15
TILE_COL_MASK = (1 << TILE_COL_BITS) - 1

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
U64 = NDArray[np.uint64]
Int = Any  # a machine integer: numba's int64, which mypy would keep apart from int

N_TILES, N_NODES, N_SLOTS, N_MERGES = 0, 1, 2, 3  # places in `Cells.count`


class Cells(NamedTuple):
    """All state of the kernels, as arrays. Times are minutes since 1970-01-01 UTC; NEVER where nothing happened."""

    counts: I64  # [4] tiles, nodes, hash slots and merges in use
    slot_key: I64  # hash: position of a tile, −1 free
    slot_tile: I32  # first tile at that position
    tile_key: I64
    tile_node: I32  # the fire that made the tile
    tile_next_at: I32  # next tile at the same position
    tile_next_in: I32  # next tile of the same fire
    hot: U64  # [tile] bit q: a detection lies on cell q
    joined: U64  # [tile] bit q: cell q is of the footprint
    birth: I32  # [tile, 64] minute when the cell joined
    grown_t: I32  # [tile] minute when the last cell joined; −1: none did
    parent: I32  # union-find of fires
    kin: I32  # union-find of fires that were ever neighbours
    kin_next: I32  # ring of the nodes of one kin
    tile_head: I32
    tile_tail: I32
    tile_n: I32  # tiles of the fire (of a root: with all it absorbed)
    obs_head: I32  # newest observation of the node; chained by obs_next
    first_t: I32
    first_hi: U64
    first_lo: U64
    last_t: I32
    merged_t: I32  # minute when the node was absorbed (−1: in its first minute, so it never was a fire of its own)
    merged_into: I32
    overlap: I32  # footprint cells that a root holds twice through merging
    merges: I32  # nodes absorbed since the caller last set count[N_MERGES] to 0


class Detections(NamedTuple):
    """Observations in order of (minute, key)."""

    t: I32
    lon: F64
    lat: F64
    across_m: NDArray[np.float32]
    along_m: NDArray[np.float32]
    key_hi: U64
    key_lo: U64
    node: I32  # written by `link`
    next: I32  # written by `link`


@compiled
def find(parent: I32, i: Int) -> Int:
    """Root of a node, halving the path on the way."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@inlined
def slot_of(slot_key: I64, key: Int) -> Int:
    """The hash slot that holds `key`, or the free one where it belongs.

    Tiles of one block of 2 × 4 share a line of the processor's cache, for they are asked for together.
    """
    mask = len(slot_key) - 1
    block = ((key >> (TILE_COL_BITS + 1)) << TILE_COL_BITS) | ((key & TILE_COL_MASK) >> 2)
    h = np.uint64(block) * np.uint64(0x9E3779B97F4A7C15)
    within = ((key >> (TILE_COL_BITS - 2)) & 4) | (key & 3)
    i = (np.int64(h >> np.uint64(28)) << 3 | within) & mask
    while slot_key[i] != -1 and slot_key[i] != key:
        i = (i + 1) & mask
    return i


@inlined
def tile_at(s: Cells, key: Int) -> Int:
    i = slot_of(s.slot_key, key)
    return np.int64(s.slot_tile[i]) if s.slot_key[i] == key else np.int64(-1)


@compiled
def tile_for(s: Cells, root: Int, key: Int) -> Int:
    """A tile of the fire at a position; made when there is none."""
    i = slot_of(s.slot_key, key)
    first: Int = -1
    if s.slot_key[i] == key:
        first = s.slot_tile[i]
        e = first
        while e >= 0:
            if find(s.parent, s.tile_node[e]) == root:
                return e
            e = s.tile_next_at[e]
    else:
        s.slot_key[i] = key
        s.counts[N_SLOTS] += 1
    e = s.counts[N_TILES]
    s.counts[N_TILES] += 1
    s.slot_tile[i] = e
    s.tile_key[e] = key
    s.tile_node[e] = root
    s.tile_next_at[e] = first
    s.tile_next_in[e] = -1
    s.hot[e] = 0
    s.joined[e] = 0
    s.birth[e, :] = NEVER
    s.grown_t[e] = -1
    if s.tile_head[root] < 0:
        s.tile_head[root] = e
    else:
        s.tile_next_in[s.tile_tail[root]] = e
    s.tile_tail[root] = e
    s.tile_n[root] += 1
    return e


@inlined
def tile_key_of(row: Int, col: Int) -> Int:
    return ((row >> 3) << TILE_COL_BITS) | (col >> 3)


@inlined
def in_tile(row: Int, col: Int) -> Int:
    return ((row & 7) << 3) | (col & 7)


@inlined
def held(s: Cells, root: Int, key: Int, bits: U64) -> Any:
    """Which cells of the tile at a position a fire holds in `bits` (s.hot or s.joined)."""
    found: Int = np.uint64(0)
    e = tile_at(s, key)
    while e >= 0:
        if bits[e] and find(s.parent, s.tile_node[e]) == root:
            found |= bits[e]
        e = s.tile_next_at[e]
    return found


@inlined
def bit_count(x: Any) -> Int:
    """Bits set in a uint64."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inlined
def lowest_bit(x: Any) -> Int:
    """Number of the lowest bit set in a uint64 that is not 0."""
    return bit_count((x & (~x + np.uint64(1))) - np.uint64(1))


@inlined
def cell_in(key: Int, q: Int) -> Int:
    """The cell at place q of the tile at a position."""
    row = ((key >> TILE_COL_BITS) << 3) + (q >> 3)
    return (row << COL_BITS) | (((key & TILE_COL_MASK) << 3) + (q & 7))


@compiled
def push(cells: I64, roots: I64, n: Int, cell: Int, root: Int) -> tuple[I64, I64]:
    if n == len(cells):
        more_cells = np.empty(2 * n, np.int64)
        more_cells[:n] = cells
        cells = more_cells
        more_roots = np.empty(2 * n, np.int64)
        more_roots[:n] = roots
        roots = more_roots
    cells[n] = cell
    roots[n] = root
    return cells, roots


@compiled
def kin_of(s: Cells, obs_next: I32, kin: I64) -> tuple[I64, I64]:
    """All nodes of some kin, and the rows of all their detections."""
    nodes = np.empty(64, np.int64)
    rows = np.empty(64, np.int64)
    n = 0
    m = 0
    for k in kin:
        node = k
        while True:
            nodes, _unused = push(nodes, nodes.copy(), n, node, node)
            n += 1
            i = s.obs_head[node]
            while i >= 0:
                rows, _ = push(rows, rows, m, i, i)
                m += 1
                i = obs_next[i]
            node = s.kin_next[node]
            if node == k:
                break
    return nodes[:n], np.sort(rows[:m])


@compiled
def unlink_tiles(s: Cells, nodes: I64) -> None:
    """Take the tiles of nodes, which are whole kin, out of the hash; they are dead from now on."""
    for node in nodes:
        if s.parent[node] != node:
            continue
        e = s.tile_head[node]
        while e >= 0:
            i = slot_of(s.slot_key, s.tile_key[e])
            before = np.int64(-1)
            at = np.int64(s.slot_tile[i])
            while at != e:
                before = at
                at = np.int64(s.tile_next_at[at])
            if before < 0:
                s.slot_tile[i] = s.tile_next_at[e]
            else:
                s.tile_next_at[before] = s.tile_next_at[e]
            s.tile_key[e] = -1
            e = s.tile_next_in[e]


@compiled
def rehash(slot_key: I64, slot_tile: I32, slots: Int) -> tuple[I64, I32]:
    """A hash of `slots` places (a power of two) with the same contents."""
    key = np.full(slots, -1, np.int64)
    tile = np.full(slots, -1, np.int32)
    for i in range(len(slot_key)):
        if slot_key[i] != -1:
            j = slot_of(key, slot_key[i])
            key[j] = slot_key[i]
            tile[j] = slot_tile[i]
    return key, tile


@compiled
def tiles_of(s: Cells, fires: I64) -> I64:
    """All tiles of some fires that go on, with what they absorbed."""
    total = 0
    for fire in fires:
        assert s.parent[fire] == fire  # the list of an absorbed fire runs on into the other's
        total += s.tile_n[fire]
    out = np.empty(total, np.int64)
    n = 0
    for fire in fires:
        e = s.tile_head[fire]
        while e >= 0:
            out[n] = e
            n += 1
            e = s.tile_next_in[e]
    return out[:n]


@compiled
def place_tiles(s: Cells) -> None:
    """Enter all tiles into an empty hash."""
    for e in range(s.counts[N_TILES]):
        i = slot_of(s.slot_key, s.tile_key[e])
        if s.slot_key[i] == -1:
            s.slot_key[i] = s.tile_key[e]
            s.counts[N_SLOTS] += 1
        s.tile_next_at[e] = s.slot_tile[i]
        s.slot_tile[i] = e


TILE_FIELDS = ("tile_key", "tile_node", "tile_next_at", "tile_next_in", "hot", "joined", "birth", "grown_t")
NODE_FIELDS = tuple(
    name for name in Cells._fields if name not in TILE_FIELDS and name not in ("counts", "slot_key", "slot_tile")
)


def empty_cells(tiles: int, nodes: int, slots: int) -> Cells:
    made: dict[str, NDArray[Any]] = {
        "counts": np.zeros(4, np.int64),
        "slot_key": np.full(slots, -1, np.int64),
        "slot_tile": np.full(slots, -1, np.int32),
    }
    for name in TILE_FIELDS:
        shape = (tiles, TILE) if name == "birth" else (tiles,)
        kind = {"tile_key": np.int64, "hot": np.uint64, "joined": np.uint64}.get(name, np.int32)
        made[name] = np.zeros(shape, kind)
    for name in NODE_FIELDS:
        made[name] = np.zeros(nodes, np.uint64 if name in ("first_hi", "first_lo") else np.int32)
    return Cells(**made)


def empty_detections(n: int) -> Detections:
    kinds: tuple[Any, ...] = (
        *(np.int32, np.float64, np.float64, np.float32, np.float32),
        *(np.uint64, np.uint64, np.int32, np.int32),
    )
    columns: list[NDArray[Any]] = [np.zeros(n, kind) for kind in kinds]
    return Detections(*columns)


def grown(a: NDArray[Any], size: int) -> NDArray[Any]:
    out = np.empty((size, *a.shape[1:]), a.dtype)
    out[: len(a)] = a
    return out


def take(d: Detections, rows: NDArray[np.int64]) -> Detections:
    columns: list[NDArray[Any]] = [column[rows] for column in d]
    return Detections(*columns)


def roots_in(parent: NDArray[np.int32], nodes: NDArray[Any]) -> NDArray[np.int64]:
    """The root of each of some nodes."""
    found: NDArray[np.int64] = nodes.astype(np.int64)
    while True:
        up: NDArray[np.int64] = parent[found].astype(np.int64)
        if np.array_equal(up, found):
            return found
        found = up
