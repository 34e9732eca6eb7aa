"""The simplest channel: each message as a file in a folder, for whatever else an agency runs to pick up."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Generic
from urllib.parse import quote

import msgspec

from almenara.durable_files import write_durably
from almenara.model.errors import ChannelFailed, ChannelRefused
from almenara.ports import Outgoing, Receipt, S

KEEPS_ALL = True
_NAME_BYTES_MAX = 200


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is configured."""

    path: str  # the folder; made when it is missing


def open(name: str, options: Options, status: type[S], folder: Path) -> "DirectoryChannel[S]":  # noqa: A001
    """The channel; nothing is written yet."""
    return DirectoryChannel(name, status, folder / options.path)


class DirectoryChannel(Generic[S]):
    """Files named by their identifier. One that is there is never changed: the same message again is the same file."""

    def __init__(self, name: str, status: type[S], folder: Path) -> None:
        self.name = name
        self.status: type[S] = status
        self.folder = folder

    def recipients(self) -> Sequence[str]:
        """The folder, by the channel's name."""
        return (self.name,)

    async def send(self, message: Outgoing[S], recipient: str) -> Receipt:
        """Write the file, read it back, and give its path for a receipt."""
        name = f"{quote(message.identifier, safe=':')}.xml"
        if len(name) > _NAME_BYTES_MAX:
            raise ChannelRefused(f"The identifier {message.identifier[:40]}… is too long for the name of a file.")
        try:
            return await asyncio.to_thread(_put, self.folder / name, message.xml)
        except OSError as error:
            raise ChannelFailed(f"{self.folder} cannot be written: {error.strerror or error}.") from error

    async def close(self) -> None:
        """Nothing is held open."""


def _put(path: Path, xml: bytes) -> Receipt:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        if path.read_bytes() != xml:
            raise ChannelRefused(f"{path.name} is there already and says something else: what was sent is frozen.")
        return Receipt(path.name, "was there already")
    write_durably(path, xml)
    if path.read_bytes() != xml:
        raise ChannelFailed(f"{path.name} was read back and is not what was written.")
    return Receipt(path.name, "written and read back")
