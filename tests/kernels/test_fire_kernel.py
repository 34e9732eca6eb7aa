"""The fire kernel against a slow reference written from the rules, and against itself in every order of arrival."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from almenara.kernels.fire_kernel import ENDED_AFTER_MIN, EXTRA, FireKernel
from almenara.kernels.fire_linking import cells_under
from almenara.kernels.fire_tiles import NEVER
from almenara.kernels.grid import COL_BITS, COL_MASK, DISC_M, GROUP, ROW_DEG, ROWS, areas_km2, boxes_of, cells_of, grid


@dataclass(frozen=True, order=True)
class Sight:
    t: int
    key: int
    lon: float
    lat: float
    across_m: float
    along_m: float


def as_rows(sights: Iterable[Sight]) -> dict[str, NDArray[Any]]:
    rows = list(sights)
    columns: dict[str, tuple[list[Any], Any]] = {
        "t": ([s.t for s in rows], np.int32),
        "lon": ([s.lon for s in rows], np.float64),
        "lat": ([s.lat for s in rows], np.float64),
        "across_m": ([s.across_m for s in rows], np.float32),
        "along_m": ([s.along_m for s in rows], np.float32),
        "key_hi": ([s.t for s in rows], np.uint64),
        "key_lo": ([s.key for s in rows], np.uint64),
    }
    columns |= {name: ([0] * len(rows), kind) for name, kind in EXTRA.items()}
    return {name: np.array(values, kind) for name, (values, kind) in columns.items()}


def tell(tracker: FireKernel, sights: Iterable[Sight]) -> None:
    tracker.update(as_rows(sights))


Story = tuple[frozenset[tuple[tuple[int, int], frozenset[tuple[int, int]]]], frozenset[tuple[tuple[int, int], int]]]


def story(tracker: FireKernel) -> Story:
    """Footprints with birth minutes by the fire's name, and all mergers (who, when): no node numbers."""
    fire, cell, birth = tracker.footprints()
    nodes = tracker.nodes()
    first_t, _, first_lo = tracker.born(nodes)
    names = {int(n): (int(t), int(k)) for n, t, k in zip(nodes, first_t, first_lo, strict=True)}
    prints: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for f, c, b in zip(fire, cell, birth, strict=True):
        prints.setdefault(names[int(f)], set()).add((int(c), int(b)))
    merged_t, _ = tracker.merged(nodes)
    mergers = frozenset((names[int(n)], int(t)) for n, t in zip(nodes, merged_t, strict=True) if t != NEVER)
    return frozenset((name, frozenset(cells)) for name, cells in prints.items()), mergers


# ---------------------------------------------------------------------- the reference


def distance_m(a: int, b: int) -> float:
    """Between the centres of two cells, by the metric that the grid documents."""
    ra, rb = a >> COL_BITS, b >> COL_BITS
    mid = math.radians(((ra + rb) / 2 + 0.5) * ROW_DEG - 90.0)
    w = 1 - 0.0066943799901413165 * math.sin(mid) ** 2
    lon = [(c & COL_MASK) + 0.5 for c in (a, b)]
    d = abs(lon[0] * 360.0 / grid().cols[ra // GROUP] - lon[1] * 360.0 / grid().cols[rb // GROUP])
    dx = math.radians(min(d, 360.0 - d)) * 6378137.0 / math.sqrt(w) * math.cos(mid)
    dy = math.radians(abs(ra - rb) * ROW_DEG) * 6378137.0 * (1 - 0.0066943799901413165) / w**1.5
    return math.hypot(dx, dy)


@lru_cache(maxsize=100_000)
def around(cell: int) -> frozenset[int]:
    row, col = cell >> COL_BITS, cell & COL_MASK
    lon = (col + 0.5) * 360.0 / grid().cols[row // GROUP]
    found = set()
    for r in range(max(row - 6, 0), min(row + 6, ROWS - 1) + 1):
        n = int(grid().cols[r // GROUP])
        c = int(lon / 360.0 * n)
        reach = min(int(1.3 * DISC_M / 180.0) + 3, n // 2)
        for x in range(c - reach, c + reach + 1):
            other = (r << COL_BITS) | (x % n)
            if distance_m(cell, other) <= DISC_M:
                found.add(other)
    return frozenset(found)


@dataclass
class Fire:
    name: tuple[int, int]
    last: int
    hot: set[int] = field(default_factory=set)
    births: dict[int, int] = field(default_factory=dict)


def reference(sights: Iterable[Sight]) -> Story:
    fires: list[Fire] = []
    mergers = set()
    rows = sorted(set(sights))
    for t in sorted({s.t for s in rows}):
        touched: list[Fire] = []
        for s in (s for s in rows if s.t == t):
            own = {int(c) for c in cells_under(grid(), s.lon, s.lat, np.float32(s.across_m), np.float32(s.along_m))}
            near = set().union(*(around(c) for c in own))
            hit = [f for f in fires if t - f.last <= ENDED_AFTER_MIN and f.hot & near]
            hit.sort(key=lambda f: f.name)
            if not hit:
                hit = [Fire((t, s.key), t)]
                fires.append(hit[0])
            goes_on = hit[0]
            for f in hit[1:]:
                if f.name[0] < t:
                    mergers.add((f.name, t))
                goes_on.hot |= f.hot
                for c, b in f.births.items():
                    goes_on.births[c] = min(b, goes_on.births.get(c, NEVER))
                fires.remove(f)
            goes_on.hot |= own
            goes_on.last = t
            touched.append(goes_on)
        for f in touched:
            if f in fires:
                covered = set().union(*(around(c) for c in f.hot))
                for c in covered:
                    if c not in f.births and around(c) <= covered:
                        f.births[c] = t
    return frozenset((f.name, frozenset(f.births.items())) for f in fires), frozenset(mergers)


# ---------------------------------------------------------------------- worlds


@st.composite
def worlds(draw: st.DrawFn) -> list[Sight]:
    lat = draw(st.sampled_from([0.0, -2.3, 37.2, 69.7, -54.0, 80.05]))
    lon = draw(st.sampled_from([0.0, -79.2, 179.995, -179.99]))
    n = draw(st.integers(1, 28))
    minute = st.one_of(st.integers(0, 2000), st.sampled_from([0, 700, 1400, 30_000, 31_000, 58_000, 60_000, 61_000]))
    east = st.integers(-40, 40)
    sights = []
    for key in range(n):
        x, y = draw(east) * 150.0, draw(east) * 80.0
        size = draw(st.sampled_from([375.0, 375.0, 600.0, 1500.0]))
        at = lat + y / 111_200.0
        around_x = lon + x / (111_320.0 * math.cos(math.radians(at)))
        sights.append(Sight(draw(minute), key, (around_x + 180.0) % 360.0 - 180.0, at, size, size * 0.8))
    return sights


@given(worlds())
@settings(max_examples=25, deadline=None)
def test_told_in_order_it_agrees_with_the_reference(sights: list[Sight]) -> None:
    tracker = FireKernel()
    tell(tracker, sights)
    assert story(tracker) == reference(sights)


@given(worlds(), st.data())
@settings(max_examples=50, deadline=None)
def test_the_order_of_arrival_does_not_matter(sights: list[Sight], data: st.DataObject) -> None:
    whole = FireKernel()
    tell(whole, sights)
    shuffled = data.draw(st.permutations(sights))
    piecemeal = FireKernel()
    while shuffled:
        n = data.draw(st.integers(1, len(shuffled)))
        tell(piecemeal, shuffled[:n])
        shuffled = shuffled[n:]
    assert story(piecemeal) == story(whole)


@given(worlds(), st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_taken_back_leaves_no_trace(sights: list[Sight], data: st.DataObject) -> None:
    gone = data.draw(st.lists(st.sampled_from(sights), max_size=5, unique=True))
    tracker = FireKernel()
    tell(tracker, sights)
    keys = as_rows(gone)
    tracker.update(as_rows([]), retract=(keys["key_hi"], keys["key_lo"]))
    clean = FireKernel()
    tell(clean, [s for s in sights if s not in gone])
    assert story(tracker) == story(clean)


@pytest.mark.parametrize("lat", [0.0, 37.0, 60.0, 70.0, -82.0])
def test_a_disc_is_round_on_the_ground_everywhere(lat: float) -> None:
    """A single detection closes to itself; the disc of its cell has the radius it claims, within 2 %."""
    from pyproj import Geod

    geod = Geod(ellps="WGS84")
    cell = int(cells_of(np.array([25.0]), np.array([lat]))[0])
    cells = np.array(sorted(around(cell)))
    west, south, east, north = boxes_of(np.append(cells, cell))
    lon, at = (west + east) / 2, (south + north) / 2
    azimuth, _, metres = geod.inv(np.full(len(cells), lon[-1]), np.full(len(cells), at[-1]), lon[:-1], at[:-1])
    assert abs(math.sqrt(areas_km2(cells).sum() * 1e6 / math.pi) / DISC_M - 1) < 0.02
    for quarter in range(4):
        part = metres[((azimuth + 360 + 45) % 360) // 90 == quarter]
        assert part.max() <= DISC_M * 1.01
        assert part.max() >= DISC_M - 190.0


def test_cells_have_the_area_of_the_earth() -> None:
    total = float(np.sum(grid().area_km2 * np.repeat(grid().cols, GROUP)))
    assert total == pytest.approx(510_065_621.724, rel=1e-9)  # WGS84


def test_a_ring_is_filled_when_its_hole_is_small_and_not_when_it_is_large() -> None:
    for radius_m, filled in ((900.0, True), (2500.0, False)):
        angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
        lat = 40.0 + radius_m * np.sin(angles) / 111_030.0
        lon = 20.0 + radius_m * np.cos(angles) / (111_320.0 * np.cos(np.radians(40.0)))
        tracker = FireKernel()
        tell(tracker, [Sight(10, k, x, y, 375.0, 375.0) for k, (x, y) in enumerate(zip(lon, lat, strict=True))])
        fire, cell, _ = tracker.footprints()
        assert len(set(fire.tolist())) == 1
        assert (int(cells_of(np.array([20.0]), np.array([40.0]))[0]) in set(cell.tolist())) is filled


def test_what_is_let_go_leaves_the_rest_as_if_it_had_never_been() -> None:
    near = [Sight(t, t, -70.0 + 0.002 * t, -5.0, 375.0, 375.0) for t in range(8)]
    far = [Sight(t + 30_000, 100 + t, 20.0 + 0.002 * t, 10.0, 375.0, 375.0) for t in range(8)]
    more = [Sight(30_100, 200, 20.02, 10.0, 375.0, 375.0), Sight(30_101, 201, -70.0, -5.0, 375.0, 375.0)]
    both, alone = FireKernel(), FireKernel()
    tell(both, [*near, *far])
    tell(alone, far)
    stale = both.stale(20_000)
    assert {int(both.born(stale[:1])[0][0])} == {0}
    both.let_go(stale)
    assert story(both) == story(alone)
    numbers = both.compact()
    assert sorted(numbers[numbers >= 0].tolist()) == list(range(int((numbers >= 0).sum())))
    tell(both, more)
    tell(alone, more)
    assert story(both) == story(alone)
    assert len(both.detections().t) == len(alone.detections().t) == 10
