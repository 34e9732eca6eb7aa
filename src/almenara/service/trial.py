"""Tests the lines: a message of status Test to the endpoints that are configured for it, and to no others."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from almenara.channels import open_channel, shorten
from almenara.config import ChannelConfig
from almenara.model.cap import (
    Alert,
    Area,
    Category,
    Certainty,
    Info,
    MsgType,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
    from_ms,
    to_xml,
)
from almenara.model.commands import RecordTest
from almenara.model.errors import ChannelError, ChannelRefused
from almenara.model.events import DeliveryResult
from almenara.ports import Channel, Outgoing, Receipt, Test
from almenara.stages import outbox
from almenara.stages.public_warnings import Policy, Words
from almenara.stages.public_warnings.situation import zone_of

LASTS = timedelta(minutes=10)
#: A square of a kilometre in the open sea where the equator meets the meridian of Greenwich: a far side that overlooks
#: the status warns nobody, for nobody lives there.
NOWHERE = ((-0.005, -0.005), (0.005, -0.005), (0.005, 0.005), (-0.005, 0.005), (-0.005, -0.005))
#: What one command takes of the results, so that it stays within commands.COMMAND_BYTES_MAX.
RESULTS_MAX = 500


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a test of one endpoint."""

    channel: str
    recipient: str  # empty: the channel was not tested
    outcome: str  # as a DeliveryResult has it; empty: not tested
    receipt: str
    detail: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the far side has it."""
        return self.outcome == outbox.DELIVERED


def try_channels(channels: Sequence[ChannelConfig], base: Path, message: Outgoing[Test]) -> list[Trial]:
    """Send a Test message to every channel of status Test and to every channel's own test endpoint.

    A channel of another status without a test endpoint is not tested, and said so: a Test message cannot reach what is
    configured for Actual or Exercise.
    """
    return asyncio.run(_test_all(channels, base, message))


def records_of(trials: Sequence[Trial], message: Outgoing[Test]) -> list[RecordTest]:
    """What is to be written down of it, so that the log says who was reached with what."""
    by_channel: dict[str, list[DeliveryResult]] = {}
    for one in trials:
        if one.outcome:
            result = DeliveryResult(
                recipient=one.recipient,
                attempt=1,
                outcome=one.outcome,
                detail=shorten(one.detail),
                receipt=one.receipt,
                next_ms=0,
            )
            by_channel.setdefault(one.channel, []).append(result)
    return [
        RecordTest(
            channel=channel,
            identifier=message.identifier,
            message=message.xml.decode(),
            results=results[at : at + RESULTS_MAX],
        )
        for channel, results in by_channel.items()
        for at in range(0, len(results), RESULTS_MAX)
    ]


def new_test(policy: Policy, now_ms: int, words: Words) -> Outgoing[Test]:
    """As `compose_test` has it, ready to be sent."""
    return Outgoing(to_xml(compose_test(policy, now_ms, words)), "test", Test)


def compose_test(policy: Policy, now_ms: int, words: Words) -> Alert:
    """A message that says in every language that it is a test; its area is where nobody is."""
    sent = from_ms(now_ms, zone_of(policy.timezone))
    infos = []
    for tag in policy.languages:
        common = words.language(tag)
        mark, note = common.status["Test"], common.status_note["Test"]
        infos.append(
            Info(
                language=tag,
                category=(Category.OTHER,),
                event=mark,
                response_type=(ResponseType.NONE,),
                urgency=Urgency.UNKNOWN,
                severity=Severity.UNKNOWN,
                certainty=Certainty.UNKNOWN,
                expires=sent + LASTS,
                headline=f"{mark}: {note}",
                description=f"{mark}: {note}",
                instruction=f"{mark}: {note}",
                sender_name=policy.sender_name,
                web=policy.web,
                contact=policy.contact,
                area=(Area(area_desc=f"{mark}: 0° N 0° E", polygon=(NOWHERE,)),),
            )
        )
    return Alert(
        identifier=f"test-{now_ms}",
        sender=policy.sender,
        sent=sent,
        status=Status.TEST,
        msg_type=MsgType.ALERT,
        source="Almenara",
        scope=Scope.PUBLIC,
        note=" / ".join(info.headline or "" for info in infos),
        info=tuple(infos),
    )


async def _test_all(channels: Sequence[ChannelConfig], base: Path, message: Outgoing[Test]) -> list[Trial]:
    found = await asyncio.gather(*(_test_one(channel, base, message) for channel in channels))
    return [trial for one in found for trial in one]


async def _test_one(config: ChannelConfig, base: Path, message: Outgoing[Test]) -> list[Trial]:
    options: dict[str, Any] | None = config.options if config.status == "Test" else config.test
    if options is None:
        detail = f"not tested: it is for {config.status}, and has no test endpoint (`test`)"
        return [Trial(config.name, "", "", "", detail, 0.0)]
    channel = open_channel(config.plugin, config.name, options, Test, base)
    served = asyncio.Semaphore(config.concurrency)

    async def one(recipient: str) -> Trial:
        async with served:
            return await _send(channel, message, recipient, config.timeout_s)

    try:
        return list(await asyncio.gather(*map(one, channel.recipients())))
    finally:
        await channel.close()


async def _send(channel: Channel[Test], message: Outgoing[Test], recipient: str, timeout_s: float) -> Trial:
    begun = time.perf_counter()
    receipt = Receipt("")
    try:
        receipt = await asyncio.wait_for(channel.send(message, recipient), timeout_s)
        outcome, detail = outbox.DELIVERED, receipt.detail
    except TimeoutError:
        outcome, detail = outbox.FAILED, f"no answer within {timeout_s:g} s"
    except ChannelError as error:
        outcome, detail = outbox.REFUSED if isinstance(error, ChannelRefused) else outbox.FAILED, str(error)
    return Trial(channel.name, recipient, outcome, receipt.receipt, detail, time.perf_counter() - begun)
