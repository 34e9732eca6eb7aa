"""What the chain says of itself: counted right, in bounded memory, and told where an officer looks."""

import random
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.service import worlds
from tests.service.running import almenara, assert_done, assert_refused, quiet, summary_of

from almenara.service import rates
from almenara.service.live import Desk
from almenara.service.rates import WINDOW_S, Meter, Rates
from almenara.service.session import Session
from almenara.stores.memory import MemoryLog


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.floats(0.0, 90.0), st.integers(0, 500)), max_size=40))
@settings(max_examples=100, deadline=None)
def test_the_rate_is_that_of_the_last_minute(takes: list[tuple[float, int]]) -> None:
    watch = Watch()
    meter = Meter(watch)
    begun, taken = watch.now, []
    for pause, rows in takes:
        watch.now += pause
        meter.took(rows)
        taken.append((int(watch.now), rows))
    recent, mean = meter.per_s()
    lasted = watch.now - begun
    since = sum(rows for second, rows in taken if second > int(watch.now) - WINDOW_S)
    if lasted > 0.0:
        assert recent == pytest.approx(since / min(lasted, WINDOW_S))
        assert mean == pytest.approx(sum(rows for _, rows in taken) / lasted)
    watch.now += 2 * WINDOW_S
    assert meter.per_s()[0] == 0.0


def test_quantiles_are_of_the_last_steps_and_memory_is_bounded() -> None:
    watch, dice = Watch(), random.Random(1)
    meter = Meter(watch)
    assert meter.step_ms() == (None, None)
    times = [dice.random() for _ in range(5000)]
    for seconds in times:
        watch.now += 0.01 + dice.random()
        meter.took(3)
        meter.stepped(seconds)
    expected = np.percentile(times[-rates.STEPS_KEPT :], [50, 95]) * 1000
    assert meter.step_ms() == pytest.approx(tuple(expected), abs=0.01)
    assert meter.steps == 5000
    assert len(meter._recent) <= WINDOW_S
    assert len(meter._steps) == rates.STEPS_KEPT


def test_the_figures_are_those_of_the_chain(feeds: list[Path]) -> None:
    session = Session(MemoryLog())
    session.start("drill", "Exercise", {})
    before = session.rates(worlds.hour_ms(0))
    assert (before.read, before.lag_s, before.steps, before.step_p95_ms) == (0, None, 0, None)
    session.import_places(worlds.PLACES, quiet)
    desk = Desk(session, {})
    for number, path in enumerate(feeds):
        desk.deliver(path.name, "usgs_quakes" if "all_day" in path.name else "firms", path, worlds.hour_ms(80 + number))
    session.commit()
    at_ms = worlds.hour_ms(100)
    found = session.rates(at_ms)
    assert found.read == found.accepted + found.superseded + found.rejected > 200
    assert found.rejected == 10
    assert found.steps == len(feeds)
    assert found.step_p50_ms is not None
    assert found.step_p95_ms is not None
    assert 0 < found.step_p50_ms <= found.step_p95_ms
    assert found.lag_s == (at_ms - session.state.observations.newest_ms) / 1000
    assert found.log_entries == session.log.head()[0]
    assert found.log_bytes > 10_000
    assert found.observations_per_s > 0
    assert 50 < found.memory_mb < 4000
    assert (found.snapshot_age_s, found.snapshot_bytes) == (None, 0)
    session.snapshot()
    after = session.rates(at_ms)
    assert after.snapshot_bytes > 10_000
    assert after.snapshot_age_s is not None
    with pytest.raises(AttributeError):
        found.read = 0  # type: ignore[misc]


def test_a_watch_tells_and_leaves_them_for_others(tmp_path: Path, feeds: list[Path]) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    (incoming / "fires.txt").write_bytes(feeds[0].read_bytes())
    config = tmp_path / "almenara.toml"
    config.write_text(
        'places = "geonames:EC"\n[[feed]]\nname = "mine"\nsource = "firms"\nlocation = "incoming"\n', encoding="utf-8"
    )
    assert_refused(almenara("rates", tmp_path / "state"), 2, "No watch")
    done = almenara("watch", "--config", config, "--once", "--out", tmp_path / "out")
    assert_done(done)
    read = summary_of(tmp_path / "out")["rows"]["read"]
    assert read > 10
    assert f"{read:,} read" in done.stdout
    told = almenara("rates", tmp_path / "state")
    assert_done(told)
    assert f"{'rows read':<32}{read:,}" in told.stdout
    as_json = almenara("rates", tmp_path / "state", "--json")
    assert_done(as_json)
    kept = rates.read(tmp_path / "state")
    assert kept is not None
    assert msgspec.json.decode(as_json.stdout.encode(), type=Rates) == kept
    assert kept.read == read
    assert summary_of(tmp_path / "out")["rates"].keys() == msgspec.to_builtins(kept).keys()


def test_what_cannot_be_read_is_as_if_nothing_was_said(tmp_path: Path) -> None:
    assert rates.read(tmp_path) is None
    (tmp_path / rates.FILE_NAME).write_bytes(b"{")
    assert rates.read(tmp_path) is None
