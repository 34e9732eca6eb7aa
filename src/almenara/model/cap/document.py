"""Bytes to a parsed CAP document: bounded in time and memory, expanding and fetching nothing, its version told."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lxml import etree

from almenara.model.cap.faults import Fault, RefusedDocument, refused

#: A larger message is refused unread. The largest real one at hand (a national service's, thousands of vertices) has
#: 882 KB.
MESSAGE_BYTES_MAX = 4 * 1024 * 1024
#: A feed or an envelope may hold many messages.
ENVELOPE_BYTES_MAX = 32 * 1024 * 1024
#: CAP has no attributes; signatures and envelopes have a few to an element.
ATTRIBUTES_MAX = 64
#: libxml2's own bound on nesting, without its "huge" option. CAP needs 4 levels, a signature in it 7.
DEPTH_MAX = 256

SIGNATURE_NAMESPACE = "http://www.w3.org/2000/09/xmldsig#"

_DOCTYPE = re.compile(rb"<!DOCTYPE\b")
_DOCTYPE_OR_COMMENT = re.compile(rb"<!DOCTYPE\b|<!--.*?-->|<\?.*?\?>", re.DOTALL)
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_HEAD_BYTES = 64 * 1024
#: Encodings of XML whose only use would be to slip text past whoever looks at the bytes.
_REFUSED_ENCODINGS = frozenset({"UTF-7", "UTF7", "UNICODE-1-1-UTF-7", "UTF-7-IMAP"})
_ENCODING_ERRORS = frozenset(
    {
        etree.ErrorTypes.ERR_UNKNOWN_ENCODING,
        etree.ErrorTypes.ERR_UNSUPPORTED_ENCODING,
        etree.ErrorTypes.ERR_INVALID_ENCODING,
        etree.ErrorTypes.ERR_ENCODING_NAME,
    }
)


class Version(StrEnum):
    """The versions of CAP that are read; 1.2 is written."""

    V1_0 = "1.0"
    V1_1 = "1.1"
    V1_2 = "1.2"


NAMESPACES = {
    Version.V1_0: "http://www.incident.com/cap/1.0",
    Version.V1_1: "urn:oasis:names:tc:emergency:cap:1.1",
    Version.V1_2: "urn:oasis:names:tc:emergency:cap:1.2",
}
_VERSIONS = {namespace: version for version, namespace in NAMESPACES.items()}


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed message of a known version."""

    root: etree._Element
    version: Version

    def name(self, local: str) -> str:
        """The full name of an element of this version."""
        return f"{{{NAMESPACES[self.version]}}}{local}"

    def children(self, parent: etree._Element, local: str) -> Iterator[etree._Element]:
        """The children of that name."""
        return parent.iterchildren(self.name(local))

    def child(self, parent: etree._Element, local: str) -> etree._Element | None:
        """The first child of that name."""
        return parent.find(self.name(local))

    def text(self, parent: etree._Element, local: str) -> str | None:
        """The text of the first child of that name: empty when it is empty, None when it is absent."""
        return parent.findtext(self.name(local))

    def infos(self) -> Iterator[etree._Element]:
        """The info blocks."""
        return self.children(self.root, "info")

    def areas(self) -> Iterator[etree._Element]:
        """The areas of all info blocks."""
        return (area for info in self.infos() for area in self.children(info, "area"))


def open_document(data: bytes) -> Document:
    """The document in the bytes, whose root is an alert of CAP 1.0, 1.1 or 1.2.

    Raises RefusedDocument when there is none: the reasons stand in `faults`.
    """
    root = parse(data)
    name = etree.QName(root)
    version = _VERSIONS.get(name.namespace or "")
    if version is not None and name.localname == "alert":
        return Document(root, version)
    line = line_of(root)
    if version is not None:
        raise refused("wrong-root", f"The root of a message is alert, not {name.localname!r}.", line)
    if name.localname == "alert":
        said = f"{name.namespace[:60]!r}" if name.namespace else "no namespace"
        raise refused("wrong-namespace", f"No version of CAP has this namespace: {said}.", line)
    raise refused("not-an-alert", f"The document is no CAP message; its root is {name.localname[:60]!r}.", line)


def parse(data: bytes, *, bytes_max: int = MESSAGE_BYTES_MAX, keep_all: bool = False) -> etree._Element:
    """The root of the XML in the bytes; `keep_all` keeps comments and processing instructions.

    Entities are never expanded and nothing is fetched. Raises RefusedDocument.
    """
    if len(data) > bytes_max:
        raise refused("too-large", f"The document has {len(data):,} bytes; more than {bytes_max:,} are refused.", 1)
    if not data.strip():
        raise refused("empty", "The document is empty.", 1)
    try:
        root = etree.fromstring(data, parser(keep_all=keep_all))
    except etree.XMLSyntaxError as error:
        raise RefusedDocument([_syntax_fault(data, error)]) from error
    info = root.getroottree().docinfo
    if info.internalDTD is not None or info.externalDTD is not None:
        raise refused("doctype", _NO_DOCTYPE, _doctype_line(data))
    if (info.encoding or "").upper() in _REFUSED_ENCODINGS:
        raise refused("encoding", f"Documents in {info.encoding} are refused: use UTF-8.", 1)
    for element in root.iter(etree.Element):
        if len(element.attrib) > ATTRIBUTES_MAX:
            message = f"An element has {len(element.attrib):,} attributes; more than {ATTRIBUTES_MAX} are refused."
            raise refused("too-many-attributes", message, line_of(element))
    return root


def line_of(element: etree._Element) -> int | None:
    """The line of a document on which an element begins."""
    line: Any = element.sourceline  # lxml's stubs do not know its type
    return int(line) if line is not None else None


def parser(*, keep_all: bool = False, remove_blank_text: bool = False) -> etree.XMLParser:
    """A parser that expands nothing, fetches nothing and keeps to libxml2's bounds. One for each document."""
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=not keep_all,
        remove_pis=not keep_all,
        remove_blank_text=remove_blank_text,
    )


_NO_DOCTYPE = "The document carries a DOCTYPE: CAP has no use for one, and entities are never expanded."


def _syntax_fault(data: bytes, error: etree.XMLSyntaxError) -> Fault:
    detail: Any = error
    line, text = detail.position[0] or None, _shortened(str(detail.msg))
    if _has_doctype(data):
        return Fault("doctype", line, f"{_NO_DOCTYPE} It is not well-formed either: {text}")
    if "xcessive depth" in text:
        return Fault("too-deep", line, f"The document is nested deeper than {DEPTH_MAX} levels.")
    if "esource limit" in text:
        return Fault("too-large", line, f"A part of the document is too large: {text}")
    declared = _DECLARED.match(data[:_HEAD_BYTES])
    if declared is not None and re.match(rb"(?i)utf-?(16|32)|ucs-?[24]", declared[1]):
        name = declared[1].decode()
        return Fault("encoding", 1, f"The document says that it is in {name}, but its bytes are not: save it as UTF-8.")
    if detail.code in _ENCODING_ERRORS:
        return Fault("encoding", line, f"The text is not in the encoding it states: {text}")
    return Fault("not-xml", line, f"The document is not well-formed XML: {text}")


def _has_doctype(data: bytes) -> bool:
    """Whether a DOCTYPE stands in the head, in whichever of the usual encodings."""
    head = data[:_HEAD_BYTES]
    return any(_DOCTYPE.search(text) for text in (head, head[::2], head[1::2], head[::4], head[3::4]))


def _doctype_line(data: bytes) -> int:
    """Where it stands; 1 in an encoding that does not show it."""
    plain = data.replace(b"\0", b"")  # UTF-16 and 32
    found = next((match for match in _DOCTYPE_OR_COMMENT.finditer(plain) if match[0].startswith(b"<!D")), None)
    return 1 if found is None else 1 + plain.count(b"\n", 0, found.start())


def _shortened(text: str) -> str:
    text = re.sub(r"\s+", " ", text.replace(" (<string>", "")).strip()
    return text if len(text) <= 200 else f"{text[:199]}…"
