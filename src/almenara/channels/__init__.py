"""The ways out of the house. One file here is one channel: its name is the plugin's name, its `open` opens one."""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic

import msgspec

from almenara.model.errors import StatusMismatch, UsageError
from almenara.model.limits import RECEIPT_CHARS_MAX
from almenara.ports import Channel, Outgoing, Receipt, S, Tended

__all__ = ["GuardedChannel", "names", "open_channel", "shorten"]


def open_channel(
    plugin: str, name: str, options: Mapping[str, Any], status: type[S], folder: Path
) -> "GuardedChannel[S]":
    """Open a channel for one status. Relative paths among its options count from `folder`.

    The plugin brings `Options`, a msgspec Struct that forbids unknown fields, and
    `open(name: str, options: Options, status: type[S], folder: Path) -> Channel[S]`, which connects to nothing yet.
    One whose far side is an archive says `KEEPS_ALL = True`: it gets every message of a thread, also one that a newer
    has superseded.

    Raises UsageError for an unknown plugin, and for options that it does not know or that make no sense.
    """
    if plugin not in names():
        raise UsageError(f"Channel {name}: there is no plugin {plugin!r}. Known: {', '.join(names())}.")
    module = importlib.import_module(f"{__name__}.{plugin}")
    try:
        converted = msgspec.convert(dict(options), module.Options)
    except msgspec.ValidationError as error:
        raise UsageError(f"Channel {name} ({plugin}): {error}.") from error
    channel: Channel[S] = module.open(name, converted, status, folder)
    return GuardedChannel(channel, keeps_all=getattr(module, "KEEPS_ALL", False))


def names() -> list[str]:
    """All plugins, by name: the modules of this package that have an `open`."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return [name for name in found if hasattr(importlib.import_module(f"{__name__}.{name}"), "open")]


def shorten(text: str) -> str:
    """One line of at most RECEIPT_CHARS_MAX characters.

    >>> shorten("250 2.0.0\\nqueued")
    '250 2.0.0 queued'
    """
    line = "".join(c if c.isprintable() else " " for c in text[: 2 * RECEIPT_CHARS_MAX])
    line = " ".join(line.split())
    return line if len(line) <= RECEIPT_CHARS_MAX else f"{line[: RECEIPT_CHARS_MAX - 1]}…"


class GuardedChannel(Generic[S]):
    """A channel that no message of another status gets past, whatever its plugin forgot."""

    def __init__(self, channel: Channel[S], *, keeps_all: bool = False) -> None:
        self._channel: Channel[S] = channel
        self.name = channel.name
        self.keeps_all = keeps_all
        self.status: type[S] = channel.status
        self.is_tended = isinstance(channel, Tended)

    def recipients(self) -> Sequence[str]:
        """As the plugin has them."""
        return self._channel.recipients()

    async def send(self, message: Outgoing[S], recipient: str) -> Receipt:
        """Check the status, both by the message's type and by what its bytes say, then let the plugin send."""
        if message.status is not self.status or message.alert.status != self.status.word:
            raise StatusMismatch(
                f"{message.identifier} ({message.alert.status}) must not leave by {self.name} ({self.status.word})."
            )
        receipt = await self._channel.send(message, recipient)
        return Receipt(shorten(receipt.receipt), shorten(receipt.detail))

    async def tend(self, now_ms: int) -> None:
        """Let the plugin do what is due by time alone, if it has anything of the kind."""
        if isinstance(self._channel, Tended):
            await self._channel.tend(now_ms)

    async def close(self) -> None:
        """Close the plugin's channel."""
        await self._channel.close()
