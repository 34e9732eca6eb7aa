"""The board: what is going on, ready to be shown. Events and the state go in, JSON comes out; no clock, no disk."""

from dataclasses import dataclass
from typing import Any

import msgspec

from almenara.model.events import Event
from almenara.pipeline import State


@dataclass(frozen=True, slots=True)
class Change:
    """Something on the board that is different now."""

    topic: str
    id: str
    seq: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Board:
    """The picture as of one entry of the log."""

    seq: int = 0

    def situation(self, now_ms: int, mode: dict[str, Any]) -> bytes:
        """Everything that a screen begins with, as JSON."""
        empty: dict[str, Any] = dict.fromkeys(("hazards", "incidents", "warnings", "sources", "channels", "queue"), [])
        return msgspec.json.encode({"seq": self.seq, "now": now_ms, "mode": mode, **empty})


class Keeper:
    """Keeps the board as things happen."""

    def open(self, state: State, seq: int) -> Board:
        """The board as the state has it."""
        return Board(seq)

    def follow(self, state: State, seq: int, events: list[Event]) -> tuple[Board, list[Change]]:
        """The board after events that the state has taken in, and what is different."""
        return Board(seq), []
