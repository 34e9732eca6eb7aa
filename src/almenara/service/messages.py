"""Every message of a log with its life so far: drafted, approved, sent, what became of it, who has it."""

from almenara.board.messages import STATES as STATES
from almenara.board.messages import Book, Told
from almenara.board.messages import Message as Message
from almenara.board.subjects import INCIDENT, WARNING
from almenara.model.events import WarningDrafted
from almenara.ports import EventLog
from almenara.service.history import History

_KINDS = {kind.__name__ for kind in (WarningDrafted, *Told.__args__)}


def read_messages(log: EventLog, now_ms: int) -> list[Message]:
    """All messages of a log, in order of drafting, as they stand at a time."""
    book = Book()
    for entry in log.read():
        if entry.kind in _KINDS:
            book.take(entry.event())
    return _as_of(book, now_ms)


def read_thread(history: History, log: EventLog, incident: str, now_ms: int) -> list[Message]:
    """The messages of one incident, in order of drafting, as they stand at a time; by the index, for any thread."""
    drafts = history.marks(INCIDENT, incident, kinds=(WarningDrafted.__name__,))
    marks = list(drafts)
    for _, event in history.events(log, drafts):
        assert isinstance(event, WarningDrafted)
        marks += history.marks(WARNING, event.identifier)
    book = Book()
    for _, event in history.events(log, marks):
        book.take(event)
    return _as_of(book, now_ms)


def find_message(history: History, log: EventLog, identifier: str, now_ms: int) -> tuple[Message, list[Message]] | None:
    """A message with all of its thread; None when the log has none of that identifier."""
    for _, event in history.events(log, history.marks(WARNING, identifier, kinds=(WarningDrafted.__name__,))):
        assert isinstance(event, WarningDrafted)
        thread = read_thread(history, log, event.incident, now_ms)
        return next(one for one in thread if one.identifier == identifier), thread
    return None


def last_sent(thread: list[Message], before: str) -> bytes | None:
    """The last message of a thread that was sent before the one of that identifier; None when none was."""
    sent = None
    for message in thread:
        if message.identifier == before:
            break
        if message.sent is not None:
            sent = message.sent.xml
    return sent


def _as_of(book: Book, now_ms: int) -> list[Message]:
    for message in book.messages.values():
        if message.state == "in-force" and message.expires_ms <= now_ms:
            message.state = "expired"
    return list(book.messages.values())
