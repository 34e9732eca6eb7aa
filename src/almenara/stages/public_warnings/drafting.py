"""Writes one CAP message for a situation, and proves it before it is let out."""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from almenara.model.cap import (
    Alert,
    Area,
    Certainty,
    Info,
    MsgType,
    NamedValue,
    Reference,
    ResponseType,
    Ring,
    Scope,
    Severity,
    Status,
    Urgency,
    from_ms,
    from_xml,
    to_xml,
)
from almenara.model.cap.event_terms import LIST_NAME
from almenara.model.cap.profiles import load
from almenara.model.errors import InvalidWarning
from almenara.stages.public_warnings.area import Target, uncovered, warning_area
from almenara.stages.public_warnings.situation import Policy, Situation, ThreatenedPlace, zone_of
from almenara.stages.public_warnings.templates import Hazard, Language, Words, sentences

#: Names in `areaDesc` and headline; names in the text.
AREA_NAMED = 2
PLACES_NAMED = 8
NAME_CHARS_MAX = 40
HAZARDS_NAMED = 20
IMMEDIATE_M = 300.0

#: Names of our parameters.
HAZARD, VERSION, AREA_KM2, LAST_SEEN = (
    "almenara:hazard",
    "almenara:version",
    "almenara:area-km2",
    "almenara:last-seen-ms",
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the thread says of the message."""

    identifier: str
    version: int  # 1, 2, … within the thread
    msg_type: MsgType
    references: tuple[Reference, ...]
    now_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """CAP's three scales for a situation."""

    urgency: Urgency
    severity: Severity
    certainty: Certainty


def judge(situation: Situation) -> Judgement:
    """How soon, how bad, how sure; the situation has places.

    Certainty is the best that any place's exposure earned. Fire: Immediate when it was seen within 300 m of a place,
    Expected farther off; Severe for priority 1 (a place inside, or 10,000 people), Minor for priority 4 (weak signs
    only), Moderate between; Extreme is for people on the ground to say. Earthquake: Past, as the United States
    Geological Survey has it, for the shaking is over when the message is written; severity by the strongest
    intensity: VIII Extreme, VII Severe, VI Moderate, less Minor.
    """
    earned = {place.certainty for place in situation.places}
    certainty = next(c for c in (Certainty.OBSERVED, Certainty.LIKELY, Certainty.POSSIBLE) if c in earned)
    if situation.kind == "earthquake":
        mmi = max((place.mmi for place in situation.places if place.mmi is not None), default=0.0)
        levels = (
            (8.0, Severity.EXTREME),
            (7.0, Severity.SEVERE),
            (6.0, Severity.MODERATE),
            (-math.inf, Severity.MINOR),
        )
        return Judgement(Urgency.PAST, next(level for least, level in levels if mmi >= least), certainty)
    nearest = min(place.distance_m for place in situation.places)
    urgency = Urgency.IMMEDIATE if nearest <= IMMEDIATE_M else Urgency.EXPECTED
    severity = {1: Severity.SEVERE, 4: Severity.MINOR}.get(situation.priority, Severity.MODERATE)
    return Judgement(urgency, severity, certainty)


def compose(situation: Situation, judged: Judgement, envelope: Envelope, policy: Policy, words: Words) -> Alert:
    """The Alert or Update for a situation. Raises InvalidWarning when no area can be drawn."""
    rings = tuple(warning_area(situation.footprint, targets(situation)))
    ranked = sorted(situation.places, key=lambda p: (p.distance_m > 0.0, -(p.population or 0), p.distance_m, p.id))
    infos = []
    for tag in policy.languages:
        common, told = words.language(tag), words.hazard(situation.kind, tag)
        area_desc = _named(ranked, AREA_NAMED, common)
        values = _values(situation, ranked, area_desc, common, told, policy)
        description = [*told.description[judged.certainty], *told.description["common"]]
        text = Text(
            headline=" ".join(sentences([told.headline[judged.certainty]], values)) or f"{told.event}: {area_desc}",
            description=" ".join(sentences(description, values)),
            instruction="\n".join(sentences(told.instruction[judged.urgency], values)),
        )
        response = tuple(words.kind(situation.kind).response[judged.urgency])
        area = Area(area_desc=area_desc, polygon=rings)
        infos.append(info_of(tag, situation, judged, response, text, area, envelope, policy, words))
    return alert_of(situation, envelope, tuple(infos), policy, words)


#: A message in bytes, read. Each is asked for several times within a step: proved, drafted, sent.
read_message = lru_cache(maxsize=64)(from_xml)


def seal(alert: Alert, situation: Situation) -> bytes:
    """The message as bytes, proved: valid by the schema, read back unchanged, every place inside the area it states.

    Raises InvalidWarning otherwise. (Los Angeles, January 2025: a polygon was lost on the way and ten million people
    were warned.)
    """
    xml = to_xml(alert)
    back = read_message(xml)
    if back != alert:
        raise InvalidWarning(f"{alert.identifier}: what was read back is not what was written.")
    stated = {tuple(ring for area in info.area for ring in area.polygon) for info in back.info}
    if len(stated) != 1 or not (rings := stated.pop()):
        raise InvalidWarning(f"{alert.identifier}: every language must state the same polygons, and at least one.")
    missing = uncovered(rings, situation.footprint, targets(situation))
    if missing:
        names = ", ".join("the footprint" if row < 0 else situation.places[row].id for row in missing[:5])
        raise InvalidWarning(f"{alert.identifier}: its area does not hold {names}.")
    return xml


def targets(situation: Situation) -> list[Target]:
    """The places for the area. An earthquake's footprint is its reach already and is not widened."""
    widen = situation.kind != "earthquake"
    return [(p.lon, p.lat, p.geometry, p.alert_distance_m if widen else 0.0) for p in situation.places]


def ring_list(alert: Alert) -> list[Ring]:
    """The polygons of a message."""
    return [ring for area in alert.info[0].area for ring in area.polygon]


@dataclass(frozen=True, slots=True)
class Text:
    """What is said in one language."""

    headline: str
    description: str
    instruction: str


def alert_of(situation: Situation, envelope: Envelope, infos: tuple[Info, ...], policy: Policy, words: Words) -> Alert:
    notes = [
        f"{common.status[policy.status]}: {common.status_note[policy.status]}"
        for common in (words.language(tag) for tag in policy.languages)
        if policy.status != Status.ACTUAL
    ]
    return Alert(
        identifier=envelope.identifier,
        sender=policy.sender,
        sent=from_ms(envelope.now_ms, zone_of(policy.timezone)),
        status=Status(policy.status),
        msg_type=envelope.msg_type,
        source="Almenara",
        scope=Scope(policy.scope),
        code=tuple(code for name in policy.profiles if (code := load(name).CODE)),
        note=" / ".join(notes) or None,
        references=envelope.references,
        incidents=(situation.incident,),
        info=infos,
    )


def info_of(
    tag: str,
    situation: Situation,
    judged: Judgement,
    response: tuple[ResponseType, ...],
    text: Text,
    area: Area,
    envelope: Envelope,
    policy: Policy,
    words: Words,
) -> Info:
    common, zone, kind = words.language(tag), zone_of(policy.timezone), words.kind(situation.kind)
    mark, told = "", ""
    if policy.status != Status.ACTUAL:
        mark = f"{common.status[policy.status]}: "
        told = f"{common.status_note[policy.status]}\n\n"
    parameters = [NamedValue(HAZARD, name) for name in situation.hazards[:HAZARDS_NAMED]]
    parameters.append(NamedValue(VERSION, str(envelope.version)))
    parameters.append(NamedValue(LAST_SEEN, str(situation.last_seen_ms)))
    if situation.area_km2 is not None and math.isfinite(situation.area_km2):
        parameters.append(NamedValue(AREA_KM2, f"{situation.area_km2:.3f}"))
    cancelled = envelope.msg_type is MsgType.CANCEL
    codes = ({LIST_NAME: kind.event_code} if kind.event_code else {}) | kind.event_codes
    return Info(
        language=tag,
        category=tuple(kind.category),
        event=words.hazard(situation.kind, tag).event,
        response_type=response,
        urgency=judged.urgency,
        severity=judged.severity,
        certainty=judged.certainty,
        event_code=tuple(NamedValue(name, code) for name, code in codes.items()),
        effective=from_ms(envelope.now_ms, zone),
        onset=None if cancelled else from_ms(min(situation.first_seen_ms, envelope.now_ms), zone),
        expires=from_ms(envelope.expires_ms, zone),
        sender_name=policy.sender_name,
        headline=mark + text.headline,
        description=mark + told + text.description,
        instruction=mark + text.instruction,
        web=policy.web,
        contact=policy.contact,
        parameter=tuple(parameters),
        area=(area,),
    )


def _values(
    situation: Situation,
    ranked: Sequence[ThreatenedPlace],
    area_desc: str,
    common: Language,
    words: Hazard,
    policy: Policy,
) -> dict[str, str]:
    """What the placeholders stand for; those that have no value are absent."""
    zone = zone_of(policy.timezone)
    inside = [place for place in ranked if place.distance_m == 0.0 and situation.kind == "fire"]
    outside = [place for place in ranked if place not in inside] if inside else ranked
    values = {
        "area": area_desc,
        "first_seen": common.when(situation.first_seen_ms, zone),
        "last_seen": common.when(situation.last_seen_ms, zone),
    }
    if inside:
        values["inside"] = _named(inside, PLACES_NAMED, common)
    else:
        nearest = min(ranked, key=lambda p: (p.distance_m, -(p.population or 0), p.id))
        values["nearest"] = _name(nearest.name, common)
        values["distance"] = common.distance(nearest.distance_m)
    if outside:
        values["places"] = _named(outside, PLACES_NAMED, common)
    shaken = [place for place in ranked if place.mmi is not None]
    if shaken and words.mmi:
        strongest = max(shaken, key=lambda p: (p.mmi or 0.0, p.population or 0, p.id))
        values["strongest"] = _name(strongest.name, common)
        values["mmi"] = words.mmi[str(min(max(round(strongest.mmi or 0.0), 4), 10))]
    population = sum(place.population or 0 for place in ranked)
    if population:
        values["population"] = common.number(_two_digits(population))
    if situation.evidence:
        names = [clean(name) for name in situation.evidence]
        # networks have codes ("us" is the United States Geological Survey's), which read as words in small letters
        values["evidence"] = common.listed([n.upper() for n in names] if situation.kind == "earthquake" else names)
    if situation.area_km2:
        decimals = 0 if situation.area_km2 >= 10.0 else 1
        size = common.number(max(situation.area_km2, 0.1), decimals)
        values["area_km2"] = common.square_kilometres.format(value=size)
    if situation.magnitude is not None:
        values["magnitude"] = common.number(situation.magnitude, 1)
    if situation.depth_km is not None and math.isfinite(situation.depth_km):
        values["depth"] = common.kilometres.format(value=common.number(max(situation.depth_km, 0.0)))
    if policy.emergency_number:
        values["emergency_number"] = policy.emergency_number
    return values


def _named(ranked: Sequence[ThreatenedPlace], most: int, common: Language) -> str:
    names = list(dict.fromkeys(_name(place.name, common) for place in ranked))
    return common.listed(names[:most], len(names[most:]))


def _name(text: str, common: Language) -> str:
    name = clean(text) or common.unnamed
    return name if len(name) <= NAME_CHARS_MAX else f"{name[: NAME_CHARS_MAX - 1].rstrip()}…"


def clean(text: str) -> str:
    """One line without control and direction marks: a name must not rearrange a warning."""
    kept = "".join(" " if unicodedata.category(c) in ("Zs", "Zl", "Zp") or c in "\t\r\n" else c for c in text)
    return " ".join("".join(c for c in kept if not unicodedata.category(c).startswith("C")).split())


def _two_digits(count: int) -> int:
    """A count that says no more than it knows: 4523 → 4500."""
    return count if count < 100 else round(count, 2 - len(str(count)))
