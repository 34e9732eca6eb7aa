"""Webhooks: each message posted to each subscriber, signed as Standard Webhooks (standardwebhooks.com, 1.0) has it."""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Generic

import msgspec

from almenara.channels._http import Hosts, check_url, post
from almenara.channels._recipients import Secret, by_id, read_lines, read_secret
from almenara.model.errors import ChannelRefused, UsageError
from almenara.ports import Outgoing, Receipt, S

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Subscriber(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One endpoint."""

    id: str  # yours to choose; it stands in the log
    url: str
    secret: Secret | None = None  # default: the channel's


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is configured."""

    secret: Secret  # of the signature: "whsec_" and 24 to 64 bytes in base64
    subscribers: tuple[Subscriber, ...] = ()
    subscribers_file: str | None = None  # one subscriber a line, as JSON; read when the channel opens
    plain_http: bool = False  # also http:// addresses, for a network of one's own


def open(name: str, options: Options, status: type[S], folder: Path) -> "WebhookChannel[S]":  # noqa: A001
    """The channel; nothing is sent yet."""
    what = f"Channel {name} (webhook)"
    listed = options.subscribers
    if options.subscribers_file is not None:
        listed += read_lines(folder / options.subscribers_file, Subscriber, what)
    shared = _key(read_secret(options.secret, folder, what), what)
    endpoints = []
    for subscriber in listed:
        if not _ID.fullmatch(subscriber.id):
            raise UsageError(f"{what}: the id {subscriber.id!r} may have 1 to 64 of A-Z a-z 0-9 . _ -.")
        check_url(subscriber.url, f"{what}: {subscriber.id}", plain=options.plain_http)
        own = subscriber.secret
        key = shared if own is None else _key(read_secret(own, folder, f"{what}: {subscriber.id}"), what)
        endpoints.append((subscriber.id, (subscriber.url, key)))
    return WebhookChannel(name, status, by_id(endpoints, what))


class WebhookChannel(Generic[S]):
    """Posts the message's own bytes. `webhook-id` stays the same when the same message is sent again."""

    def __init__(self, name: str, status: type[S], endpoints: dict[str, tuple[str, bytes]]) -> None:
        self.name = name
        self.status: type[S] = status
        self._endpoints = endpoints
        self._hosts = Hosts()

    def recipients(self) -> Sequence[str]:
        """The subscribers' ids."""
        return tuple(self._endpoints)

    async def send(self, message: Outgoing[S], recipient: str) -> Receipt:
        """Post it; a 2xx answer is the receipt."""
        if recipient not in self._endpoints:
            raise ChannelRefused(f"{recipient} is no subscriber any more.")
        url, key = self._endpoints[recipient]
        headers = {
            **signed(message.key, int(time.time()), message.xml, key),
            "Content-Type": "application/cap+xml",
            "Idempotency-Key": f'"{message.key}"',
            "CAP-Identifier": message.identifier,
            "CAP-Status": message.status.word,
        }
        status, text = await post(self._hosts, url, message.xml, headers)
        return Receipt(f"{status}", text)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._hosts.close()


def signed(name: str, at_s: int, body: bytes, key: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks: HMAC-SHA256 over id, time and body.

    >>> signed("msg_1", 1614265330, b"{}", b"k" * 24)["webhook-signature"][:3]
    'v1,'
    """
    mac = hmac.digest(key, f"{name}.{at_s}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def _key(secret: str, what: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise UsageError(
            f'{what}: a secret is "whsec_" and 24 to 64 bytes in base64. '
            "One can be made by: echo whsec_$(openssl rand -base64 32)"
        )
    return key
