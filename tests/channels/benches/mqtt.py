"""The far side of `mqtt`: a real broker (mosquitto) on this machine, and someone who subscribed to everything."""

import asyncio
import shutil
import signal
import socket
from contextlib import suppress
from typing import Any

import aiomqtt

from tests.channels.benches import Bench


class FarSide(Bench):
    plugin = "mqtt"

    async def start(self) -> None:
        assert shutil.which("mosquitto"), (
            "mosquitto is missing: `make test` installs it (Debian: apt-get install mosquitto)"
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.messages: list[aiomqtt.Message] = []
        (self.folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\nuser root\n",
            "utf-8",
        )
        await self._up()

    async def stop(self) -> None:
        await self._down()

    async def _up(self) -> None:
        self._broker = await asyncio.create_subprocess_exec("mosquitto", "-c", str(self.folder / "mosquitto.conf"))
        ready = asyncio.get_running_loop().create_future()
        self._listening = asyncio.create_task(self._listen(ready))
        await asyncio.wait_for(ready, 20.0)

    async def _down(self) -> None:
        self._listening.cancel()
        with suppress(asyncio.CancelledError, aiomqtt.MqttError):
            await self._listening
        if self._broker.returncode is None:
            self._broker.send_signal(signal.SIGCONT)
            self._broker.terminate()
            await self._broker.wait()

    async def _listen(self, ready: "asyncio.Future[None]") -> None:
        for attempt in range(100):
            try:
                async with aiomqtt.Client("127.0.0.1", self.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
                    await client.subscribe("#", qos=1)
                    ready.set_result(None)
                    async for message in client.messages:
                        self.messages.append(message)
            except aiomqtt.MqttError:
                if ready.done():
                    return
                await asyncio.sleep(0.05 + attempt / 1000)

    def options(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "tls": False, "topic": "ec/warnings"}

    async def settle(self) -> None:
        """Wait until what was acknowledged has come to the subscriber as well."""
        seen = -1
        while seen != len(self.messages):
            seen = len(self.messages)
            await asyncio.sleep(0.1)

    def received(self) -> list[tuple[str, bytes | None]]:
        found: list[tuple[str, bytes | None]] = []
        for message in self.messages:
            about = dict(getattr(message.properties, "UserProperty", []))
            assert isinstance(message.payload, bytes)
            found.append((about["identifier"], message.payload))
        return found

    async def break_down(self) -> None:
        await self._down()

    async def repair(self) -> None:
        if self._broker.returncode is None:
            self._broker.send_signal(signal.SIGCONT)
        else:
            await self._up()

    async def hang(self) -> bool:
        self._broker.send_signal(signal.SIGSTOP)
        return True
