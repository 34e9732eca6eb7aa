"""The picture as of one entry of the log: immutable, so that any thread may read it while the next one is made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
from shapely.geometry.base import BaseGeometry

from almenara.board.forms import Card, Form, Hazard, moment

#: So many hazards are told at once: those that threaten something first, then the newest. The rest is on the map.
HAZARDS_TOLD_MAX = 5_000

TOPICS = ("hazard", "incident", "warning", "source", "channel")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing on the board, rendered once."""

    seq: int  # of the entry that changed it last
    form: Any
    data: bytes  # the form as JSON
    shape: BaseGeometry | None = None  # a hazard's footprint


@dataclass(frozen=True, slots=True)
class Change:
    """Something on the board that is different now."""

    topic: str
    id: str
    seq: int
    data: bytes


def item(seq: int, form: Form, shape: BaseGeometry | None = None) -> Item:
    """A thing on the board."""
    return Item(seq, form, msgspec.json.encode(form), shape)


def gone(topic: str, name: str, seq: int) -> Change:
    """That a thing stands on the board no more."""
    return Change(topic, name, seq, msgspec.json.encode({"id": name, "gone": True}))


@dataclass(frozen=True)
class Board:
    """Everything that stands, by topic and id."""

    seq: int = 0
    floor: int = 0  # changes after this entry can be told one by one
    items: Mapping[str, Mapping[str, Item]] = field(default_factory=lambda: {topic: {} for topic in TOPICS})
    cards: tuple[Card, ...] = ()
    queue: bytes = b"[]"
    places: bytes = b'{"count":0,"kinds":{},"attribution":[]}'
    places_seq: int = 0
    departed: tuple[Change, ...] = ()  # in order

    @property
    def hazards(self) -> Mapping[str, Item]:
        """The hazards that stand."""
        return self.items["hazard"]

    def situation(self, now_ms: int, mode: Mapping[str, Any]) -> bytes:
        """Everything that a screen begins with, as JSON."""
        head = msgspec.json.encode({"seq": self.seq, "now": moment(now_ms), "mode": mode})
        return head[:-1] + self._body

    def changes_since(self, seq: int) -> list[Change] | None:
        """What is different since an entry, each thing once as it is now; None when that is too long ago to say.

        What changed with that very entry is told again: it may not have been all that was told of it.
        """
        if seq < self.floor or seq > self.seq:
            return None
        left = [change for change in self.departed if change.seq >= seq and change.id not in self.items[change.topic]]
        changed = [
            Change(topic, name, one.seq, one.data)
            for topic in TOPICS
            for name, one in self.items[topic].items()
            if one.seq >= seq
        ]
        own = [Change("queue", "", self.seq, self.queue_data)]
        if self.places_seq >= seq:
            own.append(Change("places", "", self.seq, self.places))
        return [*sorted([*left, *changed], key=lambda change: change.seq), *own]

    @property
    def queue_data(self) -> bytes:
        """The queue as it is told live."""
        return b'{"cards":' + self.queue + b"}"

    @cached_property
    def _body(self) -> bytes:
        hazards = self.items["hazard"]
        told = list(hazards.values())
        if len(told) > HAZARDS_TOLD_MAX:
            told = sorted(told, key=_urgency, reverse=True)[:HAZARDS_TOLD_MAX]
        parts = [b',"hazards":', _listed(told), b',"hazards_total":', str(len(hazards)).encode()]
        for topic in TOPICS[1:]:
            parts += [f',"{topic}s":'.encode(), _listed(self.items[topic].values())]
        return b"".join([*parts, b',"queue":', self.queue, b',"places":', self.places, b"}"])


def _urgency(one: Item) -> tuple[bool, bool, str]:
    form = one.form
    assert isinstance(form, Hazard)
    return form.incident is not None, form.exposed.places > 0, form.last_seen


def _listed(items: Iterable[Item]) -> bytes:
    return b"[" + b",".join(one.data for one in items) + b"]"
