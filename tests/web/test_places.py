"""Places over HTTP: looked at before they are imported, changed one by one, each change logged with its person."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyogrio
import pytest
import shapely

from almenara.model.events import PlaceChanged, PlaceRemoved, PlacesImported
from almenara.service.office import Office
from tests.web.offices import TOWNS, burning, client_of, happen, key_of, office_of

NEW = "id,name,kind,population,lon,lat\ntown-1,Vilcabamba,town,4900,-79.22,-4.26\nclinic-1,Clínica,clinic,,-79.3,-4.3\n"
BAD = NEW + "clinic-2,,clinic,5,-79.3,-4.3\nclinic-3,Otra,clinic,-3,-79.3,-4.3\nclinic-1,Doble,clinic,1,-79.1,-4.3\n"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_of(tmp_path) as opened:
        yield opened


@pytest.fixture
def client(office: Office) -> Iterator[httpx.Client]:
    with client_of(office, "read", "places") as opened:
        yield opened


def upload(
    client: httpx.Client, name: str, content: bytes | str, *, preview: bool = False, **form: Any
) -> httpx.Response:
    files = {"file": (name, content.encode() if isinstance(content, str) else content)}
    return client.post("/api/v1/places/import", params={"preview": preview}, files=files, data=form)


def listed(client: httpx.Client, **query: Any) -> list[str]:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        told = client.get("/api/v1/places", params=query | ({"cursor": cursor} if cursor else {})).raise_for_status()
        found += [row["id"] for row in told.json()["items"]]
        cursor = told.json()["next"]
    return found


def said(office: Office) -> list[Any]:
    with closing(office.open_reader()) as log:
        events = [entry.event() for entry in log.read()]
    return [event for event in events if isinstance(event, PlaceChanged | PlaceRemoved | PlacesImported)]


def test_who_may_only_read_changes_nothing(office: Office) -> None:
    with client_of(office, "read") as reader:
        assert upload(reader, "new.csv", NEW).status_code == 403
        assert reader.put("/api/v1/places/a", content=b"{}").status_code == 403
        assert reader.delete("/api/v1/places/town-1").status_code == 403
        assert len(listed(reader)) == 3
    with client_of(office) as stranger:
        assert stranger.get("/api/v1/places").status_code == 401
        assert stranger.get("/api/v1/places/town-1").status_code == 401


def test_a_list_in_pages_and_its_filters(client: httpx.Client) -> None:
    assert listed(client, limit=1) == ["school-1", "town-1", "town-2"]
    assert listed(client, kind="town") == ["town-1", "town-2"]
    assert listed(client, q="nandu") == ["school-1"]
    assert listed(client, q="ÑANDÚ") == ["school-1"]
    assert listed(client, q="100%_") == []
    assert listed(client, bbox="-79.23,-4.27,-79.21,-4.25") == ["town-1"]
    assert client.get("/api/v1/places?bbox=1,2").json()["reason"] == "bad-bbox"
    one = client.get("/api/v1/places/town-1").json()
    assert one["geometry"] == {"type": "Point", "coordinates": [-79.22, -4.26]}
    assert client.get("/api/v1/places/nowhere").status_code == 404


def test_a_look_changes_nothing_and_says_what_would_change(client: httpx.Client, office: Office) -> None:
    told = upload(client, "towns.csv", BAD, preview=True).raise_for_status().json()
    assert (told["rows"], told["accepted"], told["imported"]) == (5, 2, False)
    assert told["rejected"] == {"duplicate-id": 1, "name-missing": 1, "population-negative": 1}
    assert told["reasons"].keys() == told["rejected"].keys()
    assert [example["line"] for example in told["examples"]] == sorted(e["line"] for e in told["examples"])
    assert told["changes"] == {"added": 1, "changed": 1, "removed": 2}
    assert told["bbox"] == [-79.3, -4.3, -79.22, -4.26]
    assert [row["id"] for row in told["sample"]] == ["town-1", "clinic-1"]
    assert len(said(office)) == 1
    assert len(listed(client)) == 3


def test_an_import_is_logged_with_its_person(client: httpx.Client, office: Office) -> None:
    told = upload(client, "../../towns.csv", NEW, attribution="© Cantón").raise_for_status().json()
    assert told["imported"]
    assert listed(client) == ["clinic-1", "town-1"]
    assert client.get("/api/v1/places/town-1").json()["population"] == 4900
    event = said(office)[-1]
    assert (event.origin, event.by, event.attribution) == ("towns.csv", key_of(client), "© Cantón")
    assert upload(client, "towns.csv", NEW, preview=True).json()["changes"] == {"added": 0, "changed": 0, "removed": 0}
    assert upload(client, "other.csv", "id,name,lon,lat\nx,X,1,2\n").json()["changes"]["added"] == 1
    assert listed(client) == ["clinic-1", "town-1", "x"]


def test_a_geopackage_with_areas(client: httpx.Client, tmp_path: Path) -> None:
    path = tmp_path / "up.gpkg"
    shape = shapely.to_wkb(shapely.box(-79.3, -4.3, -79.2, -4.2))
    pyogrio.raw.write(
        path,
        [shape],
        field_data=[np.array(["Podocarpus"], object)],
        fields=["name"],
        layer="reserves",
        geometry_type="Polygon",
        crs="EPSG:4326",
        driver="GPKG",
    )
    told = upload(client, "up.gpkg", path.read_bytes(), kind="reserve", layer="reserves").raise_for_status().json()
    assert (told["accepted"], told["origin"], told["kinds"]) == (1, "up.gpkg:reserves", {"reserve": 1})
    assert told["sample"][0]["area"]
    one = client.get(f"/api/v1/places/{told['sample'][0]['id']}").json()
    assert one["geometry"]["type"] == "Polygon"


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.csv", "", {}),
        ("a.bin", b"\x00\x01\x02", {}),
        ("a.csv", "lon,lat\n1,2\n", {}),
        ("a.csv", NEW, {"columns": "[1]"}),
        ("a.csv", NEW, {"layer": "x"}),
        ("a.csv", NEW, {"alert_distance_m": "-5"}),
        ("a.gpkg", b"SQLite format 3\x00" + bytes(100), {}),
        ("a.zip", b"PK\x03\x04" + bytes(100), {}),
    ],
)
def test_files_that_cannot_be_used(
    client: httpx.Client, office: Office, name: str, content: bytes | str, form: dict[str, Any]
) -> None:
    answer = upload(client, name, content, **form)
    assert answer.status_code == 422
    assert answer.json()["reason"] in ("unusable-file", "bad-columns")
    assert str(office.folder) not in answer.text
    assert "/tmp" not in answer.text  # noqa: S108 - no path of this machine is told
    assert len(said(office)) == 1


def test_an_import_without_one_usable_place_is_refused(client: httpx.Client, office: Office) -> None:
    answer = upload(client, "towns.csv", "id,name,lon,lat\na,,1,0\n")
    assert (answer.status_code, answer.json()["reason"]) == (409, "no-places")
    assert len(listed(client)) == 3


def test_one_place_is_added_changed_and_taken_out(client: httpx.Client, office: Office) -> None:
    body: dict[str, Any] = {
        "name": "Refugio",
        "kind": "camp",
        "geometry": {"type": "Point", "coordinates": [-79.25, -4.25]},
    }
    assert client.put("/api/v1/places/camp/1", json=body).json()["alert_distance_m"] == 300.0
    body |= {"population": 12, "alert_distance_m": 2000.0}
    client.put("/api/v1/places/camp/1", json=body).raise_for_status()
    one = client.get("/api/v1/places/camp/1").json()
    assert (one["name"], one["population"], one["alert_distance_m"]) == ("Refugio", 12, 2000.0)
    assert client.delete("/api/v1/places/camp/1").status_code == 204
    assert client.delete("/api/v1/places/camp/1").status_code == 404
    assert client.delete("/api/v1/places/town-2").status_code == 204
    upload(client, "towns.csv", TOWNS).raise_for_status()
    assert listed(client) == ["school-1", "town-1"]
    assert [(type(event).__name__, event.by) for event in said(office)[1:]] == [
        ("PlaceChanged", key_of(client)),
        ("PlaceChanged", key_of(client)),
        ("PlaceRemoved", key_of(client)),
        ("PlaceRemoved", key_of(client)),
        ("PlacesImported", key_of(client)),
    ]


def test_a_place_that_is_added_meets_the_fires_at_once(client: httpx.Client, office: Office) -> None:
    now_ms = time.time_ns() // 1_000_000
    happen(office, burning("town-1", now_ms), at_ms=now_ms)
    body = {"name": "Escuela", "kind": "school", "geometry": {"type": "Point", "coordinates": [-79.2195, -4.2605]}}
    client.put("/api/v1/places/new", json=body).raise_for_status()
    exposed = office.put(lambda s: {p for near in s.state.exposure.exposures.values() for p in near}).result(9)
    assert exposed == {"town-1", "new"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": ""}, "name-missing"),
        ({"population": -1}, "population-negative"),
        ({"alert_distance_m": 50_000.0}, "alert-distance-out-of-range"),
        ({"population": "many"}, "invalid-request"),
        ({"colour": "red"}, "invalid-request"),
        ({"geometry": {"type": "Point", "coordinates": [999, 0]}}, None),
        ({"geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}}, None),
        ({"geometry": {"type": "MultiPoint", "coordinates": [[0, 0], [1, 1]]}}, "not-one-place"),
        ({"geometry": {}}, None),
    ],
)
def test_a_place_that_makes_no_sense(client: httpx.Client, change: dict[str, Any], reason: str | None) -> None:
    body = {"name": "A", "geometry": {"type": "Point", "coordinates": [1, 2]}} | change
    answer = client.put("/api/v1/places/a", content=json.dumps(body))
    assert answer.status_code == 422
    assert answer.json()["reason"] == reason or reason is None
    assert len(listed(client)) == 3
