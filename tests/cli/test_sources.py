"""`almenara sources`: what can be read, and how each source is doing."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from almenara import sources
from almenara.cli.sources import app
from almenara.model.errors import UsageError
from almenara.model.events import SourceHeard, SourcePolled, SourceSilent
from almenara.stores import open_log

AT_MS = 1_790_000_000_000


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def polled(outcome: str, at_ms: int, read: int = 0) -> SourcePolled:
    return SourcePolled(source="firms", origin="x", at_ms=at_ms, outcome=outcome, read=read, detail="")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    events = [
        polled("data", AT_MS, 12),
        SourceSilent(source="inpe", origin="y", at_ms=AT_MS, last_heard_ms=None),
        SourceSilent(source="inpe", origin="z", at_ms=AT_MS + 9, last_heard_ms=None),
        SourceSilent(source="firms", origin="x", at_ms=AT_MS, last_heard_ms=None),
        SourceHeard(source="firms", origin="x", at_ms=AT_MS),
        polled("failed", AT_MS + 60_000),
    ]
    with closing(open_log(tmp_path)) as log:
        log.append(events, AT_MS)
    return tmp_path


def test_every_source_is_shown_with_its_credit() -> None:
    listed = json.loads(run("--json"))
    assert [entry["name"] for entry in listed] == list(sources.find_all())
    assert all(entry["attribution"] and entry["cadence_s"] for entry in listed)
    text = run()
    assert all(name in text for name in sources.find_all())


def test_health(state: Path) -> None:
    health = {entry["name"]: entry["health"] for entry in json.loads(run("--state", str(state), "--json"))}
    assert health["firms"] == {
        "last_heard": "2026-09-21T14:13:20Z",
        "last_poll": "2026-09-21T14:14:20Z",
        "outcome": "failed",
        "detail": "",
        "silent_since": None,
        "silent_feeds": [],
        "rows_read": 12,
        "rows_rejected": 0,
    }
    assert health["inpe"]["silent_since"] == "2026-09-21T14:13:20Z"
    assert health["inpe"]["silent_feeds"] == ["y", "z"]
    assert health["usgs_quakes"]["last_poll"] is None
    text = run("--state", str(state))
    assert "silent since 2026-09-21T14:13" in text
    assert "never asked" in text
    assert "failing" in text


def test_a_folder_without_a_log(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run("--state", str(tmp_path / "nowhere"))


def test_help_teaches() -> None:
    assert "almenara sources --state" in run("--help")
