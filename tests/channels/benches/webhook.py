"""The far side of `webhook`: an HTTP server with two subscribers."""

from typing import Any

from tests.channels.benches import Bench
from tests.channels.http_sink import Sink

KEY = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class FarSide(Bench):
    plugin = "webhook"

    async def start(self) -> None:
        self.sink = Sink()
        await self.sink.start()
        (self.folder / "secret").write_text(KEY, "utf-8")

    async def stop(self) -> None:
        await self.sink.stop()

    def options(self) -> dict[str, Any]:
        base = f"http://127.0.0.1:{self.sink.port}"
        listed = [{"id": name, "url": f"{base}/{name}"} for name in ("one", "two")]
        return {"secret": {"file": "secret"}, "subscribers": listed, "plain_http": True}

    def received(self) -> list[tuple[str, bytes | None]]:
        return [(request.headers["cap-identifier"], request.body) for request in self.sink.requests]

    async def break_down(self) -> None:
        self.sink.mode = "500"

    async def repair(self) -> None:
        self.sink.mode = "ok"

    async def refuse(self) -> bool:
        self.sink.mode = "410"
        return True

    async def hang(self) -> bool:
        self.sink.mode = "hang"
        return True
