"""What the board is opened with: facts of the configuration, and what the log and its index hold of the past."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from almenara import sources
from almenara.board.feeds import ChannelFacts, FeedFacts
from almenara.board.keeper import Told
from almenara.board.subjects import INCIDENT, PLACES, WARNING, subjects
from almenara.board.warnings import KEPT_MS
from almenara.channels import GuardedChannel, open_channel
from almenara.config import Config
from almenara.model.events import Event
from almenara.ports import EventLog, status_of
from almenara.service.exercise import Exercise
from almenara.service.history import History

#: Who was away for no more than so many entries is told what changed, others begin anew.
TAIL_ENTRIES = 5_000
#: Longer than any warning lasts, so that all that hold or wait are among what is read.
REMEMBERED_MS = 4 * 24 * 3_600_000 + KEPT_MS


def feed_facts(config: Config, drill: Exercise | None) -> list[FeedFacts]:
    """The feeds that are asked, with what their sources say of themselves."""
    known = sources.find_all()
    if drill is not None:
        played = {delivery.feed: delivery.source for delivery in drill.deliveries if delivery.feed in drill.cadence_ms}
        named = [(feed, source, drill.cadence_ms[feed] // 1000) for feed, source in played.items()]
    else:
        named = [(feed.name, feed.source, feed.cadence_s or known[feed.source].cadence_s) for feed in config.feed]
    return [
        FeedFacts(name, source, known[source].title, known[source].attribution, cadence_s)
        for name, source, cadence_s in named
    ]


def channel_facts(config: Config, status: str, base: Path) -> list[ChannelFacts]:
    """The channels that are configured; those of another status stay closed and have nobody waiting."""
    found: list[ChannelFacts] = []
    for channel in config.channel:
        opened: GuardedChannel[Any] = open_channel(
            channel.plugin, channel.name, channel.options, status_of(channel.status), base
        )
        recipients = opened.recipients if channel.status == status else tuple
        found.append(ChannelFacts(channel.name, channel.plugin, channel.status, recipients, opened.keeps_all))
    return found


def past(history: History, log: EventLog, now_ms: int) -> Iterator[Event]:
    """What the log holds of places, of incidents, and of the warnings that may still hold or were over lately."""
    marks = [*history.marks(PLACES), *history.marks(INCIDENT, since_ms=now_ms - REMEMBERED_MS)]
    lately = {mark.id for mark in history.marks(WARNING, since_ms=now_ms - REMEMBERED_MS)}
    for identifier in sorted(lately):
        marks += history.marks(WARNING, identifier)
    for _, event in history.events(log, marks):
        yield event


def tail(log: EventLog, head: int) -> list[Told]:
    """The last entries and what they are about."""
    found: list[Told] = []
    for entry in log.read(max(0, head - TAIL_ENTRIES)):
        event = entry.event()
        found.append((entry.seq, event, subjects(event)))
    return found
