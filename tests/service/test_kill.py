"""Killed at any moment and resumed, a replay ends with the same digest and the same files as one left in peace."""

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.service.running import Forks, almenara, assert_done, command, digest_of, outputs, replayed
from tests.service.worlds import FIRES, hour_ms, places_file

from almenara.model.events import Event
from almenara.service import replay, session
from almenara.stores import open_log
from almenara.stores.memory import MemoryLog

Job = Callable[..., int]
KILLED = -9
RUNS_MAX = 150


@pytest.fixture(scope="module")
def job() -> Iterator[Job]:
    """Runs one job of crash.py; its exit code."""
    with closing(Forks()) as forks:
        yield lambda *arguments, **point: forks.run(*arguments, **point).returncode


@pytest.fixture(scope="module")
def arguments(feeds: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    """The replay to be disturbed: the small world, with a few places of its own so that a run is short."""
    towns = [("San Pedro", -79.22164, -4.24269), ("Vilcabamba", -79.22265, -4.26077), ("Pedernales", -80.05, 0.07)]
    assert len(FIRES) == 2
    return ["replay", *feeds, "--places", places_file(tmp_path_factory.mktemp("places"), towns), "--quiet"]


@pytest.fixture(scope="module")
def peaceful(
    arguments: list[str | Path], job: Job, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, bytes]]:
    """Digest and files of the run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("peaceful")
    assert job(*arguments, "--out", folder / "out", here=True) == 0
    return digest_of(folder / "out"), outputs(folder / "out", folder / "copy")


class Disturbed:
    """A run that is killed and resumed until it is done."""

    def __init__(self, job: Job, arguments: list[str | Path], folder: Path) -> None:
        self.job, self.arguments, self.folder = job, [*arguments, "--out", folder / "out"], folder
        self.kills = 0

    def once(self, **point: Any) -> int:
        code = self.job(*self.arguments, *(["--resume"] if self.kills else []), **point)
        assert code in (0, KILLED)
        self.kills += code == KILLED
        return code

    def until_done(self, **point: Any) -> None:
        """Resume until a run ends by itself, or is killed only after its last event."""
        for _ in range(RUNS_MAX):
            if self.once(**point) == 0:
                return
            if self.finished():
                point = {}
        pytest.fail(f"no end after {RUNS_MAX} runs")

    def finished(self) -> bool:
        with closing(open_log(self.folder / "out" / "state", readonly=True)) as log:
            return any(entry.kind == "RunFinished" for entry in log.read())

    def assert_as(self, peaceful: tuple[str, dict[str, bytes]]) -> None:
        digest, files = peaceful
        assert digest_of(self.folder / "out") == digest
        mine = outputs(self.folder / "out", self.folder / "copy")
        assert sorted(mine) == sorted(files)
        assert [name for name in files if mine[name] != files[name]] == []
        with closing(open_log(self.folder / "out" / "state", readonly=True)) as log:
            assert log.verify().broken_seq is None


@pytest.fixture
def disturbed(job: Job, arguments: list[str | Path], tmp_path: Path) -> Disturbed:
    return Disturbed(job, arguments, tmp_path)


Peaceful = tuple[str, dict[str, bytes]]


@pytest.mark.parametrize("snapshots", [True, False], ids=["from snapshots", "from the log"])
def test_killed_again_and_again(disturbed: Disturbed, peaceful: Peaceful, snapshots: bool) -> None:
    """Every run but the last appends one event and dies: each event is once the last one before a kill."""
    disturbed.until_done(at="append", number=1, fine=True, snapshots=snapshots)
    assert disturbed.kills > 30
    disturbed.assert_as(peaceful)


@pytest.mark.parametrize("number", [1, 2, 3, 9, 23, 31, 37, 41])
def test_what_was_not_yet_durable_is_done_again(disturbed: Disturbed, peaceful: Peaceful, number: int) -> None:
    """Killed instead of appending: what had been decided is lost, and decided alike."""
    assert disturbed.once(at="append", number=number, done=False, fine=True) == KILLED
    disturbed.until_done()
    disturbed.assert_as(peaceful)


def test_killed_while_writing_the_results(disturbed: Disturbed, peaceful: Peaceful) -> None:
    """Killed before and after each file takes its place, snapshots included."""
    for number in range(1, RUNS_MAX):
        codes = [disturbed.once(at="rename", number=number, done=done) for done in (False, True)]
        if codes == [0, 0]:
            break
    assert disturbed.kills > 30
    disturbed.assert_as(peaceful)


def test_killed_where_the_clock_has_it(
    arguments: list[str | Path], peaceful: Peaceful, tmp_path: Path, job: Job
) -> None:
    """The program itself, killed from outside at moments spread over its run, then resumed."""
    lasts_s = 1e9  # of the fastest: the first one also reads everything into the system's cache
    for number in range(2):
        begun = time.perf_counter()
        assert_done(almenara(*arguments, "--out", tmp_path / f"timed-{number}"))
        lasts_s = min(lasts_s, time.perf_counter() - begun)
    dice = random.Random(3)
    kills = 0
    for number in range(6):
        run = Disturbed(job, arguments, tmp_path / str(number))
        for _ in range(2):
            options = ["--resume"] if (run.folder / "out" / "state" / "log.sqlite").exists() else []
            with subprocess.Popen(command(*run.arguments, *options), stderr=subprocess.DEVNULL, stdout=-3) as program:  # noqa: S603
                time.sleep(lasts_s * (0.25 + 0.1 * number + 0.1 * dice.random()))
                program.kill()
            kills += program.returncode == KILLED
        run.kills = 1
        run.until_done()
        run.assert_as(peaceful)
    assert kills >= 6


@pytest.mark.parametrize("resumed", [False, True])
def test_killed_before_the_log_had_its_tables(disturbed: Disturbed, peaceful: Peaceful, resumed: bool) -> None:
    state = disturbed.folder / "out" / "state"
    state.mkdir(parents=True)
    (state / "log.sqlite").touch()
    disturbed.kills = int(resumed)
    assert disturbed.once() == 0
    disturbed.assert_as(peaceful)


def test_resumed_when_all_is_done(disturbed: Disturbed, peaceful: Peaceful) -> None:
    assert disturbed.once() == 0
    disturbed.kills = 1
    assert disturbed.once() == 0
    assert disturbed.once(snapshots=True) == 0
    disturbed.assert_as(peaceful)


def test_resumed_with_nothing_begun(disturbed: Disturbed, peaceful: Peaceful) -> None:
    disturbed.kills = 1
    assert disturbed.once() == 0
    disturbed.assert_as(peaceful)


class Stopped(Exception):
    """Raised by a log that takes no more."""


def test_a_resumed_run_judges_by_the_time_at_which_it_was_begun(
    feeds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was in the future when the run began stays so, though it is resumed when that future is past."""
    clock = [hour_ms(72)]
    for module in (session, replay):
        monkeypatch.setattr(module, "now_ms", lambda: clock[0])
    monkeypatch.setattr(session, "COMMIT_S", 0.0)
    header, row, *_ = feeds[0].read_text(encoding="utf-8").splitlines()
    ahead = tmp_path / "ahead.txt"
    ahead.write_text(f"{header}\n{row.replace('2024-09-03', '2024-09-08')}\n", encoding="utf-8")
    files = [*feeds[:3], ahead, *feeds[3:]]
    whole = replayed(files)
    assert whole.summary["rows"]["rejected_by_reason"]["time-in-the-future"] == 2
    for appends in (1, 4, 8, 12):
        log, clock[0] = MemoryLog(), hour_ms(72)
        left = [appends]

        def append(events: list[Event], at_ms: int, log: MemoryLog = log, left: list[int] = left) -> int:
            left[0] -= 1
            if left[0] < 0:
                raise Stopped
            return MemoryLog.append(log, events, at_ms)

        monkeypatch.setattr(log, "append", append)
        with pytest.raises(Stopped):
            replayed(files, log)
        left[0] = RUNS_MAX
        clock[0] = hour_ms(24 * 30)
        found = replayed(files, log)
        assert found.digest == whole.digest
        assert found.summary["rows"] == whole.summary["rows"]
