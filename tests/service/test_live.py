"""Live and replay come to the same hazards: a late pass, repeated polls and revisions change nothing in the end."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.service import worlds
from tests.service.audit import Audit, events_of
from tests.service.conftest import Drill
from tests.service.running import quiet, replayed

from almenara.model.events import HazardsArchived, HazardsChanged, SourcePolled
from almenara.model.observations import from_ipc
from almenara.pipeline import Clockwork, State
from almenara.ports import EventLog
from almenara.service import replay, session
from almenara.service.live import Desk, play
from almenara.service.session import Session
from almenara.stages.public_warnings import shipped
from almenara.stores.memory import MemoryLog


@dataclass(frozen=True)
class Poll:
    """What a feed answered when."""

    at_ms: int
    path: Path | None
    feed: str = "feed"
    source: str = "firms"
    note: str = ""


def lived(polls: Sequence[Poll], log: EventLog | None = None) -> Session:
    """The chain after live polls."""
    current = Session(MemoryLog() if log is None else log)
    current.recover()
    current.start("drill", "Exercise", {})
    current.import_places(worlds.PLACES, quiet)
    play(Desk(current, {}), polls, quiet)
    return current


def followed(log: EventLog, state: State, until_ms: int) -> tuple[list[bytes], dict[str, object]]:
    """All hazards at a time: the followers' digests, and ids, lineage and footprints of those that are still open."""
    steps = Clockwork(lambda: 0.0, shipped()).step(state, max(until_ms, state.now_ms))
    let_go = [*events_of(log, HazardsArchived), *(event for event in steps if isinstance(event, HazardsArchived))]
    parts = [part for follower in state.hazards.values() for part in follower.digest_parts()]
    for event in let_go:
        assert isinstance(event, HazardsArchived)
        parts += from_ipc(event.table).column("digest").to_pylist()
    views: dict[str, object] = {
        view.id: (view.merged_from, view.area_km2, None if view.footprint is None else view.footprint.normalize().wkb)
        for follower in state.hazards.values()
        for view in follower.views()
        if view.state != "retracted"  # a replay never hears of what was withdrawn before its first step
    }
    return sorted(parts), views


def ordered(paths: Sequence[Path], until_ms: int) -> tuple[list[bytes], dict[str, object]]:
    """The hazards of a replay of the same files, followed to the same time."""
    log = MemoryLog()
    replayed(paths, log)
    current = Session(log)
    current.recover()
    return followed(log, current.state, until_ms)


def source_of(path: Path) -> str:
    return "usgs_quakes" if "all_day" in path.name else "firms"


@pytest.mark.parametrize("seed", range(6))
def test_files_in_any_order_of_arrival(feeds: list[Path], seed: int) -> None:
    """Seed 0: as they would come. Others: days late, the withdrawn quake first, the reissue before its original."""
    order = list(feeds) if seed == 0 else random.Random(seed).sample(feeds, len(feeds))
    late_ms = worlds.hour_ms(80)
    polls = [
        Poll(late_ms + number * worlds.HOUR_MS, path, source_of(path), source_of(path))
        for number, path in enumerate(order)
    ]
    current = lived(polls)
    until_ms = worlds.hour_ms(100)
    live_parts, live_views = followed(current.log, current.state, until_ms)
    parts, views = ordered(feeds, until_ms)
    assert live_views == views
    assert live_parts == parts
    Audit().read(current.log)


def test_a_late_pass(feeds: list[Path]) -> None:
    """Followed hour by hour, with the second day of one satellite a day late."""
    late = next(path for path in feeds if path.name == "SUOMI_VIIRS_1.txt")
    due = {"0": 24, "1": 48, "2": 72}
    polls = [
        Poll(worlds.hour_ms(due.get(path.stem[-1], 73) + (30 if path == late else 0)), path, path.stem[:5])
        for path in feeds
        if source_of(path) == "firms"
    ]
    log = MemoryLog()
    current = lived(sorted(polls, key=lambda poll: poll.at_ms), log)
    changes = [row for event in events_of(log, HazardsChanged) for row in from_ipc(event.table).to_pylist()]  # type: ignore[attr-defined]
    assert "revised" in {row["change"] for row in changes}
    until_ms = worlds.hour_ms(100)
    fires = [path for path in feeds if source_of(path) == "firms"]
    assert followed(log, current.state, until_ms) == ordered(fires, until_ms)
    Audit().read(log)


def test_the_drill_as_a_replay(drill: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the exercise delivered live, read once more as files in order of acquisition."""
    for module in (session, replay):
        monkeypatch.setattr(module, "now_ms", lambda: drill.world.end_ms)
    paths = list(dict.fromkeys(delivery.path for delivery in drill.world.deliveries if delivery.path is not None))
    session_of_drill = Session(drill.log)
    session_of_drill.recover()
    parts, views = followed(drill.log, session_of_drill.state, drill.world.end_ms)
    ordered_parts, ordered_views = ordered(paths, drill.world.end_ms)
    assert {name: view for name, view in views.items() if ordered_views.get(name) != view} == {}
    assert views == ordered_views
    assert parts == ordered_parts


def test_the_same_content_again_is_no_news(feeds: list[Path]) -> None:
    at_ms = worlds.hour_ms(24)
    polls = [Poll(at_ms, feeds[0]), Poll(at_ms + 1, feeds[0]), Poll(at_ms + 2, None, note="no answer")]
    current = lived(polls)
    outcomes = [event.outcome for event in events_of(current.log, SourcePolled)]  # type: ignore[attr-defined]
    assert outcomes == ["data", "unchanged", "failed"]
