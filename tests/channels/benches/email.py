"""The far side of `email`: a real SMTP server (aiosmtpd) on this machine."""

import asyncio
import email
import email.policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.channels.benches import Bench


class FarSide(Bench):
    plugin = "email"

    async def start(self) -> None:
        self.mails: list[EmailMessage] = []
        self.mode = "ok"
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, hostname="mail.test", loop=loop), "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()

    def options(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "security": "none",
            "sender": "Protección Civil <avisos@agencia.example>",
            "to": ["Ana <ana@example.org>", "lista@example.org"],
        }

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """As aiosmtpd calls it."""
        if self.mode == "hang":
            await asyncio.sleep(3600)
        if self.mode != "ok":
            return self.mode
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.SMTP)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return f"250 2.0.0 queued as {len(self.mails)}"

    def received(self) -> list[tuple[str, bytes | None]]:
        found: list[tuple[str, bytes | None]] = []
        for mail in self.mails:
            (attached,) = mail.iter_attachments()
            data = attached.get_payload(decode=True)
            assert isinstance(data, bytes)
            found.append((str(mail["CAP-Identifier"]), data))
        return found

    async def break_down(self) -> None:
        self.mode = "451 4.3.0 try later"

    async def repair(self) -> None:
        self.mode = "ok"

    async def refuse(self) -> bool:
        self.mode = "550 5.1.1 no such user"
        return True

    async def hang(self) -> bool:
        self.mode = "hang"
        return True
