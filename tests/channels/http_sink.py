"""An HTTP server on this machine that takes posts and can fail in the ways that real ones do."""

import asyncio
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """What came."""

    path: str
    headers: dict[str, str]  # lower-case names
    body: bytes


@dataclass(slots=True)
class Sink:
    """`mode`: ok, hang, cut (closes half-way through its answer), or a status to answer with."""

    mode: str = "ok"
    requests: list[Request] = field(default_factory=list)
    slow_paths: set[str] = field(default_factory=set)  # these never get an answer
    headers: dict[str, str] = field(default_factory=dict)  # of the answer
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        """Listen on a free port of the loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1 << 22, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path = first.split(" ")[1]
        if self.mode == "hang" or path in self.slow_paths:
            await asyncio.sleep(3600)
        if self.mode == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            await writer.drain()
            return False
        status = "201" if self.mode == "ok" else self.mode
        if status.startswith("2"):
            self.requests.append(Request(path, headers, body))
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        writer.write(f"HTTP/1.1 {status} Said\r\n{extra}Content-Length: 2\r\n\r\nso".encode())
        await writer.drain()
        return True
