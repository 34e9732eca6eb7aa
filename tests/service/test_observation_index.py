"""The index of observations: pages and counts agree with reading the whole log and with the stage's own judgement."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stages.tables import DAY, HOUR, MINUTE, T0, detections, quakes

from almenara.model.events import ObservationsReceived, StepTaken
from almenara.model.observations import from_ipc, to_ipc
from almenara.service.log_index import FILE_NAME, LogIndex
from almenara.service.observation_index import Page, Wanted, within
from almenara.service.observation_window import CELLS_MAX, ObservationWindow
from almenara.stages import observations
from almenara.stores.memory import MemoryLog
from almenara.stores.sqlite import SqliteLog

EVERYWHERE = (-180.0, -90.0, 180.0, 90.0)


def batch(table: pa.Table, kind: str = "fire", source: str = "firms") -> ObservationsReceived:
    return ObservationsReceived(source=source, kind=kind, origin="f.csv", sha256="", part=0, table=to_ipc(table))


def all_pages(index: LogIndex, log: MemoryLog, wanted: Wanted, limit: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    after: tuple[int, int] | None = (0, -1)
    while after is not None:
        page: Page = index.observations.page(log, wanted, after, limit)
        assert len(page.table) <= limit
        assert page.next is None or len(page.table) == limit
        rows += page.table.to_pylist()
        after = page.next
    return rows


seen = st.fixed_dictionaries(
    {
        "x": st.integers(0, 3),
        "t": st.integers(0, 4),
        "version": st.integers(1, 3),
        "frp": st.sampled_from([5.0, 6.0, 7.0]),
        "platform": st.sampled_from(["Aqua", "S-NPP"]),
    }
)
deliveries = st.lists(st.lists(seen, min_size=1, max_size=6), min_size=1, max_size=6)


@given(deliveries, st.integers(1, 5), st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_counts_is_what_the_stage_counts(found: list[list[dict[str, Any]]], limit: int, at_once: bool) -> None:
    """Oracle: the stage says after each batch which rows count and which keys they take the place of."""
    log, index, state = MemoryLog(), LogIndex(None), observations.State()
    window = ObservationWindow(index)
    counting: dict[tuple[int, int], dict[str, Any]] = {}
    for rows in found:
        table = detections(rows)
        log.append([batch(table)], 1)
        counted = observations.receive(state, "firms", "fire", table)
        counting |= {(row["key_hi"], row["key_lo"]): row for row in counted.table.to_pylist()}
        if not at_once:
            window.follow(log, T0 + HOUR)
    window.follow(log, T0 + HOUR)
    told = all_pages(index, log, Wanted(), limit)
    names = ("time", "lon", "lat", "version", "value", "platform")
    assert sorted(repr([row[n] for n in names]) for row in told) == sorted(
        repr([row[n] for n in names]) for row in counting.values()
    )
    every = all_pages(index, log, Wanted(versions="all"), limit)
    assert len(every) == sum(map(len, found))
    assert [(row["entry"], row["row"]) for row in every] == sorted((row["entry"], row["row"]) for row in every)
    assert sum(row["counts"] for row in every) == len(counting)
    grid = window.grid(EVERYWHERE, 3, 0, T0 + DAY)
    assert grid.count.sum() == len(counting)
    assert grid.frp_mw.sum() == pytest.approx(sum(row["value"] for row in counting.values()))


@given(
    deliveries,
    st.tuples(st.integers(-1, 5), st.integers(0, 5)),
    st.tuples(st.floats(-0.5, 3.5), st.floats(0.0, 4.0)),
    st.sampled_from([None, "firms", "usgs"]),
)
@settings(max_examples=80, deadline=None)
def test_a_filter_finds_what_reading_everything_finds(
    found: list[list[dict[str, Any]]], minutes: tuple[int, int], span: tuple[float, float], source: str | None
) -> None:
    log, index = MemoryLog(), LogIndex(None)
    log.append([batch(detections(rows), source="firms" if n % 2 else "inpe") for n, rows in enumerate(found)], 1)
    index.follow(log)
    begin, end = T0 + minutes[0] * MINUTE, T0 + (minutes[0] + minutes[1]) * MINUTE
    west = -79.2 + span[0] / 111.0
    box = (west, -5.0, west + span[1] / 111.0, -4.0)
    wanted = Wanted(since_ms=begin, until_ms=end, bbox=box, source=source, versions="all")
    told = all_pages(index, log, wanted, 3)
    expected = [
        (seq, row)
        for seq, rows in enumerate(found, start=1)
        if source in (None, "firms" if (seq - 1) % 2 else "inpe")
        for row, one in enumerate(detections(rows).to_pylist())
        if begin <= one["time"].timestamp() * 1000 <= end and box[0] <= one["lon"] <= box[2]
    ]
    assert [(row["entry"], row["row"]) for row in told] == expected


def test_a_page_reads_only_the_batches_that_can_hold_something() -> None:
    log, index = MemoryLog(), LogIndex(None)
    log.append([batch(detections([{"x": n * 100.0, "t": n * 600}])) for n in range(50)], 1)
    index.follow(log)
    wanted = Wanted(since_ms=T0 + 600 * 20 * MINUTE, until_ms=T0 + 600 * 30 * MINUTE)
    assert [found.seq for found in index.observations.batches(log, wanted)] == list(range(21, 32))
    lon = -79.2 + 700.0 / 111.0
    near = replace(wanted, since_ms=None, until_ms=None, bbox=(lon - 0.1, -5.0, lon + 0.1, -4.0))
    assert [found.seq for found in index.observations.batches(log, near)] == [8]


def test_retracted_and_of_another_kind() -> None:
    log, index = MemoryLog(), LogIndex(None)
    first = quakes([{"id": "a"}, {"id": "b", "t": 9}])
    gone = quakes([{"id": "a", "version": 2, "status": "retracted", "t": 1}])
    log.append([batch(detections([{"x": 0.0, "t": 0}]))], 1)
    log.append([batch(first, "earthquake", "usgs"), batch(gone, "earthquake", "usgs")], 1)
    index.follow(log)
    (left,) = all_pages(index, log, Wanted(kind="earthquake"), 10)
    assert left["reference"] == "b"
    every = all_pages(index, log, Wanted(kind="earthquake", versions="all"), 10)
    assert [(row["reference"], row["status"], row["counts"]) for row in every] == [
        ("a", "current", False),
        ("b", "current", True),
        ("a", "retracted", True),
    ]


def test_keys_are_forgotten_and_what_counted_goes_on_counting() -> None:
    log, index = MemoryLog(), LogIndex(None)
    log.append([batch(detections([{"x": 0.0, "t": 0}])), StepTaken(now_ms=T0 + 200 * DAY)], 1)
    index.follow(log)
    assert index._connection.execute("SELECT count(*) FROM best").fetchone() == (0,)
    assert len(all_pages(index, log, Wanted(), 10)) == 1


def test_it_goes_on_where_it_was_and_begins_anew_over_another_log(tmp_path: Path) -> None:
    state = tmp_path / "state"
    log = SqliteLog(state)
    log.append([batch(detections([{"x": 0.0, "t": 0}]))], 1)
    assert changed_by(state, log) == {1}
    log.append([batch(detections([{"x": 0.0, "t": 0, "version": 2}]))], 1)
    assert changed_by(state, log) == {1, 2}
    assert changed_by(state, log) == set()
    log.close()
    for path in state.glob("log.sqlite*"):
        path.unlink()
    other = SqliteLog(state)
    other.append([StepTaken(now_ms=1), StepTaken(now_ms=2), batch(detections([{"x": 1.0, "t": 3}]))], 1)
    assert changed_by(state, other) == {3}
    (state / FILE_NAME).write_bytes(b"no SQLite file at all" * 100)
    assert changed_by(state, other) == {3}
    other.close()


def changed_by(state: Path, log: SqliteLog) -> set[int]:
    """What an index that is opened anew learns from a log."""
    changed: set[int] = set()
    index = LogIndex(state)
    index.listen(changed.update)
    index.follow(log)
    newest = index.observations.page(log, Wanted()).table.column("version").to_pylist()
    assert len(newest) == 1
    index.close()
    return changed


def test_the_grid_adds_up_what_reading_everything_adds_up() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    rows = [
        {"lon": float(lon), "lat": float(lat), "t": int(t), "frp": float(f)}
        for lon, lat, t, f in zip(
            rng.uniform(-180, 180, 3_000),
            rng.uniform(-90, 90, 3_000),
            rng.integers(0, 600, 3_000),
            rng.random(3_000),
            strict=True,
        )
    ]
    log, index = MemoryLog(), LogIndex(None)
    log.append([batch(detections(rows[k : k + 500])) for k in range(0, 3_000, 500)], 1)
    window = ObservationWindow(index)
    window.follow(log, T0 + 10 * HOUR)
    for bbox in (EVERYWHERE, (170.0, -60.0, -150.0, 40.0), (-80.0, -5.0, -75.0, 1.0)):
        for zoom in (0, 3, 8):
            since, until = T0 + 60 * MINUTE, T0 + 500 * MINUTE
            grid = window.grid(bbox, zoom, since, until)
            assert len(grid.count) <= CELLS_MAX
            cells = _added_up(rows, bbox, grid.cell_deg, 60, 500)
            told = {(round(x, 6), round(y, 6)): n for x, y, n in zip(grid.lon, grid.lat, grid.count, strict=True)}
            assert told == {cell: n for cell, (n, _) in cells.items()}
            assert grid.frp_mw.sum() == pytest.approx(sum(frp for _, frp in cells.values()), rel=1e-5)


def _added_up(
    rows: Iterable[dict[str, float]], bbox: tuple[float, float, float, float], cell_deg: float, since: int, until: int
) -> dict[tuple[float, float], tuple[int, float]]:
    cells: dict[tuple[float, float], tuple[int, float]] = {}
    for row in rows:
        if since <= row["t"] <= until and within(bbox, np.array([row["lon"]]), np.array([row["lat"]]))[0]:
            x = (np.floor((row["lon"] + 180.0) / cell_deg) + 0.5) * cell_deg - 180.0
            y = min((np.floor((row["lat"] + 90.0) / cell_deg) + 0.5) * cell_deg - 90.0, 90.0)
            n, frp = cells.get((round(x, 6), round(y, 6)), (0, 0.0))
            cells[round(x, 6), round(y, 6)] = n + 1, frp + row["frp"]
    return cells


def test_the_window_moves_on_and_is_bounded() -> None:
    log, index = MemoryLog(), LogIndex(None)
    window = ObservationWindow(index, rows_max=30)
    log.append([batch(detections([{"x": float(n), "t": n * 60} for n in range(20)]))], 1)
    window.follow(log, T0 + 20 * HOUR)
    assert window.grid(EVERYWHERE, 9, 0, T0 + 99 * DAY).count.sum() == 20
    window.follow(log, T0 + 82 * HOUR)
    assert window.grid(EVERYWHERE, 9, 0, T0 + 99 * DAY).count.sum() == 10
    log.append([batch(detections([{"x": n * 0.1, "t": 82 * 60 + n} for n in range(25)]))], 1)
    window.follow(log, T0 + 83 * HOUR)
    assert window.grid(EVERYWHERE, 9, 0, T0 + 99 * DAY).count.sum() == 30
    assert window.complete_since_ms > T0 + 11 * HOUR


def test_nothing_at_all() -> None:
    log, index = MemoryLog(), LogIndex(None)
    window = ObservationWindow(index)
    window.follow(log, T0)
    assert len(window.grid(EVERYWHERE, 3, 0, T0).count) == 0
    assert index.observations.page(log, Wanted()) == Page(index.observations.page(log, Wanted()).table, None)
    assert from_ipc(to_ipc(index.observations.page(log, Wanted()).table)).num_rows == 0
