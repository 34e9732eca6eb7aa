"""Warnings that a feed only links to: fetched one by one, and again when they changed; bounded in place and time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from almenara.config import FeedConfig
from almenara.fetch import Fetched, Validators
from almenara.model.cap import RefusedDocument
from almenara.model.cap.document import ENVELOPE_BYTES_MAX
from almenara.model.cap.envelopes import open_envelope
from almenara.model.cap.trust import Trust
from almenara.model.errors import UsageError
from almenara.ports import Source
from almenara.sources.cap_feed import SOURCE

#: In one poll; the others wait for the next.
LINKS_MAX = 200
#: … and so many that are here already are asked for again, those first that were asked least lately.
ASKED_AGAIN_MAX = 50
#: A server that does not answer so many times is left alone until the next poll.
FAILURES_MAX = 3


def configured(feed: FeedConfig, base: Path) -> Source | None:
    """The feed's own source, where it is one of others' warnings. Raises UsageError for a trust file of no use."""
    if feed.source != SOURCE.name:
        return None
    trust = trust_in(base / feed.trust, f"Feed {feed.name}: trust {feed.trust}") if feed.trust is not None else None
    return SOURCE.configured(trust=trust, links_fetched=feed.links)


def trust_in(path: Path, called: str) -> Trust:
    """The certificates in a PEM file. Raises UsageError that calls the file as it was named."""
    try:
        return Trust.from_pem(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{called} cannot be read: {error.strerror}.") from error


def may_lead_to(feed: FeedConfig, url: str) -> bool:
    """Whether a redirect to an address may be followed: where links are, only to hosts that may be asked."""
    return not feed.links or _allowed(url, feed) is not None


@dataclass(slots=True)
class Links:
    """What one feed links to: `wanted` are not fetched yet, `done` are, while they stay in the feed.

    `done` keeps what the server said of each, those first that were asked for least lately.
    """

    wanted: list[str] = field(default_factory=list)
    done: dict[str, Validators] = field(default_factory=dict)

    def note(self, index: Path, feed: FeedConfig) -> None:
        """Take in what the feed links to now. One that cannot be read changes nothing."""
        with index.open("rb") as file:
            data = file.read(ENVELOPE_BYTES_MAX + 1)
        try:
            hrefs = [link.href for link in open_envelope(data).links]
        except RefusedDocument:
            return
        urls = dict.fromkeys(url for href in hrefs if (url := _allowed(href, feed)) is not None)
        self.done = {url: known for url, known in self.done.items() if url in urls}
        self.wanted = [url for url in urls if url not in self.done]

    def fetch(self, ask: Callable[[str, Validators | None], Fetched], take: Callable[[Path], None]) -> str:
        """Fetch what is wanted, and what changed since; `take` gets each message. What went wrong, in words, or "".

        What a server sent without ETag or Last-Modified is not asked for again: it would come whole each time.
        """
        again = [url for url, known in self.done.items() if known != Validators()]
        failures: list[str] = []
        for url in [*self.wanted[:LINKS_MAX], *again[:ASKED_AGAIN_MAX]]:
            fetched = ask(url, self.done.get(url))
            if fetched.outcome == "failed":
                failures.append(f"{fetched.origin}: {fetched.detail}")
                if len(failures) == FAILURES_MAX:
                    break
            if fetched.path is not None:
                take(fetched.path)
                fetched.path.unlink()
            if fetched.outcome != "failed" or url in self.done:
                self.done.pop(url, None)
                self.done[url] = fetched.validators
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
