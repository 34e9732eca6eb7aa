"""Watch: polls the configured feeds until told to stop, and follows what they bring."""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from almenara import __version__, sources
from almenara.config import Config, FeedConfig, policy_of, words_of
from almenara.contents import expand
from almenara.delivery import Deliveries
from almenara.fetch import Fetched, Validators, fetch, new_client
from almenara.model.cap import MESSAGE_BYTES_MAX
from almenara.model.errors import InputError, UsageError
from almenara.model.events import Event, Parameter
from almenara.model.limits import DOWNLOAD_BYTES_MAX
from almenara.ports import EventLog
from almenara.service.calls import Calls
from almenara.service.clerk import Clerk, open_lines
from almenara.service.glance import Glance
from almenara.service.inbox import Inbox
from almenara.service.linked import Links, configured, may_lead_to
from almenara.service.live import Desk
from almenara.service.rates import Rates
from almenara.service.session import Session, now_ms
from almenara.stages.public_warnings import Signer

#: The longest that the loop sleeps at once: how soon it takes a command, begins what is due and keeps what came back.
NAP_S = 0.25
TICK_MS = 60_000
#: How often the watch says how it is doing, at the most.
RATES_MS = 10_000
#: How often commands and deliveries are attended to while a feed is fetched.
MEANWHILE_S = 0.2
#: How often the files of local feeds are glanced at where somebody waits before a screen.
GLANCE_S = 0.2
#: How long `once` waits for the deliveries that are due.
ONCE_S = 60.0


@dataclass(slots=True)
class _Poll:
    """When a feed is asked next, and what is known from the last time."""

    feed: FeedConfig
    due_ms: int = 0
    validators: Validators | None = None
    links: Links = field(default_factory=Links)
    seen: dict[Path, tuple[int, int]] = field(default_factory=dict)  # file → (size, mtime)
    glance: Glance | None = None  # of a local feed whose changes are read at once

    def is_due(self, now_ms: int) -> bool:
        """Whether to ask: it is time, its files changed, or a clock jumped back, which must not keep it from it."""
        if self.due_ms <= now_ms or self.due_ms > now_ms + 1000 * self.feed.every_s:
            return True
        return self.glance is not None and self.glance.has_changed(self.seen)


def watch(
    log: EventLog,
    config: Config,
    base: Path,
    *,
    once: bool,
    stopped: Callable[[], bool],
    nap: Callable[[float], None],
    tell: Callable[[str, list[Event]], None],
    tell_rates: Callable[[Rates], None] = lambda rates: None,
    clock: Callable[[], int] = now_ms,
    sign: Signer | None = None,
    calls: Calls | None = None,
    opened: Callable[[Session], None] = lambda session: None,
    state: Path | None = None,
) -> Session:
    """Poll until `stopped()`, or each feed once; `tell` hears of every poll and what was decided after it.

    Meanwhile operators' commands are taken from the inbox, and what is sent goes out by the channels.
    `tell_rates` hears how the chain is doing, every ten seconds and in the end. `calls` come from other threads of this
    process and are answered between the steps; with them, files are read as soon as they change. `opened` gets the
    session when it is ready to go on, before any feed is asked.
    """
    known = sources.find_all()
    for feed in config.feed:
        if feed.source not in known:
            raise UsageError(
                f"Feed {feed.name}: there is no source {feed.source!r}. Known: {', '.join(sorted(known))}."
            )
    own = {feed.name: source for feed in config.feed if (source := configured(feed, base)) is not None}
    lines = open_lines(config.channel, config.status, base)
    session = Session(log, sign, words_of(config, base))
    session.recover()
    asked: dict[str, Parameter] = {"places": config.places, "timezone": config.timezone, "sender": config.sender}
    if config.late_days != Config().late_days:  # said only where it differs: older logs never said it
        asked["late_days"] = config.late_days
    session.start("watch", config.status, asked)
    session.import_places(_places(config.places, base), lambda words, done, total: None)
    session.set_policy(policy_of(config), clock())
    state = state if state is not None else base / config.state
    inbox = Inbox.of(state) if state.is_dir() else None  # a log in memory has no folder
    clerk = Clerk(session, Deliveries(lines), inbox, clock, calls)
    cadence = {feed.name: 1000 * (feed.cadence_s or known[feed.source].cadence_s) for feed in config.feed}

    def attend() -> None:
        tell("", clerk.attend())

    desk = Desk(session, cadence, own=own, meanwhile=attend)
    polls = [
        _Poll(feed, glance=Glance(base / feed.location) if calls is not None and not _is_address(feed) else None)
        for feed in config.feed
    ]
    opened(session)
    ticked = rated = 0

    try:
        with _Fetcher(nap, attend) as fetcher:
            while not stopped():
                for poll in polls:
                    now = clock()
                    if poll.is_due(now):
                        poll.due_ms = now + 1000 * poll.feed.every_s
                        decided = _ask(desk, poll, base, fetcher, now)
                        session.commit()
                        tell(poll.feed.name, decided)
                        attend()
                    if stopped():
                        break
                if once:
                    tell("", clerk.finish(ONCE_S))
                    break
                if clock() - ticked >= TICK_MS:
                    ticked = clock()
                    decided = desk.tick(ticked)
                    session.commit()
                    tell("", decided)
                if clock() - rated >= RATES_MS:
                    rated = clock()
                    tell_rates(session.rates(rated))
                attend()
                if calls is not None:
                    calls.wait(GLANCE_S)
                else:
                    nap(NAP_S)
    finally:
        clerk.close()
    tell("", clerk.collect())
    session.commit()
    session.snapshot()
    log.checkpoint(clock())
    tell_rates(session.rates(clock()))
    return session


def _places(spec: str, base: Path) -> str:
    return spec if spec.startswith("geonames:") else str(base / spec)


class _Fetcher:
    """Fetches one address at a time on a thread of its own: approvals and deliveries do not wait for a slow server."""

    def __init__(self, nap: Callable[[float], None], meanwhile: Callable[[], None]) -> None:
        self._nap, self._meanwhile = nap, meanwhile
        self._stack = ExitStack()

    def __enter__(self) -> "_Fetcher":
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="almenara-")))
        self._client = self._stack.enter_context(new_client(f"almenara/{__version__}"))
        self._pool = self._stack.enter_context(ThreadPoolExecutor(1, "fetch"))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def fetch(
        self, url: str, previous: Validators | None, feed: FeedConfig, bytes_max: int = DOWNLOAD_BYTES_MAX
    ) -> Fetched:
        """As `fetch.fetch` does, going where the feed allows."""
        one = partial(
            fetch,
            previous=previous,
            client=self._client,
            sleep=self._nap,
            bytes_max=bytes_max,
            may_lead_to=partial(may_lead_to, feed),
        )
        asked = self._pool.submit(one, url, self._folder)
        while not wait([asked], MEANWHILE_S).done:
            self._meanwhile()
        return asked.result()


def _is_address(feed: FeedConfig) -> bool:
    return feed.location.startswith(("http://", "https://"))


def _ask(desk: Desk, poll: _Poll, base: Path, fetcher: _Fetcher, now: int) -> list[Event]:
    feed = poll.feed
    if _is_address(feed):
        fetched = fetcher.fetch(feed.location, poll.validators, feed)
        poll.validators = fetched.validators
        if fetched.outcome == "unchanged":
            desk.unchanged(feed.name, feed.source, now)
            return [*desk.tick(now), *_follow_links(desk, poll, fetcher, now)]
        events = desk.deliver(feed.name, feed.source, fetched.path, now, fetched.detail)
        if fetched.path is not None:
            if feed.links:
                poll.links.note(fetched.path, feed)
                events += _follow_links(desk, poll, fetcher, now)
            fetched.path.unlink()
        return events
    return _look(desk, poll, base / feed.location, now)


def _follow_links(desk: Desk, poll: _Poll, fetcher: _Fetcher, now: int) -> list[Event]:
    """Fetch the warnings that a feed links to and that are not here yet, or have changed."""
    feed, events = poll.feed, list[Event]()
    index = desk.known.get(feed.name)
    problem = poll.links.fetch(
        lambda url, known: fetcher.fetch(url, known, feed, MESSAGE_BYTES_MAX),
        lambda path: events.extend(desk.deliver(feed.name, feed.source, path, now)),
    )
    if problem:
        events += desk.deliver(feed.name, feed.source, None, now, problem)
    if index is not None:
        desk.known[feed.name] = index  # the feed itself is what must not be read twice
    return events


def _look(desk: Desk, poll: _Poll, location: Path, now: int) -> list[Event]:
    """Read the files of a feed that are new or have changed."""
    feed = poll.feed
    if poll.glance is not None:
        poll.glance.note(poll.seen)
    try:
        files = [path for path in expand([location]) if poll.seen.get(path) != _mark(path)]
    except (InputError, OSError) as error:
        return desk.deliver(feed.name, feed.source, None, now, str(error))
    poll.seen = {path: mark for path, mark in poll.seen.items() if path.exists()}  # files that went need no memory
    if not files:
        desk.unchanged(feed.name, feed.source, now)
        return desk.tick(now)
    events: list[Event] = []
    for path in files:
        try:
            mark = _mark(path)
            events += desk.deliver(feed.name, feed.source, path, now)
            poll.seen[path] = mark
        except (InputError, OSError) as error:  # it went away, or is forbidden: the others are read all the same
            events += desk.deliver(feed.name, feed.source, None, now, str(error))
    return events


def _mark(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
