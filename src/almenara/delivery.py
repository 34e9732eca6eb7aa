"""Delivery: carries what is due to the channels, each on a line of its own, and brings back what became of it."""

import asyncio
import concurrent.futures
import queue
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from almenara.channels import GuardedChannel
from almenara.model.errors import ChannelFailed, ChannelRefused
from almenara.model.events import ChannelPaused, DeliveriesRecorded, DeliveryResult, Event
from almenara.ports import Outgoing, Receipt, S
from almenara.stages import outbox
from almenara.stages.outbox import Attempt
from almenara.stages.public_warnings.approval import MACHINE

#: Who has not answered by then no longer holds a place among those that are served at a time …
PATIENCE_S = 1.0
#: … but waits among the slow ones, of which each channel bears so many.
SLOW_MAX = 500
#: Attempts under way on one line, sending or waiting for their turn.
POSTED_MAX = 20_000
RESULTS_MAX = 1_000  # in one log entry
#: How often a channel may do what is due by time alone.
TEND_MS = 1_000
#: A cancelled send may tidy up for so long.
TIDY_S = 1.0


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an attempt: a receipt, or why there is none."""

    attempt: Attempt
    outcome: Receipt | BaseException


class Line(Generic[S]):
    """One channel's own thread and event loop: whatever a channel does, it cannot hold up another."""

    def __init__(self, channel: GuardedChannel[S], *, concurrency: int, timeout_s: float) -> None:
        self.channel: GuardedChannel[S] = channel
        self.done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self.posted: set[tuple[str, str]] = set()  # (identifier, recipient) under way
        self._timeout_s = timeout_s
        self._served = asyncio.Semaphore(concurrency)
        self._slow = asyncio.Semaphore(SLOW_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._tended_ms: int | None = None
        self._tending: concurrent.futures.Future[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"channel {channel.name}", daemon=True)
        self._thread.start()

    def post(self, message: Outgoing[S], attempts: Sequence[Attempt]) -> None:
        """Begin these attempts; each comes back through `done`."""
        self.posted.update((attempt.identifier, attempt.recipient) for attempt in attempts)
        self._loop.call_soon_threadsafe(self._begin, message, attempts)

    def collect(self) -> list[Done]:
        """What came back since the last time."""
        found = []
        while not self.done.empty():
            found.append(self.done.get_nowait())
            self.posted.discard((found[-1].attempt.identifier, found[-1].attempt.recipient))
        return found

    def tend(self, now_ms: int) -> BaseException | None:
        """Let the channel do what is due by time alone; returns the fault that it had with it the last time.

        What could not be done for now is tried again.
        """
        if not self.channel.is_tended or self.is_tending or _is_near(now_ms, self._tended_ms):
            return None
        before, self._tended_ms = self._tending, now_ms
        self._tending = asyncio.run_coroutine_threadsafe(self.channel.tend(now_ms), self._loop)
        fault = before.exception() if before is not None else None
        return None if isinstance(fault, ChannelFailed) else fault

    @property
    def is_tending(self) -> bool:
        """Whether it is at it."""
        return self._tending is not None and not self._tending.done()

    def due(self, state: outbox.State, now_ms: int) -> outbox.Due:
        """What the channel has to do, by the outbox."""
        channel = self.channel
        return outbox.decide(state, channel.name, channel.recipients(), now_ms, keeps_all=channel.keeps_all)

    def close(self, grace_s: float) -> None:
        """Let what is under way finish for a while, break off the rest, and let go of the channel.

        A channel whose code does not let go is left to end with the process.
        """
        finishing = asyncio.run_coroutine_threadsafe(self._finish(grace_s), self._loop)
        self._loop.call_soon_threadsafe(lambda: None)
        try:
            finishing.result(timeout=grace_s + 3 * TIDY_S)
        except TimeoutError:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIDY_S)
        if not self._thread.is_alive():
            self._loop.close()

    def _begin(self, message: Outgoing[S], attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            task = self._loop.create_task(self._deliver(message, attempt))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, message: Outgoing[S], attempt: Attempt) -> None:
        held = self._served
        await held.acquire()
        try:
            sending = asyncio.ensure_future(self.channel.send(message, attempt.recipient))
            try:
                patience_s = min(PATIENCE_S, self._timeout_s)
                await asyncio.wait({sending}, timeout=patience_s)
                if not sending.done() and not self._slow.locked():
                    await self._slow.acquire()  # does not wait: it is not locked
                    held.release()
                    held = self._slow
                if not sending.done():
                    await asyncio.wait({sending}, timeout=self._timeout_s - patience_s)
            finally:
                answered = sending.done()
                if not answered:
                    sending.cancel()
            if not answered:
                await asyncio.wait({sending}, timeout=TIDY_S)
                self.done.put(Done(attempt, ChannelFailed(f"no answer within {self._timeout_s:g} s")))
            elif sending.cancelled():
                self.done.put(Done(attempt, ChannelFailed("broken off by the channel")))
            else:
                self.done.put(Done(attempt, sending.exception() or sending.result()))
        finally:
            held.release()

    async def _finish(self, grace_s: float) -> None:
        if self._tasks:
            _, left = await asyncio.wait(set(self._tasks), timeout=grace_s)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=TIDY_S)
        await self.channel.close()


class Deliveries:
    """The lines of all channels, and the events that they come to. Used from the one thread that writes the log."""

    def __init__(self, lines: Iterable[Line[Any]], *, chance: Callable[[], float] = random.random) -> None:
        self._lines = {line.channel.name: line for line in lines}
        self._chance = chance
        self._messages: dict[tuple[str, str], Outgoing[Any]] = {}  # channel, identifier

    def collect(self, now_ms: int) -> list[Event]:
        """What came back since the last time; it counts once it is in the log."""
        return [event for line in self._lines.values() for event in self._collected(line, now_ms)]

    def dispatch(self, state: outbox.State, now_ms: int) -> list[Event]:
        """Begin what is due by a state that has taken in all that was collected, and give up what ran out."""
        events: list[Event] = []
        for name, line in self._lines.items():
            fault = line.tend(now_ms)
            if fault is not None and not state.of(name).paused_by:
                events.append(_stopped(now_ms, name, fault))
            due = line.due(state, now_ms)
            given_up: dict[str, list[DeliveryResult]] = {}
            for identifier, result in due.given_up:
                if (identifier, result.recipient) not in line.posted:
                    given_up.setdefault(identifier, []).append(result)
            events += [event for key, results in given_up.items() for event in _recorded(now_ms, name, key, results)]
            free = POSTED_MAX - len(line.posted)
            fresh: dict[str, list[Attempt]] = {}
            for attempt in due.attempts:
                if free > 0 and (attempt.identifier, attempt.recipient) not in line.posted:
                    fresh.setdefault(attempt.identifier, []).append(attempt)
                    free -= 1
            for identifier, attempts in fresh.items():
                line.post(self._message(line, state.messages[identifier]), attempts)
        self._messages = {key: kept for key, kept in self._messages.items() if key[1] in state.messages}
        return events

    def is_idle(self, state: outbox.State, now_ms: int) -> bool:
        """Whether nothing is under way and nothing is due now; what waits for a later attempt does not count."""
        return not any(
            line.posted or line.is_tending or line.due(state, now_ms).attempts for line in self._lines.values()
        )

    def close(self, grace_s: float) -> None:
        """Close all lines at the same time; what still came back is there to collect."""
        closing = [threading.Thread(target=line.close, args=(grace_s,), daemon=True) for line in self._lines.values()]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join(grace_s + 5 * TIDY_S)

    def _message(self, line: Line[S], message: outbox.Message) -> Outgoing[S]:
        key = line.channel.name, message.identifier
        if key not in self._messages:
            self._messages[key] = Outgoing(message.xml, message.thread, line.channel.status)
        return self._messages[key]

    def _collected(self, line: Line[Any], now_ms: int) -> list[Event]:
        results: dict[str, list[DeliveryResult]] = {}
        events: list[Event] = []
        name = line.channel.name
        for done in line.collect():
            attempt, outcome = done.attempt, done.outcome
            if isinstance(outcome, Receipt):
                result = outbox.delivered(attempt, outcome.receipt, outcome.detail)
            elif isinstance(outcome, ChannelRefused):
                result = outbox.refused(attempt, str(outcome))
            else:
                wait_s = outcome.retry_after_s if isinstance(outcome, ChannelFailed) else None
                result = outbox.failed(attempt, _words(outcome), now_ms, self._chance(), wait_s)
                if not isinstance(outcome, ChannelFailed) and not events:
                    events.append(_stopped(now_ms, name, outcome))
            results.setdefault(attempt.identifier, []).append(result)
        return [*(e for key, found in results.items() for e in _recorded(now_ms, name, key, found)), *events]


def _recorded(now_ms: int, channel: str, identifier: str, results: list[DeliveryResult]) -> list[DeliveriesRecorded]:
    return [
        DeliveriesRecorded(
            now_ms=now_ms, channel=channel, identifier=identifier, results=results[at : at + RESULTS_MAX]
        )
        for at in range(0, len(results), RESULTS_MAX)
    ]


def _stopped(now_ms: int, channel: str, fault: BaseException) -> ChannelPaused:
    """A fault of the channel's own: it stops, its messages wait, and the others go on."""
    return ChannelPaused(now_ms=now_ms, channel=channel, by=MACHINE, reason=f"a fault in the channel: {_words(fault)}")


def _is_near(now_ms: int, before_ms: int | None) -> bool:
    return before_ms is not None and abs(now_ms - before_ms) < TEND_MS


def _words(error: BaseException) -> str:
    """One line; of a fault also its kind."""
    text = " ".join(str(error).split())[:200]
    return text if isinstance(error, ChannelFailed) else f"{type(error).__name__}: {text}"
