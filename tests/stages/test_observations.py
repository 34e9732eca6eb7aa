"""Which observations count: the same rows and the same sums in whatever order and in whatever batches they come."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stages.tables import DAY, MINUTE, T0, detections, quakes

from almenara.model.observations import OBSERVATIONS
from almenara.stages import observations
from almenara.stages.observations import REMEMBERED_MS, State, receive

rows = st.builds(
    lambda x, t, v, c, f: {"x": float(x), "t": t, "version": v, "confidence": c, "frp": f},
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(1, 3),
    st.integers(0, 2),
    st.sampled_from([5.0, 7.5, float("nan")]),
)
batches = st.lists(st.lists(rows, min_size=0, max_size=8), min_size=1, max_size=6)

Key = tuple[int, int]


def followed(state: State, parts: list[list[dict[str, Any]]]) -> dict[Key, dict[str, Any]]:
    """What a follower holds that takes every row it is given for the one that counts."""
    held: dict[Key, dict[str, Any]] = {}
    for part in parts:
        found = receive(state, "firms", "fire", detections(part))
        for hi, lo in zip(found.replaced_hi.tolist(), found.replaced_lo.tolist(), strict=True):
            del held[hi, lo]  # KeyError: what it replaces was never given
        for row in found.table.to_pylist():
            key = (row["key_hi"], row["key_lo"])
            assert key not in held  # one row for each key, ever
            held[key] = row
    return held


def plain(row: dict[str, Any]) -> str:
    return repr(sorted(row.items()))


@given(batches)
@settings(max_examples=120, deadline=None)
def test_the_highest_version_counts_once_and_the_sums_add_up(parts: list[list[dict[str, Any]]]) -> None:
    state = State()
    held = followed(state, parts)
    best: dict[Key, int] = {}
    read, exact = 0, set()
    for row in detections([row for part in parts for row in part]).to_pylist():
        key = (row["key_hi"], row["key_lo"])
        best[key] = max(row["version"], best.get(key, 0))
        exact.add(plain(row))
        read += 1
    assert {key: row["version"] for key, row in held.items()} == best
    assert {plain(row) for row in held.values()} <= exact
    counts = state.counts["firms"]
    assert counts.read == read == counts.accepted + counts.superseded
    assert counts.accepted == len(best) == state.keys


@given(batches, st.data())
@settings(max_examples=120, deadline=None)
def test_neither_order_nor_batching_matters(parts: list[list[dict[str, Any]]], data: st.DataObject) -> None:
    every = [row for part in parts for row in part]
    shuffled = data.draw(st.permutations(every))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(every)), max_size=4)))
    others = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(every)], strict=True)]
    one, other = State(), State()
    first, second = followed(one, parts), followed(other, others)
    assert {key: plain(row) for key, row in first.items()} == {key: plain(row) for key, row in second.items()}
    assert one.counts["firms"].accepted == other.counts["firms"].accepted
    assert one.counts["firms"].superseded == other.counts["firms"].superseded


VALUES = {
    "value": 6.5,
    "confidence": 2,
    "across_m": 5.0,
    "along_m": 5.0,
    "depth_km": 33.0,
    "lon": -79.0,
    "lat": -4.0,
    "time": T0 + MINUTE,
    "status": "no-hazard",
    "platform": "ci",
    "label": "elsewhere",
}


@pytest.mark.parametrize("name", sorted(VALUES))
def test_equal_versions_with_another_value_are_settled_without_regard_to_order(name: str) -> None:
    one = quakes([{"id": "a"}])
    other = pa.Table.from_pylist([one.to_pylist()[0] | {name: VALUES[name]}], schema=OBSERVATIONS)
    last = []
    for order in ((one, other), (other, one)):
        state = State()
        given_on = [row for table in order for row in receive(state, "usgs", "earthquake", table).table.to_pylist()]
        last.append(given_on[-1][name])
        counts = state.counts["usgs"]
        assert counts.duplicates == 0, "another value is no duplicate"
    assert last[0] == last[1]


def test_the_same_rows_again_are_duplicates_and_nothing_else() -> None:
    state = State()
    table = detections([{"x": float(x), "t": 0} for x in range(50)])
    receive(state, "firms", "fire", table)
    again = receive(state, "firms", "fire", table)
    assert again.table.num_rows == len(again.replaced_hi) == 0
    counts = state.counts["firms"]
    assert (counts.read, counts.accepted, counts.duplicates) == (100, 50, 50)


def test_an_empty_batch_is_counted_as_nothing() -> None:
    state = State()
    assert receive(state, "firms", "fire", OBSERVATIONS.empty_table()).table.num_rows == 0
    assert state.counts["firms"] == observations.Counts()


def test_rejected_rows_are_read_rows() -> None:
    state = State()
    receive(state, "firms", "fire", detections([{"t": 0}, {"t": 0}]))
    observations.reject(state, "firms", {"b": 2, "a": 1})
    observations.reject(state, "firms", {"a": 4})
    counts = state.counts["firms"]
    assert counts.rejected == {"a": 5, "b": 2}
    assert counts.read == counts.accepted + counts.superseded + sum(counts.rejected.values()) == 9


def test_keys_are_forgotten_after_the_time_they_are_remembered_for() -> None:
    remembered, forgotten = State(), State()
    crowd = [{"x": 0.01 * k, "t": 0} for k in range(3000)]
    for state, days in ((remembered, REMEMBERED_MS // DAY), (forgotten, REMEMBERED_MS // DAY + 1)):
        receive(state, "firms", "fire", detections([{"x": 0.0, "t": 0}]))
        state.now_ms = 2**60  # a live clock: a replay, which reads all its files before the first step, forgets nothing
        receive(state, "firms", "fire", detections([row | {"x": row["x"] + 5, "t": days * 1440} for row in crowd]))
        receive(state, "firms", "fire", detections([{"x": 0.0, "t": 0}]))
    assert remembered.counts["firms"].duplicates == 1
    assert forgotten.counts["firms"].duplicates == 0
    assert forgotten.keys == 3001  # and room for the present, not for history


@given(batches, st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_a_snapshot_goes_on_as_if_nothing_had_happened(parts: list[list[dict[str, Any]]], cut: int) -> None:
    state = State()
    followed(state, parts[:cut])
    arrays, values = observations.to_parts(state)
    back = observations.from_parts({name: a.copy() for name, a in arrays.items()}, values)
    assert back.counts == state.counts
    assert (back.keys, back.newest_ms) == (state.keys, state.newest_ms)
    for part in parts[cut:]:
        one, other = (receive(s, "firms", "fire", detections(part)) for s in (state, back))
        assert one.table.to_pylist().__repr__() == other.table.to_pylist().__repr__()
        assert np.array_equal(one.replaced_hi, other.replaced_hi)
        assert np.array_equal(one.replaced_lo, other.replaced_lo)
    assert back.counts == state.counts
