"""Snapshots: what goes on from one decides as if it had never stopped."""

from hypothesis import given, settings
from hypothesis import strategies as st

from almenara.pipeline import State
from almenara.snapshot import from_bytes, to_bytes
from tests.test_pipeline import Act, facts, live_runs, perform


@given(live_runs(), st.data())
@settings(max_examples=40, deadline=None)
def test_a_snapshot_in_the_middle_gives_the_identical_rest(acts: list[Act], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(acts)))
    whole, state = State(), State()
    log = perform(whole, acts)
    first = perform(state, acts[:cut])
    back = from_bytes(to_bytes(state))
    assert back is not None
    assert facts(back) == facts(state)
    rest = perform(back, acts[cut:])
    assert first + rest == log
    assert facts(back) == facts(whole)
