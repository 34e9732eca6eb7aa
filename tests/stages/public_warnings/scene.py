"""A small fire and an earthquake near Loja, for the tests of warnings."""

from typing import Any

import shapely

from almenara.model.events import WarningApproved
from almenara.stages.public_warnings import Situation, State, ThreatenedPlace, decide, evolve, send, shipped
from almenara.stages.public_warnings.situation import HOUR_MS, Policy

T0 = 1_725_372_000_000  # 2024-09-03 14:00 UTC
FIRE = shapely.union_all([shapely.box(-79.2, -4.0, -79.1932, -3.9966), shapely.box(-79.1966, -3.9966, -79.19, -3.99)])
SHAKEN = shapely.Point(-79.2, -4.0).buffer(0.7, quad_segs=18)
POLICY = Policy(emergency_number="911", timezone="America/Guayaquil")


def place(name: str, distance_m: float = 200.0, certainty: str = "Likely", **changes: Any) -> ThreatenedPlace:
    values: dict[str, Any] = {
        "id": name.lower(),
        "name": name,
        "kind": "town",
        "population": 4500,
        "lon": -79.195 + 0.001 * len(name),
        "lat": -3.995,
        "geometry": None,
        "alert_distance_m": 300.0,
        "distance_m": distance_m,
        "since_ms": T0,
        "certainty": certainty,
        "mmi": None,
    }
    return ThreatenedPlace(**(values | changes))


def fire(now_ms: int, *places: ThreatenedPlace, **changes: Any) -> Situation:
    values: dict[str, Any] = {
        "incident": "incident-fire-a",
        "kind": "fire",
        "hazards": ("fire-a",),
        "label": "",
        "first_seen_ms": T0 - HOUR_MS,
        "last_seen_ms": now_ms,
        "area_km2": 1.0,
        "footprint": FIRE,
        "magnitude": None,
        "depth_km": None,
        "epicentre": None,
        "priority": 3,
        "evidence": ("Aqua", "NOAA-20"),
        "places": places,
        "ended": False,
        "end_reason": "",
    }
    return Situation(**(values | changes))


def quake(now_ms: int, *places: ThreatenedPlace, **changes: Any) -> Situation:
    values: dict[str, Any] = {
        "incident": "incident-quake-us7000abcd",
        "kind": "earthquake",
        "hazards": ("quake-us7000abcd",),
        "first_seen_ms": T0,
        "area_km2": None,
        "footprint": SHAKEN,
        "magnitude": 7.1,
        "depth_km": 22.4,
        "epicentre": (-79.2, -4.0),
        "evidence": ("us",),
    }
    return fire(now_ms, *places, **(values | changes))


def ended(now_ms: int, reason: str, **changes: Any) -> Situation:
    """As the pipeline tells of an incident that closed: without places and footprint."""
    gone: dict[str, Any] = {"ended": True, "end_reason": reason, "footprint": None, "area_km2": None, "evidence": ()}
    return fire(now_ms, **(gone | changes))


def step(state: State, now_ms: int, *situations: Situation, policy: Policy = POLICY) -> list[Any]:
    """Decide and evolve as the pipeline does, what is approved being sent; the drafts, refusals and ends."""
    events = decide(state, situations, now_ms, policy, shipped())
    for event in events:
        evolve(state, event)
        if isinstance(event, WarningApproved):
            evolve(state, send(state, event.identifier, now_ms, policy))
    return [event for event in events if not isinstance(event, WarningApproved)]
