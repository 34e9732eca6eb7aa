"""The life of a message: who has to say yes, what persons order, and what no order of events can break."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.stages.public_warnings.house import ACTUAL, House
from tests.stages.public_warnings.scene import POLICY, T0, ended, fire, place, quake
from tests.stages.times import let_out

from almenara.model.cap import Reference, ResponseType, Urgency, from_xml
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
from almenara.stages.public_warnings import State, check_policy, decide, due, evolve, send, shipped
from almenara.stages.public_warnings.situation import HOUR_MS, Policy

LOJA, MALACATOS, SAN_PEDRO = place("Loja"), place("Malacatos"), place("San Pedro")
ONE = msgspec.structs.replace(ACTUAL, approval={"default": "one"})


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


@pytest.mark.parametrize("rules", [{"flud": "one"}, {"fire/Bad": "one"}, {"fire": "two"}, {"default/Minor": "one"}])
def test_rules_that_make_no_sense(rules: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="approval"):
        check_policy(msgspec.structs.replace(ACTUAL, approval=rules), shipped())


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
    for event in decide(state, [fire(T0, LOJA)], T0, policy, shipped()):
        evolve(state, event)
    evolve(state, WarningApproved(now_ms=T0, identifier="incident-fire-a-1", by="Ana"))
    with pytest.raises(CommandRefused, match="key"):
        send(state, "incident-fire-a-1", T0, policy)
    with pytest.raises(InvalidWarning, match="approved"):
        send(state, "incident-fire-a-1", T0, policy, lambda xml: xml.replace(b"Loja", b"Lima"))
    sent = send(state, "incident-fire-a-1", T0, policy, lambda xml: xml + b"<!-- seal -->")
    assert sent.signed
    assert sent.xml.endswith(b"<!-- seal -->")


WAITED_MS = 20 * 60_000


def test_a_message_that_waited_is_sent_when_it_is_let_out_and_lasts_from_then() -> None:
    house = House(ONE)
    drafted, *_ = house.see(fire(T0, LOJA))
    assert isinstance(drafted, WarningDrafted)
    house.now += WAITED_MS
    house.approve("Ana")
    (first,) = (event for event in house.events if isinstance(event, WarningSent))
    waited = timedelta(milliseconds=WAITED_MS)
    assert first.xml == let_out(drafted.xml, waited)
    assert first.expires_ms == drafted.expires_ms + WAITED_MS == T0 + WAITED_MS + ONE.expires_ms["fire"]
    # What counts from a message counts from when the public had it: its end, the quiet time, and what later ones name.
    thread = house.state.threads["incident-fire-a"]
    assert (thread.expires_ms, thread.in_force(drafted.expires_ms)) == (first.expires_ms, True)
    house.now = T0 + ONE.quiet_ms
    assert house.see(fire(house.now, LOJA, area_km2=900.0)) == []
    house.now += WAITED_MS
    update, *_ = house.see(fire(house.now, LOJA, area_km2=900.0))
    assert isinstance(update, WarningDrafted)
    (named,) = from_xml(update.xml).references
    assert named == Reference(ONE.sender, first.identifier, from_xml(first.xml).sent)
    house.now += WAITED_MS
    house.approve("Ana")
    house.order(CancelWarning(thread="incident-fire-a", reason="a kiln"), "Ana")
    *_, cancel = (event for event in house.events if isinstance(event, WarningSent))
    assert (cancel.msg_type, cancel.expires_ms) == ("Cancel", house.state.threads["incident-fire-a"].expires_ms)


@pytest.mark.parametrize("change", [(b"Loja", b"Lima"), (b"<polygon>-", b"<polygon>"), (b"T09:20:", b"T09:21:")])
def test_nothing_but_the_time_of_its_being_let_out_may_differ(change: tuple[bytes, bytes]) -> None:
    policy = msgspec.structs.replace(ONE, signed=True)
    house = House(ONE)
    house.see(fire(T0, LOJA))
    evolve(house.state, WarningApproved(now_ms=T0, identifier="incident-fire-a-1", by="Ana"))
    assert change[0] in send(house.state, "incident-fire-a-1", T0 + WAITED_MS, policy, lambda xml: xml).xml
    with pytest.raises(InvalidWarning):
        send(house.state, "incident-fire-a-1", T0 + WAITED_MS, policy, lambda xml: xml.replace(*change))


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
    drafted, approved = decide(state, [fire(later, LOJA)], later, POLICY, shipped())
    assert isinstance(drafted, WarningDrafted)
    assert isinstance(approved, WarningApproved)
    assert (drafted.identifier, drafted.msg_type, drafted.references) == ("incident-fire-a-3", "Alert", "")
