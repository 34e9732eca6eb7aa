"""Runs of `almenara` that are killed at a chosen point, as a program of its own: a job a line, each in a fork.

A job is JSON: `arguments` of the command line, `at` ("append", "rename" or "" for nowhere), `number` (the how-manieth
one), `of` (counting only appends that hold an event of this kind), `done` (whether that one still happens), `fine`
(every event is committed by itself), `snapshots` (after every commit), `here` (no fork: what it loads and compiles, all
later forks have). The answer is a line too: the exit code, or minus the signal, and what it said, as JSON.
"""

import contextlib
import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from almenara import cli
from almenara.service import session
from almenara.stores import sqlite

#: The exit code of a run that ended with an error that nobody caught.
CRASHED = 70


def killing(function: Callable[..., Any], number: int, done: bool, of: str = "") -> Callable[..., Any]:
    """The function, but its `number`-th call is the process's last, before or after it does what it does."""
    calls = [0]

    def counted(*arguments: Any, **named: Any) -> Any:
        counts = not of or any(type(event).__name__ == of for event in arguments[1])
        calls[0] += counts
        if counts and calls[0] == number and not done:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **named)
        if counts and calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return counted


def run(job: dict[str, Any]) -> None:
    """The command line to its end, or to the point where it is killed."""
    if job.get("fine"):
        session.COMMIT_S = 0.0
    session.SNAPSHOT_S = 0.0 if job.get("snapshots") else 1e9
    session.SNAPSHOT_SHARE = 0.0
    number, done = job.get("number", 0), job.get("done", True)
    if job.get("at") == "append":
        setattr(sqlite.SqliteLog, "append", killing(sqlite.SqliteLog.append, number, done, job.get("of", "")))  # noqa: B010
    elif job.get("at") == "rename":  # how every file of results, every report and every snapshot comes to be
        for name in ("replace", "rename"):
            setattr(Path, name, killing(getattr(Path, name), number, done))
    sys.argv = ["almenara", *job["arguments"]]
    cli.main()


def end_of(job: dict[str, Any]) -> int:
    """Run a job; its exit code."""
    try:
        run(job)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 0
    return 0


def fork(job: dict[str, Any]) -> dict[str, Any]:
    """Run a job in a fork: its exit code, or minus the signal that ended it, and what it said."""
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            code = CRASHED
            try:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                code = end_of(job)
                sys.stdout.flush()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "said": said.read().decode(errors="replace")}


def here(job: dict[str, Any]) -> dict[str, Any]:
    """Run a job in this process."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        return {"code": end_of(job), "said": said.getvalue()}


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps((here if asked.get("here") else fork)(asked)), flush=True)  # noqa: T201 - the answer
