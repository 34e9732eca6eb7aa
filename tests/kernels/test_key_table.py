"""The key table against a plain dict: the same verdicts in every batching, through growth, and keys let go in time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from almenara.kernels.key_table import (
    NEW,
    NEWER,
    OLDER,
    SAME,
    KeyTable,
    empty_table,
    judge,
    keys_of,
    rows_with,
    with_room,
)

Row = tuple[int, int, int, int]  # hi, lo, version, tie

# Few keys, so that they meet often; among them some that differ in one half only, and the largest there are.
halves = st.sampled_from([0, 1, 2, 2**63, 2**64 - 1])
rows = st.lists(st.tuples(halves, halves, st.integers(-1, 2), st.integers(0, 2)), max_size=40)


def tell(table: KeyTable, batch: list[Row], time: int = 0) -> list[int]:
    hi, lo, version, tie = zip(*batch, strict=True)
    high, low, ties = (np.array(column, np.uint64) for column in (hi, lo, tie))
    verdicts = judge(table, high, low, np.array(version, np.int64), ties, np.full(len(batch), time, np.int64))
    return [int(verdict) for verdict in verdicts]


def told(known: dict[tuple[int, int], tuple[int, int]], batch: list[Row]) -> list[int]:
    """The verdicts by the words of `judge`: of each key's rows in a batch one stands against what was known before."""
    verdicts = [OLDER] * len(batch)
    best: dict[tuple[int, int], int] = {}
    for k, (hi, lo, version, tie) in enumerate(batch):
        before = batch[best[hi, lo]][2:] if (hi, lo) in best else known.get((hi, lo))
        if before is None or (version, tie) > before:
            best[hi, lo] = k
        elif (version, tie) == before:
            verdicts[k] = SAME
    for key, k in best.items():
        verdicts[k] = NEWER if key in known else NEW
        known[key] = batch[k][2:]
    return verdicts


def content(table: KeyTable) -> dict[tuple[int, int], tuple[int, int]]:
    columns = (keys_of(table)[name].tolist() for name in ("hi", "lo", "version", "tie"))
    return {(hi, lo): (version, tie) for hi, lo, version, tie in zip(*columns, strict=True)}


@given(st.lists(rows, max_size=6))
@settings(max_examples=150, deadline=None)
def test_verdicts_are_those_of_a_dict(batches: list[list[Row]]) -> None:
    table = empty_table(1)
    known: dict[tuple[int, int], tuple[int, int]] = {}
    for batch in batches:
        if not batch:
            continue
        table = with_room(table, len(batch), since=-1)
        assert tell(table, batch) == told(known, batch)
        assert content(table) == known
        assert table.held[0] == len(known)
        assert 2 * len(known) <= len(table.slots)
        assert (table.row == -1).all()  # nothing of the batch stays behind


@given(rows.filter(len), st.data())
@settings(max_examples=100, deadline=None)
def test_what_counts_does_not_depend_on_the_order(batch: list[Row], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(batch))
    cut = data.draw(st.integers(0, len(batch)))
    ordered, parted = empty_table(256), empty_table(256)
    tell(ordered, batch)
    for part in (shuffled[:cut], shuffled[cut:]):
        if part:
            tell(parted, part)
    assert content(ordered) == content(parted)


@given(st.integers(1, 3000), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_growth_loses_nothing(n: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    keys = chance.integers(0, 2**63, (n, 2)).tolist()
    table = empty_table()
    for first in range(0, n, 100):
        batch = [(hi, lo, 1, 0) for hi, lo in keys[first : first + 100]]
        table = with_room(table, len(batch), since=0)
        tell(table, batch)
    assert content(table).keys() == {(hi, lo) for hi, lo in keys}
    assert tell(table, [(hi, lo, 1, 0) for hi, lo in keys]) == [SAME] * n


def test_old_keys_are_let_go_when_the_table_is_made_anew_and_not_before() -> None:
    table = empty_table(4)
    tell(table, [(1, 1, 5, 0), (2, 2, 5, 0)], time=10)
    tell(table, [(3, 3, 5, 0)], time=20)
    assert with_room(table, 1, since=15) is table
    fresh = with_room(table, 100, since=15)
    assert content(fresh) == {(3, 3): (5, 0)}
    assert tell(fresh, [(1, 1, 4, 0)]) == [NEW]


def test_a_stream_that_forgets_holds_no_more_than_is_remembered() -> None:
    table, remembered, batch = empty_table(), 50, 100
    for minute in range(2000):
        table = with_room(table, batch, since=minute - remembered)
        tell(table, [(minute, k, 1, 0) for k in range(batch)], time=minute)
    assert len(table.hi) <= 2 * remembered * batch
    assert sum(column.nbytes for column in table) <= 2 * remembered * batch * 64


@given(rows, rows)
@settings(deadline=None)
def test_rows_with_wanted_keys_are_found(held: list[Row], wanted: list[Row]) -> None:
    hi, lo = (np.array([row[half] for row in held], np.uint64) for half in (0, 1))
    high, low = (np.array([row[half] for row in wanted], np.uint64) for half in (0, 1))
    keys = {row[:2] for row in wanted}
    assert rows_with(hi, lo, high, low).tolist() == [k for k, row in enumerate(held) if row[:2] in keys]
