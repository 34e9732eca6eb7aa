"""Whether each feed still speaks: silence is a fact, and no data never reads as no fire."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from almenara.model.events import Event, SourceHeard, SourcePolled, SourceSilent

#: A feed is silent when nothing usable came for so many times its cadence.
SILENT_AFTER = 3
#: Outcomes of a poll that show a working feed. An empty answer is one; what it means is the hazard's business.
ANSWERS = ("data", "empty", "unchanged")


class Feed(msgspec.Struct):
    """What is known of one feed."""

    source: str
    origin: str
    first_polled_ms: int
    last_heard_ms: int | None = None
    last_outcome: str = ""
    last_detail: str = ""
    silent: bool = False


@dataclass(slots=True)
class State:
    """All feeds that were ever asked, by origin."""

    feeds: dict[str, Feed] = field(default_factory=dict)


def evolve(state: State, event: Event) -> State:
    """Take in a poll, or a decision of this stage."""
    if isinstance(event, SourcePolled):
        feed = state.feeds.setdefault(event.origin, Feed(event.source, event.origin, event.at_ms))
        feed.last_outcome, feed.last_detail = event.outcome, event.detail
        feed.first_polled_ms = min(feed.first_polled_ms, event.at_ms)
        if event.outcome in ANSWERS:
            feed.last_heard_ms = event.at_ms
        elif feed.last_heard_ms is not None:  # never later than now: the clock may have been put back
            feed.last_heard_ms = min(feed.last_heard_ms, event.at_ms)
    elif isinstance(event, SourceSilent):
        state.feeds[event.origin].silent = True
    elif isinstance(event, SourceHeard):
        state.feeds[event.origin].silent = False
    return state


def decide(state: State, cadence_ms: Mapping[str, int], now_ms: int) -> list[SourceSilent | SourceHeard]:
    """Which feeds fell silent and which speak again; `cadence_ms` by origin, for the feeds that are polled."""
    events: list[SourceSilent | SourceHeard] = []
    for origin, cadence in sorted(cadence_ms.items()):
        feed = state.feeds.get(origin)
        if feed is None:
            continue
        heard = feed.last_heard_ms if feed.last_heard_ms is not None else feed.first_polled_ms
        silent = now_ms - heard > SILENT_AFTER * cadence
        if silent and not feed.silent:
            last = feed.last_heard_ms
            events.append(SourceSilent(source=feed.source, origin=origin, at_ms=now_ms, last_heard_ms=last))
        elif feed.silent and not silent:
            events.append(SourceHeard(source=feed.source, origin=origin, at_ms=now_ms))
    return events
