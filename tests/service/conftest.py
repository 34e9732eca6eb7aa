"""What the tests of whole runs share: a small world, its undisturbed replay, and the drill of Ecuador."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.service import running, worlds

from almenara import results
from almenara.pipeline import State
from almenara.ports import EventLog
from almenara.service.session import Session
from almenara.simulation import World, write_world
from almenara.stores import open_log


@pytest.fixture(scope="session")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The small world's files, in order."""
    return worlds.write_feeds(tmp_path_factory.mktemp("feeds"))


@pytest.fixture(scope="session")
def undisturbed(feeds: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the small world's replay, by the program, in order and without a break."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    running.assert_done(running.almenara("replay", *feeds, "--places", worlds.PLACES, "--out", out))
    return out


@dataclass(frozen=True)
class Drill:
    """An exercise that was played: what it left behind, and the world that it is of."""

    out: Path
    said: str
    world: World
    log: EventLog
    state: State  # after all of the log
    results: results.Results


@pytest.fixture(scope="session")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    """`almenara drill`, played by the program; its state is read from the log that it left."""
    folder = tmp_path_factory.mktemp("drill")
    done = running.almenara("drill", "--scenario", "ecuador", "--seed", "7", "--out", folder / "out")
    running.assert_done(done)
    world = write_world("ecuador", 7, folder / "world")  # equal seeds give equal bytes
    with closing(open_log(folder / "out" / "state", readonly=True)) as log:
        session = Session(log)
        session.recover()
        found = results.collect(log, session.state)
        yield Drill(folder / "out", done.stdout, world, log, session.state, found)
