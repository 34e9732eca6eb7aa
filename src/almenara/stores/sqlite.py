"""The log in one SQLite file (WAL, `synchronous=FULL`): what it acknowledges survives a power cut."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from almenara.durable_files import sync_folder
from almenara.model.errors import LogCorrupted, LogError, UsageError
from almenara.model.events import Event
from almenara.ports import Checkpoint, Entry, Verdict
from almenara.stores import chain
from almenara.stores import folder as beside

FILE_NAME = "log.sqlite"
#: PRAGMA application_id, "ALMN": tells our files from other SQLite files.
APPLICATION_ID = 0x414C4D4E
#: PRAGMA user_version: rises when the tables change.
FORMAT = 1
#: How long a statement waits for another connection that recovers or closes the file.
BUSY_S = 30.0

# `payload` stands last so that a hash is read without walking through megabytes; prev_hash is the hash of the row
# before and therefore not stored twice.
_TABLES = """
CREATE TABLE log (public_key BLOB NOT NULL) STRICT;
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    recorded_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    hash BLOB NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoints (
    seq INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    signed_ms INTEGER NOT NULL,
    public_key BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;
"""
_ROWS = "SELECT seq, recorded_ms, kind, version, payload, hash FROM entries"
_CHECKPOINTS = "SELECT seq, hash, signed_ms, public_key, signature FROM checkpoints"

_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full. Nothing of this request was kept and the log is intact: "
    "free some space and try again",
    sqlite3.SQLITE_IOERR: "the disk failed or is full. Nothing of this request was kept: "
    "check the disk and its free space, then try again",
    sqlite3.SQLITE_BUSY: "another program holds the file: close it and try again",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: `almenara log verify` says where; bring it back from your backup",
    sqlite3.SQLITE_NOTADB: "this is no SQLite file: bring it back from your backup",
    sqlite3.SQLITE_READONLY: "the file cannot be written: check its permissions",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: check its permissions",
}


#: What reading a damaged file raises: the driver cannot even word some of SQLite's complaints.
_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)


class SqliteLog:
    """An `EventLog` in a folder: `log.sqlite`, its `signing.key`, `snapshots/` and the writer's lock.

    One writable SqliteLog at a time, in all processes; any number of readonly ones, which are never blocked by it.
    Calls from several threads are safe. Every `read` sees the log as it was when its first entry was asked for.
    """

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        """Open; a writable log is created, folder and key included, when it is missing.

        Raises UsageError when a log to be read is not there, LogLocked when another process writes it, LogCorrupted
        when a log to be written does not end with what was last signed, LogError when it cannot be opened.
        """
        self._folder = folder
        self._path = folder / FILE_NAME
        self._readonly = readonly
        self._closed = False
        self._mutex = threading.RLock()  # for the connection; every stream of entries has a connection of its own
        with ExitStack() as resources, beside.disk_errors(folder):
            if readonly:
                self._connection = self._connect_reader()
                resources.callback(self._connection.close)
            else:
                beside.create_folder(folder)
                resources.callback(beside.WriterLock(folder).release)
                self._connection = self._connect("rwc")
                resources.callback(self._connection.close)
                with self._refusals():
                    self._open_for_writing()
            self._resources = resources.pop_all()

    def append(self, events: Sequence[Event], recorded_ms: int) -> int:
        """As `EventLog.append`. Raises LogError, with nothing kept, when the disk refuses."""
        with self._writing() as connection:
            seq, prev_hash = _head(connection)
            connection.executemany(
                "INSERT INTO entries (seq, recorded_ms, kind, version, hash, payload) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (e.seq, e.recorded_ms, e.kind, e.version, e.hash, e.payload)
                    for e in chain.link(events, recorded_ms, seq, prev_hash)
                ),
            )
            return seq + len(events)

    def read(self, after: int = 0) -> Iterator[Entry]:
        """As `EventLog.read`. Holds one entry at a time."""
        self._check_open()
        return self._read(max(after, 0))

    def pick(self, seqs: Sequence[int]) -> Iterator[Entry]:
        """As `EventLog.pick`. Holds one entry at a time."""
        self._check_open()
        return self._pick(sorted(set(seqs)))

    def head(self) -> tuple[int, bytes]:
        """As `EventLog.head`."""
        with self._mutex, self._refusals():
            self._check_open()
            return _head(self._connection)

    def checkpoint(self, now_ms: int) -> Checkpoint | None:
        """As `EventLog.checkpoint`; a head that is signed already keeps its statement."""
        with self._writing() as connection:
            seq, digest = _head(connection)
            if seq == 0:
                return None
            row = connection.execute(f"{_CHECKPOINTS} WHERE seq = ?", (seq,)).fetchone()
            if row is not None:
                return Checkpoint(*row)
            made = chain.sign(self._key, seq, digest, now_ms)
            connection.execute(
                "INSERT INTO checkpoints (seq, hash, signed_ms, public_key, signature) VALUES (?, ?, ?, ?, ?)",
                (made.seq, made.hash, made.signed_ms, made.public_key, made.signature),
            )
            return made

    def checkpoints(self) -> Iterator[Checkpoint]:
        """As `EventLog.checkpoints`."""
        self._check_open()
        return self._checkpoints()

    def verify(self, progress: Callable[[int], None] | None = None) -> Verdict:
        """As `EventLog.verify`. Holds one entry at a time."""
        self._check_open()
        with closing(self._connect_reader()) as connection:
            # One view of both tables: a checkpoint made meanwhile would sign an entry that is not in sight.
            connection.execute("BEGIN")
            try:
                public_key = _public_key(connection)
            except _DAMAGE as error:
                return Verdict(0, 0, 1, f"the log's public key cannot be read: {error}")
            return chain.verify(_rows(connection, 0), _signed(connection), public_key, progress)

    def save_snapshot(self, seq: int, data: bytes) -> None:
        """As `EventLog.save_snapshot`. Raises LogError for an entry that the log does not hold or a full disk."""
        with self._mutex, self._refusals():
            self._check_writable()
            head, _ = _head(self._connection)
            digest = _hash_at(self._connection, seq)
            if not 1 <= seq <= head or digest is None:
                raise LogError(f"A snapshot of entry {seq} cannot be kept: the log holds entries 1 to {head}.")
        with beside.disk_errors(self._folder):  # entries may be appended while the snapshot is written
            beside.write_snapshot(self._folder, beside.Snapshot(seq, digest, data), self._key, head)

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """As `EventLog.load_snapshot`. One of another log, or one that this log's key did not sign, is passed over."""
        with self._mutex, self._refusals():
            self._check_open()
            for snapshot in beside.intact_snapshots(self._folder, _public_key(self._connection)):
                if _hash_at(self._connection, snapshot.seq) == snapshot.entry_hash:
                    return snapshot.seq, snapshot.data
        return None

    def size_bytes(self) -> int:
        """As `EventLog.size_bytes`: the file and what SQLite keeps beside it."""
        self._check_open()
        with beside.disk_errors(self._folder):
            return sum(path.stat().st_size for path in self._folder.glob(f"{FILE_NAME}*"))

    def close(self) -> None:
        """As `EventLog.close`. Iterators under way may be read to their end."""
        with self._mutex:
            self._closed = True
            self._resources.close()

    def _open_for_writing(self) -> None:
        """Create the tables of a new log, or make sure that an old one can be continued."""
        connection = self._connection
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {64 * 2**20}")
        if self._has_tables(connection):
            self._key = beside.load_key(self._folder)
            if self._key.public_key().public_bytes_raw() != _public_key(connection):
                raise LogError(
                    f"{beside.KEY_NAME} in {self._folder} is not the key this log was begun with: "
                    "bring the right one back from your backup."
                )
            _check_end(connection)
            return
        self._key = beside.load_or_create_key(self._folder)
        with self._writing():
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            for statement in _TABLES.split(";\n")[:-1]:
                connection.execute(statement)
            connection.execute("INSERT INTO log VALUES (?)", (self._key.public_key().public_bytes_raw(),))
        sync_folder(self._folder)

    def _has_tables(self, connection: sqlite3.Connection) -> bool:
        """Whether this is a log already. Raises LogError when it is something else or from a newer Almenara."""
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables == 0:
            return False
        if application != APPLICATION_ID:
            raise LogError(f"{self._path} is an SQLite file of another program: choose another folder.")
        if version > FORMAT:
            raise LogError(f"{self._path} was written by a newer Almenara: update it.")
        return True

    def _read(self, after: int) -> Iterator[Entry]:
        with closing(self._connect_reader()) as connection, self._refusals():
            connection.execute("BEGIN")
            digest = _hash_at(connection, after)
            if digest is None:
                if after < _head(connection)[0]:
                    raise LogCorrupted(f"entry {after} is missing", seq=after)
                return
            yield from chain.follow(_rows(connection, after), after, digest)

    def _pick(self, seqs: list[int]) -> Iterator[Entry]:
        with closing(self._connect_reader()) as connection, self._refusals():
            connection.execute("BEGIN")
            for seq in seqs:
                row = connection.execute(f"{_ROWS} WHERE seq = ?", (seq,)).fetchone()
                before = _hash_at(connection, seq - 1)
                if row is not None and before is not None:
                    yield from chain.follow([row], seq - 1, before)

    def _checkpoints(self) -> Iterator[Checkpoint]:
        with closing(self._connect_reader()) as connection:
            yield from _signed(connection)

    def _connect_reader(self) -> sqlite3.Connection:
        """A new connection that cannot write. Raises UsageError where there is no log."""
        if not self._path.is_file():
            raise UsageError(f"{self._folder} holds no log: give the folder that a replay, a drill or a watch wrote.")
        with self._refusals():
            try:
                return self._connect_log("ro")
            except sqlite3.OperationalError:
                # On a disk that cannot be written SQLite cannot place its index beside the file. Without a WAL
                # nobody is writing, so the file may be read as it stands.
                if self._path.with_name(f"{FILE_NAME}-wal").exists():
                    raise
                return self._connect_log("ro&immutable=1")

    def _connect_log(self, mode: str) -> sqlite3.Connection:
        """A new connection to a file that is a log, or UsageError."""
        connection = self._connect(mode)
        try:
            if not self._has_tables(connection):
                raise UsageError(f"{self._folder} holds no log yet: its writer has not begun.")
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, mode: str) -> sqlite3.Connection:
        with self._refusals():
            return sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode={mode}",
                uri=True,
                timeout=BUSY_S,
                isolation_level=None,  # transactions are begun and ended here, never by the driver
                check_same_thread=False,  # the mutex guards the one connection that threads share
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: kept durably when the block ends, undone when it raises."""
        with self._mutex, self._refusals():
            self._check_writable()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite may have undone it by itself
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """What SQLite refuses, as a LogError that says what to do."""
        try:
            yield
        except _DAMAGE as error:
            worded = isinstance(error, sqlite3.DatabaseError)
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF if worded else sqlite3.SQLITE_CORRUPT
            advice = _ADVICE.get(code, "this request could not be served")
            raise LogError(f"{self._path}: {advice} ({error}).") from error

    def _check_open(self) -> None:
        if self._closed:
            raise LogError(f"The log in {self._folder} is closed.")

    def _check_writable(self) -> None:
        self._check_open()
        if self._readonly:
            raise LogError(f"The log in {self._folder} was opened for reading only.")


def open(folder: Path, readonly: bool = False) -> SqliteLog:  # noqa: A001 - the name every store's opener has
    """The log in a folder; see `SqliteLog`."""
    return SqliteLog(folder, readonly=readonly)


def _head(connection: sqlite3.Connection) -> tuple[int, bytes]:
    row = connection.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    return (0, chain.ZERO_HASH) if row is None else (row[0], _blob(row[1]))


def _hash_at(connection: sqlite3.Connection, seq: int) -> bytes | None:
    """The stored hash of entry `seq`; that of entry 0 is the one the chain begins with."""
    if seq == 0:
        return chain.ZERO_HASH
    row = connection.execute("SELECT hash FROM entries WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else _blob(row[0])


def _public_key(connection: sqlite3.Connection) -> bytes:
    row = connection.execute("SELECT public_key FROM log").fetchone()
    return b"" if row is None else _blob(row[0])


def _blob(value: object) -> bytes:
    """What a damaged file gives for a column of bytes may be anything; no bytes fit no hash and no key."""
    return value if isinstance(value, bytes) else b""


def _rows(connection: sqlite3.Connection, after: int) -> Iterator[chain.Row]:
    """Stored rows with seq > `after`, streamed. Raises LogCorrupted at the first that SQLite cannot read."""
    seq = after
    try:
        for row in connection.execute(f"{_ROWS} WHERE seq > ? ORDER BY seq", (after,)):
            yield row
            seq = row[0]
        return
    except _DAMAGE as error:
        damage: Exception = error
    # The driver reads a row ahead, so the failure may lie one row further than the last one it gave: ask singly.
    while True:
        seq += 1
        try:
            row = connection.execute(f"{_ROWS} WHERE seq = ?", (seq,)).fetchone()
        except _DAMAGE as error:
            damage, row = error, None
        if row is None:
            raise LogCorrupted(f"entry {seq} cannot be read: {damage}", seq=seq) from damage
        yield row


def _signed(connection: sqlite3.Connection) -> Iterator[Checkpoint]:
    """All checkpoints in order, streamed. Raises LogCorrupted where SQLite cannot read one."""
    seq = 0
    try:
        for row in connection.execute(f"{_CHECKPOINTS} ORDER BY seq"):
            yield Checkpoint(*row)
            seq = row[0]
    except _DAMAGE as error:
        raise LogCorrupted(f"the checkpoint after entry {seq} cannot be read: {error}", seq=seq + 1) from error


def _check_end(connection: sqlite3.Connection) -> None:
    """Raise LogCorrupted unless the last entry fits and nothing that was signed is missing: else no more is added."""
    seq, _ = _head(connection)
    if seq > 0:
        before = _hash_at(connection, seq - 1)
        if before is None:
            raise LogCorrupted(f"entry {seq - 1} is missing; `almenara log verify` says more", seq=seq - 1)
        for _entry in chain.follow(_rows(connection, seq - 1), seq - 1, before):
            pass
    row = connection.execute(f"{_CHECKPOINTS} ORDER BY seq DESC LIMIT 1").fetchone()
    if row is not None and _hash_at(connection, row[0]) != row[1]:
        raise LogCorrupted(
            f"entry {row[0]} is not what a checkpoint signs, or is missing; `almenara log verify` says more", seq=row[0]
        )
