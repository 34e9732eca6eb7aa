"""Places that fires could reach, as a run's table tells them: each once, the likeliest first."""

import math
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from almenara.report.folder import Run
from almenara.report.maps import Mark


@dataclass(frozen=True, slots=True)
class Reachable:
    """A place that a fire could reach now."""

    place_id: str
    name: str
    kind: str
    where: tuple[str, ...]
    population: int | None
    lon: float
    lat: float
    distance_m: float
    lead_h: tuple[float | None, float | None, float | None]  # P95, P80, P50
    band: str
    basis: str
    calibrated: bool
    hazard_id: str


def reachable(run: Run) -> list[Reachable]:
    """Places that could be reached now, each once by the fire that is likeliest to, the likeliest first."""
    rows = [_reachable(row) for row in _live(run.could_reach).to_pylist()]
    rows.sort(key=lambda r: (r.band, or_far(r.lead_h[0]), -(r.population or 0), r.place_id, r.hazard_id))
    once: dict[str, Reachable] = {}
    for row in rows:
        once.setdefault(row.place_id, row)
    return list(once.values())


def count(run: Run) -> int:
    """How many places `reachable` finds."""
    live = _live(run.could_reach)
    return int(pc.count_distinct(pc.cast(live.column("place_id"), pa.string())).as_py()) if live.num_rows else 0


def marks(run: Run, hazards: set[str]) -> list[Mark]:
    """The places that some fires could reach, for their map."""
    live = _live(run.could_reach)
    if not live.num_rows:
        return []
    chosen = pc.is_in(pc.cast(live.column("hazard_id"), pa.string()), pa.array(sorted(hazards), pa.string()))
    rows = [_reachable(row) for row in live.filter(chosen).to_pylist()]
    return [Mark(r.lon, r.lat, r.name, observed=False) for r in rows if not math.isnan(r.lon)]


def or_far(hours: float | None) -> float:
    """Hours to sort by: none is the farthest."""
    return math.inf if hours is None else hours


def _live(could_reach: pa.Table | None) -> pa.Table:
    """Rows that last; those of a CSV have their nulls as empty texts."""
    if could_reach is None or not could_reach.num_rows:
        return pa.table({})
    until = pc.cast(could_reach.column("until"), pa.string())
    return could_reach.filter(pc.fill_null(pc.equal(until, ""), fill_value=True))


def _reachable(row: dict[str, Any]) -> Reachable:
    return Reachable(
        place_id=str(row["place_id"]),
        name=str(row["place_name"] or row["place_id"]),
        kind=str(row["place_kind"] or ""),
        where=tuple(str(row[part]) for part in ("admin", "country") if row[part]),
        population=row["population"],
        lon=math.nan if row["lon"] is None else row["lon"],
        lat=math.nan if row["lat"] is None else row["lat"],
        distance_m=row["distance_m"],
        lead_h=(row.get("lead_time_h"), row.get("lead_p80_h"), row.get("lead_p50_h")),
        band=str(row.get("band") or ""),
        basis=str(row.get("reach_basis") or ""),
        calibrated=bool(row.get("calibrated")),
        hazard_id=str(row["hazard_id"]),
    )
