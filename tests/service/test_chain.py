"""The chain under a long load: the benchmark runs and counts right, and the state does not grow with history."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.service.running import quiet

from almenara.model.events import WarningDrafted
from almenara.service.live import Desk
from almenara.service.session import Session
from almenara.simulation.synthetic import write_firms_csv
from almenara.snapshot import to_bytes
from almenara.stores.memory import MemoryLog
from benchmarks import chain


def test_a_hundred_thousand_observations() -> None:
    program = [sys.executable, "-m", "benchmarks.chain", "--observations", "100000", "--days", "20"]
    done = subprocess.run(  # noqa: S603 - our own program
        [*program, "--places", "geonames:EC", "--samples", "20"],
        env={**os.environ, "PYTHONWARNINGS": "error"},
        cwd=Path(chain.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    whole, samples = found["whole"], found["samples"]
    assert whole["read"] == 100_000
    assert whole["read"] >= whole["accepted"] > 99_000
    assert 8 <= len(samples) <= 20
    assert [s["observations"] for s in samples] == sorted(s["observations"] for s in samples)
    assert whole["memory_mb_max"] < 1_500
    for spread in (whole["latency_ms"], whole["cpu_ms"]):
        assert 0 < spread["p50"] <= spread["p95"] <= spread["max"]
    section = chain.describe(found)
    drawn = ElementTree.fromstring(section.plots["chain"])  # noqa: S314 - our own
    assert len(drawn.findall("{http://www.w3.org/2000/svg}polyline")) == 5
    (written,) = [part for part in section.text if part.startswith("| observations")]
    assert f"{samples[-1]['observations']:,}" in written


def test_the_goals_see_what_is_not_flat() -> None:
    def judged(rate: float, memory: float, slower: float = 1.0) -> list[bool]:
        """With rate and memory of the end as a share of those of the beginning, on a machine that grows slower."""
        samples = []
        for k in range(100):
            pace = 1.0 + (slower - 1.0) * k / 99
            samples.append(
                {
                    "observations": 1_000 * (k + 1),
                    "cpu_rate": 20_000 * (1.0 + (rate - 1.0) * k / 99) / pace,
                    "memory_mb": 1_000 * (1.0 + (memory - 1.0) * k / 99),
                    "yardstick_ms": 50.0 * pace,
                }
            )
        whole = {"cpu_ms": {"p95": 450.0}}
        load = {"observations": 100_000, "file_rows": 10_000}
        return [goal.met for goal in chain.goals({"load": load, "whole": whole, "samples": samples})]

    assert judged(1.0, 1.0) == [True, True, True]
    assert judged(0.5, 1.0) == [False, True, True]
    assert judged(1.0, 2.0) == [True, False, True]
    assert judged(1.0, 1.0, slower=2.0) == [True, True, True]


def test_the_load_is_what_was_asked_for() -> None:
    load = chain.Load(observations=5_000, days=20, file_rows=300, late_share=0.02, seed=3)
    parts, late, newest = list(chain.files(load)), 0, 0
    assert sum(len(part) for part in parts) == 5_000
    for part in parts:
        late += int((part.time_ms <= newest).sum())
        newest = max(newest, int(part.time_ms.max()))
    assert 30 < late < 300
    assert min(int(part.time_ms.min()) for part in parts) >= chain.START_MS
    assert newest < chain.START_MS + (20 + chain.LASTING_DAYS) * chain.DAY_MS
    again = chain.files(load)
    assert all(one.lon.tolist() == next(again).lon.tolist() for one in parts)


def test_the_state_does_not_grow_with_history(tmp_path: Path) -> None:
    """Two years of fires: in the second the state takes no more than it did in the first."""
    load = chain.Load(observations=30_000, days=720, file_rows=250, pixels_a_fire=12.0, seed=5)
    session = Session(MemoryLog())
    session.start("watch", "Exercise", {})
    session.import_places("geonames:world", quiet)
    desk = Desk(session, {})
    path, sizes, held, drafted = tmp_path / "fires.csv", [], [], set()
    for rows in chain.files(load):
        write_firms_csv(rows, path)
        decided = desk.deliver("fires", "firms", path, int(rows.time_ms.max()) + chain.LATENCY_MS)
        drafted |= {event.thread for event in decided if isinstance(event, WarningDrafted)}
        sizes.append(len(to_bytes(session.state)))
        held.append(len(session.state.warnings.threads))
    year = len(sizes) // 2
    assert max(sizes[year:]) < 1.2 * max(sizes[:year])
    assert max(held) < len(drafted), "threads of old incidents are let go of"
