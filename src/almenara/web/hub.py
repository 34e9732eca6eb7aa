"""The hub: what changed, told to every connected screen, encoded once and joined once for all that are equally far."""

import asyncio
from collections import deque
from collections.abc import Iterable

from almenara.board import Change

#: Screens are woken at most so often: what happens in between is told together, each thing as it is in the end.
GAP_S = 0.05
#: Who is further behind than this begins anew; it also bounds what is kept.
FRAMES_MAX = 4_096
CLIENTS_MAX = 5_000

Key = tuple[str, str]  # topic, id


def frame(change: Change) -> bytes:
    """A change as one server-sent event."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (change.seq, change.topic.encode(), change.data)


def told_once(changes: Iterable[Change]) -> bytes:
    """Changes as events, of each thing the last."""
    return b"".join(map(frame, {(change.topic, change.id): change for change in changes}.values()))


class Hub:
    """Lives on the event loop; a client is no more than its place in the row of frames."""

    def __init__(self) -> None:
        self.clients = 0
        self.closed = False
        self.resets = 0  # clients that fell too far behind
        self._frames: deque[tuple[Key, bytes]] = deque(maxlen=FRAMES_MAX)
        self._end = 0  # number of the next frame
        self._joined: dict[int, bytes] = {}  # place → all from there on
        self._news = asyncio.Event()
        self._woken_s = float("-inf")
        self._waking: asyncio.TimerHandle | None = None

    @property
    def end(self) -> int:
        """The place of who has heard everything."""
        return self._end

    def publish(self, changes: Iterable[Change]) -> None:
        """Tell everyone, at once or, when they were told a moment ago, after the gap."""
        for change in changes:
            self._frames.append(((change.topic, change.id), frame(change)))
            self._end += 1
        self._joined.clear()
        if self._waking is None:
            loop = asyncio.get_running_loop()
            self._waking = loop.call_later(max(0.0, self._woken_s + GAP_S - loop.time()), self._wake)

    async def news(self, place: int) -> None:
        """Return when there is something to take after a place, or the hub closed."""
        while not self.closed and (place == self._end or self._waking is not None):
            await self._news.wait()

    def take(self, place: int) -> bytes | None:
        """All that came after a place, of each thing the last; None when that is too far back."""
        behind = self._end - place
        if behind > len(self._frames):
            self.resets += 1
            return None
        joined = self._joined.get(place)
        if joined is None:
            last = dict(list(self._frames)[len(self._frames) - behind :])
            joined = self._joined[place] = b"".join(last.values())
        return joined

    def close(self) -> None:
        """Let every client end."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._waking = None
        self._woken_s = asyncio.get_running_loop().time()
        news, self._news = self._news, asyncio.Event()
        news.set()
