"""Web Push from the public page: open to all, bounded, and the channel warns who subscribed a moment ago."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from almenara.channels._subscriptions import Subscription, SubscriptionFile
from almenara.model.errors import CommandRefused
from almenara.service.office import Office
from almenara.web.throttle import KNOWN_MAX, Throttle
from tests.channels.benches.webpush import Browser
from tests.channels.http_sink import Sink
from tests.web.offices import burning, client_of, happen, office_of

ADDRESS = "/api/v1/push/subscriptions"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "vapid.pem").write_bytes(pem)
    options = {
        "subscriptions": "subscriptions.jsonl",
        "key": {"file": "vapid.pem"},
        "contact": "mailto:a@agency.example",
        "hosts": ["127.0.0.1"],
        "plain_http": True,
    }
    channel = {"name": "push", "plugin": "webpush", "status": "Exercise", "options": options}
    with office_of(tmp_path, config={"channel": [channel]}) as opened:
        yield opened


@pytest.fixture
def client(office: Office) -> Iterator[httpx.Client]:
    with client_of(office) as opened:
        yield opened


def end(client: httpx.Client, subscription: dict[str, Any]) -> httpx.Response:
    return client.request("DELETE", ADDRESS, content=json.dumps(subscription))


def kept(office: Office) -> list[dict[str, Any]]:
    path = office.base / "subscriptions.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_subscribe_and_unsubscribe(client: httpx.Client, office: Office) -> None:
    key = client.get("/api/v1/push/key").json()["public_key"]
    point = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    one, two = (Browser(path).subscription("http://127.0.0.1:9") for path in ("/a", "/b"))
    assert client.post(ADDRESS, json=one).status_code == 201
    assert client.post(ADDRESS, json=one).status_code == 200
    assert client.post(ADDRESS, json=two).status_code == 201
    assert [line["endpoint"] for line in kept(office)] == ["http://127.0.0.1:9/a", "http://127.0.0.1:9/b"]
    assert end(client, one).status_code == 204
    assert end(client, one).status_code == 204
    assert [line["endpoint"] for line in kept(office)] == ["http://127.0.0.1:9/b"]
    assert 'id="push"' in client.get("/").text


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://evil.example/push"},
        {"endpoint": "ftp://127.0.0.1/a"},
        {"endpoint": "http://127.0.0.1/" + "a" * 2_000},
        {"endpoint": "http://127.0.0.1@evil.example/a"},
        {"endpoint": 5},
        {"keys": {"p256dh": "AAAA", "auth": "AAAA"}},
        {"keys": {}},
        {"keys": None},
    ],
)
def test_what_no_push_service_gave_is_refused(client: httpx.Client, office: Office, change: dict[str, Any]) -> None:
    answer = client.post(ADDRESS, json=Browser("/a").subscription("http://127.0.0.1:9") | change)
    assert answer.status_code == 422
    assert kept(office) == []


def test_bounds(client: httpx.Client, office: Office) -> None:
    assert client.post(ADDRESS, content=b"x" * 5_000).status_code == 413
    assert client.post(ADDRESS, content=b"\xff").status_code == 422
    codes = [client.post(ADDRESS, content=b"{}") for _ in range(25)]
    refused = [answer for answer in codes if answer.status_code == 429]
    assert refused
    assert int(refused[0].headers["retry-after"]) > 0
    assert kept(office) == []


def test_a_file_bears_so_many_and_no_more(tmp_path: Path) -> None:
    file = SubscriptionFile(tmp_path / "s.jsonl", ["127.0.0.1"], "push", plain_http=True, most=3)
    for number in range(3):
        assert file.add(_subscription(f"/{number}"))
    with pytest.raises(CommandRefused, match="as many"):
        file.add(_subscription("/3"))
    assert not file.add(_subscription("/1"))  # its keys are renewed
    assert file.remove("http://127.0.0.1/0")
    assert file.add(_subscription("/3"))
    assert list(file.read()) == [f"http://127.0.0.1/{n}" for n in (2, 1, 3)]


def _subscription(path: str) -> Subscription:
    return msgspec.convert(Browser(path).subscription("http://127.0.0.1"), Subscription)


def test_without_the_channel_nobody_can_subscribe(tmp_path: Path) -> None:
    with office_of(tmp_path) as office, client_of(office) as client:
        assert client.get("/api/v1/push/key").json() == {"public_key": None}
        assert client.post(ADDRESS, json=Browser("/a").subscription("http://127.0.0.1:9")).status_code == 404
        assert 'id="push"' not in client.get("/").text


def test_who_subscribes_now_is_warned_next_and_who_is_gone_is_let_go(client: httpx.Client, office: Office) -> None:
    async def play() -> list[dict[str, Any]]:
        sink = Sink()
        await sink.start()
        browser = Browser("/push/new")
        subscription = browser.subscription(f"http://127.0.0.1:{sink.port}")
        (await asyncio.to_thread(client.post, ADDRESS, json=subscription)).raise_for_status()
        await asyncio.to_thread(_burn, office, "town-1")
        await _until(lambda: len(sink.requests) >= 1)
        told = [browser.decrypt(request.body) for request in sink.requests]
        sink.mode = "404"
        await asyncio.to_thread(_burn, office, "town-2")
        await _until(lambda: kept(office) == [])
        await sink.stop()
        return told

    told = asyncio.run(play())
    assert told[0]["status"] == "Exercise"
    assert client.get(f"/warnings/{told[0]['identifier']}").status_code == 200


def _burn(office: Office, town: str) -> None:
    now_ms = time.time_ns() // 1_000_000
    happen(office, burning(town, now_ms), at_ms=now_ms)


async def _until(true: Any) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def test_a_throttle_fills_up_again_and_is_bounded() -> None:
    now = [0.0]
    throttle = Throttle(2, 10.0, lambda: now[0])
    assert [throttle.wait_s("a") for _ in range(3)] == [0.0, 0.0, 5.0]
    assert throttle.wait_s("b") == 0.0
    now[0] = 5.0
    assert [throttle.wait_s("a") for _ in range(2)] == [0.0, 5.0]
    for number in range(KNOWN_MAX + 5):
        throttle.wait_s(str(number))
    assert len(throttle._left) == KNOWN_MAX
