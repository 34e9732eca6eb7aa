"""Every warning of a whole run: sound for two judges of the schema, marked as what it is, and over all it is for."""

import json
from pathlib import Path

import pytest
import shapely
from tests.service.audit import Audit, Message, events_of
from tests.service.conftest import Drill
from tests.service.running import almenara, assert_done, replayed, summary_of
from tests.service.worlds import FIRES, PLACES

from almenara.model.events import IncidentMerged, WarningDrafted
from almenara.stores.memory import MemoryLog


@pytest.mark.parametrize("status", ["Exercise", "Test", "Actual"])
def test_of_the_small_world(feeds: list[Path], status: str) -> None:
    log = MemoryLog()
    found = replayed(feeds, log, status=status)
    audit = Audit().read(log)
    assert audit.status == status
    assert audit.warnings == len(found.warnings) > 5
    assert audit.covered > 50
    assert list(events_of(log, IncidentMerged)), "two incidents prove to be one"


def test_of_the_drill(drill: Drill) -> None:
    audit = Audit().read(drill.log)
    assert audit.status == "Exercise"
    assert audit.warnings > 5
    assert audit.covered > 100


def test_of_polygons(feeds: list[Path], tmp_path: Path) -> None:
    """Reserves are inside whole, however far they reach beyond the fire."""
    (lon, lat, _), (other_lon, other_lat, _) = FIRES
    shapes = {
        "reserve": shapely.box(lon - 0.08, lat - 0.002, lon - 0.002, lat + 0.05),
        "crescent": shapely.Point(other_lon, other_lat).buffer(0.03) - shapely.Point(other_lon, other_lat).buffer(0.02),
        "two parts": shapely.union_all(
            [shapely.box(lon, lat, lon + 0.01, lat + 0.01), shapely.box(-79, -4, -78.9, -3)]
        ),
        "village": shapely.Point(lon + 0.01, lat),
    }
    features = [
        {"type": "Feature", "properties": {"id": name, "name": name}, "geometry": json.loads(shapely.to_geojson(shape))}
        for name, shape in shapes.items()
    ]
    path = tmp_path / "reserves.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    log = MemoryLog()
    replayed(feeds, log, places=str(path))
    audit = Audit().read(log)
    assert {place for places in audit.exposed.values() for place in places} >= {"reserve", "two parts", "village"}
    assert audit.covered > 20


def test_threads_refer_to_what_went_before(drill: Drill) -> None:
    identifiers: dict[str, list[str]] = {}
    for event in events_of(drill.log, WarningDrafted):
        assert isinstance(event, WarningDrafted)
        told = identifiers.setdefault(event.thread, [])
        references = Message(event.xml).text("references").split()
        assert [reference.split(",")[1] for reference in references] == [
            name for name in told if name in event.references
        ]
        assert bool(references) == (event.msg_type != "Alert")
        assert event.identifier not in told
        told.append(event.identifier)
    assert sum(len(told) for told in identifiers.values()) == len(drill.results.warnings)


def test_the_files_are_the_messages_of_the_log(drill: Drill) -> None:
    written = {path.stem: path.read_bytes() for path in (drill.out / "warnings").glob("*.xml")}
    drafted = {event.identifier: event.xml for event in drill.results.warnings}
    assert written == drafted


@pytest.mark.parametrize("status", ["Actual", "Test"])
def test_status_as_asked(feeds: list[Path], tmp_path: Path, status: str) -> None:
    assert_done(almenara("replay", *feeds[:4], "--places", PLACES, "--out", tmp_path, "--status", status))
    assert summary_of(tmp_path)["run"]["status"] == status
    kept, other = ("drafts", "warnings") if status == "Actual" else ("warnings", "drafts")
    found = [Message(path.read_bytes()) for path in (tmp_path / kept).glob("*.xml")]
    assert found
    assert not list((tmp_path / other).glob("*.xml")), "nobody said yes: what waits is not among what was let out"
    assert {message.text("status") for message in found} == {status}
