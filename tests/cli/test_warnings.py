"""`almenara warnings` and `almenara channels`: what they show, what they refuse, and in which words."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.channels.messages import SENT, alert
from typer.testing import CliRunner

from almenara import cli
from almenara.model.cap import from_xml, to_xml
from almenara.model.errors import CommandRefused, UsageError
from almenara.model.events import (
    DeliveriesRecorded,
    DeliveryResult,
    Event,
    RunStarted,
    WarningApproved,
    WarningDrafted,
    WarningRejected,
    WarningSent,
)
from almenara.stores import open_log

NOW = int(SENT.timestamp() * 1000)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli.app, arguments, env={"COLUMNS": "240"}, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def fails(error: type[Exception], *arguments: str) -> str:
    with pytest.raises(error) as why:
        CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
    return str(why.value)


def drafted(number: int, at: int, msg_type: str = "Alert", lasts_ms: int = 10**13) -> WarningDrafted:
    message = alert("Actual", f"incident-fire-a-{number}", msg_type)
    return WarningDrafted(
        now_ms=at,
        identifier=message.identifier,
        thread="incident-fire-a",
        incident="incident-fire-a",
        kind="fire",
        msg_type=msg_type,
        status="Actual",
        references=" ".join(map(str, message.references)),
        expires_ms=at + lasts_ms,
        severity="Severe",
        places=["vilcabamba"],
        reasons=["first"],
        drafted_by="almenara",
        xml=to_xml(message),
    )


def sent(draft: WarningDrafted) -> WarningSent:
    return WarningSent(
        now_ms=draft.now_ms,
        identifier=draft.identifier,
        thread=draft.thread,
        msg_type=draft.msg_type,
        expires_ms=draft.expires_ms,
        xml=draft.xml,
        sha256="ab",
        signed=False,
    )


@pytest.fixture
def log(folder: Path) -> Path:
    """A message in force, a draft that was replaced and one that waits; a configuration of two channels."""
    first, second, third = drafted(1, NOW), drafted(2, NOW + 1, "Update"), drafted(3, NOW + 2, "Update")
    result = DeliveryResult(recipient="x", attempt=1, outcome="failed", detail="503", receipt="", next_ms=NOW)
    again = DeliveryResult(recipient="x", attempt=2, outcome="delivered", detail="", receipt="ok", next_ms=0)
    dead = DeliveryResult(recipient="y", attempt=40, outcome="dead", detail="gone away", receipt="", next_ms=0)
    events: list[Event] = [
        RunStarted(mode="watch", status="Actual", parameters={}),
        first,
        WarningApproved(now_ms=NOW, identifier=first.identifier, by="Ana"),
        WarningApproved(now_ms=NOW, identifier=first.identifier, by="Luis"),
        sent(first),
        DeliveriesRecorded(now_ms=NOW, channel="sirens", identifier=first.identifier, results=[result, dead]),
        DeliveriesRecorded(now_ms=NOW, channel="sirens", identifier=first.identifier, results=[again]),
        second,
        third,
        WarningApproved(now_ms=NOW + 3, identifier=third.identifier, by="Eva"),
    ]
    with closing(open_log(folder / "state")) as opened:
        opened.append(events, NOW)
    (folder / "almenara.toml").write_text(
        'status = "Actual"\nsender = "alerts@agency.example"\n'
        '[[channel]]\nname = "sirens"\nplugin = "directory"\nstatus = "Actual"\n'
        'options = { path = "sirens" }\ntest = { path = "trial" }\n'
        '[[channel]]\nname = "drill"\nplugin = "directory"\nstatus = "Exercise"\noptions = { path = "drill" }\n',
        encoding="utf-8",
    )
    return folder


def listed(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("warnings", "list", "--json", *arguments))
    return found


def test_list(log: Path) -> None:
    assert [(m["identifier"][-1], m["state"]) for m in listed()] == [("1", "in-force"), ("3", "draft")]
    assert [m["state"] for m in listed("--all")] == ["in-force", "replaced", "draft"]
    assert listed()[0]["deliveries"] == {"sirens": {"dead": 1, "delivered": 1}}
    table = run("warnings", "list", "--all")
    assert "yes so far: Eva" in table
    assert "sirens 1/2" in table


def test_show(log: Path) -> None:
    shown = run("warnings", "show", "incident-fire-a-1")
    for words in ("approved by Ana", "approved by Luis", "not signed", "Vilcabamba", "Be ready to leave", "1 dead"):
        assert words in shown
    fields = json.loads(run("warnings", "show", "incident-fire-a-3", "--json"))
    assert (fields["approved_by"], fields["sent"]) == (["Eva"], None)
    assert "list --all" in fails(UsageError, "warnings", "show", "incident-fire-a-9")
    raw = CliRunner().invoke(cli.app, ["warnings", "show", "incident-fire-a-1", "--xml"]).stdout_bytes
    assert from_xml(raw).identifier == "incident-fire-a-1"


def test_approve_and_reject(log: Path) -> None:
    assert "second person" in fails(CommandRefused, "warnings", "approve", "incident-fire-a-3", "--as", "EVA")
    assert "took its place" in fails(CommandRefused, "warnings", "approve", "incident-fire-a-2", "--as", "Ana")
    assert "frozen" in fails(CommandRefused, "warnings", "reject", "incident-fire-a-1", "--reason", "x")
    assert "Say why" in fails(CommandRefused, "warnings", "reject", "incident-fire-a-3", "--reason", " ")
    assert "Sent incident-fire-a-3" in run("warnings", "approve", "incident-fire-a-3", "--as", "Ana")
    assert [m["state"] for m in listed("--all")] == ["updated", "replaced", "in-force"]
    cancelled = run("warnings", "cancel", "incident-fire-a", "--reason", "mistake", "--as", "Ana")
    assert "Drafted incident-fire-a-4 (Cancel)" in cancelled
    assert "another person" in cancelled
    assert "Dropped" in run("warnings", "reject", "incident-fire-a-4", "--reason", "no mistake", "--as", "Eva")
    assert listed("--all")[-1]["detail"] == "by Eva: no mistake"
    assert "no place is threatened" in fails(CommandRefused, "warnings", "update", "incident-fire-a")
    assert "Drafted incident-fire-a-5 (Update)" in run("warnings", "all-clear", "incident-fire-a", "--state", "state")


def test_own_words_from_a_file(log: Path) -> None:
    words = log / "words.toml"
    words.write_text('[en]\nheadline = "All is well in Vilcabamba"\n', encoding="utf-8")
    run("warnings", "all-clear", "incident-fire-a", "--text", str(words))
    assert "All is well in Vilcabamba" in run("warnings", "show", "incident-fire-a-4")
    for text in ("not toml", '[en]\ncolour = "red"', 'en = "x"'):
        words.write_text(text, encoding="utf-8")
        assert "words.toml" in fails(UsageError, "warnings", "all-clear", "incident-fire-a", "--text", str(words))


def test_nothing_to_show(folder: Path) -> None:
    assert "--config" in fails(UsageError, "warnings", "list")
    with closing(open_log(folder / "state")) as opened:
        opened.append([RunStarted(mode="watch", status="Actual", parameters={})], NOW)
    assert "Nothing waits" in run("warnings", "list", "--state", "state")
    assert "see" in fails(CommandRefused, "warnings", "cancel", "x", "--reason", "y", "--state", "state")
    fails(UsageError, "warnings", "approve", "x", "--state", "nowhere")
    assert not (folder / "nowhere").exists()


def test_what_lapsed_is_said(folder: Path) -> None:
    draft = drafted(1, NOW, lasts_ms=1)
    gone = WarningRejected(now_ms=NOW + 1, identifier=draft.identifier, by="almenara", reason="lapsed")
    with closing(open_log(folder / "state")) as opened:
        opened.append([draft, gone], NOW)
    assert [m["state"] for m in listed("--all", "--state", "state")] == ["withdrawn"]


def test_channels(log: Path) -> None:
    rows = json.loads(run("channels", "list", "--json"))
    assert [(r["name"], r["used"], r["delivered"], r["dead"]) for r in rows] == [
        ("sirens", True, 1, 1),
        ("drill", False, 0, 0),
    ]
    assert "another status" in run("channels", "list")
    letters = json.loads(run("channels", "dead-letters", "--json"))
    assert [(row["recipient"], row["why"]) for row in letters] == [("y", "gone away")]
    assert "gone away" in run("channels", "dead-letters", "sirens")
    assert "paused" in run("channels", "pause", "sirens", "--as", "Ana")
    assert "paused by Ana" in run("channels", "list")
    assert "sends again" in run("channels", "resume", "sirens")
    assert "1 messages" in run("channels", "retry", "sirens")
    assert "No dead letters" in run("channels", "dead-letters")
    assert "Configured: sirens, drill" in fails(UsageError, "channels", "pause", "horns")


def test_channels_are_tested_by_their_test_endpoint_only(log: Path) -> None:
    said = run("channels", "test", "sirens")
    assert "delivered" in said
    (written,) = (log / "trial").glob("*.xml")
    message = from_xml(written.read_bytes())
    assert message.status == "Test"
    assert [info.headline is not None and info.headline.split(":")[0] for info in message.info] == ["PRUEBA", "TEST"]
    assert not (log / "sirens").exists()
    assert "no test endpoint" in run("channels", "test", "drill", code=1)
    (log / "trial" / written.name).unlink()
    (log / "trial").rmdir()
    (log / "trial").touch()
    assert "failed" in run("channels", "test", "sirens", code=1)
    assert "horns" in fails(UsageError, "channels", "test", "horns")


def test_no_channel_is_configured(folder: Path) -> None:
    (folder / "almenara.toml").write_text("", encoding="utf-8")
    assert "directory" in run("channels", "list")
    assert "No channel" in fails(UsageError, "channels", "test")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[approval]\nfire = "two"', "four-eyes"),
        ('[approval]\nflud = "one"', "flud"),
        ('status = "Actual"\n[[channel]]\nname = "a"\nplugin = "directory"\nstatus = "Actual"', "sender"),
        ('[[channel]]\nname = "a"\nplugin = "pigeon"\nstatus = "Test"', "pigeon"),
        ('[[channel]]\nname = "a"\nplugin = "directory"\nstatus = "Draft"', "status"),
        ('[[channel]]\nname = "a b"\nplugin = "directory"\nstatus = "Test"', "name"),
        ('[[channel]]\nname = "a"\nplugin = "directory"\nstatus = "Test"\ntest = {}', "already"),
        ('[[channel]]\nname = "a"\nplugin = "directory"\nstatus = "Test"\nconcurrency = 0', "concurrency"),
        ('[[channel]]\nname = "a"\nplugin = "directory"\nstatus = "Test"\ntimeout_s = 1e9', "timeout_s"),
        ('[[channel]]\nname = "a"\nplugin = "directory"\nstatus = "Test"\n' * 2, "same name"),
        ('[[channel]]\nname = "a"\nplugin = "directory"\nstatus = "Test"\noptions = { colour = 1 }', "colour"),
    ],
)
def test_what_makes_no_sense_in_the_configuration(folder: Path, text: str, words: str) -> None:
    (folder / "almenara.toml").write_text(text + "\n", encoding="utf-8")
    assert words in fails(UsageError, "channels", "list")


SQUARE = [[-79.9, -2.2], [-79.8, -2.2], [-79.8, -2.1], [-79.9, -2.1], [-79.9, -2.2]]
AREAS: dict[str, Any] = {
    "polygon": {"type": "Polygon", "coordinates": [SQUARE]},
    "multi": {"type": "MultiPolygon", "coordinates": [[[[*point, 12.0] for point in SQUARE]]]},
    "feature": {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}},
}
AREAS["collection"] = {"type": "FeatureCollection", "features": [AREAS["feature"]] * 2}
AREAS["geometries"] = {"type": "GeometryCollection", "geometries": [AREAS["polygon"]]}


@pytest.mark.parametrize("form", sorted(AREAS))
def test_a_warning_by_hand(log: Path, form: str) -> None:
    (log / "flood.toml").write_text(run("warnings", "draft", "--example"), encoding="utf-8")
    (log / "area.json").write_text(json.dumps(AREAS[form]), encoding="utf-8")
    said = run("warnings", "draft", "flood.toml", "--area", "area.json", "--as", "Ana")
    assert "(Alert)" in said
    assert "another person" in said
    (flood,) = (m for m in listed() if m["incident"].startswith("by-hand-flood-"))
    assert (flood["drafted_by"], flood["severity"], flood["state"]) == ("Ana", "Severe", "draft")
    assert "Sent by-hand-flood-" in run("warnings", "approve", flood["identifier"], "--as", "Luis")
    shown = run("warnings", "show", flood["identifier"])
    assert "Water level: 6.2 m and rising." in shown
    assert "Nivel del agua: 6,2 m y sube." in shown
    assert "Beginning: 3 September 2024, 14:00 (UTC)." in shown
    more = run("warnings", "draft", "flood.toml", "--area", "area.json", "--thread", flood["thread"], "--as", "Eva")
    assert "(Update)" in more
    assert "not-by-hand" not in more
    assert "incident" in fails(
        CommandRefused, "warnings", "draft", "flood.toml", "--area", "area.json", "--thread", "incident-fire-a"
    )


@pytest.mark.parametrize(
    ("statement", "area", "why"),
    [
        ("kind = ", "{}", "flood.toml: "),
        ('kind = "flood"', "{}", "flood.toml: Object missing required field"),
        ("onset = 2024-09-03T09:00:00", "{}", "with its offset"),
        (None, "{", "area.json: no GeoJSON"),
        (None, "[" * 100_000, "area.json: "),
        (None, "{}", "made of polygons"),
        (None, '{"type": "Point", "coordinates": [0, 0]}', "not of Point"),
        (None, '{"type": "Polygon", "coordinates": 5}', "area.json: no GeoJSON"),
        (None, '{"type": "Polygon", "coordinates": [[["a", 1]]]}', "area.json: no GeoJSON"),
        (None, '{"type": "FeatureCollection", "features": null}', "area.json: no GeoJSON"),
        (None, '{"type": "Polygon", "coordinates": []}', "no valid polygon"),
        (None, '{"type": "Polygon", "coordinates": [[[NaN, 1], [1, 1], [2, 2], [NaN, 1]]]}', "no valid polygon"),
    ],
)
def test_what_cannot_be_drafted_is_refused_by_file_and_place(
    log: Path, statement: str | None, area: str, why: str
) -> None:
    before = len(listed("--all"))
    text = run("warnings", "draft", "--example") if statement is None else statement
    (log / "flood.toml").write_text(text, encoding="utf-8")
    (log / "area.json").write_text(area, encoding="utf-8")
    assert why in fails(UsageError, "warnings", "draft", "flood.toml", "--area", "area.json")
    assert len(listed("--all")) == before


def test_a_draft_needs_both_files(log: Path) -> None:
    assert "--area" in fails(UsageError, "warnings", "draft", "flood.toml")
    assert "cannot be read" in fails(UsageError, "warnings", "draft", "none.toml", "--area", "none.json")


def test_words_are_checked(folder: Path) -> None:
    said = run("warnings", "words")
    assert "volcanic_ash" in said
    assert "Inundación" in said
    assert "missing" not in said
    words = folder / "words"
    words.mkdir()
    for kind in ("language", "flood"):
        source = files("almenara.stages.public_warnings").joinpath("templates", f"{kind}.es.toml")
        (words / f"{kind}.qu.toml").write_text(source.read_text("utf-8"), encoding="utf-8")
    lacking = run("warnings", "words", "--templates", "words", code=1)
    assert "missing: storm.qu.toml" in lacking
    assert "missing: flood.qu.toml" not in lacking
    (words / "flood.qu.toml").write_text('event = "x"', encoding="utf-8")
    assert "flood.qu.toml: " in fails(UsageError, "warnings", "words", "--templates", "words")


def test_an_agencys_words_and_languages_are_what_it_sends(log: Path) -> None:
    words = log / "words"
    words.mkdir()
    source = files("almenara.stages.public_warnings").joinpath("templates", "flood.en.toml").read_text("utf-8")
    (words / "flood.en.toml").write_text(source.replace('event = "Flood"', 'event = "High water"'), encoding="utf-8")
    with (log / "almenara.toml").open("r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(0)
        file.write('templates = "words"\n' + text)
    (log / "flood.toml").write_text(run("warnings", "draft", "--example"), encoding="utf-8")
    (log / "area.json").write_text(json.dumps(AREAS["polygon"]), encoding="utf-8")
    run("warnings", "draft", "flood.toml", "--area", "area.json", "--as", "Ana")
    (flood,) = (m for m in listed() if m["incident"].startswith("by-hand-flood-"))
    assert "<event>High water</event>" in run("warnings", "show", flood["identifier"], "--xml")
    (words / "flood.en.toml").write_text("event = 5", encoding="utf-8")
    assert "flood.en.toml: " in fails(UsageError, "warnings", "list")
