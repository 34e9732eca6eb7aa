"""The places that fires could reach as people are told of them: hours from now, the band, and how sure that is."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from almenara.stages.reach import HOUR_MS, LAPSES_MS, LISTED_AHEAD_MS
from almenara.stages.reach_bands import LEVELS

BASIS = "could be reached"

#: What such a row says beside an exposure's columns.
COLUMNS = pa.schema(
    [
        pa.field("lead_time_h", pa.float64()),  # until the P95 band meets the place: the earliest that it could come
        pa.field("lead_p80_h", pa.float64()),
        pa.field("lead_p50_h", pa.float64()),
        pa.field("band", pa.string()),  # the least of P50, P80, P95 that holds the place within 24 h
        pa.field("reach_basis", pa.string()),  # own advance | pooled prior
        pa.field("calibrated", pa.bool_()),
    ]
)

NOTE = (
    "Places that a fire could reach within 24 hours; it need not. P50, P80, P95: in 50, 80, 95 of 100 past fires that "
    "were seen again, all that newly burned lay inside the band. Wind, fuel and ground are not considered. Rows that "
    "are not calibrated use the band of a longer horizon."
)


def listed(changes: Iterable[pa.Table], now_ms: int) -> list[dict[str, Any]]:
    """The last word on each fire × place that is or was listed, by fire and place, with an exposure's columns."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for table in changes:
        for row in table.to_pylist():
            last[row["hazard_id"], row["place_id"]] = row
    rows = (_told(last[key], now_ms) for key in sorted(last))
    return [row for row in rows if row is not None]


def _told(row: dict[str, Any], now_ms: int) -> dict[str, Any] | None:
    """A row for people; None when the place was never listed."""
    lapses = row["last_seen_ms"] + LAPSES_MS
    until = row["until_ms"] if row["until_ms"] is not None else lapses if lapses <= now_ms else None
    at_ms = now_ms if until is None else until
    if row["since_ms"] > at_ms:
        return None
    earliest = [row[f"earliest_p{level}_ms"] for level in LEVELS]
    holds = [
        level for level, at in zip(LEVELS, earliest, strict=True) if at is not None and at <= at_ms + LISTED_AHEAD_MS
    ]
    leads = [None if at is None or until is not None else max(0, at - now_ms) / HOUR_MS for at in earliest]
    return {
        **{name: row[name] for name in ("hazard_id", "place_id", "distance_m", "calibrated")},
        "since": row["since_ms"],
        "until": until,
        "basis": BASIS,
        "certainty": "Possible",
        "suppressed": None,
        "mmi": None,
        "lead_time_h": _tenths(leads[2]),
        "lead_p80_h": _tenths(leads[1]),
        "lead_p50_h": _tenths(leads[0]),
        "band": f"P{min(holds, default=LEVELS[-1])}",
        "reach_basis": row["basis"],
    }


def _tenths(hours: float | None) -> float | None:
    return None if hours is None else round(hours, 1)


def summary(table: pa.Table) -> dict[str, Any]:
    """Numbers of the rows that last, with the sentence that must stand beside them."""
    rows = [row for row in table.to_pylist() if row["until"] is None]
    places = {row["place_id"]: row["population"] for row in rows}
    return {
        "places": len(places),
        "population": sum(people for people in places.values() if people is not None),
        "total": len(rows),
        **{f"P{level}": sum(row["band"] == f"P{level}" for row in rows) for level in LEVELS},
        "not_calibrated": sum(not row["calibrated"] for row in rows),
        "over": table.num_rows - len(rows),
        "note": NOTE,
    }
