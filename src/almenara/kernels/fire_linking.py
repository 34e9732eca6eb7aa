"""Which fire a detection belongs to: linking, merging, and the birth of new fires."""

from typing import Any

import numpy as np

from almenara.kernels.fire_closing import block_of
from almenara.kernels.fire_tiles import (
    I64,
    N_MERGES,
    N_NODES,
    NEVER,
    U64,
    Cells,
    Detections,
    Int,
    bit_count,
    cell_in,
    find,
    held,
    lowest_bit,
    push,
    tile_at,
    tile_for,
    tile_key_of,
)
from almenara.kernels.grid import A_M, DISC_ROWS, E2, ROW_DEG, ROWS, Grid
from almenara.kernels.jit import compiled


@compiled
def link(s: Cells, g: Grid, d: Detections, i0: Int, i1: Int, gap: Int) -> tuple[I64, I64]:
    """Give the detections i0…i1, all of one minute, to fires; return the newly hot cells and their fires' roots,
    sorted by (root, block of 32 × 32 cells).

    A detection belongs to every fire that is not ended (seen within `gap` minutes) and has a hot cell in its disc; it
    makes one when there is none, and makes one of several. Room for all tiles and nodes must be there.
    """
    cells = np.empty(256, np.int64)
    roots = np.empty(256, np.int64)
    n = 0
    t = d.t[i0]
    for i in range(i0, i1):
        row, lo, hi = _rows_under(g, d.lon[i], d.lat[i], d.across_m[i], d.along_m[i])
        keys, masks = _tile_masks(g, row, lo, hi)
        root = np.int64(-1)
        fresh = False
        for k in range(len(keys)):
            known: Int = np.uint64(0)
            e = tile_at(s, keys[k])
            while e >= 0:
                if s.hot[e] & masks[k]:
                    holder = find(s.parent, s.tile_node[e])
                    if s.last_t[holder] >= t - gap:
                        known |= s.hot[e]
                        if root < 0:
                            root = holder
                        elif holder != root:
                            root, cells, roots, n = _unite(s, root, holder, t, cells, roots, n)
                e = s.tile_next_at[e]
            fresh = fresh or (masks[k] & ~known) != 0
        if fresh:
            near = _holders_near(s, g, row, lo, hi, root)
            for other in near:
                if s.last_t[other] >= t - gap:
                    other = find(s.parent, other)
                    if root < 0:
                        root = other
                    elif other != root:
                        root, cells, roots, n = _unite(s, root, other, t, cells, roots, n)
            if root < 0:
                root = _new_node(s, t, d.key_hi[i], d.key_lo[i])
            for other in near:
                _join_kin(s, root, other)
            for k in range(len(keys)):
                new = masks[k] & ~held(s, root, keys[k], s.hot)
                if new:
                    s.hot[tile_for(s, root, keys[k])] |= new
                    cells, roots, n = _push_all(cells, roots, n, keys[k], new, root)
        s.last_t[root] = t
        d.node[i] = root
        d.next[i] = s.obs_head[root]
        s.obs_head[root] = i
    order_keys = np.empty(n, np.int64)
    for k in range(n):
        roots[k] = find(s.parent, roots[k])
        order_keys[k] = (roots[k] << 26) | block_of(cells[k])
    order = np.argsort(order_keys)
    return cells[order], roots[order]


@compiled
def tiles_needed(d: Detections, i0: Int, i1: Int) -> Int:
    """At least as many tiles as the footprints of detections can need (a tile is 1.5 km wide)."""
    total = 0.0
    for i in range(i0, i1):
        wide = d.across_m[i] * 1.1
        if (
            abs(d.lat[i]) > 89.0
        ):  # columns narrow towards a pole within a group of rows, so that more of them are needed
            wide = d.across_m[i] / max(np.cos(np.radians(min(abs(d.lat[i]) + 0.06, 90.0))), 1e-3)
        total += (wide / 1450.0 + 3.0) * (d.along_m[i] / 1450.0 + 3.0)
    return int(total) + 1


@compiled
def cells_under(g: Grid, lon: Any, lat: Any, across_m: Any, along_m: Any) -> I64:
    """Cells whose centres lie under a detection's footprint (scan east–west, track north–south), and its own cell."""
    row, lo, hi = _rows_under(g, lon, lat, across_m, along_m)
    keys, masks = _tile_masks(g, row, lo, hi)
    cells = np.empty(16, np.int64)
    unused = np.empty(16, np.int64)
    n = 0
    for k in range(len(keys)):
        cells, unused, n = _push_all(cells, unused, n, keys[k], masks[k], 0)
    return cells[:n]


@compiled
def fires_near(s: Cells, g: Grid, lon: Any, lat: Any, across_m: Any, along_m: Any) -> I64:
    """Roots of every fire, ended ones too, with a hot cell within the link distance of a detection's cells."""
    row, lo, hi = _rows_under(g, lon, lat, across_m, along_m)
    return _holders_near(s, g, row, lo, hi, -1)


@compiled
def _rows_under(g: Grid, lon: Any, lat: Any, across_m: Any, along_m: Any) -> tuple[Int, I64, I64]:
    """The first row of a footprint and, for each row, its first and last column (unwrapped; empty: last < first)."""
    f = np.radians(lat)
    w = 1.0 - E2 * np.sin(f) ** 2
    hy = np.degrees(0.5 * along_m / (A_M * (1.0 - E2) / w**1.5))
    hx = min(np.degrees(0.5 * across_m / max(A_M / np.sqrt(w) * np.cos(f), 1.0)), 179.0)
    own = min(max(int((lat + 90.0) / ROW_DEG), 0), ROWS - 1)
    r0 = max(int(np.ceil((lat - hy + 90.0) / ROW_DEG - 0.5)), 0)
    r1 = min(int(np.floor((lat + hy + 90.0) / ROW_DEG - 0.5)), ROWS - 1)
    if r0 > r1:  # lower than a row
        r0 = r1 = own
    r0 = min(r0, own)
    r1 = max(r1, own)
    lo = np.empty(r1 - r0 + 1, np.int64)
    hi = np.empty(r1 - r0 + 1, np.int64)
    for row in range(r0, r1 + 1):
        d = 360.0 / g.cols[row >> 5]
        c0 = int(np.ceil((lon - hx + 180.0) / d - 0.5))
        c1 = int(np.floor((lon + hx + 180.0) / d - 0.5))
        if row == own:
            col = int(np.floor((lon + 180.0) / d))
            c0 = min(c0, col)
            c1 = max(c1, col)
        lo[row - r0] = c0
        hi[row - r0] = c1
    return r0, lo, hi


@compiled
def _rows_near(g: Grid, row: Int, lo: I64, hi: I64) -> tuple[Int, I64, I64]:
    """The same rows and columns, widened by the disc."""
    first = max(row - DISC_ROWS, 0)
    last = min(row + len(lo) - 1 + DISC_ROWS, ROWS - 1)
    near_lo = np.full(last - first + 1, np.int64(2**31))
    near_hi = np.full(last - first + 1, np.int64(-(2**31)))
    for k in range(len(lo)):
        if hi[k] < lo[k]:
            continue
        r = row + k
        width = 360.0 / g.cols[r >> 5]
        for r2 in range(max(r - DISC_ROWS, first), min(r + DISC_ROWS, last) + 1):
            a = min(r, r2)
            if r2 >> 5 == r >> 5:
                west = lo[k] - g.half_cols[a, abs(r2 - r)]
                east = hi[k] + g.half_cols[a, abs(r2 - r)]
            else:
                a_degree = g.cols[r2 >> 5] / 360.0  # columns
                west = int(np.ceil(((lo[k] + 0.5) * width - g.half_deg[a, abs(r2 - r)]) * a_degree - 0.5))
                east = int(np.floor(((hi[k] + 0.5) * width + g.half_deg[a, abs(r2 - r)]) * a_degree - 0.5))
            near_lo[r2 - first] = min(near_lo[r2 - first], west)
            near_hi[r2 - first] = max(near_hi[r2 - first], east)
    return first, near_lo, near_hi


@compiled
def _tile_masks(g: Grid, row: Int, lo: I64, hi: I64) -> tuple[I64, U64]:
    """Spans of columns, row by row, as positions of tiles and a mask of the cells in each."""
    keys = np.empty(16, np.int64)
    masks = np.empty(16, np.uint64)
    n = 0
    since = 0  # where this row of tiles begins
    for k in range(len(lo)):
        r = row + k
        if r & 7 == 0:
            since = n
        count = g.cols[r >> 5]
        c = lo[k]
        end = min(hi[k], c + count - 1)
        while c <= end:
            m = c % count
            wide = min(8 - (m & 7), count - m, end - c + 1)
            bits = ((np.uint64(1) << np.uint64(wide)) - np.uint64(1)) << np.uint64(((r & 7) << 3) + (m & 7))
            key = tile_key_of(r, m)
            i = since
            while i < n and keys[i] != key:
                i += 1
            if i == n:
                if n == len(keys):
                    more_keys = np.empty(2 * n, np.int64)
                    more_keys[:n] = keys
                    keys = more_keys
                    more_masks = np.empty(2 * n, np.uint64)
                    more_masks[:n] = masks
                    masks = more_masks
                keys[n] = key
                masks[n] = 0
                n += 1
            masks[i] |= bits
            c += wide
    return keys[:n], masks[:n]


@compiled
def _holders_near(s: Cells, g: Grid, row: Int, lo: I64, hi: I64, known: Int) -> I64:
    """Roots (≠ known) of every fire, ended ones too, with a hot cell in the disc of one of some cells."""
    first, near_lo, near_hi = _rows_near(g, row, lo, hi)
    keys, masks = _tile_masks(g, first, near_lo, near_hi)
    found = np.empty(8, np.int64)
    n = 0
    for k in range(len(keys)):
        e = tile_at(s, keys[k])
        while e >= 0:
            if s.hot[e] & masks[k]:
                root = find(s.parent, s.tile_node[e])
                new = root != known
                for j in range(n):
                    new = new and found[j] != root
                if new:
                    if n == len(found):
                        more = np.empty(2 * n, np.int64)
                        more[:n] = found
                        found = more
                    found[n] = root
                    n += 1
            e = s.tile_next_at[e]
    return found[:n]


@compiled
def _push_all(cells: I64, roots: I64, n: Int, key: Int, bits: Any, root: Int) -> tuple[I64, I64, Int]:
    """All cells of a tile whose bits are set."""
    while bits:
        cells, roots = push(cells, roots, n, cell_in(key, lowest_bit(bits)), root)
        n += 1
        bits &= bits - np.uint64(1)
    return cells, roots, n


@compiled
def _join_kin(s: Cells, a: Int, b: Int) -> None:
    ka = find(s.kin, a)
    kb = find(s.kin, b)
    if ka != kb:
        s.kin[max(ka, kb)] = min(ka, kb)
        s.kin_next[ka], s.kin_next[kb] = s.kin_next[kb], s.kin_next[ka]  # two rings become one


@compiled
def _older(s: Cells, a: Int, b: Int) -> bool:
    if s.first_t[a] != s.first_t[b]:
        return bool(s.first_t[a] < s.first_t[b])
    if s.first_hi[a] != s.first_hi[b]:
        return bool(s.first_hi[a] < s.first_hi[b])
    return bool(s.first_lo[a] < s.first_lo[b])


@compiled
def _unite(s: Cells, a: Int, b: Int, t: Int, cells: I64, roots: I64, n: Int) -> tuple[Int, I64, I64, Int]:
    """Two fires become one, the older goes on. Had both a past, the smaller one's cells must close with the other's."""
    if not _older(s, a, b):
        a, b = b, a
    if s.first_t[b] < t:
        small = b if s.tile_n[b] <= s.tile_n[a] else a
        large = a if small == b else b
        e = s.tile_head[small]
        while e >= 0:
            key = s.tile_key[e]
            cells, roots, n = _push_all(cells, roots, n, key, s.hot[e], a)
            if s.joined[e]:
                twice = s.joined[e] & held(s, large, key, s.joined)
                s.overlap[a] += bit_count(twice & ~_held_before(s, small, key, e))
            e = s.tile_next_in[e]
        s.merged_t[b] = t
        s.merges[s.counts[N_MERGES]] = b
        s.counts[N_MERGES] += 1
    else:
        s.merged_t[b] = -1
    s.overlap[a] += s.overlap[b]
    s.merged_into[b] = a
    s.parent[b] = a
    if s.tile_head[b] >= 0:
        if s.tile_head[a] < 0:
            s.tile_head[a] = s.tile_head[b]
        else:
            s.tile_next_in[s.tile_tail[a]] = s.tile_head[b]
        s.tile_tail[a] = s.tile_tail[b]
        s.tile_n[a] += s.tile_n[b]
    s.last_t[a] = max(s.last_t[a], s.last_t[b])
    _join_kin(s, a, b)
    return a, cells, roots, n


@compiled
def _held_before(s: Cells, root: Int, key: Int, tile: Int) -> Any:
    """Footprint cells that a fire holds in tiles at a position that come before one of them."""
    found: Int = np.uint64(0)
    e = tile_at(s, key)
    while e != tile:
        if find(s.parent, s.tile_node[e]) == root:
            found |= s.joined[e]
        e = s.tile_next_at[e]
    return found


@compiled
def _new_node(s: Cells, t: Int, hi: Int, lo: Int) -> Int:
    i = s.counts[N_NODES]
    s.counts[N_NODES] += 1
    s.parent[i] = i
    s.kin[i] = i
    s.kin_next[i] = i
    s.tile_head[i] = -1
    s.tile_tail[i] = -1
    s.tile_n[i] = 0
    s.obs_head[i] = -1
    s.first_t[i] = t
    s.first_hi[i] = hi
    s.first_lo[i] = lo
    s.last_t[i] = t
    s.merged_t[i] = NEVER
    s.merged_into[i] = -1
    s.overlap[i] = 0
    return i
