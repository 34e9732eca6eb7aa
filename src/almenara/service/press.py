"""What was sent to the public, as it stands: what is in force, and every earlier message with what became of it."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from almenara.model.cap import Alert, MsgType, from_xml
from almenara.model.errors import LogCorrupted
from almenara.model.events import WarningSent
from almenara.ports import EventLog

TABLES = """
CREATE TABLE sent (
    identifier TEXT PRIMARY KEY, seq INTEGER NOT NULL, thread TEXT NOT NULL, msg_type TEXT NOT NULL,
    sent_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX sent_by_thread ON sent (thread, seq);
"""
_COLUMNS = "identifier, seq, thread, msg_type, sent_ms, expires_ms"

#: As service.messages.STATES: a message that was sent is one of these.
State = Literal["in-force", "updated", "cancelled", "expired", "ended"]


@dataclass(frozen=True, slots=True)
class Published:
    """A message that was sent."""

    identifier: str
    thread: str
    state: State
    sent_ms: int
    expires_ms: int
    since_ms: int  # when the thread's first message was sent
    last: str  # the thread's last message
    alert: Alert
    xml: bytes


class Press:
    """The messages of an index, by whatever reads its rows."""

    def __init__(self, rows: Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]) -> None:
        self._rows = rows

    def in_force(self, log: EventLog, now_ms: int) -> list[Published]:
        """What is in force, the newest first."""
        last = "SELECT max(seq) FROM sent GROUP BY thread"
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM sent WHERE seq IN ({last}) AND expires_ms > ? AND msg_type != ? ORDER BY seq DESC",  # noqa: S608
            (now_ms, MsgType.CANCEL.value),
        )
        return [self._told(log, row, now_ms) for row in rows]

    def all(self, log: EventLog, now_ms: int) -> list[Published]:
        """All that was ever sent, in order."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM sent ORDER BY seq", ())  # noqa: S608
        return [self._told(log, row, now_ms) for row in rows]

    def find(self, log: EventLog, identifier: str, now_ms: int) -> Published | None:
        """One message; None when none of that name was sent."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM sent WHERE identifier = ?", (identifier,))  # noqa: S608
        return self._told(log, rows[0], now_ms) if rows else None

    def _told(self, log: EventLog, row: tuple[Any, ...], now_ms: int) -> Published:
        identifier, seq, thread, msg_type, sent_ms, expires_ms = row
        others = self._rows("SELECT identifier, msg_type, sent_ms FROM sent WHERE thread = ? ORDER BY seq", (thread,))
        at = [other[0] for other in others].index(identifier)
        state: State = "in-force" if expires_ms > now_ms else "expired"
        if msg_type == MsgType.CANCEL:
            state = "ended"
        elif at + 1 < len(others) and others[at + 1][2] < expires_ms:
            state = "cancelled" if others[at + 1][1] == MsgType.CANCEL else "updated"
        xml = _xml(log, seq)
        return Published(identifier, thread, state, sent_ms, expires_ms, others[0][2], others[-1][0], _parsed(xml), xml)


def take(connection: sqlite3.Connection, seq: int, event: WarningSent) -> None:
    """Take in a message that was sent."""
    connection.execute(
        "INSERT INTO sent VALUES (?, ?, ?, ?, ?, ?)",
        (event.identifier, seq, event.thread, event.msg_type, event.now_ms, event.expires_ms),
    )


@lru_cache(maxsize=256)
def _parsed(xml: bytes) -> Alert:
    return from_xml(xml)


def _xml(log: EventLog, seq: int) -> bytes:
    entry = next(iter(log.read(seq - 1)), None)
    event = entry.event() if entry is not None else None
    if not isinstance(event, WarningSent):
        raise LogCorrupted(f"entry {seq} is no message that was sent", seq=seq)
    return event.xml
