"""The life of a message: who has to say yes, what persons order, and what no order of events can break."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stages.public_warnings.scene import POLICY, T0, ended, fire, place, quake

from almenara.model.cap import ResponseType, Urgency, from_xml
from almenara.model.commands import ApproveWarning, CancelWarning, GiveAllClear, RejectWarning, SendUpdate, Wording
from almenara.model.errors import CommandRefused, InvalidWarning, UsageError
from almenara.model.events import (
    Event,
    WarningApproved,
    WarningDrafted,
    WarningExpired,
    WarningRejected,
    WarningSent,
)
from almenara.stages.public_warnings import Situation, State, check_policy, decide, due, evolve, send
from almenara.stages.public_warnings.orders import is_ready, order
from almenara.stages.public_warnings.situation import HOUR_MS, Policy

LOJA, MALACATOS, SAN_PEDRO = place("Loja"), place("Malacatos"), place("San Pedro")
ACTUAL = msgspec.structs.replace(POLICY, status="Actual")
ONE = msgspec.structs.replace(ACTUAL, approval={"default": "one"})


class House:
    """A warnings stage with its operators: every event, in order, and the situation of each incident."""

    def __init__(self, policy: Policy = ACTUAL) -> None:
        self.policy = policy
        self.state = State()
        self.now = T0
        self.events: list[Event] = []
        self.situations: dict[str, Situation] = {}

    def take(self, event: Event) -> None:
        evolve(self.state, event)
        self.events.append(event)
        if isinstance(event, WarningApproved) and is_ready(self.state, event.identifier, self.policy):
            self.take(send(self.state, event.identifier, self.now, self.policy))

    def see(self, *situations: Situation) -> list[Event]:
        """One step with what was touched, and what is due anyhow."""
        for situation in situations:
            self.situations[situation.incident] = situation
        seen = {s.incident: s for s in situations}
        for name in due(self.state, self.now, self.policy):
            if name in self.situations and not self.situations[name].ended:
                seen.setdefault(name, self.situations[name])
        before = len(self.events)
        for event in decide(self.state, list(seen.values()), self.now, self.policy):
            self.take(event)
        return self.events[before:]

    def order(self, command: Any, by: str = "Ana") -> list[Event]:
        before = len(self.events)
        for event in order(self.state, command, by, self.look, self.now, self.policy):
            self.take(event)
        return self.events[before:]

    def look(self, incident: str) -> Situation | None:
        found = self.situations.get(incident)
        return None if found is None or found.ended else found

    def approve(self, *names: str) -> None:
        (_, draft), *_ = self.state.drafts()
        for name in names:
            self.order(ApproveWarning(identifier=draft.identifier), name)


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__.removeprefix("Warning") for event in events]


def refused(house: House, command: Any, by: str = "Ana") -> str:
    with pytest.raises(CommandRefused) as why:
        house.order(command, by)
    assert str(why.value)
    return why.value.reason


def test_actual_needs_two_different_persons_when_nothing_is_configured() -> None:
    house = House()
    assert kinds(house.see(fire(T0, LOJA))) == ["Drafted"]
    yes = ApproveWarning(identifier="incident-fire-a-1")
    assert kinds(house.order(yes, "Ana Ruíz")) == ["Approved"]
    for name in ("Ana Ruíz", " ana  RUIZ ", "ANA RUÍZ"):
        assert refused(house, yes, name) == "same-person"
    for name in ("", "  \t", "Almenara", "policy", "x" * 81):
        assert refused(house, yes, name) == "no-name"
    assert kinds(house.order(yes, "Luis")) == ["Approved", "Sent"]
    assert refused(house, yes, "Eva") == "already-sent"
    assert refused(house, RejectWarning(identifier="incident-fire-a-1", reason="late")) == "already-sent"


@pytest.mark.parametrize(
    ("approval", "severity", "yeses"),
    [
        ({}, 1, 2),
        ({"default": "one"}, 1, 1),
        ({"fire": "automatic"}, 1, 0),
        ({"earthquake": "automatic"}, 1, 2),
        ({"fire/Severe": "one", "fire": "automatic"}, 1, 1),
        ({"fire/Minor": "automatic", "fire": "one"}, 4, 0),
    ],
)
def test_the_policy_says_how_many(approval: dict[str, str], severity: int, yeses: int) -> None:
    house = House(msgspec.structs.replace(ACTUAL, approval=approval))
    events = house.see(fire(T0, LOJA, priority=severity))
    for name in ["Ana", "Luis"][:yeses]:
        assert "Sent" not in kinds(events)
        events = house.order(ApproveWarning(identifier="incident-fire-a-1"), name)
    assert kinds(events)[-1] == "Sent"


@pytest.mark.parametrize("rules", [{"flood": "one"}, {"fire/Bad": "one"}, {"fire": "two"}, {"default/Minor": "one"}])
def test_rules_that_make_no_sense(rules: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="approval"):
        check_policy(msgspec.structs.replace(ACTUAL, approval=rules))


def test_to_take_back_a_grave_warning_is_as_grave_as_to_give_it() -> None:
    house = House(msgspec.structs.replace(ACTUAL, approval={"fire/Minor": "automatic"}))
    house.see(fire(T0, LOJA, priority=1))
    house.approve("Ana", "Luis")
    house.now += HOUR_MS
    events = house.see(ended(house.now, "no-place-in-reach"))
    assert kinds(events) == ["Drafted"], "the Cancel itself is Minor, what it takes back is Severe"


def test_a_draft_that_waits_is_written_again_only_for_news() -> None:
    house = House()
    house.see(fire(T0, LOJA))
    house.now += HOUR_MS
    assert house.see(fire(house.now, LOJA)) == []
    (second,) = house.see(fire(house.now, LOJA, MALACATOS))
    assert isinstance(second, WarningDrafted)
    assert (second.identifier, second.msg_type, second.references) == ("incident-fire-a-2", "Alert", "")
    assert second.reasons == ["first", "new-place"]
    assert refused(house, ApproveWarning(identifier="incident-fire-a-1")) == "replaced"
    house.approve("Ana", "Luis")
    house.now += HOUR_MS
    (third,) = house.see(fire(house.now, LOJA, MALACATOS, SAN_PEDRO))
    assert isinstance(third, WarningDrafted)
    assert [r.identifier for r in from_xml(third.xml).references] == ["incident-fire-a-2"], "the first was never sent"


def test_what_a_person_rejected_is_not_proposed_again_without_news() -> None:
    house = House()
    house.see(fire(T0, LOJA))
    (no,) = house.order(RejectWarning(identifier="incident-fire-a-1", reason="  a controlled\tburn "))
    assert isinstance(no, WarningRejected)
    assert (no.by, no.reason) == ("Ana", "a controlled burn")
    assert refused(house, RejectWarning(identifier="incident-fire-a-1", reason="again")) == "not-waiting"
    house.now += HOUR_MS
    assert house.see(fire(house.now, LOJA)) == []
    assert kinds(house.see(fire(house.now, LOJA, MALACATOS))) == ["Drafted"]
    house.order(RejectWarning(identifier="incident-fire-a-2", reason="still that burn"))
    house.now += 7 * HOUR_MS
    (again,) = house.see(fire(house.now, LOJA, MALACATOS))
    assert isinstance(again, WarningDrafted)
    assert again.reasons == ["seen-again"], "it would have run out by now"


def test_what_nobody_approves_lapses_and_is_proposed_again() -> None:
    house = House()
    house.see(fire(T0, LOJA))
    house.now += 6 * HOUR_MS
    assert refused(house, ApproveWarning(identifier="incident-fire-a-1")) == "out-of-date"
    (again,) = house.see()
    assert isinstance(again, WarningDrafted)
    assert (again.msg_type, again.reasons, again.now_ms) == ("Alert", ["first"], house.now)
    del house.situations["incident-fire-a"]
    house.now += 6 * HOUR_MS
    (lapsed,) = house.see()
    assert isinstance(lapsed, WarningRejected)
    assert lapsed.by == "almenara"
    assert "nobody approved" in lapsed.reason


def test_an_update_outlives_not_what_it_refers_to() -> None:
    """Its thread ran out before anyone approved: it cannot be sent, and an Alert is drafted in its place."""
    house = House()
    house.see(fire(T0, LOJA))
    house.approve("Ana", "Luis")
    house.now += 4 * HOUR_MS
    (update,) = house.see(fire(T0, LOJA, MALACATOS))
    assert isinstance(update, WarningDrafted)
    house.now = T0 + 6 * HOUR_MS
    assert refused(house, ApproveWarning(identifier=update.identifier)) == "out-of-date"
    events = house.see()
    assert kinds(events) == ["Drafted", "Expired"]
    assert isinstance(events[0], WarningDrafted)
    assert (events[0].msg_type, events[0].references, events[0].reasons) == ("Alert", "", ["new-place"])


def test_a_draft_of_an_incident_that_ended_is_withdrawn() -> None:
    house = House()
    house.see(fire(T0, LOJA))
    assert kinds(house.see(ended(T0 + 1, "no-place-in-reach"))) == ["Rejected"]
    house.now += 2
    assert kinds(house.see(fire(house.now, LOJA))) == ["Drafted"]


def test_an_incident_that_goes_on_needs_no_cancel() -> None:
    house = House()
    house.see(fire(T0, LOJA))
    house.approve("Ana", "Luis")
    house.now += 1000
    (cancel,) = house.see(ended(house.now, "no-place-in-reach"))
    assert isinstance(cancel, WarningDrafted)
    assert cancel.msg_type == "Cancel"
    assert house.see(ended(house.now, "no-place-in-reach")) == []
    house.now += 1000
    assert kinds(house.see(fire(T0, LOJA))) == ["Rejected"]
    house.now += 1000
    assert kinds(house.see(fire(house.now, LOJA, MALACATOS))) == ["Drafted"]


class TestOrders:
    """What persons order, each drafter being the first of two."""

    def test_an_update_at_once_with_own_words(self) -> None:
        house = House()
        house.see(fire(T0, LOJA))
        house.approve("Ana", "Luis")
        house.now += 60_000
        words = {"es": Wording(headline="Evacúen\u202e ya", instruction="Salgan por la vía a Loja.\nNo vuelvan.")}
        (draft,) = house.order(SendUpdate(thread="incident-fire-a", wording=words))
        assert isinstance(draft, WarningDrafted)
        assert (draft.msg_type, draft.drafted_by, draft.reasons) == ("Update", "Ana", ["by-order"])
        spanish, english = from_xml(draft.xml).info
        assert spanish.headline == "Evacúen ya"
        assert (spanish.instruction or "").startswith("Salgan por la vía a Loja.\nNo vuelvan.\n")
        assert english.headline == "Probable fire near Loja"
        assert refused(house, ApproveWarning(identifier=draft.identifier), "ana") == "same-person"
        assert kinds(house.order(ApproveWarning(identifier=draft.identifier), "Eva")) == ["Approved", "Sent"]

    def test_own_words_do_not_take_the_mark_of_an_exercise_away(self) -> None:
        house = House(POLICY)
        house.see(fire(T0, LOJA))
        own = {"en": Wording(headline="Go", description="Now.", instruction="Run.")}
        events = house.order(SendUpdate(thread="incident-fire-a-1", wording=own))
        assert kinds(events) == ["Drafted", "Approved", "Sent"]
        assert isinstance(events[0], WarningDrafted)
        english = from_xml(events[0].xml).info[1]
        assert english.headline == "EXERCISE: Go"
        assert (english.description or "").startswith("EXERCISE: Now.\n\nThis message is part of an exercise")
        assert (english.instruction or "").startswith("EXERCISE: Run.\n")

    def test_words_that_are_refused(self) -> None:
        house = House()
        house.see(fire(T0, LOJA))
        for words, reason in (
            ({"qu": Wording(headline="x")}, "no-such-language"),
            ({"es": Wording(description="x" * 5000)}, "too-long"),
        ):
            assert refused(house, SendUpdate(thread="incident-fire-a", wording=words)) == reason
        assert refused(house, SendUpdate(thread="incident-fire-z")) == "unknown"
        house.see(ended(T0, "no-place-in-reach"))
        assert refused(house, SendUpdate(thread="incident-fire-a")) == "nothing-to-warn-of"

    @pytest.mark.parametrize("policy", [ACTUAL, ONE])
    def test_cancel(self, policy: Policy) -> None:
        house = House(policy)
        assert refused(house, CancelWarning(thread="incident-fire-a", reason="x")) == "unknown"
        house.see(fire(T0, LOJA))
        assert refused(house, CancelWarning(thread="incident-fire-a", reason="x")) == "nothing-in-force"
        house.approve("Ana", "Luis") if policy is ACTUAL else house.approve("Ana")
        house.now += 1000
        assert refused(house, CancelWarning(thread="incident-fire-a", reason=" \n")) == "no-reason"
        events = house.order(CancelWarning(thread="incident-fire-a", reason="mistaken position"), "Eva")
        assert kinds(events) == (["Drafted"] if policy is ACTUAL else ["Drafted", "Approved", "Sent"])
        draft = events[0]
        assert isinstance(draft, WarningDrafted)
        alert = from_xml(draft.xml)
        assert [r.identifier for r in alert.references] == ["incident-fire-a-1"]
        assert "No fire is now detected" not in (alert.info[1].description or ""), "that is not why"
        if policy is ACTUAL:
            house.approve("Luis")
        assert house.state.open == {}
        house.now += 1000
        assert house.see(fire(T0, LOJA)) == [], "the machine does not say again what a person took back"
        assert kinds(house.see(fire(house.now, LOJA))) == ["Drafted"], "unless the hazard is seen again"

    def test_all_clear(self) -> None:
        house = House(ONE)
        house.see(fire(T0, LOJA, priority=1))
        assert refused(house, GiveAllClear(thread="incident-fire-a")) == "nothing-in-force"
        house.approve("Ana")
        house.now += 5 * HOUR_MS + 1000
        drafted, *rest = house.order(GiveAllClear(thread="incident-fire-a"), "Eva")
        assert kinds(rest) == ["Approved", "Sent"]
        assert isinstance(drafted, WarningDrafted)
        alert = from_xml(drafted.xml)
        assert (alert.msg_type, [r.identifier for r in alert.references]) == ("Update", ["incident-fire-a-1"])
        for info in alert.info:
            assert info.response_type == (ResponseType.ALL_CLEAR,)
            assert info.urgency == Urgency.PAST
            assert "Loja" in (info.headline or "")
        assert drafted.expires_ms == house.now + HOUR_MS
        assert refused(house, GiveAllClear(thread="incident-fire-a")) == "all-clear-already"
        assert house.see(fire(T0, LOJA, priority=1)) == []
        assert house.see(ended(house.now, "no-place-in-reach")) == [], "there is nothing left to take back"
        house.now += 60_000
        (update,) = house.see(fire(house.now, LOJA))
        assert isinstance(update, WarningDrafted)
        assert (update.msg_type, update.reasons) == ("Update", ["seen-again"])

    def test_an_earthquakes_all_clear_after_its_incident_closed(self) -> None:
        house = House(ONE)
        house.see(quake(T0, place("Catamayo", mmi=7.2)))
        house.approve("Ana")
        del house.situations["incident-quake-us7000abcd"]
        house.now += 1000
        assert kinds(house.order(GiveAllClear(thread="incident-quake-us7000abcd"))) == ["Drafted", "Approved", "Sent"]


def test_signing_is_by_policy_and_what_is_signed_says_the_same() -> None:
    policy = msgspec.structs.replace(ONE, signed=True)
    state = State()
    for event in decide(state, [fire(T0, LOJA)], T0, policy):
        evolve(state, event)
    evolve(state, WarningApproved(now_ms=T0, identifier="incident-fire-a-1", by="Ana"))
    with pytest.raises(CommandRefused, match="key"):
        send(state, "incident-fire-a-1", T0, policy)
    with pytest.raises(InvalidWarning, match="approved"):
        send(state, "incident-fire-a-1", T0, policy, lambda xml: xml.replace(b"Loja", b"Lima"))
    sent = send(state, "incident-fire-a-1", T0, policy, lambda xml: xml + b"<!-- seal -->")
    assert sent.signed
    assert sent.xml.endswith(b"<!-- seal -->")


def test_a_log_from_before_there_were_approvals() -> None:
    """Its drafts were never sent, so nothing refers to them; its threads go on counting where they were."""
    state = State()
    old = House(msgspec.structs.replace(POLICY, approval={"default": "one"}))
    first, *_ = old.see(fire(T0, LOJA))
    evolve(state, first)
    old.now += 1000
    evolve(state, old.see(fire(T0, LOJA, MALACATOS))[0])
    evolve(state, WarningExpired(now_ms=T0 + 6 * HOUR_MS, identifier="incident-fire-a-2", thread="incident-fire-a"))
    later = T0 + 7 * HOUR_MS
    assert due(state, later, POLICY) == ["incident-fire-a"]
    drafted, approved = decide(state, [fire(later, LOJA)], later, POLICY)
    assert isinstance(drafted, WarningDrafted)
    assert isinstance(approved, WarningApproved)
    assert (drafted.identifier, drafted.msg_type, drafted.references) == ("incident-fire-a-3", "Alert", "")


# ---------------------------------------------------------------------- any interleaving

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
        assert event.xml == draft.xml
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
