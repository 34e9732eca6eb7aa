"""What channels over HTTP share: a client for each host, an answer read within bounds, and what an answer means."""

import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from urllib.parse import urlsplit

import httpx

from almenara.model.errors import ChannelFailed, ChannelRefused, UsageError

_ANSWER_BYTES_MAX = 4_096
_RETRY_AFTER_S_MAX = 24 * 3600.0
_CONNECT_S = 10.0
#: The peer will never take this message from us. Everything else may be mended while the message still counts.
_FOR_GOOD = frozenset({400, 410, 413, 415, 422})


class Hosts:
    """A client for each host, with connections of its own, kept while anything is under way with that host.

    One pool for all would be searched from end to end for each post, and who does not answer would hold its places.
    """

    def __init__(self) -> None:
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._under_way: Counter[str] = Counter()

    @cached_property
    def _verify(self) -> ssl.SSLContext:
        """Read once, at the first need: it takes longer than a post."""
        return ssl.create_default_context()

    @asynccontextmanager
    async def client(self, url: str) -> AsyncIterator[httpx.AsyncClient]:
        """The client for an address; closed when the last who uses it has done."""
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._clients:
            self._clients[host] = _new_client(self._verify)
        self._under_way[host] += 1
        try:
            yield self._clients[host]
        finally:
            self._under_way[host] -= 1
            if not self._under_way[host]:
                del self._under_way[host]
                if host in self._clients:  # not closed meanwhile
                    await self._clients.pop(host).aclose()

    async def close(self) -> None:
        """Close what is still open."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()


def _new_client(verify: ssl.SSLContext) -> httpx.AsyncClient:
    """A client that follows no redirects and takes no proxies, cookies or credentials from its surroundings."""
    return httpx.AsyncClient(
        headers={"User-Agent": "almenara"},
        timeout=httpx.Timeout(None, connect=_CONNECT_S),
        limits=httpx.Limits(max_connections=None),  # as many as posts: whoever sends bounds those
        follow_redirects=False,
        trust_env=False,
        verify=verify,
    )


def check_url(url: str, what: str, *, plain: bool) -> None:
    """Raises UsageError for what is no https:// address; http:// passes where `plain` allows it."""
    parts = urlsplit(url)
    if parts.scheme not in (("https", "http") if plain else ("https",)) or not parts.hostname:
        allowed = "https:// or http://" if plain else "https://"
        raise UsageError(f"{what}: {url.split('?')[0]!r} is no {allowed} address.")
    if parts.username or parts.password:
        raise UsageError(f"{what}: an address must not hold a password.")


async def post(hosts: Hosts, url: str, content: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """Post, and give status and the beginning of the answer.

    Raises ChannelFailed or ChannelRefused for what is no 2xx answer, told without the address, which may hold a secret.
    """
    host = urlsplit(url).hostname
    try:
        async with (
            hosts.client(url) as client,
            client.stream("POST", url, content=content, headers=dict(headers)) as answer,
        ):
            read = b""
            async for piece in answer.aiter_raw():
                read += piece
                if len(read) >= _ANSWER_BYTES_MAX:
                    break
    except httpx.HTTPError as error:
        raise ChannelFailed(f"{host}: {error.__class__.__name__}: {error}") from error
    text = read[:_ANSWER_BYTES_MAX].decode("utf-8", "replace")
    if answer.is_success:
        return answer.status_code, text
    said = f"{host} answered {answer.status_code} {answer.reason_phrase}: {text}"
    if answer.status_code in _FOR_GOOD:
        raise ChannelRefused(said)
    if answer.is_redirect:
        said = f"{host} has moved to {answer.headers.get('location', 'an unknown place')}: configure the new address"
    raise ChannelFailed(said, retry_after_s=retry_after(answer.headers.get("retry-after"), datetime.now(UTC)))


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After asks for (RFC 9110, 10.2.3): a number or a date; None where it says nothing usable.

    >>> retry_after("120", datetime.now(UTC)), retry_after("soon", datetime.now(UTC))
    (120.0, None)
    >>> retry_after("Tue, 03 Sep 2024 14:01:00 GMT", datetime(2024, 9, 3, 14, 0, tzinfo=UTC))
    60.0
    """
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return min(float(value), _RETRY_AFTER_S_MAX)
    try:
        wait = (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(wait, 0.0), _RETRY_AFTER_S_MAX)
