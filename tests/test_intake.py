"""Intake: whatever comes is an event, in bounded memory, and the same content gives the same parts."""

import gzip
import hashlib
import json
import os
import socket
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from almenara import contents, intake, sources
from almenara.intake import expand, quarantine_id, read_content, retry
from almenara.model import limits
from almenara.model.codec import decode, encode
from almenara.model.errors import UnreadableInput, UsageError
from almenara.model.events import Event, ObservationsReceived, QuarantineRetried, RowsRejected, SourcePolled
from almenara.model.observations import from_ipc

NOW_MS = 1_790_000_000_000
ALL = sources.find_all()
HEADER = "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,confidence,version,bright_ti5,frp"
ROW = "-0.2{:03},-78.5,331.5,0.55,0.68,2026-08-14,06:33,N,nominal,2.0NRT,256.4,4.26"
GOOD = "\n".join([HEADER, *(ROW.format(i) for i in range(10))]) + "\n"
BAD_ROW = ROW.format(1).replace("nominal", "sure")
MIXED = f"{HEADER}\n{ROW.format(1)}\n{BAD_ROW}\n{ROW.format(2)}\nhalf a row\n"


def given(tmp_path: Path, content: str | bytes, name: str = "feed.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, rows_max: int = 1000, source_name: str | None = None) -> list[Event]:
    return list(read_content(path, ALL, received_ms=NOW_MS, rows_max=rows_max, source_name=source_name))


def poll_of(events: list[Event]) -> SourcePolled:
    """The last event; the only one of its kind."""
    assert [isinstance(event, SourcePolled) for event in events] == [False] * (len(events) - 1) + [True]
    last = events[-1]
    assert isinstance(last, SourcePolled)
    return last


def reasons_of(events: list[Event]) -> dict[str, int]:
    (record,) = [event for event in events if isinstance(event, RowsRejected)]
    return record.reasons


def test_a_sound_content(tmp_path: Path) -> None:
    path = given(tmp_path, GOOD)
    received, polled = read(path)
    assert isinstance(received, ObservationsReceived)
    assert (received.source, received.kind, received.origin, received.part) == ("firms", "fire", "feed.csv", 0)
    assert received.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert from_ipc(received.table).num_rows == 10
    assert polled == SourcePolled(source="firms", origin="feed.csv", at_ms=NOW_MS, outcome="data", read=10, detail="")


def test_bad_rows_go_to_quarantine_and_stop_nothing(tmp_path: Path) -> None:
    events = read(given(tmp_path, MIXED))
    received, rejected, _ = events
    assert isinstance(received, ObservationsReceived)
    assert isinstance(rejected, RowsRejected)
    assert rejected.reasons == {"confidence-unreadable": 1, "wrong-number-of-fields": 1}
    table = from_ipc(rejected.rows)
    assert table.schema.equals(intake.REJECTED)
    assert table.to_pylist()[0] == {
        "line": 3,
        "reason": "confidence-unreadable",
        "detail": "confidence “sure”, satellite “N”",
        "raw": BAD_ROW.encode(),
    }
    assert poll_of(events).read == 4
    assert poll_of(events).outcome == "data"
    assert "confidence-unreadable: 1" in poll_of(events).detail
    assert [decode(*encode(event)) for event in events] == events


def test_parts_are_numbered_once_and_the_same_every_time(tmp_path: Path) -> None:
    path = given(tmp_path, MIXED + MIXED.partition("\n")[2] * 5)
    events = read(path, rows_max=3)
    parts = [event.part for event in events if isinstance(event, ObservationsReceived | RowsRejected)]
    assert parts == list(range(len(parts)))
    assert len(parts) > 6
    assert read(path, rows_max=3) == events
    assert poll_of(events).read == 24


@pytest.mark.parametrize(
    ("content", "name", "source", "outcome"),
    [
        ("", "viirs.csv", "firms", "empty"),
        ("", "nothing", "unknown", "empty"),
        (HEADER + "\n", "a", "firms", "empty"),
        ('{"type": "FeatureCollection", "features": []}', "modis-24h.geojson", "firms", "empty"),
        ('{"type": "FeatureCollection", "features": []}', "feed.geojson", "unknown", "malformed"),
        ("<html>503</html>", "viirs.csv", "unknown", "malformed"),
        (f"{HEADER}\n{BAD_ROW}\n", "a", "firms", "malformed"),
    ],
)
def test_an_empty_answer_is_an_answer_and_a_broken_one_is_not(
    content: str, name: str, source: str, outcome: str, tmp_path: Path
) -> None:
    polled = poll_of(read(given(tmp_path, content, name)))
    assert (polled.source, polled.outcome) == (source, outcome)


def test_what_nobody_knows_is_kept(tmp_path: Path) -> None:
    events = read(given(tmp_path, b"\x89PNG" + bytes(10_000)))
    assert reasons_of(events) == {"unrecognised-content": 1}
    record = events[0]
    assert isinstance(record, RowsRejected)
    row = from_ipc(record.rows).to_pylist()[0]
    assert (record.source, row["line"]) == ("unknown", 0)
    assert row["raw"] == b"\x89PNG" + bytes(limits.RAW_BYTES_MAX - 4)


def test_a_source_can_be_named(tmp_path: Path) -> None:
    path = given(tmp_path, "Invalid MAP_KEY.")
    events = read(path, source_name="firms")
    assert (poll_of(events).source, reasons_of(events)) == ("firms", {"not-this-feed": 1})
    with pytest.raises(UsageError, match="firms, inpe, usgs_quakes"):
        read(path, source_name="fimrs")


def test_gzip_is_known_by_its_bytes(tmp_path: Path) -> None:
    packed = gzip.compress(GOOD.encode())
    events = read(given(tmp_path, packed, "feed.csv.gz"))
    assert isinstance(events[0], ObservationsReceived)
    assert events[0].sha256 == hashlib.sha256(packed).hexdigest()
    assert poll_of(events).read == 10
    assert poll_of(read(given(tmp_path, packed, "misnamed.csv"))).read == 10
    assert poll_of(read(given(tmp_path, GOOD, "misnamed.csv.gz"))).read == 10


def test_a_damaged_gzip_is_one_rejection(tmp_path: Path) -> None:
    packed = gzip.compress(GOOD.encode())
    for content in (packed[:-20], packed[:40] + b"\xff\xff\xff" + packed[43:], b"\x1f\x8bnonsense"):
        events = read(given(tmp_path, content, "feed.csv.gz"))
        assert reasons_of(events) == {"compression-damaged": 1}
        assert poll_of(events).outcome == "malformed"


def test_a_bomb_stops_at_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "EXPANSION_FREE_BYTES", 4 * limits.MIB)
    written = []
    copy = contents._copy

    def watched(stream: gzip.GzipFile, out: object, size: int) -> None:
        try:
            copy(stream, out, size)  # type: ignore[arg-type]
        finally:
            written.append(out.tell())  # type: ignore[attr-defined]

    monkeypatch.setattr(contents, "_copy", watched)
    bomb = gzip.compress(bytes(64 * limits.MIB))
    events = read(given(tmp_path, bomb, "bomb.csv.gz"), source_name="firms")
    assert reasons_of(events) == {"expands-too-far": 1}
    assert written[0] <= limits.EXPANSION_RATIO_MAX * len(bomb) + limits.MIB
    monkeypatch.setattr(contents, "CONTENT_BYTES_MAX", 1000)
    assert reasons_of(read(given(tmp_path, gzip.compress(GOOD.encode() * 9)))) == {"expands-too-far": 1}
    assert reasons_of(read(given(tmp_path, GOOD.encode() * 9))) == {"content-too-large": 1}


def test_no_temporary_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    read(given(tmp_path, gzip.compress(GOOD.encode())))
    started = read_content(given(tmp_path, gzip.compress(GOOD.encode())), ALL, received_ms=NOW_MS, rows_max=3)
    next(started)
    assert len(list(folder.iterdir())) == 1
    started.close()  # type: ignore[attr-defined]
    assert list(folder.iterdir()) == []


def test_a_line_without_end_never_enters_memory(tmp_path: Path) -> None:
    path = given(tmp_path, GOOD)
    with path.open("ab") as file:
        file.truncate(200 * limits.MIB)
    tracemalloc.start()
    events = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reasons_of(events) == {"line-too-long": 1}
    assert poll_of(events).read == 11
    assert peak < 16 * limits.MIB


def test_files_that_cannot_be_read_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableInput, match=r"nowhere.*cannot be read: No such file"):
        read(tmp_path / "nowhere")
    with pytest.raises(UnreadableInput, match="is no regular file"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableInput, match="is no regular file"):
        read(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        monkeypatch.chdir(tmp_path)  # a socket's path is bounded
        one.bind("socket")
        with pytest.raises(UnreadableInput, match="cannot be read"):
            read(tmp_path / "socket")


def test_expand(tmp_path: Path) -> None:
    for name in ("b.csv", "a/z.csv", "a/b/c.csv", ".hidden", ".git/config", "a/.x/y.csv"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("x", encoding="utf-8")
    (tmp_path / "in" / "a" / "loop").symlink_to(tmp_path / "in")
    found = expand([tmp_path / "in" / ".hidden", tmp_path / "in"])
    assert [path.relative_to(tmp_path / "in").as_posix() for path in found] == [
        ".hidden",
        "a/b/c.csv",
        "a/z.csv",
        "b.csv",
    ]
    with pytest.raises(UnreadableInput, match="does not exist"):
        expand([tmp_path / "nowhere"])


def test_quarantine_records_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "REJECTED_ROWS_MAX", 4)
    events = read(given(tmp_path, "\n".join([HEADER, *[BAD_ROW] * 10])))
    records = [event for event in events if isinstance(event, RowsRejected)]
    assert [sum(record.reasons.values()) for record in records] == [4, 4, 2]
    assert len({quarantine_id(record) for record in records}) == 3
    monkeypatch.setattr(intake, "REJECTED_BYTES_MAX", len(BAD_ROW))
    assert len(read(given(tmp_path, "\n".join([HEADER, *[BAD_ROW] * 10])))) == 11


class TestRetry:
    """Reading a quarantine record again."""

    def again(self, path: Path, received_ms: int = NOW_MS) -> Iterator[Event]:
        for event in read(path):
            if isinstance(event, RowsRejected):
                stored = decode(*encode(event))
                assert isinstance(stored, RowsRejected)
                yield from retry(stored, ALL, received_ms=received_ms)

    def test_rows_that_are_still_bad_stay(self, tmp_path: Path) -> None:
        (done,) = self.again(given(tmp_path, MIXED))
        assert isinstance(done, QuarantineRetried)
        assert (done.accepted, done.rejected) == (0, 2)
        assert done.quarantine == hashlib.sha256(MIXED.encode()).hexdigest()[:12] + "-1"

    @pytest.mark.parametrize("form", ["csv", "list", "geojson"])
    def test_rows_whose_time_has_come(self, form: str, tmp_path: Path) -> None:
        names, late = HEADER.split(","), ROW.format(7).replace("2026-08", "2027-08")
        bad = ROW.format(8).replace("2.0NRT,256.4,4.26", "2.0NRT,256.4,hot")
        items = [dict(zip(names, row.split(","), strict=True)) for row in (late, bad)]
        features = [{"type": "Feature", "properties": item, "geometry": None} for item in items]
        content = {
            "csv": f"\n{HEADER}\n{late}\n{bad}\n",
            "list": json.dumps(items, indent=1),
            "geojson": json.dumps({"type": "FeatureCollection", "features": features}, indent=1),
        }[form]
        received, done = self.again(given(tmp_path, content), received_ms=NOW_MS + 365 * 86_400_000)
        assert isinstance(received, ObservationsReceived)
        assert (received.source, received.origin) == ("firms", "feed.csv")
        assert from_ipc(received.table)["lat"].to_pylist() == [-0.2007]
        assert isinstance(done, QuarantineRetried)
        assert (done.accepted, done.rejected) == (1, 1)

    def test_a_content_that_is_kept_whole(self, tmp_path: Path) -> None:
        small = f"{HEADER}\n{ROW.format(1)}\n"
        for content, accepted in ((small, 1), (GOOD * 10, 0)):
            events = list(read_content(given(tmp_path, content), {}, received_ms=NOW_MS, rows_max=1000))
            record = events[0]
            assert isinstance(record, RowsRejected)
            *_, done = retry(record, ALL, received_ms=NOW_MS)
            assert isinstance(done, QuarantineRetried)
            assert (done.accepted, done.rejected) == (accepted, 1 - accepted)

    def test_rows_that_were_cut_are_not_taken_for_whole(self, tmp_path: Path) -> None:
        row = ROW.format(1).replace("2026", "2027") + "," + "x" * limits.RAW_BYTES_MAX
        (done,) = self.again(given(tmp_path, f"{HEADER},more\n{row}\n"), received_ms=NOW_MS + 365 * 86_400_000)
        assert isinstance(done, QuarantineRetried)
        assert (done.accepted, done.rejected) == (0, 1)
