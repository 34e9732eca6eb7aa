"""Observations over HTTP: pages, forms and filters agree with the log, the grid with the pages."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from tests.stages.tables import MINUTE, T0
from tests.web.offices import client_of, fires, happen, office_of

NOW = T0 + 600 * MINUTE


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with office_of(tmp_path_factory.mktemp("office"), now_ms=NOW) as office:
        first = [{"x": 0.4 * k, "y": 0.0, "t": k, "frp": 2.0 + k} for k in range(25)]
        happen(office, fires(*first), at_ms=T0 + 30 * MINUTE)
        again = [{**row, "version": 2, "frp": 50.0} for row in first[:5]]
        happen(office, fires(*again, source="inpe"), fires({"lon": 179.9, "lat": 1.0, "t": 90}), at_ms=NOW)
        with client_of(office, "read") as opened:
            yield opened


def test_nobody_gets_in_who_is_not_let_in(tmp_path: Path) -> None:
    with office_of(tmp_path) as office, client_of(office) as stranger:
        for address in ("/api/v1/observations", "/api/v1/observations/grid"):
            answer = stranger.get(address)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"


def test_pages_lead_through_all_that_counts(client: httpx.Client) -> None:
    found, cursor, pages = [], None, 0
    while True:
        query = {"limit": 7} | ({"cursor": cursor} if cursor else {})
        told = client.get("/api/v1/observations", params=query).raise_for_status().json()
        found += told["items"]
        cursor, pages = told["next"], pages + 1
        if cursor is None:
            break
    assert pages == 4
    assert len(found) == 26
    assert all(row["counts"] for row in found)
    assert sorted(row["value"] for row in found if row["source"] == "inpe") == [50.0] * 5
    every = client.get("/api/v1/observations", params={"versions": "all", "limit": 1000}).json()["items"]
    assert len(every) == 31
    assert sum(not row["counts"] for row in every) == 5
    assert every[0].keys() == {
        *("time", "lon", "lat", "across_m", "along_m", "value", "confidence", "heat_class", "depth_km", "platform"),
        *(
            "instrument",
            "status",
            "reference",
            "label",
            "version",
            "kind",
            "source",
            "origin",
            "entry",
            "row",
            "counts",
        ),
    }
    assert every[0]["time"].endswith("Z")
    assert every[0]["depth_km"] is None


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"source": "inpe"}, 5),
        ({"kind": "earthquake"}, 0),
        ({"bbox": "170,-5,-170,5"}, 1),
        ({"bbox": "-79.201,-5,-79.1,-4"}, 25),
        ({"since": "2023-03-29T10:20:00Z", "until": "2023-03-29T10:24:00+00:00"}, None),
    ],
)
def test_filters(client: httpx.Client, query: dict[str, str], count: int | None) -> None:
    items = client.get("/api/v1/observations", params={**query, "limit": 1000}).raise_for_status().json()["items"]
    if count is not None:
        assert len(items) == count
        return
    every = client.get("/api/v1/observations", params={"limit": 1000}).json()["items"]
    assert items == [row for row in every if query["since"] <= row["time"] <= "2023-03-29T10:24:00Z"]


def test_the_same_rows_in_every_form(client: httpx.Client) -> None:
    plain = client.get("/api/v1/observations", params={"limit": 10})
    arrow = client.get("/api/v1/observations", params={"limit": 10, "format": "arrow"})
    features = client.get("/api/v1/observations?limit=10", headers={"Accept": "application/geo+json"})
    table = pa.ipc.open_stream(arrow.content).read_all()
    assert arrow.headers["content-type"] == "application/vnd.apache.arrow.stream"
    assert arrow.headers["x-next-cursor"] == plain.json()["next"] == features.json()["next"]
    assert table.column("lon").to_pylist() == [row["lon"] for row in plain.json()["items"]]
    assert [f["geometry"]["coordinates"] for f in features.json()["features"]] == [
        [row["lon"], row["lat"]] for row in plain.json()["items"]
    ]


def test_the_grid_holds_what_the_pages_hold(client: httpx.Client) -> None:
    every = client.get("/api/v1/observations", params={"limit": 1000}).json()["items"]
    for zoom in (0, 5, 12):
        told = client.get("/api/v1/observations/grid", params={"zoom": zoom}).raise_for_status().json()
        assert sum(cell["count"] for cell in told["cells"]) == len(every)
        assert max(cell["newest"] for cell in told["cells"]) == max(row["time"] for row in every)
    part = client.get("/api/v1/observations/grid", params={"zoom": 12, "bbox": "170,-5,-170,5"}).json()["cells"]
    assert [cell["count"] for cell in part] == [1]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("bbox=1,2,3", "bad-bbox"),
        ("bbox=nan,0,1,1", "bad-bbox"),
        ("since=yesterday", "bad-time"),
        ("until=2024-13-01", "bad-time"),
        ("since=9999-12-31", None),
        ("cursor=%F0%9F%92%A9", "bad-cursor"),
        ("cursor=AAAA", "bad-cursor"),
        ("limit=0", "invalid-request"),
        ("limit=1001", "invalid-request"),
        ("format=xml", "invalid-request"),
        ("versions=best", "invalid-request"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(client: httpx.Client, query: str, reason: str | None) -> None:
    answer = client.get(f"/api/v1/observations?{query}")
    if reason is None:
        assert answer.status_code in (200, 422)
        return
    assert answer.status_code == 422
    assert answer.json()["reason"] == reason
    assert json.loads(answer.content)["status"] == 422
