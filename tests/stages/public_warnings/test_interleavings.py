"""Whatever persons, situations, time and crashes do: threads are sound, and nothing unapproved is sent."""

import re
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stages.public_warnings.house import ACTUAL, House
from tests.stages.public_warnings.scene import ended, fire, place

from almenara.model.cap import from_xml
from almenara.model.commands import ApproveWarning, CancelWarning, GiveAllClear, RejectWarning, SendUpdate
from almenara.model.errors import CommandRefused
from almenara.model.events import (
    Event,
    WarningApproved,
    WarningDrafted,
    WarningExpired,
    WarningRejected,
    WarningSent,
)
from almenara.stages.public_warnings import State, evolve

LOJA, MALACATOS, SAN_PEDRO = place("Loja"), place("Malacatos"), place("San Pedro")
TOWNS = [LOJA, MALACATOS, SAN_PEDRO]
NAMES = st.sampled_from(["Ana", "ANA ", "Luis"])
INCIDENTS = st.sampled_from(["incident-fire-a", "incident-fire-b"])
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("see"), INCIDENTS, st.sets(st.integers(0, 2), max_size=3), st.integers(1, 4), st.booleans()),
        st.tuples(st.just("end"), INCIDENTS),
        st.tuples(st.sampled_from(["wait", "sleep"]), st.sampled_from([1, 1800, 3 * 3600, 6 * 3600])),
        st.tuples(st.just("approve"), st.integers(0, 1), NAMES),
        st.tuples(st.just("reject"), st.integers(0, 1), NAMES),
        st.tuples(st.sampled_from(["update", "cancel", "all-clear"]), INCIDENTS, NAMES),
        st.tuples(st.just("crash")),
    ),
    max_size=24,
)
RULES = st.sampled_from([{}, {"default": "one"}, {"fire/Minor": "automatic"}, {"default": "automatic"}])


@settings(max_examples=120, deadline=None)
@given(MOVES, RULES)
def test_whatever_happens_threads_are_sound_and_nothing_unapproved_is_sent(
    moves: list[tuple[Any, ...]], rules: dict[str, str]
) -> None:
    house = House(msgspec.structs.replace(ACTUAL, approval=rules))
    for move in moves:
        play(house, move)
    Proof(rules).read(house.events)
    again = State()
    for event in house.events:
        evolve(again, event)
    assert again == house.state, "read again, the log gives the same state"


def play(house: House, move: tuple[Any, ...]) -> None:
    what, *rest = move
    if what == "see":
        incident, towns, priority, seen = rest
        before = house.situations.get(incident)
        last = house.now if seen or before is None else before.last_seen_ms
        places = tuple(TOWNS[n] for n in sorted(towns))
        house.see(fire(last, *places, incident=incident, priority=priority))
    elif what == "end":
        house.see(ended(house.now, "no-place-in-reach", incident=rest[0]))
    elif what in ("wait", "sleep"):
        house.now += 1000 * rest[0]
        if what == "wait":  # else time passes before the next step
            house.see()
    elif what == "crash":
        house.state = State.from_bytes(house.state.to_bytes())
    else:
        try:
            house.order(command_of(house, what, rest[0]), rest[1])
        except CommandRefused as error:
            assert error.reason  # noqa: PT017 - whether it is refused depends on the moves before


def command_of(house: House, what: str, about: Any) -> Any:
    if what in ("approve", "reject"):
        drafts = [draft.identifier for _, draft in house.state.drafts()]
        name = drafts[about] if about < len(drafts) else "incident-fire-a-1"
        return ApproveWarning(identifier=name) if what == "approve" else RejectWarning(identifier=name, reason="no")
    kind: Any = {"update": SendUpdate, "all-clear": GiveAllClear}.get(what)
    return kind(thread=about) if kind else CancelWarning(thread=about, reason="because")


def timeless(xml: bytes) -> str:
    """A message without when it was sent, takes effect and ends: these count from its being let out."""
    return re.sub(r"(?s)<(sent|effective|expires)>.*?</", r"<\1></", xml.decode())


class Proof:
    """Reads the events alone and keeps its own account of what must hold."""

    def __init__(self, rules: dict[str, str]) -> None:
        self.rules = rules
        self.drafts: dict[str, WarningDrafted] = {}
        self.yes: dict[str, set[str]] = {}
        self.dead: set[str] = set()  # sent, rejected or replaced
        self.waiting: dict[str, str] = {}  # thread → identifier
        self.sent: dict[str, list[WarningSent]] = {}  # thread → all that was sent
        self.over: dict[str, int] = {}  # thread → how many of them a Cancel or the end of all closed

    def read(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, WarningDrafted):
                assert event.identifier not in self.drafts
                self.dead.add(self.waiting.get(event.thread, ""))
                self.drafts[event.identifier] = event
                self.waiting[event.thread] = event.identifier
                self.yes[event.identifier] = {event.drafted_by.strip().casefold()} - {"almenara"}
            elif isinstance(event, WarningApproved | WarningRejected):
                assert event.identifier not in self.dead
                name = event.by.strip().casefold()
                if isinstance(event, WarningApproved):
                    # Who drafted by hand may be written down as the yes that was enough, nobody else twice.
                    by_drafter = self.drafts[event.identifier].drafted_by.strip().casefold() == name
                    assert name not in self.yes[event.identifier] or by_drafter
                    self.yes[event.identifier].add(name)
                else:
                    self.dead.add(event.identifier)
            elif isinstance(event, WarningSent):
                self.check(event)
            elif isinstance(event, WarningExpired):
                assert self.sent[event.thread][-1].identifier == event.identifier
                assert self.sent[event.thread][-1].expires_ms <= event.now_ms
                self.over[event.thread] = len(self.sent[event.thread])

    def check(self, event: WarningSent) -> None:
        assert event.identifier not in self.dead
        self.dead.add(event.identifier)
        draft = self.drafts[event.identifier]
        assert timeless(event.xml) == timeless(draft.xml), "what is sent is what was read, but for its own times"
        assert draft.expires_ms > event.now_ms, "what ran out is not sent"
        persons = self.yes[event.identifier] - {"policy"}
        if "default" not in self.rules and self.rules != {"fire/Minor": "automatic"}:
            assert len(persons) >= 2
        elif self.rules.get("default") == "one":
            assert len(persons) >= 1
        before = self.sent.setdefault(event.thread, [])
        live = before[self.over.get(event.thread, 0) :]
        lasting = {old.identifier for old in live if old.expires_ms > event.now_ms}
        referred = {reference.identifier for reference in from_xml(event.xml).references}
        assert referred <= {old.identifier for old in before}, "only what was sent is referred to"
        if event.msg_type == "Alert":
            assert not live or live[-1].expires_ms <= event.now_ms, "an Alert only where nothing is in force"
            assert not referred
            self.over[event.thread] = len(before)
        else:
            assert referred
            assert lasting <= referred, "all that lasts is referred to"
        before.append(event)
        if event.msg_type == "Cancel":
            self.over[event.thread] = len(before)
