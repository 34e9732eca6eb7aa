"""What people receive: a mail they can read, a push their browser can decrypt; and that the log names none of them."""

import asyncio
from pathlib import Path

import msgspec

from almenara.channels.webpush import PAYLOAD_BYTES_MAX, payload
from almenara.ports import Actual, Exercise
from tests.channels.benches import find_benches
from tests.channels.benches.email import FarSide as Mail
from tests.channels.benches.mqtt import FarSide as Broker
from tests.channels.benches.webpush import FarSide as Push
from tests.channels.messages import outgoing

SECRETS = ("ana", "example.org", "99999", "127.0.0.1", "/push/")


def test_ids_of_people_name_nobody_and_stay_the_same(tmp_path: Path) -> None:
    async def whole() -> None:
        for name in ("email", "webpush", "sms_smpp"):
            (tmp_path / name).mkdir()
            async with find_benches()[name](tmp_path / name) as bench:
                ids = bench.opened(Actual).recipients()
                assert list(ids) == list(bench.opened(Actual).recipients())
                assert not any(secret in recipient for recipient in ids for secret in SECRETS)
                (key,) = (tmp_path / name).glob(".*.recipients.key")
                assert key.stat().st_mode & 0o077 == 0
                key.unlink()
                assert not set(ids) & set(bench.opened(Actual).recipients()), "the ids are nothing without their key"

    asyncio.run(whole())


def test_a_mail_can_be_read_without_opening_anything(tmp_path: Path) -> None:
    async def whole() -> None:
        async with Mail(tmp_path) as bench:
            assert isinstance(bench, Mail)
            channel, message = bench.opened(Exercise), outgoing(Exercise)
            for _ in range(2):
                await channel.send(message, channel.recipients()[0])
            await channel.close()
            first, again = bench.mails
            text = first.get_body(("plain",))
            assert text is not None
            assert "Be ready to leave." in text.get_content()
            assert "Incendio forestal" in str(first["Subject"])
            assert str(first["Subject"]).startswith("Exercise")
            assert first["Message-ID"] == again["Message-ID"]
            assert (first["To"], first["Auto-Submitted"]) == ("ana@example.org", "auto-generated")

    asyncio.run(whole())


def test_a_browser_decrypts_what_was_meant_for_it(tmp_path: Path) -> None:
    async def whole() -> None:
        async with Push(tmp_path) as bench:
            assert isinstance(bench, Push)
            channel, message = bench.opened(Actual), outgoing(Actual)
            for recipient in channel.recipients():
                await channel.send(message, recipient)
            await channel.close()
            assert all(told["severity"] == "Severe" and "Be ready" in told["body"] for told in bench.read())
            first, second = bench.sink.requests
            told = first.headers
            assert told["authorization"].startswith("vapid t=")
            assert (told["content-encoding"], told["urgency"], len(told["topic"])) == ("aes128gcm", "high", 32)
            assert int(told["ttl"]) >= 0
            assert first.body != second.body

    asyncio.run(whole())


def test_a_long_warning_is_shortened_to_what_a_push_service_takes() -> None:
    message = outgoing(Actual)
    assert len(payload(message, "https://avisos.agencia.example/", ())) <= PAYLOAD_BYTES_MAX
    info = message.alert.info[0]
    long = outgoing(Actual, info=(msgspec.structs.replace(info, description="áé🔥\n" * 5_000),))
    assert len(payload(long, None, ())) <= PAYLOAD_BYTES_MAX
    assert b"\\u2026" in payload(long, None, ()) or "…".encode() in payload(long, None, ())


def test_a_later_subscriber_finds_the_last_word_of_each_thread(tmp_path: Path) -> None:
    async def whole() -> None:
        async with Broker(tmp_path) as bench:
            assert isinstance(bench, Broker)
            channel = bench.opened(Actual)
            for number, kind in enumerate(("Alert", "Update"), start=1):
                await channel.send(outgoing(Actual, f"incident-fire-a-{number}", kind), channel.recipients()[0])
            await bench.settle()
            assert {str(message.topic) for message in bench.messages} == {"ec/warnings/Actual/incident-fire-a"}
            bench.messages.clear()
            bench._listening.cancel()
            ready = asyncio.get_running_loop().create_future()
            bench._listening = asyncio.create_task(bench._listen(ready))
            await ready
            await bench.settle()
            assert [name for name, _ in bench.received()] == ["incident-fire-a-2"]
            await channel.close()

    asyncio.run(whole())
