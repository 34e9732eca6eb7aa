"""`almenara serve` as people and programs meet it: a real process, real sockets, and a power cut in the middle."""

import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from almenara.cli import serve as cli_serve
from almenara.model.errors import UsageError
from almenara.model.events import AttentionGiven, HazardLabelled, WarningDrafted
from almenara.stores import open_log
from tests.service.running import almenara, assert_refused
from tests.service.test_watch import HEADER
from tests.web.running import Screen, Served, configured, serving, wait_for

FLOOD = {
    "kind": "flood",
    "area_name": {"es": "Río Malacatos", "en": "Malacatos river"},
    "urgency": "Immediate",
    "severity": "Severe",
    "certainty": "Observed",
}


def square(lon: float, lat: float, half: float = 0.05) -> list[Any]:
    """An area as a command has it."""
    west, south, east, north = lon - half, lat - half, lon + half, lat + half
    return [[[[west, south], [east, south], [east, north], [west, north], [west, south]]]]


def detections(folder: Path, name: str, lon: float = -79.22164, lat: float = -4.24269, count: int = 5) -> None:
    """A file of detections of this hour appears in the folder of the feed."""
    now = datetime.now(UTC)
    rows = [
        f"{lat + 0.003 * n:.5f},{lon:.5f},330.0,0.4,0.4,{now:%Y-%m-%d},{now:%H:%M},N,nominal,2.0NRT,290.0,12.5,D"
        for n in range(count)
    ]
    part = folder / f"{name}.part"
    part.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    part.replace(folder / "incoming" / name)


@pytest.fixture(scope="module")
def exercise(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The exercise at ten hours a second."""
    folder = tmp_path_factory.mktemp("drill")
    with serving(folder, "--drill", "--speed", "36000", "--state", str(folder / "state")) as served:
        yield served


def lasting(shown: dict[tuple[str, str], Any]) -> dict[tuple[str, str], Any]:
    return {key: told for key, told in shown.items() if key[0] not in ("source", "queue")}


def test_a_screen_that_comes_back_shows_what_one_shows_that_stayed(exercise: Served) -> None:
    stays = Screen(exercise)
    stays.start()
    comes_and_goes = Screen(exercise)
    for _ in range(6):
        comes_and_goes.start()
        comes_and_goes.connected.wait(5)
        time.sleep(0.4)
        comes_and_goes.leave()
        comes_and_goes.join(15)
        time.sleep(0.5)
        comes_and_goes = comes_and_goes.again()
    comes_and_goes.start()
    wait_for(lambda: exercise.get("/situation")["mode"]["drill"]["ended"], 120)
    # Feeds and the queue are told as of the moment of telling (counts of a day, an order): a replay is fresher.
    wait_for(lambda: lasting(stays.shown) == lasting(comes_and_goes.shown))
    assert stays.shown.keys() == comes_and_goes.shown.keys()
    assert (stays.resets, comes_and_goes.resets) == (0, 0)
    begins_now = Screen(exercise)
    assert len(begins_now.shown) > 20
    stale = {key for key in begins_now.shown if begins_now.shown[key] != stays.shown.get(key)}
    assert stale <= {("queue", "")} | {key for key in begins_now.shown if key[0] == "source"}, stale


def test_four_eyes_from_draft_to_sent(exercise: Served) -> None:
    drafted = exercise.order("draft", by="Ana Ruiz", statement=FLOOD, area=square(-79.2, -4.2))
    assert drafted.status_code == 200, drafted.text
    identifier = drafted.json()["said"][0]["identifier"]
    before = exercise.get(f"/warnings/{identifier}")
    assert (before["state"], before["approvals_needed"], before["drafted"]["by"]) == ("draft", 2, "Ana Ruiz")
    assert all(check["ok"] for check in before["checks"]), before["checks"]
    same = exercise.order("approve", by="ANA RUIZ", identifier=identifier)
    assert (same.status_code, same.json()["reason"]) == (409, "same-person")
    assert same.headers["content-type"] == "application/problem+json"
    sent = exercise.order("approve", by="Luis Vera", identifier=identifier)
    assert [one["kind"] for one in sent.json()["said"]] == ["WarningApproved", "WarningSent"]
    after = exercise.get(f"/warnings/{identifier}")
    assert (after["state"], [one["by"] for one in after["approvals"]]) == ("in-force", ["Luis Vera"])
    assert [moment["change"] for moment in after["timeline"]] == ["drafted", "approved", "sent"]
    raw = exercise.client.get(f"/warnings/{identifier}/xml")
    assert raw.headers["content-type"] == "application/cap+xml"
    assert identifier.encode() in raw.content
    update = exercise.client.post(
        "/warnings/preview",
        json={"statement": FLOOD | {"severity": "Extreme"}, "area": square(-79.2, -4.2), "thread": after["thread"]},
    ).json()
    assert (update["msg_type"], update["references"] != "") == ("Update", True)
    assert {"severity", "references"} <= {change["field"] for change in update["difference"]}
    assert exercise.client.get(f"/warnings/{update['identifier']}").status_code == 404, "a preview leaves no trace"


def test_a_command_that_is_sent_twice_is_done_once(exercise: Served) -> None:
    body = {"command": "draft", "statement": FLOOD, "area": square(-79.6, -3.9)}
    headers = {"Idempotency-Key": "night-1"}
    answers = [exercise.client.post("/commands", json=body, headers=headers) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    other = exercise.client.post("/commands", json={**body, "area": square(-79.7, -3.9)}, headers=headers)
    assert (other.status_code, other.json()["reason"]) == (422, "key-reused")


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/hazards/none", 404, "unknown"),
        ("/warnings/none", 404, "unknown"),
        ("/incidents/none", 404, "unknown"),
        ("/channels/none", 404, "unknown"),
        ("/hazards?bbox=1,2,3", 422, "bad-bbox"),
        ("/hazards?bbox=170,0,-170,1", 422, "bad-bbox"),
        ("/hazards?limit=0", 422, "invalid-request"),
        ("/hazards?cursor=%00", 422, "bad-cursor"),
        ("/warnings?state=nonsense", 422, "bad-state"),
        ("/footprints?hours=7", 422, "bad-hours"),
        ("/nowhere", 404, "not-found"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(exercise: Served, path: str, status: int, reason: str) -> None:
    answer = exercise.client.get(path)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.headers["content-type"] == "application/problem+json"


def test_lists_come_in_pages_that_add_up(exercise: Served) -> None:
    wait_for(
        lambda: exercise.get("/situation")["mode"]["drill"]["ended"], 120
    )  # a list that changes adds up to nothing
    for path in ("/hazards", "/warnings", "/incidents", "/hazards?state=ended"):
        whole = exercise.get(path, params={"limit": 1000} if "?" not in path else None)["items"]
        paged, cursor = [], ""
        for _ in range(100):
            step = exercise.get(f"{path}{'&' if '?' in path else '?'}limit=7{cursor}")
            paged += step["items"]
            if step["next"] is None:
                break
            cursor = f"&cursor={step['next']}"
        names = [one.get("id") or one["identifier"] for one in paged]
        assert names == [one.get("id") or one["identifier"] for one in whole], path
        assert len(names) > 0, path


def test_evidence_leads_back_to_the_log(exercise: Served) -> None:
    found = [one for one in exercise.get("/hazards?kind=fire&limit=1000")["items"] if one["observations"] > 20]
    for one in found[:3]:
        told = exercise.get(f"/hazards/{one['id']}/evidence")
        assert told["total"] == one["observations"] == len(told["observations"])
        assert all(row["entry"] and row["origin"] and row["instrument"] for row in told["observations"])
        assert sum(look["observations"] for look in told["passes"]) == one["observations"]
        assert {look["platform"] for look in told["passes"]} == set(one["platforms"])


def test_everything_is_headed_and_closed_to_frames(exercise: Served) -> None:
    for path in ("/healthz", "/api/v1/situation", "/nowhere"):
        headers = httpx.get(f"{exercise.address}{path}", trust_env=False).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_bodies_are_bounded(exercise: Served) -> None:
    large = b'{"command": "' + b"x" * (1024 * 1024) + b'"}'
    known = exercise.client.post("/commands", content=large)
    assert (known.status_code, known.json()["reason"]) == (413, "body-too-large")
    streamed = exercise.client.post("/commands", content=iter([large[: len(large) // 2]] * 3))
    assert streamed.status_code == 413


def test_metrics_speak_of_everything(exercise: Served) -> None:
    text = httpx.get(f"{exercise.address}/metrics", trust_env=False).text
    for name in (
        "almenara_ready 1.0",
        "almenara_live_clients",
        'almenara_feed_age_seconds{feed="firms-s-npp"}',
        'almenara_http_request_seconds_count{method="GET",route="/api/v1/situation"}',
        "almenara_log_entries_total",
        'almenara_standing{topic="hazard"}',
    ):
        assert name in text, name


# ---------------------------------------------------------------------- files, power cuts, stopping


def test_a_file_is_on_the_screens_at_once_and_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Orders pour in while the process is killed; whatever was answered is in the log, and the screen recovers."""
    arguments = configured(tmp_path)
    with serving(tmp_path, *arguments) as served:
        screen = Screen(served)
        screen.start()
        screen.connected.wait(5)
        begun = time.monotonic()
        detections(tmp_path, "first.csv")
        hazard = wait_for(lambda: next((name for topic, name in screen.shown if topic == "hazard"), None))
        assert time.monotonic() - begun < 10
        wait_for(lambda: screen.shown["queue", ""])
        acknowledged: list[str] = []

        def pour(number: int) -> None:
            for n in range(1000):
                try:
                    answer = served.order("draft", statement=FLOOD, area=square(-79.0 - number, -4.0 + 0.01 * n))
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    acknowledged.append(answer.json()["said"][0]["identifier"])

        pouring = [threading.Thread(target=pour, args=(number,)) for number in range(4)]
        labelled = served.order("label", hazard=hazard, label="not-a-hazard", reason="quema autorizada")
        assert labelled.status_code == 200
        for thread in pouring:
            thread.start()
        wait_for(lambda: len(acknowledged) > 20)
        served.kill()
        for thread in pouring:
            thread.join(30)
    with closing(open_log(tmp_path / "state", readonly=True)) as log:
        events = [entry.event() for entry in log.read()]
        assert log.verify().broken_seq is None
    drafted = {event.identifier for event in events if isinstance(event, WarningDrafted)}
    assert set(acknowledged) <= drafted
    assert any(isinstance(event, HazardLabelled) for event in events)
    with serving(tmp_path, *arguments) as served:
        told = served.get("/situation")
        assert next(one for one in told["hazards"] if one["id"] == hazard)["labelled"]["reason"] == "quema autorizada"
        assert set(acknowledged) <= {one["identifier"] for one in told["warnings"]}
        screen = screen.again()  # with the number that it heard from the process that was killed
        screen._address = served.address
        screen.start()
        # Fetched anew each time: the first poll after the start may fall between the two.
        wait_for(lambda: screen.resets or screen.shown == Screen(served).shown)
        assert served.stop() == 0


def test_a_stop_keeps_a_snapshot_and_the_index_and_says_so(tmp_path: Path) -> None:
    arguments = configured(tmp_path)
    with serving(tmp_path, *arguments) as served:
        screen = Screen(served)
        screen.start()
        screen.connected.wait(5)
        detections(tmp_path, "first.csv")
        incident = wait_for(lambda: next((one["id"] for one in served.get("/situation")["incidents"]), None))
        assert served.order("acknowledge", incident=incident).status_code == 200
        refused = almenara("serve", "--port", "0", *arguments)
        assert_refused(refused, 1, "is being written by process")
        assert served.stop() == 0
        screen.join(10)
        assert not screen.is_alive(), "the line was closed"
    assert list((tmp_path / "state" / "snapshots").iterdir())
    with serving(tmp_path, *arguments) as again:
        card = next(one for one in again.get("/situation")["incidents"] if one["id"] == incident)
        assert card["acknowledged"]["by"] == "Ana"
        moments = again.get(f"/incidents/{incident}")["timeline"]
        assert [one["change"] for one in moments][-1] == "acknowledged"
    with closing(open_log(tmp_path / "state", readonly=True)) as log:
        assert sum(entry.kind == AttentionGiven.__name__ for entry in log.read()) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104
def test_others_reach_it_by_tls_or_a_proxy_only(host: str) -> None:
    with pytest.raises(UsageError, match="reached from elsewhere"):
        cli_serve.command(config=None, host=host, port=0)
