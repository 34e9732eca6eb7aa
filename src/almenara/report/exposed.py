"""Exposures as the report tells them: each place once, by its most urgent hazard, the most important first."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from almenara.report.markup import parse_time

_COLUMNS = (
    "hazard_id", "place_id", "place_name", "place_kind", "population", "country", "admin", "lon", "lat", "distance_m",
    "since", "until", "basis", "certainty", "suppressed", "mmi",
)  # fmt: skip
_NO_PRIORITY = 9


@dataclass(frozen=True, slots=True)
class Exposed:
    """A place within reach of a hazard now."""

    place_id: str
    name: str
    kind: str
    population: int | None
    country: str
    admin: str
    lon: float
    lat: float
    distance_m: float | None
    since: datetime | None
    basis: str
    certainty: str
    mmi: float | None
    hazard_id: str
    hazards: int  # that reach this place now, this one included
    priority: int | None  # of the incident


@dataclass(frozen=True, slots=True)
class Exposures:
    """The exposures of a run: `now` holds places within reach, most important first."""

    now: list[Exposed]  # at most `shown_max`
    places: int  # within reach now
    people: int  # in them, where known
    people_unknown: int  # places whose population nobody knows
    ended: int  # exposures that are over
    suppressed: int  # exposures by sources of heat that are no wildfire


def exposures(table: pa.Table | None, priorities: Mapping[str, int], *, shown_max: int) -> Exposures:
    """Sort and sum up; `priorities` gives the priority of each hazard's incident."""
    if table is None or not table.num_rows:
        return Exposures([], 0, 0, 0, 0, 0)
    table = _complete(table)
    quiet = pc.is_valid(table.column("suppressed"))
    over = pc.is_valid(table.column("until"))
    suppressed = pc.sum(quiet).as_py() or 0
    ended = pc.sum(pc.and_(over, pc.invert(quiet))).as_py() or 0
    live = table.filter(pc.and_(pc.invert(quiet), pc.invert(over)))
    if not live.num_rows:
        return Exposures([], 0, 0, 0, ended, suppressed)
    live, counts = _by_place(live, priorities)
    people = live.column("population")
    return Exposures(
        now=[
            _exposed(row, n, priorities) for row, n in zip(live.slice(0, shown_max).to_pylist(), counts, strict=False)
        ],
        places=live.num_rows,
        people=int(pc.sum(people).as_py() or 0),
        people_unknown=people.null_count,
        ended=ended,
        suppressed=suppressed,
    )


def of_hazards(table: pa.Table | None, hazards: set[str], *, shown_max: int) -> list[Exposed]:
    """Places that were or are within reach of some hazards, the nearest first: what a zoomed map shows."""
    if table is None or not table.num_rows:
        return []
    chosen = pc.is_in(
        pc.cast(_complete(table).column("hazard_id"), pa.string()), pa.array(sorted(hazards), pa.string())
    )
    near, counts = _by_place(_complete(table.filter(chosen)), {})
    near = near.append_column("n", pa.array(counts)).sort_by("distance_m").slice(0, shown_max)
    return [_exposed(row, row["n"], {}) for row in near.to_pylist()]


def nearest_places(table: pa.Table | None) -> dict[str, str]:
    """Hazard → name of the place that it came nearest to."""
    if table is None or not table.num_rows:
        return {}
    table = _complete(table).select(["hazard_id", "place_name", "distance_m"]).sort_by("distance_m")
    hazard = pc.cast(table.column("hazard_id"), pa.string()).combine_chunks().dictionary_encode()
    codes, first = np.unique(hazard.indices.to_numpy(zero_copy_only=False), return_index=True)
    names = table.column("place_name").take(pa.array(first)).to_pylist()
    hazards = hazard.dictionary.take(pa.array(codes)).to_pylist()
    return {code: str(name) for code, name in zip(hazards, names, strict=True) if name}


def _complete(table: pa.Table) -> pa.Table:
    """The table with every column the report reads, in forms it can sort; empty texts of a CSV become nulls."""
    columns: dict[str, Any] = {}
    for column in _COLUMNS:
        if column not in table.column_names:
            columns[column] = pa.nulls(table.num_rows, pa.string())
            continue
        values = table.column(column)
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if column in ("suppressed", "until") and pa.types.is_string(values.type):
            values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
        if column in ("distance_m", "lon", "lat", "mmi"):
            values = pc.cast(values, pa.float64())
        if column == "population":
            values = pc.cast(values, pa.int64())
        columns[column] = values
    return pa.table(columns)


def _by_place(table: pa.Table, priorities: Mapping[str, int]) -> tuple[pa.Table, list[int]]:
    """One row for each place, important ones first, with the number of hazards that reach it."""
    if not table.num_rows:
        return table, []
    hazard = pc.cast(table.column("hazard_id"), pa.string()).combine_chunks().dictionary_encode()
    ranks = np.array([priorities.get(h, _NO_PRIORITY) for h in hazard.dictionary.to_pylist()], dtype=np.int64)
    rank = ranks[hazard.indices.to_numpy(zero_copy_only=False)]
    people = pc.fill_null(table.column("population"), 0).to_numpy()
    away = np.nan_to_num(pc.fill_null(table.column("distance_m"), math.inf).to_numpy(), nan=math.inf)
    place = pc.cast(table.column("place_id"), pa.string()).combine_chunks().dictionary_encode()
    code = place.indices.to_numpy(zero_copy_only=False)
    # The place's own row is that of its most urgent, then nearest hazard; places then go by urgency and people.
    order = np.lexsort((away, rank))
    _, first = np.unique(code[order], return_index=True)
    chosen = order[first]
    counts = np.bincount(code)
    chosen = chosen[np.lexsort((code[chosen], away[chosen], -people[chosen], rank[chosen]))]
    return table.take(pa.array(chosen)), counts[code[chosen]].tolist()


def _exposed(row: dict[str, Any], hazards: int, priorities: Mapping[str, int]) -> Exposed:
    return Exposed(
        place_id=str(row["place_id"]),
        name=str(row["place_name"] or row["place_id"]),
        kind=str(row["place_kind"] or ""),
        population=row["population"],
        country=str(row["country"] or ""),
        admin=str(row["admin"] or ""),
        lon=math.nan if row["lon"] is None else row["lon"],
        lat=math.nan if row["lat"] is None else row["lat"],
        distance_m=row["distance_m"],
        since=_time(row["since"]),
        basis=str(row["basis"] or ""),
        certainty=str(row["certainty"] or ""),
        mmi=row["mmi"],
        hazard_id=str(row["hazard_id"]),
        hazards=hazards,
        priority=priorities.get(str(row["hazard_id"])),
    )


def _time(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return parse_time(value)
