"""E-mail: each message as a mail of its own to each address, the CAP file attached as it was sent."""

import asyncio
import ssl
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Generic, Literal

import aiosmtplib
import msgspec

from almenara.channels._recipients import Secret, nameless_ids, read_lines, read_secret
from almenara.channels._texts import body, in_order, title
from almenara.model.errors import ChannelFailed, ChannelRefused, UsageError
from almenara.ports import Outgoing, Receipt, S

_TIMEOUT_S = 60.0
_IDLE_MAX = 50
_ADDRESS_CHARS_MAX = 254  # RFC 5321, 4.5.3.1.3, errata 1690


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is configured."""

    host: str
    sender: str  # "Protección Civil <avisos@agencia.example>"
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"  # none: for a server on this machine
    user: str | None = None
    password: Secret | None = None
    languages: tuple[str, ...] = ()  # sections in this order; default: as the message has them
    to: tuple[str, ...] = ()
    to_file: str | None = None  # one address a line, as a JSON string; read when the channel opens


def open(name: str, options: Options, status: type[S], folder: Path) -> "EmailChannel[S]":  # noqa: A001
    """The channel; nothing is connected yet."""
    what = f"Channel {name} (email)"
    if not 1 <= options.port <= 65_535:
        raise UsageError(f"{what}: port must lie between 1 and 65535.")
    if (options.user is None) != (options.password is None):
        raise UsageError(f"{what}: user and password belong together.")
    listed = options.to
    if options.to_file is not None:
        listed += read_lines(folder / options.to_file, str, what)
    addresses = [_address(text, what).addr_spec for text in listed]
    return EmailChannel(
        name,
        status,
        options,
        _address(options.sender, what),
        read_secret(options.password, folder, what) if options.password is not None else None,
        nameless_ids(addresses, folder, name, what),
    )


class EmailChannel(Generic[S]):
    """One connection for each mail under way, kept for the next one. `Message-ID` is the same for the same message."""

    def __init__(
        self,
        name: str,
        status: type[S],
        options: Options,
        sender: Address,
        password: str | None,
        addresses: dict[str, str],
    ) -> None:
        self.name = name
        self.status: type[S] = status
        self._options = options
        self._sender = sender
        self._password = password
        self._addresses = addresses
        self._idle: list[aiosmtplib.SMTP] = []
        self._common = "", b""  # key of a message → its mail without address and id

    def recipients(self) -> Sequence[str]:
        """A digest for each address."""
        return tuple(self._addresses)

    async def send(self, message: Outgoing[S], recipient: str) -> Receipt:
        """Hand the mail to the server; its answer is the receipt."""
        if recipient not in self._addresses:
            raise ChannelRefused(f"{recipient} is no recipient any more.")
        to = self._addresses[recipient]
        mail = self._addressed(message, to, recipient)
        server = await self._connected()
        try:
            _, answer = await server.sendmail(self._sender.addr_spec, [to], mail)
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPResponseException) as error:
            await self._give_back(server)
            code, text = _answer(error)
            if 500 <= code < 600:
                raise ChannelRefused(f"{self._options.host} answered {code} {text}") from error
            raise ChannelFailed(f"{self._options.host} answered {code} {text}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            server.close()
            raise ChannelFailed(f"{self._options.host}: {error.__class__.__name__}: {error}") from error
        except asyncio.CancelledError:
            server.close()
            raise
        await self._give_back(server)
        return Receipt(answer, "")

    def _addressed(self, message: Outgoing[S], to: str, recipient: str) -> bytes:
        """The mail to one address: what all have in common is written once for a message."""
        if self._common[0] != message.key:
            mail = compose(message, self._sender, self._options.languages)
            self._common = message.key, mail.as_bytes(policy=SMTP)
        return addressed(self._common[1], to, f"<{message.key[:32]}.{recipient}@{self._sender.domain}>")

    async def close(self) -> None:
        """Say goodbye to the server."""
        while self._idle:
            server = self._idle.pop()
            try:
                await server.quit(timeout=2.0)
            except (aiosmtplib.SMTPException, OSError):
                server.close()

    async def _connected(self) -> aiosmtplib.SMTP:
        while self._idle:
            server = self._idle.pop()
            if server.is_connected:
                return server
        options = self._options
        server = aiosmtplib.SMTP(
            hostname=options.host,
            port=options.port,
            use_tls=options.security == "tls",
            start_tls=options.security == "starttls",
            tls_context=ssl.create_default_context() if options.security != "none" else None,
            username=options.user,
            password=self._password,
            timeout=_TIMEOUT_S,
        )
        try:
            await server.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            server.close()
            raise ChannelFailed(f"{options.host}: {error.__class__.__name__}: {error}") from error
        except asyncio.CancelledError:
            server.close()
            raise
        return server

    async def _give_back(self, server: aiosmtplib.SMTP) -> None:
        if server.is_connected and len(self._idle) < _IDLE_MAX:
            self._idle.append(server)
        else:
            server.close()


def addressed(common: bytes, to: str, identifier: str) -> bytes:
    """The mail to one address, under an id of its own. The address is one that `_address` has read."""
    return f"To: {to}\r\nMessage-ID: {identifier}\r\n".encode("ascii") + common


def compose(message: Outgoing[S], sender: Address, languages: Sequence[str]) -> EmailMessage:
    """The mail but for whom it goes to. Deterministic: the same message to the same recipient is the same mail."""
    alert = message.alert
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["Subject"] = title(alert, languages)
    mail["Date"] = format_datetime(alert.sent)
    mail["Auto-Submitted"] = "auto-generated"
    mail["Precedence"] = "list"
    mail["X-Priority"] = "1"
    mail["CAP-Identifier"] = alert.identifier
    tags = [info.language for info in in_order(alert, languages) if info.language]
    if tags:
        mail["Content-Language"] = ", ".join(tags)
    mail.set_content(body(alert, languages), cte="quoted-printable")
    mail.add_attachment(message.xml, maintype="application", subtype="cap+xml", filename="warning.cap.xml")
    mail.set_boundary(f"={message.key[:48]}")
    return mail


def _address(text: str, what: str) -> Address:
    """Raises UsageError for what is no single address, telling no more of it than its domain."""
    mail = EmailMessage()
    found: Address
    try:
        mail["To"] = text
        (found,) = mail["To"].addresses
    except (ValueError, TypeError, IndexError) as error:
        raise UsageError(f"{what}: one of the addresses (…{text[-12:]!r}) is no e-mail address.") from error
    whole = found.username and ("." in found.domain or found.domain == "localhost")
    # Domains in other letters are written in punycode.
    if not whole or not found.addr_spec.isascii() or len(found.addr_spec) > _ADDRESS_CHARS_MAX:
        raise UsageError(f"{what}: one of the addresses (…{text[-12:]!r}) is no e-mail address.")
    return found


def _answer(error: Exception) -> tuple[int, str]:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code, error.message
    return 0, str(error)
