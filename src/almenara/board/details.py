"""What is shown of one hazard beyond its form: whom it threatens, whom it could reach, and what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.board.forms import moment, utc
from almenara.board.places import PlaceBook
from almenara.pipeline import State, fires_of
from almenara.stages import reach
from almenara.stages.hazards import View
from almenara.stages.hazards._fire_rows import MINUTE_MS
from almenara.stages.reach import HOUR_MS, LISTED_AHEAD_MS, Near
from almenara.stages.reach_bands import HORIZONS_H, LEVELS

#: The nearest places of one hazard that are told one by one.
PLACES_MAX = 2_000
#: The newest observations of one hazard that are told one by one.
OBSERVATIONS_MAX = 5_000
CONFIDENCES = ("low", "nominal", "high")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a hazard rests on, as far as the state knows it; where it came from is in the log."""

    total: int
    rows: list[dict[str, Any]]  # the newest first
    keys: NDArray[np.uint64]  # n × 2: what names each row in the log
    references: frozenset[str]  # where observations are named by their provider instead


def exposures(state: State, places: PlaceBook, hazard: str) -> list[dict[str, Any]]:
    """The places within reach now, the nearest first."""
    found = state.exposure.exposures.get(hazard, {})
    nearest = sorted(found, key=lambda place: (found[place].distance_m, place))[:PLACES_MAX]
    told = places.describe(nearest)
    return [
        {
            "hazard_id": hazard,
            "place": told[place],
            "distance_m": round(found[place].distance_m, 1),
            "since": moment(found[place].since),
            "until": None,
            "basis": found[place].basis,
            "certainty": found[place].certainty,
            "suppressed": found[place].suppressed,
            "mmi": found[place].mmi,
        }
        for place in nearest
        if place in told
    ]


def could_reach(state: State, places: PlaceBook, hazard: str, now_ms: int) -> list[dict[str, Any]]:
    """The places that a fire could reach within a day, the soonest first: advice, no exposure."""
    near = {place: one for place, one in state.reach.near.get(hazard, {}).items() if one.since_ms <= now_ms}
    told = places.describe(list(near)[:PLACES_MAX])
    rows = [{"place": told[place], **_reached(one, now_ms)} for place, one in near.items() if place in told]
    return sorted(rows, key=lambda row: (row["earliest"] or "9", row["place"]["id"]))


def bands(state: State, hazards: Sequence[str], now_ms: int) -> dict[str, dict[str, Any]]:
    """How far fires that burn could reach: metres by level and horizon (6, 12, 24 h)."""
    views = (name for name in hazards if name in fires_of(state).facts.numbers)
    return reach.describe(fires_of(state).fronts(list(views)), now_ms)


def horizons() -> tuple[float, ...]:
    """The hours that `bands` speaks of."""
    return HORIZONS_H


def evidence(state: State, view: View) -> Evidence:
    """What a hazard rests on."""
    if view.kind == "warning":
        return Evidence(view.observations, [], _no_keys(), frozenset(view.extra.get("messages", ())))
    if view.kind == "earthquake":
        return Evidence(view.observations, [], _no_keys(), frozenset({view.id.removeprefix("quake-")}))
    if view.state == "merged":  # its observations are the other's now
        return Evidence(0, [], _no_keys(), frozenset())
    found, total = fires_of(state).read.detections_of(view.id, OBSERVATIONS_MAX)
    columns = {name: column.tolist() for name, column in found.items()}
    rows = [
        {
            "time": moment(t * MINUTE_MS),
            "lon": round(lon, 5),
            "lat": round(lat, 5),
            "across_m": round(across, 1),
            "along_m": round(along, 1),
            "value": None if value != value else round(value, 2),
            "confidence": CONFIDENCES[confidence],
            "platform": platform,
        }
        for t, lon, lat, across, along, value, confidence, platform in zip(
            *(columns[name] for name in ("t", "lon", "lat", "across_m", "along_m", "value", "confidence", "platform")),
            strict=True,
        )
    ]
    return Evidence(total, rows, np.stack((found["key_hi"], found["key_lo"]), axis=1), frozenset())


def passes(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Observations counted by look: one row for each time and platform, in order of time."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        one = found.setdefault(
            (row["time"], row["platform"]),
            {
                "time": row["time"],
                "platform": row["platform"],
                "instrument": row.get("instrument"),
                "source": row.get("source"),
                "observations": 0,
                **dict.fromkeys(CONFIDENCES, 0),
                "frp_mw": None,
            },
        )
        one["observations"] += 1
        one[row["confidence"]] += 1
        if row["value"] is not None:
            one["frp_mw"] = round((one["frp_mw"] or 0.0) + row["value"], 2)
    return [found[key] for key in sorted(found)]


def _reached(one: Near, now_ms: int) -> dict[str, Any]:
    earliest = {level: getattr(one, f"earliest_p{level}_ms") for level in LEVELS}
    held = [level for level, at in earliest.items() if at is not None and at <= now_ms + LISTED_AHEAD_MS]
    level = min(held, default=LEVELS[-1])
    at_ms = earliest[level]
    return {
        "distance_m": round(one.distance_m, 1),
        "band": f"P{level}",
        "within_h": None if at_ms is None else round(max(0, at_ms - now_ms) / HOUR_MS, 1),
        "earliest": utc(at_ms),
        "basis": one.basis,
        "calibrated": one.calibrated,
    }


def _no_keys() -> NDArray[np.uint64]:
    return np.empty((0, 2), np.uint64)
