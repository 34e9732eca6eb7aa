"""What every store must keep: one test class, run over all that the registry finds."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almenara.model.errors import LogCorrupted, LogError
from almenara.model.events import Event, PlacesImported, SourcePolled, StepTaken
from almenara.ports import EventLog
from almenara.stores import chain, memory, names, open_log, sqlite

COLUMNS = ("seq", "recorded_ms", "kind", "version", "payload", "hash")
# The bench undoes every change, so the examples of one test may share it.
shared = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Bench(ABC):
    """A log and the means to tamper with what it stored, as somebody with access to the machine could."""

    durable = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = self.open()

    @abstractmethod
    def open(self, readonly: bool = False) -> EventLog:
        """Open the log in the folder."""

    @abstractmethod
    def row(self, seq: int) -> dict[str, Any]:
        """All columns of entry `seq`."""

    @abstractmethod
    def put(self, row: dict[str, Any]) -> None:
        """Write an entry with just these columns."""

    @abstractmethod
    def delete(self, seq: int) -> None:
        """Take entry `seq` away."""

    @abstractmethod
    def change_checkpoint(self, seq: int, **columns: object) -> None:
        """Overwrite columns of the checkpoint at `seq`."""

    @abstractmethod
    def damage_snapshot(self, change: Callable[[bytes], bytes]) -> None:
        """Overwrite the newest snapshot by what `change` makes of it."""


class SqliteBench(Bench):
    def open(self, readonly: bool = False) -> EventLog:
        return open_log(self.folder, readonly)

    def row(self, seq: int) -> dict[str, Any]:
        columns = "seq, recorded_ms, CAST(kind AS BLOB), version, payload, hash"
        with closing(sqlite3.connect(self.folder / sqlite.FILE_NAME)) as raw:
            found = raw.execute(f"SELECT {columns} FROM entries WHERE seq = ?", (seq,)).fetchone()  # noqa: S608
        return dict(zip(COLUMNS, found, strict=True))

    def put(self, row: dict[str, Any]) -> None:
        with closing(sqlite3.connect(self.folder / sqlite.FILE_NAME)) as raw, raw:
            raw.execute(
                "INSERT OR REPLACE INTO entries (seq, recorded_ms, kind, version, payload, hash) "
                "VALUES (:seq, :recorded_ms, CAST(:kind AS TEXT), :version, :payload, :hash)",
                row,
            )

    def delete(self, seq: int) -> None:
        with closing(sqlite3.connect(self.folder / sqlite.FILE_NAME)) as raw, raw:
            raw.execute("DELETE FROM entries WHERE seq = ?", (seq,))

    def change_checkpoint(self, seq: int, **columns: object) -> None:
        assignments = ", ".join(f"{name} = ?" for name in columns)
        with closing(sqlite3.connect(self.folder / sqlite.FILE_NAME)) as raw, raw:
            raw.execute(f"UPDATE checkpoints SET {assignments} WHERE seq = ?", (*columns.values(), seq))  # noqa: S608

    def damage_snapshot(self, change: Callable[[bytes], bytes]) -> None:
        newest = max((self.folder / "snapshots").iterdir())
        newest.write_bytes(change(newest.read_bytes()))


class MemoryBench(Bench):
    durable = False

    def open(self, readonly: bool = False) -> EventLog:
        return memory.MemoryLog()

    @property
    def _log(self) -> memory.MemoryLog:
        assert isinstance(self.log, memory.MemoryLog)
        return self.log

    def row(self, seq: int) -> dict[str, Any]:
        found = next(row for row in self._log._rows if row[0] == seq)
        return {**dict(zip(COLUMNS, found, strict=True)), "kind": found[2].encode(errors="surrogateescape")}

    def put(self, row: dict[str, Any]) -> None:
        kept = [each for each in self._log._rows if each[0] != row["seq"]]
        kind = row["kind"].decode(errors="surrogateescape")
        kept.append((row["seq"], row["recorded_ms"], kind, row["version"], row["payload"], row["hash"]))
        self._log._rows = sorted(kept)

    def delete(self, seq: int) -> None:
        self._log._rows = [row for row in self._log._rows if row[0] != seq]

    def change_checkpoint(self, seq: int, **columns: object) -> None:
        changed: list[Any] = [replace(c, **columns) if c.seq == seq else c for c in self._log._checkpoints]  # type: ignore[arg-type]
        self._log._checkpoints = changed

    def damage_snapshot(self, change: Callable[[bytes], bytes]) -> None:
        assert self._log._snapshot is not None
        seq, entry_hash, data = self._log._snapshot
        self._log._snapshot = (seq, change(entry_hash), data)


BENCHES: dict[str, type[Bench]] = {"sqlite": SqliteBench, "memory": MemoryBench}


def test_every_store_is_held_to_the_contract() -> None:
    assert set(names()) == set(BENCHES)


@pytest.fixture(params=sorted(BENCHES))
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    bench = BENCHES[request.param](tmp_path / "log")
    yield bench
    bench.log.close()


def steps(count: int, first: int = 0) -> list[Event]:
    return [StepTaken(now_ms=first + i) for i in range(count)]


def filled(bench: Bench) -> EventLog:
    """Nine entries of several kinds; checkpoints at 4 and 9."""
    bench.log.append([PlacesImported(origin="é", attribution="", table=bytes(range(40)), rejected={"x": 1})], -5)
    bench.log.append(steps(3), 1_700_000_000_000)
    bench.log.checkpoint(10)
    polled = SourcePolled(source="firms", origin="u", at_ms=3, outcome="empty", read=0, detail="")
    bench.log.append([*steps(4), polled], 1_700_000_000_001)
    bench.log.checkpoint(20)
    return bench.log


class TestAppendAndRead:
    def test_empty(self, bench: Bench) -> None:
        assert bench.log.head() == (0, bytes(32))
        assert list(bench.log.read()) == []
        assert bench.log.append([], 5) == 0
        assert bench.log.checkpoint(5) is None
        assert list(bench.log.checkpoints()) == []
        assert bench.log.load_snapshot() is None
        verdict = bench.log.verify()
        assert (verdict.entries, verdict.checkpoints, verdict.broken_seq) == (0, 0, None)

    def test_what_was_appended_is_read(self, bench: Bench) -> None:
        assert bench.log.append(steps(3), 7) == 3
        assert bench.log.append([], 8) == 3
        assert bench.log.append(steps(2, first=3), -8) == 5
        entries = list(bench.log.read())
        assert [entry.event() for entry in entries] == steps(5)
        assert [(entry.seq, entry.recorded_ms) for entry in entries] == [(1, 7), (2, 7), (3, 7), (4, -8), (5, -8)]
        assert [entry.prev_hash for entry in entries] == [bytes(32), *(entry.hash for entry in entries[:-1])]
        assert bench.log.head() == (5, entries[-1].hash)

    @pytest.mark.parametrize("after", range(-1, 7))
    def test_read_after(self, bench: Bench, after: int) -> None:
        bench.log.append(steps(5), 7)
        assert list(bench.log.read(after)) == list(bench.log.read())[max(after, 0) :]

    def test_single_entries_are_picked_in_order(self, bench: Bench) -> None:
        log = filled(bench)
        everything = {entry.seq: entry for entry in log.read()}
        assert list(log.pick([9, 1, 4, 4, 77, 0, -1])) == [everything[1], everything[4], everything[9]]
        assert list(log.pick([])) == []

    def test_a_picked_entry_is_held_against_its_hash(self, bench: Bench) -> None:
        log = filled(bench)
        bench.put(bench.row(4) | {"payload": b"changed"})
        with pytest.raises(LogCorrupted):
            list(log.pick([4]))
        assert [entry.seq for entry in log.pick([3])] == [3]

    def test_large_payload(self, bench: Bench) -> None:
        event = PlacesImported(origin="x", attribution="", table=bytes(range(256)) * 20_000, rejected={})
        bench.log.append([event], 1)
        assert next(bench.log.read()).event() == event

    def test_all_or_none(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        bench.log.append(steps(2), 1)
        before = bench.log.head()
        with pytest.raises(OverflowError):  # beyond MessagePack's integers
            bench.log.append([*steps(3), StepTaken(now_ms=2**70), *steps(3)], 2)
        monkeypatch.setattr(chain, "PAYLOAD_BYTES_MAX", 1000)
        large = PlacesImported(origin="x", attribution="", table=bytes(1001), rejected={})
        with pytest.raises(LogError, match="smaller parts"):
            bench.log.append([*steps(3), large], 2)
        assert bench.log.head() == before
        assert bench.log.append(steps(1), 3) == 3
        assert bench.log.verify().broken_seq is None

    def test_reading_while_appending_sees_a_whole_past(self, bench: Bench) -> None:
        bench.log.append(steps(4), 1)
        reading = bench.log.read()
        first = next(reading)
        bench.log.append(steps(3), 2)
        assert [first.seq, *(entry.seq for entry in reading)] == [1, 2, 3, 4]
        assert len(list(bench.log.read())) == 7

    def test_closed(self, bench: Bench) -> None:
        log = filled(bench)
        log.close()
        log.close()
        calls: list[Callable[[], object]] = [
            log.head,
            log.read,
            log.checkpoints,
            log.verify,
            log.load_snapshot,
            lambda: log.append(steps(1), 1),
            lambda: log.checkpoint(1),
            lambda: log.save_snapshot(1, b""),
        ]
        for call in calls:
            with pytest.raises(LogError, match="closed"):
                call()

    def test_equal_events_give_equal_hashes(self, bench: Bench, tmp_path: Path) -> None:
        other = type(bench)(tmp_path / "other")
        with closing(other.log):
            assert filled(bench).head() == filled(other).head()

    def test_reopen(self, bench: Bench) -> None:
        if not bench.durable:
            pytest.skip("this store ends with its process")
        entries, signed = list(filled(bench).read()), list(bench.log.checkpoints())
        bench.log.save_snapshot(9, b"state")
        bench.log.close()
        bench.log = bench.open()
        assert list(bench.log.read()) == entries
        assert list(bench.log.checkpoints()) == signed
        assert bench.log.load_snapshot() == (9, b"state")
        assert bench.log.append(steps(1), 1) == 10
        assert bench.log.verify().broken_seq is None


class TestCheckpoints:
    def test_signs_the_head(self, bench: Bench) -> None:
        entries = list(filled(bench).read())
        signed = list(bench.log.checkpoints())
        assert [(c.seq, c.hash, c.signed_ms) for c in signed] == [(4, entries[3].hash, 10), (9, entries[8].hash, 20)]
        assert all(map(chain.is_signed, signed))
        verdict = bench.log.verify()
        assert (verdict.entries, verdict.checkpoints, verdict.broken_seq) == (9, 2, None)

    def test_a_signed_head_keeps_its_statement(self, bench: Bench) -> None:
        first = filled(bench).checkpoint(30)
        assert first is not None
        assert first.signed_ms == 20
        assert len(list(bench.log.checkpoints())) == 2

    def test_progress(self, bench: Bench) -> None:
        bench.log.append(steps(chain.PROGRESS_ENTRIES * 2 + 1), 1)
        seen: list[int] = []
        bench.log.verify(seen.append)
        assert seen == [chain.PROGRESS_ENTRIES, chain.PROGRESS_ENTRIES * 2, chain.PROGRESS_ENTRIES * 2 + 1]


class TestTampering:
    @given(data=st.data())
    @shared
    def test_any_flipped_byte_is_found_in_its_entry(self, bench: Bench, data: st.DataObject) -> None:
        log = bench.log if bench.log.head()[0] else filled(bench)
        seq = data.draw(st.integers(1, 9))
        column = data.draw(st.sampled_from(COLUMNS[1:]))
        row = bench.row(seq)
        old = row[column]
        flipped = bytearray(old if isinstance(old, bytes) else old.to_bytes(8, "big", signed=True))
        flipped[data.draw(st.integers(0, len(flipped) - 1))] ^= data.draw(st.integers(1, 255))
        new = bytes(flipped) if isinstance(old, bytes) else int.from_bytes(flipped, "big", signed=True)
        bench.put({**row, column: new})
        try:
            verdict = log.verify()
            assert verdict.broken_seq == seq, verdict
            assert verdict.entries == seq - 1
            assert str(seq) in verdict.reason
            with pytest.raises(LogCorrupted) as broken:
                list(log.read())
            assert broken.value.seq == seq
        finally:
            bench.put(row)
        assert log.verify().broken_seq is None

    @pytest.mark.parametrize("seq", range(1, 10))
    def test_deleted_entry(self, bench: Bench, seq: int) -> None:
        log = filled(bench)
        bench.delete(seq)
        assert log.verify().broken_seq == seq

    @pytest.mark.parametrize("kept", [0, 3, 8])
    def test_truncated_below_a_checkpoint(self, bench: Bench, kept: int) -> None:
        log = filled(bench)
        for seq in range(kept + 1, 10):
            bench.delete(seq)
        verdict = log.verify()
        assert verdict.broken_seq == kept + 1
        assert "missing" in verdict.reason

    @given(pair=st.tuples(st.integers(1, 9), st.integers(1, 9)).filter(lambda pair: pair[0] < pair[1]))
    @shared
    def test_reordered(self, bench: Bench, pair: tuple[int, int]) -> None:
        log = bench.log if bench.log.head()[0] else filled(bench)
        first, second = (bench.row(seq) for seq in pair)
        bench.put({**second, "seq": pair[0]})
        bench.put({**first, "seq": pair[1]})
        assert log.verify().broken_seq == pair[0]
        bench.put(first)
        bench.put(second)

    @pytest.mark.parametrize("column", ["hash", "signed_ms", "public_key", "signature"])
    def test_changed_checkpoint(self, bench: Bench, column: str) -> None:
        log = filled(bench)
        first, second = log.checkpoints()
        bench.change_checkpoint(
            9, **{column: getattr(first, column)} if column != "public_key" else {column: bytes(32)}
        )
        assert second.seq == 9
        verdict = log.verify()
        assert (verdict.broken_seq, verdict.checkpoints) == (9, 1)

    @pytest.mark.parametrize("size", [0, 1, 63, 65])
    def test_signature_of_impossible_size(self, bench: Bench, size: int) -> None:
        log = filled(bench)
        bench.change_checkpoint(4, signature=bytes(size))
        assert log.verify().broken_seq == 4

    def test_a_past_written_anew_does_not_fit_what_was_signed(self, bench: Bench) -> None:
        log = filled(bench)
        prev_hash = bytes(32)
        for seq in range(1, 10):  # every hash recomputed, as a forger would
            row = bench.row(seq)
            recorded = row["recorded_ms"] + (seq == 2)
            prev_hash = chain.entry_hash(prev_hash, seq, recorded, row["kind"].decode(), row["version"], row["payload"])
            bench.put({**row, "recorded_ms": recorded, "hash": prev_hash})
        verdict = log.verify()
        assert verdict.broken_seq == 4
        assert "checkpoint" in verdict.reason


class TestSnapshots:
    def test_newest_is_loaded(self, bench: Bench) -> None:
        log = filled(bench)
        for seq in (2, 5, 9):
            log.save_snapshot(seq, b"state %d" % seq)
        assert log.load_snapshot() == (9, b"state 9")

    @pytest.mark.parametrize("seq", [-1, 0, 10])
    def test_of_an_entry_that_is_not_there(self, bench: Bench, seq: int) -> None:
        with pytest.raises(LogError, match="1 to 9"):
            filled(bench).save_snapshot(seq, b"x")

    def test_of_another_past_is_passed_over(self, bench: Bench) -> None:
        filled(bench).save_snapshot(9, b"state")
        bench.put({**bench.row(9), "hash": bytes(32)})
        assert bench.log.load_snapshot() is None

    def test_beyond_the_head_is_passed_over(self, bench: Bench) -> None:
        filled(bench).save_snapshot(9, b"state")
        bench.delete(9)
        assert bench.log.load_snapshot() is None

    def test_damaged_is_passed_over(self, bench: Bench) -> None:
        filled(bench).save_snapshot(9, b"state")
        bench.damage_snapshot(lambda data: data[:-1] + bytes([data[-1] ^ 1]))
        assert bench.log.load_snapshot() is None
