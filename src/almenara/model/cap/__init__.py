"""The Common Alerting Protocol (OASIS): messages as values, their XML, schemas, profiles and signatures."""

from almenara.model.cap.document import MESSAGE_BYTES_MAX, Version
from almenara.model.cap.faults import Fault, RefusedDocument
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
    from_ms,
)
from almenara.model.cap.reading import Reading, from_xml, read
from almenara.model.cap.validation import validate
from almenara.model.cap.writing import to_xml

__all__ = [
    "MESSAGE_BYTES_MAX",
    "Alert",
    "Area",
    "Category",
    "Certainty",
    "Circle",
    "Fault",
    "Info",
    "MsgType",
    "NamedValue",
    "Reading",
    "Reference",
    "RefusedDocument",
    "Resource",
    "ResponseType",
    "Ring",
    "Scope",
    "Severity",
    "Status",
    "Urgency",
    "Version",
    "cap_time",
    "from_ms",
    "from_xml",
    "read",
    "to_xml",
    "validate",
]
