"""Reads the CAP messages of a run as the public would: headline, instruction, area, status."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lxml import etree

from almenara.report.markup import parse_time

_BYTES_MAX = 1_000_000  # of a message; ours have some kilobytes
FILES_MAX = 4_000


@dataclass(frozen=True, slots=True)
class Info:
    """A message in one language."""

    language: str
    event: str
    headline: str
    description: str
    instruction: str
    area: str
    severity: str
    urgency: str
    certainty: str
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class Message:
    """A CAP message. `damaged` says why one could not be read; nothing else is known of it then."""

    file: str
    identifier: str = ""
    status: str = ""
    type: str = ""
    sent: datetime | None = None
    references: tuple[str, ...] = ()  # identifiers
    incidents: tuple[str, ...] = ()
    infos: tuple[Info, ...] = ()
    polygons: tuple[tuple[tuple[float, float], ...], ...] = ()  # of (lon, lat)
    damaged: str | None = None

    def info(self, language: str) -> Info | None:
        """The part in a language ("es"), None when there is none."""
        return next((info for info in self.infos if info.language.lower().startswith(language)), None)


def read_messages(folder: Path) -> tuple[list[Message], int]:
    """The last FILES_MAX messages of a folder by name, in order of sending, and how many were left unread."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    files = sorted(folder.glob("*.xml"))
    messages = [_read(path, parser) for path in files[-FILES_MAX:]]
    messages.sort(key=lambda m: (m.sent.timestamp() if m.sent else 0.0, m.identifier))
    return messages, len(files) - len(messages)


def latest(messages: list[Message]) -> list[tuple[Message, int]]:
    """The last message of each thread, newest first, with the number of messages before it."""
    by_identifier = {message.identifier: message for message in messages}
    referred = {identifier for message in messages for identifier in message.references}
    found: list[tuple[Message, int]] = []
    for message in reversed(messages):
        if message.identifier in referred:
            continue
        earlier, waiting = set[str](), list(message.references)
        while waiting:
            identifier = waiting.pop()
            if identifier not in earlier:
                earlier.add(identifier)
                waiting.extend(by_identifier[identifier].references if identifier in by_identifier else ())
        found.append((message, len(earlier)))
    return found


def _read(path: Path, parser: etree.XMLParser) -> Message:
    try:
        if path.stat().st_size > _BYTES_MAX:
            return Message(path.name, damaged="larger than any warning of ours")
        root = etree.fromstring(path.read_bytes(), parser)
    except (etree.XMLSyntaxError, OSError) as error:
        return Message(path.name, damaged=str(error))
    texts, infos = _children(root)
    return Message(
        file=path.name,
        identifier=texts.get("identifier", ""),
        status=texts.get("status", ""),
        type=texts.get("msgType", ""),
        sent=parse_time(texts.get("sent")),
        references=tuple(part.split(",")[1] for part in texts.get("references", "").split() if part.count(",") >= 2),
        incidents=tuple(quoted_list(texts.get("incidents", ""))),
        infos=tuple(_info(info) for info in infos),
        polygons=tuple(_polygons(infos[0])) if infos else (),
    )


def _children(element: etree._Element) -> tuple[dict[str, str], list[etree._Element]]:
    """First text of each child by its local name, and the children that have children: infos, areas."""
    texts: dict[str, str] = {}
    parents = []
    for child in element.iterchildren(tag=etree.Element):
        texts.setdefault(str(child.tag).rpartition("}")[2], (child.text or "").strip())
        if len(child):
            parents.append(child)
    return texts, parents


def quoted_list(text: str) -> list[str]:
    """CAP's lists: parts divided by blanks, in double quotes when they hold blanks.

    >>> quoted_list('a "b c"')
    ['a', 'b c']
    """
    return [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', text)]


def _info(info: etree._Element) -> Info:
    texts, parents = _children(info)
    areas = [_children(parent)[0].get("areaDesc", "") for parent in parents]
    return Info(
        language=texts.get("language") or "en",
        event=texts.get("event", ""),
        headline=texts.get("headline", ""),
        description=texts.get("description", ""),
        instruction=texts.get("instruction", ""),
        area="; ".join(area for area in areas if area),
        severity=texts.get("severity", ""),
        urgency=texts.get("urgency", ""),
        certainty=texts.get("certainty", ""),
        expires=parse_time(texts.get("expires")),
    )


def _polygons(info: etree._Element) -> list[tuple[tuple[float, float], ...]]:
    found = []
    for polygon in info.iterfind("{*}area/{*}polygon"):
        try:
            pairs = [pair.split(",") for pair in (polygon.text or "").split()]
            found.append(tuple((float(lon), float(lat)) for lat, lon in pairs))
        except ValueError:
            continue  # the warnings stage proves its polygons; here a map merely goes without
    return found
