"""The log in memory: the twin of the stores on disk for tests and trials. It keeps every promise but durability."""

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from almenara.model.errors import LogError, UsageError
from almenara.model.events import Event
from almenara.ports import Checkpoint, Entry, Verdict
from almenara.stores import chain


class MemoryLog:
    """An `EventLog` that ends with the process."""

    def __init__(self) -> None:
        self._rows: list[chain.Row] = []
        self._checkpoints: list[Checkpoint] = []
        self._snapshot: tuple[int, bytes, bytes] | None = None  # seq, hash of that entry, data
        self._key = Ed25519PrivateKey.generate()
        self._mutex = threading.Lock()  # one writer at a time; readers walk a prefix that never changes
        self._closed = False

    def append(self, events: Sequence[Event], recorded_ms: int) -> int:
        """As `EventLog.append`."""
        with self._mutex:
            seq, digest = self.head()
            # Built in full before the list grows: all of them or none.
            self._rows += [
                (e.seq, e.recorded_ms, e.kind, e.version, e.payload, e.hash)
                for e in chain.link(events, recorded_ms, seq, digest)
            ]
            return len(self._rows)

    def read(self, after: int = 0) -> Iterator[Entry]:
        """As `EventLog.read`; entries appended while reading are left to the next call."""
        self._check_open()
        after = max(after, 0)
        prev_hash = self._rows[after - 1][5] if 0 < after <= len(self._rows) else chain.ZERO_HASH
        return chain.follow(islice(self._rows, after, max(after, len(self._rows))), after, prev_hash)

    def pick(self, seqs: Sequence[int]) -> Iterator[Entry]:
        """As `EventLog.pick`."""
        self._check_open()
        for seq in sorted({seq for seq in seqs if 1 <= seq <= len(self._rows)}):
            before = self._rows[seq - 2][5] if seq > 1 else chain.ZERO_HASH
            yield from chain.follow([self._rows[seq - 1]], seq - 1, before)

    def head(self) -> tuple[int, bytes]:
        """As `EventLog.head`."""
        self._check_open()
        return (self._rows[-1][0], self._rows[-1][5]) if self._rows else (0, chain.ZERO_HASH)

    def checkpoint(self, now_ms: int) -> Checkpoint | None:
        """As `EventLog.checkpoint`; a head that is signed already keeps its statement."""
        with self._mutex:
            seq, digest = self.head()
            if seq == 0:
                return None
            if not self._checkpoints or self._checkpoints[-1].seq < seq:
                self._checkpoints.append(chain.sign(self._key, seq, digest, now_ms))
            return self._checkpoints[-1]

    def checkpoints(self) -> Iterator[Checkpoint]:
        """As `EventLog.checkpoints`."""
        self._check_open()
        return iter(self._checkpoints.copy())

    def verify(self, progress: Callable[[int], None] | None = None) -> Verdict:
        """As `EventLog.verify`."""
        self._check_open()
        with self._mutex:  # a checkpoint made meanwhile must not sign an entry outside this view
            rows, checkpoints = self._rows.copy(), self._checkpoints.copy()
        return chain.verify(rows, checkpoints, self._key.public_key().public_bytes_raw(), progress)

    def save_snapshot(self, seq: int, data: bytes) -> None:
        """As `EventLog.save_snapshot`. Raises LogError for an entry that the log does not hold."""
        head, _ = self.head()
        if not 1 <= seq <= head:
            raise LogError(f"A snapshot of entry {seq} cannot be kept: the log holds entries 1 to {head}.")
        self._snapshot = (seq, self._rows[seq - 1][5], bytes(data))

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """As `EventLog.load_snapshot`."""
        head, _ = self.head()
        if self._snapshot is None:
            return None
        seq, digest, data = self._snapshot
        return (seq, data) if seq <= head and self._rows[seq - 1][5] == digest else None

    def size_bytes(self) -> int:
        """As `EventLog.size_bytes`: the payloads."""
        self._check_open()
        return sum(len(row[4]) for row in self._rows)

    def close(self) -> None:
        """As `EventLog.close`."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise LogError("This log is closed.")


def open(folder: Path, readonly: bool = False) -> MemoryLog:  # noqa: A001 - the name every store's opener has
    """A new, empty log; `folder` means nothing to it. Raises UsageError when `readonly`: there is nothing to read."""
    if readonly:
        raise UsageError("A log in memory ends with its process: nothing can be read from it later.")
    return MemoryLog()
