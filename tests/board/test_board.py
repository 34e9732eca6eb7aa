"""The board that is drawn step by step is the one that is drawn from nothing, and who comes back sees what all see."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almenara.board import Board, Change
from almenara.board.picture import TOPICS
from tests.board.playing import Played, play

Picture = dict[tuple[str, str], Any]


def picture(board: Board) -> Picture:
    """What a screen shows that begins with the situation."""
    told = msgspec.json.decode(board.situation(0, {}))
    shown: Picture = {("queue", ""): told["queue"]}
    for topic in TOPICS:
        for one in told[f"{topic}s"]:
            shown[topic, one.get("id") or one.get("identifier") or one["name"]] = one
    return shown


def apply(shown: Picture, changes: list[Change]) -> None:
    """What a screen does with what it is told."""
    for change in changes:
        told = msgspec.json.decode(change.data)
        if change.topic == "queue":
            shown["queue", ""] = told["cards"]
        elif isinstance(told, dict) and told.get("gone"):
            shown.pop((change.topic, change.id), None)
        elif change.topic in TOPICS:
            shown[change.topic, change.id] = told


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Board, list[Change]]]:
    """After each delivery of two days: the board, and what was told since the one before."""
    return [(board, changes) for _, board, changes in play(tmp_path_factory.mktemp("world"), 48.0)]


def test_step_by_step_is_as_from_nothing(tmp_path: Path) -> None:
    last: Played | None = None
    compared = 0
    for number, (played, board, _) in enumerate(play(tmp_path)):
        last = played
        if number % 60 == 59:
            fresh = played.rebuilt()
            for topic in TOPICS:
                ours = {name: one.data for name, one in board.items[topic].items()}
                assert ours == {name: one.data for name, one in fresh.items[topic].items()}, topic
            assert board.queue == fresh.queue
            compared += 1
    assert compared >= 8
    assert last is not None
    assert last.keeper.board.items["incident"]
    assert len(last.keeper.board.items["warning"]) > 3


def test_what_is_told_adds_up_to_what_is_there(boards: list[tuple[Board, list[Change]]]) -> None:
    shown = picture(boards[0][0])
    for board, changes in boards[1:]:
        apply(shown, changes)
        assert shown == picture(board)


Stretch = tuple[int, bool, float]  # deliveries, whether the line held, where in the last of them it broke

stretches = st.lists(
    st.tuples(st.integers(1, 80), st.booleans(), st.floats(0.0, 1.0, allow_nan=False)), min_size=1, max_size=20
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(begin=st.integers(0, 300), line=stretches)
def test_who_was_away_sees_what_all_see(
    boards: list[tuple[Board, list[Change]]], begin: int, line: list[Stretch]
) -> None:
    """A screen that loses the line anywhere, any number of times, and comes back with the number it heard last."""
    at = begin % len(boards)
    shown, heard = picture(boards[at][0]), boards[at][0].seq
    for count, held, broke in line:
        until = min(at + count, len(boards) - 1)
        if held:
            told = [change for _, changes in boards[at + 1 : until] for change in changes]
            told += boards[until][1][: round(broke * len(boards[until][1]))] if until > at else []
            apply(shown, told)
            heard = told[-1].seq if told else heard
        missed = boards[until][0].changes_since(heard)
        assert missed is not None
        apply(shown, missed)
        assert shown == picture(boards[until][0])
        heard, at = boards[until][0].seq, until


def test_who_was_away_too_long_begins_anew(boards: list[tuple[Board, list[Change]]]) -> None:
    board = boards[-1][0]
    assert board.changes_since(board.floor - 1) is None
    assert board.changes_since(board.seq + 1) is None, "another log's number"
    assert board.changes_since(board.floor) is not None


def test_the_queue_is_in_order_and_says_why(boards: list[tuple[Board, list[Change]]]) -> None:
    seen = set()
    for board, _ in boards:
        scores = [card.score for card in board.cards]
        assert scores == sorted(scores, reverse=True)
        for card in board.cards:
            seen.add(card.type)
            assert card.why
            assert card.actions
            assert card.subject["type"] in ("warning", "incident", "source", "channel")
    assert {"incident", "source"} <= seen
