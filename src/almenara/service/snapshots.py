"""Snapshots of the state, written beside the chain: it stands still while its arrays are copied, and no longer."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from almenara import pipeline
from almenara.ports import EventLog
from almenara.snapshot import to_bytes


class Snapshots:
    """Keeps the state from time to time, so that a restart need not read the whole log."""

    def __init__(self, log: EventLog) -> None:
        self._log: Final = log
        self._writing: Future[None] | None = None
        self.kept_at: float | None = None  # time.monotonic() of the newest one's state
        self.size_bytes = 0  # of the newest
        self.pause_s = 0.0  # for which the newest held up the chain

    @property
    def busy(self) -> bool:
        """Whether one is being written."""
        return self._writing is not None and not self._writing.done()

    def keep(self, state: pipeline.State) -> None:
        """Copy the state, which must be durable in the log up to its head, and write the copy in a thread of its own.

        Waits for the one before. Raises what that one met: LogError, when the disk refused it.
        """
        self.wait()
        begun = time.monotonic()
        seq, _ = self._log.head()
        data = to_bytes(state)
        writer = ThreadPoolExecutor(1, "snapshot")
        self._writing = writer.submit(self._log.save_snapshot, seq, data)
        writer.shutdown(wait=False)  # the thread ends when the snapshot is kept
        self.kept_at, self.size_bytes = begun, len(data)
        self.pause_s = time.monotonic() - begun

    def wait(self) -> None:
        """Return when no snapshot is being written any more; raises as `keep`."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()
