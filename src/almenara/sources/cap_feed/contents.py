"""A delivered content taken apart into messages and links; one that breaks off costs only what is broken."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from almenara.model.cap.document import ENVELOPE_BYTES_MAX
from almenara.model.cap.envelopes import ITEMS_MAX, Kind, open_envelope
from almenara.model.cap.faults import RefusedDocument

#: Where a message begins, with the prefix of its namespace.
_BEGIN = re.compile(rb"<((?:[A-Za-z_][\w.-]{0,60}:)?)alert(?=[\s>])")


@dataclass(frozen=True, slots=True)
class Item:
    """One message as bytes. `number` counts from 1 in a feed; a message that is all of the content has 0."""

    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """What a content held."""

    items: list[Item]
    links: list[str]  # addresses of messages that the content does not bring along


def take_apart(data: bytes) -> Contents:
    """The messages and links. Nothing is judged beyond the envelope.

    A feed that is no well-formed XML, through a bad entry, a bad byte or a broken connection, is searched for whole
    messages that declare their own namespace: each must then stand for itself.

    Raises RefusedDocument when nothing can be read.
    """
    try:
        envelope = open_envelope(data)
    except RefusedDocument as error:
        found = list(_salvaged(data)) if error.faults[0].reason in ("not-xml", "encoding") else []
        if len(found) < 2:  # a single message that is broken is just that
            raise
        return Contents([Item(number, part) for number, part in enumerate(found, 1)], [])
    alone = envelope.kind is Kind.ALERT
    items = [Item(0 if alone else number, one.data) for number, one in enumerate(envelope.alerts, 1)]
    return Contents(items, [link.href for link in envelope.links])


def _salvaged(data: bytes) -> Iterator[bytes]:
    """From each beginning of a message to its end, or to the next beginning where it has none."""
    data = data[:ENVELOPE_BYTES_MAX]
    begins = list(_BEGIN.finditer(data))[:ITEMS_MAX]
    for number, begin in enumerate(begins):
        limit = begins[number + 1].start() if number + 1 < len(begins) else len(data)
        end = data.find(b"</" + begin[1] + b"alert>", begin.end(), limit)
        yield data[begin.start() : limit if end < 0 else end + len(begin[1]) + len(b"</alert>")]
