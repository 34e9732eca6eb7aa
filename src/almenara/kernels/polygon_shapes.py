"""Polygons as arrays: short straight pieces of boundary, blocks of 16 pieces, parts, and a packed tree of the parts.

An edge is straight in longitude and latitude, as GeoJSON says (RFC 7946, 3.1.1). Edges longer than a quarter of a
degree are divided into pieces along that same line, which changes no shape and keeps every piece nearly straight on the
ground too.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from almenara.kernels.geodesy import RAD, RADIUS_MAX_M
from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats, Ints
from almenara.kernels.polygon_cover import cover

PIECE_DEG_MAX = 0.25
BLOCK_PIECES = 16
FANOUT = 16


@dataclass(frozen=True, slots=True)
class PolygonShapes:
    """The arrays of a set of polygons; part = one polygon with its holes."""

    vertex_lon: Floats
    vertex_lat: Floats
    spans: Ints  # [block, 2] first and last vertex; pieces join neighbours
    block_boxes: Floats  # [block, 4] west, south, east, north
    block_radii: Floats  # metres from a block's middle vertex that hold all of it
    part_blocks: Ints  # [part + 1]
    part_places: NDArray[np.uint32]
    tree: Floats  # [node, 5] west, south, east, north, largest alert distance; the parts first, then level by level
    levels: Ints  # [level + 1] where each level of `tree` begins
    covered: NDArray[np.uint64]  # see `polygon_cover`


def shape_polygons(parts: NDArray[Any], places: NDArray[np.uint32], alert_m: Floats) -> PolygonShapes:
    """The arrays of an array of Shapely polygons, `places` their place numbers; alert_m as in `Reach`.

    Rings are oriented (shells anticlockwise, holes clockwise), so that overlapping parts and rings count as a union.
    """
    bounds = shapely.bounds(parts)
    order = np.argsort(_morton(bounds), kind="stable")
    parts, places, bounds = shapely.orient_polygons(parts[order]), places[order], bounds[order]
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    corners, corner_ring = shapely.get_coordinates(rings, return_index=True)
    lon, lat, vertex_ring = _divide(corners, corner_ring)
    begins = np.searchsorted(vertex_ring, np.arange(len(rings)))
    pieces = np.bincount(vertex_ring, minlength=len(rings)) - 1
    blocks = -(-pieces // BLOCK_PIECES)
    block_ring = np.repeat(np.arange(len(rings)), blocks)
    nth = np.arange(len(block_ring)) - np.repeat(np.cumsum(blocks) - blocks, blocks)
    first = begins[block_ring] + nth * BLOCK_PIECES
    last = np.minimum(first + BLOCK_PIECES, begins[block_ring] + pieces[block_ring])
    spans = np.ascontiguousarray(np.stack([first, last], axis=1).astype(np.int64))
    boxes, radii = np.empty((len(spans), 4)), np.empty(len(spans))
    _bound_blocks(lon, lat, spans, boxes, radii)
    part_blocks = np.searchsorted(ring_part[block_ring], np.arange(len(parts) + 1)).astype(np.int64)
    own = alert_m[places] if len(alert_m) > 1 else np.full(len(parts), alert_m[0])
    tree, levels = _grow_tree(np.column_stack([bounds, own]))
    return PolygonShapes(lon, lat, spans, boxes, radii, part_blocks, places, tree, levels, cover(bounds))


def _morton(bounds: Floats) -> NDArray[np.uint64]:
    """Keys that keep neighbours together: the bits of the boxes' middles, interleaved."""
    key = np.zeros(len(bounds), np.uint64)
    for shift, middle, span in (
        (0, bounds[:, 0] + bounds[:, 2] + 360.0, 720.0),
        (1, bounds[:, 1] + bounds[:, 3], 180.0),
    ):
        bits = np.clip(middle / span * 65_535.0 + (32_768.0 if shift else 0.0), 0.0, 65_535.0).astype(np.uint64)
        for bit in range(16):
            key |= ((bits >> np.uint64(bit)) & np.uint64(1)) << np.uint64(2 * bit + shift)
    return key


def _divide(corners: Floats, ring: Ints) -> tuple[Floats, Floats, Ints]:
    """Longitudes, latitudes and rings of the corners and of the vertices put between them."""
    step = np.zeros_like(corners)
    step[:-1] = corners[1:] - corners[:-1]
    closing = np.ones(len(corners), np.bool_)
    closing[:-1] = ring[1:] != ring[:-1]
    step[closing] = 0.0
    count = np.maximum(np.ceil(np.abs(step).max(axis=1, initial=0.0) / PIECE_DEG_MAX), 1.0).astype(np.int64)
    of = np.repeat(np.arange(len(corners)), count)
    part = (np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)) / count[of]
    vertices = corners[of] + step[of] * part[:, None]
    return np.ascontiguousarray(vertices[:, 0]), np.ascontiguousarray(vertices[:, 1]), ring[of]


@compiled
def _bound_blocks(lon: Floats, lat: Floats, spans: Ints, boxes: Floats, radii: Floats) -> None:
    for i in range(len(spans)):
        first = spans[i, 0]
        last = spans[i, 1]
        middle = (first + last) >> 1
        boxes[i] = lon[first], lat[first], lon[first], lat[first]
        radius = 0.0
        for v in range(first, last + 1):
            boxes[i, 0] = min(boxes[i, 0], lon[v])
            boxes[i, 1] = min(boxes[i, 1], lat[v])
            boxes[i, 2] = max(boxes[i, 2], lon[v])
            boxes[i, 3] = max(boxes[i, 3], lat[v])
            radius = max(radius, length_bound(lon[middle], lat[middle], lon[v], lat[v]))
        radii[i] = radius


@compiled
def length_bound(lon: float, lat: float, lon_to: float, lat_to: float) -> float:
    """Metres that the straight line in longitude and latitude between two points does not exceed."""
    widest = 1.0 if lat * lat_to <= 0.0 else math.cos(min(abs(lat), abs(lat_to)) * RAD)
    return RADIUS_MAX_M * RAD * math.hypot(lat_to - lat, (lon_to - lon) * widest) * (1.0 + 1e-9)


def _grow_tree(leaves: Floats) -> tuple[Floats, Ints]:
    """Nodes that bound sixteen of the level below, up to one root."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        cuts = np.arange(0, len(below), FANOUT)
        low = np.minimum.reduceat(below[:, :2], cuts)
        levels.append(np.hstack([low, np.maximum.reduceat(below[:, 2:], cuts)]))
    begins = np.concatenate([[0], np.cumsum([len(level) for level in levels])]).astype(np.int64)
    return np.ascontiguousarray(np.vstack(levels)), begins
