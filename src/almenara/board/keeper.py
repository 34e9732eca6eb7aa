"""The keeper: follows what became durable and draws the board anew where that touched it, and nowhere else."""

import heapq
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from shapely.geometry.base import BaseGeometry

from almenara.board import details
from almenara.board import hazards as hazards_of
from almenara.board.feeds import ChannelFacts, Channels, FeedFacts, Feeds
from almenara.board.forms import Form, Hazard, Incident
from almenara.board.incidents import Incidents
from almenara.board.picture import TOPICS, Board, Change, Item, gone, item
from almenara.board.places import PlaceBook
from almenara.board.queue import View, queue
from almenara.board.subjects import CHANNEL, HAZARD, INCIDENT, PLACES, SOURCE, WARNING, Subject
from almenara.board.warnings import Warnings
from almenara.model.events import Event, PlacesImported, WarningSent
from almenara.pipeline import State
from almenara.stages.hazards import View as HazardView

#: What left the board is remembered so far back; who missed more begins anew.
DEPARTED_MAX = 20_000

Told = tuple[int, Event, Sequence[Subject]]  # number of the entry, the event, and what it is about


class Keeper:
    """Keeps the board. All calls come from the thread that owns the state."""

    def __init__(self, feeds: Sequence[FeedFacts] = (), channels: Sequence[ChannelFacts] = ()) -> None:
        self._feeds, self._channels = Feeds(feeds), Channels(channels)
        self._incidents, self._warnings = Incidents(), Warnings()
        self._credits: dict[str, str] = {}  # origin of places → credit line
        self._departed: deque[Change] = deque(maxlen=DEPARTED_MAX)
        self._places: PlaceBook | None = None
        self.board = Board()

    def open(self, state: State, now_ms: int, seq: int, past: Iterable[Event], tail: Sequence[Told]) -> Board:
        """The board as the state has it.

        `past`: what the log holds of incidents, warnings and places, as far as it shall be remembered. `tail`: the last
        entries, from which on changes can be told one by one.
        """
        for event in past:
            self._take(event)
        floor = tail[0][0] - 1 if tail else seq
        at: dict[Subject, int] = {}
        for number, event, about in tail:
            self._feeds.take(event)
            at.update(dict.fromkeys(about, number))
        self._incidents.begin(state)
        self._warnings.sweep(now_ms)
        places = self.places(state)
        items: dict[str, dict[str, Item]] = {topic: {} for topic in TOPICS}
        for seen in hazards_of.seen(state, places, hazards_of.standing(state)):
            if seen.form is not None:
                items[HAZARD][seen.id] = item(at.get((HAZARD, seen.id), floor), seen.form, seen.shape)
        for topic, names in (
            (INCIDENT, list(state.incidents.incidents)),
            (WARNING, list(self._warnings.book.messages)),
            (SOURCE, list(self._feeds.facts)),
            (CHANNEL, list(self._channels.facts)),
        ):
            for name in names:
                form = self._form(topic, name, state, now_ms)
                if form is not None:
                    items[topic][name] = item(at.get((topic, name), floor), form)
        for (topic, name), number in at.items():
            if topic in TOPICS and name not in items[topic]:
                self._departed.append(gone(topic, name, number))
        self.board = Board(
            seq=seq,
            floor=floor,
            items=items,
            places=self._told_places(state),
            places_seq=at.get((PLACES, ""), floor),
            departed=tuple(self._departed),
        )
        self._draw_queue(state, now_ms)
        return self.board

    def follow(self, state: State, now_ms: int, told: Sequence[Told]) -> list[Change]:
        """Draw anew what events that the state has taken in have touched; returns what is different."""
        touched: dict[str, dict[str, None]] = {topic: {} for topic in TOPICS}
        renewed = False
        for _, event, about in told:
            self._take(event)
            self._feeds.take(event)
            for topic, name in about:
                if topic in touched:
                    touched[topic][name] = None
                renewed |= topic == PLACES
            if isinstance(event, WarningSent):
                touched[CHANNEL].update(dict.fromkeys(self._channels.facts))
        self._spread(touched, state)
        changes = self._redraw(state, now_ms, told[-1][0], touched)
        if renewed:
            places = self._told_places(state)
            self.board = replace(self.board, places=places, places_seq=self.board.seq)
            changes.append(Change("places", "", self.board.seq, places))
        return [*changes, *self._draw_queue(state, now_ms)]

    def refresh(self, state: State, now_ms: int) -> list[Change]:
        """Draw anew what time alone has changed."""
        touched: dict[str, dict[str, None]] = {topic: {} for topic in TOPICS}
        touched[WARNING].update(dict.fromkeys(self._warnings.sweep(now_ms)))
        touched[SOURCE].update(dict.fromkeys(self._feeds.facts))
        touched[CHANNEL].update(dict.fromkeys(self._channels.facts))
        for name in self.board.items[INCIDENT]:
            if name not in state.incidents.incidents:
                touched[INCIDENT][name] = None
        changes = self._redraw(state, now_ms, self.board.seq, touched)
        return [*changes, *self._draw_queue(state, now_ms)]

    # ------------------------------------------------------------------ what does not stand on the board

    def incident(self, state: State, name: str) -> Incident | None:
        """An incident, also one that is over; None when it is not remembered."""
        return self._incidents.form(name, state, self.places(state))

    def all_incidents(self, state: State) -> list[Incident]:
        """All incidents that are remembered."""
        forms = (self.incident(state, name) for name in self._incidents.records)
        return [form for form in forms if form is not None]

    def shown(self, state: State, view: HazardView) -> Hazard:
        """The form of a hazard that is not followed any more."""
        return hazards_of.form_of(state, self.places(state), view, None)

    def over(self, state: State, told: str, before: str | None, most: int) -> list[Hazard]:
        """Fires, earthquakes and warnings that are over, by id, the last first, below an id."""
        names = (name for name in hazards_of.over(state, told) if before is None or name < before)
        return [
            found[0]
            for name in heapq.nlargest(most, names)
            if (found := self.hazard(state, name)) is not None and found[0].state == told
        ]

    def described(self, state: State, name: str, now_ms: int) -> dict[str, Any] | None:
        """Everything that the state knows of one hazard; None when none of that id is followed."""
        found = self.hazard(state, name)
        if found is None:
            return None
        form, view = found
        places = self.places(state)
        burns = form.kind == "fire" and form.state == "active" and form.suppressed is None
        return {
            "form": form,
            "view": view,
            "exposures": details.exposures(state, places, name),
            "could_reach": details.could_reach(state, places, name, now_ms),
            "reach": details.bands(state, [name], now_ms).get(name) if burns else None,
        }

    def bands(self, state: State, names: Sequence[str], now_ms: int) -> dict[str, dict[str, Any]]:
        """How far some fires could reach: metres by level and horizon."""
        return details.bands(state, names, now_ms)

    def footprint(self, state: State, name: str, at_ms: int | None) -> tuple[Hazard, BaseGeometry | None] | None:
        """A hazard's form and its footprint, as it stands or as of a time; None when it is not followed."""
        found = self.hazard(state, name)
        return None if found is None else (found[0], hazards_of.footprint_of(state, found[1], at_ms))

    def evidence(self, state: State, name: str) -> details.Evidence | None:
        """What a hazard rests on; None when it is not followed."""
        found = self.hazard(state, name)
        return None if found is None else details.evidence(state, found[1])

    def hazard(self, state: State, name: str) -> tuple[Hazard, HazardView] | None:
        """A hazard whatever its state; None when none of that id is followed."""
        return hazards_of.find(state, self.places(state), name)

    # ------------------------------------------------------------------ parts

    def _take(self, event: Event) -> None:
        self._incidents.take(event)
        self._warnings.take(event)
        if isinstance(event, PlacesImported):
            self._credits[event.origin] = event.attribution

    def places(self, state: State) -> PlaceBook:
        """The protected places as they are now."""
        if self._places is None or not self._places.is_of(state.exposure):
            self._places = PlaceBook(state.exposure)
        return self._places

    def _spread(self, touched: dict[str, dict[str, None]], state: State) -> None:
        """What touches a thing touches those whose form speaks of it."""
        for incident in list(touched[INCIDENT]):
            record = self._incidents.records.get(incident)
            touched[HAZARD].update(dict.fromkeys(record.hazards if record is not None else ()))
        of_hazard = state.incidents.of_hazard
        touched[INCIDENT].update(dict.fromkeys(of_hazard[name] for name in touched[HAZARD] if name in of_hazard))
        messages = self._warnings.book.messages
        threads = {messages[name].draft.thread for name in touched[WARNING] if name in messages}
        touched[WARNING].update(dict.fromkeys(n for n, one in messages.items() if one.draft.thread in threads))

    def _redraw(self, state: State, now_ms: int, seq: int, touched: Mapping[str, Mapping[str, None]]) -> list[Change]:
        changes: list[Change] = []
        items = dict(self.board.items)
        for topic, names in touched.items():
            if not names:
                continue
            mine = dict(items[topic])
            for name, new in self._drawn(topic, names, state, now_ms, seq):
                old = mine.get(name)
                if new is None:
                    if old is not None:
                        del mine[name]
                        changes.append(gone(topic, name, seq))
                        self._departed.append(changes[-1])
                elif old is None or old.data != new.data:
                    mine[name] = new
                    changes.append(Change(topic, name, seq, new.data))
            items[topic] = mine
        floor = self.board.floor
        if len(self._departed) == DEPARTED_MAX:
            floor = max(floor, self._departed[0].seq)
        self.board = replace(self.board, seq=seq, floor=floor, items=items, departed=tuple(self._departed))
        return changes

    def _drawn(
        self, topic: str, names: Iterable[str], state: State, now_ms: int, seq: int
    ) -> Iterable[tuple[str, Item | None]]:
        if topic == HAZARD:
            for seen in hazards_of.seen(state, self.places(state), names):
                yield seen.id, None if seen.form is None else item(seq, seen.form, seen.shape)
            return
        for name in names:
            form = self._form(topic, name, state, now_ms)
            yield name, None if form is None else item(seq, form)

    def _form(self, topic: str, name: str, state: State, now_ms: int) -> Form | None:
        if topic == INCIDENT:
            form = self._incidents.form(name, state, self.places(state))
            return form if form is not None and form.status == "open" else None
        if topic == WARNING:
            return self._warnings.form(name, state)
        if topic == SOURCE:
            return self._feeds.form(name, state, now_ms)
        return self._channels.form(name, state, now_ms)

    def _draw_queue(self, state: State, now_ms: int) -> list[Change]:
        forms = {topic: {name: one.form for name, one in self.board.items[topic].items()} for topic in TOPICS[1:]}
        wanted = {hazard for one in state.incidents.incidents.values() for hazard in one.hazards}
        standing = self.board.hazards
        hazards = {name: standing[name].form for name in wanted if name in standing}
        cards = queue(View(state, hazards, forms[INCIDENT], forms[SOURCE], forms[CHANNEL], now_ms))
        data = msgspec.json.encode(cards)
        if data == self.board.queue:
            return []
        self.board = replace(self.board, cards=cards, queue=data)
        return [Change("queue", "", self.board.seq, self.board.queue_data)]

    def _told_places(self, state: State) -> bytes:
        kinds = state.exposure.places.column("kind").value_counts().to_pylist()
        counted = {str(row["values"]): row["counts"] for row in sorted(kinds, key=lambda row: -row["counts"])}
        lines = [line for line in dict.fromkeys(self._credits.values()) if line]
        return msgspec.json.encode({"count": len(state.exposure.rows), "kinds": counted, "attribution": lines})
