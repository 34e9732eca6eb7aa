"""The real inputs: every row is read or refused by name, and counted."""

import time
from collections import Counter
from pathlib import Path

import pytest

from almenara import sources
from almenara.intake import expand, read_content
from almenara.model.events import ObservationsReceived, RowsRejected, SourcePolled
from almenara.model.observations import from_ipc

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ALL = sources.find_all()
NOW_MS = time.time_ns() // 1_000_000

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real inputs (../shared/data) are not here"),
]


def read(path: Path) -> tuple[SourcePolled, int, Counter[str]]:
    """The poll, the rows accepted, and the reasons of the others."""
    if not path.exists():
        pytest.skip(f"{path.name} is not among the real inputs")
    accepted, reasons, polls = 0, Counter[str](), []
    for event in read_content(path, ALL, received_ms=NOW_MS, rows_max=20_000):
        if isinstance(event, ObservationsReceived):
            accepted += from_ipc(event.table).num_rows
        elif isinstance(event, RowsRejected):
            reasons.update(event.reasons)
        elif isinstance(event, SourcePolled):
            polls.append(event)
    (poll,) = polls
    assert poll.read == accepted + reasons.total()
    return poll, accepted, reasons


@pytest.mark.parametrize(
    ("name", "source", "rows"),
    [
        ("firms/SUOMI_VIIRS_C2_Global_VNP14IMGTDL_NRT_2023313.txt", "firms", 43_981),
        ("firms/J1_VIIRS_C2_Global_VJ114IMGTDL_NRT_2023313.txt", "firms", 47_906),
        ("firms/argentina-2025/modis-fire-two-months.csv", "firms", 13_877),
        ("firms/rhodes-2023/fire_archive_SV-C2_740981.csv", "firms", 953),
        ("firms/rhodes-2023/fire_archive_J1V-C2_740979.csv", "firms", 669),
        ("firms/modis-c61-nrt-ecuador-box.csv", "firms", 949),
        ("firms/modis-c61-nrt-us-southwest-2022-apr-may.csv", "firms", 3_847),
        ("firms/modis-c61-nrt-global-2022-apr-polls.csv.gz", "firms", 51_630),
        ("firms/raw/viirs-noaa20-usa-24h-2021-12-08T0123Z.geojson", "firms", 1_537),
        ("firms/raw/modis-2021-10-14-malformed-features.json", "firms", 476),
        ("firms/raw/modis-2023-07-24-empty.geojson", "firms", 0),
        ("firms/raw/viirs-snpp-2023-01-17-empty.geojson", "firms", 0),
        ("inpe/focos-viirs-rondonia-acre-2024-09-26_2024-11-30.csv.gz", "inpe", 21_288),
        ("hazards/usgs/vega-earthquakes-7day-feed.json", "usgs_quakes", 1_707),
        ("hazards/usgs/earthquakes-2.json", "usgs_quakes", 0),
    ],
)
def test_every_row_is_read(name: str, source: str, rows: int) -> None:
    poll, accepted, reasons = read(DATA / name)
    assert (poll.source, accepted, reasons) == (source, rows, {})
    assert poll.outcome == ("data" if rows else "empty")


def test_creek_fire() -> None:
    files = expand([DATA / "perimeters" / "feds-creek-2020"])
    readings = [read(path) for path in files]
    assert {poll.source for poll, _, _ in readings} == {"firms"}
    assert Counter(poll.outcome for poll, _, _ in readings) == {"data": 122, "empty": 6}
    assert sum(accepted for _, accepted, _ in readings) == 39_839
    assert sum((reasons for _, _, reasons in readings), Counter[str]()) == {}


def test_what_is_refused_has_a_name() -> None:
    poll, accepted, reasons = read(DATA / "hazards" / "usgs" / "earthquakes-1.json")
    assert (poll.outcome, accepted, reasons) == ("malformed", 0, {"event-type-unknown": 3})
    for path in expand([DATA / "hazards" / name for name in ("gdacs", "noaa-hms", "nsw-rfs", "usgs-nwis")]):
        poll, accepted, reasons = read(path)
        assert (poll.source, accepted, reasons) == ("unknown", 0, {"unrecognised-content": 1})


def test_the_world_of_a_day_is_read_fast() -> None:
    paths = sorted((DATA / "firms").glob("*_2023313.txt"))
    begun = time.process_time()  # of this process alone: other work on the machine does not count
    rows = sum(read(path)[1] for path in paths)
    assert rows == 91_887
    assert time.process_time() - begun < 2.0, "measured: 0.4 s"
