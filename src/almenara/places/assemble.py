"""Features to places: names, kinds, people and ids taken from columns, what cannot be used kept out with a reason."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from almenara.model.errors import UsageError
from almenara.model.limits import RAW_BYTES_MAX
from almenara.model.places import ALERT_DISTANCE_M_DEFAULT, PLACES
from almenara.places.features import TEXT_CHARS_MAX, Features, objects
from almenara.places.geometry import REASONS as GEOMETRY_REASONS
from almenara.places.geometry import Problems, check_geometries
from almenara.ports import Rejection

ALERT_DISTANCE_M_MAX = 20_000.0
KIND_DEFAULT = "place"

#: Every reason a row can be kept out for → an explanation for people.
REASONS: dict[str, str] = GEOMETRY_REASONS | {
    "name-missing": "a warning cannot speak of a place without a name",
    "text-too-long": f"a name, kind or id has more than {TEXT_CHARS_MAX} letters",
    "population-unreadable": "the population is no whole number",
    "population-negative": "the population is below zero",
    "alert-distance-out-of-range": f"the alert distance must be above 0 and at most {ALERT_DISTANCE_M_MAX:,.0f} m",
    "duplicate-id": "an earlier row has the same id (or the same name, kind and position)",
    "wrong-column-count": "the row has more or fewer columns than the heading",
    "not-a-feature": "the item is no GeoJSON feature",
}

_UNKNOWN = {"", "-", "--", "na", "n/a", "n.a.", "nan", "none", "null", "nd", "n/d", "s/d", "sd", "?"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller wants of a file."""

    columns: dict[str, str]
    kind: str | None = None
    alert_distance_m: float | None = None
    crs: str | None = None

    def says(self, field: str) -> bool:
        """Whether the caller named this field's column."""
        return any(name.replace("-", "_").removesuffix("_m") == field.removesuffix("_m") for name in self.columns)


def check_distance(metres: float) -> None:
    """Raise UsageError for an alert distance outside 0 < d ≤ 20,000 m."""
    if not 0 < metres <= ALERT_DISTANCE_M_MAX:
        raise UsageError(f"An alert distance of {metres:g} m makes no sense: {REASONS['alert-distance-out-of-range']}.")


def assemble(features: Features, wishes: Wishes) -> tuple[pa.Table, list[Rejection]]:
    """The table of places and the rows kept out, in the file's order. A MultiPoint of n points becomes n places."""
    problems: Problems = dict(features.problems)
    geometries = check_geometries(features.geometries, features.crs, problems)
    table = _Rows(features, wishes, problems).build(geometries)
    rejected = [
        Rejection(int(features.lines[row]), reason, detail, features.raw(row)[:RAW_BYTES_MAX])
        for row, (reason, detail) in problems.items()
    ]
    return table, sorted([*features.rejections, *rejected], key=lambda rejection: rejection.line)


class _Rows:
    """Builds the columns of the places table row by row."""

    def __init__(self, features: Features, wishes: Wishes, problems: Problems) -> None:
        count = len(features.geometries)
        values = features.values
        blank: Sequence[object] = [None] * count
        kinds: Sequence[object] = values.get("kind", blank)
        if wishes.kind and not wishes.says("kind"):
            kinds = blank
        distances: Sequence[object] = values.get("alert_distance_m", blank)
        if wishes.alert_distance_m is not None and not wishes.says("alert_distance_m"):
            distances = blank
        self.inputs = (
            values.get("name", blank),
            kinds,
            values.get("population", blank),
            distances,
            values.get("id", blank),
            values.get("country", blank),
            values.get("admin", blank),
        )
        self.kind = wishes.kind or KIND_DEFAULT
        self.distance = wishes.alert_distance_m or ALERT_DISTANCE_M_DEFAULT
        self.lines = features.lines
        self.problems = problems
        self.seen: dict[str, int] = {}  # id → line
        self.columns: list[list[object]] = [[] for _ in range(7)]
        self.geometries: list[object] = []

    def build(self, geometries: NDArray[np.object_]) -> pa.Table:
        for row, (geometry, *inputs) in enumerate(zip(geometries, *self.inputs, strict=True)):
            if geometry is None:
                continue
            refusal = self._add(row, geometry, inputs)
            if refusal is not None:
                self.problems[row] = refusal
        ids, names, kinds, people, distances, countries, admins = self.columns
        shapes = objects(self.geometries)
        areas = shapely.get_dimensions(shapes) == 2
        points = np.where(areas, shapely.point_on_surface(shapes), shapes)
        outlines = objects([None] * len(shapes))
        outlines[areas] = shapely.to_wkb(shapes[areas], byte_order=1)
        return pa.table(
            [
                pa.array(ids, pa.string()),
                pa.array(names, pa.string()),
                pa.array(kinds, pa.string()),
                pa.array(people, pa.int64()),
                pa.array(distances, pa.float64()),
                pa.array(shapely.get_x(points), pa.float64()),
                pa.array(shapely.get_y(points), pa.float64()),
                pa.array(outlines, pa.binary()),
                pa.array(countries, pa.string()),
                pa.array(admins, pa.string()),
            ],
            schema=PLACES,
        )

    def _add(self, row: int, geometry: shapely.Geometry, inputs: list[object]) -> tuple[str, str] | None:
        name, kind, own_id, country, admin = (text(inputs[i]) for i in (0, 1, 4, 5, 6))
        if name is None:
            return "name-missing", REASONS["name-missing"]
        if any(len(value) > TEXT_CHARS_MAX for value in (name, kind, own_id, country, admin) if value):
            return "text-too-long", REASONS["text-too-long"]
        people = number(inputs[2])
        if people is None or not (math.isnan(people) or people.is_integer()):
            return "population-unreadable", f"“{inputs[2]}” is no whole number of people"
        if people < 0:
            return "population-negative", f"{people:g} people"
        distance = number(inputs[3])
        if distance is not None and math.isnan(distance):
            distance = self.distance
        if distance is None or not 0 < distance <= ALERT_DISTANCE_M_MAX:
            return "alert-distance-out-of-range", f"“{inputs[3]}”: {REASONS['alert-distance-out-of-range']}"
        kind = kind or self.kind
        identity = own_id or hashed_id(name, kind, geometry)
        if identity in self.seen:
            return "duplicate-id", f"“{name}” has the id {identity} of row {self.seen[identity]}"
        self.seen[identity] = int(self.lines[row])
        parts = list(geometry.geoms) if geometry.geom_type == "MultiPoint" else [geometry]
        for n, part in enumerate(parts):
            part_id = identity if n == 0 else f"{identity}#{n + 1}"
            population = None if math.isnan(people) else int(people)
            values = (part_id, name, kind, population, distance, _country(country), admin)
            for column, value in zip(self.columns, values, strict=True):
                column.append(value)
            self.geometries.append(part)
        return None


def text(value: object) -> str | None:
    """A cell as text without blanks around and inside doubled; None for an empty one.

    >>> text("  San   Lorenzo "), text(12.0), text(float("nan")), text("")
    ('San Lorenzo', '12', None, None)
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).split()) or None


def number(value: object) -> float | None:
    """A cell as a number: NaN for one that says "unknown" or nothing, None for one that is no number.

    >>> number("1250"), number("n/d"), number(""), number("1,5 mil")
    (1250.0, nan, nan, None)
    """
    if value is None:
        return math.nan
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().casefold() in _UNKNOWN:
        return math.nan
    try:
        found = float(str(value))
    except ValueError:
        return None
    return None if math.isinf(found) else found


def hashed_id(name: str, kind: str, geometry: shapely.Geometry) -> str:
    """An id from what a place is: name, kind and geometry at 1e-5 degree (about a metre)."""
    rounded = np.round(shapely.get_coordinates(geometry) * 1e5).astype("<i8")
    digest = hashlib.blake2b(f"{name}\0{kind}\0".encode(), digest_size=8)
    digest.update(rounded.tobytes())
    return "place-" + digest.hexdigest()


def _country(value: str | None) -> str | None:
    # Only a two-letter code is one; a country's name would read as a code later.
    return value.upper() if value is not None and len(value) == 2 and value.isalpha() else None
