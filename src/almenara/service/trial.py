"""Tests the lines: a message of status Test to the endpoints that are configured for it, and to no others."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from almenara.channels import open_channel
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
from almenara.model.errors import ChannelError
from almenara.ports import Channel, Outgoing, Test
from almenara.stages.public_warnings import Policy, Words
from almenara.stages.public_warnings.situation import zone_of

LASTS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a test of one endpoint."""

    channel: str
    recipient: str
    ok: bool
    detail: str
    seconds: float


def try_channels(
    channels: Sequence[ChannelConfig], base: Path, now_ms: int, policy: Policy, words: Words
) -> list[Trial]:
    """Send a Test message to every channel of status Test and to every channel's own test endpoint.

    A channel of another status without a test endpoint is not tested, and said so: a Test message cannot reach what is
    configured for Actual or Exercise.
    """
    message = Outgoing(to_xml(compose_test(policy, now_ms, words)), "test", Test)
    return asyncio.run(_test_all(channels, base, message))


def compose_test(policy: Policy, now_ms: int, words: Words) -> Alert:
    """A message that says in every language that it is a test; it concerns no area."""
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
                area=(Area(area_desc=mark),),
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
        return [Trial(config.name, "", False, detail, 0.0)]
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
    try:
        receipt = await asyncio.wait_for(channel.send(message, recipient), timeout_s)
        ok, detail = True, f"{receipt.receipt} {receipt.detail}".strip()
    except TimeoutError:
        ok, detail = False, f"no answer within {timeout_s:g} s"
    except ChannelError as error:
        ok, detail = False, str(error)
    return Trial(channel.name, recipient, ok, detail, time.perf_counter() - begun)
