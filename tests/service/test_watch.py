"""`almenara watch`: feeds over HTTP and in folders, good and bad answers, silence, stopping, dying and going on."""

import json
import os
import signal
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.service import worlds
from tests.service.audit import Audit, events_of
from tests.service.running import FILES, almenara, assert_done, assert_refused, command, summary_of
from tests.service.server import Feed, serving

from almenara.config import Config, FeedConfig
from almenara.contents import expand
from almenara.model.events import Event, IncidentOpened, SourceHeard, SourcePolled, SourceSilent, WarningDrafted
from almenara.ports import EventLog
from almenara.service.session import Session
from almenara.service.watch import NAP_S, watch
from almenara.stores import open_log
from almenara.stores.memory import MemoryLog

HOUR_MS = worlds.HOUR_MS
HEADER = (
    "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,confidence,version,bright_ti5,frp,daynight"
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def outcomes(log: EventLog) -> list[str]:
    return [event.outcome for event in events_of(log, SourcePolled)]  # type: ignore[attr-defined]


class Watching:
    """`watch` in this process, on a clock that a test moves: something happens before each round of polls."""

    def __init__(self, tmp_path: Path, location: str, **feed: Any) -> None:
        self.log = MemoryLog()
        self.folder = tmp_path
        self.now_ms = worlds.hour_ms(24)
        self.told: list[Event] = []
        self.config = Config(
            places=worlds.PLACES,
            feed=(FeedConfig(name="mine", source="firms", location=location, every_s=3600, **feed),),
        )
        self.rounds = 0

    def play(self, *happenings: Any) -> Session:
        """One round of an hour for each happening, which is called before it."""
        ahead = list(happenings)
        ahead.pop(0)()

        def nap(seconds: float) -> None:
            if seconds == NAP_S:  # the watch's own nap; a fetch that tries again naps for longer
                self.rounds += 1
                self.now_ms += HOUR_MS
                if ahead:
                    ahead.pop(0)()
                else:
                    self.stopping = True

        self.stopping = False
        return watch(
            self.log,
            self.config,
            self.folder,
            once=False,
            stopped=lambda: self.stopping,
            nap=nap,
            tell=lambda _, events: self.told.extend(events),
            clock=lambda: self.now_ms,
        )


def test_a_server_good_and_bad(tmp_path: Path, feeds: list[Path]) -> None:
    first, second = feeds[1].read_bytes(), feeds[3].read_bytes()
    with serving(Feed()) as feed:
        watching = Watching(tmp_path, feed.url)

        def publish(content: bytes | None) -> Any:
            return lambda: setattr(feed, "content", content)

        session = watching.play(
            publish(first),
            publish(first),
            publish(None),
            publish(b"<html>503 Service Unavailable</html>"),
            publish(first[:-40] + b"\n\x00\xff"),
            publish(second),
            publish(b""),
        )
    assert outcomes(watching.log) == ["data", "unchanged", "failed", "malformed", "data", "data", "empty"]
    assert feed.answers[:2] == [200, 304]
    assert feed.answers.count(500) == 4, "it is asked again, but not for ever"
    rows = session.gather().summary["rows"]
    assert rows["accepted"] + rows["superseded"] + rows["rejected"] == rows["read"]
    assert rows["rejected"] >= 2
    assert not [event for event in watching.told if isinstance(event, SourceSilent)]


def test_silence_and_speech(tmp_path: Path, feeds: list[Path]) -> None:
    """Silent when it failed for three times its cadence, heard again when it answers; in the report and the summary."""
    with serving(Feed()) as feed:
        watching = Watching(tmp_path, feed.url, cadence_s=3600)

        def publish(content: bytes | None) -> Any:
            return lambda: setattr(feed, "content", content)

        session = watching.play(publish(feeds[1].read_bytes()), *[publish(None)] * 5)
        silent = [event for event in watching.told if isinstance(event, SourceSilent)]
        assert [event.origin for event in silent] == ["mine"]
        assert [one["outcome"] for one in session.gather().summary["sources"]] == ["silent"]
        watching.play(publish(feeds[3].read_bytes()))
    assert [type(event) for event in watching.told if isinstance(event, SourceSilent | SourceHeard)] == [
        SourceSilent,
        SourceHeard,
    ]


def test_a_feed_that_was_never_heard_is_shown_silent(tmp_path: Path) -> None:
    watching = Watching(tmp_path, "nowhere", cadence_s=3600)
    session = watching.play(*[lambda: None] * 6)
    assert set(outcomes(watching.log)) == {"failed"}
    (source,) = session.gather().summary["sources"]
    assert (source["name"], source["read"], source["outcome"]) == ("firms", 0, "silent")


def test_a_folder_whose_files_come_change_and_go(tmp_path: Path, feeds: list[Path]) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    watching = Watching(tmp_path, "incoming")

    def put(path: Path, content: bytes) -> None:
        path.write_bytes(content)
        os.utime(path, ns=(watching.now_ms, watching.now_ms))

    session = watching.play(
        lambda: put(incoming / "a.csv", feeds[1].read_bytes()),
        lambda: None,
        lambda: put(incoming / "a.csv", feeds[3].read_bytes()),
        lambda: put(incoming / "b.csv", b"junk\x00\xff" * 9),
        lambda: put(incoming / "c.txt", feeds[0].read_bytes()),
        lambda: (incoming / "a.csv").unlink(),
    )
    assert outcomes(watching.log) == ["data", "unchanged", "data", "malformed", "data", "unchanged"]
    assert session.gather().summary["rows"]["accepted"] > 30


def test_a_file_that_goes_away_while_it_is_read(
    tmp_path: Path, feeds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feed's writer moves its files about; the others are read, and nothing stops."""
    from almenara.service import watch as module

    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "b.csv").write_bytes(feeds[1].read_bytes())
    mark = module._mark
    monkeypatch.setattr(module, "expand", lambda paths: [tmp_path / "incoming" / "a.csv", *expand(paths)])
    monkeypatch.setattr(module, "_mark", lambda path: (9, 9) if path.name == "a.csv" else mark(path))
    watching = Watching(tmp_path, "incoming")
    watching.play(lambda: None)
    assert sorted(outcomes(watching.log)) == ["data", "failed"]


def given(folder: Path, location: str = "incoming", **values: str) -> Path:
    """A configuration file."""
    text = f'places = "{worlds.PLACES}"\n' + "".join(f'{name} = "{value}"\n' for name, value in values.items())
    text += f'[[feed]]\nname = "mine"\nsource = "firms"\nlocation = "{location}"\nevery_s = 10\n'
    path = folder / "almenara.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    """A folder with what satellites saw in the last three days round Vilcabamba."""
    begin = (datetime.now(UTC) - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
    folder = tmp_path / "incoming"
    for path in worlds.write_feeds(tmp_path / "made", begin=begin):
        if "VIIRS" in path.name:
            folder.mkdir(exist_ok=True)
            path.rename(folder / path.name)
    return folder


def test_once(tmp_path: Path, incoming: Path) -> None:
    config = given(tmp_path)
    done = almenara("watch", "--config", config, "--once", "--out", tmp_path / "out")
    assert_done(done)
    assert "INCIDENT" in done.stdout
    assert "WARNING" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([*FILES, "warnings"])
    first = summary_of(tmp_path / "out")
    assert first["incidents"]["open"] >= 1
    again = almenara("watch", "--config", config, "--once", "--out", tmp_path / "out")
    assert_done(again)
    second = summary_of(tmp_path / "out")
    assert second["rows"]["accepted"] == first["rows"]["accepted"]
    assert second["rows"]["superseded"] == first["rows"]["superseded"] + first["rows"]["read"]
    assert second["hazards"] == first["hazards"]
    assert second["incidents"] == first["incidents"]
    assert incoming.exists()
    with closing(open_log(tmp_path / "state", readonly=True)) as log:
        Audit().read(log)
        assert log.verify().broken_seq is None


def start(config: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own program
        command("watch", "--config", config, "--out", config.parent / "out"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(program: subprocess.Popen[str], word: str) -> None:
    """Until the program has said a word."""
    assert program.stdout is not None
    for line in program.stdout:
        if word in line:
            return
    pytest.fail(f"it ended without saying {word}: {program.stderr.read() if program.stderr else ''}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop(tmp_path: Path, incoming: Path, number: int) -> None:
    assert incoming.exists()
    with start(given(tmp_path)) as program:
        wait_for(program, "WARNING")
        begun = time.monotonic()
        program.send_signal(number)
        said, complaints = program.communicate(timeout=60)
    assert program.returncode == 0, complaints
    assert "Traceback" not in complaints
    assert "report" in said
    assert time.monotonic() - begun < 20
    assert summary_of(tmp_path / "out")["incidents"]["open"] >= 1
    with closing(open_log(tmp_path / "state", readonly=True)) as log:
        assert log.verify().broken_seq is None
        assert list(log.checkpoints())[-1].seq == log.head()[0], "the end is signed"


def test_told_to_stop_while_a_server_fails(tmp_path: Path) -> None:
    """It does not sit out the pauses between attempts."""
    feed = Feed()
    feed.content = None
    with serving(feed), start(given(tmp_path, feed.url)) as program:
        deadline = time.monotonic() + 60
        while not feed.answers and time.monotonic() < deadline:
            time.sleep(0.05)
        begun = time.monotonic()
        program.terminate()
        _, complaints = program.communicate(timeout=60)
        assert (program.returncode, "Traceback" in complaints) == (0, False)
        assert time.monotonic() - begun < 10


def test_killed_and_begun_again(tmp_path: Path, incoming: Path) -> None:
    config = given(tmp_path)
    late = sorted(incoming.iterdir())[-1]
    late.rename(tmp_path / late.name)
    with start(config) as program:
        wait_for(program, "INCIDENT")
        program.kill()
    (tmp_path / late.name).rename(late)
    assert_done(almenara("watch", "--config", config, "--once", "--out", tmp_path / "out"))
    with closing(open_log(tmp_path / "state", readonly=True)) as log:
        assert log.verify().broken_seq is None
        Audit().read(log)
        opened = [event.incident for event in events_of(log, IncidentOpened)]  # type: ignore[attr-defined]
        assert len(opened) == len(set(opened))
        told = [event.identifier for event in events_of(log, WarningDrafted)]  # type: ignore[attr-defined]
        assert len(told) == len(set(told))
    other = tmp_path / "undisturbed"
    other.mkdir()
    (tmp_path / "incoming").rename(other / "incoming")
    assert_done(almenara("watch", "--config", given(other), "--once", "--out", other / "out"))
    mine, theirs = (
        json.loads((out / "hazards.geojson").read_text("utf-8")) for out in (tmp_path / "out", other / "out")
    )
    assert mine == theirs


class TestAskedWrongly:
    """Exit code 2, and what to do."""

    def test_no_configuration(self, tmp_path: Path) -> None:
        assert_refused(almenara("watch", "--config", tmp_path / "none.toml"), 2, "cannot be read", "[[feed]]")

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("state = 5", "state"),
            ('colour = "red"', "colour"),
            ("not toml", "TOML"),
            ('status = "Real"', "Exercise"),
            ('[[feed]]\nname = "a"\nsource = "nasa"\nlocation = "x"', "firms"),
        ],
    )
    def test_bad_configuration(self, tmp_path: Path, text: str, words: str) -> None:
        path = tmp_path / "almenara.toml"
        path.write_text(text + "\n", encoding="utf-8")
        assert_refused(almenara("watch", "--config", path, "--once"), 2, words)

    def test_other_places_than_before(self, tmp_path: Path, incoming: Path) -> None:
        config = given(tmp_path)
        assert incoming.exists()
        assert_done(almenara("watch", "--config", config, "--once"))
        config.write_text(config.read_text("utf-8").replace("geonames:EC", "geonames:PE"), encoding="utf-8")
        assert_refused(almenara("watch", "--config", config, "--once"), 2, "places")
