"""`almenara log`: what it shows, what it proves and what it writes."""

import base64
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner, Result

from almenara.cli.log import app
from almenara.model.errors import LogError, UsageError
from almenara.model.events import PlacesImported, SourcePolled, StepTaken, WarningDrafted
from almenara.model.observations import to_ipc
from almenara.model.places import PLACES
from almenara.stores import folder as beside
from almenara.stores import open_log

TEN_PLACES = pa.table(
    {
        "id": [str(i) for i in range(10)],
        "name": ["Pedernales [Manabí]"] * 10,
        "kind": ["town"] * 10,
        "population": pa.nulls(10, pa.int64()),
        "alert_distance_m": [300.0] * 9 + [float("nan")],
        "lon": [-80.0] * 10,
        "lat": [0.1] * 10,
        "geometry": [b"\x01\x02"] * 10,
        "country": ["EC"] * 10,
        "admin": ["M"] * 10,
    },
    schema=PLACES,
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A log of thirty entries: places, a warning, steps and a poll; signed after the twenty-ninth."""
    state = tmp_path / "state"
    imported = PlacesImported(origin="x", attribution="", table=to_ipc(TEN_PLACES), rejected={})
    warning = WarningDrafted(kind="fire", drafted_by="almenara",
        now_ms=1, identifier="EC-1", thread="t", incident="i", msg_type="Alert", status="Exercise", references="",
        expires_ms=2, severity="Severe", places=["1", "2"], reasons=["new-place"], xml="<alert>ñ</alert>".encode(),
    )  # fmt: skip
    polled = SourcePolled(source="firms", origin="[red]u", at_ms=3, outcome="empty", read=0, detail="")
    with closing(open_log(state)) as log:
        log.append([imported], 1_700_000_000_000)
        log.append([warning, *(StepTaken(now_ms=1_700_000_000_000 + i) for i in range(27))], 1_700_000_000_123)
        log.checkpoint(1_700_000_000_500)
        log.append([polled], 1_700_000_001_000)
    return state


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "150"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def lines(text: str) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in text.splitlines())


class TestShow:
    def test_the_last_twenty(self, state: Path) -> None:
        shown = run("show", state).output
        assert "2023-11-14 22:13:21 " in shown
        assert "source firms  origin [red]u  at 1970" not in shown  # names as in the log
        assert "origin [red]u" in shown
        assert "20 shown; the log holds 30 entries." in shown

    def test_tables_are_shown_as_rows_and_bytes_as_sizes(self, state: Path) -> None:
        shown = run("show", state, "--last", 30).output
        assert "table 10 rows" in shown
        assert "xml 17 bytes" in shown
        assert "places 1, 2" in shown

    @pytest.mark.parametrize(
        ("options", "numbers"),
        [
            (["--last", 2], [29, 30]),
            (["--after", 28], [29, 30]),
            (["--after", 30], []),
            (["--after", 5, "--last", 1], [30]),
            (["--type", "StepTaken", "--last", 3], [27, 28, 29]),
            (["--type", "StepTaken", "--after", 28], [29]),
            (["--type", "PlacesImported"], [1]),
            (["--type", "RunFinished"], []),
        ],
    )
    def test_selection(self, state: Path, options: list[object], numbers: list[int]) -> None:
        assert [line["seq"] for line in lines(run("show", state, *options, "--json").stdout)] == numbers

    def test_json(self, state: Path) -> None:
        (line,) = lines(run("show", state, "--type", "PlacesImported", "--json").stdout)
        assert (line["type"], line["version"], line["recorded"]) == ("PlacesImported", 2, "2023-11-14T22:13:20Z")
        assert line["event"]["table"]["rows"] == 10
        assert len(line["hash"]) == 64

    def test_unknown_type(self, state: Path) -> None:
        with pytest.raises(UsageError, match=r"Known: .*StepTaken"):
            run("show", state, "--type", "Step")

    def test_an_entry_from_a_newer_version(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules["almenara.model.events"].EVENTS, "SourcePolled")
        assert "newer than this program" in run("show", state).output
        (line,) = lines(run("show", state, "--last", 1, "--json").stdout)
        assert line["event"] is None

    def test_an_empty_log(self, tmp_path: Path) -> None:
        open_log(tmp_path).close()
        assert "0 shown; the log holds 0 entries." in run("show", tmp_path).output
        assert "nothing is signed yet" in run("verify", tmp_path).output
        assert run("export", tmp_path).stdout == ""


@pytest.mark.parametrize("command", ["show", "verify", "export"])
def test_where_no_log_is(tmp_path: Path, command: str) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match="holds no log"):
            run(command, folder)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["show", "verify", "export"])
def test_while_a_writer_runs(state: Path, command: str) -> None:
    with closing(open_log(state)) as log:
        log.append([StepTaken(now_ms=5)], 5)
        assert "31" in run(command, state).stdout


class TestVerify:
    def test_good(self, state: Path) -> None:
        output = run("verify", state).output
        with closing(open_log(state, readonly=True)) as log:
            assert log.head()[1].hex() in output
        for text in (
            "Entries that fit      30",
            "Checkpoints that fit  1",
            "entry 29 at 2023-11-14 22:13:20.500",
            "Not signed yet        1",
            "Good: every",
        ):
            assert text in output

    def test_broken(self, state: Path) -> None:
        with closing(sqlite3.connect(state / "log.sqlite")) as raw, raw:
            raw.execute("UPDATE entries SET recorded_ms = 0 WHERE seq = 7")
        output = run("verify", state, code=1).output
        assert "Broken at entry 7" in output
        assert "Entries that fit      6" in output

    def test_damaged_beyond_reading(self, state: Path) -> None:
        """The last page of the entries is gone: the verdict still says where."""
        with closing(open_log(state)) as log:
            log.append([StepTaken(now_ms=i) for i in range(2000)], 5)
        with closing(sqlite3.connect(state / "log.sqlite")) as raw:
            (page,) = raw.execute("SELECT max(pageno) FROM dbstat WHERE name = 'entries'").fetchone()
        with (state / "log.sqlite").open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(bytes(4096))
        output = run("verify", state, code=1).output
        assert "Broken at entry" in output
        assert "Head                  cannot be read" in output

    @pytest.mark.parametrize("form", ["pem", "hex", "raw"])
    def test_with_the_right_key(self, state: Path, tmp_path: Path, form: str) -> None:
        key = beside.load_key(state).public_key()
        raw = key.public_bytes_raw()
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / "key").write_bytes({"pem": pem, "hex": raw.hex().encode() + b"\n", "raw": raw}[form])
        assert "Good" in run("verify", state, "--public-key", tmp_path / "key").output

    def test_with_another_key(self, state: Path, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(bytes(32))
        assert "another key" in run("verify", state, "--public-key", tmp_path / "key", code=1).output

    def test_with_a_key_but_nothing_signed(self, state: Path, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(beside.load_key(state).public_key().public_bytes_raw())
        with closing(sqlite3.connect(state / "log.sqlite")) as raw, raw:
            raw.execute("DELETE FROM checkpoints")
        assert "Not proven" in run("verify", state, "--public-key", tmp_path / "key", code=1).output

    @pytest.mark.parametrize("content", [None, b"", b"zz" * 32, b"no key"])
    def test_no_key(self, state: Path, tmp_path: Path, content: bytes | None) -> None:
        if content is not None:
            (tmp_path / "key").write_bytes(content)
        with pytest.raises(UsageError, match=r"cannot be read|no public key"):
            run("verify", state, "--public-key", tmp_path / "key")


class TestExport:
    def test_every_entry(self, state: Path) -> None:
        exported = list(lines(run("export", state).stdout))
        assert [line["seq"] for line in exported] == list(range(1, 31))
        assert [line["prev_hash"] for line in exported[1:]] == [line["hash"] for line in exported[:-1]]
        assert base64.b64decode(exported[0]["event"]["table"]) == to_ipc(TEN_PLACES)
        assert exported[2]["event"] == {"now_ms": 1_700_000_000_000}
        assert "payload" not in exported[0]

    def test_expanded(self, state: Path) -> None:
        places, warning, *_ = lines(run("export", state, "--expand").stdout)
        rows = places["event"]["table"]
        assert len(rows) == 10
        assert (rows[0]["name"], rows[0]["geometry"], rows[9]["alert_distance_m"]) == (
            "Pedernales [Manabí]",
            "AQI=",
            None,
        )
        assert warning["event"]["xml"] == "<alert>ñ</alert>"

    def test_the_bytes_that_were_hashed(self, state: Path) -> None:
        with closing(open_log(state, readonly=True)) as log:
            payloads = [entry.payload for entry in log.read()]
        exported = lines(run("export", state, "--payload").stdout)
        assert [base64.b64decode(line["payload"]) for line in exported] == payloads

    def test_an_event_from_a_newer_version_keeps_its_bytes(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules["almenara.model.events"].EVENTS, "SourcePolled")
        *_, last = lines(run("export", state).stdout)
        assert last["event"] is None
        assert base64.b64decode(last["payload"])

    def test_to_a_file(self, state: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"
        run("export", state, "--out", out)
        assert len(out.read_text().splitlines()) == 30
        out.write_text("mine")
        with pytest.raises(UsageError, match="--force"):
            run("export", state, "--out", out)
        assert out.read_text() == "mine"
        run("export", state, "--out", out, "--force")
        assert len(out.read_text().splitlines()) == 30
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "state"]

    def test_a_broken_log_leaves_no_half_a_file(self, state: Path, tmp_path: Path) -> None:
        with closing(sqlite3.connect(state / "log.sqlite")) as raw, raw:
            raw.execute("UPDATE entries SET recorded_ms = 0 WHERE seq = 7")
        with pytest.raises(LogError, match="entry 7"):
            run("export", state, "--out", tmp_path / "out.jsonl")
        assert [path.name for path in tmp_path.iterdir()] == ["state"]

    def test_into_a_missing_folder(self, state: Path, tmp_path: Path) -> None:
        with pytest.raises(LogError, match="cannot be written"):
            run("export", state, "--out", tmp_path / "missing" / "out.jsonl")


def test_usage() -> None:
    run("export", "x", "--format", "papyrus", code=2)
    run("show", "x", "--last", 0, code=2)


@pytest.mark.parametrize("command", ["show", "verify", "export"])
def test_help_teaches_by_example(command: str) -> None:
    assert f"almenara log {command} state" in " ".join(run(command, "--help").output.split())


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, almenara.cli.log; print(*{'pyarrow', 'numpy', 'cryptography', 'msgspec'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == ""
