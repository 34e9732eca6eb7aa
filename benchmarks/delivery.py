"""How fast one warning reaches 10,000 webhooks and 1,000 mailboxes while some peers hang, fail or are slow.

    .venv/bin/python benchmarks/delivery.py [--webhooks 10000] [--mails 1000] [--out delivery.json]

The far side is a process of its own: an HTTP sink and an SMTP sink on this machine, in which a share of the recipients
hangs, answers 503 at first, or takes its time. Measured is the way from `WarningSent` in the log to the receipt in the
log, through the outbox, the lines and the session's single writer; the channels here are the simplest that speak HTTP
and SMTP, so that the figures are those of the delivery and not of a plugin.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from almenara.channels import GuardedChannel
from almenara.delivery import Deliveries, Line
from almenara.model.cap import (
    Alert,
    Area,
    Category,
    Certainty,
    Info,
    MsgType,
    Scope,
    Severity,
    Status,
    Urgency,
    from_ms,
    to_xml,
)
from almenara.model.errors import ChannelFailed, ChannelRefused
from almenara.model.events import DeliveriesRecorded, RunStarted, WarningApproved, WarningDrafted, WarningSent
from almenara.ports import Exercise, Outgoing, Receipt
from almenara.service.clerk import Clerk
from almenara.service.session import Session, now_ms
from almenara.stages import public_warnings
from almenara.stores import open_log

#: Of every hundred recipients, by number: 1 hangs for ever, 2 answer 503 at first, 2 take two seconds.
HANGS, FAILS_FIRST, SLOW = {17}, {23, 24}, {41, 42}
SLOW_S = 2.0
CONCURRENCY, TIMEOUT_S = 200, 10.0
END_S = 120.0


def behaviour(recipient: str) -> str:
    """How a recipient behaves, by its number."""
    number = int(recipient[1:]) % 100
    return "hangs" if number in HANGS else "fails" if number in FAILS_FIRST else "slow" if number in SLOW else "well"


# ---------------------------------------------------------------------- the far side


def far_side(ports: Any) -> None:
    """An HTTP and an SMTP sink on free ports, which it says."""

    async def main() -> None:
        failed: set[str] = set()

        async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            recipient = head.split(b" ", 2)[1].decode().rsplit("/", 1)[1]
            length = int(
                next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split(b":")[1]
            )
            await reader.readexactly(length)
            status = await act(recipient)
            writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
            writer.close()

        async def act(recipient: str) -> str:
            does = behaviour(recipient)
            if does == "hangs":
                await asyncio.sleep(3600)
            if does == "slow":
                await asyncio.sleep(SLOW_S)
            if does == "fails" and recipient not in failed:
                failed.add(recipient)
                return "503 Busy"
            return "200 OK"

        async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 sink\r\n")
            recipient = ""
            while line := await reader.readline():
                word = line[:4].upper()
                if word == b"RCPT":
                    recipient = line.split(b"<")[1].split(b"@")[0].decode()
                if word == b"DATA":
                    writer.write(b"354 go on\r\n")
                    while (await reader.readline()) != b".\r\n":
                        pass
                    status = await act(recipient)
                    writer.write(b"250 OK\r\n" if status.startswith("200") else b"451 later\r\n")
                elif word == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    writer.write(b"250 OK\r\n")
                await writer.drain()
            writer.close()

        servers = [await asyncio.start_server(one, "127.0.0.1", 0, backlog=4096) for one in (http, smtp)]
        ports.send([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.sleep(10 * END_S)

    asyncio.run(main())


# ---------------------------------------------------------------------- the simplest channels


class Plain:
    """What both have: recipients by number, nothing kept open."""

    status = Exercise

    def __init__(self, name: str, count: int, port: int) -> None:
        self.name, self.port = name, port
        self._recipients = [f"{name[0]}{n:05}" for n in range(count)]

    def recipients(self) -> Sequence[str]:
        return self._recipients

    async def close(self) -> None:
        """Nothing is open."""

    async def send(self, message: Outgoing[Exercise], recipient: str) -> Receipt:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError as error:
            raise ChannelFailed(str(error)) from error
        try:
            return await self.speak(reader, writer, message, recipient)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ChannelFailed(str(error)) from error
        finally:
            writer.close()

    async def speak(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: Outgoing[Exercise], recipient: str
    ) -> Receipt:
        raise ChannelRefused("speaks nothing")


class Webhooks(Plain):
    """A POST for each recipient, over a connection of its own as with 10,000 different peers."""

    async def speak(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: Outgoing[Exercise], recipient: str
    ) -> Receipt:
        head = f"POST /{recipient} HTTP/1.1\r\nhost: sink\r\nidempotency-key: {message.key}\r\n"
        writer.write(f"{head}content-length: {len(message.xml)}\r\n\r\n".encode() + message.xml)
        answer = (await reader.readuntil(b"\r\n")).decode()
        if " 200 " not in answer:
            raise ChannelFailed(answer.strip())
        return Receipt(answer.strip())


class Mails(Plain):
    """A mail for each recipient, over a connection of its own."""

    async def speak(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: Outgoing[Exercise], recipient: str
    ) -> Receipt:
        answer = (await reader.readline()).decode()
        body = message.xml.replace(b"\n", b"\r\n") + b"\r\n.\r\n"
        for line in (
            b"HELO a\r\n",
            b"MAIL FROM:<a@b>\r\n",
            f"RCPT TO:<{recipient}@sink>\r\n".encode(),
            b"DATA\r\n",
            body,
        ):
            writer.write(line)
            answer = (await reader.readline()).decode()
        if not answer.startswith("250"):
            raise ChannelFailed(answer.strip())
        writer.write(b"QUIT\r\n")
        return Receipt(answer.strip())


# ---------------------------------------------------------------------- the run


def approved(session: Session, at_ms: int) -> WarningSent:
    """One warning in the log, sent."""
    info = Info(
        language="en",
        category=(Category.FIRE,),
        event="Fire",
        urgency=Urgency.IMMEDIATE,
        severity=Severity.SEVERE,
        certainty=Certainty.OBSERVED,
        expires=from_ms(at_ms + 3_600_000),
        headline="EXERCISE: a fire",
        description="EXERCISE: " + "words " * 300,
        area=(Area(area_desc="somewhere", polygon=(((0, 0), (1, 0), (1, 1), (0, 0)),)),),
    )
    message = Alert(
        identifier="incident-bench-1",
        sender="bench@almenara.invalid",
        sent=from_ms(at_ms),
        status=Status.EXERCISE,
        msg_type=MsgType.ALERT,
        scope=Scope.PUBLIC,
        info=(info,),
    )
    session.take(
        WarningDrafted(
            now_ms=at_ms,
            identifier=message.identifier,
            thread="incident-bench",
            incident="incident-bench",
            kind="fire",
            msg_type="Alert",
            status="Exercise",
            references="",
            expires_ms=at_ms + 3_600_000,
            severity="Severe",
            places=[],
            reasons=["first"],
            drafted_by="almenara",
            xml=to_xml(message),
        )
    )
    session.take(WarningApproved(now_ms=at_ms, identifier=message.identifier, by="policy"))
    sent = public_warnings.send(session.state.warnings, message.identifier, at_ms, session.state.policy)
    session.take(sent)
    session.commit()
    return sent


def receipts(
    session: Session, begun: float, clerk: Clerk, done: Callable[[dict[str, float]], bool]
) -> dict[str, float]:
    """When each recipient's receipt was durable, seconds from the beginning."""
    found: dict[str, float] = {}
    while not done(found) and time.perf_counter() - begun < END_S:
        events = clerk.attend()
        at = time.perf_counter() - begun
        for event in events:
            if isinstance(event, DeliveriesRecorded):
                found |= {r.recipient: at for r in event.results if r.outcome == "delivered"}
        time.sleep(0.02)
    return found


def summary(found: dict[str, float], recipients: Sequence[str]) -> dict[str, Any]:
    """How soon the receipts of each behaviour were there."""
    by: dict[str, Any] = {}
    for does in ("well", "slow", "fails", "hangs"):
        wanted = [to for to in recipients if behaviour(to) == does]
        times = np.array([found[to] for to in wanted if to in found])
        by[does] = {"recipients": len(wanted), "delivered": len(times)}
        if len(times):
            by[does] |= {
                "p50_s": round(float(np.percentile(times, 50)), 3),
                "p99_s": round(float(np.percentile(times, 99)), 3),
                "last_s": round(float(times.max()), 3),
            }
    return by


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--webhooks", type=int, default=10_000)
    parser.add_argument("--mails", type=int, default=1_000)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    mine, theirs = multiprocessing.Pipe()
    sink = multiprocessing.get_context("spawn").Process(target=far_side, args=(theirs,), daemon=True)
    sink.start()
    http, smtp = mine.recv()
    plain = [Webhooks("webhooks", asked.webhooks, http), Mails("mails", asked.mails, smtp)]
    before_mb = peak_mb()
    with tempfile.TemporaryDirectory() as folder, closing(open_log(Path(folder))) as log:
        session = Session(log)
        session.take(RunStarted(mode="watch", status="Exercise", parameters={}))
        lines = [Line(GuardedChannel(one), concurrency=CONCURRENCY, timeout_s=TIMEOUT_S) for one in plain]
        clerk = Clerk(session, Deliveries(lines), None, now_ms)
        begun, cpu = time.perf_counter(), time.process_time()
        approved(session, now_ms())
        reach = {to for one in plain for to in one.recipients() if behaviour(to) != "hangs"}
        found = receipts(session, begun, clerk, lambda found: found.keys() >= reach)
        taken_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
        clerk.close(1.0)
        result = {
            "concurrency": CONCURRENCY,
            "seconds": round(taken_s, 2),
            "cpu_seconds": round(cpu_s, 2),
            "peak_memory_mb": peak_mb(),
            "memory_before_mb": before_mb,
            **{one.name: summary(found, one.recipients()) for one in plain},
        }
    text = json.dumps(result, indent=1)
    if asked.out is not None:
        asked.out.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")
    sink.terminate()


def peak_mb() -> float:
    """The most memory that this process has held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


if __name__ == "__main__":
    main()
