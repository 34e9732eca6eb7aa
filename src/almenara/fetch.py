"""Fetches a feed over HTTP into a file: bounded in time, size, redirects and attempts, and silent about credentials."""

import hashlib
import logging
import os
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

import httpx

from almenara.model.limits import DOWNLOAD_BYTES_MAX, MIB

ATTEMPTS_MAX = 4
REDIRECTS_MAX = 5
BACKOFF_S = 2.0  # doubles with each attempt
WAIT_S_MAX = 60.0  # also the most that a server's Retry-After can ask for before this poll is given up
#: A server that sends a byte now and then must not hold the line for ever.
DOWNLOAD_S_MAX = 300.0
#: The reason why an address is not followed to where it leads.
REDIRECT_REFUSED = "redirect-to-another-host"
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HIDDEN = "…"


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said about the content it sent, so that it need not send it again."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """How asking went. `origin` may be shown and logged: it holds no credentials."""

    path: Path | None  # of the new content; None unless the outcome is "data"
    outcome: str  # "data" | "unchanged" | "failed"
    origin: str
    validators: Validators = field(default_factory=Validators)
    detail: str = ""  # for people; empty when all is well


class _Failed(Exception):
    """This attempt brought nothing. `again`: another may."""

    def __init__(self, detail: str, *, again: bool, wait_s: float | None = None) -> None:
        super().__init__(detail)
        self.again = again
        self.wait_s = wait_s


def fetch(
    url: str,
    folder: Path,
    *,
    previous: Validators | None,
    client: httpx.Client,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    bytes_max: int = DOWNLOAD_BYTES_MAX,
    may_lead_to: Callable[[str], bool] = lambda url: True,
) -> Fetched:
    """Ask for a content and put it into a folder, whole or not at all; `may_lead_to` judges each redirect.

    Whatever goes wrong outside is outcome "failed" with words for people; a full disk raises OSError.
    """
    origin = redact(url)
    known = previous or Validators()
    try:
        _check(url)
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                return _attempt(url, folder, known, client, monotonic, bytes_max, may_lead_to)
            except _Failed as failure:
                wait_s = BACKOFF_S * 2 ** (attempt - 1) if failure.wait_s is None else failure.wait_s
                if not failure.again or attempt == ATTEMPTS_MAX or wait_s > WAIT_S_MAX:
                    raise
                sleep(wait_s)
    except _Failed as failure:
        return Fetched(None, "failed", origin, known, str(failure))
    raise AssertionError("the last attempt returns or fails")


def new_client(user_agent: str) -> httpx.Client:
    """A client for `fetch`: time-outs set, redirects left to `fetch`, which checks each of them."""
    # httpx writes every URL to its log, with the keys that are in it.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(timeout=_TIMEOUT, follow_redirects=False, headers={"User-Agent": user_agent})


def _attempt(
    url: str,
    folder: Path,
    known: Validators,
    client: httpx.Client,
    monotonic: Callable[[], float],
    bytes_max: int,
    may_lead_to: Callable[[str], bool],
) -> Fetched:
    origin = redact(url)
    deadline = monotonic() + DOWNLOAD_S_MAX
    here = url
    for _ in range(REDIRECTS_MAX + 1):
        try:
            with client.stream(
                "GET", here, headers=_conditions(known), timeout=_TIMEOUT, follow_redirects=False
            ) as response:
                if response.status_code in _REDIRECTS and "Location" in response.headers:
                    here = _redirected(here, response.headers["Location"], may_lead_to)
                    continue
                if response.status_code == 304:
                    return Fetched(None, "unchanged", origin, known)
                if response.status_code != 200:
                    raise _refused(response)
                path = _save(response, folder, url, lambda: monotonic() > deadline, bytes_max)
                validators = Validators(response.headers.get("ETag"), response.headers.get("Last-Modified"))
                return Fetched(path, "data", origin, validators)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _Failed(f"{_words(error)}: {redact_in(str(error), here)}".rstrip(": "), again=True) from error
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise _Failed("the address cannot be used", again=False) from error
    raise _Failed(f"more than {REDIRECTS_MAX} redirects", again=False)


def _conditions(known: Validators) -> dict[str, str]:
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in conditions.items() if value}


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _Failed("the address cannot be used", again=False) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _Failed("only http:// and https:// addresses are fetched", again=False)


def _redirected(here: str, location: str, may_lead_to: Callable[[str], bool]) -> str:
    there = urljoin(here, location)
    _check(there)
    if urlsplit(here).scheme == "https" and urlsplit(there).scheme != "https":
        raise _Failed("the server redirects to an address without encryption", again=False)
    if not may_lead_to(there):
        raise _Failed(f"{REDIRECT_REFUSED}: the server redirects to {urlsplit(there).netloc}", again=False)
    return there


def _refused(response: httpx.Response) -> _Failed:
    status = response.status_code
    return _Failed(
        f"the server answered {status} {response.reason_phrase[:60]}".strip(),
        again=status in _RETRIED,
        wait_s=_retry_after_s(response),
    )


def _retry_after_s(response: httpx.Response) -> float | None:
    """Seconds to wait as the server asks: a number, or a date counted from the server's own clock."""
    asked = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", asked):
        return float(asked)
    try:
        until, now = parsedate_to_datetime(asked), parsedate_to_datetime(response.headers.get("Date", ""))
        return max(0.0, (until.replace(tzinfo=UTC) - now.replace(tzinfo=UTC)).total_seconds())
    except ValueError:
        return None


def _save(response: httpx.Response, folder: Path, url: str, is_late: Callable[[], bool], bytes_max: int) -> Path:
    """The body as a file that is named for its content; nothing is left behind when it does not come whole."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    received = 0
    descriptor, name = tempfile.mkstemp(prefix=".fetch-", dir=folder)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            for chunk in response.iter_bytes():
                received += len(chunk)
                if received > bytes_max:
                    raise _Failed(f"the content is larger than {bytes_max / MIB:,.0f} MiB", again=False)
                if is_late():
                    raise _Failed(f"the content did not come within {DOWNLOAD_S_MAX:.0f} s", again=True)
                digest.update(chunk)
                out.write(chunk)
        path = folder / f"{digest.hexdigest()[:16]}-{_file_name(url)}"
        unfinished.replace(path)
        return path
    finally:
        unfinished.unlink(missing_ok=True)


def _file_name(url: str) -> str:
    """A harmless name that still hints at the feed, credentials left out."""
    parts = urlsplit(redact(url))
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", parts.path.rsplit("/", 1)[-1]).strip("-.")
    return words[-80:] or "content"


def _words(error: httpx.RequestError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "the server did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "the server cannot be reached"
    if isinstance(error, httpx.DecodingError):
        return "the content is damaged"
    return "the connection broke"


_KEY_NAME = re.compile(r"key|token|secret|passw|pwd|auth|sig|credential|session|^code$", re.IGNORECASE)
#: FIRMS puts its MAP_KEY, 32 hexadecimal digits, into the path.
_KEY_SEGMENT = re.compile(r"[0-9a-f]{32,}", re.IGNORECASE)


def redact(url: str) -> str:
    """An address without what must stay secret: user and password, keys in the query, MAP_KEYs in the path.

    >>> redact("https://me:pw@host/api/area/csv/0123456789abcdef0123456789abcdef/VIIRS?day=1&token=t")
    'https://host/api/area/csv/…/VIIRS?day=1&token=…'
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return _HIDDEN
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    path = "/".join(_HIDDEN if _KEY_SEGMENT.fullmatch(segment) else segment for segment in parts.path.split("/"))
    query = parts.query
    if query:
        pairs = parse_qsl(query, keep_blank_values=True)
        shown = [(name, _HIDDEN if _is_secret(name, value) else value) for name, value in pairs]
        query = urlencode(shown, quote_via=quote, safe="…:/,")
        query = query.replace(quote(_HIDDEN), _HIDDEN)
    return urlunsplit((parts.scheme, host + port, path, query, ""))


def redact_in(text: str, url: str) -> str:
    """A text in which the address appears without its secrets."""
    return text.replace(url, redact(url))


def _is_secret(name: str, value: str) -> bool:
    return bool(_KEY_NAME.search(name) or _KEY_SEGMENT.fullmatch(value))
