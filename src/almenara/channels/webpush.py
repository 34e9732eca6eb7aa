"""Web Push (RFC 8030): a short message to each browser that subscribed, encrypted for it alone (RFC 8291)."""

import base64
import binascii
import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Generic
from urllib.parse import urlsplit

import http_ece
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02, VapidException

from almenara.channels._http import Hosts, check_url, post
from almenara.channels._recipients import Secret, nameless_ids, read_lines, read_secret
from almenara.channels._texts import body, title
from almenara.model.errors import ChannelFailed, ChannelRefused, UsageError
from almenara.ports import Outgoing, Receipt, S

#: The push services of the browsers. Subscriptions come from the public: a message is sent nowhere else.
PUSH_HOSTS = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "web.push.apple.com",
    "*.notify.windows.com",
    "*.push.apple.com",
)
#: A push service need not take more than 4096 bytes (RFC 8030, 7.2); encryption and padding take 103 of them.
PAYLOAD_BYTES_MAX = 3_900
_TTL_S_MAX = 24 * 3600
_TOKEN_S = 12 * 3600
_GONE = ("404", "410")


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """A browser's keys, base64url."""

    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """As a browser's `PushSubscription.toJSON()` has it."""

    endpoint: str
    keys: Keys


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is configured."""

    subscriptions: str  # a file, one subscription a line, as the browser gives it
    key: Secret  # the VAPID private key, PEM (openssl ecparam -genkey -name prime256v1)
    contact: str  # mailto: or https: address that a push service may turn to
    link: str | None = None  # page that a click opens
    languages: tuple[str, ...] = ()
    hosts: tuple[str, ...] = PUSH_HOSTS
    plain_http: bool = False  # for a push service of one's own


def open(name: str, options: Options, status: type[S], folder: Path) -> "WebPushChannel[S]":  # noqa: A001
    """The channel; nothing is sent yet."""
    what = f"Channel {name} (webpush)"
    if not options.contact.startswith(("mailto:", "https://")):
        raise UsageError(f"{what}: contact must be a mailto: or https:// address.")
    try:
        vapid = Vapid02.from_pem(read_secret(options.key, folder, what).encode())
    except (ValueError, VapidException) as error:
        raise UsageError(f"{what}: the key is no private key in PEM: {error.__class__.__name__}.") from error
    listed = read_lines(folder / options.subscriptions, Subscription, what)
    found: dict[str, tuple[bytes, bytes]] = {}
    for subscription in listed:
        check_url(subscription.endpoint, f"{what}: a subscription", plain=options.plain_http)
        host = urlsplit(subscription.endpoint).hostname or ""
        if not any(host == known or (known[:2] == "*." and host.endswith(known[1:])) for known in options.hosts):
            raise UsageError(f"{what}: {host} is none of the push services of `hosts`.")
        try:
            found[subscription.endpoint] = _point(subscription.keys.p256dh), _bytes(subscription.keys.auth)
        except (ValueError, binascii.Error) as error:
            raise UsageError(f"{what}: a subscription at {host} has unusable keys.") from error
    ids = nameless_ids(found, folder, name, what)
    browsers = {}
    for recipient, endpoint in ids.items():
        point, secret = found[endpoint]
        browsers[recipient] = endpoint, point, secret
    return WebPushChannel(name, status, options, vapid, browsers)


class WebPushChannel(Generic[S]):
    """What a push service still holds of a thread is replaced by the next message of that thread (`Topic`)."""

    def __init__(
        self,
        name: str,
        status: type[S],
        options: Options,
        vapid: Vapid02,
        browsers: dict[str, tuple[str, bytes, bytes]],
    ) -> None:
        self.name = name
        self.status: type[S] = status
        self._options = options
        self._vapid = vapid
        self._browsers = browsers
        self._tokens: dict[str, tuple[float, str]] = {}  # push service → until when, header
        self._hosts = Hosts()

    def recipients(self) -> Sequence[str]:
        """A digest for each browser."""
        return tuple(self._browsers)

    async def send(self, message: Outgoing[S], recipient: str) -> Receipt:
        """Hand it to the browser's push service; its answer is the receipt."""
        if recipient not in self._browsers:
            raise ChannelRefused(f"{recipient} has no subscription any more.")
        url, point, secret = self._browsers[recipient]
        headers = {
            "Authorization": self._token(url),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(_ttl_s(message)),
            "Urgency": "high",
            "Topic": hashlib.sha256(message.thread.encode()).hexdigest()[:32],
        }
        content = http_ece.encrypt(
            payload(message, self._options.link, self._options.languages),
            salt=os.urandom(16),
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=point,
            auth_secret=secret,
            version="aes128gcm",
        )
        try:
            status, text = await post(self._hosts, url, content, headers)
        except ChannelFailed as error:
            if any(f"answered {code} " in str(error) for code in _GONE):  # RFC 8030, 7.3: the subscription ended
                raise ChannelRefused(f"the subscription ended: {error}") from error
            raise
        return Receipt(f"{status}", text)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._hosts.close()

    def _token(self, url: str) -> str:
        """Who we are (RFC 8292), signed once for each push service and half a day."""
        parts = urlsplit(url)
        audience = f"{parts.scheme}://{parts.netloc}"
        until, header = self._tokens.get(audience, (0.0, ""))
        now = time.time()
        if until - now < 3600:
            until = now + _TOKEN_S
            claims = {"aud": audience, "sub": self._options.contact, "exp": int(until)}
            header = self._vapid.sign(claims)["Authorization"]
            self._tokens[audience] = until, header
        return header


def payload(message: Outgoing[S], link: str | None, languages: Sequence[str]) -> bytes:
    """What the page's service worker shows, as JSON of at most PAYLOAD_BYTES_MAX bytes; a long text ends in "…"."""
    alert = message.alert
    told = {
        "title": title(alert, languages),
        "body": "",
        "identifier": alert.identifier,
        "thread": message.thread,
        "status": message.status.word,
        "msgType": message.msg_type,
        "severity": alert.info[0].severity.value if alert.info else "Unknown",
        "sent": message.sent_ms,
        "expires": message.expires_ms,
        "link": link,
    }
    text = body(alert, languages)
    room = PAYLOAD_BYTES_MAX - len(msgspec.json.encode(told))
    while len(msgspec.json.encode(text)) > room and text:
        text = text[: max(len(text) * 9 // 10 - 1, 0)].rstrip() + ("…" if len(text) > 1 else "")
        if text == "…":
            text = ""
    return msgspec.json.encode({**told, "body": text})


def _ttl_s(message: Outgoing[S]) -> int:
    """How long a push service keeps it for a browser that is off: until it expires."""
    if message.expires_ms is None:
        return _TTL_S_MAX
    return min(max(message.expires_ms // 1000 - int(time.time()), 0), _TTL_S_MAX)


def _bytes(text: str) -> bytes:
    found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(found) != 16:
        raise ValueError("an authentication secret has 16 bytes")
    return found


def _point(text: str) -> bytes:
    point = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)  # raises ValueError off the curve
    return point
