"""Others' warnings: one hazard for each thread of an authority's CAP messages, followed through Update and Cancel."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from almenara.model.cap.extent import area_km2
from almenara.model.cap.facts import Facts, decode
from almenara.stages.hazards import ARCHIVED_AFTER_MS, Area, Delta, View, pack_view
from almenara.stages.hazards._warning_threads import Mark, Message, Standing, Thread
from almenara.stages.hazards._warning_views import view_of
from almenara.stages.observations import LATE_MAX_MS, Counted

KIND = "warning"
DAY_MS = 86_400_000


class Told(msgspec.Struct):
    """What was last said of a thread."""

    state: str  # active | ended
    next_ms: int  # when the first of the messages that count ends, so that there is something new to say
    messages: list[str]  # names of all
    said: bytes  # `Standing.digest`


class State:
    """All threads of the last months."""

    def __init__(self) -> None:
        self.status = "Exercise"  # of this log: messages of any other status are no hazards here
        self.other_status: dict[str, int] = {}  # status → messages that were passed over for it
        self.not_followed = 0
        self._inbox: dict[str, Message] = {}  # by name, not yet followed
        self._where: dict[str, Thread] = {}  # name of a message, known or only named → its thread
        self._told: dict[str, Told] = {}  # hazard →
        self._active: set[str] = set()  # of `_told`
        self._newest_ms = 0
        self._now_ms = 0
        self._swept_day = 0

    def receive(self, counted: Counted) -> None:
        columns = counted.table.select(("message", "footprint"))
        for row in columns.to_pylist():
            facts = decode(row["message"])
            if facts.status == self.status:
                self._inbox[facts.name] = Message(facts, row["footprint"])  # the stage before let it pass
            else:
                self.other_status[facts.status] = self.other_status.get(facts.status, 0) + 1

    def pending_times(self) -> NDArray[np.int64]:
        return np.unique(np.array([message.facts.sent_ms for message in self._inbox.values()], np.int64))

    def advance(self, now_ms: int) -> Delta:
        self._now_ms = now_ms
        delta = Delta()
        due = [message for message in self._inbox.values() if message.facts.sent_ms <= now_ms]
        self._inbox = {name: m for name, m in self._inbox.items() if m.facts.sent_ms > now_ms}
        new: set[str] = set()  # names of the messages that are followed now
        changed: dict[str, Thread] = {}  # hazards whose threads they change, as these were before
        for message in sorted(due, key=lambda m: m.mark()):
            if message.facts.sent_ms < self._newest_ms - LATE_MAX_MS:
                self.not_followed += 1
                continue
            self._newest_ms = max(self._newest_ms, message.facts.sent_ms)
            new.add(message.facts.name)
            for thread in self._join(message):
                changed.setdefault(hazard_id(thread.first()), thread)
        for hazard in sorted(self._active - changed.keys()):
            if self._told[hazard].next_ms <= now_ms:
                changed[hazard] = self._thread(hazard)
        self._tell(changed, new, delta)
        self._sweep(delta)
        return delta

    # ------------------------------------------------------------------ threads

    def _join(self, message: Message) -> list[Thread]:
        """Put a message into its thread; returns the threads that this changes, as they were before."""
        before = self._threads_of({mark[1] for mark in message.marks()})
        known = self._where.get(message.facts.name)
        if known is not None and message.facts.name in known.messages:  # sent anew: what only the old one linked parts
            self._dissolve(known, message)
        else:
            self._link(message)
        return before

    def _threads_of(self, names: set[str]) -> list[Thread]:
        return list({id(t): t for name in sorted(names) if (t := self._where.get(name)) is not None}.values())

    def _link(self, message: Message) -> None:
        threads = self._threads_of({mark[1] for mark in message.marks()})
        joined = Thread([*(m for thread in threads for m in thread.messages.values()), message])
        self._where.update(dict.fromkeys(joined.names(), joined))

    def _dissolve(self, thread: Thread, *instead: Message, without: frozenset[str] = frozenset()) -> None:
        """Take a thread apart and put it together again from its messages, some replaced or left out."""
        for name in thread.names():
            del self._where[name]
        for message in (thread.messages | {m.facts.name: m for m in instead}).values():
            if message.facts.name not in without:
                self._link(message)

    def _thread(self, hazard: str) -> Thread:
        return self._where[self._told[hazard].messages[0]]

    # ------------------------------------------------------------------ what is said

    def _tell(self, changed: dict[str, Thread], new: set[str], delta: Delta) -> None:
        """Say what became of threads that new messages or the time have changed."""
        gone = {hazard: self._told.pop(hazard) for hazard in sorted(changed) if hazard in self._told}
        self._active -= gone.keys()
        names = new.union(*(thread.messages for thread in changed.values()))
        threads = {hazard_id(thread.first()): thread for thread in self._threads_of(names)}
        standings = {hazard: thread.standing(self._now_ms) for hazard, thread in threads.items()}
        lost = [hazard for hazard in gone if standings.get(hazard) is None]
        for hazard, thread in sorted(threads.items()):
            standing = standings[hazard]
            if standing is not None:
                merged = [other for other in lost if gone[other].messages[0] in thread.messages]
                self._say(hazard, thread, standing, gone.get(hazard), merged, len(new & thread.messages.keys()), delta)
        for hazard in lost:
            self._hand_over(hazard, gone[hazard], delta)

    def _say(
        self,
        hazard: str,
        thread: Thread,
        standing: Standing,
        was: Told | None,
        merged: list[str],
        new: int,
        delta: Delta,
    ) -> None:
        """One thread as it stands: `was` is what was last said of it, `merged` the hazards that it goes on for."""
        active = standing.end_ms > self._now_ms
        state = "active" if active else "ended"
        told = Told(state, standing.next_ms, sorted(thread.messages), standing.digest())
        self._told[hazard] = told
        if active:
            self._active.add(hazard)
        if was is not None and (was.state, was.said) == (told.state, told.said) and not merged:
            return
        row = _row(hazard, thread, standing) | {"new_observations": new, "merged_from": merged}
        over = row | {"change": "ended", "state": "ended", "time": standing.end_ms}
        began = min(self._now_ms, thread.newest_ms())
        if was is None:  # one that was over before it came opens like any other, and ends in the same step
            delta.changes.append(row | {"change": "opened", "time": began})
        elif active or was.state == "ended":
            change = "revived" if active and was.state == "ended" else "revised"
            delta.changes.append(row | {"change": change, "state": state, "time": began})
        if active:
            delta.restart.append(hazard)
            delta.areas += _areas(hazard, standing)
        elif was is None or was.state == "active":
            delta.changes.append(over if was is not None else over | {"new_observations": 0})

    def _hand_over(self, hazard: str, told: Told, delta: Delta) -> None:
        """A hazard goes under another name, since an earlier message came or two threads are one; or it is none."""
        thread = self._where[told.messages[0]]
        standing = thread.standing(self._now_ms)
        row = _row(hazard, thread, standing) | {"time": min(self._now_ms, thread.newest_ms())}
        if standing is None:
            delta.changes.append(row | {"change": "retracted", "state": "retracted"})
        else:
            delta.changes.append(row | {"change": "merged", "state": "merged", "into": hazard_id(thread.first())})

    def _sweep(self, delta: Delta) -> None:
        """Once for each day of messages: let go of what nothing can change any more."""
        day = self._newest_ms // DAY_MS
        if day <= self._swept_day:
            return
        self._swept_day = day
        oldest = day * DAY_MS - ARCHIVED_AFTER_MS
        for thread in self._threads_of(set(self._where)):
            hazard = hazard_id(thread.first())
            if thread.newest_ms() < oldest:
                if hazard in self._told:
                    part = self._digest(hazard)
                    view = pack_view(self.view(hazard))
                    delta.archived.append({"hazard_id": hazard, "view": view, "digest": part})
                    self._told.pop(hazard)
                for name in thread.names():
                    del self._where[name]
            elif hazard in self._active:
                self._forget(thread, oldest)
                self._told[hazard].messages = sorted(self._where[thread.first()[1]].messages)

    def _forget(self, thread: Thread, oldest: int) -> None:
        """Let go of the messages of a thread that others replaced long ago; these remember how it began."""
        ends, first = thread.ends(), thread.first()
        old = {n for n, m in thread.messages.items() if m.facts.sent_ms < oldest and ends.get(n, 0) < oldest}
        if old:
            kept = [m for n, m in thread.messages.items() if n not in old]
            self._dissolve(thread, *(msgspec.structs.replace(m, first=first) for m in kept), without=frozenset(old))

    # ------------------------------------------------------------------ Follower

    def grading(self, hazard: str) -> Facts:
        """The gravest message that counts, for the priority of an incident; KeyError when there is no such hazard."""
        return self._standing(hazard).gravest()

    def _standing(self, hazard: str) -> Standing:
        standing = self._thread(hazard).standing(self._now_ms)
        assert standing is not None  # it was told
        return standing

    def reach(self) -> Delta:
        delta = Delta()
        for hazard in sorted(self._active):
            thread, standing = self._thread(hazard), self._standing(hazard)
            delta.restart.append(hazard)
            delta.areas += _areas(hazard, standing)
            delta.context.append(_row(hazard, thread, standing) | {"change": "seen", "time": thread.newest_ms()})
        return delta

    def view(self, hazard: str) -> View:
        told, thread = self._told[hazard], self._thread(hazard)
        return view_of(hazard, told.state, thread, self._standing(hazard))

    def views(self) -> Sequence[View]:
        return [self.view(hazard) for hazard in sorted(self._told)]

    def digest_parts(self) -> Sequence[bytes]:
        return [self._digest(hazard) for hazard in sorted(self._told)]

    def _digest(self, hazard: str) -> bytes:
        told = self._told[hazard]
        return msgspec.msgpack.encode((hazard, told.state, told.said))

    def to_parts(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        threads = self._threads_of(set(self._where))
        return {}, {
            "status": self.status,
            "other_status": self.other_status,
            "not_followed": self.not_followed,
            "inbox": [msgspec.to_builtins(m, builtin_types=(bytes,)) for m in self._inbox.values()],
            "messages": [msgspec.to_builtins(m, builtin_types=(bytes,)) for t in threads for m in t.messages.values()],
            "told": {hazard: msgspec.to_builtins(t, builtin_types=(bytes,)) for hazard, t in self._told.items()},
            "newest_ms": self._newest_ms,
            "now_ms": self._now_ms,
            "swept_day": self._swept_day,
        }

    def load_parts(self, arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        self.status, self.other_status = values["status"], values["other_status"]
        self.not_followed, self._newest_ms = values["not_followed"], values["newest_ms"]
        self._now_ms, self._swept_day = values["now_ms"], values["swept_day"]
        inbox = [msgspec.convert(m, Message) for m in values["inbox"]]
        self._inbox = {message.facts.name: message for message in inbox}
        for message in values["messages"]:
            self._link(msgspec.convert(message, Message))
        self._told = {hazard: msgspec.convert(told, Told) for hazard, told in values["told"].items()}
        self._active = {hazard for hazard, told in self._told.items() if told.state == "active"}


def hazard_id(first: Mark) -> str:
    """From sender and identifier of the first message of a thread: the same wherever it is computed."""
    return f"warning-{hashlib.blake2b(first[1].encode(), digest_size=8).hexdigest()}"


def _areas(hazard: str, standing: Standing) -> list[Area]:
    footprint = standing.footprint()
    return [] if footprint is None else [Area(hazard, footprint, standing.messages[-1].facts.sent_ms)]


def _row(hazard: str, thread: Thread, standing: Standing | None) -> dict[str, Any]:
    """What a row of CHANGES says of a thread that is warned of; None: of one that is none any more."""
    footprint = None if standing is None else standing.footprint()
    return {
        "hazard_id": hazard,
        "kind": KIND,
        "state": "active",
        "into": None,
        "area_km2": None if footprint is None else area_km2(footprint),
        "new_area_km2": None,
        "observations": len(thread.messages),
        "new_observations": 0,
        "frp_mw": None,
        "magnitude": None,
        "merged_from": [],
        "confidence": "nominal",
        "certainty": "Unknown" if standing is None else standing.gravest().certainty,
        "suppressed": None,
    }
