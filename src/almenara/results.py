"""A run's results, from its log and its state: the files that people, spreadsheets and GIS programs open."""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from almenara.model.events import (
    ExposuresChanged,
    HazardsArchived,
    HazardsChanged,
    IncidentChanged,
    IncidentClosed,
    IncidentMerged,
    IncidentOpened,
    ReachChanged,
    WarningDrafted,
    WarningExpired,
    WarningSent,
)
from almenara.model.observations import from_ipc
from almenara.pipeline import INCIDENT_EVENTS, State, fires_of
from almenara.ports import EventLog
from almenara.stages import exposure, hazards, reach, reach_listing
from almenara.stages.hazards import View, unpack_view

#: How a cell begins that a spreadsheet would run (OWASP, CSV injection; the wide forms are East Asian keyboards').
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

#: Kinds of entries that results are made of.
TOLD = {
    kind.__name__
    for kinds in (INCIDENT_EVENTS, (HazardsChanged, HazardsArchived, ExposuresChanged, ReachChanged))
    for kind in (*kinds, WarningDrafted, WarningExpired, WarningSent)
}

TIMELINE = (
    "hazard_id",
    "kind",
    "time",
    "change",
    "state",
    "area_km2",
    "new_area_km2",
    "observations",
    "new_observations",
    "frp_mw",
    "magnitude",
    "merged_from",
    "into",
)


@dataclass(slots=True)
class Results:
    """All that a run found."""

    hazards: list[View]
    timeline: pa.Table
    exposures: pa.Table  # observed
    could_reach: pa.Table  # advice, with the same columns
    incidents: list[dict[str, Any]]
    warnings: list[WarningDrafted]
    sent: dict[str, bytes]  # identifier → the message as it left the house
    waiting: list[WarningDrafted]  # drafts without their yes
    expired: int
    digest: str = ""
    summary: dict[str, Any] = field(default_factory=dict)


def collect(log: EventLog, state: State) -> Results:
    """Gather the results; `digest` names the state: equal inputs, equal digest, in whatever order they came."""
    changes: list[pa.Table] = []
    exposed: list[pa.Table] = []
    reached: list[pa.Table] = []
    incidents: dict[str, dict[str, Any]] = {}
    warnings: list[WarningDrafted] = []
    sent: dict[str, bytes] = {}
    archived: list[dict[str, Any]] = []
    expired = 0
    for entry in log.read():
        if entry.kind not in TOLD:
            continue
        event = entry.event()
        if isinstance(event, HazardsChanged):
            changes.append(from_ipc(event.table).select(TIMELINE))
        elif isinstance(event, HazardsArchived):
            archived += from_ipc(event.table).to_pylist()
        elif isinstance(event, ExposuresChanged):
            exposed.append(from_ipc(event.table))
        elif isinstance(event, ReachChanged):
            reached.append(from_ipc(event.table))
        elif isinstance(event, WarningDrafted):
            warnings.append(event)
        elif isinstance(event, WarningSent):
            sent[event.identifier] = event.xml
        elif isinstance(event, WarningExpired):
            expired += 1
        else:
            _note_incident(incidents, event)
    timeline = pa.concat_tables([hazards.CHANGES.empty_table().select(TIMELINE), *changes])
    views = [view for kind in sorted(state.hazards) for view in state.hazards[kind].views()]
    fires = [view.id for view in views if view.kind == "fire" and view.state == "active" and view.suppressed is None]
    bands = reach.describe(fires_of(state).fronts(fires), state.now_ms)
    for view in views:
        if view.id in bands:
            view.extra["reach"] = bands[view.id]
    views = sorted([*views, *(unpack_view(row["view"]) for row in archived)], key=lambda view: (view.kind, view.id))
    found = Results(
        hazards=views,
        timeline=timeline,
        exposures=_with_places(_last_exposures(exposed), state),
        could_reach=_with_places(reach_listing.listed(reached, state.now_ms), state),
        incidents=[incidents[name] for name in sorted(incidents)],
        warnings=warnings,
        sent=sent,
        waiting=[w for w in warnings if state.warnings.find_draft(w.identifier) is not None],
        expired=expired,
    )
    for incident in found.incidents:
        _describe_incident(incident, found.exposures)
    found.digest = _digest(found, state, [row["digest"] for row in archived if row["digest"]])
    return found


def _note_incident(incidents: dict[str, dict[str, Any]], event: Any) -> None:
    if isinstance(event, IncidentOpened):
        timeline = incidents[event.incident]["timeline"] if event.incident in incidents else []
        incidents[event.incident] = {
            "id": event.incident,
            "kind": event.kind,
            "status": "open",
            "priority": event.priority,
            "reasons": event.reasons,
            "opened": iso(event.now_ms),
            "closed": None,
            "hazards": [event.hazard],
            "timeline": timeline,  # one that closed and comes back keeps its story
        }
        timeline.append(_moment(event.now_ms, "opened", f"priority {event.priority}: {', '.join(event.reasons)}"))
        return
    incident = incidents[event.incident]
    if isinstance(event, IncidentChanged):
        incident.update(priority=event.priority, reasons=event.reasons, hazards=event.hazards)
        detail = f"priority {event.priority}: {', '.join(event.reasons)}"
        incident["timeline"].append(_moment(event.now_ms, "changed", detail))
    elif isinstance(event, IncidentMerged):
        incident.update(status="merged", closed=iso(event.now_ms))
        incident["timeline"].append(_moment(event.now_ms, "merged", f"into {event.into}"))
        goes_on = incidents[event.into]
        goes_on["hazards"] = [*goes_on["hazards"], *(h for h in incident["hazards"] if h not in goes_on["hazards"])]
        goes_on["timeline"].append(_moment(event.now_ms, "merged", f"took in {event.incident}"))
    elif isinstance(event, IncidentClosed):
        incident.update(status="closed", closed=iso(event.now_ms))
        incident["timeline"].append(_moment(event.now_ms, "closed", event.reason))


def _moment(now_ms: int, change: str, detail: str) -> dict[str, str]:
    return {"time": iso(now_ms), "change": change, "detail": detail}


def _describe_incident(incident: dict[str, Any], exposures: pa.Table) -> None:
    mine = pc.is_in(exposures.column("hazard_id"), pa.array(incident["hazards"]))
    rows = exposures.filter(pc.and_(mine, pc.is_null(exposures.column("suppressed"))))
    places: dict[str, dict[str, Any]] = {row["place_id"]: row for row in rows.to_pylist()}
    by_people = sorted(places.values(), key=lambda row: (-(row["population"] or 0), row["place_name"]))
    incident["places"] = len(places)
    people = [row["population"] for row in places.values() if row["population"] is not None]
    incident["population"] = sum(people) if people else None  # unknown is not nobody
    incident["label"] = ", ".join(row["place_name"] for row in by_people[:3])


def _last_exposures(changes: list[pa.Table]) -> list[dict[str, Any]]:
    """The last word on each hazard × place."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for table in changes:
        for row in table.to_pylist():
            last[row["hazard_id"], row["place_id"]] = row
    return [last[key] for key in sorted(last)]


def _with_places(exposures: list[dict[str, Any]], state: State) -> pa.Table:
    """Exposures, observed or not, with what is known of their places."""
    named = sorted({row["place_id"] for row in exposures} & state.exposure.rows.keys())
    at = pa.array([state.exposure.rows[name] for name in named], pa.int64())  # typed: there may be none
    found = state.exposure.places.drop_columns(["geometry"]).take(at)
    places = dict(zip(named, found.to_pylist(), strict=True))  # without those that a later import left out
    rows = []
    for row in exposures:
        place = places.get(row["place_id"], {})
        about = {name: place.get(name) for name in ("population", "country", "admin", "lon", "lat")}
        name = place.get("name", row["place_id"])
        rows.append({**row, **about, "place_name": name, "place_kind": place.get("kind")})
    kept = [pa.field(f.name, f.type) for f in exposure.CHANGES if f.name != "change"]
    names = ("place_name", "place_kind", "population", "country", "admin", "lon", "lat")
    kinds = dict.fromkeys(names, pa.string()) | {"population": pa.int64(), "lon": pa.float64(), "lat": pa.float64()}
    place_fields = [pa.field(name, kind) for name, kind in kinds.items()]
    return pa.Table.from_pylist(rows, schema=pa.schema([*kept[:2], *place_fields, *kept[2:], *reach_listing.COLUMNS]))


def _digest(found: Results, state: State, archived: list[bytes]) -> str:
    """SHA-256 over hazards (cells, births, lineage), exposures, incidents and warnings in canonical order."""
    total = hashlib.sha256()

    def add(part: bytes) -> None:
        total.update(len(part).to_bytes(8, "big"))
        total.update(part)

    living = [part for kind in sorted(state.hazards) for part in state.hazards[kind].digest_parts()]
    for part in sorted([*living, *archived]):
        add(part)
    for row in found.exposures.drop_columns(reach_listing.COLUMNS.names).to_pylist():
        add(repr(row).encode())
    for part in reach.digest_parts(state.reach):
        add(part)
    for incident in found.incidents:
        add(msgspec.json.encode(incident, order="sorted"))
    for warning in sorted(found.warnings, key=lambda w: w.identifier):
        add(warning.xml)
    return total.hexdigest()


# ---------------------------------------------------------------------- files


def write(found: Results, out: Path) -> None:
    """Write every file of the run into `out`; each appears whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    _put(out / "hazards.geojson", _geojson(found.hazards))
    exposures = pa.concat_tables([found.exposures, found.could_reach])
    for name, table in (("timeline", found.timeline), ("exposures", exposures)):
        part = out / f".{name}.parquet.part"
        pq.write_table(table, part, compression="zstd")
        part.replace(out / f"{name}.parquet")
    _write_csv(exposures, out / "exposures.csv")
    _put(out / "incidents.json", msgspec.json.format(msgspec.json.encode(found.incidents), indent=1))
    _write_messages(found.sent, out / "warnings")
    if found.waiting or (out / "drafts").exists():
        _write_messages({draft.identifier: draft.xml for draft in found.waiting}, out / "drafts")
    write_summary(found, out)


def _write_messages(messages: dict[str, bytes], folder: Path) -> None:
    """These and no others."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.xml"):
        old.unlink()
    for identifier, xml in messages.items():
        _put(folder / f"{identifier}.xml", xml)


def write_summary(found: Results, out: Path) -> None:
    """Write the run's numbers."""
    _put(out / "summary.json", msgspec.json.format(msgspec.json.encode(found.summary), indent=1))


def _put(path: Path, data: Any) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def _write_csv(table: pa.Table, path: Path) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.column_names)
        for row in table.to_pylist():
            writer.writerow([_cell(value) for value in row.values()])
    part.replace(path)


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"  # a spreadsheet must not take a place's name for a formula
    return value


def _geojson(views: Sequence[View]) -> bytes:
    shapes = [view.extra.get("felt") if view.kind == "earthquake" else view.footprint for view in views]
    texts = shapely.to_geojson(shapes) if shapes else []
    seen = zip(isos(view.first_seen_ms for view in views), isos(view.last_seen_ms for view in views), strict=True)
    features = [
        # Each becomes bytes at once: no dict for each hazard stays alive until all are made.
        msgspec.json.encode(
            {
                "type": "Feature",
                "id": view.id,
                "geometry": msgspec.Raw(text.encode()) if text is not None else None,
                "properties": _properties(view, *times),
            }
        )
        for view, text, times in zip(views, texts, seen, strict=True)
    ]
    return b'{"type":"FeatureCollection","features":[' + b",".join(features) + b"]}"


def _properties(view: View, first_seen: str, last_seen: str) -> dict[str, Any]:
    return {
        "id": view.id,
        "kind": view.kind,
        "state": view.state,
        "first_seen": first_seen,
        "last_seen": last_seen,
        "area_km2": None if view.area_km2 is None else round(view.area_km2, 4),
        "observations": view.observations,
        "merged_from": view.merged_from,
        "confidence": view.confidence,
        "certainty": view.certainty,
        "suppressed": view.suppressed,
        "platforms": view.platforms,
        "frp_max_mw": view.frp_max_mw,
        "magnitude": view.magnitude,
        "depth_km": view.depth_km,
        "epicentre": view.epicentre,
        "label": view.label,
        **{name: value for name, value in view.extra.items() if name != "felt"},
    }


def iso(time_ms: int) -> str:
    """A time as the files write it: UTC, whole seconds."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def isos(times_ms: Iterable[int]) -> list[str]:
    """The same for many at once."""
    return [f"{text}Z" for text in np.fromiter(times_ms, "datetime64[ms]").astype("datetime64[s]").astype(str).tolist()]
