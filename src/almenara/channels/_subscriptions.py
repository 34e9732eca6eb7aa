"""Who subscribed to Web Push: a file that grows and shrinks meanwhile, one subscription a line."""

import base64
import binascii
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from almenara.channels._http import check_url
from almenara.channels._recipients import RECIPIENTS_MAX, read_lines
from almenara.durable_files import PRIVATE, write_durably
from almenara.model.errors import CommandRefused, UsageError

ENDPOINT_CHARS_MAX = 1_024
_one_at_a_time = threading.Lock()  # of those who change files of this process


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """A browser's keys, base64url."""

    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """As a browser's `PushSubscription.toJSON()` has it."""

    endpoint: str
    keys: Keys


#: A browser: its point on the curve, and its secret.
Browser = tuple[bytes, bytes]


class SubscriptionFile:
    """The file and what may stand in it."""

    def __init__(self, path: Path, hosts: Sequence[str], what: str, *, plain_http: bool, most: int = RECIPIENTS_MAX):
        self._path = path
        self._hosts = hosts
        self._what = what
        self._plain_http = plain_http
        self._most = most

    def mark(self) -> tuple[int, int, int] | None:
        """Changes when the file does; None: nobody subscribed yet."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def read(self) -> dict[str, Browser]:
        """Browsers by the address at their push service. Raises UsageError that names what is wrong."""
        return {one.endpoint: self.check(one) for one in self._listed()}

    def check(self, subscription: Subscription) -> Browser:
        """The browser's keys. Raises UsageError for an address or keys that no push service gave."""
        what = f"{self._what}: a subscription"
        if len(subscription.endpoint) > ENDPOINT_CHARS_MAX:
            raise UsageError(f"{what}: its address has more than {ENDPOINT_CHARS_MAX} characters.")
        check_url(subscription.endpoint, what, plain=self._plain_http)
        host = urlsplit(subscription.endpoint).hostname or ""
        if not any(host == known or (known[:2] == "*." and host.endswith(known[1:])) for known in self._hosts):
            raise UsageError(f"{self._what}: {host} is none of the push services of `hosts`.")
        try:
            return _point(subscription.keys.p256dh), _bytes(subscription.keys.auth)
        except (ValueError, binascii.Error) as error:
            raise UsageError(f"{what} at {host} has unusable keys.") from error

    def add(self, subscription: Subscription) -> bool:
        """Keep a subscription, durably; False: its address is there already, and has these keys from now on.

        Raises UsageError as `check` does, CommandRefused ("full") when there are too many.
        """
        self.check(subscription)
        with _one_at_a_time:
            kept = {one.endpoint: one for one in self._listed()}
            known = subscription.endpoint in kept
            if not known and len(kept) >= self._most:
                raise CommandRefused("full", "There are as many subscriptions as this service bears.")
            if kept.get(subscription.endpoint) != subscription:
                self._write([*(one for one in kept.values() if one.endpoint != subscription.endpoint), subscription])
            return not known

    def remove(self, endpoint: str) -> bool:
        """Let go of a subscription, durably; False when there was none."""
        with _one_at_a_time:
            listed = self._listed()
            kept = [one for one in listed if one.endpoint != endpoint]
            if len(kept) == len(listed):
                return False
            self._write(kept)
            return True

    def _listed(self) -> tuple[Subscription, ...]:
        return read_lines(self._path, Subscription, self._what) if self.mark() is not None else ()

    def _write(self, subscriptions: Sequence[Subscription]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lines = b"".join(msgspec.json.encode(one) + b"\n" for one in subscriptions)
        write_durably(self._path, lines, mode=PRIVATE)


def _bytes(text: str) -> bytes:
    found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(found) != 16:
        raise ValueError("an authentication secret has 16 bytes")
    return found


def _point(text: str) -> bytes:
    point = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)  # raises ValueError off the curve
    return point
