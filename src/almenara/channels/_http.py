"""What channels over HTTP share: one client, an answer read within bounds, and what an answer means."""

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from almenara.model.errors import ChannelFailed, ChannelRefused, UsageError

_ANSWER_BYTES_MAX = 4_096
_RETRY_AFTER_S_MAX = 24 * 3600.0
_CONNECT_S = 10.0
#: The peer will never take this message from us. Everything else may be mended while the message still counts.
_FOR_GOOD = frozenset({400, 410, 413, 415, 422})


def new_client(connections: int) -> httpx.AsyncClient:
    """A client that follows no redirects and takes no proxies, cookies or credentials from its surroundings."""
    return httpx.AsyncClient(
        headers={"User-Agent": "almenara"},
        timeout=httpx.Timeout(None, connect=_CONNECT_S),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        follow_redirects=False,
        trust_env=False,
        verify=ssl.create_default_context(),
    )


def check_url(url: str, what: str, *, plain: bool) -> None:
    """Raises UsageError for what is no https:// address; http:// passes where `plain` allows it."""
    parts = urlsplit(url)
    if parts.scheme not in (("https", "http") if plain else ("https",)) or not parts.hostname:
        allowed = "https:// or http://" if plain else "https://"
        raise UsageError(f"{what}: {url.split('?')[0]!r} is no {allowed} address.")
    if parts.username or parts.password:
        raise UsageError(f"{what}: an address must not hold a password.")


async def post(client: httpx.AsyncClient, url: str, content: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """Post, and give status and the beginning of the answer.

    Raises ChannelFailed or ChannelRefused for what is no 2xx answer, told without the address, which may hold a secret.
    """
    host = urlsplit(url).hostname
    try:
        async with client.stream("POST", url, content=content, headers=dict(headers)) as answer:
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
