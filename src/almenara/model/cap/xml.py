"""CAP 1.2 messages to XML and back: deterministic writing, strict and bounded reading, the schema's verdict."""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any

from lxml import etree

from almenara.model.cap.message import (
    Alert,
    Area,
    Category,
    Certainty,
    Circle,
    Info,
    MsgType,
    NamedValue,
    Reference,
    Resource,
    ResponseType,
    Ring,
    Scope,
    Severity,
    Status,
    Urgency,
    cap_time,
)
from almenara.model.errors import InvalidWarning

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
#: A larger message is refused unread. The largest real one at hand (US IPAWS, thousands of vertices) has 459 KB.
MESSAGE_BYTES_MAX = 4 * 1024 * 1024
#: Of coordinates, written and read (1e-5 degree is 1.1 m; some write 13): whatever was read is written the same.
COORDINATE_DECIMALS = 5

_Q = f"{{{NAMESPACE}}}"
_DEFAULT_NAMESPACE: dict[Any, str] = {None: NAMESPACE}  # None is lxml's name for no prefix; its stubs do not know
_LIST_WORD = re.compile(r'"([^"]*)"|(\S+)')
#: What `float` takes besides (nan, 1_000) is no number in CAP. Exponents are read, never written.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
#: lxml keeps the findings in the schema, not in the call: unguarded, one thread would clear what another is to read,
#: and a message without findings counts as valid.
_one_verdict_at_a_time = Lock()


def to_xml(alert: Alert) -> bytes:
    """The message in UTF-8; equal messages give equal bytes. Coordinates are rounded to COORDINATE_DECIMALS.

    Raises InvalidWarning for text that XML cannot hold.
    """
    root = etree.Element(f"{_Q}alert", nsmap=_DEFAULT_NAMESPACE)
    try:
        _write_alert(root, alert)
    except ValueError as error:
        raise InvalidWarning(f"The message {alert.identifier} holds text that XML cannot: {error}") from error
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def from_xml(data: bytes) -> Alert:
    """The message in the bytes, its coordinates rounded to COORDINATE_DECIMALS.

    `from_xml(to_xml(alert)) == alert` for every alert whose coordinates need no rounding, so for every one read here.

    Raises InvalidWarning when the bytes are too many, no XML, carry a DOCTYPE, or break the schema or the standard.
    A signature, comments and processing instructions are passed over.
    """
    root = _parse(data)
    problems = _problems(root)
    if problems:
        raise InvalidWarning(f"The message breaks the schema of CAP 1.2: {problems[0]}")
    try:
        return _read_alert(root)
    except ValueError as error:
        raise InvalidWarning(f"The message breaks CAP 1.2: {error}") from error


def validate(data: bytes) -> list[str]:
    """What the schema finds wrong with a message, line by line; empty when nothing is."""
    try:
        return _problems(_parse(data))
    except InvalidWarning as error:
        return [str(error)]


# ---------------------------------------------------------------------- reading


@cache
def _schema() -> etree.XMLSchema:
    text = files("almenara.model.cap").joinpath("cap-1.2.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(text, _parser()))


@cache
def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _parse(data: bytes) -> etree._Element:
    if len(data) > MESSAGE_BYTES_MAX:
        raise InvalidWarning(f"The message has {len(data)} bytes, more than {MESSAGE_BYTES_MAX}.")
    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        raise InvalidWarning(f"The message is no well-formed XML: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidWarning("The message carries a DOCTYPE, which CAP has no use for.")
    return root


def _problems(root: etree._Element) -> list[str]:
    with _one_verdict_at_a_time:
        schema = _schema()
        if schema.validate(root):
            return []
        found: Any = schema.error_log  # iterable, which lxml's stubs do not know
        problems = [f"line {entry.line}: {entry.message.replace(_Q, '')}" for entry in found]
    return problems or ["The schema refuses the message and does not say why."]


def _read_alert(root: etree._Element) -> Alert:
    return Alert(
        identifier=_must(root, "identifier"),
        sender=_must(root, "sender"),
        sent=_time(_must(root, "sent")),
        status=Status(_must(root, "status")),
        msg_type=MsgType(_must(root, "msgType")),
        source=_text(root, "source"),
        scope=Scope(_must(root, "scope")),
        restriction=_text(root, "restriction"),
        addresses=_words(_text(root, "addresses")),
        code=_texts(root, "code"),
        note=_text(root, "note"),
        references=tuple(_reference(word) for word in (_text(root, "references") or "").split()),
        incidents=_words(_text(root, "incidents")),
        info=tuple(_read_info(info) for info in root.iterchildren(f"{_Q}info")),
    )


def _read_info(info: etree._Element) -> Info:
    effective, onset, expires = (_text(info, name) for name in ("effective", "onset", "expires"))
    return Info(
        language=(_text(info, "language") or "").strip() or None,  # empty stands for the default, like absence
        category=tuple(Category(text) for text in _texts(info, "category")),
        event=_must(info, "event"),
        response_type=tuple(ResponseType(text) for text in _texts(info, "responseType")),
        urgency=Urgency(_must(info, "urgency")),
        severity=Severity(_must(info, "severity")),
        certainty=Certainty(_must(info, "certainty")),
        audience=_text(info, "audience"),
        event_code=_named(info, "eventCode"),
        effective=_time(effective) if effective is not None else None,
        onset=_time(onset) if onset is not None else None,
        expires=_time(expires) if expires is not None else None,
        sender_name=_text(info, "senderName"),
        headline=_text(info, "headline"),
        description=_text(info, "description"),
        instruction=_text(info, "instruction"),
        web=_text(info, "web"),
        contact=_text(info, "contact"),
        parameter=_named(info, "parameter"),
        resource=tuple(_read_resource(resource) for resource in info.iterchildren(f"{_Q}resource")),
        area=tuple(_read_area(area) for area in info.iterchildren(f"{_Q}area")),
    )


def _read_resource(resource: etree._Element) -> Resource:
    size = _text(resource, "size")
    return Resource(
        resource_desc=_must(resource, "resourceDesc"),
        mime_type=_must(resource, "mimeType"),
        size=int(size) if size is not None else None,
        uri=_text(resource, "uri"),
        deref_uri=_text(resource, "derefUri"),
        digest=_text(resource, "digest"),
    )


def _read_area(area: etree._Element) -> Area:
    altitude, ceiling = _text(area, "altitude"), _text(area, "ceiling")
    return Area(
        area_desc=_must(area, "areaDesc"),
        polygon=tuple(_ring(text) for text in _texts(area, "polygon")),
        circle=tuple(_circle(text) for text in _texts(area, "circle")),
        geocode=_named(area, "geocode"),
        altitude=float(altitude) if altitude is not None else None,
        ceiling=float(ceiling) if ceiling is not None else None,
    )


def _text(parent: etree._Element, name: str) -> str | None:
    return parent.findtext(f"{_Q}{name}")


def _must(parent: etree._Element, name: str) -> str:
    text = _text(parent, name)
    if text is None:
        raise InvalidWarning(f"The message lacks {name}.")
    return text


def _texts(parent: etree._Element, name: str) -> tuple[str, ...]:
    return tuple(child.text or "" for child in parent.iterchildren(f"{_Q}{name}"))


def _named(parent: etree._Element, name: str) -> tuple[NamedValue, ...]:
    return tuple(
        NamedValue(_must(child, "valueName"), _must(child, "value")) for child in parent.iterchildren(f"{_Q}{name}")
    )


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(quoted or bare for quoted, bare in _LIST_WORD.findall(text or ""))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.strip())


def _reference(word: str) -> Reference:
    parts = word.split(",")
    if len(parts) != 3:
        raise InvalidWarning(f"The message breaks CAP 1.2: references: not sender,identifier,sent: {word[:60]!r}.")
    return Reference(parts[0], parts[1], _time(parts[2]))


def _ring(text: str) -> Ring:
    return tuple(_point(pair, "polygon") for pair in text.split())


def _circle(text: str) -> Circle:
    parts = text.split()
    if len(parts) != 2:
        raise InvalidWarning(f"The message breaks CAP 1.2: circle: not a point and a radius: {text[:60]!r}.")
    lon, lat = _point(parts[0], "circle")
    return Circle(lon, lat, _number(parts[1], "circle"))


def _point(pair: str, name: str) -> tuple[float, float]:
    parts = pair.split(",")
    if len(parts) != 2:
        raise InvalidWarning(f"The message breaks CAP 1.2: {name}: not latitude,longitude: {pair[:60]!r}.")
    return round(_number(parts[1], name), COORDINATE_DECIMALS), round(_number(parts[0], name), COORDINATE_DECIMALS)


def _number(text: str, name: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise InvalidWarning(f"The message breaks CAP 1.2: {name}: not a number: {text[:60]!r}.")
    return float(text)


# ---------------------------------------------------------------------- writing


def _write_alert(root: etree._Element, alert: Alert) -> None:
    _put(root, "identifier", alert.identifier)
    _put(root, "sender", alert.sender)
    _put_time(root, "sent", alert.sent)
    _put(root, "status", alert.status)
    _put(root, "msgType", alert.msg_type)
    _put(root, "source", alert.source)
    _put(root, "scope", alert.scope)
    _put(root, "restriction", alert.restriction)
    _put(root, "addresses", _listed(alert.addresses))
    _put_all(root, "code", alert.code)
    _put(root, "note", alert.note)
    _put(root, "references", " ".join(str(reference) for reference in alert.references) or None)
    _put(root, "incidents", _listed(alert.incidents))
    for info in alert.info:
        _write_info(etree.SubElement(root, f"{_Q}info"), info)


def _write_info(element: etree._Element, info: Info) -> None:
    _put(element, "language", info.language)
    _put_all(element, "category", info.category)
    _put(element, "event", info.event)
    _put_all(element, "responseType", info.response_type)
    _put(element, "urgency", info.urgency)
    _put(element, "severity", info.severity)
    _put(element, "certainty", info.certainty)
    _put(element, "audience", info.audience)
    _put_named(element, "eventCode", info.event_code)
    _put_time(element, "effective", info.effective)
    _put_time(element, "onset", info.onset)
    _put_time(element, "expires", info.expires)
    _put(element, "senderName", info.sender_name)
    _put(element, "headline", info.headline)
    _put(element, "description", info.description)
    _put(element, "instruction", info.instruction)
    _put(element, "web", info.web)
    _put(element, "contact", info.contact)
    _put_named(element, "parameter", info.parameter)
    for resource in info.resource:
        _write_resource(etree.SubElement(element, f"{_Q}resource"), resource)
    for area in info.area:
        _write_area(etree.SubElement(element, f"{_Q}area"), area)


def _write_resource(element: etree._Element, resource: Resource) -> None:
    _put(element, "resourceDesc", resource.resource_desc)
    _put(element, "mimeType", resource.mime_type)
    _put(element, "size", str(resource.size) if resource.size is not None else None)
    _put(element, "uri", resource.uri)
    _put(element, "derefUri", resource.deref_uri)
    _put(element, "digest", resource.digest)


def _write_area(element: etree._Element, area: Area) -> None:
    _put(element, "areaDesc", area.area_desc)
    for ring in area.polygon:
        _put(element, "polygon", " ".join(_pair(lon, lat) for lon, lat in ring))
    for circle in area.circle:
        _put(element, "circle", f"{_pair(circle.lon, circle.lat)} {_decimal(circle.radius_km)}")
    _put_named(element, "geocode", area.geocode)
    _put(element, "altitude", _decimal(area.altitude) if area.altitude is not None else None)
    _put(element, "ceiling", _decimal(area.ceiling) if area.ceiling is not None else None)


def _put(parent: etree._Element, name: str, text: str | None) -> None:
    if text is not None:
        etree.SubElement(parent, f"{_Q}{name}").text = str(text)


def _put_all(parent: etree._Element, name: str, texts: Iterable[str]) -> None:
    for text in texts:
        _put(parent, name, text)


def _put_time(parent: etree._Element, name: str, time: datetime | None) -> None:
    if time is not None:
        _put(parent, name, cap_time(time))


def _put_named(parent: etree._Element, name: str, values: Iterable[NamedValue]) -> None:
    for named in values:
        child = etree.SubElement(parent, f"{_Q}{name}")
        _put(child, "valueName", named.value_name)
        _put(child, "value", named.value)


def _listed(words: Iterable[str]) -> str | None:
    return " ".join(f'"{word}"' if " " in word else word for word in words) or None


def _pair(lon: float, lat: float) -> str:
    return f"{_decimal(round(lat, COORDINATE_DECIMALS))},{_decimal(round(lon, COORDINATE_DECIMALS))}"


def _decimal(value: float) -> str:
    """The shortest decimal that reads back as the same number, never with an exponent."""
    text = repr(float(value))
    return format(Decimal(text), "f") if "e" in text else text
