"""Live screens: how long a change takes to a thousand of them, and a file of detections to the hazard on one."""

import asyncio
import json
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import uvicorn
from fastapi import Request

from almenara.accounts.principal import Principal
from almenara.accounts.roles import ACTIONS
from almenara.accounts.setup import Setup
from almenara.board import Board, Change
from almenara.service.rates import memory_mb
from almenara.service.session import now_ms
from almenara.simulation.synthetic import HOUR_MS, generate_fires, write_firms_csv
from almenara.web import create_app, security
from benchmarks.engines import ROOT, Bench
from benchmarks.page import Goal, Section, number, table

TITLE = "Live screens: server-sent events, and from a file to the screen"

#: Screens, changes a second, seconds; files, detections in each.
SIZES = {"full": (1_000, 100, 30, 25, 10_000), "small": (1_000, 100, 10, 8, 10_000), "tiny": (20, 50, 2, 2, 500)}
WARM_S = 3.0
FAN_OUT_P99_MS, SCREEN_P95_S, GROWTH_MB = 100.0, 1.0, 20.0

_SENT = re.compile(rb'"sent_ns": (\d+)')
#: A thing on a screen as large as a hazard is.
_PADDING = "x" * 500


# ---------------------------------------------------------------------- a door that is open


async def let_in(self: security.Require, request: Request) -> Any:
    """Anybody: what lies behind the door is measured, not the door."""
    request.state.principal = Principal("bench", scopes=ACTIONS)
    return request.state.principal


def open_the_door() -> None:
    """Let anybody in, in this process."""
    security.Require.__call__ = let_in  # type: ignore[method-assign, assignment]
    security.still_in = lambda request, principal: True
    Setup.needed = property(lambda self: False)  # type: ignore[assignment, method-assign]


# ---------------------------------------------------------------------- one change to a thousand screens


def serve_changes(listening: socket.socket, changes_per_s: int, seconds: float, told: Any) -> None:
    """The web application with a board that changes so often; says the memory at its begin and end."""
    open_the_door()
    office = SimpleNamespace(ready=True, stage="running", board=Board(), clock=now_ms, rates=None, feeds=list)
    app = create_app(office, None)  # type: ignore[arg-type]

    async def main() -> None:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        hub = app.state.hub
        count = await asyncio.to_thread(told.recv)
        while hub.clients < count:
            await asyncio.sleep(0.1)
        await asyncio.sleep(WARM_S)
        begun, seq = time.perf_counter(), 0
        memory: list[float] = []
        while (now := time.perf_counter() - begun) < seconds:
            while seq < now * changes_per_s:
                seq += 1
                data = json.dumps({"id": f"fire-{seq}", "text": _PADDING, "sent_ns": time.monotonic_ns()}).encode()
                hub.publish([Change("hazard", f"fire-{seq}", seq, data)])
            if len(memory) < now:
                memory.append(memory_mb())
            await asyncio.sleep(1.0 / changes_per_s)
        await asyncio.sleep(1.0)
        told.send({"memory_mb": memory, "sent": seq, "resets": hub.resets})
        server.should_exit = True
        hub.close()
        await serving

    asyncio.run(main())


async def screens(port: int, count: int, told: Any) -> list[int]:
    """So many screens; how long each change took to each, ns."""
    delays: list[int] = []

    async def screen() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        writer.write(b"GET /api/v1/live HTTP/1.1\r\nhost: bench\r\n\r\n")
        while data := await reader.read(2**20):
            now = time.monotonic_ns()
            delays.extend(now - int(sent) for sent in _SENT.findall(data))
        writer.close()

    tasks = []
    for begin in range(0, count, 50):
        tasks += [asyncio.create_task(screen()) for _ in range(begin, min(begin + 50, count))]
        await asyncio.sleep(0.05)
    told.send(count)
    await asyncio.gather(*tasks)
    return delays


def fan_out(count: int, changes_per_s: int, seconds: float) -> dict[str, Any]:
    """Changes to all screens: server and screens each in a process of their own, on this machine."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        port = listening.getsockname()[1]
        process = context.Process(target=serve_changes, args=(listening, changes_per_s, seconds, theirs))
        process.start()
    delays = asyncio.run(screens(port, count, ours))
    told = ours.recv()
    process.join(30)
    process.close()
    ours.close()
    theirs.close()
    ms = np.array(delays) / 1e6
    return {
        "screens": count,
        "changes_per_s": changes_per_s,
        "seconds": seconds,
        "heard": len(delays),
        "expected": told["sent"] * count,
        "resets": told["resets"],
        "p50_ms": float(np.percentile(ms, 50)),
        "p99_ms": float(np.percentile(ms, 99)),
        "max_ms": float(ms.max()),
        "memory_mb": told["memory_mb"],
    }


# ---------------------------------------------------------------------- from a file to a screen

_SERVE = "from benchmarks.serve_live import open_the_door; open_the_door(); from almenara.cli import main; main()"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """`almenara serve` on a folder of FIRMS files; its address."""
    (folder / "incoming").mkdir()
    (folder / "almenara.toml").write_text(
        'places = "geonames:world"\nstatus = "Exercise"\n'
        '[[feed]]\nname = "bench"\nsource = "firms"\nlocation = "incoming"\nevery_s = 3600\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-c", _SERVE, "serve", "--port", "0", "--config", str(folder / "almenara.toml")]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if line.startswith("serving"))
            address = line.split()[1].rstrip("/")
            while httpx.get(f"{address}/readyz", trust_env=False).status_code != 200:
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


class Screen(threading.Thread):
    """One connected screen: when each hazard arrived."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self.arrived: list[tuple[float, str]] = []
        self.connected = threading.Event()

    def run(self) -> None:
        """Listen until the service ends."""
        try:
            with httpx.stream("GET", f"{self._address}/api/v1/live", timeout=None, trust_env=False) as stream:  # noqa: S113
                self.connected.set()
                topic = ""
                for line in stream.iter_lines():
                    if line.startswith("event: "):
                        topic = line[7:]
                    elif line.startswith("data: ") and topic == "hazard":
                        self.arrived.append((time.perf_counter(), json.loads(line[6:])["id"]))
        except httpx.TransportError:
            return


def file_to_screen(files: int, detections: int) -> dict[str, Any]:
    """Files dropped into a folder, one after another; seconds until the first and the last hazard of each arrived."""
    first_s, last_s, hazards = [], [], []
    begin_ms = now_ms() - 36 * HOUR_MS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder) as address:
            screen = Screen(address)
            screen.start()
            screen.connected.wait(10)
            for at in range(files):
                fires = generate_fires(2 * detections, seed=at, start_ms=begin_ms + at * HOUR_MS // 2, days=1.0)
                part = folder / f"part-{at}.csv"
                write_firms_csv(fires, part)
                kept = part.read_text(encoding="utf-8").splitlines()[: detections + 1]
                part.write_text("\n".join(kept) + "\n", encoding="utf-8")
                heard, begun = len(screen.arrived), time.perf_counter()
                part.replace(folder / "incoming" / f"{at:03}.csv")
                while len(screen.arrived) == heard and time.perf_counter() - begun < 30:
                    time.sleep(0.005)
                quiet, count = time.perf_counter(), len(screen.arrived)
                while time.perf_counter() - quiet < 1.0:
                    if len(screen.arrived) > count:
                        quiet, count = time.perf_counter(), len(screen.arrived)
                    time.sleep(0.02)
                arrived = screen.arrived[heard:]
                if arrived:
                    first_s.append(arrived[0][0] - begun)
                    last_s.append(arrived[-1][0] - begun)
                    hazards.append(len({name for _, name in arrived}))
    return {"files": files, "detections": detections, "first_s": first_s, "last_s": last_s, "hazards": hazards}


# ---------------------------------------------------------------------- the page


def measure(bench: Bench) -> dict[str, Any]:
    """Both."""
    count, changes_per_s, seconds, files, detections = SIZES[bench.size]
    return {
        "cores": os.cpu_count(),
        "fan_out": fan_out(count, changes_per_s, float(seconds)),
        "file": file_to_screen(files, detections),
    }


def describe(result: dict[str, Any]) -> Section:
    """Two tables."""
    out, file = result["fan_out"], result["file"]
    memory = out["memory_mb"]
    fan = [
        [
            number(out["screens"]),
            number(out["changes_per_s"]),
            number(out["p50_ms"]),
            number(out["p99_ms"]),
            number(out["max_ms"]),
            f"{out['heard']:,} of {out['expected']:,}",
            f"{memory[0]:.0f} → {memory[-1]:.0f}",
        ]
    ]
    rows = [
        [
            which,
            number(file["detections"]),
            number(float(np.median(file[key]))),
            number(float(np.percentile(file[key], 95))),
            number(max(file[key])),
        ]
        for which, key in (("first hazard", "first_s"), ("last hazard", "last_s"))
    ]
    text = [
        f"The whole web application on one core, and all screens on another (of {result['cores']}): each change is a "
        "hazard of its own, so that none stands for an earlier one. Screens are woken at most every 50 ms.",
        table(
            ["screens", "changes/s", "p50 ms", "p99 ms", "most ms", "heard", "memory MB"],
            fan,
        ),
        f"`almenara serve` on a folder: {file['files']} files, each with fires of its own, with a durable log and the "
        f"places of the world; {number(float(np.mean(file['hazards'])))} hazards a file. From the file's appearing, s.",
        table(["on the screen", "detections", "median s", "p95 s", "most s"], rows),
    ]
    return Section(text, {})


def goals(result: dict[str, Any]) -> list[Goal]:
    """A second to the screen, a tenth of it to a thousand of them, and no memory that grows."""
    out, file = result["fan_out"], result["file"]
    p95 = float(np.percentile(file["first_s"], 95))
    grown = out["memory_mb"][-1] - out["memory_mb"][0]
    load = f"{out['screens']:,} screens, {out['changes_per_s']} changes/s"
    return [
        Goal(f"{load}: p99", f"≤ {FAN_OUT_P99_MS:.0f} ms", f"{out['p99_ms']:.0f} ms", out["p99_ms"] <= FAN_OUT_P99_MS),
        Goal(f"{load}: memory", f"flat (≤ {GROWTH_MB:.0f} MB)", f"{grown:+.0f} MB", grown <= GROWTH_MB),
        Goal(
            f"file of {file['detections']:,} detections to the hazard on a screen, p95",
            f"≤ {SCREEN_P95_S:g} s",
            f"{p95:.2f} s",
            p95 <= SCREEN_P95_S,
        ),
    ]
