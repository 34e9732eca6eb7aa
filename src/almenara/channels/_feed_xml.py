"""The feed's documents: Atom (RFC 4287) with archives (RFC 5005), and RSS 2.0; and the entries read back from Atom."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, NamedTuple

from lxml import etree

from almenara.channels._texts import in_order, title
from almenara.ports import Outgoing, S

ATOM = "http://www.w3.org/2005/Atom"
CAP = "urn:oasis:names:tc:emergency:cap:1.2"
_A, _CAP, _FH = f"{{{ATOM}}}", f"{{{CAP}}}", "{http://purl.org/syndication/history/1.0}"
_SPACES: dict[Any, str] = {None: ATOM, "cap": CAP}
_SUMMARY_CHARS_MAX = 1_000


class Head(NamedTuple):
    """What the feed says of itself."""

    title: str
    author: str
    url: str  # ends in a slash
    status: str  # CAP status of every message in it


class Entry(NamedTuple):
    """One message in the feed."""

    id: str
    title: str
    link: str
    summary: str
    published: datetime
    sent: str  # as CAP writes it
    expires: datetime | None
    facts: tuple[tuple[str, str], ...]  # CAP's element → value: status, msgType, event, urgency, severity, …


def entry_of(message: Outgoing[S], link: str, languages: Sequence[str], now: datetime) -> Entry:
    """The entry of a message published now."""
    alert = message.alert
    infos = in_order(alert, languages)
    texts = [" ".join(part.split()) for info in infos for part in (info.description or info.headline or "",) if part]
    facts = [("status", alert.status.value), ("msgType", alert.msg_type.value), ("scope", alert.scope.value)]
    if infos:
        first = infos[0]
        facts += [("category", c.value) for c in first.category]
        facts += [("event", first.event), ("urgency", first.urgency.value), ("severity", first.severity.value)]
        facts += [("certainty", first.certainty.value)]
        facts += [("areaDesc", area.area_desc) for area in first.area]
    ends = message.expires_ms
    return Entry(
        id=link,  # many readers open the id where the link is no web page
        title=title(alert, languages),
        link=link,
        summary=" / ".join(texts)[:_SUMMARY_CHARS_MAX] or title(alert, languages),
        published=now.replace(microsecond=0),
        sent=alert.sent.isoformat(),
        expires=datetime.fromtimestamp(ends // 1000, UTC) if ends is not None else None,
        facts=tuple((name, " ".join(value.split())) for name, value in facts),
    )


def atom_xml(head: Head, now: datetime, months: Sequence[str], entries: Sequence[Entry]) -> bytes:
    """The feed of what is current."""
    feed = _feed(head, f"{head.url}atom.xml", head.title, now)
    for kind, name in (("application/rss+xml", "rss.xml"),):
        etree.SubElement(feed, f"{_A}link", rel="alternate", type=kind, href=f"{head.url}{name}")
    if months:
        etree.SubElement(feed, f"{_A}link", rel="prev-archive", href=f"{head.url}archive/{months[0]}.xml")
    return _written(feed, entries)


def archive_xml(head: Head, month: str, months: Sequence[str], entries: Sequence[Entry]) -> bytes:
    """The feed of a month. `months`: all that there are, the newest first."""
    updated = entries[0].published
    feed = _feed(head, f"{head.url}archive/{month}.xml", f"{head.title} ({month})", updated)
    etree.SubElement(feed, f"{_FH}archive", nsmap={"fh": _FH[1:-1]})
    etree.SubElement(feed, f"{_A}link", rel="current", href=f"{head.url}atom.xml")
    older = [other for other in months if other < month]
    if older:
        etree.SubElement(feed, f"{_A}link", rel="prev-archive", href=f"{head.url}archive/{older[0]}.xml")
    return _written(feed, entries)


def rss_xml(head: Head, now: datetime, entries: Sequence[Entry]) -> bytes:
    """The same as RSS 2.0."""
    root = etree.Element("rss", version="2.0", nsmap={"atom": ATOM})
    channel = etree.SubElement(root, "channel")
    _text(channel, "title", _marked(head))
    _text(channel, "link", head.url)
    _text(channel, "description", f"{_marked(head)}. {head.author}")
    _text(channel, "lastBuildDate", format_datetime(now))
    _text(channel, "ttl", "1")
    own = f"{head.url}rss.xml"
    etree.SubElement(channel, f"{_A}link", rel="self", type="application/rss+xml", href=own)
    for entry in entries:
        item = etree.SubElement(channel, "item")
        _text(item, "title", entry.title)
        _text(item, "link", entry.link)
        _text(item, "description", entry.summary)
        for name, value in entry.facts:
            if name == "category":
                _text(item, "category", value)
        etree.SubElement(item, "guid", isPermaLink="true").text = entry.id
        _text(item, "pubDate", format_datetime(entry.published))
    return _bytes(root)


def entries_in(atom: bytes) -> list[Entry]:
    """The entries of a document that `atom_xml` or `archive_xml` wrote; none in an empty one."""
    if not atom:
        return []
    root = etree.fromstring(atom, etree.XMLParser(resolve_entities=False, no_network=True))
    return [_read(entry) for entry in root.iterchildren(f"{_A}entry")]


def _read(entry: etree._Element) -> Entry:
    def said(name: str) -> str:
        return entry.findtext(name) or ""

    link = entry.find(f"{_A}link")
    facts = [(etree.QName(e).localname, e.text or "") for e in entry if str(e.tag).startswith(_CAP)]
    expires = dict(facts).get("expires")
    return Entry(
        id=said(f"{_A}id"),
        title=said(f"{_A}title"),
        link=link.get("href", "") if link is not None else "",
        summary=said(f"{_A}summary"),
        published=datetime.fromisoformat(said(f"{_A}published")),
        sent=dict(facts).get("sent", ""),
        expires=datetime.fromisoformat(expires) if expires else None,
        facts=tuple(fact for fact in facts if fact[0] not in ("sent", "expires")),
    )


def _feed(head: Head, own: str, words: str, updated: datetime) -> etree._Element:
    feed = etree.Element(f"{_A}feed", nsmap=_SPACES)
    _text(feed, f"{_A}id", own)
    _text(feed, f"{_A}title", _marked(head._replace(title=words)))
    _text(feed, f"{_A}updated", updated.replace(microsecond=0).isoformat())
    author = etree.SubElement(feed, f"{_A}author")
    _text(author, f"{_A}name", head.author)
    etree.SubElement(feed, f"{_A}link", rel="self", type="application/atom+xml", href=own)
    return feed


def _marked(head: Head) -> str:
    """A feed of an exercise says so before anything else."""
    return head.title if head.status == "Actual" else f"{head.status.upper()} — {head.title}"


def _written(feed: etree._Element, entries: Sequence[Entry]) -> bytes:
    for entry in entries:
        node = etree.SubElement(feed, f"{_A}entry")
        _text(node, f"{_A}id", entry.id)
        _text(node, f"{_A}title", entry.title)
        _text(node, f"{_A}updated", entry.published.isoformat())
        _text(node, f"{_A}published", entry.published.isoformat())
        etree.SubElement(node, f"{_A}link", rel="alternate", type="application/cap+xml", href=entry.link)
        _text(node, f"{_A}summary", entry.summary)
        _text(node, f"{_CAP}sent", entry.sent)
        if entry.expires is not None:
            _text(node, f"{_CAP}expires", entry.expires.isoformat())
        for name, value in entry.facts:
            _text(node, f"{_CAP}{name}", value)
    return _bytes(feed)


def _text(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _bytes(root: etree._Element) -> bytes:
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"
