"""What changed between two messages: field by field, for each language, and by how much the area grew or shrank."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from almenara.model.cap.extent import area_km2, gained_and_lost_km2, shape
from almenara.model.cap.message import Alert, Info, NamedValue, Resource, cap_time

#: Below a hundredth of a hectare, rounding of coordinates is all there is.
_AREA_KM2_MIN = 1e-4


@dataclass(frozen=True, slots=True)
class Change:
    """A field that differs; None stands for absence."""

    language: str | None  # of the info block; None for the message as a whole
    field: str  # under CAP's own name
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class AreaChange:
    """How the area of one language differs."""

    language: str
    before_km2: float
    after_km2: float
    gained_km2: float
    lost_km2: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that differs."""

    one_thread: bool  # whether one refers to the other, or both to a third
    changes: tuple[Change, ...]
    areas: tuple[AreaChange, ...]  # of each language that both have and whose area differs


def compare(before: Alert, after: Alert) -> Comparison:
    """What differs between two messages; info blocks are paired by language, in order."""
    changes = list(_fields(None, before, after, leave_out=("info",)))
    areas = []
    old, new = _by_language(before), _by_language(after)
    for language in dict.fromkeys([*old, *new]):
        first, second = old.get(language), new.get(language)
        if first is None or second is None:
            said = "present"
            changes.append(Change(language, "info", said if first else None, said if second else None))
            continue
        changes += _fields(language, first, second, leave_out=("area", "language"))
        changes += _area_fields(language, first, second)
        was, becomes = shape(first.area), shape(second.area)
        gained, lost = gained_and_lost_km2(was, becomes)
        if max(gained, lost) >= _AREA_KM2_MIN:
            areas.append(AreaChange(language, area_km2(was), area_km2(becomes), gained, lost))
    return Comparison(_one_thread(before, after), tuple(changes), tuple(areas))


def cap_name(field: str) -> str:
    """A field's name in CAP: `msg_type` is `msgType`."""
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _fields(
    language: str | None, before: msgspec.Struct, after: msgspec.Struct, leave_out: tuple[str, ...]
) -> Iterator[Change]:
    for name in before.__struct_fields__:
        first, second = _said(getattr(before, name)), _said(getattr(after, name))
        if name not in leave_out and first != second:
            yield Change(language, cap_name(name), first, second)


def _area_fields(language: str, before: Info, after: Info) -> Iterator[Change]:
    """Descriptions and codes of the areas; their shapes are compared as one."""
    for name in ("area_desc", "geocode", "altitude", "ceiling"):
        first, second = (_said(tuple(getattr(area, name) for area in info.area)) for info in (before, after))
        if first != second:
            yield Change(language, cap_name(name), first, second)


def _by_language(alert: Alert) -> dict[str, Info]:
    """Info blocks by language; a second one of the same language is numbered."""
    found: dict[str, Info] = {}
    for info in alert.info:
        language = name = info.language or "en-US"  # 3.2.2: en-US is meant where none is said
        number = 2
        while name in found:
            name, number = f"{language} ({number})", number + 1
        found[name] = info
    return found


def _one_thread(before: Alert, after: Alert) -> bool:
    def names(alert: Alert) -> set[tuple[str, str]]:
        references = {(one.sender, one.identifier) for one in alert.references}
        return references | {(alert.sender, alert.identifier)}

    return bool(names(before) & names(after)) or bool(set(before.incidents) & set(after.incidents))


def _said(value: object) -> str | None:
    """A value as a person reads it."""
    if value is None or value in ((), ""):
        return None
    if isinstance(value, tuple):
        return ", ".join(said for one in value if (said := _said(one)) is not None) or None
    if isinstance(value, NamedValue):
        return f"{value.value_name}={value.value}"
    if isinstance(value, Resource):
        parts = (value.resource_desc, value.mime_type, value.uri, value.digest, value.size, len(value.deref_uri or ""))
        return " ".join(str(part) for part in parts if part)
    return cap_time(value) if isinstance(value, datetime) else str(value)
