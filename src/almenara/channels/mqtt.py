"""MQTT 5: each message published once to a topic of its status and thread, acknowledged by the broker."""

import asyncio
import re
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic

import aiomqtt
import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from almenara.channels._recipients import Secret, read_secret
from almenara.model.errors import ChannelFailed, UsageError
from almenara.ports import Outgoing, Receipt, S

_TOPIC = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_TOPIC_CHARS_MAX = 64
_TIMEOUT_S = 15.0
_EXPIRY_S_MAX = 2**32 - 1


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is configured."""

    host: str
    port: int = 8883
    tls: bool = True
    user: str | None = None
    password: Secret | None = None
    topic: str = "warnings"  # messages go to TOPIC/STATUS/THREAD
    retain: bool = True  # who subscribes later gets the last message of each thread, until it expires


def open(name: str, options: Options, status: type[S], folder: Path) -> "MqttChannel[S]":  # noqa: A001
    """The channel; nothing is connected yet."""
    what = f"Channel {name} (mqtt)"
    if not 1 <= options.port <= 65_535:
        raise UsageError(f"{what}: port must lie between 1 and 65535.")
    if not _TOPIC.fullmatch(options.topic) or len(options.topic) > _TOPIC_CHARS_MAX:
        raise UsageError(f"{what}: topic must be at most {_TOPIC_CHARS_MAX} of A-Z a-z 0-9 . _ - and / between.")
    if (options.user is None) != (options.password is None):
        raise UsageError(f"{what}: user and password belong together.")
    password = read_secret(options.password, folder, what) if options.password is not None else None
    return MqttChannel(name, status, options, password)


class MqttChannel(Generic[S]):
    """One connection, made at the first message and again after a fault. Quality of service 1: at least once."""

    def __init__(self, name: str, status: type[S], options: Options, password: str | None) -> None:
        self.name = name
        self.status: type[S] = status
        self._options = options
        self._password = password
        self._client: aiomqtt.Client | None = None
        self._connecting = asyncio.Lock()

    def recipients(self) -> Sequence[str]:
        """The topic."""
        return (self._options.topic,)

    async def send(self, message: Outgoing[S], recipient: str) -> Receipt:
        """Publish it; the broker's PUBACK is the receipt."""
        thread = re.sub(r"[^A-Za-z0-9._:-]", "_", message.thread)
        topic = f"{self._options.topic}/{message.status.word}/{thread}"
        client = await self._connected()
        try:
            await client.publish(
                topic,
                message.xml,
                qos=1,
                retain=self._options.retain,
                properties=_properties(message),
                timeout=_TIMEOUT_S,
            )
        except (aiomqtt.MqttError, ValueError, OSError) as error:
            await self._drop(client)
            raise ChannelFailed(f"{self._options.host}: {error}") from error
        return Receipt(topic, "acknowledged by the broker")

    async def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            await self._drop(self._client)

    async def _connected(self) -> aiomqtt.Client:
        async with self._connecting:
            if self._client is None:
                options = self._options
                client = aiomqtt.Client(
                    options.host,
                    options.port,
                    username=options.user,
                    password=self._password,
                    protocol=aiomqtt.ProtocolVersion.V5,
                    tls_context=ssl.create_default_context() if options.tls else None,
                    timeout=_TIMEOUT_S,
                )
                try:
                    await client.__aenter__()
                except (aiomqtt.MqttError, OSError) as error:
                    raise ChannelFailed(f"{options.host}: {error}") from error
                self._client = client
            return self._client

    async def _drop(self, client: aiomqtt.Client) -> None:
        """Give up a connection; whoever comes next makes a new one."""
        if self._client is client:
            self._client = None
            with suppress(aiomqtt.MqttError, OSError):
                await client.__aexit__(None, None, None)


def _properties(message: Outgoing[S]) -> Properties:
    found = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    found.ContentType = "application/cap+xml"
    found.UserProperty = [
        ("identifier", message.identifier),
        ("status", message.status.word),
        ("msgType", message.msg_type),
        ("idempotency-key", message.key),
    ]
    if message.expires_ms is not None:
        left = message.expires_ms // 1000 - int(time.time())
        found.MessageExpiryInterval = min(max(left, 60), _EXPIRY_S_MAX)
    return found
