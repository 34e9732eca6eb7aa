"""The files of a run: true to its log, whole or absent, harmless in a spreadsheet, and named by one digest."""

import csv
import io
import json
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almenara import pipeline, results
from almenara.model.events import (
    Event,
    IncidentChanged,
    IncidentClosed,
    IncidentMerged,
    IncidentOpened,
    ObservationsReceived,
    PlacesImported,
    RunStarted,
)
from almenara.model.observations import to_ipc
from almenara.pipeline import Clockwork, State
from almenara.results import Results
from almenara.service.summary import summarise
from almenara.stages.public_warnings import shipped
from almenara.stores.memory import MemoryLog
from tests.stages.tables import MINUTE, T0, detections, places, quakes

Row = dict[str, Any]
END = T0 + 3 * MINUTE
FORMULA = '=HYPERLINK("http://evil.example","click")'
FIRE: Row = {"x": 0.0, "y": 0.0, "t": 0}
QUAKE: Row = {"id": "a", "m": 6.5, "t": 1}
TOWN: Row = {"id": "t1", "name": "Loja", "x": 0.3, "population": 2000}


def run(fires: list[Row], tremors: list[Row], towns: list[Row], *, twice: bool = False) -> tuple[Results, State]:
    """A small replay from rows to results."""
    state, log, clockwork = State(), MemoryLog(), Clockwork(lambda: 0.0, shipped())
    batches = [("fire", detections(fires)), ("earthquake", quakes(tremors))] * (2 if twice else 1)
    events: list[Event] = [
        RunStarted(mode="replay", status="Exercise", parameters={}),
        PlacesImported(origin="towns", attribution="", table=to_ipc(places(towns)), rejected={}),
    ]
    for kind, table in batches:
        events.append(ObservationsReceived(source=kind, kind=kind, origin="o", sha256="", part=0, table=to_ipc(table)))
    for event in events:
        pipeline.evolve(state, event)
    times = {int(at) for follower in state.hazards.values() for at in follower.pending_times()} | {END}
    for at in sorted(times):
        events += clockwork.step(state, at)
    log.append(events, 0)
    found = results.collect(log, state)
    found.summary = summarise(found, state, "replay", {}, {"total": 1.0}, 50.0)
    return found, state


# ---------------------------------------------------------------------- the digest


def digest(fires: list[Row], tremors: list[Row], towns: list[Row], **how: bool) -> str:
    return run(fires, tremors, towns, **how)[0].digest


BASE = digest([FIRE], [QUAKE], [TOWN])

DIFFERENT: dict[str, tuple[list[Row], list[Row], list[Row]]] = {
    "another cell": ([FIRE, {"x": 1.5, "y": 0.0, "t": 0}], [QUAKE], [TOWN]),
    "a cell elsewhere": ([{"x": 0.2, "y": 0.0, "t": 0}], [QUAKE], [TOWN]),
    "a cell at another time": ([FIRE | {"t": 2}], [QUAKE], [TOWN]),
    "another magnitude": ([FIRE], [QUAKE | {"m": 6.6}], [TOWN]),
    "no earthquake": ([FIRE], [], [TOWN]),
    "another exposure": ([FIRE], [QUAKE], [TOWN | {"x": 0.35}]),
    "one more exposure": ([FIRE], [QUAKE], [TOWN, {"id": "t2", "x": -0.3}]),
    "another warning text": ([FIRE], [QUAKE], [TOWN | {"name": "Zamora"}]),
    "another population": ([FIRE], [QUAKE], [TOWN | {"population": 2001}]),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_the_digest_changes_with(what: str) -> None:
    assert digest(*DIFFERENT[what]) != BASE


def test_the_digest_does_not_change_with_what_was_only_counted() -> None:
    again, state = run([FIRE], [QUAKE], [TOWN], twice=True)
    assert state.observations.counts["fire"].duplicates == 1
    assert again.digest == BASE
    assert again.summary["rows"]["read"] == 4
    assert digest([FIRE], [QUAKE, {"id": "z", "m": 1.0}], [TOWN]) == BASE  # nobody felt it


@given(st.permutations([FIRE, {"x": 0.9, "y": 0.0, "t": 1}, {"x": 0.4, "y": 0.4, "t": 2}, FIRE | {"version": 2}]))
@settings(max_examples=10, deadline=None)
def test_the_digest_does_not_depend_on_order(rows: list[Row]) -> None:
    assert digest(rows, [QUAKE], [TOWN]) == digest(sorted(rows, key=repr), [QUAKE], [TOWN])


# ---------------------------------------------------------------------- the numbers


def test_every_row_that_was_read_is_accounted_for() -> None:
    found, _ = run([FIRE, FIRE, FIRE | {"version": 2}], [QUAKE, QUAKE | {"version": 0}], [TOWN])
    rows = found.summary["rows"]
    assert rows["read"] == 5 == rows["accepted"] + rows["superseded"] + rows["rejected"]
    assert rows["superseded"] == sum(rows["superseded_by"].values()) == 3
    assert found.summary["state_digest"] == found.digest
    assert found.summary["hazards"] == {"total": 2, "earthquake/active": 1, "fire/active": 1}
    assert found.summary["exposures"] == {"total": 2, "suppressed": 0}


def test_the_last_word_on_an_exposure_is_the_one_that_stands() -> None:
    found, state = run([FIRE, {"x": 0.2, "y": 0.0, "t": 2}], [], [TOWN])
    (row,) = found.exposures.to_pylist()
    (exposed,) = next(iter(state.exposure.exposures.values())).values()
    assert row["distance_m"] == exposed.distance_m
    assert (row["place_name"], row["population"], row["until"]) == ("Loja", 2000, None)
    assert found.timeline.column("change").to_pylist() == ["opened", "grew"]


def note(*events: Event) -> Row:
    """The story of one incident by its events."""
    known: dict[str, Row] = {}
    for event in events:
        results._note_incident(known, event)
    return known


def opened(name: str, at: int = 0, priority: int = 3) -> IncidentOpened:
    return IncidentOpened(
        now_ms=at, incident=name, kind="fire", hazard=f"h-{name}", priority=priority, reasons=["places:1"]
    )


def test_an_incident_that_closed_and_came_back_keeps_its_story() -> None:
    closed = IncidentClosed(now_ms=1000, incident="a", reason="no-place-in-reach")
    incident = note(opened("a"), closed, opened("a", 2000, 1))["a"]
    assert (incident["status"], incident["closed"], incident["priority"]) == ("open", None, 1)
    assert [moment["change"] for moment in incident["timeline"]] == ["opened", "closed", "opened"]


def test_a_merger_is_told_on_both_sides() -> None:
    changed = IncidentChanged(now_ms=3000, incident="a", hazards=["h-a", "h-b"], priority=1, reasons=["places:2"])
    known = note(opened("a"), opened("b"), IncidentMerged(now_ms=2000, incident="b", into="a"), changed)
    assert known["b"]["status"] == "merged"
    assert [moment["detail"] for moment in known["a"]["timeline"]][1] == "took in b"
    assert known["a"]["hazards"] == ["h-a", "h-b"]
    assert known["a"]["priority"] == 1


# ---------------------------------------------------------------------- the files


def written(folder: Path, towns: list[Row] | None = None) -> Results:
    found, _ = run([FIRE, {"x": 0.4, "y": 0.0, "t": 1}], [QUAKE], towns or [TOWN])
    results.write(found, folder)
    return found


def test_all_files_say_the_same(tmp_path: Path) -> None:
    found = written(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "exposures.csv",
        "exposures.parquet",
        "hazards.geojson",
        "incidents.json",
        "summary.json",
        "timeline.parquet",
        "warnings",
    ]
    assert pq.read_table(tmp_path / "exposures.parquet").to_pylist() == [
        *found.exposures.to_pylist(),
        *found.could_reach.to_pylist(),
    ]
    assert pq.read_table(tmp_path / "timeline.parquet").column_names == list(results.TIMELINE)
    lines = list(csv.DictReader(io.StringIO((tmp_path / "exposures.csv").read_text(encoding="utf-8"))))
    assert [line["hazard_id"] for line in lines] == found.exposures.column("hazard_id").to_pylist()
    assert [float(line["distance_m"]) for line in lines] == found.exposures.column("distance_m").to_pylist()
    assert all(line["since"].endswith("Z") and line["until"] == "" for line in lines)
    assert json.loads((tmp_path / "incidents.json").read_bytes()) == found.incidents
    assert json.loads((tmp_path / "summary.json").read_bytes())["state_digest"] == found.digest
    names = sorted(f"{warning.identifier}.xml" for warning in found.warnings)
    assert sorted(path.name for path in (tmp_path / "warnings").iterdir()) == names
    assert len(names) >= 2


def test_warnings_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    (tmp_path / "warnings").mkdir()
    (tmp_path / "warnings" / "old.xml").write_text("<alert/>")
    written(tmp_path)
    assert not (tmp_path / "warnings" / "old.xml").exists()


def test_geojson_has_a_feature_for_each_hazard_with_its_properties(tmp_path: Path) -> None:
    found = written(tmp_path)
    features = {f["properties"]["kind"]: f for f in json.loads((tmp_path / "hazards.geojson").read_bytes())["features"]}
    views = {view.kind: view for view in found.hazards}
    for kind, feature in features.items():
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        assert feature["id"] == feature["properties"]["id"] == views[kind].id
        assert shape.is_valid
        assert not shape.is_empty
        truth = views[kind].extra["felt"] if kind == "earthquake" else views[kind].footprint
        assert shapely.symmetric_difference(shape, truth).area < 1e-9
    fire, quake = features["fire"]["properties"], features["earthquake"]["properties"]
    assert (fire["state"], fire["observations"], fire["platforms"]) == ("active", 2, ["S-NPP"])
    assert fire["first_seen"] < fire["last_seen"]
    assert fire["area_km2"] == pytest.approx(views["fire"].area_km2, abs=1e-4)
    assert quake["magnitude"] == 6.5
    assert quake["epicentre"] == [-79.2, -4.2]
    assert [ring["mmi"] for ring in quake["rings"]] == [4.0, 5.0, 6.0, 7.0]
    assert "felt" not in quake  # it is the geometry
    assert quake["suppressed"] is None


def test_a_hazard_without_a_shape_is_a_feature_without_geometry(tmp_path: Path) -> None:
    found, _ = run([], [QUAKE, QUAKE | {"version": 2, "status": "retracted", "m": float("nan")}], [TOWN])
    assert found.hazards == []  # it was taken back before anybody followed it
    results.write(found, tmp_path)
    assert json.loads((tmp_path / "hazards.geojson").read_bytes()) == {"type": "FeatureCollection", "features": []}


texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.sampled_from([FORMULA, "@SUM(A1)", "+1", "-2+3", "\t=1", "\r=1", "\n=1", "＝1+1", "＠x", 'a"b,c;d', "La “Ñ”"]),
)


@given(texts)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cell_of_the_spreadsheet_is_a_formula_and_nothing_is_lost(tmp_path: Path, text: str) -> None:
    results._write_csv(
        pa.table({"name": [text], "lon": [-79.2], "mmi": pa.array([None], pa.float64())}), tmp_path / "t"
    )
    with (tmp_path / "t").open(encoding="utf-8", newline="") as file:
        (heading, (name, lon, mmi)) = csv.reader(file)
    assert heading == ["name", "lon", "mmi"]
    assert name in (text, f"'{text}")
    assert name[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"}
    assert (float(lon), mmi) == (-79.2, "")  # a number stays one


def test_a_place_that_calls_itself_a_formula(tmp_path: Path) -> None:
    written(tmp_path, [TOWN | {"name": FORMULA}])
    lines = list(csv.DictReader(io.StringIO((tmp_path / "exposures.csv").read_text(encoding="utf-8"))))
    assert {line["place_name"] for line in lines} == {f"'{FORMULA}"}
    assert set(pq.read_table(tmp_path / "exposures.parquet").column("place_name").to_pylist()) == {FORMULA}


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    found = written(tmp_path)
    found.summary["padding"] = ["x" * 1000] * 300
    results.write_summary(found, tmp_path)
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(len(json.loads((tmp_path / "summary.json").read_bytes())["padding"]))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(100):
            results.write_summary(found, tmp_path)
    finally:
        done.set()
        reader.join()
    assert set(seen) <= {300}
    assert not list(tmp_path.rglob("*.part"))


def test_a_write_that_fails_leaves_the_earlier_file(tmp_path: Path) -> None:
    found = written(tmp_path)
    before = (tmp_path / "summary.json").read_bytes()
    found.summary["unwritable"] = object()
    with pytest.raises(TypeError):
        results.write_summary(found, tmp_path)
    assert (tmp_path / "summary.json").read_bytes() == before


def test_what_could_be_reached_is_told_apart_from_what_was_observed(tmp_path: Path) -> None:
    beside: Row = {"id": "t2", "name": "Zumba", "x": 0.0, "y": 0.9, "population": 40}
    found, _ = run([FIRE, FIRE | {"x": 0.1}], [], [TOWN, beside])
    results.write(found, tmp_path)
    rows = pq.read_table(tmp_path / "exposures.parquet").to_pylist()
    assert [(row["place_id"], row["basis"], row["band"]) for row in rows] == [
        ("t1", "observed footprint", None),
        ("t2", "could be reached", "P80"),
    ]
    near = rows[1]
    assert near["certainty"] == "Possible"
    assert near["lead_time_h"] < near["lead_p80_h"] < 24.0
    assert near["lead_p50_h"] > 24.0
    assert near["calibrated"] is False  # a new fire in VIIRS pixels, within 6 h
    assert found.summary["exposures"]["total"] == 1
    told = found.summary["could_be_reached"]
    assert (told["places"], told["population"], told["P80"], told["not_calibrated"]) == (1, 40, 1, 1)
    assert [incident["places"] for incident in found.incidents] == [1]
    (fire,) = json.loads((tmp_path / "hazards.geojson").read_text("utf-8"))["features"]
    reach = fire["properties"]["reach"]
    assert reach["basis"] == "pooled prior"
    assert reach["p50_m"][2] < near["distance_m"] < reach["p80_m"][2]
    assert reach["calibrated"] == [False, True, True]
