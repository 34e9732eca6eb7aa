"""What truly happened in an exercise world: for tests, for scoring, and for nobody who is being exercised."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from almenara.places import load_places
from almenara.simulation.fire_spread import HOUR_MS, LAT_M, LON_M, Burn, first_contact_ms, to_metres
from almenara.simulation.quakes import Quake
from almenara.simulation.scenario import Scenario
from almenara.simulation.sensing import RESIDENCE_MS, Sensed

#: Within this distance of a true perimeter a town counts as reached (the default alert distance).
REACH_M = 300.0
#: Shaking from which light damage is expected.
INTENSITY_DAMAGING = 6.0


def describe_truth(plan: Scenario, seed: int, burns: list[Burn], sensed: Sensed, quakes: list[Quake]) -> dict[str, Any]:
    """The truth as plain values, ready for JSON; times in milliseconds since 1970-01-01 UTC."""
    towns = load_places(plan.places_spec).table.select(["id", "name", "lon", "lat"]).to_pylist()
    fires = [
        _fire(plan, burn, number, towns) | _seen(burn, number, sensed, index)
        for index, burn in enumerate(burns)
        for number in range(len(burn.landscape.ignitions))
    ]
    merges = [
        {"at_ms": at_ms, "fires": [burn.landscape.ignitions[one].name for one in pair]}
        for burn in burns
        for pair, at_ms in sorted(first_contact_ms(burn).items())
    ]
    shocks = [_shock(quake, towns) for quake in plan.quakes]
    return {
        "scenario": plan.name,
        "seed": seed,
        "start_ms": plan.start_ms,
        "end_ms": plan.end_ms,
        "fires": fires,
        "merges": merges,
        "quakes": shocks,
        "aftershocks": sum(quake.code.startswith("7000x0") for quake in quakes),
        "static": _static(plan, sensed),
        "incidents": _incidents(plan, fires, merges, shocks),
        "harmless": [*plan.harmless, "farm burns", *(flare.name for flare in plan.flares)]
        + [quake.code for quake in plan.quakes if quake.kind != "earthquake"],
        "disturbances": [
            {
                "feed": one.feed,
                "what": one.what,
                "from_ms": plan.start_ms + round(one.from_h * HOUR_MS),
                "until_ms": plan.start_ms + round(one.until_h * HOUR_MS),
            }
            for one in plan.disturbances
        ],
    }


def intensity(magnitude: float, distance_km: float) -> float:
    """Expected MMI at a hypocentral distance (Allen, Wald & Worden 2012, active crust, no site term).

    >>> round(intensity(7.0, 20.0), 1), round(intensity(7.0, 80.0), 1)
    (7.6, 6.0)
    """
    near = -0.209 + 2.042 * math.exp(magnitude - 5.0)
    far = 0.078 * math.log(distance_km / 50.0) if distance_km > 50.0 else 0.0
    return 2.085 + 1.428 * magnitude - 1.402 * math.log(math.hypot(distance_km, near)) + far


def _fire(plan: Scenario, burn: Burn, number: int, towns: list[dict[str, Any]]) -> dict[str, Any]:
    ignition = burn.landscape.ignitions[number]
    reached = []
    for town in towns:
        if abs(town["lon"] - burn.landscape.lon) < 0.3 and abs(town["lat"] - burn.landscape.lat) < 0.3:
            at_ms = burn.first_within_ms(town["lon"], town["lat"], REACH_M, number)
            if at_ms is not None:
                reached.append({"id": town["id"], "name": town["name"], "at_ms": at_ms})
    perimeters: list[dict[str, Any]] = []
    for hour in range(plan.hours + 1):
        at_ms = plan.start_ms + hour * HOUR_MS
        area_m2 = burn.area_m2(at_ms, number)
        if area_m2 and (not perimeters or perimeters[-1]["area_m2"] != area_m2):
            shape = shapely.to_wkt(burn.perimeter(at_ms, number), rounding_precision=5)
            perimeters.append({"at_ms": at_ms, "area_m2": area_m2, "wkt": shape})
    return {
        "name": ignition.name,
        "lon": ignition.lon,
        "lat": ignition.lat,
        "ignited_ms": ignition.at_ms,
        "contained_ms": ignition.contained_ms,
        "towns": sorted(reached, key=lambda town: (town["at_ms"], town["id"])),
        "perimeters": perimeters,
    }


def _seen(burn: Burn, number: int, sensed: Sensed, source: int) -> dict[str, Any]:
    """What satellites saw of one fire: pixels whose nearest cell in flames was its own."""
    rows = np.flatnonzero(sensed.rows.source == source)
    own = []
    for at_ms in np.unique(sensed.rows.time_ms[rows]):
        cells = burn.burning(int(at_ms), RESIDENCE_MS)
        x, y = to_metres(burn.landscape, *burn.lon_lat(cells))
        for row in rows[sensed.rows.time_ms[rows] == at_ms]:
            here = sensed.rows.pick(np.array([row]))
            px, py = to_metres(burn.landscape, here.lon, here.lat)
            nearest = cells[np.argmin((x - px) ** 2 + (y - py) ** 2)]
            if burn.owner.ravel()[nearest] == number:
                own.append(row)
    return {
        "detections": len(own),
        "first_seen_ms": int(sensed.rows.time_ms[own].min()) if own else None,
        "first_published_ms": int(sensed.published_ms[own].min()) if own else None,
    }


def _shock(quake: Quake, towns: list[dict[str, Any]]) -> dict[str, Any]:
    """The final word on an event of the scenario, and the towns it shakes so that damage is expected."""
    last = quake.revisions[-1]
    shaken = []
    if quake.kind == "earthquake" and last.status != "deleted":
        for town in towns:
            x = (town["lon"] - quake.lon) * LON_M * math.cos(math.radians(quake.lat)) / 1000.0
            y = (town["lat"] - quake.lat) * LAT_M / 1000.0
            felt = intensity(last.magnitude, math.hypot(x, y, last.depth_km))
            if felt >= INTENSITY_DAMAGING:
                shaken.append({"id": town["id"], "name": town["name"], "intensity": round(felt, 2)})
    return {
        "id": quake.network + quake.code,
        "kind": quake.kind,
        "at_ms": quake.at_ms,
        "lon": quake.lon,
        "lat": quake.lat,
        "place": quake.place,
        "magnitude": last.magnitude,
        "magnitude_first": quake.revisions[0].magnitude,
        "status": last.status,
        "published_ms": [revision.published_ms for revision in quake.revisions],
        "towns": sorted(shaken, key=lambda town: (-town["intensity"], town["id"])),
    }


def _static(plan: Scenario, sensed: Sensed) -> list[dict[str, Any]]:
    found = []
    for number, name in sensed.names.items():
        if sensed.heat_class[number] == 2:
            days = np.unique(sensed.rows.time_ms[sensed.rows.source == number] // (24 * HOUR_MS))
            before = int(np.count_nonzero(days < plan.start_ms // (24 * HOUR_MS)))
            found.append({"name": name, "hot_days": int(days.size), "hot_days_before": before})
    return found


def _incidents(
    plan: Scenario, fires: list[dict[str, Any]], merges: list[dict[str, Any]], shocks: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What responders should have ended up with: one for each group of fires that met, one for the earthquakes."""
    groups = {fire["name"]: {fire["name"]} for fire in fires if fire["towns"]}
    for merge in merges:
        for one, two in pairwise(merge["fires"]):
            if one in groups and two in groups:
                union = groups[one] | groups[two]
                groups |= dict.fromkeys(union, union)
    incidents: list[dict[str, Any]] = []
    for group in sorted({tuple(sorted(names)) for names in groups.values()}):
        towns = {town["id"]: town["name"] for fire in fires if fire["name"] in group for town in fire["towns"]}
        incidents.append({"kind": "fire", "hazards": list(group), "towns": towns})
    shaking = [shock for shock in shocks if shock["towns"]]
    if shaking:
        towns = {town["id"]: town["name"] for shock in shaking for town in shock["towns"]}
        incidents.append({"kind": "earthquake", "hazards": [shock["id"] for shock in shaking], "towns": towns})
    return incidents
