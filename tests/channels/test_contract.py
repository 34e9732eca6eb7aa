"""What every channel must keep: the same tests over all that the registry finds."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from almenara.channels import names, open_channel
from almenara.model.errors import ChannelFailed, ChannelRefused, StatusMismatch, UsageError
from almenara.model.limits import RECEIPT_CHARS_MAX
from almenara.ports import Actual, AnyStatus, Channel, Exercise, Outgoing, Receipt, Test
from tests.channels.benches import Bench, find_benches
from tests.channels.messages import outgoing

BENCHES = find_benches()
STATUSES: tuple[AnyStatus, ...] = (Actual, Exercise, Test)
#: No send in these tests takes longer, unless it hangs.
PATIENCE_S = 20.0
RECIPIENT = re.compile(r"[A-Za-z0-9._:@/-]{1,64}")

Scenario = Callable[[Bench], Awaitable[None]]


def test_every_channel_is_held_to_the_contract() -> None:
    assert set(names()) == set(BENCHES)
    assert all(bench.plugin == name for name, bench in BENCHES.items())


@pytest.fixture(params=sorted(BENCHES))
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Scenario], None]:
    """Runs a scenario with the far side up."""

    def run(scenario: Scenario) -> None:
        async def whole() -> None:
            async with BENCHES[request.param](tmp_path) as bench:
                await scenario(bench)

        asyncio.run(whole())

    return run


Play = Callable[[Scenario], None]


async def sent(channel: Channel[Any], message: Outgoing[Any], recipient: str) -> Receipt:
    return await asyncio.wait_for(channel.send(message, recipient), PATIENCE_S)


def test_names_and_recipients(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        channel, again = bench.opened(Exercise, "yours to choose"), bench.opened(Exercise, "yours to choose")
        assert channel.name == "yours to choose"
        assert channel.status is Exercise
        recipients = list(bench.opened(Exercise).recipients())
        assert recipients
        assert len(recipients) == len(set(recipients))
        assert all(RECIPIENT.fullmatch(recipient) for recipient in recipients)
        assert list(channel.recipients()) == list(again.recipients()), "the ids stay the same over restarts"
        for one in (channel, again):
            await one.close()

    play(scenario)


def test_what_is_sent_arrives(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        channel = bench.opened(Actual)
        messages = [
            outgoing(Actual, f"incident-fire-a-{n}", kind) for n, kind in enumerate(("Alert", "Update", "Cancel"))
        ]
        recipients = channel.recipients()
        for message in messages:
            for recipient in recipients:
                receipt = await sent(channel, message, recipient)
                assert receipt.receipt, "a receipt is the proof of delivery"
                assert max(len(receipt.receipt), len(receipt.detail)) <= RECEIPT_CHARS_MAX
        arrived = await bench.arrived()
        assert {name for name, _ in arrived} == {message.identifier for message in messages}
        if bench.carries_xml:
            wanted = {message.identifier: message.xml for message in messages}
            assert all(xml == wanted[name] for name, xml in arrived), "byte for byte"
        await channel.close()

    play(scenario)


def test_the_same_again_carries_the_same_id(play: Play) -> None:
    """As after a crash between sending and receipt: a new channel, the same bytes."""

    async def scenario(bench: Bench) -> None:
        for _ in range(2):
            channel = bench.opened(Exercise)
            for recipient in channel.recipients():
                await sent(channel, outgoing(Exercise), recipient)
            await channel.close()
        assert {name for name, _ in await bench.arrived()} == {"incident-fire-a-1"}

    play(scenario)


@pytest.mark.parametrize("of_channel", STATUSES)
@pytest.mark.parametrize("of_message", STATUSES)
def test_no_status_crosses(play: Play, of_message: Any, of_channel: Any) -> None:
    async def scenario(bench: Bench) -> None:
        channel: Channel[Any] = bench.opened(of_channel)
        message: Outgoing[Any] = outgoing(of_message)
        for recipient in channel.recipients():
            if of_message is of_channel:
                await sent(channel, message, recipient)
            else:
                with pytest.raises(StatusMismatch):
                    await sent(channel, message, recipient)
        assert bool(await bench.arrived()) == (of_message is of_channel)
        await channel.close()

    play(scenario)


def test_a_far_side_that_fails_and_heals(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        channel = bench.opened(Exercise)
        recipient = channel.recipients()[0]
        await bench.break_down()
        for _ in range(2):
            with pytest.raises(ChannelFailed) as failed:
                await sent(channel, outgoing(Exercise), recipient)
            assert str(failed.value)
        assert await bench.arrived() == []
        await bench.repair()
        await sent(channel, outgoing(Exercise), recipient)
        assert [name for name, _ in await bench.arrived()] == ["incident-fire-a-1"]
        await channel.close()

    play(scenario)


def test_a_far_side_that_refuses(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        channel = bench.opened(Exercise)
        if await bench.refuse():
            with pytest.raises(ChannelRefused) as refused:
                await sent(channel, outgoing(Exercise), channel.recipients()[0])
            assert str(refused.value)
            assert await bench.arrived() == []
        await channel.close()

    play(scenario)


def test_a_far_side_that_hangs_can_be_given_up(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        channel = bench.opened(Exercise)
        recipient = channel.recipients()[0]
        if await bench.hang():
            with pytest.raises((TimeoutError, ChannelFailed)):
                await asyncio.wait_for(channel.send(outgoing(Exercise), recipient), 0.5)
        await bench.repair()
        await sent(channel, outgoing(Exercise), recipient)
        assert {name for name, _ in await bench.arrived()} == {"incident-fire-a-1"}
        await channel.close()

    play(scenario)


def test_many_at_a_time(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        channel = bench.opened(Exercise)
        messages = [outgoing(Exercise, f"incident-fire-a-{n}") for n in range(8)]
        await asyncio.gather(*(sent(channel, message, to) for message in messages for to in channel.recipients()))
        assert {name for name, _ in await bench.arrived()} == {message.identifier for message in messages}
        await channel.close()
        await channel.close()

    play(scenario)


def test_options_that_nobody_knows(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(UsageError, match="mine"):
            open_channel(bench.plugin, "mine", {**bench.options(), "colour": "red"}, Test, bench.folder)
        with pytest.raises(UsageError, match="mine"):
            open_channel(bench.plugin, "mine", {}, Test, bench.folder)

    play(scenario)


def test_an_unknown_plugin(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="directory"):
        open_channel("pigeon", "mine", {}, Test, tmp_path)
