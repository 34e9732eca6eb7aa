"""Webhooks beyond the contract: the signature as a subscriber checks it, answers of all kinds, many at a time."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from almenara.channels import open_channel
from almenara.model.errors import ChannelFailed, ChannelRefused, UsageError
from almenara.ports import Actual, Test
from tests.channels.benches.webhook import KEY, FarSide
from tests.channels.messages import outgoing


def play(folder: Path, scenario: Callable[[FarSide], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with FarSide(folder) as bench:
            assert isinstance(bench, FarSide)
            await scenario(bench)

    asyncio.run(whole())


def test_a_subscriber_can_check_who_sent_it(tmp_path: Path) -> None:
    async def scenario(bench: FarSide) -> None:
        channel, message = bench.opened(Actual), outgoing(Actual)
        await channel.send(message, "one")
        await channel.close()
        (request,) = bench.sink.requests
        told = request.headers
        signed = f"{told['webhook-id']}.{told['webhook-timestamp']}.".encode() + request.body
        key = base64.b64decode(KEY.removeprefix("whsec_"))
        mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert told["webhook-signature"] == f"v1,{mac}"
        assert (told["webhook-id"], told["idempotency-key"]) == (message.key, f'"{message.key}"')
        assert (told["content-type"], told["cap-status"]) == ("application/cap+xml", "Actual")
        assert request.body == message.xml

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        *((code, ChannelFailed) for code in ("301", "401", "403", "404", "408", "429", "500", "502", "503", "504")),
        *((code, ChannelRefused) for code in ("400", "410", "413", "415", "422")),
        ("cut", ChannelFailed),
    ],
)
def test_what_an_answer_means(tmp_path: Path, mode: str, error: type[Exception]) -> None:
    async def scenario(bench: FarSide) -> None:
        bench.sink.mode = mode
        channel = bench.opened(Test)
        with pytest.raises(error) as caught:
            await channel.send(outgoing(Test), "one")
        assert "127.0.0.1" in str(caught.value)
        assert "/one" not in str(caught.value), "an address may hold a secret"
        await channel.close()

    play(tmp_path, scenario)


def test_a_busy_subscriber_says_when_to_come_again(tmp_path: Path) -> None:
    async def scenario(bench: FarSide) -> None:
        bench.sink.mode, bench.sink.headers = "429", {"Retry-After": "120"}
        channel = bench.opened(Test)
        with pytest.raises(ChannelFailed) as caught:
            await channel.send(outgoing(Test), "one")
        assert caught.value.retry_after_s == 120.0
        await channel.close()

    play(tmp_path, scenario)


def test_one_that_hangs_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async def scenario(bench: FarSide) -> None:
        bench.sink.slow_paths.add("/one")
        channel, message = bench.opened(Test), outgoing(Test)
        slow = asyncio.create_task(channel.send(message, "one"))
        receipt = await asyncio.wait_for(channel.send(message, "two"), 10.0)
        assert receipt.receipt == "201"
        assert not slow.done()
        slow.cancel()
        await channel.close()

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"secret": {"env": "ALMENARA_NO_SUCH_SECRET"}}, "ALMENARA_NO_SUCH_SECRET is not set"),
        ({"secret": {}}, "env or file"),
        ({"secret": {"file": "none"}}, "none cannot be read"),
        ({"plain_http": False}, "no https:// address"),
        ({"subscribers": []}, "no recipients"),
        ({"subscribers": [{"id": "a b", "url": "https://x.example"}]}, "'a b'"),
        ({"subscribers": [{"id": "a", "url": "https://me:secret@x.example"}]}, "must not hold a password"),
        ({"subscribers": [{"id": "a", "url": "https://x.example"}] * 2}, "two recipients"),
        ({"subscribers_file": "list.jsonl"}, "line 2 of list.jsonl"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    (tmp_path / "list.jsonl").write_text('{"id": "a", "url": "https://x.example"}\n{"id": 1}\n', "utf-8")

    async def scenario(bench: FarSide) -> None:
        with pytest.raises(UsageError, match=why) as caught:
            open_channel("webhook", "mine", {**bench.options(), **change}, Test, tmp_path)
        assert KEY not in str(caught.value)

    play(tmp_path, scenario)


def test_a_secret_of_the_wrong_form_is_refused_without_being_told(tmp_path: Path) -> None:
    async def scenario(bench: FarSide) -> None:
        (tmp_path / "secret").write_text("whsec_abc", "utf-8")
        with pytest.raises(UsageError, match="24 to 64 bytes") as caught:
            bench.opened(Test)
        assert "whsec_abc" not in str(caught.value)

    play(tmp_path, scenario)
