"""The whole verdict on a message: the schema of its version, then the profiles, every fault with its line."""

from collections.abc import Iterable

from almenara.model.cap.document import open_document
from almenara.model.cap.faults import Fault, RefusedDocument
from almenara.model.cap.profiles import check_all
from almenara.model.cap.schema import schema_faults


def validate(data: bytes, profiles: Iterable[str] = ()) -> list[Fault]:
    """Every fault of a message by the schema and the named profiles; empty when there is none.

    Without profiles it is the schema's verdict alone. A document that cannot be parsed has its one fault.
    Raises UsageError for an unknown profile.
    """
    try:
        document = open_document(data)
    except RefusedDocument as error:
        return list(error.faults)
    found = schema_faults(document) + check_all(document, profiles)
    return sorted(found, key=lambda fault: fault.line or 0)
