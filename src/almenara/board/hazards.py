"""Hazards as they are shown: from what the followers hold, the places they threaten, and what persons said."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

from almenara.board.forms import Hazard, Labelled, moment
from almenara.board.places import PlaceBook
from almenara.pipeline import State, fires_of
from almenara.stages.hazards import View
from almenara.stages.hazards._fire_rows import MINUTE_MS, STATES

#: States in which a hazard stands on the board; one that is over is looked up when somebody asks.
STANDING = ("active", "dormant")


@dataclass(frozen=True, slots=True)
class Seen:
    """A hazard's form and its footprint; without a form it does not stand any more."""

    id: str
    form: Hazard | None
    shape: BaseGeometry | None = None


def standing(state: State) -> list[str]:
    """The ids of all hazards that stand."""
    fires = fires_of(state)
    found = [fires.facts.ids[fire] for fire in fires.facts.open_fires().tolist()]
    for kind, follower in state.hazards.items():
        if kind != "fire":
            found += [view.id for view in follower.views() if view.state in STANDING]
    return found


def over(state: State, told: str) -> list[str]:
    """The ids of all hazards in a state in which they are over."""
    facts = fires_of(state).facts
    code = STATES.index(told) if told in STATES else -1
    found = [name for fire, name in facts.ids.items() if facts.state[fire] == code]
    for kind, follower in state.hazards.items():
        if kind != "fire":
            found += [view.id for view in follower.views() if view.state == told]
    return found


def seen(state: State, places: PlaceBook, hazards: Iterable[str]) -> Iterator[Seen]:
    """Some hazards as they stand now."""
    for hazard, view, growing_h in _views(state, hazards):
        if view is None or view.state not in STANDING:
            yield Seen(hazard, None)
        else:
            yield Seen(hazard, form_of(state, places, view, growing_h), view.footprint)


def find(state: State, places: PlaceBook, hazard: str) -> tuple[Hazard, View] | None:
    """One hazard whatever its state; None when none of that id is followed."""
    for _, view, growing_h in _views(state, [hazard]):
        if view is not None:
            return form_of(state, places, view, growing_h), view
    return None


def footprint_of(state: State, view: View, at_ms: int | None) -> BaseGeometry | None:
    """A hazard's footprint, as it stands or as of a time; None before it was seen."""
    fires = fires_of(state)
    number = fires.facts.numbers.get(view.id)
    if at_ms is not None and view.kind == "fire" and number is not None:
        shape: BaseGeometry = fires.tracker.outline_at(number, at_ms // MINUTE_MS)
        return None if shape.is_empty else shape
    if at_ms is not None and view.first_seen_ms > at_ms:
        return None
    return view.footprint if view.footprint is not None else view.extra.get("felt")


def form_of(state: State, places: PlaceBook, view: View, growing_h: float | None) -> Hazard:
    """A hazard's form."""
    bbox, centre = _extent(view)
    label = state.attention.labels.get(view.id)
    return Hazard(
        id=view.id,
        kind=view.kind,
        state=view.state,
        label=view.label,
        first_seen=moment(view.first_seen_ms),
        last_seen=moment(view.last_seen_ms),
        area_km2=None if view.area_km2 is None else round(view.area_km2, 4),
        observations=view.observations,
        confidence=view.confidence,
        certainty=view.certainty,
        suppressed=view.suppressed,
        platforms=view.platforms,
        frp_max_mw=None if view.frp_max_mw is None else round(view.frp_max_mw, 2),
        magnitude=view.magnitude,
        depth_km=view.depth_km,
        epicentre=view.epicentre,
        bbox=bbox,
        centre=centre,
        exposed=places.exposed(state.exposure.exposures.get(view.id, {})),
        incident=state.incidents.of_hazard.get(view.id),
        growing_h=growing_h,
        labelled=None
        if label is None
        else Labelled(label=label.label, by=label.by, at=moment(label.at_ms), reason=label.reason),
    )


def _views(state: State, hazards: Iterable[str]) -> Iterator[tuple[str, View | None, float | None]]:
    fires = fires_of(state)
    numbers = fires.facts.numbers
    wanted = list(dict.fromkeys(hazards))
    burning = [hazard for hazard in wanted if hazard in numbers]
    growing = fires.read.growing_h(burning) if burning else {}
    views = dict(zip(burning, fires.read.views_named(burning), strict=True)) if burning else {}
    others = [follower for kind, follower in state.hazards.items() if kind != "fire"]
    for hazard in wanted:
        view = views.get(hazard)
        for follower in others if view is None else ():
            try:
                view = follower.view(hazard)
            except KeyError:
                continue
            break
        yield hazard, view, growing.get(hazard)


def _extent(
    view: View,
) -> tuple[tuple[float, float, float, float] | None, tuple[float, float] | None]:
    """Bounds and a point to put a sign at; those of an earthquake that is felt nowhere are its epicentre's."""
    if view.footprint is None or view.footprint.is_empty:
        if view.epicentre is None:
            return None, None
        lon, lat = view.epicentre
        return (lon, lat, lon, lat), (lon, lat)
    west, south, east, north = (round(side, 5) for side in shapely.bounds(view.footprint).tolist())
    if view.epicentre is not None:
        return (west, south, east, north), view.epicentre
    point = shapely.centroid(view.footprint)
    return (west, south, east, north), (round(point.x, 5), round(point.y, 5))
