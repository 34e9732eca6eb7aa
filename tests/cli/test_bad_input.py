"""Bad input and wrong requests: a clear message or a quarantine record, the right exit code, never a traceback."""

import gzip
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.service import worlds
from tests.service.running import Forks, almenara, assert_done, assert_refused, command, summary_of

Run = Callable[..., subprocess.CompletedProcess[str]]
HEADER = (
    "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,confidence,version,bright_ti5,frp,daynight"
)
ROW = "-4.24,-79.22,331.5,0.45,0.41,2024-09-03,06:33,N,nominal,2.0NRT,256.4,4.26,N"
MB = 1_000_000


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with closing(Forks()) as forks:
        yield forks.run


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A feed file with one row, which must be read whatever lies beside it."""
    path = tmp_path / "good.csv"
    path.write_text(f"{HEADER}\n{ROW}\n", encoding="utf-8")
    return path


@pytest.fixture
def towns(tmp_path: Path) -> Path:
    path = tmp_path / "towns.csv"
    path.write_text("name,lon,lat\nSan Pedro,-79.22164,-4.24269\n", encoding="utf-8")
    return path


class TestContents:
    """What is wrong in a file is quarantined; the run is done (exit code 0) and the good rows count."""

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"\x00\x01\x02\xff\xfe" * 5_000, "unrecognised-content"),
            (b"PK\x03\x04" + bytes(range(256)) * 40, "unrecognised-content"),
            (b"<html><body>503 Service Unavailable</body></html>", "unrecognised-content"),
            (b"\x1f\x8b\x08\x00damaged", "compression-damaged"),
            (gzip.compress(f"{HEADER}\n{ROW}\n".encode() * 9)[:-20], "compression-damaged"),
            (f"{HEADER}\n{ROW.replace('-4.24,-79.22', '-97.22,-4.24')}\n".encode(), "coordinates-look-swapped"),
            (f"{HEADER}\n{ROW.replace('-4.24,', 'nan,')}\n".encode(), "latitude-unreadable"),
            (f"{HEADER}\n{ROW.replace('-4.24,', 'inf,')}\n".encode(), "latitude-unreadable"),
            (f"{HEADER}\n{ROW.replace('-4.24,-79.22', '-94.24,-279.22')}\n".encode(), "latitude-out-of-range"),
            (f"{HEADER}\n{ROW.replace('-79.22', '-279.22')}\n".encode(), "longitude-out-of-range"),
            (f"{HEADER}\n{ROW.replace('2024-', '2099-')}\n".encode(), "time-in-the-future"),
            (f"{HEADER}\n{ROW.replace('2024-', '1987-')}\n".encode(), "time-before-range"),
            (f"{HEADER}\n{ROW}".replace("latitude,", "").encode(), "unrecognised-content"),
            (b'{"features":[{"type":"Feature","properties":{"acq_date":1,"acq_time":2', "json-malformed"),
            (b'{"features":' + b"[" * 60_000, "unrecognised-content"),
        ],
    )
    def test_is_quarantined(
        self, run: Run, tmp_path: Path, good: Path, towns: Path, content: bytes, reason: str
    ) -> None:
        bad = tmp_path / "bad.csv"
        bad.write_bytes(content)
        done = run("replay", bad, good, "--places", towns, "--out", tmp_path / "out")
        assert_done(done)
        rows = summary_of(tmp_path / "out")["rows"]
        assert rows["rejected_by_reason"] == {reason: 1}
        assert rows["accepted"] == 1
        assert f"1 × {reason}" in done.stdout
        listed = run("quarantine", "list", "--state", tmp_path / "out" / "state")
        assert_done(listed)
        assert reason in listed.stdout

    def test_an_empty_file(self, run: Run, tmp_path: Path, good: Path, towns: Path) -> None:
        empty = tmp_path / "empty.csv"
        empty.touch()
        assert_done(run("replay", empty, good, "--places", towns, "--out", tmp_path / "out"))
        summary = summary_of(tmp_path / "out")
        assert summary["rows"]["read"] == summary["rows"]["accepted"] == 1
        assert {feed["feed"]: feed["last_outcome"] for feed in summary["feeds"]} == {
            "empty.csv": "empty",
            "good.csv": "data",
        }

    def test_nothing_but_an_empty_file(self, run: Run, tmp_path: Path, towns: Path) -> None:
        (tmp_path / "empty.csv").touch()
        done = run("replay", tmp_path / "empty.csv", "--places", towns, "--out", tmp_path / "out")
        assert_done(done)
        assert "0 rows read" in done.stdout
        assert (tmp_path / "out" / "report.html").stat().st_size > 1000

    def test_read_as_another_source(self, run: Run, tmp_path: Path, good: Path, towns: Path) -> None:
        done = run("replay", good, "--source", "usgs_quakes", "--places", towns, "--out", tmp_path / "out")
        assert_done(done)
        assert summary_of(tmp_path / "out")["rows"]["rejected"] == 1


class TestMemory:
    """Nothing that comes is read into memory whole because it is large."""

    def peak_mb(self, *arguments: str | Path) -> float:
        """The most memory that the program held."""
        with subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL) as program:  # noqa: S603
            _, status, used = os.wait4(program.pid, 0)
            program.returncode = os.waitstatus_to_exitcode(status)
        assert program.returncode == 0
        return used.ru_maxrss * 1024 / MB

    def test_of_hostile_contents(self, tmp_path: Path, good: Path, towns: Path) -> None:
        usual = self.peak_mb("replay", good, "--places", towns, "--out", tmp_path / "usual", "--quiet")
        line = tmp_path / "line.csv"
        line.write_text(HEADER + "\n", encoding="utf-8")
        os.truncate(line, 300 * MB)  # sparse: one line of 300 million zero bytes
        long = tmp_path / "long.csv"
        long.write_bytes(f"{HEADER}\n".encode() + b"7" * 80 * MB + f"\n{ROW}\n".encode())
        bomb = tmp_path / "bomb.csv.gz"
        bomb.write_bytes(gzip.compress(f"{HEADER}\n{ROW}\n".encode() + bytes(120 * MB), 1))
        nested = tmp_path / "nested.json"
        nested.write_bytes(b'{"acq_date":1,"acq_time":' + b"[" * 20 * MB)
        files = [line, long, bomb, nested, good]
        peak = self.peak_mb("replay", *files, "--places", towns, "--out", tmp_path / "out", "--quiet")
        rows = summary_of(tmp_path / "out")["rows"]
        assert rows["rejected_by_reason"]["line-too-long"] == 2
        assert rows["rejected_by_reason"]["expands-too-far"] == 1
        assert rows["read"] == rows["accepted"] + rows["superseded"] + rows["rejected"]
        assert rows["accepted"] == 1
        assert (
            peak < usual + 250
        )  # far below the 300 MB of one line, the 120 MB of the bomb and what JSON makes of 20 MB


class TestPlaces:
    """Places that cannot be used as they are."""

    def test_in_another_system_of_coordinates(self, run: Run, tmp_path: Path, good: Path) -> None:
        """Metres that say so are converted; metres that do not are refused."""
        import pyproj

        x, y = pyproj.Transformer.from_crs(4326, 32717, always_xy=True).transform(-79.22164, -4.24269)
        feature = {
            "type": "Feature",
            "properties": {"name": "San Pedro"},
            "geometry": {"type": "Point", "coordinates": [x, y]},
        }
        collection: dict[str, object] = {"type": "FeatureCollection", "features": [feature]}
        path = tmp_path / "utm.geojson"
        path.write_text(json.dumps(collection), encoding="utf-8")
        done = run("replay", good, "--places", path, "--out", tmp_path / "out")
        assert done.returncode in (0, 1)
        assert done.returncode == 1 or summary_of(tmp_path / "out")["exposures"]["total"] == 0
        collection["crs"] = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32717"}}
        path.write_text(json.dumps(collection), encoding="utf-8")
        done = run("replay", good, "--places", path, "--out", tmp_path / "converted")
        assert_done(done)
        assert summary_of(tmp_path / "converted")["exposures"]["total"] == 1

    def test_missing_or_junk(self, run: Run, tmp_path: Path, good: Path) -> None:
        junk = tmp_path / "junk.gpkg"
        junk.write_bytes(b"\x00\xff" * 999)
        assert_refused(run("replay", good, "--places", tmp_path / "none.csv", "--out", tmp_path / "a"), 1, "none.csv")
        assert_refused(run("replay", good, "--places", junk, "--out", tmp_path / "b"), 1, "junk.gpkg")

    def test_rows_that_cannot_be(self, run: Run, tmp_path: Path, good: Path) -> None:
        path = tmp_path / "towns.csv"
        path.write_text("name,lon,lat\nSan Pedro,-79.22164,-4.24269\nNowhere,nan,1\nFar,500,1\n", encoding="utf-8")
        done = run("replay", good, "--places", path, "--out", tmp_path / "out")
        assert_done(done)
        assert summary_of(tmp_path / "out")["exposures"]["total"] == 1


class TestCouldNotBeDone:
    """Exit code 1."""

    def test_a_missing_file(self, run: Run, tmp_path: Path, good: Path) -> None:
        done = run("replay", good, tmp_path / "none.csv", "--places", worlds.PLACES, "--out", tmp_path / "out")
        assert_refused(done, 1, "none.csv", "does not exist")

    def test_a_pipe(self, run: Run, tmp_path: Path, good: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        done = run("replay", good, tmp_path / "pipe", "--places", worlds.PLACES, "--out", tmp_path / "out")
        assert_refused(done, 1, "pipe", "no regular file")

    def test_a_file_where_the_results_should_go(self, run: Run, good: Path, towns: Path, tmp_path: Path) -> None:
        done = run("replay", good, "--places", towns, "--out", good, "--state", tmp_path / "state")
        assert_refused(done, 1, "good.csv")
        done = run("replay", good, "--places", towns, "--out", good / "out", "--state", tmp_path / "other")
        assert_refused(done, 1, "good.csv")

    def test_a_log_that_another_run_is_writing(self, run: Run, good: Path, towns: Path, tmp_path: Path) -> None:
        """Neither shared nor swept away."""
        from almenara.stores import open_log

        with closing(open_log(tmp_path / "out" / "state")) as log:
            before = log.head()
            done = run("replay", good, "--places", towns, "--out", tmp_path / "out")
            assert_refused(done, 1, "being written by process")
            assert log.head() == before
        assert_done(run("replay", good, "--places", towns, "--out", tmp_path / "out"))
        assert_done(run("replay", good, "--places", towns, "--out", tmp_path / "out"))  # made anew

    def test_the_log_of_a_watch(self, run: Run, good: Path, towns: Path, tmp_path: Path) -> None:
        """A replay's own folder is cleared for a new run; what a watch has written is not the replay's own."""
        config = tmp_path / "almenara.toml"
        config.write_text(
            f'places = "{towns.name}"\n[[feed]]\nname="a"\nsource="firms"\nlocation="{good.name}"\n', "utf-8"
        )
        assert_done(run("watch", "--config", config, "--once"))
        before = {path: path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()}
        assert_refused(run("replay", good, "--places", towns, "--out", tmp_path), 2, "watch")
        assert_refused(run("drill", "--out", tmp_path), 2, "watch")
        assert {path: path.read_bytes() for path in before} == before

    def test_a_state_that_is_no_log(self, run: Run, good: Path, towns: Path, tmp_path: Path) -> None:
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "log.sqlite").write_bytes(b"junk" * 2000)
        options = ("--state", tmp_path / "state", "--resume")
        assert_refused(run("replay", good, "--places", towns, "--out", tmp_path / "out", *options), 1, "log.sqlite")


class TestAskedWrongly:
    """Exit code 2, and the state is left so that the right request can follow."""

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--source", "nasa"], "firms"),
            (["--since", "yesterday"], "--since"),
            (["--until", "2023-02-30"], "--until"),
            (["--status", "Real"], "Exercise"),
            (["--batch-rows", "0"], "batch-rows"),
            (["--places", "geonames:XX"], "XX"),
            (["--colour", "red"], "--colour"),
        ],
    )
    def test_options(self, run: Run, tmp_path: Path, good: Path, towns: Path, options: list[str], words: str) -> None:
        where = ["--out", tmp_path / "out", "--state", tmp_path / "state"]
        places = [] if "--places" in options else ["--places", towns]
        assert_refused(run("replay", good, *places, *where, *options), 2, words)
        assert_done(run("replay", good, "--places", towns, *where))

    def test_no_files(self, run: Run, tmp_path: Path) -> None:
        assert_refused(run("replay", "--places", worlds.PLACES, "--out", tmp_path), 2, "paths")

    def test_a_state_that_exists(self, run: Run, tmp_path: Path, good: Path, towns: Path) -> None:
        asked = ("replay", good, "--places", towns, "--out", tmp_path / "out", "--state", tmp_path / "state")
        assert_done(run(*asked))
        assert_refused(run(*asked), 2, "--resume")
        assert_done(run(*asked, "--resume"))
        for other in (["--batch-rows", "5"], ["--status", "Test"], ["--since", "2024-01-01"]):
            assert_refused(run(*asked, "--resume", *other), 2, "differ")
        good.write_text(f"{HEADER}\n{ROW}\n{ROW}\n", encoding="utf-8")
        assert_refused(run(*asked, "--resume"), 2, "differ")


def test_the_program_itself(tmp_path: Path, good: Path) -> None:
    """The same from outside: what a shell sees."""
    assert_refused(almenara("replay", good, "--places", "geonames:XX", "--out", tmp_path / "out"), 2, "XX")
    assert_refused(
        almenara("replay", tmp_path / "none", "--places", "geonames:EC", "--out", tmp_path / "out"), 1, "none"
    )
    assert_refused(almenara("replay", good, "--places", "geonames:EC", "--out", good), 1, "good.csv")
    assert "almenara" in almenara("--version").stdout
