"""SMS over SMPP 3.4: the headline and what to do, to each number, through a short message service centre."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, Literal

import msgspec
import smpp34

from almenara.channels._recipients import Secret, nameless_ids, read_lines, read_secret
from almenara.channels._sms import SEGMENTS_MAX, Sms, fit, segments
from almenara.channels._texts import in_order, title
from almenara.model.errors import ChannelFailed, ChannelRefused, UsageError
from almenara.ports import Outgoing, Receipt, S

_NUMBER = re.compile(r"\+?[1-9][0-9]{4,14}")  # ITU-T E.164
_UDH = 0x40  # esm_class: the text begins with a user data header
_INTERNATIONAL, _ALPHANUMERIC, _UNKNOWN, _ISDN = 1, 5, 0, 1
#: command_status values that say that this message will never be taken (SMPP 3.4, table 5-2).
_FOR_GOOD = frozenset({0x01, 0x0A, 0x0B, 0x33, 0x34, 0x48, 0x49, 0x50, 0x51, 0x61, 0x62})
_CONNECT_MS = 10_000
_WINDOW = 50
_BINDS = {"transmitter": "TX", "transceiver": "TRX"}


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is configured."""

    host: str
    system_id: str
    password: Secret
    source: str  # the sender that phones show: a number, a short code, or up to 11 letters
    port: int = 2775
    tls: bool = False
    bind: Literal["transmitter", "transceiver"] = "transmitter"
    language: str | None = None  # of the text; default: the first of the message
    segments_max: int = 3  # of 153 letters, or 67 where the text needs others than GSM 03.38 has
    numbers: tuple[str, ...] = ()  # +593…
    numbers_file: str | None = None  # one number a line, as a JSON string; read when the channel opens


def open(name: str, options: Options, status: type[S], folder: Path) -> "SmsChannel[S]":  # noqa: A001
    """The channel; nothing is connected yet."""
    what = f"Channel {name} (sms_smpp)"
    if not 1 <= options.port <= 65_535:
        raise UsageError(f"{what}: port must lie between 1 and 65535.")
    if not 1 <= options.segments_max <= SEGMENTS_MAX:
        raise UsageError(f"{what}: segments_max must lie between 1 and {SEGMENTS_MAX}.")
    if not re.fullmatch(r"[A-Za-z0-9 ._-]{1,11}|\+?[0-9]{1,15}", options.source):
        raise UsageError(f"{what}: source must be a number or up to 11 letters and digits.")
    listed = options.numbers
    if options.numbers_file is not None:
        listed += read_lines(folder / options.numbers_file, str, what)
    plain = [re.sub(r"[ ()-]", "", number) for number in listed]
    for at, number in enumerate(plain, start=1):
        if not _NUMBER.fullmatch(number):
            raise UsageError(f"{what}: number {at} is no international number such as +593 99 999 9999.")
    numbers = nameless_ids((number.lstrip("+") for number in plain), folder, name, what)
    return SmsChannel(name, status, options, read_secret(options.password, folder, what), numbers)


class SmsChannel(Generic[S]):
    """One bound session, made at the first message and again after a fault."""

    def __init__(self, name: str, status: type[S], options: Options, password: str, numbers: dict[str, str]) -> None:
        self.name = name
        self.status: type[S] = status
        self._options = options
        self._password = password
        self._numbers = numbers
        self._session: tuple[smpp34.Client, smpp34.Smsc] | None = None
        self._binding = asyncio.Lock()

    def recipients(self) -> Sequence[str]:
        """A digest for each number."""
        return tuple(self._numbers)

    async def send(self, message: Outgoing[S], recipient: str) -> Receipt:
        """Submit each segment; the centre's message ids are the receipt."""
        if recipient not in self._numbers:
            raise ChannelRefused(f"{recipient} is no recipient any more.")
        options = self._options
        sms = text_of(message, options.language, options.segments_max)
        parts = segments(sms, reference=int(message.key[:2], 16))
        session = await self._bound()
        centre = session[1]
        ids = []
        for part in parts:
            try:
                answer = await centre.submit_sm(
                    self._numbers[recipient],
                    part,
                    source_addr=options.source.lstrip("+"),
                    source_addr_ton=_ton(options.source),
                    source_addr_npi=_ISDN if options.source.lstrip("+").isdigit() else _UNKNOWN,
                    dest_addr_ton=_INTERNATIONAL,
                    dest_addr_npi=_ISDN,
                    esm_class=_UDH if len(parts) > 1 else 0,
                    data_coding=sms.data_coding,
                    priority_flag=1,
                )
            except (smpp34.SmppError, OSError, RuntimeError) as error:
                if not (isinstance(error, smpp34.SmppError) and _status(error)):
                    await self._drop(session)
                raise _judged(options.host, _status(error), str(error)) from error
            if not answer.is_success:
                raise _judged(options.host, answer.command_status, "")
            ids.append(answer.message_id or "")
        return Receipt(" ".join(ids) or "accepted", f"{len(parts)} segments")

    async def close(self) -> None:
        """Unbind."""
        if self._session is not None:
            await self._drop(self._session)

    async def _bound(self) -> tuple[smpp34.Client, smpp34.Smsc]:
        async with self._binding:
            if self._session is not None and not await self._session[0].is_alive():
                await self._drop(self._session)
            if self._session is None:
                options = self._options
                client = smpp34.Client(
                    options.host,
                    options.port,
                    options.system_id,
                    self._password,
                    bind_type=_BINDS[options.bind],
                    tls=options.tls,
                    window_size=_WINDOW,
                    connect_timeout_ms=_CONNECT_MS,
                )
                try:
                    self._session = client, await client.connect()
                except (smpp34.SmppError, OSError, RuntimeError) as error:
                    raise ChannelFailed(f"{options.host}: {error}") from error
            return self._session

    async def _drop(self, session: tuple[smpp34.Client, smpp34.Smsc]) -> None:
        """Give up a session; whoever comes next binds anew."""
        if self._session is session:
            self._session = None
            try:
                await asyncio.wait_for(session[0].stop(), 2.0)
            except (smpp34.SmppError, OSError, RuntimeError, TimeoutError):
                return


def text_of(message: Outgoing[S], language: str | None, segments_max: int) -> Sms:
    """Headline, as much of what to do as fits whole, and the identifier, by which a caller can name the message."""
    alert = message.alert
    infos = in_order(alert, (language,) if language else ())[:1]
    tags = (infos[0].language,) if infos and infos[0].language else ()
    told = [title(alert, tags)]
    for info in infos:
        told += [line for line in (info.instruction or "").splitlines() if line.strip()]
        if info.web:
            told.insert(1, info.web)
    return fit(told, f"#{alert.identifier}", segments_max)


def _ton(source: str) -> int:
    digits = source.lstrip("+")
    if not digits.isdigit():
        return _ALPHANUMERIC
    return _INTERNATIONAL if source.startswith("+") else _UNKNOWN


def _status(error: Exception) -> int:
    """The command_status that the library's words carry; 0 where they carry none."""
    found = re.search(r"\(0x([0-9a-fA-F]{8})\)", str(error))
    return int(found[1], 16) if found else 0


def _judged(host: str, status: int, words: str) -> ChannelFailed | ChannelRefused:
    said = f"{host} answered {words or f'command_status 0x{status:08X}'}"
    return ChannelRefused(said) if status in _FOR_GOOD else ChannelFailed(said)
