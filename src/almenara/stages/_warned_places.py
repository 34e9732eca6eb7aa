"""Which places lie in an area that somebody else has drawn, however large."""

import numpy as np
import pyarrow as pa
import shapely
from shapely.geometry.base import BaseGeometry


class WarnedPlaces:
    """Places prepared for questions by area: points by their coordinates, polygons by a tree of their boxes."""

    def __init__(self, places: pa.Table) -> None:
        """`places`: a table of model.places.PLACES."""
        shapes = places.column("geometry")
        drawn = np.asarray(shapes.is_valid().to_numpy(zero_copy_only=False), np.bool_)
        self._points = np.flatnonzero(~drawn)
        self._lon = places.column("lon").to_numpy()[self._points]
        self._lat = places.column("lat").to_numpy()[self._points]
        self._drawn = np.flatnonzero(drawn)
        self._tree = shapely.STRtree(shapely.from_wkb([shape for shape in shapes.to_pylist() if shape is not None]))

    def inside(self, area: BaseGeometry) -> list[int]:
        """Rows of the places that the area holds or overlaps, ascending; `area` in degrees, cut at ±180.

        >>> from almenara.model.places import PLACES
        >>> row = {"id": "a", "name": "A", "kind": "town", "alert_distance_m": 300.0, "lon": -180.0, "lat": 1.0}
        >>> WarnedPlaces(pa.Table.from_pylist([row], schema=PLACES)).inside(shapely.box(170.0, 0.0, 180.0, 2.0))
        [0]
        """
        if area.is_empty:
            return []
        shapely.prepare(area)
        west, south, east, north = shapely.bounds(area)
        found = [self._drawn[self._tree.query(area, predicate="intersects")]]
        # ±180 is one meridian, and an area that ends there may be drawn on either side of it.
        for lon in (self._lon, np.where(np.abs(self._lon) == 180.0, -self._lon, self._lon)):
            near = np.flatnonzero((lon >= west) & (lon <= east) & (self._lat >= south) & (self._lat <= north))
            held = shapely.intersects_xy(area, lon[near], self._lat[near])
            found.append(self._points[near[held]])
        rows: list[int] = np.unique(np.concatenate(found)).tolist()
        return rows
