"""What the SQLite store promises beyond the contract: crashes, full disks, damage, one writer, bounded memory."""

import os
import random
import resource
import runpy
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almenara.model.errors import LogCorrupted, LogError, LogLocked, UsageError
from almenara.model.events import Event, PlacesImported, StepTaken
from almenara.stores import open_log
from almenara.stores.folder import load_key
from almenara.stores.sqlite import FILE_NAME, SqliteLog

CRASH = Path(__file__).with_name("crash.py")


def places(size: int) -> Event:
    return PlacesImported(origin="x", attribution="", table=bytes(size), rejected={})


def writer(how: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", str(CRASH), how, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a closed log: ten entries, signed."""
    folder = tmp_path / "log"
    with closing(SqliteLog(folder)) as log:
        log.append([StepTaken(now_ms=i) for i in range(9)], 1)
        log.append([places(9000)], 1)
        log.checkpoint(2)
    return folder


class TestFolder:
    def test_permissions(self, folder: Path) -> None:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "signing.key").stat().st_mode) == 0o600

    def test_the_private_key_stays_out_of_the_log(self, folder: Path) -> None:
        secret = load_key(folder).private_bytes_raw()
        assert secret not in (folder / FILE_NAME).read_bytes()

    @pytest.mark.parametrize("made", [False, True])
    def test_reading_where_no_log_is(self, tmp_path: Path, made: bool) -> None:
        if made:
            (tmp_path / "none").mkdir()
        with pytest.raises(UsageError, match="holds no log"):
            SqliteLog(tmp_path / "none", readonly=True)
        assert (tmp_path / "none").exists() is made

    def test_reading_a_log_that_has_not_begun(self, tmp_path: Path) -> None:
        (tmp_path / FILE_NAME).touch()
        with pytest.raises(UsageError, match="not begun"):
            SqliteLog(tmp_path, readonly=True)

    def test_a_file_for_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match="is a file"):
            SqliteLog(tmp_path / "file")

    def test_unknown_store(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="Known: memory, sqlite"):
            open_log(tmp_path, store="papyrus")

    def test_a_file_of_another_program(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
            other.execute("CREATE TABLE bookmarks (url)")
        for readonly in (False, True):
            with pytest.raises(LogError, match="another program"):
                SqliteLog(tmp_path, readonly=readonly)
        assert not (tmp_path / "signing.key").exists()

    def test_no_sqlite_file(self, tmp_path: Path) -> None:
        (tmp_path / FILE_NAME).write_text("once upon a time " * 100)
        for readonly in (False, True):
            with pytest.raises(LogError, match="no SQLite file"):
                SqliteLog(tmp_path, readonly=readonly)

    def test_a_log_of_a_newer_almenara(self, folder: Path) -> None:
        with closing(sqlite3.connect(folder / FILE_NAME)) as newer:
            newer.execute("PRAGMA user_version = 2")
        with pytest.raises(LogError, match="newer"):
            SqliteLog(folder)

    def test_readonly_refuses_to_write(self, folder: Path) -> None:
        with closing(SqliteLog(folder, readonly=True)) as log:
            for write in (lambda: log.append([], 1), lambda: log.checkpoint(1), lambda: log.save_snapshot(1, b"")):
                with pytest.raises(LogError, match="reading only"):
                    write()


class TestKey:
    def test_missing(self, folder: Path) -> None:
        (folder / "signing.key").unlink()
        with pytest.raises(LogError, match="backup"):
            SqliteLog(folder)
        with closing(SqliteLog(folder, readonly=True)) as log:
            assert log.verify().broken_seq is None

    def test_of_another_log(self, folder: Path, tmp_path: Path) -> None:
        SqliteLog(tmp_path / "other").close()
        (tmp_path / "other" / "signing.key").rename(folder / "signing.key")
        with pytest.raises(LogError, match="not the key"):
            SqliteLog(folder)

    def test_no_key(self, folder: Path) -> None:
        (folder / "signing.key").write_text("open sesame")
        with pytest.raises(LogError, match="not a PEM"):
            SqliteLog(folder)


def test_a_third_party_can_verify(folder: Path) -> None:
    """The encoding of `chain`'s text, written down a second time without its code."""
    from hashlib import sha256

    previous = bytes(32)
    with closing(sqlite3.connect(folder / FILE_NAME)) as raw:
        rows = raw.execute("SELECT seq, recorded_ms, kind, version, payload, hash FROM entries ORDER BY seq").fetchall()
        seq, signed_hash, signed_ms, key, signature = raw.execute(
            "SELECT seq, hash, signed_ms, public_key, signature FROM checkpoints"
        ).fetchone()
    for number, recorded_ms, kind, version, payload, stored in rows:
        previous = sha256(
            previous
            + number.to_bytes(8, "big")
            + recorded_ms.to_bytes(8, "big", signed=True)
            + len(kind.encode()).to_bytes(4, "big")
            + kind.encode()
            + version.to_bytes(4, "big")
            + len(payload).to_bytes(8, "big")
            + payload
        ).digest()
        assert previous == stored
    assert (seq, signed_hash) == (10, previous)
    statement = b"almenara checkpoint v1\n" + seq.to_bytes(8, "big") + previous + signed_ms.to_bytes(8, "big")
    Ed25519PublicKey.from_public_bytes(key).verify(signature, statement)


class TestOneWriter:
    def test_a_second_writer_is_told_who_writes(self, folder: Path) -> None:
        with closing(SqliteLog(folder)), pytest.raises(LogLocked, match=f"process {os.getpid()}"):
            SqliteLog(folder)
        SqliteLog(folder).close()

    def test_readers_are_not_blocked(self, folder: Path) -> None:
        with (
            closing(SqliteLog(folder)) as log,
            closing(SqliteLog(folder, readonly=True)) as reader,
            closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as busy,
        ):
            busy.execute("BEGIN IMMEDIATE")
            assert reader.head()[0] == len(list(reader.read())) == len(list(log.read())) == 10
            busy.execute("ROLLBACK")
            log.append([StepTaken(now_ms=1)], 1)
            assert reader.head() == log.head()

    def test_a_failed_opening_frees_the_lock(self, folder: Path) -> None:
        key = (folder / "signing.key").read_bytes()
        (folder / "signing.key").unlink()
        with pytest.raises(LogError):
            SqliteLog(folder)
        (folder / "signing.key").write_bytes(key)
        SqliteLog(folder).close()

    def test_an_orphaned_worker_does_not_keep_the_lock(self, folder: Path) -> None:
        with writer("orphan", folder) as run:
            assert run.stdout is not None
            worker = int(run.stdout.readline())
            run.wait()
            try:
                SqliteLog(folder).close()
            finally:
                os.kill(worker, signal.SIGKILL)

    def test_threads_take_turns(self, tmp_path: Path) -> None:
        with closing(SqliteLog(tmp_path)) as log:

            def work() -> None:
                for i in range(40):
                    log.append([StepTaken(now_ms=i)] * 2, i)
                    log.checkpoint(i)
                    assert sum(1 for _ in log.read()) % 2 == 0

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                assert log.verify().broken_seq is None
            assert log.head()[0] == 4 * 40 * 2


class TestInterrupted:
    def test_kill_9_leaves_whole_batches(self, tmp_path: Path) -> None:
        """At many moments: all that was acknowledged is there, and of the rest whole batches or nothing."""
        batch: Callable[[int], list[Event]] = runpy.run_path(str(CRASH))["batch"]
        moments = random.Random(7)
        folder = tmp_path / "log"
        known: list[Event] = []
        number = 0
        with writer("appends", folder) as run:
            assert run.stdin is not None
            assert run.stdout is not None
            for _ in range(40):
                run.stdin.write(f"{number} {moments.uniform(0.0, 0.12)}\n")
                run.stdin.flush()
                told = [int(word) for word in run.stdout.readline().split()]
                if not (folder / FILE_NAME).exists():
                    continue  # killed before the log began
                with closing(SqliteLog(folder)) as log:
                    assert log.verify().broken_seq is None
                    found = [entry.event() for entry in log.read()]
                    snapshot = log.load_snapshot()
                assert snapshot is None or snapshot[1] == str(snapshot[0]).encode() * 100_000
                while len(known) < len(found):
                    known += batch(number)
                    number += 1
                assert found == known
                assert not told or number > told[-1]
        assert number > 40
        assert len(list((folder / "snapshots").glob("*.snapshot"))) <= 3

    def test_full_database(self, folder: Path) -> None:
        with closing(SqliteLog(folder)) as log:
            before = log.head()
            (pages,) = log._connection.execute("PRAGMA page_count").fetchone()
            log._connection.execute(f"PRAGMA max_page_count = {pages + 10}")
            with pytest.raises(LogError, match=r"full.*free some space"):
                log.append([StepTaken(now_ms=1), places(100_000)], 1)
            assert log.head() == before
            log._connection.execute("PRAGMA max_page_count = 1000000")
            assert log.append([StepTaken(now_ms=1), places(100_000)], 1) == before[0] + 2
            assert log.verify().broken_seq is None

    def test_refused_by_the_disk(self, folder: Path) -> None:
        with closing(SqliteLog(folder)) as log:
            before = log.head()
            log.save_snapshot(3, b"state")
            with file_size_max(300_000):
                with pytest.raises(LogError, match=r"disk.*try again"):
                    log.append([StepTaken(now_ms=1), places(1_000_000)], 1)
                with pytest.raises(LogError, match=r"free space"):
                    log.save_snapshot(9, bytes(1_000_000))
            assert log.head() == before
            assert log.load_snapshot() == (3, b"state")
            assert [path.name for path in (folder / "snapshots").iterdir()] == [f"{3:020d}.snapshot"]
            assert log.append([StepTaken(now_ms=1)], 1) == before[0] + 1
            assert log.verify().broken_seq is None


@contextmanager
def file_size_max(size: int) -> Iterator[None]:
    """Writing beyond `size` bytes fails in this process, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestDamage:
    @given(data=st.data())
    @settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_byte_of_the_file(self, folder: Path, data: st.DataObject) -> None:
        """Whatever happens to the file: what is read as good is what was written."""
        path = folder / FILE_NAME
        whole = path.read_bytes()
        with closing(SqliteLog(folder, readonly=True)) as log:
            entries = list(log.read())
        changed = bytearray(whole)
        changed[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(changed)
        try:
            with closing(SqliteLog(folder, readonly=True)) as log:
                verdict = log.verify()
                try:
                    found = list(log.read())
                except LogError:
                    assert verdict.broken_seq is not None
                else:
                    # What is damaged in a checkpoint leaves the entries whole.
                    assert found == entries[: len(found)]
                    assert len(found) == 10 or verdict.broken_seq is not None
                    assert verdict.entries == 10 or verdict.broken_seq is not None
        except (LogError, UsageError):
            pass  # it says so when it is opened
        finally:
            path.write_bytes(whole)

    @pytest.mark.parametrize("statement", ["DELETE FROM entries WHERE seq > 8", "UPDATE entries SET payload = x'00'"])
    def test_nothing_is_added_to_a_broken_end(self, folder: Path, statement: str) -> None:
        with closing(sqlite3.connect(folder / FILE_NAME)) as raw, raw:
            raw.execute(statement)
        with pytest.raises(LogCorrupted, match="entry 10"):
            SqliteLog(folder)

    def test_a_changed_public_key(self, folder: Path) -> None:
        with closing(sqlite3.connect(folder / FILE_NAME)) as raw, raw:
            raw.execute("UPDATE log SET public_key = x'00'")
        with closing(SqliteLog(folder, readonly=True)) as log:
            assert log.verify().broken_seq == 10
            assert log.load_snapshot() is None


class TestSnapshots:
    def test_the_newest_two_are_kept(self, folder: Path) -> None:
        with closing(SqliteLog(folder)) as log:
            (folder / "snapshots").mkdir()
            (folder / "snapshots" / f"{7:020d}.tmp").touch()  # left by a crash
            (folder / "snapshots" / f"{99:020d}.snapshot").touch()  # of a log that had come further
            for seq in (2, 5, 9):
                log.save_snapshot(seq, b"x")
            names = sorted(path.name for path in (folder / "snapshots").iterdir())
        assert names == [f"{5:020d}.snapshot", f"{9:020d}.snapshot"]

    @given(data=st.data())
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_damaged_or_truncated_falls_back_to_the_one_before(self, folder: Path, data: st.DataObject) -> None:
        with closing(SqliteLog(folder)) as log:
            log.save_snapshot(5, b"older")
            log.save_snapshot(9, b"newer state")
            path = folder / "snapshots" / f"{9:020d}.snapshot"
            whole = path.read_bytes()
            place = data.draw(st.integers(0, len(whole) - 1))
            flipped = bytearray(whole)
            flipped[place] ^= data.draw(st.integers(1, 255))
            for damaged in (flipped, whole[:place], whole + b"x"):
                path.write_bytes(damaged)
                assert log.load_snapshot() == (5, b"older")

    def test_of_another_log(self, folder: Path, tmp_path: Path) -> None:
        with closing(SqliteLog(tmp_path / "other")) as other:
            other.append([StepTaken(now_ms=i) for i in range(9)], 1)  # the very same entries, another key
            other.save_snapshot(9, b"forged")
        (tmp_path / "other" / "snapshots").rename(folder / "snapshots")
        with closing(SqliteLog(folder, readonly=True)) as log:
            assert log.load_snapshot() is None


class TestCost:
    def test_many_small_events(self, tmp_path: Path) -> None:
        events = [StepTaken(now_ms=i) for i in range(20_000)]
        with closing(SqliteLog(tmp_path)) as log:
            spans = []
            for _ in range(3):
                begin = time.perf_counter()
                log.append(events, 1)
                spans.append(time.perf_counter() - begin)
        assert len(events) / min(spans) >= 30_000

    def test_reading_and_verifying_hold_one_entry(self, tmp_path: Path) -> None:
        with closing(SqliteLog(tmp_path)) as log:
            for _ in range(24):
                log.append([places(2**20)], 1)
            tracemalloc.start()
            try:
                assert log.verify().entries == 24
                assert sum(1 for _ in log.read()) == 24
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert peak < 6 * 2**20
