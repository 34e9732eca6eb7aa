"""Calls: what other threads ask of the thread that owns the session, answered between its steps."""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from almenara.model.errors import AlmenaraError, CommandRefused, LogError
from almenara.service.session import Session

T = TypeVar("T")

#: Calls that wait at a time: more are refused rather than kept.
WAITING_MAX = 1_000


class Calls:
    """A line of questions and commands from other threads, in order."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[Callable[[Session], Any], Future[Any]] | None] = queue.Queue()
        self._next: list[tuple[Callable[[Session], Any], Future[Any]]] = []
        self._closed = False

    def put(self, do: Callable[[Session], T]) -> Future[T]:
        """Have something done on the session's thread. Raises CommandRefused when too many wait, or nobody serves."""
        if self._closed:
            raise CommandRefused("stopping", "The service is stopping: nothing more is taken.")
        if self._waiting.qsize() >= WAITING_MAX:
            raise CommandRefused("busy", f"More than {WAITING_MAX:,} requests wait: try again in a moment.")
        future: Future[T] = Future()
        self._waiting.put((do, future))
        return future

    def wake(self) -> None:
        """Let `wait` return at once."""
        self._waiting.put(None)

    def wait(self, seconds: float) -> None:
        """Return when something waits, or after so many seconds."""
        if not self._next:
            try:
                found = self._waiting.get(timeout=seconds)
            except queue.Empty:
                return
            if found is not None:
                self._next.append(found)

    def serve(self, session: Session) -> None:
        """Answer everything that waits. A refusal goes to who asked; any other failure stops the session as well."""
        while True:
            try:
                found = self._next.pop() if self._next else self._waiting.get_nowait()
            except queue.Empty:
                return
            if found is None:
                continue
            do, future = found
            if not future.set_running_or_notify_cancel():
                continue
            try:
                answer = do(session)
            except LogError as error:
                future.set_exception(error)
                raise
            except AlmenaraError as error:
                future.set_exception(error)
            except BaseException as error:
                future.set_exception(error)
                raise
            else:
                future.set_result(answer)

    def close(self) -> None:
        """Take nothing more; what still waits is refused."""
        self._closed = True
        while True:
            try:
                found = self._next.pop() if self._next else self._waiting.get_nowait()
            except queue.Empty:
                return
            if found is not None and found[1].set_running_or_notify_cancel():
                found[1].set_exception(CommandRefused("stopping", "The service is stopping: nothing more is taken."))
