"""The public feed: Atom, RSS and every CAP message as static files that any web server can serve, kept for ever.

atom.xml, rss.xml        what has not run out, the newest first
alerts/IDENTIFIER.xml    each message as it was sent; never changed, never deleted
archive/2024-09.xml      each month's messages (RFC 5005, archived feeds), linked from atom.xml
.htaccess, _headers      how long each may be cached, for the web servers that read them
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Generic
from urllib.parse import quote

import msgspec

from almenara.channels._feed_xml import Entry, Head, archive_xml, atom_xml, entries_in, entry_of, rss_xml
from almenara.channels._http import check_url
from almenara.durable_files import write_durably
from almenara.model.cap import from_xml
from almenara.model.errors import ChannelFailed, ChannelRefused, InvalidWarning, UsageError
from almenara.ports import Outgoing, Receipt, S

#: It is an archive too: a message that a newer one superseded is kept in it all the same.
KEEPS_ALL = True
_NAME_BYTES_MAX = 200
NEVER_MS = 1 << 62
#: The feeds are asked often and must be fresh; a message never changes.
_HTACCESS = """\
AddType application/cap+xml .xml
<FilesMatch "^(atom|rss)\\.xml$">
  Header set Cache-Control "public, max-age=30, must-revalidate"
</FilesMatch>
"""
_HEADERS = """\
/atom.xml
  Content-Type: application/atom+xml; charset=utf-8
  Cache-Control: public, max-age=30, must-revalidate
/rss.xml
  Content-Type: application/rss+xml; charset=utf-8
  Cache-Control: public, max-age=30, must-revalidate
/alerts/*
  Content-Type: application/cap+xml; charset=utf-8
  Cache-Control: public, max-age=31536000, immutable
/archive/*
  Content-Type: application/atom+xml; charset=utf-8
  Cache-Control: public, max-age=300
"""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is configured."""

    path: str  # the folder that the web server serves; made when it is missing
    url: str  # where the public finds it: "https://avisos.agencia.example/"
    title: str
    author: str
    languages: tuple[str, ...] = ()  # of titles and summaries; default: as each message has them
    days: int = 7  # how long a message that never expires stays in atom.xml and rss.xml; the others, until they do


def open(name: str, options: Options, status: type[S], folder: Path) -> "FeedChannel[S]":  # noqa: A001
    """The channel; nothing is written yet."""
    what = f"Channel {name} (feed)"
    check_url(options.url, what, plain=True)
    if not options.url.endswith("/"):
        raise UsageError(f"{what}: url names the folder and ends in a slash, not {options.url!r}.")
    if not 1 <= options.days <= 365:
        raise UsageError(f"{what}: days must lie between 1 and 365.")
    return FeedChannel(name, status, options, folder / options.path)


class FeedChannel(Generic[S]):
    """Publishes by writing files, each whole or not at all, the messages before the feeds that name them."""

    def __init__(self, name: str, status: type[S], options: Options, folder: Path) -> None:
        self.name = name
        self.status: type[S] = status
        self.folder = folder
        self._options = options
        self._one_at_a_time = asyncio.Lock()
        self._now_ms = 0  # by the clock of who sends, which in an exercise is not this machine's
        self._next_ms = 0  # when something in the feeds runs out

    def recipients(self) -> Sequence[str]:
        """The feed, by the channel's name with the letters of an id."""
        return (re.sub(r"[^A-Za-z0-9._-]", "_", self.name)[:64],)

    async def send(self, message: Outgoing[S], recipient: str) -> Receipt:
        """Publish it, read the feed back, and give its address for a receipt."""
        name = f"{quote(message.identifier, safe='')}.xml"
        if len(name) > _NAME_BYTES_MAX:
            raise ChannelRefused(f"The identifier {message.identifier[:40]}… is too long for the name of a file.")
        async with self._one_at_a_time:
            self._now_ms = max(self._now_ms, message.sent_ms)
            with self._disk_errors():
                return await asyncio.to_thread(self._publish, message, name)

    async def tend(self, now_ms: int) -> None:
        """Take what ran out from the feeds, on time: nobody reads there of an alert that is over as if it were on."""
        async with self._one_at_a_time:
            self._now_ms = now_ms
            if now_ms >= self._next_ms:
                with self._disk_errors():
                    await asyncio.to_thread(self._refresh)

    async def close(self) -> None:
        """Nothing is held open."""

    def _publish(self, message: Outgoing[S], name: str) -> Receipt:
        for part in ("alerts", "archive"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        alert = self.folder / "alerts" / name
        if not alert.exists():
            write_durably(alert, message.xml)
        elif alert.read_bytes() != message.xml:
            raise ChannelRefused(f"{name} is published already and says something else: what was sent is frozen.")
        now = datetime.now(UTC)
        entry = entry_of(message, f"{self._options.url}alerts/{quote(name)}", self._options.languages, now)
        month = f"{now:%Y-%m}"
        archive = self.folder / "archive" / f"{month}.xml"
        months = sorted({*self._months(), month}, reverse=True)
        write_durably(archive, archive_xml(self._head(), month, months, _with(entries_in(_read(archive)), entry)))
        self._write_feeds(_with(entries_in(_read(self.folder / "atom.xml")), entry))
        for file, text in ((".htaccess", _HTACCESS), ("_headers", _HEADERS)):
            if not (self.folder / file).exists():
                write_durably(self.folder / file, text.encode())
        return self._read_back(message, alert, entry)

    def _refresh(self) -> None:
        known = entries_in(_read(self.folder / "atom.xml"))
        if any(self._ends_ms(entry) <= self._now_ms for entry in known):
            self._write_feeds(known)
        else:
            self._next_ms = min(map(self._ends_ms, known), default=NEVER_MS)

    def _write_feeds(self, entries: list[Entry]) -> None:
        """Both feeds, with those of the entries that have not run out."""
        current = [entry for entry in entries if self._ends_ms(entry) > self._now_ms]
        now, head = datetime.now(UTC), self._head()
        write_durably(self.folder / "atom.xml", atom_xml(head, now, self._months(), current))
        write_durably(self.folder / "rss.xml", rss_xml(head, now, current))
        self._next_ms = min(map(self._ends_ms, current), default=NEVER_MS)

    def _ends_ms(self, entry: Entry) -> int:
        ends = entry.expires if entry.expires is not None else entry.published + timedelta(days=self._options.days)
        return round(1000 * ends.timestamp())

    def _head(self) -> Head:
        return Head(self._options.title, self._options.author, self._options.url, self.status.word)

    def _months(self) -> list[str]:
        """Of the archive, the newest first."""
        return sorted((path.stem for path in (self.folder / "archive").glob("????-??.xml")), reverse=True)

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ChannelFailed(f"{self.folder} cannot be written: {error.strerror or error}.") from error

    def _read_back(self, message: Outgoing[S], alert: Path, entry: Entry) -> Receipt:
        """What the public will get is what was approved, its area included."""
        try:
            same = from_xml(alert.read_bytes()) == message.alert
        except InvalidWarning as error:
            raise ChannelFailed(f"{alert.name} was read back and is no message: {error}") from error
        if not same or alert.read_bytes() != message.xml:
            raise ChannelFailed(f"{alert.name} was read back and is not what was approved.")
        listed = entry.id in [known.id for known in entries_in(_read(self.folder / "atom.xml"))]
        if not listed and self._ends_ms(entry) > self._now_ms:
            raise ChannelFailed(f"atom.xml was read back and does not name {message.identifier}.")
        return Receipt(entry.link, "published and read back")


def _with(entries: list[Entry], entry: Entry) -> list[Entry]:
    """The newest first; a message that is there already stays as it is."""
    if any(known.id == entry.id for known in entries):
        return entries
    return [entry, *entries]


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
