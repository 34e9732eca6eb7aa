"""Every message of a log with its life so far: drafted, approved, sent, what became of it, who has it."""

from almenara.board.messages import STATES as STATES
from almenara.board.messages import Book, Told
from almenara.board.messages import Message as Message
from almenara.model.events import WarningDrafted
from almenara.ports import EventLog

_KINDS = {kind.__name__ for kind in (WarningDrafted, *Told.__args__)}


def read_messages(log: EventLog, now_ms: int) -> list[Message]:
    """All messages of a log, in order of drafting, as they stand at a time."""
    book = Book()
    for entry in log.read():
        if entry.kind in _KINDS:
            book.take(entry.event())
    for message in book.messages.values():
        if message.state == "in-force" and message.draft.expires_ms <= now_ms:
            message.state = "expired"
    return list(book.messages.values())
