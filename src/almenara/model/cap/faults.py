"""What is wrong with a document, by name: one small value for each fault, and the refusal that carries them all.

Reasons are stable names, made for programs and for searching:

==========================  =====================================================================================
the document as a whole     `empty`, `not-xml`, `encoding`, `doctype`, `too-large`, `too-deep`, `too-many-attributes`,
                            `wrong-root`, `wrong-namespace`, `not-an-alert` (a feed or an envelope)
the schema                  `schema:missing`, `schema:element`, `schema:value`, `schema:attribute`, `schema:text`
the standard's text         see `profiles/plain.py`: `identifier-characters`, `references-missing`, `polygon-open`, …
profiles                    `google:…`, `ipaws:…`, one file each under `profiles/`
signatures                  see `signature.py`: `signature-missing`, `digest-mismatch`, `certificate-expired`, …
==========================  =====================================================================================
"""

from collections.abc import Iterable

import msgspec

from almenara.model.errors import InvalidWarning


class Fault(msgspec.Struct, frozen=True):
    """One fault of a document."""

    reason: str  # a stable name
    line: int | None  # of the document, counted from 1; None when it is the whole
    message: str  # for people

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}: "
        return f"{where}{self.reason}: {self.message}"


class RefusedDocument(InvalidWarning):
    """A document that cannot be taken, with every fault that was found; its text names the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
        super().__init__(f"{self.faults[0]}{more}")


def refused(reason: str, message: str, line: int | None = None) -> RefusedDocument:
    """The refusal of a document for one reason."""
    return RefusedDocument([Fault(reason, line, message)])
