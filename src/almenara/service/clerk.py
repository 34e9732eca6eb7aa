"""The clerk: what a running loop attends to beside its feeds, the operators' commands and the deliveries."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from almenara.channels import GuardedChannel, open_channel
from almenara.config import ChannelConfig
from almenara.delivery import Deliveries, Line
from almenara.model.commands import AnyCommand
from almenara.model.events import Event
from almenara.ports import status_of
from almenara.service.calls import Calls
from almenara.service.commands import handle
from almenara.service.inbox import Inbox
from almenara.service.session import Session

#: How long what is under way may take when the loop is told to stop.
GRACE_S = 5.0
#: How long an exercise stands still for the deliveries of one moment.
EXERCISE_S = 5.0


def open_lines(channels: tuple[ChannelConfig, ...], status: str, base: Path) -> list[Line[Any]]:
    """A line for each channel of that status; the others stay closed.

    Raises UsageError for options that make no sense, also of those that stay closed: better now than in earnest.
    """
    lines = []
    for channel in channels:
        opened: GuardedChannel[Any] = open_channel(
            channel.plugin, channel.name, channel.options, status_of(channel.status), base
        )
        if channel.status == status:
            lines.append(Line(opened, concurrency=channel.concurrency, timeout_s=channel.timeout_s))
    return lines


@contextmanager
def delivering(session: Session, lines: list[Line[Any]]) -> Iterator[Callable[[int], object] | None]:
    """Deliver in an exercise's own time: call what is given with it, and what is due is done before it returns.

    None is given when there is no line, so that an exercise without channels costs nothing.
    """
    now = [0]
    clerk = Clerk(session, Deliveries(lines), None, lambda: now[0])

    def attend(at_ms: int) -> None:
        now[0] = at_ms
        clerk.finish(EXERCISE_S)

    try:
        yield attend if lines else None
    finally:
        clerk.close()
    clerk.collect()


class Clerk:
    """Attends to a session between its steps, on the thread that writes its log."""

    def __init__(
        self,
        session: Session,
        deliveries: Deliveries,
        inbox: Inbox | None,
        clock: Callable[[], int],
        calls: Calls | None = None,
    ) -> None:
        self._session = session
        self._calls = calls
        self._deliveries = deliveries
        self._inbox = inbox
        self._clock = clock

    def attend(self) -> list[Event]:
        """Take commands, write down what came back from the channels, begin what is due; returns what happened.

        What calls from other threads brought about is theirs to tell.
        """
        now_ms = self._clock()
        if self._calls is not None:
            self._calls.serve(self._session)
        events = self._inbox.serve(self._handle) if self._inbox is not None else []
        events += self._keep(self._deliveries.collect(now_ms))
        self._session.commit()  # what is sent is durable first
        events += self._keep(self._deliveries.dispatch(self._session.state.outbox, now_ms))
        return events

    def finish(self, wait_s: float) -> list[Event]:
        """Attend until nothing is due any more, at most so long."""
        events: list[Event] = []
        deadline = time.monotonic() + wait_s
        while True:
            events += self.attend()
            if self._deliveries.is_idle(self._session.state.outbox, self._clock()) or time.monotonic() >= deadline:
                return events
            time.sleep(0.02)

    def close(self, grace_s: float = GRACE_S) -> None:
        """Begin nothing more; what is under way may finish for a while. `collect` says what came of it."""
        self._deliveries.close(grace_s)

    def collect(self) -> list[Event]:
        """Write down what came back from the channels."""
        return self._keep(self._deliveries.collect(self._clock()))

    def _handle(self, command: AnyCommand, by: str) -> list[Event]:
        return handle(self._session, command, by, self._clock())

    def _keep(self, events: list[Event]) -> list[Event]:
        for event in events:
            self._session.take(event)
        if events:
            self._session.commit()
        return events
