"""Reads the result folder of a run, as much of it as there is."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from almenara.model.errors import UnreadableInput
from almenara.report.cap import Message, read_messages
from almenara.report.markup import parse_time

T = TypeVar("T")

_FIRST_POSITION = re.compile(rb"\[\s*(-?[0-9.]+(?:[eE][-+]?\d+)?)\s*,\s*(-?[0-9.]+(?:[eE][-+]?\d+)?)")


class Ring(msgspec.Struct, frozen=True):
    """Estimated shaking: within `radius_km` of the epicentre at least `mmi`."""

    mmi: float = 0.0
    radius_km: float = 0.0


class Bands(msgspec.Struct, frozen=True, gc=False):
    """How far a fire could reach in 6, 12 and 24 h, metres."""

    p50_m: tuple[float, ...] = ()
    p80_m: tuple[float, ...] = ()
    p95_m: tuple[float, ...] = ()


class HazardFacts(msgspec.Struct, frozen=True, gc=False):
    """What the report needs of a hazard's properties."""

    id: str = ""
    kind: str = "fire"
    state: str = "active"
    first_seen: str | None = None
    last_seen: str | None = None
    area_km2: float | None = None
    observations: int | None = None
    merged_from: tuple[str, ...] = ()
    merged_into: str | None = None
    confidence: str | None = None
    frp_max_mw: float | None = None
    suppressed: str | None = None
    magnitude: float | None = None
    depth_km: float | None = None
    label: str | None = None
    platforms: tuple[str, ...] = ()
    rings: list[Ring] | None = None
    epicentre: tuple[float, float] | None = None
    reach: Bands | None = None


class Hazard(msgspec.Struct, frozen=True, gc=False):
    """A feature of hazards.geojson; its geometry stays unread until a map wants it."""

    properties: HazardFacts
    geometry: msgspec.Raw = msgspec.Raw(b"null")

    def position(self) -> tuple[float, float] | None:
        """Longitude and latitude: the epicentre, or the footprint's first vertex."""
        if self.properties.epicentre is not None:
            return self.properties.epicentre
        found = _FIRST_POSITION.search(memoryview(self.geometry))
        return (float(found[1]), float(found[2])) if found else None


class _Hazards(msgspec.Struct):
    features: list[Hazard] = []


class Step(msgspec.Struct, frozen=True):
    """One line of an incident's timeline."""

    time: str | None = None
    change: str = ""
    detail: str | None = None


class Incident(msgspec.Struct, frozen=True):
    """An entry of incidents.json."""

    id: str = ""
    kind: str = "fire"
    status: str = "open"
    priority: int = 4
    reasons: list[str] = []
    opened: str | None = None
    closed: str | None = None
    hazards: list[str] = []
    places: int | None = None
    population: int | None = None
    label: str | None = None
    timeline: list[Step] = []

    def order(self) -> tuple[bool, int, int, int, str]:
        """Open ones first, then by priority, people, places."""
        return (self.status != "open", self.priority, -(self.population or 0), -(self.places or 0), self.id)


@dataclass(frozen=True, slots=True)
class Run:
    """Everything a report speaks of. What a folder lacks is empty here and named in `missing`."""

    summary: dict[str, Any]
    hazards: list[Hazard]
    incidents: list[Incident]  # most important first
    exposures: pa.Table | None  # observed
    could_reach: pa.Table | None  # what fires could reach: advice
    timeline: pa.Table | None
    messages: list[Message]
    messages_unread: int = 0  # beyond what a report reads
    missing: list[str] = field(default_factory=list)

    def get(self, *path: str) -> Any:
        """A value of summary.json, or None where it is missing."""
        found: Any = self.summary
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def status(self) -> str:
        """The CAP status of the run; "Unknown" where nobody says, for neither word may be guessed."""
        found = self.get("run", "status")
        if isinstance(found, str) and found:
            return found.capitalize()
        return next((message.status for message in self.messages if message.status), "Unknown")

    def as_of(self) -> datetime | None:
        """The latest time the data speaks of."""
        said = (parse_time(self.get("run", key)) for key in ("now", "ended", "finished", "until"))
        known = next((time for time in said if time is not None), None)
        if known is not None:
            return known
        return parse_time(max((h.properties.last_seen or "" for h in self.hazards), default=""))


def read_run(out: Path) -> Run:
    """Read a result folder. Raises UnreadableInput when it is none, or when a file in it is damaged."""
    if not out.is_dir():
        raise UnreadableInput(f"There is no folder “{out}”: give the folder a run wrote its results to.")
    missing: list[str] = []
    summary = _json(out, "summary.json", dict[str, Any], missing) or {}
    hazards = _json(out, "hazards.geojson", _Hazards, missing)
    incidents = _json(out, "incidents.json", list[Incident], missing) or []
    if len(missing) == 3:
        raise UnreadableInput(f"“{out}” holds no results of a run (no summary.json, hazards.geojson, incidents.json).")
    messages, unread = read_messages(out / "warnings")
    observed, could_reach = _by_basis(_table(out, "exposures", missing))
    return Run(
        summary=summary,
        hazards=hazards.features if hazards is not None else [],
        incidents=sorted(incidents, key=Incident.order),
        exposures=observed,
        could_reach=could_reach,
        timeline=_table(out, "timeline", missing),
        messages=messages,
        messages_unread=unread,
        missing=missing,
    )


def _by_basis(table: pa.Table | None) -> tuple[pa.Table | None, pa.Table | None]:
    """Exposures that were observed or estimated, and those that could be."""
    if table is None or "basis" not in table.column_names:
        return table, None
    could = pc.fill_null(pc.equal(pc.cast(table.column("basis"), pa.string()), "could be reached"), fill_value=False)
    return table.filter(pc.invert(could)), table.filter(could)


def _json(out: Path, file: str, form: type[T], missing: list[str]) -> T | None:
    path = out / file
    if not path.is_file():
        missing.append(file)
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{file} in “{out}” is damaged: {error}.") from error


def _table(out: Path, stem: str, missing: list[str]) -> pa.Table | None:
    try:
        if (out / f"{stem}.parquet").is_file():
            return pq.read_table(out / f"{stem}.parquet")
        if (out / f"{stem}.csv").is_file():
            return pyarrow.csv.read_csv(out / f"{stem}.csv")
    except (pa.ArrowException, OSError) as error:
        raise UnreadableInput(f"{stem} in “{out}” is damaged: {error}.") from error
    missing.append(f"{stem}.parquet")
    return None
