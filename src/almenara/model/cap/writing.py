"""A CAP message to XML: always version 1.2, and equal messages give equal bytes."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from lxml import etree

from almenara.model.cap.document import NAMESPACES, Version
from almenara.model.cap.lexical import COORDINATE_DECIMALS
from almenara.model.cap.message import Alert, Area, Info, NamedValue, Resource, cap_time
from almenara.model.errors import InvalidWarning

NAMESPACE = NAMESPACES[Version.V1_2]

_Q = f"{{{NAMESPACE}}}"
_DEFAULT_NAMESPACE: dict[Any, str] = {None: NAMESPACE}  # None is lxml's name for no prefix; its stubs do not know


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
