"""CAP 1.0, 1.1 and 1.2 read strictly into one value: what older versions lack or say otherwise is lifted, and noted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from lxml import etree

from almenara.model.cap.document import Document, Version, line_of, open_document
from almenara.model.cap.faults import Fault, RefusedDocument
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
from almenara.model.cap.message import (
    Alert,
    Area,
    Category,
    Certainty,
    Info,
    MsgType,
    NamedValue,
    Resource,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
)
from almenara.model.cap.profiles import check_all
from almenara.model.cap.schema import schema_faults
from almenara.model.errors import InvalidWarning

T = TypeVar("T")
#: Some services write these empty where they mean none.
_MAY_BE_BLANK = ("polygon", "circle")


@dataclass(frozen=True, slots=True)
class Reading:
    """A message, the version it was written in, and what had to be lifted from an older one."""

    alert: Alert
    version: Version
    notes: tuple[str, ...] = ()


def read(data: bytes) -> Reading:
    """The message in the bytes, its coordinates rounded to COORDINATE_DECIMALS.

    Raises RefusedDocument when it is no message of CAP 1.0, 1.1 or 1.2, breaks its schema, or says what the standard
    does not allow in a way that leaves its meaning open. A signature, comments and processing instructions are passed
    over: see `signature.verify`.
    """
    document = open_document(data)
    faults = schema_faults(document)
    if faults:
        raise RefusedDocument(faults)
    return read_document(document)


def from_xml(data: bytes) -> Alert:
    """The message in the bytes: `read(data).alert`.

    `from_xml(to_xml(alert)) == alert` for every alert whose coordinates need no rounding, so for every one read here.
    """
    return read(data).alert


def read_document(document: Document) -> Reading:
    """The message in a document whose schema is kept."""
    reader = _Reader(document)
    try:
        alert = reader.alert()
    except InvalidWarning as error:
        if isinstance(error, RefusedDocument):
            raise
        faults = check_all(document, ["plain"]) or [Fault("not-representable", reader.line, str(error))]
        raise RefusedDocument(faults) from error
    return Reading(alert, document.version, tuple(dict.fromkeys(reader.notes)))


@dataclass
class _Reader:
    """Reads one document; `line` is where it is."""

    document: Document
    notes: list[str] = field(default_factory=list)
    line: int | None = None

    def alert(self) -> Alert:
        root, text = self.document.root, self.document.text
        if text(root, "password") is not None:
            self.notes.append("password (CAP 1.0) was left out")
        infos = tuple(self.info(info) for info in self.document.infos())
        references = self.parsed(root, "references", lambda words: read_references(words, self.document.version))
        self.line = line_of(root)
        return Alert(
            identifier=self.must(root, "identifier"),
            sender=self.must(root, "sender"),
            sent=self.must_time(root, "sent"),
            status=Status(self.must(root, "status")),
            msg_type=MsgType(self.must(root, "msgType")),
            source=text(root, "source"),
            scope=Scope(self.or_lifted(text(root, "scope"), "Public", "scope")),
            restriction=text(root, "restriction"),
            addresses=self.parsed(root, "addresses", read_list) or (),
            code=self.texts(root, "code"),
            note=text(root, "note"),
            references=references or (),
            incidents=self.parsed(root, "incidents", read_list) or (),
            info=infos,
        )

    def info(self, info: etree._Element) -> Info:
        text = self.document.text
        category = tuple(Category(word) for word in self.texts(info, "category"))
        resources = tuple(self.resource(resource) for resource in self.document.children(info, "resource"))
        areas = tuple(self.area(area) for area in self.document.children(info, "area"))
        times = {name: self.time(info, name) for name in ("effective", "onset", "expires")}
        self.line = line_of(info)
        return Info(
            language=(text(info, "language") or "").strip() or None,  # empty stands for the default, like absence
            category=category or (Category(self.or_lifted(None, "Other", "category")),),
            event=self.must(info, "event"),
            response_type=tuple(ResponseType(word) for word in self.texts(info, "responseType")),
            urgency=Urgency(self.must(info, "urgency")),
            severity=Severity(self.must(info, "severity")),
            certainty=self.certainty(info),
            audience=text(info, "audience"),
            event_code=self.named(info, "eventCode"),
            effective=times["effective"],
            onset=times["onset"],
            expires=times["expires"],
            sender_name=text(info, "senderName"),
            headline=text(info, "headline"),
            description=text(info, "description"),
            instruction=text(info, "instruction"),
            web=text(info, "web"),
            contact=text(info, "contact"),
            parameter=self.named(info, "parameter"),
            resource=resources,
            area=areas,
        )

    def resource(self, resource: etree._Element) -> Resource:
        text = self.document.text
        return Resource(
            resource_desc=self.must(resource, "resourceDesc"),
            mime_type=self.or_lifted(text(resource, "mimeType"), "application/octet-stream", "mimeType"),
            size=self.parsed(resource, "size", read_size),
            uri=text(resource, "uri"),
            deref_uri=text(resource, "derefUri"),
            digest=text(resource, "digest"),
        )

    def area(self, area: etree._Element) -> Area:
        polygons, circles = self.each(area, "polygon", read_ring), self.each(area, "circle", read_circle)
        heights = {name: self.height(area, name) for name in ("altitude", "ceiling")}
        self.line = line_of(area)
        return Area(
            area_desc=self.must(area, "areaDesc"),
            polygon=polygons,
            circle=circles,
            geocode=self.named(area, "geocode"),
            **heights,
        )

    def certainty(self, info: etree._Element) -> Certainty:
        word = self.must(info, "certainty")
        if word == "Very Likely":  # CAP 1.1, section 3.2.2, says how to read it
            self.notes.append("certainty Very Likely (CAP 1.0) was read as Likely")
            word = "Likely"
        return Certainty(word)

    def height(self, area: etree._Element, name: str) -> float | None:
        return self.parsed(area, name, lambda text: read_number(text.strip(), name))

    def named(self, parent: etree._Element, name: str) -> tuple[NamedValue, ...]:
        """CAP 1.0 wrote `name=value` into one text."""
        children = self.document.children(parent, name)
        if self.document.version is not Version.V1_0:
            return tuple(NamedValue(self.must(child, "valueName"), self.must(child, "value")) for child in children)
        values = []
        for child in children:
            left, equals, right = (child.text or "").partition("=")
            if not equals:
                self.notes.append(f"a {name} without a name (CAP 1.0) was read as a bare value")
            values.append(NamedValue(left.strip(), right.strip()) if equals else NamedValue("", left.strip()))
        return tuple(values)

    def or_lifted(self, text: str | None, default: str, name: str) -> str:
        """What an older version may leave out and today's may not."""
        if text is not None:
            return text
        self.notes.append(f"{name}, which CAP {self.document.version} may leave out, was read as {default}")
        return default

    def must(self, parent: etree._Element, name: str) -> str:
        text = self.document.text(parent, name)
        if text is None:
            raise RefusedDocument([Fault("schema:missing", line_of(parent), f"The message lacks {name}.")])
        return text

    def must_time(self, parent: etree._Element, name: str) -> datetime:
        time = self.time(parent, name)
        if time is None:
            raise RefusedDocument([Fault("schema:missing", line_of(parent), f"The message lacks {name}.")])
        return time

    def time(self, parent: etree._Element, name: str) -> datetime | None:
        return self.parsed(parent, name, lambda text: read_time(text, self.document.version))

    def texts(self, parent: etree._Element, name: str) -> tuple[str, ...]:
        return tuple(child.text or "" for child in self.document.children(parent, name))

    def parsed(self, parent: etree._Element, name: str, parse: Callable[[str], T]) -> T | None:
        values = self.each(parent, name, parse)
        return values[0] if values else None

    def each(self, parent: etree._Element, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        values = []
        for child in self.document.children(parent, name):
            if name in _MAY_BE_BLANK and not (child.text or "").strip():
                self.notes.append(f"an empty {name} was passed over")
                continue
            try:
                values.append(parse(child.text or ""))
            except BadText as error:
                raise RefusedDocument([Fault(error.reason, line_of(child), str(error))]) from error
        return tuple(values)
