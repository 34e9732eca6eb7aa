"""Whether a geometry can stand for a protected place: named reasons, never repairs."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from almenara.model.errors import UnreadableInput
from almenara.places.features import VERTICES_MAX

#: Reason → what it means, for people.
REASONS: dict[str, str] = {
    "geometry-missing": "the row has no position",
    "geometry-unreadable": "the geometry cannot be read",
    "geometry-empty": "the geometry is empty",
    "geometry-type-unsupported": "only points, multipoints, polygons and multipolygons can be places",
    "coordinates-unreadable": "a coordinate is no number",
    "coordinates-not-finite": "a coordinate is NaN or infinite",
    "coordinates-swapped": "latitude and longitude stand in each other's place",
    "coordinates-zero": "the position is 0°, 0°: a failed address search, not a place",
    "latitude-out-of-range": "a latitude lies beyond ±90°",
    "longitude-out-of-range": "a longitude lies beyond ±180°",
    "outside-the-projection": "the position cannot be transformed to WGS84",
    "crosses-antimeridian": "the polygon crosses 180° in one piece: split it there into a MultiPolygon",
    "self-intersection": "a ring of the polygon crosses or touches itself",
    "geometry-invalid": "the polygon is invalid",
    "too-many-vertices": f"the polygon has more than {VERTICES_MAX:,} vertices",
}

_POINT, _POLYGON, _MULTIPOINT, _MULTIPOLYGON = 0, 3, 4, 6
_DEGREES_BEYOND_DOUBT = 360.0

Problems = dict[int, tuple[str, str]]


def check_geometries(geometries: NDArray[np.object_], crs: Any | None, problems: Problems) -> NDArray[np.object_]:
    """Two-dimensional WGS84 geometries; those that cannot be used are None and named in `problems` (which grows).

    `crs` is a pyproj CRS or None for lon/lat degrees that nothing vouches for. Raises UnreadableInput when most
    coordinates are not degrees although they should be.
    """
    checked = geometries.copy()
    _refuse_all(checked, problems, shapely.is_missing(checked), "geometry-missing", "no geometry")
    _refuse_all(checked, problems, shapely.is_empty(checked), "geometry-empty", "an empty geometry")
    types = shapely.get_type_id(checked)
    allowed = np.isin(types, [-1, _POINT, _POLYGON, _MULTIPOINT, _MULTIPOLYGON])
    for row in np.flatnonzero(~allowed).tolist():
        _refuse(checked, problems, row, "geometry-type-unsupported", f"a {checked[row].geom_type}")
    many = shapely.get_num_coordinates(checked) > VERTICES_MAX
    _refuse_all(checked, problems, many, "too-many-vertices", REASONS["too-many-vertices"])
    _refuse_all(checked, problems, _not_finite(checked), "coordinates-not-finite", "NaN or infinite")
    checked = shapely.force_2d(checked)
    if crs is None or _is_degrees(crs):
        _insist_on_degrees(checked, crs)
        _check_ranges(checked, problems)
    if crs is not None and not _is_wgs84(crs):
        checked = _transform(checked, crs)
        _refuse_all(checked, problems, _not_finite(checked), "outside-the-projection", "no WGS84 position")
        _check_ranges(checked, problems)
    _check_rings(checked, problems)
    return checked


def _refuse(checked: NDArray[np.object_], problems: Problems, row: int, reason: str, detail: str) -> None:
    problems.setdefault(row, (reason, detail))
    checked[row] = None


def _refuse_all(
    checked: NDArray[np.object_], problems: Problems, which: NDArray[np.bool_], reason: str, detail: str
) -> None:
    for row in np.flatnonzero(which).tolist():
        _refuse(checked, problems, row, reason, detail)


def _not_finite(geometries: NDArray[np.object_]) -> NDArray[np.bool_]:
    xy, owner = shapely.get_coordinates(geometries, return_index=True)
    bad = np.zeros(len(geometries), dtype=np.bool_)
    bad[owner[~np.isfinite(xy).all(axis=1)]] = True
    return bad


def _is_degrees(crs: Any) -> bool:
    return bool(crs.is_geographic) and all(axis.unit_name in ("degree", "") for axis in crs.axis_info[:2])


def _is_wgs84(crs: Any) -> bool:
    return crs.to_authority(min_confidence=70) in (("EPSG", "4326"), ("OGC", "CRS84"))


def _insist_on_degrees(geometries: NDArray[np.object_], crs: Any | None) -> None:
    bounds = shapely.bounds(geometries)
    present = np.isfinite(bounds[:, 0])
    beyond = present & (np.abs(bounds) > _DEGREES_BEYOND_DOUBT).any(axis=1)
    if beyond.sum() * 2 <= present.sum() or not beyond.any():
        return
    x, y = bounds[np.flatnonzero(beyond)[0], :2]
    where = f"coordinates such as ({x:,.1f}, {y:,.1f})"
    if crs is None:
        raise UnreadableInput(
            f"no coordinate system: {where} are not degrees and the file does not say what they are. "
            "Name it, for example --crs EPSG:32717 (UTM 17 South), or save the file with its coordinate system."
        )
    raise UnreadableInput(
        f"{where} are not degrees, although the file claims {crs.name}. They look projected: "
        "save the file again with its true coordinate system."
    )


def _transform(geometries: NDArray[np.object_], crs: Any) -> NDArray[np.object_]:
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    try:
        to_wgs84 = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    except ProjError as error:
        raise UnreadableInput(f"The coordinate system “{crs.name}” cannot be transformed to WGS84: {error}") from error
    moved: NDArray[np.object_] = shapely.transform(
        geometries, lambda xy: np.column_stack(to_wgs84.transform(xy[:, 0], xy[:, 1]))
    )
    return moved


def _check_ranges(checked: NDArray[np.object_], problems: Problems) -> None:
    bounds = shapely.bounds(checked)
    present = np.isfinite(bounds[:, 0])
    lon = np.where(present, np.abs(bounds[:, [0, 2]]).max(axis=1), 0.0)
    lat = np.where(present, np.abs(bounds[:, [1, 3]]).max(axis=1), 0.0)
    for row in np.flatnonzero((lat > 90) | (lon > 180)).tolist():
        west, south, east, north = bounds[row]
        found = f"longitude {west:g} to {east:g}, latitude {south:g} to {north:g}"
        if lat[row] > 90 and lat[row] <= 180 and lon[row] <= 90:
            reason = "coordinates-swapped"
        else:
            reason = "latitude-out-of-range" if lat[row] > 90 else "longitude-out-of-range"
        _refuse(checked, problems, row, reason, found)
    zero = present & (lon == 0) & (lat == 0)
    _refuse_all(checked, problems, zero, "coordinates-zero", "0°, 0°")


def _check_rings(checked: NDArray[np.object_], problems: Problems) -> None:
    rows = np.flatnonzero(np.isin(shapely.get_type_id(checked), [_POLYGON, _MULTIPOLYGON]))
    parts, part_row = shapely.get_parts(checked[rows], return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    # An edge along a pole closes a polygon round it; any other jump of more than half the Earth is a crossing.
    jump = (ring[1:] == ring[:-1]) & (np.abs(np.diff(xy[:, 0])) > 180) & ~(np.abs(xy[1:, 1]) == 90)
    for row in np.unique(rows[part_row[ring_part[ring[1:][jump]]]]).tolist():
        _refuse(checked, problems, row, "crosses-antimeridian", "one ring on both sides of 180°")
    for row in rows[~shapely.is_valid(checked[rows])].tolist():
        if checked[row] is None:
            continue
        detail = str(shapely.is_valid_reason(checked[row]))
        reason = "self-intersection" if "self-intersection" in detail.casefold() else "geometry-invalid"
        _refuse(checked, problems, row, reason, detail)
