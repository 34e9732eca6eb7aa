"""The chain under a long load: the benchmark runs and counts right, and the state does not grow with history."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.service.running import quiet

from almenara import pipeline
from almenara.model.events import WarningDrafted
from almenara.service.live import Desk
from almenara.service.session import Session
from almenara.simulation.synthetic import write_firms_csv
from almenara.stores.memory import MemoryLog
from benchmarks import chain


def test_a_hundred_thousand_observations(tmp_path: Path) -> None:
    program = [sys.executable, str(Path(chain.__file__)), "--observations", "100000", "--days", "20"]
    done = subprocess.run(  # noqa: S603 - our own program
        [*program, "--places", "geonames:EC", "--samples", "5", "--out", str(tmp_path)],
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "chain.json").read_text("utf-8"))
    whole, samples = found["whole"], found["samples"]
    assert whole["observations"] == 100_000
    assert whole["observations"] >= whole["accepted"] > 99_000
    assert 4 <= len(samples) <= 6
    assert [s["observations"] for s in samples] == sorted(s["observations"] for s in samples)
    assert whole["memory_mb_max"] < 1_500
    assert 0 < whole["latency_ms"]["p50"] <= whole["latency_ms"]["p95"] <= whole["latency_ms"]["max"]
    drawn = ElementTree.fromstring((tmp_path / "chain.svg").read_text("utf-8"))  # noqa: S314 - our own
    assert len(drawn.findall("{http://www.w3.org/2000/svg}polyline")) == 4
    assert not (tmp_path / "state").exists()


def test_the_load_is_what_was_asked_for() -> None:
    load = chain.Load(observations=5_000, days=20.0, file_rows=300, late_share=0.02, seed=3)
    parts, late, newest = list(chain.files(load)), 0, 0
    assert sum(len(part) for part in parts) == 5_000
    for part in parts:
        late += int((part.time_ms <= newest).sum())
        newest = max(newest, int(part.time_ms.max()))
    assert 30 < late < 300
    assert min(int(part.time_ms.min()) for part in parts) >= chain.START_MS
    assert newest < chain.START_MS + 20.1 * chain.DAY_MS
    again = chain.files(load)
    assert all(one.lon.tolist() == next(again).lon.tolist() for one in parts)


def test_the_state_does_not_grow_with_history(tmp_path: Path) -> None:
    """Two years of fires: in the second the state takes no more than it did in the first."""
    load = chain.Load(observations=30_000, days=720.0, file_rows=250, pixels_a_fire=12.0, seed=5)
    session = Session(MemoryLog())
    session.start("watch", "Exercise", {})
    session.import_places("geonames:world", quiet)
    desk = Desk(session, {})
    path, sizes, held, drafted = tmp_path / "fires.csv", [], [], set()
    for rows in chain.files(load):
        write_firms_csv(rows, path)
        decided = desk.deliver("fires", "firms", path, int(rows.time_ms.max()) + chain.LATENCY_MS)
        drafted |= {event.thread for event in decided if isinstance(event, WarningDrafted)}
        sizes.append(len(pipeline.to_bytes(session.state)))
        held.append(len(session.state.warnings.threads))
    year = len(sizes) // 2
    assert max(sizes[year:]) < 1.2 * max(sizes[:year])
    assert max(held) < len(drafted), "threads of old incidents are let go of"
