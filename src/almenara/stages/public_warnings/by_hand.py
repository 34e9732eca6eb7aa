"""Warnings that an officer writes, of events that nothing here follows: in the house's words, proved like any other."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC

import msgspec
import shapely
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from almenara.model.cap import Alert, Area, Certainty, NamedValue, ResponseType, Urgency, from_ms
from almenara.model.commands import MultiPolygon, Statement
from almenara.model.errors import UsageError
from almenara.stages.public_warnings.area import warning_area
from almenara.stages.public_warnings.drafting import VERSION, Envelope, Judgement, Text, alert_of, clean, info_of
from almenara.stages.public_warnings.situation import HOUR_MS, Policy, Situation, bare, zone_of
from almenara.stages.public_warnings.templates import BY_HAND, Kind, Words, sentences

HOURS_MAX = 72.0
CHARS_MAX = 2_000
VERTICES_MAX = 10_000
#: A thread of a hand-written warning may be taken up again for so long after it was last spoken of.
KEPT_MS = 30 * 24 * HOUR_MS

_NAMED = "by-hand-"


def incident_of(statement: Statement, area: BaseGeometry, now_ms: int) -> str:
    """The name of what an officer warns of: its kind, the minute, and a digest of what is said and where.

    >>> said = Statement(kind="flood", area_name="x", urgency="Past", severity="Minor", certainty="Likely")
    >>> incident_of(said, shapely.box(0, 0, 1, 1), 0)
    'by-hand-flood-19700101T0000-5bfdc059'
    """
    told = msgspec.json.encode(statement, order="deterministic") + shapely.to_wkb(area, byte_order=1)
    digest = hashlib.blake2b(told, digest_size=4).hexdigest()
    return f"{_NAMED}{statement.kind}-{from_ms(now_ms, UTC):%Y%m%dT%H%M}-{digest}"


def is_by_hand(incident: str) -> bool:
    """Whether an incident is one that an officer warns of by hand."""
    return incident.startswith(_NAMED)


def check_statement(statement: Statement, policy: Policy, words: Words) -> None:
    """Raises UsageError, naming what is wrong and what would be right."""
    words.kind(statement.kind)
    if not 0.0 < statement.expires_h <= HOURS_MAX:
        raise UsageError(
            f"expires_h is {statement.expires_h}: more than 0 and at most {HOURS_MAX:.0f} hours are needed."
        )
    for name in statement.values:
        if name not in BY_HAND:
            raise UsageError(f"values: there is no {name!r}. Known: {', '.join(sorted(BY_HAND))}.")
    if statement.certainty not in (Certainty.OBSERVED, Certainty.LIKELY, Certainty.POSSIBLE):
        raise UsageError(f"certainty is {statement.certainty}: Observed, Likely or Possible is needed.")
    for tag in policy.languages:
        words.hazard(statement.kind, tag)
        for name, text in {"area_name": statement.area_name, **statement.values}.items():
            said = _in_language(text, tag, name)
            if not clean(said) or len(said) > CHARS_MAX:
                raise UsageError(f"{name}: between 1 and {CHARS_MAX} characters are needed.")


def compose_by_hand(
    statement: Statement, area: BaseGeometry, envelope: Envelope, incident: str, policy: Policy, words: Words
) -> tuple[Alert, Situation]:
    """The message for a statement about an area (polygons in WGS84 degrees, cut at ±180), and what it is proved by.

    The area that is sent holds the one given, with at most 100 vertices. Raises UsageError for a statement that cannot
    be, InvalidWarning when no area can be drawn.
    """
    check_statement(statement, policy, words)
    rings = warning_area(area, 0.0, ())
    zone, kind = zone_of(policy.timezone), words.kind(statement.kind)
    situation = replace(bare(incident, statement.kind, envelope.now_ms), footprint=area)
    judged = Judgement(statement.urgency, statement.severity, statement.certainty)
    infos = []
    for tag in policy.languages:
        told = words.hazard(statement.kind, tag)
        values = _values(statement, tag, policy, words)
        said = statement.certainty.value
        text = Text(
            headline=" ".join(sentences([told.headline[said]], values)) or f"{told.event}: {values['area']}",
            description=" ".join(sentences([*told.description[said], *told.description["common"]], values)),
            instruction="\n".join(sentences(_advice(told.instruction, statement.urgency), values)),
        )
        stated = Area(area_desc=values["area"], polygon=rings)
        responses = _responses(kind, statement.urgency)
        info = info_of(tag, situation, judged, responses, text, stated, envelope, policy, words)
        onset = from_ms(statement.onset_ms, zone) if statement.onset_ms is not None else None
        # nothing was seen from here: the event begins when the officer says, and has no last sight
        infos.append(
            msgspec.structs.replace(info, onset=onset, parameter=(NamedValue(VERSION, str(envelope.version)),))
        )
    return alert_of(situation, envelope, tuple(infos), policy, words), situation


def area_of(area: MultiPolygon) -> BaseGeometry:
    """An officer's area, checked. Raises UsageError for what is no area on Earth.

    >>> area_of((((((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)),)),)).area
    1.0
    """
    if sum(len(ring) for polygon in area for ring in polygon) > VERTICES_MAX:
        raise UsageError(f"The area has more than {VERTICES_MAX} vertices: simplify it.")
    polygons = []
    for polygon in area:
        try:
            shape = shapely.Polygon(polygon[0], polygon[1:]) if polygon else shapely.Polygon()
        except (ValueError, GEOSException) as error:
            raise UsageError(f"The area is no valid polygon: {error}.") from error
        if shape.is_empty or not shape.is_valid:
            raise UsageError(f"The area is no valid polygon: {shapely.is_valid_reason(shape)}.")
        polygons.append(shape)
    if not polygons:
        raise UsageError("The area of a warning is made of polygons, and there is none.")
    whole = shapely.union_all(polygons)
    west, south, east, north = whole.bounds
    if west < -180.0 or east > 180.0 or south < -90.0 or north > 90.0:
        raise UsageError("The area reaches beyond ±180 degrees of longitude or ±90 of latitude: cut it there.")
    return whole


def _values(statement: Statement, tag: str, policy: Policy, words: Words) -> dict[str, str]:
    values = {name: clean(_in_language(text, tag, name)) for name, text in statement.values.items()}
    values["area"] = clean(_in_language(statement.area_name, tag, "area_name"))
    if statement.onset_ms is not None:
        values["onset"] = words.language(tag).when(statement.onset_ms, zone_of(policy.timezone))
    if policy.emergency_number:
        values["emergency_number"] = policy.emergency_number
    return values


def _advice(instruction: Mapping[str, list[str]], urgency: Urgency) -> list[str]:
    return instruction.get(urgency.value, instruction[Urgency.EXPECTED])


def _responses(kind: Kind, urgency: Urgency) -> tuple[ResponseType, ...]:
    return tuple(kind.response.get(urgency, kind.response[Urgency.EXPECTED]))


def _in_language(text: str | Mapping[str, str], tag: str, name: str) -> str:
    if isinstance(text, str):
        return text
    found = text.get(tag, text.get(tag.split("-")[0].lower()))
    if found is None:
        raise UsageError(f"{name}: the language {tag!r} is missing.")
    return found
