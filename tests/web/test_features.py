"""OGC API - Features: what GDAL reads is what is followed, and the rules of the standard that can be written down."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almenara.model.errors import UsageError
from almenara.service.office import Office
from almenara.web import ogc
from tests.web.offices import burning, client_of, fires, happen, office_of

CLASSES = ("core", "geojson", "oas30")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office_of(tmp_path_factory.mktemp("office")) as opened:
        now_ms = time.time_ns() // 1_000_000
        minute = (now_ms - 1_680_000_000_000) // 60_000 - 10
        far = [{"lon": lon, "lat": -17.0, "t": minute} for lon in (179.99, -179.99, 20.0)]
        happen(opened, burning("town-1", now_ms), burning("town-2", now_ms), fires(*far), at_ms=now_ms)
        yield opened


@pytest.fixture(scope="module")
def client(office: Office) -> Iterator[httpx.Client]:
    with client_of(office, "read") as opened:
        yield opened


def get(client: httpx.Client, address: str) -> Any:
    return client.get(address).raise_for_status().json()


def test_it_is_closed(office: Office) -> None:
    with client_of(office) as stranger:
        for path in ("/", "/api", "/conformance", "/collections", "/collections/places", "/collections/places/items"):
            assert stranger.get(f"/ogc{path}").status_code == 401


#: GDAL waits for answers without letting other threads of its process go on: it reads in a process of its own.
READ = """
import json, sys, pyogrio
source, wanted = sys.argv[1], {name: tuple(value) for name, value in json.loads(sys.argv[2]).items()}
told = {}
for name, _ in pyogrio.list_layers(source):
    meta, _, shapes, fields = pyogrio.raw.read(source, layer=name, **wanted)
    ids = fields[meta["fields"].tolist().index("id")]
    told[name] = {str(i): None if s is None else s.hex() for i, s in zip(ids, shapes, strict=True)}
print(json.dumps(told))
"""


def read_by_gdal(client: httpx.Client, **wanted: Any) -> dict[str, dict[str, shapely.Geometry]]:
    """What GDAL's OAPIF driver finds: layer → id → geometry."""
    command = [sys.executable, "-c", READ, f"OAPIF:{client.base_url}/ogc", json.dumps(wanted)]
    key = client.headers["authorization"].removeprefix("Bearer ")
    env = os.environ | {"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": key}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ourselves
    assert done.returncode == 0, done.stderr
    return {
        name: {one: shapely.from_wkb(bytes.fromhex(wkb)) for one, wkb in found.items()}
        for name, found in json.loads(done.stdout).items()
    }


def test_gdal_reads_every_collection(client: httpx.Client, office: Office) -> None:
    views = office.put(lambda s: [v for f in s.state.hazards.values() for v in f.views()]).result(9)
    read = read_by_gdal(client)
    assert read.keys() == {"hazards", "places", "warnings"}
    for name, found in read.items():
        told = get(client, f"/ogc/collections/{name}/items?limit=1000")
        assert len(found) == told["numberMatched"] > 0
        for feature in told["features"]:
            assert shapely.from_geojson(json.dumps(feature["geometry"])).equals(found[feature["id"]])
    assert read["hazards"].keys() == {view.id for view in views}
    assert all(read["hazards"][view.id].equals(view.footprint) for view in views)


def test_gdal_filters_on_the_server(client: httpx.Client) -> None:
    assert read_by_gdal(client, bbox=[-79.23, -4.27, -79.21, -4.25])["places"].keys() == {"town-1"}


def test_core_documents(client: httpx.Client) -> None:
    landing = get(client, "/ogc/")
    relations = {link["rel"]: link for link in landing["links"]}
    assert {"self", "service-desc", "conformance", "data"} <= relations.keys()
    for link in landing["links"]:  # requirement 2: every link leads to what it says
        answer = client.get(link["href"])
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == link["type"].split(";")[0]
    declared = get(client, relations["conformance"]["href"])["conformsTo"]
    assert {uri.rpartition("/")[2] for uri in declared} == set(CLASSES)
    listed = get(client, relations["data"]["href"])
    for collection in listed["collections"]:
        assert collection["itemType"] == "feature"
        (box,) = collection["extent"]["spatial"]["bbox"]
        assert box[1] <= box[3]
        own = {link["rel"]: link["href"] for link in collection["links"]}
        assert get(client, own["self"]) == collection
        page = get(client, own["items"])
        assert page["type"] == "FeatureCollection"
        assert page["numberReturned"] == len(page["features"]) <= page["numberMatched"]
        assert page["timeStamp"].endswith("Z")
        for feature in page["features"]:
            one = get(client, f"{own['items']}/{feature['id']}")
            assert {"self", "collection"} <= {link["rel"] for link in one.pop("links")}
            assert one == feature


def test_the_definition_names_every_resource_and_parameter(client: httpx.Client) -> None:
    document = get(client, "/ogc/api")
    assert document["openapi"].startswith("3.0.")
    for name in ("hazards", "places", "warnings"):
        one = document["paths"][f"/collections/{name}/items"]["get"]
        named = {p["$ref"].rpartition("/")[2] for p in one["parameters"]}
        assert {"bbox", "datetime", "limit"} <= named
    limit = document["components"]["parameters"]["limit"]["schema"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, ogc.LIMIT_MAX, ogc.LIMIT_DEFAULT)
    for path in document["paths"]:  # each leads somewhere
        if "{" not in path:
            assert client.get(f"/ogc{path}").status_code == 200


def test_pages_hold_every_feature_once(client: httpx.Client) -> None:
    address, found = "/ogc/collections/hazards/items?limit=2", []
    while address:
        page = get(client, address)
        found += [feature["id"] for feature in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    everything = get(client, "/ogc/collections/hazards/items?limit=1000")
    assert found == [feature["id"] for feature in everything["features"]]
    assert len(found) == everything["numberMatched"] == 5
    assert not any(link["rel"] == "next" for link in everything["links"])


def test_a_box_across_the_antimeridian(client: httpx.Client) -> None:
    page = get(client, "/ogc/collections/hazards/items?bbox=179,-20,-179,-10")
    assert page["numberMatched"] == 2
    assert get(client, "/ogc/collections/hazards/items?bbox=-179,-20,179,-10")["numberMatched"] == 1
    assert get(client, "/ogc/collections/hazards/items?bbox=179,-20,0,-179,-10,5000")["numberMatched"] == 2


def test_times(client: httpx.Client) -> None:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    for asked, count in (
        ("../2020-01-01T00:00:00Z", 0),
        ("2020-01-01T00:00:00Z/..", 5),
        ("2020-01-01/2099-01-01", 5),
        ("2001-01-01T00:00:00Z", 0),
    ):
        page = client.get("/ogc/collections/hazards/items", params={"datetime": asked}).raise_for_status().json()
        assert page["numberMatched"] == count
    # Requirement 26 D: what has no time matches every time.
    assert get(client, f"/ogc/collections/places/items?datetime={today}")["numberMatched"] == 3


@pytest.mark.parametrize(
    "query",
    [
        "bbox=1,2,3",
        "bbox=0,10,0,-10",
        "bbox=a,b,c,d",
        "bbox-crs=http://www.opengis.net/def/crs/EPSG/0/3857",
        "datetime=soon",
        "datetime=2024-09-05/2024-09-01",
        "datetime=2024-09-05T00:00:00",
        "limit=0",
        "limit=-1",
        "limit=ten",
        "offset=-1",
        "unknown=1",
        "f=html",
        "limit=1&limit=2",
    ],
)
def test_wrong_parameters_are_refused(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/ogc/collections/hazards/items?{query}")
    assert answer.status_code == 400  # requirements 8 and 9
    assert answer.json()["reason"] == "bad-parameter"


def test_a_limit_above_the_greatest_is_no_fault(client: httpx.Client) -> None:
    assert client.get("/ogc/collections/hazards/items?limit=100000").status_code == 200  # requirement 20 C


def test_what_is_not_there(client: httpx.Client) -> None:
    for path in ("/collections/rivers", "/collections/rivers/items", "/collections/places/items/none"):
        assert client.get(f"/ogc{path}").status_code == 404


def test_no_draft_is_among_the_warnings(client: httpx.Client) -> None:
    page = get(client, "/ogc/collections/warnings/items")
    assert {feature["properties"]["state"] for feature in page["features"]} == {"in-force"}
    assert page["features"][0]["geometry"]["type"] in ("Polygon", "MultiPolygon")


degrees = st.integers(-180, 180)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(st.lists(st.tuples(degrees, st.integers(-90, 90)), max_size=20), degrees, degrees, st.integers(-90, 90))
def test_a_layer_selects_what_lies_inside(points: list[tuple[int, int]], west: int, east: int, south: int) -> None:
    shapes = np.empty(len(points), object)
    shapes[:] = [shapely.Point(*point) for point in points]
    layer = ogc.Layer("a", "A", "", [str(k) for k in range(len(points))], shapes, lambda row: {})
    chosen = layer.select((west, south, east, min(south + 30, 90)), None)
    inside = [
        k
        for k, (lon, lat) in enumerate(points)
        if (west <= lon <= east if west <= east else lon >= west or lon <= east) and south <= lat <= min(south + 30, 90)
    ]
    assert chosen.tolist() == inside


@unhurried
@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    for parse in (ogc.parse_datetime, ogc.parse_bbox):
        try:
            parse(text)
        except UsageError as error:
            assert str(error)  # noqa: PT017 - it says why
