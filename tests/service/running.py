"""Ways to run Almenara in tests, in this process and as a program of its own, and what a run left behind."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.service import crash
from tests.service.worlds import PLACES

from almenara.ports import EventLog
from almenara.report import render_report
from almenara.results import Results
from almenara.service.replay import ReplayOptions, replay
from almenara.stores.memory import MemoryLog

FILES = (
    "exposures.csv",
    "exposures.parquet",
    "hazards.geojson",
    "incidents.json",
    "report.html",
    "summary.json",
    "timeline.parquet",
)


def quiet(words: str, done: int, total: int) -> None:
    """Progress that nobody wants to see."""


def replayed(paths: Sequence[Path], log: EventLog | None = None, **options: Any) -> Results:
    """The results of a replay in this process."""
    wanted = ReplayOptions(paths=paths, places=options.pop("places", PLACES), **options)
    return replay(MemoryLog() if log is None else log, wanted, progress=quiet)


class Forks:
    """Runs of the program in forks of one process, so that the imports are paid once (see crash.py)."""

    def __init__(self) -> None:
        self.program = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(Path(crash.__file__))],
            env={**os.environ, "COLUMNS": "200", "PYTHONWARNINGS": "ignore::DeprecationWarning"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str | Path, **point: Any) -> subprocess.CompletedProcess[str]:
        """One run: to its end, or to the point at which it is killed."""
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        words = [str(argument) for argument in arguments]
        self.program.stdin.write(json.dumps({"arguments": words, **point}) + "\n")
        self.program.stdin.flush()
        answer = json.loads(self.program.stdout.readline())
        return subprocess.CompletedProcess(words, answer["code"], answer["said"], "")

    def close(self) -> None:
        """No more runs."""
        self.program.communicate()


def almenara(
    *arguments: str | Path, timeout_s: float = 120.0, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        command(*arguments),
        env={**os.environ, "COLUMNS": "200", **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def command(*arguments: str | Path) -> list[str]:
    """The program and its arguments, for this interpreter."""
    return [sys.executable, "-m", "almenara", *(str(argument) for argument in arguments)]


def assert_done(done: subprocess.CompletedProcess[str]) -> None:
    """It came to its end and said nothing of itself that users must not see."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def assert_refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """It ended with the exit code that is promised and a message that names the cause."""
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    assert said.strip(), "it must say why"
    for word in words:
        assert word in " ".join(said.split()), said


def digest_of(out: Path) -> str:
    """The state digest that a run wrote down."""
    digest: str = summary_of(out)["state_digest"]
    return digest


def summary_of(out: Path) -> dict[str, Any]:
    """A run's numbers."""
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return summary


def outputs(out: Path, scratch: Path) -> dict[str, bytes]:
    """Every file of a run but its log, cleared of what the clock and the machine put in: times taken, memory."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(out, scratch, ignore=lambda folder, names: {"state"} & set(names))
    summary = summary_of(scratch)
    assert (scratch / "report.html").stat().st_size > 0
    assert summary["state_digest"] in (scratch / "report.html").read_text(encoding="utf-8")
    summary.update(seconds={}, rates={}, peak_memory_mb=0.0)
    for feed in summary["feeds"]:
        feed["last_heard"] = None
    (scratch / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    render_report(scratch)
    found = {path.relative_to(scratch).as_posix(): path.read_bytes() for path in scratch.rglob("*") if path.is_file()}
    shutil.rmtree(scratch)
    return found
