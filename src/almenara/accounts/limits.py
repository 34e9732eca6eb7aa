"""How often sign-in may be tried: counts by address and by name, in bounded memory, forgotten within minutes."""

import ipaddress
from collections import OrderedDict

MINUTE_MS = 60_000


class Limit:
    """At most `count` within `window_ms` for each key: a bucket that refills evenly.

    Of more than `keys_max` keys those used longest ago are forgotten, which gives them a full bucket.
    """

    def __init__(self, count: int, window_ms: int, keys_max: int = 20_000) -> None:
        self._count, self._window_ms, self._keys_max = count, window_ms, keys_max
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_ms(self, key: str, now_ms: int) -> int:
        """How long until the next is let through; 0: now."""
        missing = 1.0 - self._level(key, now_ms)
        return max(0, round(missing * self._window_ms / self._count))

    def take(self, key: str, now_ms: int) -> None:
        """One more."""
        level = self._level(key, now_ms)
        self._buckets[key] = (max(0.0, level - 1.0), now_ms)
        self._buckets.move_to_end(key)
        while len(self._buckets) > self._keys_max:
            self._buckets.popitem(last=False)

    def give_back(self, key: str, now_ms: int) -> None:
        """One of those taken does not count after all."""
        if key in self._buckets:
            self._buckets[key] = (min(float(self._count), self._level(key, now_ms) + 1.0), now_ms)

    def clear(self, key: str) -> None:
        """Forget the key."""
        self._buckets.pop(key, None)

    def _level(self, key: str, now_ms: int) -> float:
        level, at_ms = self._buckets.get(key, (float(self._count), now_ms))
        return min(float(self._count), level + max(0, now_ms - at_ms) * self._count / self._window_ms)


class SignInLimits:
    """Failed attempts to sign in.

    Whoever guesses is stopped by address, and by name from one address. A name as a whole is stopped late: an attacker
    could shut out a duty officer on purpose otherwise, and passkeys have no such limit to reach.
    """

    def __init__(self) -> None:
        self.by_address = Limit(30, 5 * MINUTE_MS)
        self.by_name_and_address = Limit(8, 15 * MINUTE_MS)
        self.by_name = Limit(100, 15 * MINUTE_MS)
        #: Refusals that enter the log, by account, and under "" those of nobody known: nobody fills a disk with them.
        self.told = Limit(60, 10 * MINUTE_MS)

    def wait_ms(self, address: str, name: str, now_ms: int) -> int:
        """How long this address has to wait before it may try this name; 0: not at all."""
        network = network_of(address)
        return max(
            self.by_address.wait_ms(network, now_ms),
            self.by_name_and_address.wait_ms(f"{name[:64]}\n{network}", now_ms),
            self.by_name.wait_ms(name[:64], now_ms),
        )

    def failed(self, address: str, name: str, now_ms: int) -> None:
        """An attempt failed (or is under way: count first, or many at once would all pass)."""
        network = network_of(address)
        self.by_address.take(network, now_ms)
        if name:
            self.by_name_and_address.take(f"{name[:64]}\n{network}", now_ms)
            self.by_name.take(name[:64], now_ms)

    def succeeded(self, address: str, name: str, now_ms: int) -> None:
        """It was no failure: their own slips from here are forgotten, those of others are not."""
        network = network_of(address)
        self.by_address.give_back(network, now_ms)
        self.by_name.give_back(name[:64], now_ms)
        self.by_name_and_address.clear(f"{name[:64]}\n{network}")


def network_of(address: str) -> str:
    """What one subscriber of a network has: an IPv4 address, or 64 bits of an IPv6 address.

    >>> network_of("2001:db8:1:2:3::4"), network_of("192.0.2.7"), network_of("::ffff:192.0.2.7")
    ('2001:db8:1:2::/64', '192.0.2.7', '192.0.2.7')
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
