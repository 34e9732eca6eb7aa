"""`almenara serve` in a process of its own, behind an open door, and screens that listen to it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
READY_S = 90.0

CONFIG = """\
places = "geonames:EC"
status = "Exercise"
[[feed]]
name = "folder"
source = "firms"
location = "incoming"
every_s = 3600
[approval]
default = "four-eyes"
"""


class Served:
    """A running service."""

    def __init__(self, process: "subprocess.Popen[str]", address: str) -> None:
        self.process, self.address = process, address
        self.client = httpx.Client(base_url=f"{address}/api/v1", timeout=30, trust_env=False)

    def get(self, path: str, **values: Any) -> Any:
        """What a path answers, which must be well."""
        answer = self.client.get(path, **values)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def order(self, command: str, by: str = "Ana", **values: Any) -> httpx.Response:
        """Give a command."""
        return self.client.post("/commands", json={"command": command, **values}, headers={"X-Name": by})

    def kill(self) -> None:
        """As a power cut would, for the process."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> int:
        """As an operator does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def begin(folder: Path, *arguments: str) -> Served:
    """Start it on any free port and wait until it is ready."""
    command = [sys.executable, "-m", "tests.web.open_house", "serve", "--port", "0", *arguments]
    with (folder / "stderr.txt").open("a") as errors:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, "NO_PROXY": "*"}
        )
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if line.startswith("serving")), None)
        assert line is not None, (folder / "stderr.txt").read_text()
        served = Served(process, line.split()[1].rstrip("/"))
        wait_for(lambda: httpx.get(f"{served.address}/readyz", trust_env=False).status_code == 200, READY_S)
    except BaseException:
        end(process)
        raise
    return served


def end(process: "subprocess.Popen[str]") -> None:
    """Whatever it is doing, it is over."""
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=30)


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Served]:
    """The same, ended in the end."""
    served = begin(folder, *arguments)
    try:
        yield served
    finally:
        end(served.process)
        served.client.close()


def configured(folder: Path, text: str = CONFIG) -> tuple[str, ...]:
    """A configuration with a folder of files; the arguments that name it."""
    (folder / "incoming").mkdir(exist_ok=True)
    (folder / "almenara.toml").write_text(text, encoding="utf-8")
    return "--config", str(folder / "almenara.toml")


class Screen(threading.Thread):
    """A screen: the situation, and what it is told from there on."""

    def __init__(self, served: Served) -> None:
        super().__init__(daemon=True)
        self._address = served.address
        told = served.get("/situation")
        self.seq: int = told["seq"]
        self.resets = 0
        self.shown: dict[tuple[str, str], Any] = {("queue", ""): told["queue"]}
        for topic in ("hazard", "incident", "warning", "source", "channel"):
            for one in told[f"{topic}s"]:
                self.shown[topic, one.get("id") or one.get("identifier") or one["name"]] = one
        self._left = threading.Event()
        self.connected = threading.Event()

    def leave(self) -> None:
        """Lose the line at the next thing that is told."""
        self._left.set()

    def run(self) -> None:
        """Listen from where it is until it leaves or the service ends."""
        headers = {"Last-Event-ID": str(self.seq)}
        url = f"{self._address}/api/v1/live"
        try:
            with httpx.stream("GET", url, headers=headers, timeout=30, trust_env=False) as stream:
                self.connected.set()
                fields: dict[str, str] = {}
                for line in stream.iter_lines():
                    name, _, value = line.partition(": ")
                    if line:
                        fields[name] = value
                        continue
                    if "event" in fields:
                        self._take(fields["event"], json.loads(fields["data"]))
                        self.seq = int(fields["id"])
                    fields = {}
                    if self._left.is_set():
                        return
        except httpx.TransportError:
            return

    def again(self) -> "Screen":
        """The same screen after the line came back."""
        other = object.__new__(Screen)
        threading.Thread.__init__(other, daemon=True)
        other._address, other.seq, other.resets = self._address, self.seq, self.resets
        other.shown = dict(self.shown)
        other._left, other.connected = threading.Event(), threading.Event()
        return other

    def _take(self, topic: str, told: Any) -> None:
        if topic == "reset":
            self.resets += 1
        elif topic == "queue":
            self.shown["queue", ""] = told["cards"]
        elif topic in ("clock", "places"):
            return
        elif told.get("gone"):
            self.shown.pop((topic, told["id"]), None)
        else:
            self.shown[topic, told.get("id") or told.get("identifier") or told["name"]] = told


def wait_for(happened: Callable[[], Any], most_s: float = 20.0) -> Any:
    """What `happened` says, as soon as it says anything."""
    end = time.monotonic() + most_s
    while True:
        try:
            found = happened()
        except httpx.TransportError:
            found = None
        if found:
            return found
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
