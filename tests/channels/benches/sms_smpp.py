"""The far side of `sms_smpp`: a short message service centre, and telephones that put long messages together."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

import smpp34

from almenara.channels._sms import _GSM, _GSM_ESCAPED
from tests.channels.benches import Bench

#: command_status (SMPP 3.4, table 5-2).
THROTTLED, INVALID_DESTINATION = "88", "11"


class FarSide(Bench):
    plugin = "sms_smpp"
    carries_xml = False

    async def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.mode = "ok"
        self.parts: list[smpp34.SubmitSmEvent] = []
        self._held: list[smpp34.SubmitSmEvent] = []
        (self.folder / "password").write_text("secret", "utf-8")
        await self._up()

    async def stop(self) -> None:
        await self._down()

    async def _up(self) -> None:
        self._server = smpp34.Server("127.0.0.1", self.port, system_id="centre")
        await self._server.start()
        self._serving = asyncio.create_task(self._serve())

    async def _down(self) -> None:
        self._serving.cancel()
        with suppress(asyncio.CancelledError, smpp34.SmppError, RuntimeError):
            await self._serving
        await self._server.stop()

    async def _serve(self) -> None:
        while True:
            event = await self._server.next()
            if not isinstance(event, smpp34.SubmitSmEvent):
                continue
            if self.mode == "hang":
                self._held.append(event)
            elif self.mode != "ok":
                event.reject(int(self.mode))
            else:
                self.parts.append(event)
                event.accept(f"m{len(self.parts)}")

    def options(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "system_id": "almenara",
            "password": {"file": "password"},
            "source": "AVISOS",
            "numbers": ["+593 99 999 0001", "+593999990002"],
        }

    def texts(self) -> list[tuple[str, str]]:
        """Number and text of each complete message, in order of arrival."""
        open_: dict[tuple[str, int], dict[int, str]] = {}
        found = []
        for part in self.parts:
            data = part.short_message
            if part.esm_class & 0x40:
                reference, count, at = data[3], data[4], data[5]
                held = open_.setdefault((part.destination_addr, reference), {})
                held[at] = decoded(data[6:], part.data_coding)
                if len(held) == count:
                    found.append((part.destination_addr, "".join(held[n] for n in range(1, count + 1))))
                    del open_[part.destination_addr, reference]
            else:
                found.append((part.destination_addr, decoded(data, part.data_coding)))
        return found

    def received(self) -> list[tuple[str, bytes | None]]:
        return [(text.rsplit("#", 1)[-1], None) for _, text in self.texts()]

    async def break_down(self) -> None:
        self.mode = THROTTLED

    async def repair(self) -> None:
        self.mode = "ok"

    async def refuse(self) -> bool:
        self.mode = INVALID_DESTINATION
        return True

    async def hang(self) -> bool:
        self.mode = "hang"
        return True


def decoded(data: bytes, coding: int) -> str:
    if coding == 0x08:
        return data.decode("utf-16-be")
    escaped = {at: letter for letter, at in _GSM_ESCAPED.items()}
    text, octets = "", iter(data)
    for octet in octets:
        text += escaped[next(octets)] if octet == 0x1B else _GSM[octet]
    return text
