"""Sums over the places that something threatens, from columns that are taken out of their table once."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from shapely.geometry.base import BaseGeometry

from almenara.board.forms import Exposed, Nearest
from almenara.stages.exposure import Exposure
from almenara.stages.exposure import State as Exposures

#: What is told of a place beside what threatens it.
TOLD = ("id", "name", "kind", "population", "lon", "lat", "country", "admin")


class PlaceBook:
    """Populations and names of the protected places; made anew when the places are."""

    def __init__(self, exposures: Exposures) -> None:
        self.table = exposures.places
        self._exposures = exposures
        people = self.table.column("population").combine_chunks()
        self._people = people.fill_null(0).to_numpy()
        self._lon, self._lat = (self.table.column(name).to_numpy() for name in ("lon", "lat"))
        self._known = people.is_valid().to_numpy(zero_copy_only=False)

    def is_of(self, exposures: Exposures) -> bool:
        """Whether this is the book of these places."""
        return exposures is self._exposures and exposures.places is self.table

    def exposed(self, found: Mapping[str, Exposure]) -> Exposed:
        """The places that a hazard threatens, in three numbers and the nearest of them."""
        here = {place: one for place, one in found.items() if place in self._exposures.rows}
        if not here:
            return Exposed(places=0, population=None, nearest=None)
        name = min(here, key=lambda place: (here[place].distance_m, -(self.people([place]) or 0), place))
        place = self._exposures.place(name)
        nearest = Nearest(
            id=name,
            name=place.name,
            kind=place.kind,
            distance_m=round(here[name].distance_m, 1),
            population=place.population,
        )
        return Exposed(places=len(here), population=self.people(here), nearest=nearest)

    def describe(self, places: Collection[str]) -> dict[str, dict[str, Any]]:
        """What is told of some places, by id; those that are gone are left out."""
        named = [place for place in places if place in self._exposures.rows]
        at = pa.array([self._exposures.rows[place] for place in named], pa.int64())
        rows = self.table.select(TOLD).take(at).to_pylist()
        return dict(zip(named, rows, strict=True))

    def inside(self, area: BaseGeometry) -> list[str]:
        """The places whose point lies in an area."""
        if area.is_empty:
            return []
        west, south, east, north = area.bounds
        near = np.flatnonzero((self._lon >= west) & (self._lon <= east) & (self._lat >= south) & (self._lat <= north))
        held = near[shapely.intersects_xy(area, self._lon[near], self._lat[near])]
        found: list[str] = self.table.column("id").take(pa.array(held)).to_pylist()
        return found

    def outside(self, places: Collection[str], area: BaseGeometry) -> list[str]:
        """Those of some places whose point an area does not hold."""
        rows = [self._exposures.rows[place] for place in places if place in self._exposures.rows]
        named = [place for place in places if place in self._exposures.rows]
        held = shapely.intersects_xy(area, self._lon[rows], self._lat[rows])
        return [place for place, is_held in zip(named, np.atleast_1d(held), strict=True) if not is_held]

    def people(self, places: Collection[str]) -> int | None:
        """How many live at some places together, as far as it is known; None when it is known of none."""
        rows = [self._exposures.rows[place] for place in places if place in self._exposures.rows]
        known = self._known[rows]
        return int(self._people[rows].sum()) if len(rows) and bool(np.any(known)) else None

    def largest(self, places: Collection[str], most: int = 3) -> str:
        """The names of the largest places, in one line."""
        ranked = sorted(
            (place for place in places if place in self._exposures.rows),
            key=lambda place: -int(self._people[self._exposures.rows[place]]),
        )
        return ", ".join(self._exposures.place(place).name for place in ranked[:most])
