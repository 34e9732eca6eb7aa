"""One bench for each channel, found by its file's name: the far side of the line, under a test's control."""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any

from almenara.channels import open_channel
from almenara.ports import Channel, S


class Bench(ABC):
    """The far side of a channel. Used as `async with Bench(folder) as bench`, so that servers run while a test does."""

    plugin: str
    #: Whether the far side gets the message's XML (an SMS does not).
    carries_xml = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def start(self) -> None:  # noqa: B027 - not every far side is a server
        """Bring the far side up."""

    async def stop(self) -> None:  # noqa: B027
        """Take it down."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Sound options that lead to the far side, with two recipients where the channel can have several."""

    @abstractmethod
    def received(self) -> list[tuple[str, bytes | None]]:
        """What arrived, in order: CAP identifier, and the XML where it is carried. Told apart by recipient or not."""

    async def settle(self) -> None:  # noqa: B027
        """Wait until what was acknowledged has arrived, where that takes a moment longer."""

    async def arrived(self) -> list[tuple[str, bytes | None]]:
        """All that was received, once nothing is on its way."""
        await self.settle()
        return self.received()

    @abstractmethod
    async def break_down(self) -> None:
        """From now on the far side fails as if for a while: ChannelFailed is due."""

    @abstractmethod
    async def repair(self) -> None:
        """From now on it works again."""

    async def refuse(self) -> bool:
        """From now on it refuses for good: ChannelRefused is due. False when this far side never does."""
        return False

    async def hang(self) -> bool:
        """From now on it does not answer until `repair`. False when it cannot be made to hang."""
        return False

    def opened(self, status: type[S], name: str = "mine") -> Channel[S]:
        """The channel to this far side."""
        return open_channel(self.plugin, name, self.options(), status, self.folder)

    async def __aenter__(self) -> "Bench":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.stop()


def find_benches() -> dict[str, type[Bench]]:
    """The bench of each channel by the plugin's name."""
    return {
        module.name: importlib.import_module(f"{__name__}.{module.name}").FarSide
        for module in pkgutil.iter_modules(__path__)
    }
