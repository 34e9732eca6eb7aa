"""Warnings that a feed only links to: fetched one by one, once each, from hosts that may be asked, within bounds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from almenara.config import FeedConfig
from almenara.fetch import Fetched
from almenara.model.cap import RefusedDocument
from almenara.model.cap.document import ENVELOPE_BYTES_MAX
from almenara.model.cap.envelopes import open_envelope
from almenara.model.cap.trust import Trust
from almenara.model.errors import UsageError
from almenara.ports import Source
from almenara.sources.cap_feed import SOURCE

#: In one poll; the others wait for the next.
LINKS_MAX = 200
#: A server that does not answer so many times is left alone until the next poll.
FAILURES_MAX = 3


def configured(feed: FeedConfig, base: Path) -> Source | None:
    """The feed's own source, where it is one of others' warnings. Raises UsageError for a trust file of no use."""
    if feed.source != SOURCE.name:
        return None
    trust = None
    if feed.trust is not None:
        try:
            trust = Trust.from_pem((base / feed.trust).read_bytes())
        except OSError as error:
            raise UsageError(f"Feed {feed.name}: trust {feed.trust} cannot be read: {error.strerror}.") from error
    return SOURCE.configured(trust=trust, links_fetched=feed.links)


@dataclass(slots=True)
class Links:
    """What one feed links to: `wanted` are not fetched yet, `done` are, while they stay in the feed."""

    wanted: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    def note(self, index: Path, feed: FeedConfig) -> None:
        """Take in what the feed links to now. One that cannot be read changes nothing."""
        with index.open("rb") as file:
            data = file.read(ENVELOPE_BYTES_MAX + 1)
        try:
            hrefs = [link.href for link in open_envelope(data).links]
        except RefusedDocument:
            return
        urls = dict.fromkeys(url for href in hrefs if (url := _allowed(href, feed)) is not None)
        self.done &= urls.keys()
        self.wanted = [url for url in urls if url not in self.done]

    def fetch(self, ask: Callable[[str], Fetched], take: Callable[[Path], None]) -> str:
        """Fetch what is wanted; `take` gets each message. Returns what went wrong, in words, or ""."""
        failures: list[str] = []
        for url in self.wanted[:LINKS_MAX]:
            fetched = ask(url)
            if fetched.path is None:
                failures.append(f"{fetched.origin}: {fetched.detail}")
                if len(failures) == FAILURES_MAX:
                    break
                continue
            take(fetched.path)
            fetched.path.unlink()
            self.done.add(url)
        self.wanted = [url for url in self.wanted if url not in self.done]
        if not failures:
            return ""
        return f"{len(self.wanted):,} linked warnings are not fetched yet; {failures[0]}"


def _allowed(href: str, feed: FeedConfig) -> str | None:
    """The whole address; None when it leads to a host that neither the feed is on nor its `hosts` name."""
    try:
        url = urljoin(feed.location, href)
        parts, home = urlsplit(url), urlsplit(feed.location)
    except ValueError:
        return None
    downgraded = home.scheme == "https" and parts.scheme != "https"
    if parts.scheme not in ("http", "https") or downgraded or parts.username is not None:
        return None
    same = (parts.hostname, parts.netloc) == (home.hostname, home.netloc.rpartition("@")[2])
    return url if same or parts.hostname in feed.hosts else None
