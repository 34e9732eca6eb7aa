"""What comes around messages: Atom and RSS feeds, EDXL-DE envelopes, lists of alerts, taken apart in bounded memory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from lxml import etree

from almenara.model.cap.document import ENVELOPE_BYTES_MAX, NAMESPACES, line_of, parse
from almenara.model.cap.faults import refused

ATOM = "http://www.w3.org/2005/Atom"
EDXL_DE = "urn:oasis:names:tc:emergency:EDXL:DE:1.0"
_ALERTS = frozenset(f"{{{namespace}}}alert" for namespace in NAMESPACES.values())
_LISTS = frozenset(f"{{{namespace}}}alerts" for namespace in NAMESPACES.values())
#: Of the messages, or links, of one envelope. The largest feed at hand (a whole country's warnings) has some 700.
ITEMS_MAX = 10_000
CAP_TYPE = "application/cap+xml"
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
_ROOT_CHARS = 2_000  # in which a root with its declaration and namespaces ends


class Kind(StrEnum):
    """What a document is."""

    ALERT = "alert"
    ATOM = "atom"
    RSS = "rss"
    EDXL_DE = "edxl-de"
    ALERTS = "alerts"  # a bare list, which no standard has and some services publish


@dataclass(frozen=True, slots=True)
class Embedded:
    """A message that was found in an envelope, as a document of its own."""

    data: bytes
    line: int  # where it begins in the envelope


@dataclass(frozen=True, slots=True)
class Link:
    """An address at which a feed says that a message is."""

    href: str
    title: str
    line: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """A document taken apart; an alert of its own is its own only message."""

    kind: Kind
    alerts: tuple[Embedded, ...]
    links: tuple[Link, ...] = ()  # of the entries that embed no message
    entries: int = 0  # of a feed


def open_envelope(data: bytes) -> Envelope:
    """Takes a document apart. Nothing is fetched; the messages are not judged.

    Raises RefusedDocument when it is not XML, is larger than ENVELOPE_BYTES_MAX, or is nothing that carries CAP.
    """
    root = parse(data, bytes_max=ENVELOPE_BYTES_MAX, keep_all=True)
    if root.tag in _ALERTS:
        return Envelope(Kind.ALERT, (Embedded(data, line_of(root) or 1),))
    kind = _kind(root)
    if kind is None:
        name = etree.QName(root)
        message = f"Neither a message, a feed nor an envelope of CAP; its root is {name.localname[:60]!r}."
        reason = "wrong-namespace" if name.localname == "alert" else "not-an-alert"
        raise refused(reason, message, line_of(root))
    alerts = (*_embedded(root), *_written_out(root, kind))
    links = tuple(_links(root, kind))
    if len(alerts) > ITEMS_MAX or len(links) > ITEMS_MAX:
        raise refused("too-many-items", f"More than {ITEMS_MAX:,} messages or links in one document are refused.")
    return Envelope(kind, alerts, links, sum(1 for _ in _entries(root, kind)))


def _kind(root: etree._Element) -> Kind | None:
    name = etree.QName(root)
    if name.localname == "feed" and name.namespace == ATOM:
        return Kind.ATOM
    if name.localname in ("rss", "RDF"):
        return Kind.RSS
    if name.localname == "EDXLDistribution":
        return Kind.EDXL_DE
    return Kind.ALERTS if root.tag in _LISTS else None


def _entries(root: etree._Element, kind: Kind) -> Iterator[etree._Element]:
    if kind is Kind.ATOM:
        yield from root.iterchildren(f"{{{ATOM}}}entry")
    elif kind is Kind.RSS:
        yield from root.iter("{*}item")


def _embedded(root: etree._Element) -> Iterator[Embedded]:
    """The outermost alerts, each with the declarations of namespaces that it uses."""
    waiting = [iter(root)]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
        elif element.tag in _ALERTS:
            yield Embedded(etree.tostring(element, encoding="UTF-8", with_tail=False), line_of(element) or 1)
        else:
            waiting.append(iter(element))


def _written_out(root: etree._Element, kind: Kind) -> Iterator[Embedded]:
    """The messages that stand in entries as text, escaped or in CDATA, where none stands as XML."""
    for entry in _entries(root, kind):
        if not _has_alert(entry):
            for element in entry.iter(etree.Element):
                if _is_message(element.text):
                    text = _DECLARATION.sub("", element.text or "")  # it names the encoding of another document
                    yield Embedded(text.encode("utf-8", "surrogatepass"), line_of(element) or 1)


def _is_message(text: str | None) -> bool:
    """Whether a text begins as XML does and speaks of CAP where a root would."""
    start = (text or "").lstrip()[:_ROOT_CHARS]
    return start.startswith("<") and "alert" in start and any(name in start for name in NAMESPACES.values())


def _has_alert(entry: etree._Element) -> bool:
    return any(element.tag in _ALERTS for element in entry.iter())


def _links(root: etree._Element, kind: Kind) -> Iterator[Link]:
    for entry in _entries(root, kind):
        if _has_alert(entry) or any(_is_message(element.text) for element in entry.iter(etree.Element)):
            continue
        title = (entry.findtext("{*}title") or "").strip()
        href = _atom_link(entry) if kind is Kind.ATOM else _rss_link(entry)
        if href:
            yield Link(href, title, line_of(entry) or 1)


def _atom_link(entry: etree._Element) -> str:
    """The link that says it is CAP, else the first alternate."""
    links = list(entry.iterchildren(f"{{{ATOM}}}link"))
    said = [link for link in links if (link.get("type") or "").startswith(CAP_TYPE)]
    alternate = [link for link in links if link.get("rel", "alternate") == "alternate"]
    return next((href.strip() for link in said + alternate if (href := link.get("href"))), "")


def _rss_link(item: etree._Element) -> str:
    for enclosure in item.iterchildren("{*}enclosure"):
        if (enclosure.get("type") or "").startswith(CAP_TYPE) and enclosure.get("url"):
            return str(enclosure.get("url")).strip()
    return (item.findtext("{*}link") or "").strip()
