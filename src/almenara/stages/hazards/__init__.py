"""Hazards: one module for each kind; each follows its observations and says what a step changed.

A module exposes KIND (the kind of its observations) and a State class that keeps the promise `Follower`: it is found
by its file's name. Its words and priorities are said in the later stages (see docs/developing.md).
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from almenara.stages.observations import LATE_MAX_MS, Counted

#: One row for each hazard that a step touched; the timeline is made of these.
CHANGES = pa.schema(
    [
        pa.field("hazard_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        # opened | grew | seen | merged | renamed | dormant | revived | ended | revised | retracted
        pa.field("change", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),  # active | dormant | ended | merged | retracted
        pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),  # of the observations that did it
        pa.field("into", pa.string()),  # the hazard that goes on, when merged or renamed
        pa.field("area_km2", pa.float64()),
        pa.field("new_area_km2", pa.float64()),
        pa.field("observations", pa.int64(), nullable=False),
        pa.field("new_observations", pa.int64(), nullable=False),
        pa.field("frp_mw", pa.float64()),  # fire: sum over the pass
        pa.field("magnitude", pa.float64()),
        pa.field("merged_from", pa.list_(pa.string()), nullable=False),
        pa.field("confidence", pa.string(), nullable=False),
        pa.field("certainty", pa.string(), nullable=False),  # CAP: what an exposure to this hazard may claim
        pa.field("suppressed", pa.string()),  # why no alert is raised, null when it may be
    ]
)


@dataclass(frozen=True, slots=True)
class Boxes:
    """Small parts of footprints (grid cells), each with the hazard it belongs to."""

    hazards: list[str]
    index: NDArray[np.int64]  # into `hazards`
    west: NDArray[np.float64]  # degrees
    south: NDArray[np.float64]
    east: NDArray[np.float64]
    north: NDArray[np.float64]
    since_ms: NDArray[np.int64]


def joined_boxes(parts: list[Boxes], into: Mapping[str, str]) -> Boxes:
    """Several boxes as one, those of a hazard that became part of another since (`into`) under the one that goes on."""
    at: dict[str, int] = {}
    places = []
    for name in (name for part in parts for name in part.hazards):
        while name in into:
            name = into[name]
        places.append(at.setdefault(name, len(at)))
    begins = np.cumsum([0, *(len(part.hazards) for part in parts[:-1])])
    index = np.array(places)[np.concatenate([part.index + b for part, b in zip(parts, begins, strict=True)])]
    columns = ("west", "south", "east", "north", "since_ms")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    return Boxes(list(at), index, **joined)


@dataclass(frozen=True, slots=True)
class Fronts:
    """n fires as the reach stage sees them: the pace of their last day, and the tiles that hold their cells."""

    hazards: list[str]
    last_seen_ms: NDArray[np.int64]
    fine: NDArray[np.bool_]  # seen in pixels fine enough to call it observed
    advance_m: NDArray[np.float64]  # within the last day; NaN: seen for too short a time to say
    starts: NDArray[np.int64]  # n + 1: fire k has the tiles starts[k]:starts[k + 1]
    tiles: NDArray[np.int64]  # positions
    bits: NDArray[np.uint64]  # their cells


@dataclass(frozen=True, slots=True)
class Shaking:
    """An earthquake's reach: exposure is by intensity, not by distance."""

    hazard: str
    lon: float
    lat: float
    depth_km: float
    magnitude: float
    since_ms: int


@dataclass(frozen=True, slots=True)
class Area:
    """Where another authority warns: exposure is by lying inside."""

    hazard: str
    footprint: BaseGeometry  # degrees, cut at ±180
    since_ms: int


#: A hazard last seen so long before the oldest observation that is still followed is one that nothing can change any
#: more: it is told one last time and let go of, and state stays bounded.
SETTLED_MS = 20 * 86_400_000
ARCHIVED_AFTER_MS = LATE_MAX_MS + SETTLED_MS

#: The last word on a hazard that is let go of.
ARCHIVED = pa.schema(
    [
        pa.field("hazard_id", pa.string(), nullable=False),
        pa.field("view", pa.binary(), nullable=False),  # `pack_view`
        pa.field("digest", pa.binary(), nullable=False),  # its part of `Follower.digest_parts`
    ]
)


@dataclass(slots=True)
class Delta:
    """What one step did to the hazards of one kind."""

    changes: list[dict[str, Any]] = field(default_factory=list)  # rows of CHANGES
    boxes: Boxes | None = None  # what joined footprints
    shaking: list[Shaking] = field(default_factory=list)
    areas: list[Area] = field(default_factory=list)
    restart: list[str] = field(default_factory=list)  # hazards whose exposures must be found from nothing
    archived: list[dict[str, Any]] = field(default_factory=list)  # rows of ARCHIVED
    context: list[dict[str, Any]] = field(default_factory=list)  # rows of hazards that did not change, for the exposure


@dataclass(frozen=True, slots=True)
class View:
    """A hazard as people are told of it."""

    id: str
    kind: str
    state: str
    label: str
    first_seen_ms: int
    last_seen_ms: int
    area_km2: float | None
    observations: int
    confidence: str
    certainty: str
    suppressed: str | None
    platforms: tuple[str, ...]
    merged_from: tuple[str, ...]
    frp_max_mw: float | None
    magnitude: float | None
    depth_km: float | None
    epicentre: tuple[float, float] | None
    footprint: BaseGeometry | None  # fire: its cells; earthquake: where MMI ≥ 6; warning: its area
    extra: dict[str, Any]  # further properties for hazards.geojson


_GEOMETRY_CODE = 1


def pack_view(view: View) -> bytes:
    """A view as MessagePack, its geometries as WKB."""

    def as_wkb(value: Any) -> msgspec.msgpack.Ext:
        if isinstance(value, BaseGeometry):
            return msgspec.msgpack.Ext(_GEOMETRY_CODE, shapely.to_wkb(value))
        raise TypeError(f"a view holds no {type(value).__name__}")

    fields = {name: getattr(view, name) for name in View.__dataclass_fields__}
    return msgspec.msgpack.encode(fields, enc_hook=as_wkb, order="deterministic")


def unpack_view(data: bytes) -> View:
    """The view that `pack_view` wrote."""
    fields = msgspec.msgpack.decode(data, ext_hook=lambda code, wkb: shapely.from_wkb(bytes(wkb)))
    tuples = {name: tuple(fields[name]) for name in ("platforms", "merged_from")}
    epicentre = fields["epicentre"]
    return View(**fields | tuples | {"epicentre": None if epicentre is None else tuple(epicentre)})


class Follower(Protocol):
    """The state of one kind of hazard."""

    not_followed: int  # rows that count but came too late to be followed

    def receive(self, counted: Counted) -> None:
        """Take in rows that count; nothing is followed before `advance`."""

    def pending_times(self) -> NDArray[np.int64]:
        """Distinct times (ms) of rows not yet followed, ascending."""

    def advance(self, now_ms: int) -> Delta:
        """Follow everything acquired up to `now_ms` and say what changed."""

    def reach(self) -> Delta:
        """All that hazards reach which are not over, as if told anew: for places that were imported later."""

    def view(self, hazard: str) -> View:
        """One hazard as it stands; KeyError when there is none of that id."""

    def views(self) -> Sequence[View]:
        """All hazards that were not absorbed, by id."""

    def digest_parts(self) -> Sequence[bytes]:
        """The state as bytes that depend on what was observed, never on the order it came in."""

    def to_parts(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and plain values for a snapshot."""

    def load_parts(self, arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        """Become the state that `to_parts` took apart."""


def followers() -> dict[str, Follower]:
    """A new, empty follower for each kind of hazard."""
    found: dict[str, Follower] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        if not module.name.startswith("_"):
            loaded = importlib.import_module(f"{__name__}.{module.name}")
            found[loaded.KIND] = loaded.State()
    return found
