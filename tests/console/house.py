"""A real service for the tests of the console: `almenara serve` as a process, its people, the fires it is told of."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from almenara.cli import people

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a long enough passphrase 1"  # noqa: S105 - of people who exist in a test only
#: Who there is: account, name on the screen, roles.
PEOPLE = (
    ("admin", "Alba Administradora", ("administrator",)),
    ("ana", "Ana Ruiz", ("duty_officer",)),
    ("bea", "Bea Torres", ("approver",)),
    ("carla", "Carla Vega", ("approver",)),
)
TOWNS = """id,name,kind,population,lon,lat
vilcabamba,Vilcabamba,settlement,4500,-79.2230,-4.2610
malacatos,Malacatos,settlement,3500,-79.2580,-4.2200
yangana,Yangana,settlement,1500,-79.1750,-4.3650
loja,Loja,settlement,180000,-79.2042,-3.9931
"""
HEADER = (
    "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,confidence,version,bright_ti5,frp,daynight"
)
START_S = 60.0


@dataclass
class House:
    """One service in a folder of its own; it can be killed and started again on the same port."""

    folder: Path
    port: int = 0
    arguments: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None
    _files: int = field(default=0, repr=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def furnish(self, *, status: str, feeds: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Write configuration and places, and add the people."""
        (self.folder / "incoming").mkdir(parents=True, exist_ok=True)
        (self.folder / "places.csv").write_text(TOWNS, encoding="utf-8")
        lines = [
            'state = "state"',
            'places = "places.csv"',
            f'status = "{status}"',
            'timezone = "America/Guayaquil"',
            'sender = "avisos@loja.example"',
            '[approval]\ndefault = "four-eyes"',
            f'[[channel]]\nname = "archive"\nplugin = "directory"\nstatus = "{status}"\noptions = {{ path = "sent" }}',
        ]
        for name, values in (feeds or {"noaa-20": {"location": "incoming", "every_s": 600}}).items():
            lines.append(f'[[feed]]\nname = "{name}"\nsource = "firms"')
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        for account, shown, roles in PEOPLE:
            self.add_person(account, shown, roles)

    def furnish_drill(self) -> None:
        """Add the people of an exercise, which brings everything else."""
        state = self.folder / "drill" / "state"
        state.mkdir(parents=True)
        for account, shown, roles in PEOPLE:
            self.add_person(account, shown, roles, "--state", str(state))

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "almenara.toml"

    def add_person(self, account: str, shown: str, roles: Sequence[str], *where: str) -> None:
        """An account by the command line, in the folder of the log (`where`; default: as configured)."""
        wanted = [part for role in roles for part in ("--role", role)]
        place = where or ("--config", str(self.config))
        arguments = ["add", account, "--display-name", shown, "--language", "en", *wanted, "--password-stdin", *place]
        added = CliRunner().invoke(people.app, arguments, input=f"{PASSWORD}\n")
        assert added.exit_code == 0, added.output

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.port = self.port or free_port()
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "almenara", "serve", "--port", str(self.port), *self.arguments],
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_S
        while not self.is_up():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def is_up(self) -> bool:
        """Whether it follows its feeds: where one is dead it is up, and not ready."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310 - this machine
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def said(self) -> str:
        """What it wrote."""
        return (self.folder / "serve.log").read_text(encoding="utf-8")

    def kill(self) -> None:
        """The power goes."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """A graceful end, which must be one."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        assert self.process.wait(30) == 0, self.said()
        assert "Traceback" not in self.said(), self.said()

    def see_fire(
        self,
        lon: float,
        lat: float,
        *,
        radius_m: float = 500.0,
        n: int = 8,
        minutes_ago: int = 5,
        feed: str = "incoming",
    ) -> None:
        """A pass of NOAA-20 over a fire: its file comes into the feed's folder at once and whole."""
        self._files += 1
        text = detections(lon, lat, radius_m=radius_m, n=n, minutes_ago=minutes_ago, seed=self._files)
        made = self.folder / f"pass-{self._files}.tmp"
        made.write_text(text, encoding="utf-8")
        made.rename(self.folder / feed / f"J1_VIIRS_C2_{self._files:03}.csv")


def detections(lon: float, lat: float, *, radius_m: float, n: int, minutes_ago: int, seed: int) -> str:
    """A file as FIRMS gives it, of `n` pixels within a circle."""
    rng = np.random.Generator(np.random.PCG64(seed))
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    angle, away = 2 * np.pi * rng.random(n), radius_m * np.sqrt(rng.random(n))
    east, north = away * np.cos(angle) / 111_000.0, away * np.sin(angle) / 110_574.0
    rows = [
        f"{lat + dy:.5f},{lon + dx:.5f},341.2,0.39,0.36,{at:%Y-%m-%d},{at:%H%M},N20,nominal,2.0NRT,295.1,{frp:.2f},N"
        for dx, dy, frp in zip(east, north, 4 + 9 * rng.random(n), strict=True)
    ]
    return "\n".join([HEADER, *rows]) + "\n"


def free_port() -> int:
    """A port that nobody has, to be taken again after a restart."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def opened(house: House) -> Iterator[House]:
    """The house while it is open."""
    house.start()
    try:
        yield house
        house.stop()
    finally:
        if house.process is not None and house.process.poll() is None:
            os.kill(house.process.pid, signal.SIGKILL)
            house.process.wait()
