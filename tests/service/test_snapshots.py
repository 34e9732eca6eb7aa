"""Snapshots are written beside the chain, which goes on meanwhile; what they lead back to is what was there."""

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.service import worlds
from tests.service.running import quiet

from almenara import pipeline
from almenara.model.errors import LogError
from almenara.model.events import SourcePolled
from almenara.service import session as sessions
from almenara.service.live import Desk
from almenara.service.session import Session
from almenara.snapshot import to_bytes
from almenara.stores.memory import MemoryLog


class SlowLog(MemoryLog):
    """A log whose disk takes a snapshot only when a test lets it, or refuses it."""

    def __init__(self, refuses: bool = False) -> None:
        super().__init__()
        self.begun, self.let = threading.Event(), threading.Event()
        self.refuses = refuses
        self.kept = 0

    def save_snapshot(self, seq: int, data: bytes) -> None:
        self.begun.set()
        assert self.let.wait(60)
        if self.refuses:
            raise LogError("the disk is full")
        super().save_snapshot(seq, data)
        self.kept += 1


@pytest.fixture(autouse=True)
def after_every_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SNAPSHOT_S", 0.0)
    monkeypatch.setattr(sessions, "SNAPSHOT_SHARE", 0.0)


def begun(log: MemoryLog) -> Desk:
    session = Session(log)
    session.start("drill", "Exercise", {})
    session.import_places(worlds.PLACES, quiet)
    return Desk(session, {})


def deliver(desk: Desk, paths: list[Path]) -> None:
    for number, path in enumerate(paths):
        source = "usgs_quakes" if "all_day" in path.name else "firms"
        desk.deliver(path.name, source, path, worlds.hour_ms(80 + number))
        desk.session.commit()


def all_of(state: pipeline.State) -> list[object]:
    """What two equal states have in common, however much room their arrays have."""
    return [
        {kind: list(follower.digest_parts()) for kind, follower in state.hazards.items()},
        state.exposure.exposures,
        [msgspec.to_builtins(incident) for incident in state.incidents.incidents.values()],
        state.warnings.to_bytes(),
        (state.observations.counts, state.observations.keys, state.now_ms),
    ]


def as_recovered(log: MemoryLog) -> list[object]:
    session = Session(log)
    session.recover()
    return all_of(session.state)


def test_the_chain_goes_on_while_one_is_written(feeds: list[Path]) -> None:
    log = SlowLog()
    desk = begun(log)
    assert log.begun.wait(60)  # with the places
    deliver(desk, feeds)  # all of it while the first snapshot is not done
    assert log.kept == 0
    assert log.head()[0] > 20
    log.let.set()
    desk.session.snapshot()
    assert log.kept == 2  # while one was being written, none was begun
    snapshot = log.load_snapshot()
    assert snapshot is not None
    assert snapshot == (log.head()[0], to_bytes(desk.session.state))


def test_one_that_was_overtaken_leads_back_to_the_state_all_the_same(feeds: list[Path]) -> None:
    """The copy is of the moment at which it was asked for, whatever the chain does to its arrays meanwhile."""
    log = SlowLog()
    desk = begun(log)
    deliver(desk, feeds[:3])
    log.let.set()
    desk.session.snapshot()
    log.let.clear()
    desk.session.take(SourcePolled(source="firms", origin="x", at_ms=0, outcome="empty", read=0, detail=""))
    desk.session.commit()  # begins one, which is held up …
    deliver(desk, feeds[3:])
    log.let.set()
    desk.session._snapshots.wait()
    seq, _ = log.load_snapshot() or (0, b"")
    assert 0 < seq < log.head()[0]
    assert as_recovered(log) == all_of(desk.session.state)


def test_a_disk_that_refuses_one_is_heard_of(feeds: list[Path]) -> None:
    log = SlowLog(refuses=True)
    log.let.set()
    with pytest.raises(LogError, match="full"):
        deliver(begun(log), feeds)  # by the commit after the one that began it, at the latest
    assert log.load_snapshot() is None


def test_a_chain_with_little_to_do_makes_few(monkeypatch: pytest.MonkeyPatch, feeds: list[Path]) -> None:
    monkeypatch.setattr(sessions, "SNAPSHOT_S", 1e6)  # of work, not of waiting
    log = SlowLog()
    log.let.set()
    deliver(begun(log), feeds)
    assert log.kept == 0


@pytest.mark.parametrize(
    "damage", [lambda data: b"\x82\xa6format\x01", lambda data: b"state  9" + data[8:], lambda d: b""]
)
def test_one_of_another_version_is_passed_over(feeds: list[Path], damage: Callable[[bytes], bytes]) -> None:
    log = SlowLog()
    log.let.set()
    desk = begun(log)
    deliver(desk, feeds)
    desk.session.snapshot()
    damaged = damage(to_bytes(desk.session.state))
    log.save_snapshot(log.head()[0], damaged)
    assert log.load_snapshot() == (log.head()[0], damaged)
    assert as_recovered(log) == all_of(desk.session.state)
