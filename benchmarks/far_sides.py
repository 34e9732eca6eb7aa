"""The far sides of the delivery benchmark, each a process of its own: an HTTP sink and an SMTP server (aiosmtpd).

A share of the recipients, told by their numbers, hangs for ever, answers that it is busy at first, or takes its time.
"""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from aiosmtpd.smtp import SMTP, Envelope, Session

#: Of every hundred recipients, by number: 1 hangs for ever, 2 are busy at first, 2 take two seconds.
HANGS, BUSY_FIRST, SLOW = {17}, {23, 24}, {41, 42}
SLOW_S = 2.0


def behaviour(number: int) -> str:
    """How the recipient of that number behaves where some do not behave."""
    rest = number % 100
    return "hangs" if rest in HANGS else "busy" if rest in BUSY_FIRST else "slow" if rest in SLOW else "well"


class _Peers:
    """All the recipients of one far side."""

    def __init__(self, *, trouble: bool) -> None:
        self.trouble = trouble
        self.asked: set[int] = set()

    async def act(self, number: int) -> bool:
        """Whether it takes the message now, when it has made up its mind."""
        does = behaviour(number) if self.trouble else "well"
        first = number not in self.asked
        self.asked.add(number)
        if does == "hangs":
            await asyncio.sleep(3600)
        if does == "slow":
            await asyncio.sleep(SLOW_S)
        return not (does == "busy" and first)


class _Http(asyncio.Protocol):
    """As little HTTP/1.1 as a sink needs: POST /NUMBER with a length, answered and kept open."""

    def __init__(self, peers: _Peers) -> None:
        self._peers = peers
        self._got = b""
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, blank, body = self._got.partition(b"\r\n\r\n")
        if not blank:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) >= length:
            self._got = b""
            task = asyncio.get_running_loop().create_task(self._answer(int(head.split(b" ", 2)[1][1:])))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, number: int) -> None:
        said = b"200 OK" if await self._peers.act(number) else b"503 Busy"
        self._transport.write(b"HTTP/1.1 " + said + b"\r\nContent-Length: 0\r\n\r\n")


class _Mailbox:
    """What aiosmtpd asks at the end of each mail; the address is NUMBER@…"""

    def __init__(self, peers: _Peers) -> None:
        self._peers = peers

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        number = int(envelope.rcpt_tos[0].split("@")[0])
        return "250 OK" if await self._peers.act(number) else "451 busy"


def _serve(kind: str, trouble: bool, port: Connection) -> None:
    async def main() -> None:
        peers = _Peers(trouble=trouble)
        loop = asyncio.get_running_loop()
        if kind == "http":  # on every address of the loopback: each subscriber is a host of its own
            server = await loop.create_server(lambda: _Http(peers), "0.0.0.0", 0, backlog=4096)  # noqa: S104
        else:
            box = _Mailbox(peers)
            server = await loop.create_server(lambda: SMTP(box, hostname="mail", loop=loop), "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def far_side(kind: str, *, trouble: bool) -> Iterator[int]:
    """A far side ("http" or "smtp") in a process of its own; gives its port."""
    mine, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_serve, args=(kind, trouble, theirs), daemon=True)
    process.start()
    try:
        yield mine.recv()
    finally:
        process.terminate()
        process.join()
