"""Which fire a detection belongs to: linking, merging, and the birth of new fires."""

from typing import Any

import numpy as np

from almenara.kernels.fire_tiles import (
    F64,
    I64,
    N_MERGES,
    N_NODES,
    NEVER,
    TILE,
    TILE_COL_BITS,
    Cells,
    Detections,
    Int,
    find,
    has,
    in_tile,
    push,
    tile_at,
    tile_for,
    tile_key_of,
)
from almenara.kernels.grid import A_M, COL_BITS, COL_MASK, DISC_ROWS, E2, ROW_DEG, ROWS, cell_lon, in_disc
from almenara.kernels.jit import compiled


@compiled
def link(s: Cells, cols: I64, half: F64, d: Detections, i0: Int, i1: Int, gap: Int) -> tuple[I64, I64]:
    """Give the detections i0…i1, all of one minute, to fires; return the newly hot cells and their fires' roots.

    A detection belongs to every fire that is not ended (seen within `gap` minutes) and has a hot cell in its disc; it
    makes one when there is none, and makes one of several. Room for all tiles and nodes must be there.
    """
    cells = np.empty(256, np.int64)
    roots = np.empty(256, np.int64)
    n = 0
    t = d.t[i0]
    for i in range(i0, i1):
        own = cells_under(cols, d.lon[i], d.lat[i], d.across_m[i], d.along_m[i])
        root = np.int64(-1)
        fresh = False
        for c in own:
            holder = _living_holder(s, c, t - gap)
            if holder < 0:
                fresh = True
            elif root < 0:
                root = holder
            elif holder != find(s.parent, root):
                root, cells, roots, n = _unite(s, find(s.parent, root), holder, t, cells, roots, n)
        if fresh:
            near = neighbours(s, cols, half, own, root)
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
            for c in own:
                if not has(s, root, c, s.hot):
                    row = c >> COL_BITS
                    col = c & COL_MASK
                    e = tile_for(s, root, tile_key_of(row, col))
                    s.hot[e, in_tile(row, col)] = t
                    cells, roots = push(cells, roots, n, c, root)
                    n += 1
        s.last_t[root] = t
        d.node[i] = root
        d.next[i] = s.obs_head[root]
        s.obs_head[root] = i
    for k in range(n):
        roots[k] = find(s.parent, roots[k])
    return cells[:n], roots[:n]


@compiled
def cells_under(cols: I64, lon: Any, lat: Any, across_m: Any, along_m: Any) -> I64:
    """Cells whose centres lie under a detection's footprint (scan east–west, track north–south), and its own cell."""
    f = np.radians(lat)
    w = 1.0 - E2 * np.sin(f) ** 2
    hy = np.degrees(0.5 * along_m / (A_M * (1.0 - E2) / w**1.5))
    hx = min(np.degrees(0.5 * across_m / max(A_M / np.sqrt(w) * np.cos(f), 1.0)), 179.0)
    own_row = min(max(int((lat + 90.0) / ROW_DEG), 0), ROWS - 1)
    r0 = max(int(np.ceil((lat - hy + 90.0) / ROW_DEG - 0.5)), 0)
    r1 = min(int(np.floor((lat + hy + 90.0) / ROW_DEG - 0.5)), ROWS - 1)
    out = np.empty(16, np.int64)
    n = 0
    own = np.int64(0)
    for row in range(min(r0, own_row), max(r1, own_row) + 1):
        count = cols[row >> 5]
        d = 360.0 / count
        c0 = int(np.ceil((lon - hx + 180.0) / d - 0.5))
        c1 = int(np.floor((lon + hx + 180.0) / d - 0.5))
        own_col = int(np.floor((lon + 180.0) / d))
        if row == own_row:
            own = (np.int64(row) << COL_BITS) | (own_col % count)
            c0 = min(c0, own_col)
            c1 = max(c1, own_col)
        elif row < r0 or row > r1:
            continue
        for c in range(c0, min(c1, c0 + count - 1) + 1):
            if n == len(out):
                grown = np.empty(2 * n, np.int64)
                grown[:n] = out
                out = grown
            out[n] = (np.int64(row) << COL_BITS) | (c % count)
            n += 1
    if n == 0:
        out[0] = own
        n = 1
    return out[:n]


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
            row0 = (s.tile_key[e] >> TILE_COL_BITS) << 3
            col0 = (s.tile_key[e] & ((1 << TILE_COL_BITS) - 1)) << 3
            for q in range(TILE):
                cell = (np.int64(row0 + (q >> 3)) << COL_BITS) | (col0 + (q & 7))
                if s.hot[e, q] != NEVER:
                    cells, roots = push(cells, roots, n, cell, a)
                    n += 1
                if s.birth[e, q] != NEVER and has(s, large, cell, s.birth):
                    s.overlap[a] += 1
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
def neighbours(s: Cells, cols: I64, half: F64, own: I64, known: Int) -> I64:
    """Roots (≠ known) of every fire, ended ones too, with a hot cell in the disc of one of the cells `own`."""
    r0 = own[0] >> COL_BITS
    r1 = own[-1] >> COL_BITS
    mid = cell_lon(cols, r0, own[0] & COL_MASK)
    west = 0.0
    east = 0.0
    for c in own:
        d = (cell_lon(cols, c >> COL_BITS, c & COL_MASK) - mid + 540.0) % 360.0 - 180.0
        west = min(west, d)
        east = max(east, d)
    lo = max(r0 - DISC_ROWS, 0)
    hi = min(r1 + DISC_ROWS, ROWS - 1)
    reach = max(half[lo, 0], half[hi, 0])
    found = np.empty(8, np.int64)
    n = 0
    for tile_row in range(lo >> 3, (hi >> 3) + 1):
        count = cols[tile_row >> 2]
        d = 360.0 / count
        c = int(np.floor((mid + west - reach + 180.0) / d))
        end = min(int(np.floor((mid + east + reach + 180.0) / d)), c + count - 1)
        while c <= end:
            m = c % count
            e = tile_at(s, (tile_row << TILE_COL_BITS) | (m >> 3))
            while e >= 0:
                root = find(s.parent, s.tile_node[e])
                new = root != known
                for k in range(n):
                    new = new and found[k] != root
                if new and _touches(s, cols, half, e, own):
                    if n == len(found):
                        more = np.empty(2 * n, np.int64)
                        more[:n] = found
                        found = more
                    found[n] = root
                    n += 1
                e = s.tile_next_at[e]
            c += min(8 - (m & 7), count - m)
    return found[:n]


@compiled
def _touches(s: Cells, cols: I64, half: F64, e: Int, own: I64) -> bool:
    row0 = (s.tile_key[e] >> TILE_COL_BITS) << 3
    col0 = (s.tile_key[e] & ((1 << TILE_COL_BITS) - 1)) << 3
    for q in range(TILE):
        if s.hot[e, q] != NEVER:
            cell = (np.int64(row0 + (q >> 3)) << COL_BITS) | (col0 + (q & 7))
            for c in own:
                if in_disc(cols, half, cell, c):
                    return True
    return False


@compiled
def _living_holder(s: Cells, cell: Int, since: Int) -> Int:
    """Root of the fire, seen since then, in which the cell is hot; −1 when there is none."""
    row = cell >> COL_BITS
    col = cell & COL_MASK
    e = tile_at(s, tile_key_of(row, col))
    while e >= 0:
        if s.hot[e, in_tile(row, col)] != NEVER:
            root = find(s.parent, s.tile_node[e])
            if s.last_t[root] >= since:
                return root
        e = s.tile_next_at[e]
    return -1


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
