"""A warning written by hand lives like any other: four eyes, updates, all-clear, cancel, expiry; the log read again."""

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.service.running import replayed
from tests.service.worlds import PLACES
from tests.stages.times import let_out

from almenara.model.cap import Certainty, ResponseType, Severity, Urgency, from_xml
from almenara.model.commands import (
    AnyCommand,
    ApproveWarning,
    CancelWarning,
    DraftByHand,
    GiveAllClear,
    SendUpdate,
    Statement,
    decode_command,
    encode_command,
)
from almenara.model.errors import CommandRefused, StatusMismatch, UsageError
from almenara.model.events import Event, WarningDrafted, WarningExpired, WarningSent
from almenara.ports import Actual, Exercise, Outgoing
from almenara.service.commands import handle
from almenara.service.inbox import Inbox, Request
from almenara.service.session import Session
from almenara.snapshot import from_bytes, to_bytes
from almenara.stages.public_warnings.by_hand import KEPT_MS
from almenara.stages.public_warnings.situation import HOUR_MS
from almenara.stores.memory import MemoryLog

T0 = 1_725_372_000_000  # 2024-09-03 14:00 UTC
BANKS = ((((-79.9, -2.2), (-79.8, -2.25), (-79.7, -2.1), (-79.9, -2.2)),),)
FLOOD = Statement(
    kind="flood",
    area_name={"es": "las riberas del Daule", "en": "the banks of the Daule"},
    urgency=Urgency.IMMEDIATE,
    severity=Severity.SEVERE,
    certainty=Certainty.LIKELY,
    values={"river": "Daule"},
)
SAID = DraftByHand(statement=FLOOD, area=BANKS)


def house(status: str = "Actual") -> Session:
    session = Session(MemoryLog())
    session.start("watch", status, {})
    return session


def named(events: list[Event]) -> list[str]:
    return [type(event).__name__.removeprefix("Warning") for event in events]


def drafted(session: Session, command: AnyCommand, by: str, at: int) -> WarningDrafted:
    event, *rest = handle(session, command, by, at)
    assert isinstance(event, WarningDrafted)
    assert rest == [], "it waits for a second person"
    assert event.drafted_by == by
    return event


def approved(session: Session, draft: WarningDrafted, by: str, at: int) -> WarningSent:
    *_, sent = handle(session, ApproveWarning(identifier=draft.identifier), by, at)
    assert isinstance(sent, WarningSent)
    assert sent.xml == let_out(draft.xml, timedelta(milliseconds=at - draft.now_ms))
    return sent


def in_the_same_state(session: Session) -> None:
    """The log read again, and a snapshot, give the state as it stands."""
    again = Session(session.log)
    again.recover()
    kept = from_bytes(to_bytes(session.state))
    for state in (again.state, kept):
        assert state.warnings == session.state.warnings
        assert state.outbox == session.state.outbox
        assert state.policy == session.state.policy


def test_the_whole_life_of_a_flood_warning_under_four_eyes() -> None:
    session = house()
    first = drafted(session, SAID, "Ana", T0)
    assert first.thread.startswith("by-hand-flood-20240903T1400-")
    assert (first.msg_type, first.kind, first.severity, first.references) == ("Alert", "flood", "Severe", "")
    with pytest.raises(CommandRefused) as why:
        handle(session, ApproveWarning(identifier=first.identifier), "ana", T0)
    assert why.value.reason == "same-person"
    sent = approved(session, first, "Luis", T0 + 1000)
    assert session.state.outbox.messages[first.identifier].xml == sent.xml

    observed = msgspec.structs.replace(FLOOD, certainty=Certainty.OBSERVED, expires_h=2.0)
    worse = DraftByHand(statement=observed, area=BANKS, thread=first.thread)
    second = drafted(session, worse, "Luis", T0 + 60_000)
    assert (second.thread, second.msg_type) == (first.thread, "Update")
    assert second.references.split(",")[1] == first.identifier
    in_the_same_state(session)
    approved(session, second, "Ana", T0 + 61_000)
    assert from_xml(second.xml).info[0].certainty is Certainty.OBSERVED

    clear = drafted(session, GiveAllClear(thread=first.thread), "Ana", T0 + 120_000)
    approved(session, clear, "Luis", T0 + 121_000)
    spanish, english = from_xml(clear.xml).info
    assert english.response_type == (ResponseType.ALL_CLEAR,)
    assert (english.urgency, english.event) == (Urgency.PAST, "Flood")
    assert english.headline == "The danger of flood is over in the banks of the Daule"
    assert spanish.headline == "Terminó el peligro de inundación en las riberas del Daule"
    assert english.area[0].polygon == from_xml(second.xml).info[1].area[0].polygon
    assert [reference.identifier for reference in from_xml(clear.xml).references] == [
        first.identifier,
        second.identifier,
    ]

    over = T0 + 121_000 + 3 * HOUR_MS
    assert [e for e in session.step(over) if isinstance(e, WarningExpired)] == [
        WarningExpired(now_ms=over, identifier=clear.identifier, thread=first.thread)
    ]
    session.commit()
    anew = drafted(session, DraftByHand(statement=FLOOD, area=BANKS, thread=clear.identifier), "Eva", over + 1000)
    assert (anew.thread, anew.msg_type, anew.references) == (first.thread, "Alert", "")
    in_the_same_state(session)


def test_it_can_be_cancelled_and_a_draft_lapses() -> None:
    session = house()
    first = drafted(session, SAID, "Ana", T0)
    approved(session, first, "Luis", T0)
    taken_back = drafted(session, CancelWarning(thread=first.thread, reason="a false report"), "Ana", T0 + 1000)
    approved(session, taken_back, "Luis", T0 + 2000)
    info = from_xml(taken_back.xml).info[1]
    assert (taken_back.msg_type, info.headline) == ("Cancel", "Flood warning withdrawn for the banks of the Daule")
    storm = DraftByHand(statement=msgspec.structs.replace(FLOOD, kind="storm", values={"wind": "90 km/h"}), area=BANKS)
    drafted(session, storm, "Ana", T0 + 3000)
    assert "Rejected" in named(session.step(T0 + 7 * HOUR_MS))
    session.commit()
    in_the_same_state(session)


@pytest.mark.parametrize(("status", "right", "wrong"), [("Exercise", Exercise, Actual), ("Actual", Actual, Exercise)])
def test_exercise_and_actual_stay_apart(status: str, right: Any, wrong: Any) -> None:
    """The officer does not say the status: it is the log's, in every part of the message."""
    session = house(status)
    first = handle(session, SAID, "Ana", T0)[0]
    assert isinstance(first, WarningDrafted)
    if status == "Actual":
        approved(session, first, "Luis", T0)
    message = session.state.outbox.messages[first.identifier]
    assert Outgoing(message.xml, first.thread, right).identifier == first.identifier
    with pytest.raises(StatusMismatch):
        Outgoing(message.xml, first.thread, wrong)
    alert = from_xml(message.xml)
    assert (alert.status, first.status) == (status, status)
    for info in alert.info:
        for text in (info.headline, info.description, info.instruction):
            assert (text or "").startswith(("SIMULACRO: ", "EXERCISE: ")) == (status == "Exercise")


def test_an_exercise_is_automatic_and_the_status_cannot_be_asked_for() -> None:
    assert named(handle(house("Exercise"), SAID, "Ana", T0)) == ["Drafted", "Approved", "Sent"]
    with pytest.raises(UsageError, match="status"):
        decode_command(encode_command(SAID).replace(b'"kind":"flood"', b'"kind":"flood","status":"Actual"'))
    assert decode_command(encode_command(SAID)) == SAID


def changed(**changes: Any) -> DraftByHand:
    return DraftByHand(statement=msgspec.structs.replace(FLOOD, **changes), area=BANKS)


@pytest.mark.parametrize(
    ("command", "error", "why"),
    [
        (SAID, CommandRefused, "says just that"),
        (DraftByHand(statement=FLOOD, area=BANKS, thread="nothing"), CommandRefused, "no warning 'nothing'"),
        (changed(kind="fludd"), UsageError, "no kind of warning 'fludd'"),
        (changed(values={"rivr": "Daule"}), UsageError, "no 'rivr'"),
        (DraftByHand(statement=FLOOD, area=()), UsageError, "there is none"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_no_trace(
    command: DraftByHand, error: type[Exception], why: str
) -> None:
    session = house()
    drafted(session, SAID, "Ana", T0)
    before = session.log.head()
    with pytest.raises(error, match=why):
        handle(session, command, "Ana", T0 + 1000)
    assert session.log.head() == before


def test_a_thread_keeps_its_kind_and_its_way_of_being_updated() -> None:
    session = house()
    first = drafted(session, SAID, "Ana", T0)
    storm = msgspec.structs.replace(FLOOD, kind="storm")
    for command, reason in (
        (DraftByHand(statement=storm, area=BANKS, thread=first.thread), "other-kind"),
        (SendUpdate(thread=first.thread), "by-hand"),
    ):
        with pytest.raises(CommandRefused) as why:
            handle(session, command, "Ana", T0)
        assert why.value.reason == reason


def test_an_incidents_thread_is_not_written_by_hand(feeds: list[Path]) -> None:
    log = MemoryLog()
    replayed(feeds[:2], log, status="Actual", places=PLACES)
    session = Session(log)
    session.recover()
    (thread, draft), *_ = session.state.warnings.drafts()
    command = DraftByHand(statement=msgspec.structs.replace(FLOOD, kind="fire"), area=BANKS, thread=thread.id)
    with pytest.raises(CommandRefused) as why:
        handle(session, command, "Ana", draft.now_ms)
    assert why.value.reason == "not-by-hand"
    # a flood in the same log touches nothing of the fires, and their steps nothing of it
    mine = drafted(session, SAID, "Ana", draft.now_ms)
    session.step(session.state.now_ms + 60_000)
    assert session.state.warnings.find_draft(mine.identifier) is not None
    session.commit()
    in_the_same_state(session)


def test_what_is_long_over_is_forgotten() -> None:
    session = house()
    first = drafted(session, SAID, "Ana", T0)
    approved(session, first, "Luis", T0)
    session.step(T0 + 7 * HOUR_MS)
    later = T0 + KEPT_MS
    drafted(session, changed(severity=Severity.MINOR), "Ana", later)
    assert first.thread in session.state.warnings.threads
    drafted(session, changed(severity=Severity.MODERATE), "Ana", later + 60_000)
    assert first.thread not in session.state.warnings.threads
    in_the_same_state(session)


def test_it_comes_through_the_inbox_of_a_running_watch(tmp_path: Path) -> None:
    session, inbox = house(), Inbox.of(tmp_path)
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(inbox.ask(Request(by="Ana", command=SAID), wait_s=10.0)))
    asking.start()
    while asking.is_alive():
        inbox.serve(lambda command, by: handle(session, command, by, T0))
        time.sleep(0.01)
    ((_, draft),) = session.state.warnings.drafts()
    assert answers[0].said == [f"WarningDrafted {draft.identifier} Alert"]
    assert draft.drafted_by == "Ana"
