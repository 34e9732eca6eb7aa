"""The outbox: who gets what when, what is given up, and that its memory is bounded and survives a restart."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almenara.model.events import ChannelPaused, ChannelResumed, DeliveriesRecorded, DeliveriesRetried, WarningSent
from almenara.stages.outbox import (
    ATTEMPTS_MAX,
    BACKOFF_MS_MAX,
    DEAD,
    DELIVERED,
    KEPT_MS,
    REFUSED,
    RETRY_AFTER_MS_MAX,
    SUPERSEDED,
    Attempt,
    State,
    backoff_ms,
    dead_letters,
    decide,
    delivered,
    evolve,
    failed,
    refused,
)

T0, HOUR = 1_725_372_000_000, 3_600_000


def sent(identifier: str, thread: str = "t", at: int = T0, lasts: int = 6 * HOUR) -> WarningSent:
    return WarningSent(
        now_ms=at,
        identifier=identifier,
        thread=thread,
        msg_type="Alert",
        expires_ms=at + lasts,
        xml=b"<alert/>",
        sha256="",
        signed=False,
    )


def record(state: State, channel: str, identifier: str, *results: Any, at: int = T0) -> None:
    evolve(state, DeliveriesRecorded(now_ms=at, channel=channel, identifier=identifier, results=list(results)))


def attempts(state: State, channel: str = "c", to: tuple[str, ...] = ("x", "y"), at: int = T0) -> list[Attempt]:
    return decide(state, channel, to, at).attempts


def test_each_recipient_of_each_channel_gets_each_message_once() -> None:
    state = evolve(State(), sent("a"))
    assert attempts(state) == [Attempt("a", "x", 1), Attempt("a", "y", 1)]
    record(state, "c", "a", delivered(Attempt("a", "x", 1), "250 OK", ""))
    assert attempts(state) == [Attempt("a", "y", 1)]
    assert attempts(state, "other") == [Attempt("a", "x", 1), Attempt("a", "y", 1)], "channels do not share"
    record(state, "c", "a", refused(Attempt("a", "y", 1), "410 Gone"))
    assert decide(state, "c", ("x", "y"), T0) == ([], [], 0)
    assert attempts(state, to=("x", "y", "new")) == [Attempt("a", "new", 1)], "who comes later gets what is in force"
    health = state.of("c")
    assert (health.delivered, health.dead, health.failures_in_row) == (1, 1, 1)
    assert [(name, to) for name, to, _ in dead_letters(state, "c")] == [("a", "y")]


def test_the_newest_first_and_what_it_supersedes_not_at_all() -> None:
    state = State()
    for name in ("a1", "a2", "a3"):
        evolve(state, sent(name, "a"))
    evolve(state, sent("b1", "b"))
    assert [attempt.identifier for attempt in attempts(state, to=("x",))] == ["b1", "a3", "a2", "a1"]
    record(state, "c", "a2", delivered(Attempt("a2", "x", 1), "ok", ""))
    due = decide(state, "c", ("x",), T0)
    assert [attempt.identifier for attempt in due.attempts] == ["b1", "a3"]
    ((identifier, result),) = due.given_up
    assert (identifier, result.outcome) == ("a1", SUPERSEDED)
    assert "a2" in result.detail
    archive = decide(state, "c", ("x",), T0, keeps_all=True)
    assert [attempt.identifier for attempt in archive.attempts] == ["b1", "a3", "a1"]
    assert archive.given_up == []


def test_a_failed_attempt_waits_longer_each_time_and_ends() -> None:
    state = evolve(State(), sent("a", lasts=10**12))
    now, waits = T0, []
    for number in range(1, ATTEMPTS_MAX + 1):
        (attempt,) = attempts(state, to=("x",), at=now)
        assert attempt.number == number
        result = failed(attempt, "503", now, 0.5, None)
        record(state, "c", "a", result, at=now)
        if number < ATTEMPTS_MAX:
            assert attempts(state, to=("x",), at=result.next_ms - 1) == []
            waits.append(result.next_ms - now)
            now = result.next_ms
    assert waits == sorted(waits)
    assert result.outcome == DEAD
    assert attempts(state, to=("x",), at=now + 10**9) == []


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.one_of(st.none(), st.floats(0, 1e9)))
def test_every_wait_is_bounded(number: int, chance: float, retry_after_s: float | None) -> None:
    assert 0 < backoff_ms(number, chance) <= BACKOFF_MS_MAX
    result = failed(Attempt("a", "x", min(number, ATTEMPTS_MAX - 1)), "", T0, chance, retry_after_s)
    asked = min(retry_after_s or 0.0, RETRY_AFTER_MS_MAX / 1000)
    assert int(1000 * asked) <= result.next_ms - T0 <= max(BACKOFF_MS_MAX, RETRY_AFTER_MS_MAX)


def test_what_ran_out_is_a_dead_letter_also_while_paused() -> None:
    state = evolve(State(), sent("a"))
    evolve(state, ChannelPaused(now_ms=T0, channel="c", by="Ana", reason="maintenance"))
    assert decide(state, "c", ("x",), T0) == ([], [], 1)
    late = T0 + 6 * HOUR
    ((identifier, result),) = decide(state, "c", ("x",), late).given_up
    assert (identifier, result.outcome) == ("a", DEAD)
    record(state, "c", "a", result, at=late)
    assert state.of("c").paused_by == "Ana"
    evolve(state, ChannelResumed(now_ms=late, channel="c", by="Ana", reason=""))
    assert decide(state, "c", ("x",), late) == ([], [], 0)


def test_dead_letters_can_be_put_back() -> None:
    state = evolve(State(), sent("a"))
    record(state, "c", "a", refused(Attempt("a", "x", 1), "403"), delivered(Attempt("a", "y", 1), "ok", ""))
    evolve(state, DeliveriesRetried(now_ms=T0, channel="c", identifier="a", recipients=["x"], by="Ana"))
    assert attempts(state) == [Attempt("a", "x", 1)]
    assert state.of("c").dead == 0


def test_what_ran_out_long_ago_is_forgotten() -> None:
    state = State()
    for day in range(30):
        evolve(state, sent(f"m{day}", at=T0 + day * 24 * HOUR))
        record(state, "c", f"m{day}", delivered(Attempt(f"m{day}", "x", 1), "ok", ""), at=T0 + day * 24 * HOUR)
    assert len(state.messages) == len(state.progress["c"]) == len(state.settled) <= KEPT_MS // (24 * HOUR) + 1
    assert state.of("c").delivered == 30
    record(state, "c", "m0", refused(Attempt("m0", "z", 1), "late"), at=T0 + 30 * 24 * HOUR)
    assert "m0" not in state.progress["c"]


OUTCOMES = st.sampled_from([DELIVERED, REFUSED, "failed", "nothing"])


@given(st.lists(st.tuples(st.sampled_from("ab"), st.lists(OUTCOMES, min_size=3, max_size=3)), max_size=12), st.data())
def test_nobody_is_forgotten_and_a_snapshot_changes_nothing(
    rounds: list[tuple[str, list[str]]], data: st.DataObject
) -> None:
    """Whatever comes back, each recipient ends with each thread's newest message, or a named reason why not."""
    state, now, people = State(), T0, ("x", "y", "z")
    for number, (thread, outcomes) in enumerate(rounds):
        now += 60_000
        evolve(state, sent(f"{thread}{number}", thread, now, lasts=10 * HOUR))
        _answer(state, now, dict(zip(people, outcomes, strict=True)))
        if data.draw(st.booleans()):
            state = State.from_bytes(state.to_bytes())
    for _ in range(3 * len(rounds) + 1):
        now += BACKOFF_MS_MAX
        _answer(state, now, dict.fromkeys(people, DELIVERED))
    assert decide(state, "c", people, now).attempts == []
    for thread in "ab":
        newest = [name for name, message in state.messages.items() if message.thread == thread][-1:]
        for name in newest:
            assert {state.progress["c"][name][to].outcome for to in people} <= {DELIVERED, REFUSED}
    for name in state.messages:
        assert state.progress["c"][name].keys() == set(people)
        assert state.settled["c", name] == len(people)


def _answer(state: State, now: int, outcomes: dict[str, str]) -> None:
    due = decide(state, "c", tuple(outcomes), now)
    for identifier, result in due.given_up:
        record(state, "c", identifier, result, at=now)
    for attempt in due.attempts:
        outcome = outcomes[attempt.recipient]
        if outcome == DELIVERED:
            record(state, "c", attempt.identifier, delivered(attempt, "ok", ""), at=now)
        elif outcome == REFUSED:
            record(state, "c", attempt.identifier, refused(attempt, "no"), at=now)
        elif outcome == "failed":
            record(state, "c", attempt.identifier, failed(attempt, "503", now, 0.0, None), at=now)


@pytest.mark.parametrize("recipients", [(), ("x",)])
def test_nothing_sent_nothing_due(recipients: tuple[str, ...]) -> None:
    assert decide(State(), "c", recipients, T0) == ([], [], 0)
