"""What all satellites saw of everything hot in a scenario, and when each look was published."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from almenara.simulation.fire_spread import Burn
from almenara.simulation.satellites import (
    HOUR_MS,
    SATELLITES,
    Detections,
    Heat,
    Overpass,
    detect,
    list_overpasses,
)
from almenara.simulation.scenario import FarmBurns, Flare, LatePass, Scenario

DAY_MS = 24 * HOUR_MS
#: How long a satellite sees heat where the front passed.
RESIDENCE_MS = 150 * 60_000
#: FIRMS publishes near-real-time rows about three hours after the look.
LATENCY_MIN, LATENCY_MAX = 150, 205


@dataclass(frozen=True, slots=True)
class Sensed:
    """All detections in order of time, each with the moment of its publication."""

    rows: Detections
    published_ms: NDArray[np.int64]
    names: dict[int, str]  # of the sources of heat that `rows.source` counts
    heat_class: dict[int, int]  # FIRMS `type` of each source of heat: 0 vegetation, 2 static


def sense(plan: Scenario, burns: list[Burn], seed: int) -> Sensed:
    """Follow every satellite over every source of heat, from the archive's first day to the end."""
    parts: list[tuple[Detections, int]] = []
    names: dict[int, str] = {}
    heat_class: dict[int, int] = {}
    for number, name, static, looks in _sources(plan, burns, seed):
        names[number], heat_class[number] = name, 2 if static else 0
        chance = dice(seed, 10, number)
        for look, heat in looks:
            found = detect(look, heat, number, chance)
            if len(found):
                parts.append((found, _published_ms(plan, look, seed)))
    rows = Detections.join([found for found, _ in parts])
    published_ms = np.concatenate([np.full(len(found), at_ms, dtype=np.int64) for found, at_ms in parts])
    order = np.lexsort((rows.lon, rows.lat, rows.satellite, rows.time_ms))
    return Sensed(rows.pick(order), published_ms[order], names, heat_class)


def _sources(
    plan: Scenario, burns: list[Burn], seed: int
) -> Iterator[tuple[int, str, bool, Iterator[tuple[Overpass, Heat]]]]:
    """Number, name and looks of each source of heat; True for the static ones."""
    number = 0
    for index, burn in enumerate(burns):
        looks = _fire_looks(plan, burn, dice(seed, 11, index))
        yield number, " + ".join(one.name for one in burn.landscape.ignitions), False, looks
        number += 1
    for index, flare in enumerate(plan.flares):
        yield number, flare.name, True, _flare_looks(plan, flare, dice(seed, 12, index))
        number += 1
    yield number, "farm burns", False, _farm_looks(plan, plan.farm_burns, dice(seed, 13))


def _fire_looks(plan: Scenario, burn: Burn, chance: np.random.Generator) -> Iterator[tuple[Overpass, Heat]]:
    land = burn.landscape
    for look in list_overpasses(land.lon, land.lat, plan.start_ms, plan.end_ms, plan.orbit_phase):
        cells = burn.burning(look.at_ms, RESIDENCE_MS)
        if cells.size:
            age = (look.at_ms - burn.arrival_ms.ravel()[cells]) / RESIDENCE_MS
            strength = 1.6 if look.day else 0.8  # fronts lie down at night
            power = strength * np.exp(-2.0 * age) * np.exp(0.5 * chance.standard_normal(cells.size))
            yield look, Heat(*burn.lon_lat(cells), power)


def _flare_looks(plan: Scenario, flare: Flare, chance: np.random.Generator) -> Iterator[tuple[Overpass, Heat]]:
    first = flare.stacks[0]
    from_ms = plan.start_ms - plan.archive_days * DAY_MS
    for look in list_overpasses(first.lon, first.lat, from_ms, plan.end_ms, plan.orbit_phase):
        if _wanted(plan, look):
            lit = [stack for stack in flare.stacks if stack.from_ms is None or stack.from_ms <= look.at_ms]
            power = np.array([stack.frp_mw for stack in lit]) * np.exp(0.4 * chance.standard_normal(len(lit)))
            lon, lat = np.array([stack.lon for stack in lit]), np.array([stack.lat for stack in lit])
            yield look, Heat(lon, lat, power * (0.3 if look.day else 1.0))


def _farm_looks(plan: Scenario, farms: FarmBurns, chance: np.random.Generator) -> Iterator[tuple[Overpass, Heat]]:
    """Burns start before noon and in the early afternoon, and last three to five hours."""
    for day in range(-plan.archive_days, plan.hours // 24):
        for site in chance.choice(len(farms.sites), size=farms.daily, replace=False):
            lon, lat = farms.sites[int(site)]
            at_ms = plan.start_ms + day * DAY_MS + int(chance.uniform(10.0, 14.0) * HOUR_MS)
            until_ms = at_ms + int(chance.uniform(3.0, 5.0) * HOUR_MS)
            shift = 0.004 * chance.uniform(-1, 1, 2)
            power = farms.frp_mw * float(np.exp(0.5 * chance.standard_normal()))
            for look in list_overpasses(lon, lat, at_ms, min(until_ms, plan.end_ms), plan.orbit_phase):
                if _wanted(plan, look):
                    yield look, Heat(np.array([lon + shift[0]]), np.array([lat + shift[1]]), np.array([power]))


def _wanted(plan: Scenario, look: Overpass) -> bool:
    """The archive holds S-NPP alone; the day before the start fills the feeds' first windows."""
    return look.satellite == 0 or look.at_ms >= plan.start_ms - DAY_MS


def _published_ms(plan: Scenario, look: Overpass, seed: int) -> int:
    late = find_delay_h(plan.late, look, plan.start_ms)
    if late is not None:
        return look.at_ms + math.floor(late * HOUR_MS)
    return look.at_ms + int(dice(seed, 14, look.satellite, look.orbit).integers(LATENCY_MIN, LATENCY_MAX)) * 60_000


def find_delay_h(late: tuple[LatePass, ...], look: Overpass, start_ms: int) -> float | None:
    """The delay of a look that the scenario makes late, else None."""
    for one in late:
        about_ms = start_ms + one.about_h * HOUR_MS
        if SATELLITES[look.satellite].name == one.satellite and abs(look.at_ms - about_ms) <= HOUR_MS:
            return one.delay_h
    return None


def dice(seed: int, *stream: int) -> np.random.Generator:
    """A stream of chance of its own for each part of the world, so that a change in one leaves the others alone."""
    return np.random.Generator(np.random.PCG64([seed, *stream]))
