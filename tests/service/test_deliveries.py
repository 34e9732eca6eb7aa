"""Warnings leave the house: approved beside a running watch, delivered, and delivered still when it is killed."""

import hashlib
import http.server
import json
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.service import worlds
from tests.service.audit import events_of
from tests.service.running import Forks, almenara, assert_done, assert_refused, command, quiet

from almenara.config import ChannelConfig
from almenara.model.events import DeliveriesRecorded, WarningApproved, WarningSent
from almenara.service.clerk import delivering, open_lines
from almenara.service.live import Desk, play
from almenara.service.session import Session
from almenara.stores import open_log
from almenara.stores.memory import MemoryLog

KILLED = -9
SOON_S = 30.0


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a satellite saw in the last three days round Vilcabamba."""
    begin = (datetime.now(UTC) - timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
    made = worlds.write_feeds(tmp_path_factory.mktemp("made"), begin=begin)
    folder = tmp_path_factory.mktemp("incoming")
    for path in made:
        if "VIIRS" in path.name:
            path.rename(folder / path.name)
    return folder


def configure(folder: Path, incoming: Path, status: str, *channels: str, more: str = "") -> Path:
    """A configuration whose channels are folders of the same name."""
    text = f'places = "{worlds.PLACES}"\nstatus = "{status}"\nsender = "alerts@agency.example"\n{more}\n'
    text += f'[[feed]]\nname = "mine"\nsource = "firms"\nlocation = "{incoming}"\nevery_s = 3600\n'
    for name in channels:
        text += f'[[channel]]\nname = "{name}"\nplugin = "directory"\nstatus = "{status}"\n'
        text += f'options = {{ path = "{name}" }}\ntest = {{ path = "{name}-test" }}\n'
    path = folder / "almenara.toml"
    path.write_text(text, encoding="utf-8")
    return path


def sent_of(folder: Path) -> dict[str, bytes]:
    with closing(open_log(folder / "state", readonly=True)) as log:
        return {event.identifier: event.xml for event in events_of(log, WarningSent)}  # type: ignore[attr-defined]


def files_of(folder: Path, channel: str) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in (folder / channel).glob("*.xml")}


def deliveries(folder: Path) -> list[tuple[str, str, str, str]]:
    """Channel, message, outcome and detail of every result in the log."""
    with closing(open_log(folder / "state", readonly=True)) as log:
        assert log.verify().broken_seq is None
        return [
            (event.channel, event.identifier, result.outcome, result.detail)
            for event in events_of(log, DeliveriesRecorded)
            if isinstance(event, DeliveriesRecorded)
            for result in event.results
        ]


def test_once(tmp_path: Path, incoming: Path) -> None:
    """An exercise approves by itself; a channel that cannot be written does not keep the other from its messages."""
    config = configure(tmp_path, incoming, "Exercise", "sent", "broken")
    (tmp_path / "broken").touch()
    done = almenara("watch", "--config", config, "--once")
    assert_done(done)
    assert "SENT" in done.stdout
    assert sent_of(tmp_path) == files_of(tmp_path, "sent") != {}
    outcomes = Counter((channel, outcome) for channel, _, outcome, _ in deliveries(tmp_path))
    assert outcomes["sent", "delivered"] == len(files_of(tmp_path, "sent"))
    assert outcomes["broken", "failed"] >= 1
    (tmp_path / "broken").unlink()
    time.sleep(2.5)  # the pause after the first failure
    assert_done(almenara("watch", "--config", config, "--once"))
    newest = {
        name for channel, name, outcome, _ in deliveries(tmp_path) if (channel, outcome) == ("broken", "delivered")
    }
    assert newest == files_of(tmp_path, "broken").keys() != set()
    listed = json.loads(almenara("channels", "list", "--config", config, "--json").stdout)
    assert {one["name"]: one["waiting"] for one in listed} == {"sent": 0, "broken": 0}
    assert {one["state"] for one in listed} == {"well"}


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with closing(Forks()) as found:
        yield found


@pytest.mark.parametrize("of", ["WarningSent", "DeliveriesRecorded"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_killed_between_sending_and_receipt(tmp_path: Path, incoming: Path, forks: Forks, done: bool, of: str) -> None:
    """Killed just before or after what was sent, or its receipt, is in the log: no message is lost, or becomes two."""
    config = configure(tmp_path, incoming, "Exercise", "sent")
    for number in (1, 2):
        point: dict[str, Any] = {"at": "append", "of": of, "number": number, "done": done, "fine": True}
        ended = forks.run("watch", "--config", config, "--once", **point)
        assert ended.returncode in ((0, KILLED) if number > 1 else (KILLED,)), ended.stdout
    ended = forks.run("watch", "--config", config, "--once")
    assert ended.returncode == 0, ended.stdout
    assert sent_of(tmp_path) == files_of(tmp_path, "sent") != {}
    found = deliveries(tmp_path)
    assert {name for _, name, outcome, _ in found if outcome == "delivered"} == sent_of(tmp_path).keys()
    again = [detail for *_, detail in found if detail == "was there already"]
    if of == "DeliveriesRecorded" and not done:
        assert again, "it was sent again, under the same identifier"


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_killed_with_posts_under_way(tmp_path: Path, incoming: Path, forks: Forks, done: bool) -> None:
    """Over HTTP: the far side has each message, and where it has one twice, it has the same id and the same bytes."""
    config = configure(tmp_path, incoming, "Exercise")
    with sink() as (address, posts):
        hook = "options = { secret = { file = 'secret' }, plain_http = true, "
        hook += f"subscribers = [{{ id = 'a', url = '{address}' }}] }}"
        (tmp_path / "secret").write_text("whsec_" + "k" * 40, encoding="utf-8")
        with config.open("a", encoding="utf-8") as file:
            file.write(f'[[channel]]\nname = "hook"\nplugin = "webhook"\nstatus = "Exercise"\n{hook}\n')
        point: dict[str, Any] = {"at": "append", "of": "DeliveriesRecorded", "number": 1, "done": done, "fine": True}
        assert forks.run("watch", "--config", config, "--once", **point).returncode == KILLED
        before = len(posts)
        assert before, "it was killed after the far side had answered"
        assert forks.run("watch", "--config", config, "--once").returncode == 0
    sent = sent_of(tmp_path)
    got: dict[str, set[tuple[str, str, bytes]]] = {}
    for key, name, body in posts:
        got.setdefault(name, set()).add((key, hashlib.sha256(body).hexdigest(), body))
    assert {name: {xml for _, _, xml in found} for name, found in got.items()} == {n: {x} for n, x in sent.items()}
    assert all(key == digest for found in got.values() for key, digest, _ in found), "one id for one message, for ever"
    assert {name for _, name, outcome, _ in deliveries(tmp_path) if outcome == "delivered"} == sent.keys()
    if not done:
        twice = [name for name, times in Counter(name for _, name, _ in posts).items() if times > 1]
        assert twice, "what had no receipt was sent again"


@contextmanager
def sink() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """An HTTP server of this process: its address, and id, CAP identifier and body of each post."""
    posts: list[tuple[str, str, bytes]] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.append((self.headers["webhook-id"], self.headers["CAP-Identifier"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *said: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", posts
        server.shutdown()


class Watch:
    """`almenara watch` as a program, and the command line beside it."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.program = subprocess.Popen(  # noqa: S603 - our own program
            command("watch", "--config", config), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait_for(self, word: str) -> None:
        assert self.program.stdout is not None
        for line in self.program.stdout:
            if word in line:
                return
        pytest.fail(f"it ended without saying {word}")

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return almenara(*arguments, "--config", self.config)

    def listed(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(self.ask("warnings", "list", "--json").stdout)
        return listed

    def stop(self) -> None:
        self.program.send_signal(signal.SIGTERM)
        said, complaints = self.program.communicate(timeout=SOON_S)
        assert self.program.returncode == 0, said + complaints


def test_approved_beside_a_running_watch(tmp_path: Path, incoming: Path) -> None:
    """Actual, nothing configured: two different persons have to say yes, and then it leaves at once."""
    watch = Watch(configure(tmp_path, incoming, "Actual", "sirens"))
    try:
        watch.wait_for("WARNING")
        time.sleep(1.5)
        draft = next(one for one in watch.listed() if one["state"] == "draft")
        name = draft["identifier"]
        assert files_of(tmp_path, "sirens") == {}, "nothing leaves that nobody approved"
        first = watch.ask("warnings", "approve", name, "--as", "Ana Ruiz")
        assert_done(first)
        assert "another person" in first.stdout
        assert_refused(watch.ask("warnings", "approve", name, "--as", "ana ruiz"), 1, "second person")
        second = watch.ask("warnings", "approve", name, "--as", "Luis")
        assert_done(second)
        assert f"Sent {name}" in second.stdout
        watch.wait_for("delivery")
        assert files_of(tmp_path, "sirens").keys() == {name}
        assert_done(watch.ask("channels", "pause", "sirens", "--reason", "maintenance"))
        assert_done(watch.ask("warnings", "cancel", draft["thread"], "--reason", "an exercise fire", "--as", "Ana"))
        cancel = next(one for one in watch.listed() if one["msg_type"] == "Cancel")
        assert_done(watch.ask("warnings", "approve", cancel["identifier"], "--as", "Eva"))
        watch.wait_for("SENT")
        time.sleep(1.5)
        assert files_of(tmp_path, "sirens").keys() == {name}, "the channel is paused"
        assert_done(watch.ask("channels", "resume", "sirens"))
        watch.wait_for("delivery")
    finally:
        watch.stop()
    assert files_of(tmp_path, "sirens") == sent_of(tmp_path)
    assert len(sent_of(tmp_path)) == 2
    with closing(open_log(tmp_path / "state", readonly=True)) as log:
        yeses = [(e.identifier, e.by) for e in events_of(log, WarningApproved)]  # type: ignore[attr-defined]
        assert yeses == [(name, "Ana Ruiz"), (name, "Luis"), (cancel["identifier"], "Eva")]
        assert log.verify().broken_seq is None
    shown = watch.ask("warnings", "show", name)
    assert "approved by Luis" in shown.stdout
    assert "1 delivered" in shown.stdout
    assert list((tmp_path / "state" / "inbox").iterdir()) == []


def test_without_a_watch_the_log_is_written_at_once(tmp_path: Path, incoming: Path) -> None:
    config = configure(tmp_path, incoming, "Actual", "sirens", more='[approval]\ndefault = "one"\n')
    assert_done(almenara("watch", "--config", config, "--once"))
    name = json.loads(almenara("warnings", "list", "--config", config, "--json").stdout)[0]["identifier"]
    assert_done(almenara("warnings", "approve", name, "--state", tmp_path / "state", "--as", "Ana"))
    assert files_of(tmp_path, "sirens") == {}
    assert_done(almenara("watch", "--config", config, "--once"))
    assert files_of(tmp_path, "sirens") == sent_of(tmp_path)
    assert name in sent_of(tmp_path)


def test_an_exercise_is_delivered_in_its_own_time(feeds: list[Path], tmp_path: Path) -> None:
    """By the channels of its status only, and nothing runs out while the exercise's days pass in seconds."""
    session = Session(MemoryLog())
    session.start("drill", "Exercise", {"places": worlds.PLACES})
    session.import_places(worlds.PLACES, quiet)
    channels = tuple(
        ChannelConfig(name=name, plugin="directory", status=status, options={"path": name})
        for name, status in (("sent", "Exercise"), ("sirens", "Actual"), ("trial", "Test"))
    )
    polls = [
        SimpleNamespace(at_ms=worlds.hour_ms(72 + 12 * n), source="firms", feed="mine", path=path, note="")
        for n, path in enumerate(path for path in feeds if "VIIRS" in path.name)
    ]
    with delivering(session, open_lines(channels, "Exercise", tmp_path)) as attend:
        play(Desk(session, {}), polls, quiet, attend)
    sent = {event.identifier: event.xml for event in events_of(session.log, WarningSent)}  # type: ignore[attr-defined]
    assert files_of(tmp_path, "sent") == sent != {}
    assert [path.name for path in tmp_path.iterdir()] == ["sent"]


def test_a_status_that_the_log_does_not_have(tmp_path: Path, incoming: Path) -> None:
    assert_done(almenara("watch", "--config", configure(tmp_path, incoming, "Exercise", "sent"), "--once"))
    before = files_of(tmp_path, "sent")
    config = configure(tmp_path, incoming, "Actual", "sirens")
    assert_refused(almenara("watch", "--config", config, "--once"), 2, "status")
    assert files_of(tmp_path, "sirens") == {}
    assert files_of(tmp_path, "sent") == before
