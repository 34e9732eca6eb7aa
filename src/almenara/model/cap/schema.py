"""The schemas of CAP 1.0, 1.1 and 1.2, and what they find wrong with a document."""

import re
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any

from lxml import etree

from almenara.model.cap.document import NAMESPACES, Document, Version, parser
from almenara.model.cap.faults import Fault

#: lxml keeps the findings in the schema, not in the call: unguarded, one thread would clear what another is to read,
#: and a message without findings counts as valid.
_one_verdict_at_a_time = Lock()
_KINDS = {
    "SCHEMAV_ELEMENT_CONTENT": "schema:element",
    "SCHEMAV_CVC_TYPE_3_1_2": "schema:element",
    "SCHEMAV_CVC_ELT_1": "schema:element",
    "SCHEMAV_CVC_TYPE_3_1_1": "schema:attribute",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "schema:attribute",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": "schema:attribute",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "schema:text",
}
_ELEMENT = re.compile(r"^Element '([^']*)'")
_MESSAGE_CHARS_MAX = 400


def schema_faults(document: Document) -> list[Fault]:
    """Everything that the schema of the document's version finds wrong; empty when nothing is.

    Where an element is out of place, libxml2 does not judge the order of those behind it in the same parent.
    """
    with _one_verdict_at_a_time:
        schema = _schema(document.version)
        if schema.validate(document.root):
            return []
        log: Any = schema.error_log  # iterable, which lxml's stubs do not know
        entries = [(entry.line or None, entry.type_name, entry.message) for entry in log]
    faults: dict[tuple[object, ...], Fault] = {}
    for line, kind, message in entries:
        reason = _KINDS.get(kind, "schema:value")
        if reason == "schema:element" and "Missing child" in message:
            reason = "schema:missing"
        element = _ELEMENT.match(message)
        # A value against its pattern is found a second time as no value of its type: one fault, told once.
        faults.setdefault((line, reason, element and element[1]), Fault(reason, line, _plain(message)))
    return list(faults.values()) or [Fault("schema:value", None, "The schema refuses it and does not say why.")]


@cache
def _schema(version: Version) -> etree.XMLSchema:
    text = files("almenara.model.cap").joinpath(f"cap-{version}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(text, parser()))


def _plain(message: str) -> str:
    for namespace in NAMESPACES.values():
        message = message.replace(f"{{{namespace}}}", "")
    return message if len(message) <= _MESSAGE_CHARS_MAX else f"{message[: _MESSAGE_CHARS_MAX - 1]}…"
