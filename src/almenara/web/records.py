"""What routes read from the log: one index and one window for the application, asked on worker threads."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from fastapi import Request

from almenara.ports import EventLog
from almenara.service.log_index import LogIndex
from almenara.service.observation_window import ObservationWindow
from almenara.service.office import Office
from almenara.web.problems import Problem

T = TypeVar("T")


class Records:
    """The index of an office's log, opened when it is first asked."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._lock = threading.Lock()
        self._opened: tuple[LogIndex, ObservationWindow] | None = None

    async def read(self, read: Callable[[EventLog, LogIndex], T]) -> T:
        """What `read` finds in the log as it stands, by its index. Raises Problem (503) while the log is not there."""
        self._ready()
        return await asyncio.to_thread(self._read, read)

    async def window(self) -> ObservationWindow:
        """The observations of the last days, as the log stands."""
        self._ready()
        return await asyncio.to_thread(self._window)

    def close(self) -> None:
        """Let go of the index."""
        with self._lock:
            if self._opened is not None:
                self._opened[0].close()
                self._opened = None

    def _ready(self) -> None:
        if not self._office.ready:
            raise Problem(503, "not-ready", f"The service is {self._office.stage}.", {"Retry-After": "2"})

    def _read(self, read: Callable[[EventLog, LogIndex], T]) -> T:
        index, _ = self._open()
        with closing(self._office.open_reader()) as log:
            index.follow(log)
            return read(log, index)

    def _window(self) -> ObservationWindow:
        _, window = self._open()
        with closing(self._office.open_reader()) as log:
            window.follow(log, self._office.clock())
        return window

    def _open(self) -> tuple[LogIndex, ObservationWindow]:
        with self._lock:
            if self._opened is None:
                index = LogIndex(self._office.folder)
                self._opened = index, ObservationWindow(index)
            return self._opened


def records_of(request: Request) -> Records:
    """The application's records."""
    state = request.app.state
    if not hasattr(state, "records"):
        state.records = Records(state.office)
    records: Records = state.records
    return records
