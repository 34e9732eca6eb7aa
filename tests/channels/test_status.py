"""Actual, Exercise and Test cannot cross: by type, which mypy proves, and at run time, whatever the types were told."""

import asyncio
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from almenara.channels import GuardedChannel, open_channel
from almenara.model.cap import Status, to_xml
from almenara.model.errors import InvalidWarning, StatusMismatch, UsageError
from almenara.ports import Actual, AnyStatus, Exercise, Outgoing, Receipt, Test, status_of
from tests.channels.messages import alert, outgoing

ROOT = Path(__file__).resolve().parents[2]
STATUSES: tuple[AnyStatus, ...] = (Actual, Exercise, Test)
PAIRS = list(itertools.product(STATUSES, STATUSES))

PROGRAM = """\
from pathlib import Path

from almenara.channels import open_channel
from almenara.delivery import Line
from almenara.ports import Actual, Channel, Exercise, Outgoing, Test


def opened(folder: Path) -> Channel[Exercise]:
    return open_channel("directory", "mine", {}, Exercise, folder)


def read(xml: bytes) -> Outgoing[Test]:
    return Outgoing(xml, "thread", Test)


"""
SEND = """\
async def send_{m}_by_{c}(channel: Channel[{c}], message: Outgoing[{m}]) -> None:
    await channel.send(message, "someone")


def post_{m}_on_{c}(line: Line[{c}], message: Outgoing[{m}]) -> None:
    line.post(message, [])


"""


def test_what_crosses_does_not_type_check(tmp_path: Path) -> None:
    text, wrong = PROGRAM, set()
    for message, channel in PAIRS:
        first = text.count("\n") + 1
        text += SEND.format(m=message.word, c=channel.word)
        if message is not channel:
            wrong |= {first + 1, first + 5}
    for line in (
        "def cross(folder: Path) -> Channel[Actual]:\n    return opened(folder)\n\n\n",
        "def mark(xml: bytes) -> Outgoing[Actual]:\n    return read(xml)\n\n\n",
        "def other(xml: bytes) -> Outgoing[str]:\n    raise SystemExit\n\n\n",
    ):
        first = text.count("\n") + 1
        text += line
        wrong.add(first if "str" in line else first + 1)
    program = tmp_path / "crossing.py"
    program.write_text(text, encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--no-error-summary", str(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert all("crossing.py" in line for line in found), done.stdout + done.stderr
    assert {int(line.split("crossing.py:")[1].split(":")[0]) for line in found} == wrong, done.stdout + done.stderr


class Careless:
    """A plugin that checks nothing."""

    def __init__(self, status: Any) -> None:
        self.name, self.status = "careless", status
        self.got: list[str] = []

    def recipients(self) -> list[str]:
        return ["x"]

    async def send(self, message: Outgoing[Any], recipient: str) -> Receipt:
        self.got.append(message.identifier)
        return Receipt("ok")

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(("of_message", "of_channel"), PAIRS)
def test_every_pair_at_run_time(of_message: Any, of_channel: Any) -> None:
    plugin = Careless(of_channel)
    channel: Any = GuardedChannel(plugin)
    if of_message is of_channel:
        asyncio.run(channel.send(outgoing(of_message), "x"))
        assert plugin.got
    else:
        with pytest.raises(StatusMismatch):
            asyncio.run(channel.send(outgoing(of_message), "x"))
        assert plugin.got == []


@pytest.mark.parametrize("claimed", STATUSES)
@pytest.mark.parametrize("word", list(Status))
def test_a_message_is_what_its_bytes_say(word: str, claimed: Any) -> None:
    xml = to_xml(alert(word))
    if word == claimed.word:
        assert Outgoing(xml, "t", claimed).alert.status == word
    else:
        with pytest.raises(StatusMismatch):
            Outgoing(xml, "t", claimed)


@pytest.mark.parametrize(("of_message", "of_channel"), [pair for pair in PAIRS if pair[0] is not pair[1]])
def test_a_message_whose_mark_was_forged_does_not_pass(of_message: Any, of_channel: Any) -> None:
    """Somebody sets the mark of a message by force; its bytes still say what it is."""
    message: Outgoing[Any] = outgoing(of_message)
    object.__setattr__(message, "status", of_channel)
    channel: Any = GuardedChannel(Careless(of_channel))
    with pytest.raises(StatusMismatch):
        asyncio.run(channel.send(message, "x"))


def test_no_other_status_leaves_the_house(tmp_path: Path) -> None:
    for word in ("System", "Draft", "actual", ""):
        with pytest.raises(UsageError, match="Actual, Exercise or Test"):
            status_of(word)
    with pytest.raises(InvalidWarning):
        Outgoing(b"<alert/>", "t", Actual)
    channel = open_channel("directory", "mine", {"path": "x"}, Actual, tmp_path)
    with pytest.raises(StatusMismatch):
        asyncio.run(channel.send(outgoing(Test), "mine"))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
