"""Live: feeds are polled, what they bring is followed at once, and silence is noticed."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from almenara import intake, sources
from almenara.model.events import Event, SourcePolled
from almenara.ports import Source
from almenara.service.session import Progress, Session
from almenara.stages import source_health


@dataclass(slots=True)
class Desk:
    """The live loop's memory beside the state: what each feed brought last."""

    session: Session
    cadence_ms: Mapping[str, int]  # by feed
    rows_max: int = 50_000
    known: dict[str, str] = field(default_factory=dict)  # feed → sha256 of its last content
    plugins: dict[str, Source] = field(default_factory=sources.find_all)
    own: Mapping[str, Source] = field(default_factory=dict)  # feed → its source, where it is set up for this feed
    meanwhile: Callable[[], object] = lambda: None  # between the pieces of a content: what must not wait for its end

    def deliver(self, feed: str, source: str, path: Path | None, at_ms: int, detail: str = "") -> list[Event]:
        """Take in one answer of a feed (None: it did not answer), follow it, and return all that was decided."""
        if path is None:
            self._say(SourcePolled(source=source, origin=feed, at_ms=at_ms, outcome="failed", read=0, detail=detail))
        else:
            fingerprint = _sha256(path)
            if self.known.get(feed) == fingerprint:
                self.unchanged(feed, source, at_ms)
            else:
                plugins = self.plugins | {source: self.own[feed]} if feed in self.own else self.plugins
                for event in intake.read_content(
                    path, plugins, source_name=source, received_ms=at_ms, rows_max=self.rows_max, origin=feed
                ):
                    self._say(event)
                    self.meanwhile()
                self.known[feed] = fingerprint
        return self.tick(at_ms)

    def unchanged(self, feed: str, source: str, at_ms: int) -> None:
        """Note that a feed answered that it has nothing new."""
        self._say(SourcePolled(source=source, origin=feed, at_ms=at_ms, outcome="unchanged", read=0, detail=""))

    def tick(self, at_ms: int) -> list[Event]:
        """Follow what is known at a time, and see which feeds fell silent."""
        silence: list[Event] = list(source_health.decide(self.session.state.health, self.cadence_ms, at_ms))
        for event in silence:
            self._say(event)
        return [*silence, *self.session.step(max(at_ms, self.session.state.now_ms))]

    def _say(self, event: Event) -> None:
        self.session.take(event)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Delivery(Protocol):
    """One poll of an exercise: what a feed answered when."""

    @property
    def at_ms(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def feed(self) -> str: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def note(self) -> str: ...


def play(
    desk: Desk, deliveries: Sequence[Delivery], progress: Progress, attend: Callable[[int], object] | None = None
) -> None:
    """Play a prepared sequence of polls through the live chain, its own times for a clock.

    `attend` is called with that time after each, so that what was sent is delivered before the exercise goes on.
    """
    for number, delivery in enumerate(deliveries):
        progress(f"Playing the exercise, {delivery.feed}", number, len(deliveries))
        desk.deliver(delivery.feed, delivery.source, delivery.path, delivery.at_ms, delivery.note)
        if attend is not None:
            attend(delivery.at_ms)
    desk.session.commit()
