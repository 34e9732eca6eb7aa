"""An exercise played in this process, with the board kept beside it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from almenara.board import Board, Change, Keeper
from almenara.board.feeds import FeedFacts
from almenara.board.keeper import Told
from almenara.board.subjects import subjects
from almenara.model.events import Event
from almenara.service.live import Desk
from almenara.service.session import Session
from almenara.simulation import write_world
from almenara.stores.memory import MemoryLog


@dataclass
class Played:
    """The session, and the board with what was told of it after each delivery."""

    session: Session
    keeper: Keeper
    now_ms: int
    told: list[Told] = field(default_factory=list)
    feeds: tuple[FeedFacts, ...] = ()

    def rebuilt(self) -> Board:
        """The board as one who opens it now would draw it."""
        keeper = Keeper(self.feeds)
        return keeper.open(
            self.session.state, self.now_ms, self.told[-1][0], [event for _, event, _ in self.told], self.told
        )


def play(folder: Path, hours: float = 72.0) -> Iterator[tuple[Played, Board, list[Change]]]:
    """What the board is after each delivery of the exercise's first hours, and what changed."""
    world = write_world("ecuador", 7, folder)
    session = Session(MemoryLog())
    session.start("drill", "Exercise", {})
    session.import_places(world.places_spec, lambda words, done, total: None)
    session.commit()
    feeds = tuple(
        FeedFacts(name, name, name, "", cadence // 1000) for name, cadence in sorted(world.cadence_ms.items())
    )
    played = Played(session, Keeper(feeds), world.start_ms, feeds=feeds)
    for entry in session.log.read():
        played.told.append((entry.seq, entry.event(), subjects(entry.event())))
    board = played.keeper.open(session.state, world.start_ms, played.told[-1][0], [], played.told)
    changes: list[Change] = []

    def listen(seq: int, events: list[Event]) -> None:
        first = seq - len(events) + 1
        told: list[Told] = [(first + at, event, subjects(event)) for at, event in enumerate(events)]
        played.told += told
        changes.extend(played.keeper.follow(session.state, played.now_ms, told))

    session.listen = listen
    desk = Desk(session, world.cadence_ms)
    for delivery in world.deliveries:
        if delivery.at_ms > world.start_ms + hours * 3_600_000:
            break
        played.now_ms = delivery.at_ms
        desk.deliver(delivery.feed, delivery.source, delivery.path, delivery.at_ms, delivery.note)
        session.commit()
        changes.extend(played.keeper.refresh(session.state, played.now_ms))
        board = played.keeper.board
        yield played, board, changes.copy()
        changes.clear()
