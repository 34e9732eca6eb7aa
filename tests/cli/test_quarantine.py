"""`almenara quarantine`: nothing is dropped in silence, and what can be read later is read later."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from almenara import sources
from almenara.cli.quarantine import app
from almenara.intake import read_content
from almenara.model.errors import UsageError
from almenara.stores import open_log

HEADER = "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,confidence,version,bright_ti5,frp"
ROWS = [
    "-94.2,-128.5,331.5,0.55,0.68,2020-08-14,06:33,N,nominal,2.0NRT,256.4,4.26",
    "-0.2,-78.5,331.5,0.55,0.68,2020-08-14,06:33,N,[red]sure[/red],2.0NRT,256.4,4.26",
    "-0.3,-78.5,331.5,0.55,0.68,2021-08-14,06:33,N,nominal,2.0NRT,256.4,4.26",
]
#: 2020-09-13: the last row's date lies in the future then, and in the past now.
RECEIVED_MS = 1_600_000_000_000


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "viirs.csv"
    path.write_text("\n".join([HEADER, *ROWS]), encoding="utf-8")
    folder = tmp_path / "state"
    events = list(read_content(path, sources.find_all(), received_ms=RECEIVED_MS, rows_max=100))
    with closing(open_log(folder)) as log:
        log.append(events, RECEIVED_MS)
    return folder


def identify(state: Path) -> str:
    (record,) = json.loads(run("list", "--state", str(state), "--json"))
    name: str = record["id"]
    return name


def test_list(state: Path) -> None:
    (record,) = json.loads(run("list", "--state", str(state), "--json"))
    assert record["reasons"] == {"confidence-unreadable": 1, "latitude-out-of-range": 1, "time-in-the-future": 1}
    assert (record["source"], record["origin"], record["retried"]) == ("firms", "viirs.csv", None)
    assert record["id"] == record["sha256"][:12] + "-0"
    text = run("list", "--state", str(state))
    assert record["id"] in text
    assert "latitude-out-of-range: 1" in text


def test_show_explains_and_keeps_outside_text_harmless(state: Path) -> None:
    name = identify(state)
    text = run("show", name[:6], "--state", str(state))
    assert "line 3: confidence-unreadable" in text
    assert "neither low, nominal or high" in text
    assert ROWS[1] in text, "the row as it came, no markup"
    shown = json.loads(run("show", name, "--state", str(state), "--json", "--rows", "1"))["shown"]
    assert [(row["line"], row["reason"], row["raw"]) for row in shown] == [(2, "latitude-out-of-range", ROWS[0])]


def test_retry_reads_what_can_be_read_now(state: Path) -> None:
    name = identify(state)
    assert f"{name}: 1 rows read, 2 still refused" in run("retry", name, "--state", str(state))
    (record,) = json.loads(run("list", "--state", str(state), "--json"))
    assert record["retried"] == {"accepted": 1, "rejected": 2}
    assert "Read again: 1 rows read" in run("show", name, "--state", str(state))
    with closing(open_log(state, readonly=True)) as log:
        kinds = [entry.kind for entry in log.read()]
    assert kinds == ["RowsRejected", "SourcePolled", "ObservationsReceived", "QuarantineRetried"]
    assert name in run("retry", "--all", "--state", str(state))


def test_wrong_requests_say_what_to_do(state: Path) -> None:
    for arguments in (("show", "zzz"), ("retry",), ("retry", "x", "--all")):
        with pytest.raises(UsageError, match="almenara quarantine list"):
            run(*arguments, "--state", str(state))


def test_an_empty_quarantine(tmp_path: Path) -> None:
    with closing(open_log(tmp_path)):
        pass
    assert "is empty" in run("list", "--state", str(tmp_path))
    assert "Nothing to read again" in run("retry", "--all", "--state", str(tmp_path))


def test_help_teaches() -> None:
    assert "Example" in run("show", "--help")
