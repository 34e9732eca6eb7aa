"""Commands: one function for everyone who asks, and an inbox that neither loses an answer nor does a thing twice."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.service.running import replayed
from tests.service.worlds import PLACES
from tests.stages.times import let_out

from almenara.model.cap import from_xml
from almenara.model.commands import (
    ApproveWarning,
    PauseChannel,
    ResumeChannel,
    RetryDeliveries,
    SendUpdate,
    decode_command,
    encode_command,
)
from almenara.model.errors import CommandRefused, UsageError
from almenara.model.events import (
    ChannelPaused,
    DeliveriesRecorded,
    DeliveryResult,
    Event,
    WarningSent,
)
from almenara.service.commands import handle
from almenara.service.inbox import Answer, Inbox, Request
from almenara.service.session import Session
from almenara.stores.memory import MemoryLog

NOW = 1_790_000_000_000


@pytest.fixture
def actual(feeds: list[Path]) -> Session:
    """A log of status Actual whose drafts wait."""
    log = MemoryLog()
    replayed(feeds[:2], log, status="Actual", places=PLACES)
    session = Session(log)
    session.recover()
    assert list(session.state.warnings.drafts())
    return session


def test_approval_is_durable_and_read_again(actual: Session) -> None:
    (thread, draft), *_ = actual.state.warnings.drafts()
    now = draft.now_ms
    handle(actual, ApproveWarning(identifier=draft.identifier), "Ana", now)
    again = Session(actual.log)
    again.recover()
    with pytest.raises(CommandRefused, match="second person"):
        handle(again, ApproveWarning(identifier=draft.identifier), "ANA", now)
    *_, sent = handle(again, ApproveWarning(identifier=draft.identifier), "Luis", now)
    assert isinstance(sent, WarningSent)
    waited_ms = sent.now_ms - draft.now_ms
    assert waited_ms > 0, "the log has gone on since"
    assert sent.xml == let_out(draft.xml, timedelta(milliseconds=waited_ms))
    assert sent.expires_ms == draft.expires_ms + waited_ms
    assert again.state.outbox.messages[draft.identifier].xml == sent.xml
    last = Session(actual.log)
    last.recover()
    assert last.state.warnings == again.state.warnings
    assert last.state.outbox == again.state.outbox
    drafted, *_ = handle(last, SendUpdate(thread=thread.id), "Eva", now + 1000)
    assert drafted.references.split(",")[1] == draft.identifier  # type: ignore[attr-defined]


def test_what_is_refused_leaves_no_trace(actual: Session) -> None:
    before = actual.log.head()
    for command in (ApproveWarning(identifier="nothing"), ResumeChannel(channel="sirens"), PauseChannel(channel="")):
        with pytest.raises(CommandRefused):
            handle(actual, command, "Ana", NOW)
    assert actual.log.head() == before


def test_a_log_that_signs_sends_nothing_unsigned(actual: Session) -> None:
    actual.clockwork.sign = lambda xml: xml
    actual.set_policy(msgspec.structs.replace(actual.state.policy, approval={"default": "one"}), NOW)
    actual.clockwork.sign = None
    (_, draft), *_ = actual.state.warnings.drafts()
    with pytest.raises(CommandRefused) as why:
        handle(actual, ApproveWarning(identifier=draft.identifier), "Ana", draft.now_ms)
    assert why.value.reason == "no-signer"
    actual.clockwork.sign = lambda xml: xml + b"<!-- signed -->"
    *_, sent = handle(actual, ApproveWarning(identifier=draft.identifier), "Ana", draft.now_ms)
    assert isinstance(sent, WarningSent)
    waited = timedelta(milliseconds=sent.now_ms - draft.now_ms)
    assert (sent.signed, sent.xml) == (True, let_out(draft.xml, waited) + b"<!-- signed -->")


def test_settings_of_the_house_are_noted_when_they_change_and_read_again(actual: Session) -> None:
    before = actual.log.head()
    actual.set_policy(actual.state.policy, NOW)
    actual.commit()
    assert actual.log.head() == before, "nothing changed, nothing is noted"
    settings = {"languages": ("en",), "sender_name": "Civil Protection", "contact": "+593", "emergency_number": "911"}
    policy = msgspec.structs.replace(actual.state.policy, **settings, quiet_ms=1, sender="else@where.example")
    actual.set_policy(policy, NOW)
    actual.commit()
    again = Session(actual.log)
    again.recover()
    own = {"sender": actual.state.policy.sender}  # the run's, which it keeps
    assert again.state.policy == actual.state.policy == msgspec.structs.replace(policy, **own)
    (thread, draft), *_ = again.state.warnings.drafts()
    drafted, *_ = handle(again, SendUpdate(thread=thread.id), "Eva", draft.now_ms)
    (info,) = from_xml(drafted.xml).info  # type: ignore[attr-defined]
    assert (info.language, info.sender_name, info.contact) == ("en", "Civil Protection", "+593")
    with pytest.raises(UsageError, match="'pt'"):
        again.set_policy(msgspec.structs.replace(policy, languages=("pt",)), NOW)


def test_pause_resume_and_retry(actual: Session) -> None:
    (_, draft), *_ = actual.state.warnings.drafts()
    name, now = draft.identifier, draft.now_ms
    assert isinstance(handle(actual, PauseChannel(channel="c", reason="x"), " Ana ", now)[0], ChannelPaused)
    assert actual.state.outbox.of("c").paused_by == "Ana"
    with pytest.raises(CommandRefused, match="already"):
        handle(actual, PauseChannel(channel="c"), "Luis", now)
    handle(actual, ResumeChannel(channel="c"), "Luis", now)
    with pytest.raises(CommandRefused, match="no dead letters"):
        handle(actual, RetryDeliveries(channel="c"), "Ana", now)
    for person in ("Ana", "Luis"):
        *_, sent = handle(actual, ApproveWarning(identifier=name), person, now)
    assert isinstance(sent, WarningSent)
    dead = DeliveryResult(recipient="x", attempt=3, outcome="dead", detail="gone", receipt="", next_ms=0)
    actual.take(DeliveriesRecorded(now_ms=now, channel="c", identifier=name, results=[dead]))
    with pytest.raises(CommandRefused, match="of other"):
        handle(actual, RetryDeliveries(channel="c", identifier="other"), "Ana", now)
    with pytest.raises(CommandRefused, match="in force"):
        handle(actual, RetryDeliveries(channel="c"), "Ana", sent.expires_ms)
    handle(actual, RetryDeliveries(channel="c"), "Ana", now)
    assert actual.state.outbox.of("c").dead == 0


def test_commands_travel_as_json() -> None:
    command = SendUpdate(thread="incident-fire-a")
    assert decode_command(encode_command(command)) == command
    for bad in (b"", b"{}", b'{"command": "shout"}', b'{"command": "approve"}', b"\xff", b" " * 70_000):
        with pytest.raises(UsageError):
            decode_command(bad)


def noting(done: list[str]) -> Callable[[Any, str], list[Event]]:
    """Does nothing but note who asked."""

    def do(command: Any, by: str) -> list[Event]:
        done.append(by)
        return []

    return do


class TestInbox:
    """Asked on one side, served on the other."""

    REQUEST = Request(by="Ana", command=PauseChannel(channel="c"))

    def ask(self, inbox: Inbox, found: list[Any], wait_s: float = 10.0) -> threading.Thread:
        def run() -> None:
            try:
                found.append(inbox.ask(self.REQUEST, wait_s=wait_s))
            except CommandRefused as error:
                found.append(error.reason)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def test_asked_and_answered(self, tmp_path: Path) -> None:
        inbox = Inbox.of(tmp_path)
        found: list[Any] = []
        thread = self.ask(inbox, found)
        done: list[Event] = []
        while thread.is_alive():
            done += inbox.serve(lambda command, by: [ChannelPaused(now_ms=1, channel="c", by=by, reason="")])
            time.sleep(0.01)
        assert found == [Answer(said=["ChannelPaused c"])]
        assert done == [ChannelPaused(now_ms=1, channel="c", by="Ana", reason="")]
        assert list(inbox.folder.iterdir()) == []
        assert inbox.folder.stat().st_mode & 0o777 == 0o700

    def test_refused(self, tmp_path: Path) -> None:
        def refuse(command: Any, by: str) -> list[Event]:
            raise CommandRefused("same-person", "once is enough")

        inbox = Inbox.of(tmp_path)
        found: list[Any] = []
        thread = self.ask(inbox, found)
        while thread.is_alive():
            inbox.serve(refuse)
            time.sleep(0.01)
        assert found == [Answer(refused="same-person", message="once is enough")]

    def test_nobody_serves(self, tmp_path: Path) -> None:
        inbox = Inbox.of(tmp_path)
        found: list[Any] = []
        self.ask(inbox, found, wait_s=0.2).join()
        assert found == ["not-taken"]
        assert list(inbox.folder.iterdir()) == [], "it was withdrawn"

    def test_killed_while_it_was_done(self, tmp_path: Path) -> None:
        """Taken and not answered: the next process says so and does not do it again."""
        inbox = Inbox.of(tmp_path)
        found: list[Any] = []
        thread = self.ask(inbox, found)
        while not (asked := list(inbox.folder.glob("*.json"))):
            time.sleep(0.01)
        asked[0].rename(asked[0].with_suffix(".taken"))
        done: list[str] = []
        assert inbox.serve(noting(done)) == []
        thread.join()
        assert [answer.refused for answer in found] == ["interrupted"]
        assert done == []

    @pytest.mark.parametrize("content", [b"", b"{", b'{"by": 1}', b"\xff\xfe", b"x" * 200_000])
    def test_what_is_no_command_is_answered_and_stops_nobody(self, tmp_path: Path, content: bytes) -> None:
        inbox = Inbox.of(tmp_path)
        (inbox.folder / "1.json").write_bytes(content)
        (inbox.folder / "2.json").write_bytes(msgspec.json.encode(self.REQUEST))
        done: list[str] = []
        inbox.serve(noting(done))
        answers = [msgspec.json.decode(p.read_bytes(), type=Answer) for p in sorted(inbox.folder.glob("*.answer"))]
        assert [answer.refused for answer in answers] == ["not-done", ""]
        assert done == ["Ana"]
