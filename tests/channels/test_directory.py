"""`directory`: files that are never changed, under names that no identifier can break out of."""

import asyncio
from pathlib import Path

import pytest

from almenara.channels import open_channel
from almenara.model.errors import ChannelRefused
from almenara.ports import Channel, Exercise, Receipt
from tests.channels.messages import outgoing


def opened(folder: Path) -> Channel[Exercise]:
    return open_channel("directory", "mine", {"path": "out"}, Exercise, folder)


def test_what_was_sent_is_frozen(tmp_path: Path) -> None:
    channel = opened(tmp_path)
    first, other = outgoing(Exercise), outgoing(Exercise, note="changed")
    assert asyncio.run(channel.send(first, "mine")) == Receipt("incident-fire-a-1.xml", "written and read back")
    assert asyncio.run(channel.send(first, "mine")).detail == "was there already"
    with pytest.raises(ChannelRefused, match="frozen"):
        asyncio.run(channel.send(other, "mine"))
    assert (tmp_path / "out" / "incident-fire-a-1.xml").read_bytes() == first.xml


@pytest.mark.parametrize("identifier", ["../../etc/passwd", "..", "/abs", "ñ/é", "a" * 190])
def test_no_identifier_leaves_the_folder(tmp_path: Path, identifier: str) -> None:
    asyncio.run(opened(tmp_path / "in").send(outgoing(Exercise, identifier), "mine"))
    assert len(list((tmp_path / "in" / "out").iterdir())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_identifier_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(ChannelRefused, match="too long"):
        asyncio.run(opened(tmp_path).send(outgoing(Exercise, "a" * 300), "mine"))
