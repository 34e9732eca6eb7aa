"""What an officer writes: a statement in TOML and an area in GeoJSON, read into the command that drafts the warning."""

from __future__ import annotations

import json
import tomllib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from almenara.model.errors import UsageError

if TYPE_CHECKING:
    from almenara.model.commands import DraftByHand, MultiPolygon, Statement

EXAMPLE = """\
# A warning by hand: almenara warnings draft flood.toml --area banks.geojson --as "Ana Ruiz"
# Texts are one for all languages, or one for each. What is left out is not said.
kind = "flood"             # flood, volcanic_ash, storm, evacuation, test, fire, earthquake: almenara warnings words
area_name = { es = "las riberas del Daule", en = "the banks of the Daule" }
urgency = "Immediate"      # Immediate, Expected, Future or Past: which advice is given
severity = "Severe"        # Extreme, Severe, Moderate or Minor
certainty = "Observed"     # Observed, Likely or Possible
onset = 2024-09-03T09:00:00-05:00   # when it begins or began
expires_h = 6              # hours until it runs out, at most 72

[values]                   # flood: river, level; storm: wind, rain; volcanic_ash: volcano; evacuation: routes, shelters
river = "Daule"
level = { es = "6,2 m y sube", en = "6.2 m and rising" }
evidence = "INAMHI"        # who says so
details = { es = "El puente de la vía a Balzar está cerrado.", en = "The bridge on the road to Balzar is closed." }
"""

FILE_BYTES_MAX = 16 * 1024 * 1024


def read_draft(statement: Path, area: Path, thread: str | None) -> DraftByHand:
    """The command. Raises UsageError that names the file and what is wrong in it."""
    from almenara.model.commands import DraftByHand

    return DraftByHand(statement=_statement(statement), area=_area(area), thread=thread)


def _statement(path: Path) -> Statement:
    import msgspec

    from almenara.model.commands import Statement

    try:
        said = tomllib.loads(_text(path))
        onset = said.pop("onset", None)
        if onset is not None:
            if not isinstance(onset, datetime) or onset.tzinfo is None:
                raise UsageError(f"{path}: onset is a time with its offset: 2024-09-03T09:00:00-05:00.")
            said["onset_ms"] = round(onset.timestamp() * 1000)
        return msgspec.convert(said, Statement)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"{path}: {error}. See `almenara warnings draft --example`.") from error


def _area(path: Path) -> MultiPolygon:
    import msgspec

    from almenara.model.commands import MultiPolygon

    try:
        found = [polygon for geometry in _geometries(json.loads(_text(path)), path) for polygon in geometry]
        flat = [[[point[:2] for point in ring] for ring in polygon] for polygon in found]  # heights are let go
        area: MultiPolygon = msgspec.convert(flat, MultiPolygon)
    except (ValueError, TypeError, RecursionError) as error:  # msgspec's and json's are ValueErrors
        raise UsageError(f"{path}: no GeoJSON of polygons: {error}.") from error
    return area


def _geometries(shape: Any, path: Path) -> list[list[Any]]:
    """The polygons of anything that GeoJSON has, each as its rings; by geometry."""
    kind = shape.get("type") if isinstance(shape, dict) else None
    if kind == "FeatureCollection":
        return [one for feature in shape.get("features", []) for one in _geometries(feature, path)]
    if kind == "GeometryCollection":
        return [one for geometry in shape.get("geometries", []) for one in _geometries(geometry, path)]
    if kind == "Feature":
        return _geometries(shape.get("geometry"), path)
    if kind == "Polygon":
        return [[shape.get("coordinates", [])]]
    if kind == "MultiPolygon":
        return [shape.get("coordinates", [])]
    raise UsageError(f"{path}: the area of a warning is made of polygons, not of {kind or 'anything else'}.")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise UsageError(f"{path} has more than {FILE_BYTES_MAX} bytes.")
        return data.decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error}.") from error
