"""Scores of reach bands and their baselines: does all that burned lie inside, how much else does, who was told.

Every figure weighs each fire once, whatever the number of its cases, and is bootstrapped by fire.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from almenara.kernels.advance import beyond_m
from almenara.kernels.grid import A_M, areas_km2, boxes_of, cells_of
from almenara.kernels.outlines import outlines
from almenara.stages.reach_bands import LEVELS, PIXEL_M, bands_m
from benchmarks.reach_cases import Case, Outcome

DRAWS, SEED = 1_000, 2026
PLACES_A_CASE = 300
SCATTER_M = 10_000.0  # places are scattered up to so far beyond the box of a footprint
ALERT_M = 300.0

#: Name → radius in metres for a case and a horizon.
Method = Callable[[Case, int], float]
METHODS: dict[str, Method] = {
    **{f"P{p}": lambda case, h, level=k: float(_bands(case)[level, h]) for k, p in enumerate(LEVELS)},  # type: ignore[misc]
    "persistence": lambda case, h: 0.0,
    "1 km": lambda case, h: 1_000.0,
    "2 km": lambda case, h: 2_000.0,
    "own q90 + 250 m": lambda case, h: (case.advance_m if case.own else 0.0) + PIXEL_M,
}

Tallies = NDArray[np.float64]  # [fire, quantity]
QUANTITIES = ("held", "part", "parts", "hit", "band", "told", "missed", "false", "lead", "leads", "cases")


def _bands(case: Case) -> NDArray[np.float64]:
    one = bands_m(np.array([case.own]), np.array([case.fine]), np.array([case.advance_m]))[0]
    return np.asarray(one)


@dataclass(frozen=True, slots=True)
class Score:
    """One method on the cases of one class: estimates, each with its 90 % interval by bootstrap over fires."""

    fires: int
    cases: int
    values: dict[str, tuple[float, float, float]]


def score(cases: dict[str, list[Case]], horizon: int, method: Method) -> Score | None:
    """Score a method on all outcomes of a horizon; None without any."""
    tallies = [tally(own, horizon, method) for _, own in sorted(cases.items())]
    kept = np.array([t for t in tallies if t[-1] > 0])
    if not len(kept):
        return None
    weighed = kept / kept[:, -1:]  # each fire weighs 1
    rng = np.random.Generator(np.random.PCG64(SEED))
    draws = rng.integers(0, len(kept), (DRAWS, len(kept)))
    sums = np.stack([weighed[draw].sum(axis=0) for draw in draws])
    whole = summary(weighed.sum(axis=0)[None])
    spread = summary(sums)
    low_high = {name: np.nanpercentile(v, (5, 95)) if np.isfinite(v).any() else (np.nan,) * 2
                for name, v in spread.items()}  # fmt: skip
    values = {name: (float(whole[name][0]), float(low_high[name][0]), float(low_high[name][1])) for name in whole}
    return Score(len(kept), int(kept[:, -1].sum()), values)


def summary(sums: Tallies) -> dict[str, NDArray[np.float64]]:
    """Ratios from summed tallies [draw, quantity]."""
    q = {name: sums[:, k] for k, name in enumerate(QUANTITIES)}
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "reliability": q["held"] / q["cases"],  # cases whose newly burnt area lies inside, all of it
            "coverage": q["part"] / q["parts"],  # share of the newly burnt area inside, where something burned
            "precision": q["hit"] / q["band"],  # newly burnt share of the band
            "missed": q["missed"] / (q["missed"] + q["told"]),  # of the places reached
            "false alarms": q["false"] / (q["false"] + q["told"]),  # of the places told of
            "lead h": q["lead"] / q["leads"],  # from the issue until the first pass that saw it there
        }


def tally(cases: Iterable[Case], horizon: int, method: Method) -> list[float]:
    """Sums over the cases of one fire, in the order of QUANTITIES."""
    sums = dict.fromkeys(QUANTITIES, 0.0)
    for case in cases:
        outcome = case.outcomes.get(horizon)
        if outcome is None:
            continue
        radius = method(case, horizon)
        sums["cases"] += 1
        sums["held"] += outcome.farthest_m <= radius
        sums["band"] += band_km2(outcome.footprint, radius)
        if len(outcome.new):
            area = areas_km2(outcome.new)
            hit = float(area[outcome.beyond_m <= radius].sum())
            sums["hit"] += hit
            sums["part"] += hit / float(area.sum())
            sums["parts"] += 1
        for name, value in places(case, outcome, radius).items():
            sums[name] += value
    return [sums[name] for name in QUANTITIES]


def band_km2(footprint: NDArray[np.int64], radius_m: float) -> float:
    """Area within a distance of a footprint and outside it, km²: its outline buffered in a local projection."""
    if radius_m == 0.0:
        return 0.0
    _, shapes = outlines(np.zeros(len(footprint), np.int64), footprint)
    west, south, _, north = shapes[0].bounds
    middle = np.radians((south + north) / 2.0)

    def flat(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x = ((points[:, 0] - west + 540.0) % 360.0 - 180.0) * np.cos(middle)
        return np.asarray(np.radians(np.column_stack((x, points[:, 1]))) * A_M)

    shape = shapely.transform(shapes[0], flat)
    return float(shapely.buffer(shapely.simplify(shape, 60.0), radius_m, quad_segs=6).area - shape.area) / 1e6


def places(case: Case, outcome: Outcome, radius_m: float) -> dict[str, float]:
    """Scattered places reached (within the alert distance of what newly burned): told, missed, false, lead hours."""
    cells, away = scattered(case, outcome.footprint)
    near = beyond_m(outcome.new, cells) <= ALERT_M
    told = away <= radius_m
    lead = 0.0
    for cell in cells[told & near]:
        reached = [b for b in np.unique(outcome.births) if _within(outcome.new[outcome.births == b], cell)]
        lead += (min(reached) - case.minute) / 60.0
    told_right = float((told & near).sum())
    return {
        "told": told_right,
        "missed": float((~told & near).sum()),
        "false": float((told & ~near).sum()),
        "lead": lead,
        "leads": told_right,
    }


def _within(new: NDArray[np.int64], cell: np.int64) -> bool:
    return bool(beyond_m(new, np.array([cell]))[0] <= ALERT_M)


def scattered(case: Case, footprint: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cells of places scattered evenly round a footprint and not yet exposed to it, and their distances from it."""
    west, south, east, north = boxes_of(footprint)
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(f"{case.fire} {case.minute}".encode())))
    mid = (float(south.min()) + float(north.max())) / 2.0
    up = np.degrees(SCATTER_M / A_M)
    side = up / max(np.cos(np.radians(mid)), 0.05)
    lon = rng.uniform(float(west.min()) - side, float(east.max()) + side, PLACES_A_CASE)
    lat = rng.uniform(float(south.min()) - up, float(north.max()) + up, PLACES_A_CASE)
    cells = np.unique(cells_of((lon + 540.0) % 360.0 - 180.0, np.clip(lat, -90.0, 90.0)))
    away = beyond_m(footprint, cells)
    return cells[away > ALERT_M], away[away > ALERT_M]
