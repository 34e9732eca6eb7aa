"""Outlines of the world's countries for the report's maps, from Natural Earth (see world.txt)."""

from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ATTRIBUTION = "Natural Earth"

Points = NDArray[np.float64]


class View(NamedTuple):
    """A window on the Earth drawn to a size: equirectangular, true to scale at its middle latitude."""

    west: float
    south: float
    east: float  # may exceed 180 for a window across the antimeridian
    north: float
    width: float  # user units
    height: float

    def x(self, lon: Points) -> Points:
        """Horizontal places of longitudes, each taken round the Earth to where it is nearest to the window."""
        middle = (self.west + self.east) / 2
        near = middle + (lon - middle + 180.0) % 360.0 - 180.0
        return (near - self.west) * (self.width / (self.east - self.west))

    def y(self, lat: Points) -> Points:
        """Vertical places of latitudes, downwards."""
        return (self.north - lat) * (self.height / (self.north - self.south))


@cache
def _rings() -> tuple[list[Points], NDArray[np.float64]]:
    with resources.files(__package__).joinpath("world.npz").open("rb") as file, np.load(file) as stored:
        # Differences wrapped at 16 bits; the sum wraps back.
        hundredths = np.cumsum(stored["deltas"].astype(np.int16), axis=1, dtype=np.int16)
        ends = np.cumsum(stored["lengths"].astype(np.int64))
    points = hundredths.T.astype(np.float64) / 100.0
    rings = np.split(points, ends[:-1])
    boxes = np.array([(*ring.min(axis=0), *ring.max(axis=0)) for ring in rings])
    return rings, boxes


def land_path(view: View) -> str:
    """SVG path data of all land in a view, to a tenth of a unit, thinned to what the size can show."""
    rings, boxes = _rings()
    pieces: list[str] = []
    for turn in (-360.0, 0.0, 360.0):
        seen = (
            (boxes[:, 0] + turn < view.east)
            & (boxes[:, 2] + turn > view.west)
            & (boxes[:, 1] < view.north)
            & (boxes[:, 3] > view.south)
        )
        for index in np.flatnonzero(seen).tolist():
            x = (rings[index][:, 0] + turn - view.west) * (view.width / (view.east - view.west))
            pieces.append(_ring_path(x, view.y(rings[index][:, 1]), view))
    return "".join(pieces)


def _ring_path(x: Points, y: Points, view: View) -> str:
    # A ring far larger than the window is cut to a frame about it, so that its path stays short.
    margin = 0.5 * max(view.width, view.height)
    clipped = _clip(np.column_stack([x, y]), -margin, -margin, view.width + margin, view.height + margin)
    if len(clipped) < 3:
        return ""
    tenths = np.round(clipped * 2).astype(np.int64)
    kept = np.concatenate([[True], (np.diff(tenths, axis=0) != 0).any(axis=1)])
    tenths = tenths[kept]
    if len(tenths) < 3:
        return ""
    return "M" + "L".join(f"{px / 2:g} {py / 2:g}" for px, py in tenths.tolist()) + "Z"


def _clip(ring: Points, left: float, top: float, right: float, bottom: float) -> Points:
    """Sutherland and Hodgman's clipping of a ring to a rectangle."""
    for axis, limit, sign in ((0, left, 1.0), (0, right, -1.0), (1, top, 1.0), (1, bottom, -1.0)):
        if len(ring) < 3:
            return ring
        inside = (ring[:, axis] - limit) * sign >= 0
        if inside.all():
            continue
        following, inside_next = np.roll(ring, -1, axis=0), np.roll(inside, -1)
        crossing = inside != inside_next
        run = np.where(crossing, following[:, axis] - ring[:, axis], 1.0)
        cuts = ring + ((limit - ring[:, axis]) / run)[:, None] * (following - ring)
        both = np.stack([ring, cuts], axis=1).reshape(-1, 2)
        ring = both[np.stack([inside, crossing], axis=1).reshape(-1)]
    return ring
