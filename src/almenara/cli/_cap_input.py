"""What `almenara cap` is pointed at: files, folders, patterns, standard input; messages, and feeds of them."""

from __future__ import annotations

import glob
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from almenara.model.errors import UnreadableInput, UsageError

if TYPE_CHECKING:
    from almenara.model.cap.envelopes import Envelope
    from almenara.model.cap.faults import Fault

#: What is read in a folder; a file that is named itself may be called anything.
SUFFIXES = (".xml", ".cap", ".atom", ".rss", ".edxl", ".edxlde")


class Words(StrEnum):
    """The language of labels; a message keeps its own."""

    EN = "en"
    ES = "es"


@dataclass(frozen=True, slots=True)
class Message:
    """A message, alone in its file or inside a feed."""

    origin: str  # the file; for one of several, with its number
    data: bytes
    line: int = 1  # of the file, where the message begins

    def line_in_file(self, line: int | None) -> int | None:
        """A line of the message as a line of the file."""
        return None if line is None else line + self.line - 1


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was found: taken apart, or refused."""

    origin: str
    envelope: Envelope | None
    messages: tuple[Message, ...]
    faults: tuple[Fault, ...] = ()


def sources(names: list[str]) -> Iterator[Source]:
    """Each file taken apart, one at a time. Raises UsageError or UnreadableInput when there is nothing to read."""
    for name in names:
        if name == "-":
            yield _taken_apart("standard input", _read(sys.stdin.buffer))
            continue
        for path in _files(name):
            try:
                with path.open("rb") as file:
                    data = _read(file)
            except OSError as error:
                raise UnreadableInput(f"{path} cannot be read: {error.strerror}.") from error
            yield _taken_apart(str(path), data)


def one_message(name: str) -> Message:
    """The only message that a name stands for. Raises UsageError, UnreadableInput or RefusedDocument."""
    from almenara.model.cap.faults import RefusedDocument

    found = list(sources([name]))
    if len(found) == 1 and found[0].faults:
        raise RefusedDocument(found[0].faults)
    messages = [message for source in found for message in source.messages]
    if len(messages) != 1:
        raise UsageError(f"{name} holds {len(messages)} messages; exactly one is wanted here.")
    return messages[0]


def shown(text: str) -> str:
    """Text from outside made harmless for a terminal: no control characters, no turning of the writing direction."""
    text = re.sub(r"\r\n?", "\n", text)
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") else "�" for c in text)


def _taken_apart(origin: str, data: bytes) -> Source:
    from almenara.model.cap.envelopes import Kind, open_envelope
    from almenara.model.cap.faults import RefusedDocument

    try:
        envelope = open_envelope(data)
    except RefusedDocument as error:
        return Source(origin, None, (), error.faults)
    if envelope.kind is Kind.ALERT:
        return Source(origin, envelope, (Message(origin, data),))
    messages = [Message(f"{origin}#{n}", one.data, one.line) for n, one in enumerate(envelope.alerts, 1)]
    return Source(origin, envelope, tuple(messages))


def _read(file: BinaryIO) -> bytes:
    """No more than it takes to know that it is too large."""
    from almenara.model.cap.document import ENVELOPE_BYTES_MAX

    return file.read(ENVELOPE_BYTES_MAX + 1)


def _files(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        found = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
        if not found:
            raise UsageError(f"{path} holds no file that ends in {', '.join(SUFFIXES)}.")
        return found
    if path.exists():
        return [path]
    matching = sorted(Path(one) for one in glob.glob(name, recursive=True))  # noqa: PTH207 -- the pattern may be absolute
    files = [one for one in matching if one.is_file()]
    if not files:
        raise UsageError(f"There is no file {name}.")
    return files
