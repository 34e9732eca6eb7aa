"""Feeds and channels as they are shown: a dead feed is not a quiet one, and a paused channel not a broken one."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from almenara.board.forms import By, Channel, Source, moment, utc
from almenara.model.events import Event, RowsRejected, SourcePolled
from almenara.pipeline import State
from almenara.stages import outbox
from almenara.stages.attention import State as Attention
from almenara.stages.attention import subject
from almenara.stages.source_health import ANSWERS

DAY_MS = 24 * 3_600_000
#: A channel that failed so many times in a row is failing.
FAILURES_MAX = 3


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """What the configuration says of a feed."""

    name: str
    source: str  # plugin
    title: str
    attribution: str
    cadence_s: int


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What the configuration says of a channel."""

    name: str
    plugin: str
    status: str
    recipients: Callable[[], Sequence[str]] = tuple  # nobody for a channel that stays closed in this run
    keeps_all: bool = False


class Feeds:
    """The feeds, with what each brought within a day."""

    def __init__(self, facts: Sequence[FeedFacts]) -> None:
        self.facts: Mapping[str, FeedFacts] = {one.name: one for one in facts}
        self._brought: dict[str, deque[tuple[int, int, int]]] = {}  # feed → (ms, rows, of these in quarantine)
        self._last_ms = 0

    def take(self, event: Event) -> None:
        """Count what a feed brought."""
        if isinstance(event, SourcePolled):
            self._last_ms = event.at_ms
            if event.read:
                self._brought.setdefault(event.origin, deque()).append((event.at_ms, event.read, 0))
        elif isinstance(event, RowsRejected):
            rows = sum(event.reasons.values())
            self._brought.setdefault(event.origin, deque()).append((self._last_ms, 0, rows))

    def form(self, name: str, state: State, now_ms: int) -> Source | None:
        """A feed as it does; None for one that is not configured any more."""
        facts = self.facts.get(name)
        if facts is None:
            return None
        feed = state.health.feeds.get(name)
        brought = self._brought.get(name, deque())
        while brought and brought[0][0] <= now_ms - DAY_MS:
            brought.popleft()
        told = "never"
        if feed is not None:
            told = "silent" if feed.silent else "heard" if feed.last_outcome in ANSWERS else "failing"
        return Source(
            name=name,
            source=facts.source,
            title=facts.title,
            attribution=facts.attribution,
            state=told,
            last_heard=utc(feed.last_heard_ms) if feed is not None else None,
            last_outcome=feed.last_outcome if feed is not None else "",
            detail=feed.last_detail if feed is not None else "",
            cadence_s=facts.cadence_s,
            observations_24h=sum(rows for _, rows, _ in brought),
            quarantined_24h=sum(rows for _, _, rows in brought),
            acknowledged=acknowledged(state.attention, "source", name),
        )


class Channels:
    """The channels."""

    def __init__(self, facts: Sequence[ChannelFacts]) -> None:
        self.facts: Mapping[str, ChannelFacts] = {one.name: one for one in facts}

    def form(self, name: str, state: State, now_ms: int) -> Channel | None:
        """A channel as it does; None for one that is not configured any more."""
        facts = self.facts.get(name)
        if facts is None:
            return None
        health = state.outbox.of(name)
        due = outbox.decide(state.outbox, name, facts.recipients(), now_ms, keeps_all=facts.keeps_all)
        told = "paused" if health.paused_by else "failing" if health.failures_in_row >= FAILURES_MAX else "well"
        return Channel(
            name=name,
            plugin=facts.plugin,
            status=facts.status,
            state=told,
            last_success=utc(health.last_success_ms),
            last_failure=utc(health.last_failure_ms),
            detail=health.paused_reason if health.paused_by else health.detail,
            delivered=health.delivered,
            waiting=due.waiting,
            dead=health.dead,
            paused_by=health.paused_by or None,
            acknowledged=acknowledged(state.attention, "channel", name),
        )


def acknowledged(attention: Attention, kind: str, name: str) -> By | None:
    """Who has seen the alarm of a thing; None when nobody has."""
    given = attention.given.get(subject(kind, name))
    return None if given is None else By(by=given.by, at=moment(given.at_ms))
