"""Which places a fire could reach within hours, and the earliest moment of each band: advice, kept apart from exposure.

A row holds moments, so that a fire that is not seen again needs no new decision: its bands widen with the hours, and a
place is *listed* from the moment its fire's P95 band of 24 h holds it. Neither incidents nor warnings read this state
(decision 12).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from almenara.kernels.fire_fronts import rim_cells, tile_boxes
from almenara.kernels.grid import boxes_of
from almenara.kernels.place_index import PlaceIndex
from almenara.model.events import Event, ReachChanged
from almenara.model.observations import from_ipc, to_ipc
from almenara.stages.exposure import LEAVE_FACTOR, PLACES_CHANGED
from almenara.stages.exposure import State as Exposures
from almenara.stages.hazards import Fronts
from almenara.stages.reach_bands import (
    HORIZON_MAX_H,
    HORIZONS_H,
    LEVELS,
    OWN,
    PRIOR,
    bands_m,
    calibrated,
    hours_until,
    widened_m,
)

HOUR_MS = 3_600_000
DEGREE_MAX_M = 111_700.0  # of latitude, or of longitude on the equator
LISTED_AHEAD_MS = round(HORIZONS_H[-1] * HOUR_MS)
LAPSES_MS = round(HORIZON_MAX_H * HOUR_MS)  # after the last detection: then nothing is known of how far it is

CHANGES = pa.schema(
    [
        pa.field("hazard_id", pa.string(), nullable=False),
        pa.field("place_id", pa.string(), nullable=False),
        pa.field("change", pa.string(), nullable=False),  # entered | revised | left
        pa.field("distance_m", pa.float64(), nullable=False),  # footprint to place
        pa.field("since_ms", pa.int64(), nullable=False),  # listed from then on, which may lie ahead
        pa.field("until_ms", pa.int64()),
        pa.field("last_seen_ms", pa.int64(), nullable=False),  # the fire: bands count from here
        pa.field("basis", pa.string(), nullable=False),  # own advance | pooled prior
        pa.field("calibrated", pa.bool_(), nullable=False),
        *(pa.field(f"earliest_p{level}_ms", pa.int64()) for level in LEVELS),  # null: not within 48 h of the last look
    ]
)


class Near(msgspec.Struct, frozen=True):
    """A place that a fire could reach within 48 h of when it was last seen."""

    distance_m: float
    since_ms: int
    last_seen_ms: int
    basis: str
    calibrated: bool
    earliest_p50_ms: int | None
    earliest_p80_ms: int | None
    earliest_p95_ms: int | None


@dataclass(slots=True)
class State:
    """All that could be reached: hazard → place."""

    near: dict[str, dict[str, Near]] = field(default_factory=dict)


def evolve(state: State, event: Event, places: Exposures) -> State:
    """Take in what was decided, or forget places that are there no more."""
    if isinstance(event, PLACES_CHANGED):
        kept = {
            hazard: {place: row for place, row in near.items() if place in places.rows}
            for hazard, near in state.near.items()
        }
        state.near = {hazard: near for hazard, near in kept.items() if near}
    elif isinstance(event, ReachChanged):
        for row in from_ipc(event.table).drop_columns(["until_ms"]).to_pylist():
            hazard, place, change = row.pop("hazard_id"), row.pop("place_id"), row.pop("change")
            near = state.near.setdefault(hazard, {})
            if change != "left":
                near[place] = Near(**row)
                continue
            near.pop(place, None)
            if not near:
                del state.near[hazard]
    return state


def digest_parts(state: State) -> list[bytes]:
    """The state as bytes that depend on what was observed, never on the order it came in: all but since when."""
    near = ((hazard, place, row) for hazard in sorted(state.near) for place, row in sorted(state.near[hazard].items()))
    return [repr((hazard, place, msgspec.structs.replace(row, since_ms=0))).encode() for hazard, place, row in near]


def rising(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Of rows of hazards.CHANGES, the fires that could reach anything, in order of their names."""
    last = {row["hazard_id"]: row for row in rows if row["kind"] == "fire"}
    return sorted(name for name, row in last.items() if _rises(row))


def _rises(row: dict[str, Any]) -> bool:
    return row["state"] == "active" and row["into"] is None and row["suppressed"] is None


def describe(fronts: Fronts, now_ms: int) -> dict[str, dict[str, Any]]:
    """The bands of fires as of now, for people: metres in 6, 12, 24 h, what they rest on, how old the look is.

    A fire not seen for 48 h has none.
    """
    own = ~np.isnan(fronts.advance_m)
    bands = bands_m(own, fronts.fine, fronts.advance_m)
    hours = np.ceil((now_ms - fronts.last_seen_ms) / HOUR_MS)  # whole: wider, and the same from one minute to the next
    metres = np.ceil(widened_m(bands, hours)).astype(int).tolist()
    sure = calibrated(own[:, None], fronts.fine[:, None], np.array(HORIZONS_H) + hours[:, None]).tolist()
    return {
        hazard: {
            "basis": OWN if own[k] else PRIOR,
            "hours_since_seen": int(hours[k]),
            **{f"p{level}_m": metres[k][i] for i, level in enumerate(LEVELS)},
            "calibrated": sure[k],
        }
        for k, hazard in enumerate(fronts.hazards)
        if hours[k] < HORIZON_MAX_H
    }


def decide(
    state: State, rows: Sequence[dict[str, Any]], fronts: Fronts, places: Exposures, now_ms: int
) -> list[ReachChanged]:
    """What a step means for the places that could be reached.

    `rows` are those of hazards.CHANGES that touched fires, `fronts` the fires among them that are `rising`,
    `places` the exposures after the step.
    """
    changed = dict(_changes(state, rows, fronts, places, now_ms))
    if not changed:
        return []
    table = pa.Table.from_pylist([changed[key] for key in sorted(changed)], schema=CHANGES)
    return [ReachChanged(now_ms=now_ms, table=to_ipc(table))]


Key = tuple[str, str]  # hazard, place
Rows = Sequence[dict[str, Any]]


def _changes(
    state: State, rows: Rows, fronts: Fronts, places: Exposures, now_ms: int
) -> Iterator[tuple[Key, dict[str, Any]]]:
    before = _inherited(state, rows)
    found = _found(fronts, places, now_ms)
    touched = {row["hazard_id"] for row in rows} & state.near.keys() | found.keys()
    for hazard in sorted(touched):
        known, near = state.near.get(hazard, {}), {}
        for place, (new, leaves) in found.get(hazard, {}).items():
            old = before.get(hazard, known).get(place)
            listed = old is not None and old.since_ms <= now_ms
            near[place] = msgspec.structs.replace(new, since_ms=old.since_ms) if old and listed and not leaves else new
        for place, row in near.items():
            if row != known.get(place):
                yield (hazard, place), _row(hazard, place, "revised" if place in known else "entered", row, None)
        for place in known.keys() - near.keys():
            yield (hazard, place), _row(hazard, place, "left", known[place], now_ms)


def _inherited(state: State, rows: Rows) -> dict[str, dict[str, Near]]:
    """What was known under the names of fires that went on as another one in this step, and under its own."""
    into = {row["hazard_id"]: row["into"] for row in rows if row["into"] is not None}
    known: dict[str, dict[str, Near]] = {}
    for hazard in sorted(into):
        last = hazard
        while last in into:
            last = into[last]
        for place, near in state.near.get(hazard, {}).items():
            own = known.setdefault(last, dict(state.near.get(last, {})))
            own[place] = min(near, own.get(place, near), key=lambda n: n.since_ms)
    return known


def _found(fronts: Fronts, places: Exposures, now_ms: int) -> dict[str, dict[str, tuple[Near, bool]]]:
    """Places that fires could reach within 48 h of their last detections, and whether each is beyond leaving.

    Places that are exposed already are left out.
    """
    assert places.index is not None
    own = ~np.isnan(fronts.advance_m)
    if not len(own):
        return {}
    bands = bands_m(own, fronts.fine, fronts.advance_m)
    far_m = bands[:, -1, -1] * (HORIZON_MAX_H / HORIZONS_H[-1])
    fire, place, metres = _nearest(fronts, far_m, places.index)
    hours = hours_until(metres, bands[fire])
    leaving = hours_until(metres / LEAVE_FACTOR, bands[fire, -1:])[:, 0]
    sure = calibrated(own[fire], fronts.fine[fire], hours[:, -1])
    ids = places.places.column("id").take(pa.array(place)).to_pylist()
    found: dict[str, dict[str, tuple[Near, bool]]] = {}
    columns = (array.tolist() for array in (fire, metres, hours, leaving, sure))
    for name, k, m, h, late, certain in zip(ids, *columns, strict=True):
        hazard, last = fronts.hazards[k], int(fronts.last_seen_ms[k])
        if h[-1] > HORIZON_MAX_H or name in places.exposures.get(hazard, {}):
            continue
        moments = [last + round(x * HOUR_MS) if x <= HORIZON_MAX_H else None for x in h]
        listed = last + round(h[-1] * HOUR_MS) - LISTED_AHEAD_MS
        near = Near(m, max(last, listed), last, OWN if own[k] else PRIOR, certain, *moments)
        found.setdefault(hazard, {})[name] = near, last + round(late * HOUR_MS) - LISTED_AHEAD_MS > now_ms
    return found


def _nearest(
    fronts: Fronts, far_m: NDArray[np.float64], index: PlaceIndex
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Every fire (its number) and place within a distance of each other, once, with that distance.

    Asked of fires' boxes, then of the tiles of those that have any place near, and of cells only in the tiles that may
    hold the nearest one: what a fire grew to far from any place costs nothing.
    """
    boxes = tile_boxes(fronts.tiles, fronts.bits)
    owner = np.repeat(np.arange(len(fronts.hazards)), np.diff(fronts.starts))
    tiles = np.flatnonzero(~_lonely(fronts.starts, boxes, far_m, index)[owner])
    west, south, east, north = (side[tiles] for side in boxes)
    near = index.within_boxes(west, south, east, north, _more(far_m[owner[tiles]]))
    tile, place = tiles[near.observation], near.place
    least, most = near.distance_m, _more(near.distance_m + _diagonals_m(west, south, east, north)[near.observation])
    order, begins = _by_pair(owner[tile], place)
    bound = np.minimum.reduceat(most[order], begins) if len(order) else most
    bound = np.repeat(bound, np.diff(begins, append=len(order)))
    may = order[least[order] <= bound]
    reach_m = np.zeros(len(owner))
    np.maximum.at(reach_m, tile[may], bound[least[order] <= bound])
    asked = np.flatnonzero(reach_m)
    cells, of = rim_cells(fronts.tiles[asked], fronts.bits[asked])
    whose = owner[asked[of]]
    west, south, east, north = boxes_of(cells)
    within = index.within_boxes(west, south, east, north, np.minimum(reach_m[asked[of]], far_m[whose]))
    fire, place, metres = whose[within.observation], within.place, within.distance_m
    order, begins = _by_pair(fire, place)
    shortest = np.minimum.reduceat(metres[order], begins) if len(order) else metres
    first = order[begins]
    return fire[first], place[first], shortest


def _by_pair(fire: NDArray[np.int64], place: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows in order of fire and place, and where each pair begins among them."""
    order = np.lexsort((place, fire))
    other = np.ones(len(order), bool)
    other[1:] = (np.diff(fire[order]) != 0) | (np.diff(place[order]) != 0)
    return order, np.flatnonzero(other)


def _lonely(
    starts: NDArray[np.int64], boxes: tuple[NDArray[np.float64], ...], far_m: NDArray[np.float64], index: PlaceIndex
) -> NDArray[np.bool_]:
    """Fires with no place anywhere near: most of them, told by one query each for the box of all their cells."""
    west, south, east, north = boxes
    first = starts[:-1]
    sides = (np.minimum.reduceat(west, first), np.minimum.reduceat(south, first),
             np.maximum.reduceat(east, first), np.maximum.reduceat(north, first))  # fmt: skip
    # A box is measured less exactly the larger it is; that one across the antimeridian goes round the Earth is rare.
    near = index.within_boxes(*sides, far_m * 1.05 + 1_000.0)
    lonely = np.ones(len(first), bool)
    lonely[near.observation] = False
    return lonely


def _more(metres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances and what those to boxes of different size may differ by beside it."""
    return np.asarray(metres * 1.02 + 1.0)


def _diagonals_m(
    west: NDArray[np.float64], south: NDArray[np.float64], east: NDArray[np.float64], north: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far apart two points of a box can be."""
    widest = np.cos(np.radians(np.minimum(np.abs(south), np.abs(north))))
    return np.asarray(np.hypot((east - west) * widest, north - south) * DEGREE_MAX_M)


def _row(hazard: str, place: str, change: str, near: Near, until_ms: int | None) -> dict[str, Any]:
    return {
        "hazard_id": hazard,
        "place_id": place,
        "change": change,
        "until_ms": until_ms,
        **msgspec.structs.asdict(near),
    }
