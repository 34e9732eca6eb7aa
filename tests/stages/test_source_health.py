"""Silence is a fact: noticed after three cadences, taken back at the first answer, also when the clock is put back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almenara.model.events import SourceHeard, SourcePolled, SourceSilent
from almenara.stages.source_health import ANSWERS, SILENT_AFTER, State, decide, evolve

CADENCE = {"feed": 1000}


def poll(state: State, at_ms: int, outcome: str = "data") -> None:
    evolve(state, SourcePolled(source="firms", origin="feed", at_ms=at_ms, outcome=outcome, read=0, detail=outcome))


def said(state: State, at_ms: int, cadence: dict[str, int] = CADENCE) -> list[str]:
    """What is decided at a time; the state has evolved by it."""
    events = decide(state, cadence, at_ms)
    for event in events:
        evolve(state, event)
    return [type(event).__name__ for event in events]


def test_silent_after_three_cadences_and_not_before() -> None:
    state = State()
    poll(state, 0)
    assert said(state, 3000) == []
    assert said(state, 3001) == ["SourceSilent"]
    assert said(state, 9000) == []  # said once
    poll(state, 9500)
    assert said(state, 9500) == ["SourceHeard"]
    assert said(state, 9501) == []
    assert said(state, 12_501) == ["SourceSilent"]


@pytest.mark.parametrize("outcome", ["data", "empty", "unchanged"])
def test_an_empty_answer_is_an_answer(outcome: str) -> None:
    state = State()
    poll(state, 0)
    poll(state, 2900, outcome)
    assert outcome in ANSWERS
    assert said(state, 5900) == []
    assert state.feeds["feed"].last_outcome == outcome


@pytest.mark.parametrize("outcome", ["failed", "malformed"])
def test_a_failure_is_not_an_answer(outcome: str) -> None:
    state = State()
    poll(state, 0)
    for at in (1000, 2000, 3000):
        poll(state, at, outcome)
    (event,) = decide(state, CADENCE, 3001)
    assert event == SourceSilent(source="firms", origin="feed", at_ms=3001, last_heard_ms=0)
    assert (state.feeds["feed"].last_outcome, state.feeds["feed"].last_detail) == (outcome, outcome)


def test_a_feed_that_never_answered_falls_silent_too_and_says_so() -> None:
    state = State()
    poll(state, 500, "failed")
    poll(state, 2500, "failed")
    assert decide(state, CADENCE, 3500) == []
    (event,) = decide(state, CADENCE, 3501)
    assert isinstance(event, SourceSilent)
    assert event.last_heard_ms is None


def test_each_feed_has_its_own_cadence_and_one_that_is_not_polled_is_left_alone() -> None:
    state = State()
    for origin in ("slow", "fast", "old"):
        evolve(state, SourcePolled(source="s", origin=origin, at_ms=0, outcome="data", read=1, detail=""))
    events = decide(state, {"slow": 10_000, "fast": 100, "never-asked": 1}, 5000)
    assert [(type(event).__name__, event.origin) for event in events] == [("SourceSilent", "fast")]


@pytest.mark.parametrize("answered", [True, False])
def test_a_clock_that_was_ahead_does_not_hide_a_silence(answered: bool) -> None:
    state = State()
    poll(state, 90_000_000, "data" if answered else "failed")
    poll(state, 1000, "failed")  # the clock was put right
    assert said(state, 4000) == []
    assert said(state, 4001) == ["SourceSilent"]
    poll(state, 5000)
    assert said(state, 5000) == ["SourceHeard"]


steps = st.lists(
    st.tuples(st.integers(0, 20_000), st.sampled_from(["data", "empty", "unchanged", "failed", "malformed", "tick"])),
    max_size=40,
)


@given(steps, st.integers(1, 4000))
def test_whatever_the_clock_does_words_alternate_and_state_them_truly(
    steps: list[tuple[int, str]], cadence: int
) -> None:
    state = State()
    last: list[Any] = []
    heard: int | None = None  # when last heard, by the clock as it reads now
    first: int | None = None
    for at, what in steps:
        if what != "tick":
            poll(state, at, what)
            first = at if first is None else min(first, at)
            heard = at if what in ANSWERS else min(heard, at) if heard is not None else None
        for event in decide(state, {"feed": cadence}, at):
            evolve(state, event)
            last.append(event)
        if first is not None:
            quiet = at - (heard if heard is not None else first) > SILENT_AFTER * cadence
            assert state.feeds["feed"].silent == quiet
    assert all(isinstance(event, (SourceSilent, SourceHeard)[k % 2]) for k, event in enumerate(last))
