"""The standard's own text beyond its schema: CAP 1.2, section 3.2, and the same sections of 1.0 and 1.1."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

import shapely
from lxml import etree

from almenara.model.cap.document import Document
from almenara.model.cap.faults import Fault
from almenara.model.cap.lexical import (
    BadText,
    read_circle,
    read_list,
    read_number,
    read_references,
    read_ring,
    read_size,
    read_time,
)
from almenara.model.cap.profiles._rules import at, find_time, is_blank

TITLE = "Common Alerting Protocol, OASIS, the text of section 3.2"
CODE = ""

_FORBIDDEN = re.compile(r"[\s,<&]")
_MIME_TYPE = re.compile(r"\s*[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+\s*(;.*)?", re.DOTALL)


def check(document: Document) -> Iterator[Fault]:
    """Breaches of the text's demands."""
    yield from _alert(document)
    for info in document.infos():
        yield from _info(document, info)
        for resource in document.children(info, "resource"):
            yield from _resource(document, resource)
    for area in document.areas():
        yield from _area(document, area)


def advise(document: Document) -> Iterator[Fault]:
    """What is sound by the letter, and most probably a mistake."""
    root = document.root
    sent = find_time(document, root, "sent")
    if document.text(root, "msgType") == "Error" and is_blank(document.text(root, "note")):
        yield at("note-missing", root, "An Error should explain itself in note (3.2.1, msgType).")
    for info in document.infos():
        expires = find_time(document, info, "expires")
        begins = find_time(document, info, "effective") or sent
        if expires is not None and begins is not None and expires < begins:
            yield at("expires-before-effective", info, "It expires before it takes effect.")
        if is_blank(document.text(info, "event")):
            yield at("event-empty", info, "The event has no name (3.2.2, event).")
    for area in document.areas():
        for name in ("polygon", "circle"):
            for shape in document.children(area, name):
                if is_blank(shape.text):
                    yield at(f"{name}-empty", shape, f"An empty {name} is passed over.")
        if not any(document.child(area, name) is not None for name in ("polygon", "circle", "geocode")):
            yield at("area-without-shape", area, "The area has a description only: no program can tell where it is.")


def _alert(document: Document) -> Iterator[Fault]:
    root, text = document.root, document.text
    for name in ("identifier", "sender"):  # 3.2.1: "MUST NOT include spaces, commas or restricted characters"
        for element in document.children(root, name):
            if not element.text or _FORBIDDEN.search(element.text):
                message = f"{name} must be there and hold no blank, comma, < or &: {(element.text or '')[:60]!r}."
                yield at(f"{name}-characters", element, message)
    yield from _parsed(document, root, "sent", lambda words: read_time(words, document.version))
    yield from _parsed(document, root, "references", lambda words: read_references(words, document.version))
    yield from _parsed(document, root, "addresses", read_list)
    yield from _parsed(document, root, "incidents", read_list)
    scope, msg_type = text(root, "scope"), text(root, "msgType")
    if scope == "Restricted" and is_blank(text(root, "restriction")):  # 3.2.1, restriction
        yield at("restriction-missing", root, "Scope Restricted needs a restriction (3.2.1).")
    if scope == "Private" and is_blank(text(root, "addresses")):  # 3.2.1, addresses
        yield at("addresses-missing", root, "Scope Private needs addresses (3.2.1).")
    # 3.2.1, msgType: each of these concerns "the message(s) identified in <references>"
    if msg_type in ("Update", "Cancel", "Ack", "Error") and is_blank(text(root, "references")):
        yield at("references-missing", root, f"A message of type {msg_type} must say which it refers to (3.2.1).")


def _info(document: Document, info: etree._Element) -> Iterator[Fault]:
    for name in ("effective", "onset", "expires"):
        yield from _parsed(document, info, name, lambda words: read_time(words, document.version))
    for web in document.children(info, "web"):  # 3.2.2, web: "a full, absolute URI"
        if not is_blank(web.text) and not _is_absolute(web.text or ""):
            yield at("web-relative", web, f"web must be a full, absolute URI (3.2.2): {(web.text or '')[:60]!r}.")


def _resource(document: Document, resource: etree._Element) -> Iterator[Fault]:
    yield from _parsed(document, resource, "size", read_size)
    for mime in document.children(resource, "mimeType"):  # 3.2.3, mimeType: RFC 2046
        if not _MIME_TYPE.fullmatch(mime.text or ""):
            message = f"mimeType is not of the form type/subtype (3.2.3): {(mime.text or '')[:60]!r}."
            yield at("mime-type-form", mime, message)
    content = document.child(resource, "derefUri")
    for uri in document.children(resource, "uri"):  # 3.2.3, uri: absolute, or a name for what derefUri holds
        if content is None and not is_blank(uri.text) and not _is_absolute(uri.text or ""):
            message = f"uri must be absolute where there is no derefUri (3.2.3): {(uri.text or '')[:60]!r}."
            yield at("uri-relative", uri, message)
    if content is not None and not _is_base64(content.text or ""):  # 3.2.3, derefUri
        yield at("deref-uri-base64", content, "derefUri must hold the content in base64 (3.2.3).")


def _area(document: Document, area: etree._Element) -> Iterator[Fault]:
    for polygon in document.children(area, "polygon"):
        yield from _polygon(polygon)
    yield from _parsed(document, area, "circle", read_circle)  # 3.2.4, circle
    for name in ("altitude", "ceiling"):
        yield from _parsed(document, area, name, partial(_height, name))
    if document.child(area, "ceiling") is not None and document.child(area, "altitude") is None:
        yield at("ceiling-alone", area, "A ceiling must not stand without an altitude (3.2.4).")


def _height(name: str, text: str) -> float:
    return read_number(text.strip(), name)


def _parsed(document: Document, parent: etree._Element, name: str, parse: Callable[[str], object]) -> Iterator[Fault]:
    for element in document.children(parent, name):
        if is_blank(element.text) and name == "circle":
            continue
        try:
            parse(element.text or "")
        except BadText as error:
            yield at(error.reason, element, str(error))


def _polygon(polygon: etree._Element) -> Iterator[Fault]:
    """3.2.4, polygon. The text forgets to say that an outline must not cross itself: its inside would be a guess."""
    if is_blank(polygon.text):
        return
    try:
        ring = read_ring(polygon.text or "")
    except BadText as error:
        yield at(error.reason, polygon, str(error))
        return
    reason = shapely.is_valid_reason(shapely.Polygon(ring))
    if reason.startswith(("Self-intersection", "Too few points")):  # where it only touches itself, inside stays clear
        yield at("polygon-self-intersecting", polygon, f"The polygon's outline crosses itself: {reason} (lon lat).")


def _is_absolute(text: str) -> bool:
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return False
    return bool(parts.scheme) and bool(parts.netloc or parts.path)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
