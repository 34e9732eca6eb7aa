"""The exercise of Ecuador against its own truth: what happened was found, what was harmless raised no alarm."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import shapely
from tests.service.audit import Message, events_of
from tests.service.conftest import Drill
from tests.service.running import FILES, almenara, assert_done, digest_of, summary_of

from almenara.model.events import HazardsChanged, RowsRejected, SourceHeard, SourcePolled, SourceSilent
from almenara.model.observations import from_ipc
from almenara.stages.hazards import View

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def truth(drill: Drill) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((drill.out / "feeds" / "truth.json").read_text(encoding="utf-8"))
    return found


def fire_at(drill: Drill, lon: float, lat: float) -> View:
    """The fire whose footprint holds a point, or comes within a pixel of it."""
    here = shapely.Point(lon, lat)
    near = [v for v in drill.results.hazards if v.kind == "fire" and v.footprint and v.footprint.dwithin(here, 0.006)]
    (found,) = near
    return found


def places_of(incident: dict[str, Any], drill: Drill) -> set[str]:
    rows = drill.results.exposures.to_pylist()
    return {row["place_id"] for row in rows if row["hazard_id"] in incident["hazards"] and row["suppressed"] is None}


def test_it_is_the_same_world(drill: Drill, truth: dict[str, Any]) -> None:
    assert truth == drill.world.truth
    assert digest_of(drill.out) == drill.results.digest
    assert drill.results.digest in drill.said


def test_the_results_are_all_there(drill: Drill) -> None:
    assert sorted(path.name for path in drill.out.iterdir()) == sorted([*FILES, "feeds", "state", "warnings"])
    rows = summary_of(drill.out)["rows"]
    assert rows["accepted"] + rows["superseded"] + rows["rejected"] == rows["read"]


def test_both_fires_are_one_in_the_end(drill: Drill, truth: dict[str, Any]) -> None:
    (merge,) = truth["merges"]
    fires = {fire["name"]: fire for fire in truth["fires"]}
    one, other = (fire_at(drill, fires[name]["lon"], fires[name]["lat"]) for name in merge["fires"])
    assert one.id == other.id
    assert one.merged_from
    rows = [row for event in events_of(drill.log, HazardsChanged) for row in from_ipc(event.table).to_pylist()]  # type: ignore[attr-defined]
    gone = {row["hazard_id"] for row in rows if row["into"] == one.id}
    assert set(one.merged_from) <= gone | {row["hazard_id"] for row in rows if row["state"] == "merged"}
    area_km2 = sum(fires[name]["perimeters"][-1]["area_m2"] for name in merge["fires"]) / 1e6
    assert area_km2 < (one.area_km2 or 0.0) < 4 * area_km2, "pixels are larger than flames, but not by so much"


def test_both_incidents_are_found(drill: Drill, truth: dict[str, Any]) -> None:
    lasting = [incident for incident in drill.results.incidents if incident["status"] != "merged"]
    assert len(truth["incidents"]) == 2
    for true in truth["incidents"]:
        (found,) = [incident for incident in lasting if incident["kind"] == true["kind"]]
        assert set(true["towns"]) <= places_of(found, drill)
        warned = {p for w in drill.results.warnings if w.incident == found["id"] for p in w.places}
        assert set(true["towns"]) <= warned
    assert len(lasting) == 2, "and nothing else was taken for one"


def test_warnings_come_as_soon_as_the_feeds_can_tell(drill: Drill) -> None:
    """Three hours until a pass is published and one until the next poll; for an earthquake minutes."""
    rows = [row for row in drill.results.exposures.to_pylist() if row["suppressed"] is None]
    for place in {row["place_id"] for row in rows}:
        first = min((row for row in rows if row["place_id"] == place), key=lambda row: row["since"])
        warned = min(warning.now_ms for warning in drill.results.warnings if place in warning.places)
        delay_h = (warned - first["since"].timestamp() * 1000) / HOUR_MS
        assert 0 < delay_h <= (1 if first["hazard_id"].startswith("quake") else 4)


def test_the_flare_is_kept_but_raises_no_alarm(drill: Drill, truth: dict[str, Any]) -> None:
    (static,) = truth["static"]
    assert static["hot_days"] >= 20
    rows = [row for row in drill.results.exposures.to_pylist() if row["suppressed"] is not None]
    assert rows, "a town lies in the flare's reach"
    assert all(row["suppressed"].split(":")[0] in ("persistent-source", "static-source") for row in rows)
    flares = {row["hazard_id"] for row in rows}
    views = {view.id: view for view in drill.results.hazards}
    assert all(views[flare].suppressed for flare in flares)
    assert all(views[flare].footprint.distance(shapely.Point(-76.6393, -0.18555)) < 0.02 for flare in flares)  # type: ignore[union-attr]
    assert not [incident for incident in drill.results.incidents if flares & set(incident["hazards"])]


def test_the_quarry_blast_opens_nothing(drill: Drill, truth: dict[str, Any]) -> None:
    blast = next(quake["id"] for quake in truth["quakes"] if quake["kind"] == "quarry blast")
    assert f"quake-{blast}" not in {view.id for view in drill.results.hazards}
    assert not [incident for incident in drill.results.incidents if blast in str(incident)]


def test_the_withdrawn_quake_is_over(drill: Drill, truth: dict[str, Any]) -> None:
    gone = next(quake["id"] for quake in truth["quakes"] if quake["status"] == "deleted")
    rows = [row for row in drill.results.exposures.to_pylist() if row["hazard_id"] == f"quake-{gone}"]
    assert all(row["until"] is not None for row in rows)


def test_the_harmless_fire_threatens_nobody(drill: Drill, truth: dict[str, Any]) -> None:
    celica = next(fire for fire in truth["fires"] if fire["name"] == "Celica fire")
    found = fire_at(drill, celica["lon"], celica["lat"])
    assert found.suppressed is None
    assert found.id not in drill.results.exposures.column("hazard_id").to_pylist()


def test_the_late_pass_counts(drill: Drill) -> None:
    rows = [
        (event.now_ms, row)  # type: ignore[attr-defined]
        for event in events_of(drill.log, HazardsChanged)
        for row in from_ipc(event.table).to_pylist()  # type: ignore[attr-defined]
    ]
    late = [row for now_ms, row in rows if row["change"] == "revised" and row["kind"] == "fire"]
    assert late, "nine hours late, it still told the story anew"
    assert summary_of(drill.out)["rows"]["too_late_to_follow"] == 0


def test_the_malformed_feeds_are_quarantined(drill: Drill) -> None:
    reasons: Counter[str] = Counter()
    for event in events_of(drill.log, RowsRejected):
        assert isinstance(event, RowsRejected)
        assert from_ipc(event.rows).num_rows == sum(event.reasons.values())
        reasons.update(event.reasons)
    assert reasons["json-cut-off"] >= 1
    assert {"clock-unreadable", "date-unreadable", "time-in-the-future", "wrong-number-of-fields"} <= set(reasons)
    assert dict(sorted(reasons.items())) == summary_of(drill.out)["rows"]["rejected_by_reason"]
    done = almenara("quarantine", "list", "--state", drill.out / "state")
    assert_done(done)
    assert "json-cut-off" in done.stdout


def test_silence_is_noticed_and_its_end(drill: Drill, truth: dict[str, Any]) -> None:
    silent = list(events_of(drill.log, SourceSilent, SourceHeard))
    for feed in ("firms-noaa-20", "usgs-all-day"):
        times = next(one for one in truth["disturbances"] if one["feed"] == feed)
        mine = [event for event in silent if event.origin == feed]  # type: ignore[attr-defined]
        assert [type(event) for event in mine] == [SourceSilent, SourceHeard]
        begun, ended = (event.at_ms for event in mine)  # type: ignore[attr-defined]
        cadence_ms = drill.world.cadence_ms[feed]
        assert times["from_ms"] < begun <= times["from_ms"] + 4 * cadence_ms + HOUR_MS
        assert times["until_ms"] <= ended <= times["until_ms"] + cadence_ms
    polls = [event for event in events_of(drill.log, SourcePolled) if event.outcome == "failed"]  # type: ignore[attr-defined]
    assert len(polls) == 24
    assert not any(feed["silent"] for feed in summary_of(drill.out)["feeds"])


def test_everything_is_an_exercise(drill: Drill) -> None:
    assert summary_of(drill.out)["run"]["status"] == "Exercise"
    messages = [Message(path.read_bytes()) for path in (drill.out / "warnings").glob("*.xml")]
    assert len(messages) > 5
    assert {message.text("status") for message in messages} == {"Exercise"}


def test_the_log_is_whole(drill: Drill) -> None:
    done = almenara("log", "verify", drill.out / "state")
    assert_done(done)
    assert "Good" in done.stdout


def test_an_unknown_scenario(tmp_path: Path) -> None:
    done = almenara("drill", "--scenario", "atlantis", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "ecuador" in done.stderr
