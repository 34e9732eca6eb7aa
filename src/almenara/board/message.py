"""One message in full, as the composer and its second reader see it: text, area, people, checks, and what is new."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import shapely
from shapely.geometry.base import BaseGeometry

from almenara.board.forms import PublicWarning, moment
from almenara.board.messages import Message
from almenara.board.places import PlaceBook
from almenara.channels._sms import segments
from almenara.channels.sms_smpp import text_of
from almenara.model.cap import Alert, MsgType, from_xml, validate
from almenara.model.cap.comparison import compare
from almenara.model.cap.extent import shape
from almenara.ports import Outgoing, status_of
from almenara.stages.public_warnings import Policy
from almenara.stages.public_warnings.profiles import breaches

SEGMENTS_MAX = 3
VERTICES_MAX = 100
_GSM = 0


@dataclass(frozen=True, slots=True)
class Reader:
    """What a message is held against."""

    policy: Policy
    places: PlaceBook
    now_ms: int
    can_sign: bool
    channels: Collection[str]  # those that would carry it
    before: bytes | None  # the last message of the thread that was sent


def describe(form: PublicWarning, message: Message, reader: Reader) -> dict[str, Any]:
    """The message in full."""
    alert = from_xml(message.xml)
    area = shape(alert.info[0].area)
    warned = reader.places.people(message.draft.places)
    inside = reader.places.inside(area)
    people = reader.places.people(inside)
    return {
        **msgspec.to_builtins(form),
        "info": [_info(alert, message, number) for number in range(len(alert.info))],
        "area": msgspec.Raw(shapely.to_geojson(shapely.multipolygons(shapely.get_parts(area))).encode()),
        "vertices": vertices_of(alert),
        "places_inside": len(inside),
        "people_inside": people,
        "people_exposed": warned,
        "people_without_need": None if people is None else max(0, people - (warned or 0)),
        "timeline": [
            {"time": moment(one.at_ms), "change": one.change, "by": one.by or None, "detail": one.detail}
            for one in message.timeline
        ],
        "difference": difference(reader.before, alert),
        "checks": [
            {"name": name, "ok": ok, "detail": detail} for name, ok, detail in checks(alert, message, area, reader)
        ],
    }


def difference(before: bytes | None, alert: Alert) -> list[dict[str, Any]] | None:
    """What is new against the last message of the thread that was sent; None when there is none."""
    if before is None:
        return None
    found = compare(from_xml(before), alert)
    changes = [msgspec.to_builtins(change) for change in found.changes]
    return [
        *changes,
        *(
            {
                "field": "area",
                "language": one.language,
                "before": f"{one.before_km2:.1f} km²",
                "after": f"{one.after_km2:.1f} km² (+{one.gained_km2:.1f}, −{one.lost_km2:.1f})",
            }
            for one in found.areas
        ),
    ]


def vertices_of(alert: Alert) -> int:
    """How many corners the polygons of the first language have."""
    return sum(len(ring) - 1 for area in alert.info[0].area for ring in area.polygon)


def checks(alert: Alert, message: Message, area: BaseGeometry, reader: Reader) -> Sequence[tuple[str, bool, str]]:
    """What must hold before a message is approved; each by name, with what was found."""
    draft = message.draft
    faults = validate(message.xml)
    languages = [info.language for info in alert.info]
    spoken = [info.language for info in alert.info if info.headline and info.description and info.instruction]
    outside = reader.places.outside(draft.places, area)
    breaks = breaches(message.xml, reader.policy.profiles)
    late = message.expires_ms <= reader.now_ms
    refers = alert.msg_type is MsgType.ALERT or bool(alert.references)
    named = not reader.policy.sender.endswith(".invalid") or draft.status != "Actual"
    return (
        ("schema", not faults, faults[0].message if faults else ""),
        ("profile", not breaks, str(breaks[0]) if breaks else ", ".join(reader.policy.profiles)),
        ("status", alert.status.value == reader.policy.status, alert.status.value),
        ("languages", languages == list(reader.policy.languages), ", ".join(map(str, languages))),
        ("texts", spoken == languages or draft.msg_type == "Cancel", ", ".join(map(str, spoken))),
        ("area", not area.is_empty and vertices_of(alert) <= VERTICES_MAX, str(vertices_of(alert))),
        ("places", not outside, ", ".join(outside[:3])),
        ("expires", not late, moment(message.expires_ms)),
        ("references", refers, draft.references),
        ("sender", named, reader.policy.sender),
        ("signature", reader.can_sign or not reader.policy.signed, ""),
        ("channels", bool(reader.channels), ", ".join(sorted(reader.channels))),
    )


def _info(alert: Alert, message: Message, number: int) -> dict[str, Any]:
    info = alert.info[number]
    return {
        "language": info.language,
        "event": info.event,
        "headline": info.headline,
        "description": info.description,
        "instruction": info.instruction,
        "area_desc": "; ".join(area.area_desc for area in info.area),
        "web": info.web,
        "contact": info.contact,
        "sms": _sms(alert, message, number),
    }


def _sms(alert: Alert, message: Message, number: int) -> dict[str, Any]:
    outgoing: Outgoing[Any] = Outgoing(message.xml, message.draft.thread, status_of(message.draft.status))
    sms = text_of(outgoing, alert.info[number].language, SEGMENTS_MAX)
    encoding = "GSM 03.38" if sms.data_coding == _GSM else "UCS-2"
    return {"text": sms.text, "segments": len(segments(sms, 0)), "encoding": encoding}
