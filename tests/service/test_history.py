"""The index says what a reading of the whole log says, and is made anew whenever it could be wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.service import worlds
from tests.service.running import replayed

from almenara.board.subjects import subjects
from almenara.model.events import ChannelPaused, ObservationsReceived
from almenara.model.observations import from_ipc
from almenara.ports import EventLog
from almenara.service.history import FILE_NAME, History
from almenara.stores.memory import MemoryLog


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """The log of a replay."""
    log = MemoryLog()
    replayed(worlds.write_feeds(tmp_path_factory.mktemp("feeds")), log)
    return log


def test_it_says_what_the_log_says(log: EventLog, tmp_path: Path) -> None:
    history = History(tmp_path, log)
    expected: dict[tuple[str, str], list[int]] = {}
    rows = 0
    for entry in log.read():
        event = entry.event()
        for subject in subjects(event):
            expected.setdefault(subject, []).append(entry.seq)
        if isinstance(event, ObservationsReceived):
            rows += from_ipc(event.table).num_rows
    assert len(expected) > 10
    for (topic, name), seqs in expected.items():
        assert [mark.seq for mark in history.marks(topic, name)] == seqs
        assert [seq for seq, _ in history.events(log, history.marks(topic, name))] == seqs
        middle = seqs[len(seqs) // 2]
        assert [mark.seq for mark in history.marks(topic, name, after=middle)] == [s for s in seqs if s > middle]
    assert sum(batch.rows for batch in history.batches()) == rows > 0
    assert history.marks("hazard", "nobody") == []
    history.close()


def damaged(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def of_another_log(path: Path) -> None:
    other = MemoryLog()
    other.append([ChannelPaused(now_ms=0, channel="x", by="Ana", reason="")], 0)
    path.unlink()
    History(path.parent, other).close()


def gone(path: Path) -> None:
    path.unlink()


def as_it_was(path: Path) -> None:
    """Nothing happened to it."""


@pytest.mark.parametrize("happened", [damaged, of_another_log, gone, as_it_was])
def test_it_is_made_anew_when_it_could_be_wrong(
    log: EventLog, tmp_path: Path, happened: Callable[[Path], None]
) -> None:
    first = History(tmp_path, log)
    marks = first.marks("incident")
    first.close()
    happened(tmp_path / FILE_NAME)
    again = History(tmp_path, log)
    assert again.marks("incident") == marks != []
    assert again.seq == log.head()[0]
    again.close()


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    log = MemoryLog()
    for number in range(5):
        log.append([ChannelPaused(now_ms=number, channel=f"c{number}", by="Ana", reason="")], 0)
        history = History(tmp_path, log)
        assert [mark.id for mark in history.marks("channel")] == [f"c{n}" for n in range(number + 1)]
        assert len(history.marks("audit", "Ana")) == number + 1
        history.close()
