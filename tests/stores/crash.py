"""A writer to be killed, run as a program of its own: `crash.py appends FOLDER` or `crash.py orphan FOLDER`."""

import os
import signal
import sys
import time
from contextlib import closing
from pathlib import Path

from almenara.model.events import Event, PlacesImported, StepTaken
from almenara.stores import open_log


def batch(number: int) -> list[Event]:
    """What is appended together as number `number`: 1 to 7 events, now and then some large ones."""
    count = 1 + number % 7
    if number % 5 == 4:
        table = number.to_bytes(4, "big") * 50_000
        return [PlacesImported(origin=str(number), attribution="", table=table, rejected={})] * count
    return [StepTaken(now_ms=number * 10 + i) for i in range(count)]


def append_until_killed(folder: Path, first: int, acknowledged: int) -> None:
    """Append batches `first`, `first` + 1, …; write the number of each to the descriptor once it is durable."""
    log = open_log(folder)
    while True:
        seq = log.append(batch(first), first)
        os.write(acknowledged, f"{first}\n".encode())
        if first % 3 == 0:
            log.checkpoint(first)
            log.save_snapshot(seq, str(seq).encode() * 100_000)
        first += 1


def rounds(folder: Path) -> None:
    """For each line "FIRST DELAY_S" on standard input: a forked writer, killed then; answers what it told."""
    for line in sys.stdin:
        first, delay_s = line.split()
        reading, writing = os.pipe()
        child = os.fork()  # a fork for each round: the imports are done once
        if child == 0:
            append_until_killed(folder, int(first), writing)
        os.close(writing)
        time.sleep(float(delay_s))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading) as told:
            print(*told.read().split(), flush=True)  # noqa: T201 - the answer


def orphan(folder: Path) -> None:
    """Open the log, leave a forked worker behind and die without closing."""
    log = open_log(folder)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b".")  # what a forked worker does of itself is done
        with closing(log):
            time.sleep(60)
        return
    os.read(reading, 1)
    print(child, flush=True)  # noqa: T201 - the answer
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    {"appends": rounds, "orphan": orphan}[sys.argv[1]](Path(sys.argv[2]))
