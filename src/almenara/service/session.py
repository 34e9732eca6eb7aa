"""A log and the state it adds up to, ready to go on: what every way of running Almenara shares."""

import resource
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from almenara import pipeline, places, results
from almenara.model.errors import UsageError
from almenara.model.events import Event, Parameter, PlacesImported, RunFinished, RunStarted
from almenara.model.observations import to_ipc
from almenara.ports import EventLog
from almenara.stages.public_warnings import check_policy
from almenara.stores import open_log
from almenara.stores.folder import KEY_NAME, SNAPSHOTS_NAME, WriterLock
from almenara.stores.sqlite import FILE_NAME

#: Decisions are made durable together, at the latest after so many seconds or events: nothing is acknowledged before.
COMMIT_S = 0.5
COMMIT_EVENTS = 2_000
SNAPSHOT_S = 20.0

#: Called with (words for people, done, total).
Progress = Callable[[str, int, int], None]


def now_ms() -> int:
    """The real clock."""
    return time.time_ns() // 1_000_000


class Session:
    """A log and the state that it adds up to, ready to go on."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.mode = ""
        self.state = pipeline.State()
        self.clockwork = pipeline.Clockwork(time.perf_counter)
        self.seconds: dict[str, float] = {}
        self._unsaved: list[Event] = []
        self._saved_at = self._snapshot_at = time.monotonic()

    def recover(self) -> None:
        """Read the newest snapshot and what the log holds after it."""
        begun = time.perf_counter()
        after = 0
        snapshot = self.log.load_snapshot()
        if snapshot is not None:
            after, data = snapshot
            self.state = pipeline.from_bytes(data)
        for entry in self.log.read(after):
            self.state = pipeline.evolve(self.state, entry.event())
        self.seconds["recover"] = time.perf_counter() - begun

    def take(self, event: Event) -> None:
        """Let the state evolve by an event from outside and put it in line for the log."""
        self.state = pipeline.evolve(self.state, event)
        self._queue([event])

    def step(self, at_ms: int) -> list[Event]:
        """Follow everything acquired up to a time; returns what was decided."""
        events = self.clockwork.step(self.state, at_ms)
        self._queue(events)
        return events

    def _queue(self, events: Iterable[Event]) -> None:
        self._unsaved.extend(events)
        if len(self._unsaved) >= COMMIT_EVENTS or time.monotonic() - self._saved_at >= COMMIT_S:
            self.commit()

    def commit(self) -> None:
        """Make everything taken and decided so far durable."""
        begun = time.perf_counter()
        if self._unsaved:
            self.log.append(self._unsaved, now_ms())
            self._unsaved = []
        self._saved_at = time.monotonic()
        if self._saved_at - self._snapshot_at >= SNAPSHOT_S:
            self.snapshot()
        self.seconds["log"] = self.seconds.get("log", 0.0) + time.perf_counter() - begun

    def snapshot(self) -> None:
        """Keep the state beside the log, so that a restart need not read all of it."""
        seq, _ = self.log.head()
        self.log.save_snapshot(seq, pipeline.to_bytes(self.state))
        self._snapshot_at = time.monotonic()

    def start(self, mode: str, status: str, parameters: dict[str, Parameter]) -> bool:
        """Begin a run, or go on with the same one (True). Raises UsageError when the log holds a different one."""
        self.mode = mode
        found = next((e.event() for e in self.log.read() if e.kind == RunStarted.__name__), None)
        if found is None:
            begun = RunStarted(mode=mode, status=status, parameters=parameters)
            check_policy(pipeline.policy_of(begun))
            self.state = pipeline.evolve(self.state, begun)
            self._unsaved.append(begun)  # durable with the places: a request that names wrong ones leaves no trace
            return False
        assert isinstance(found, RunStarted)
        different = sorted(name for name in parameters if parameters[name] != found.parameters.get(name))
        different += [name for name, ok in (("mode", found.mode == mode), ("status", found.status == status)) if not ok]
        if different:
            raise UsageError(
                f"This state belongs to a run that was asked otherwise ({', '.join(different)} differ). "
                "Go on with the same inputs and options, or begin anew in another folder."
            )
        return True

    def import_places(self, spec: str, progress: Progress) -> None:
        """Read the protected places, unless the log has them."""
        begun = time.perf_counter()
        if not self.state.exposure.imports:
            progress("Reading places", 0, 1)
            loaded = places.load_places(spec)
            rejected: dict[str, int] = {}
            for rejection in loaded.rejections:
                rejected[rejection.reason] = rejected.get(rejection.reason, 0) + 1
            table = to_ipc(loaded.table)
            origin, credit = loaded.origin, loaded.attribution
            self.take(PlacesImported(origin=origin, attribution=credit, table=table, rejected=rejected))
            self.commit()
        self.seconds["places"] = time.perf_counter() - begun

    def finish(self, parameters: dict[str, Parameter], begun: float, progress: Progress) -> results.Results:
        """Gather the results of a run and sign what the log holds."""
        progress("Gathering the results", 0, 1)
        collecting = time.perf_counter()
        found = results.collect(self.log, self.state)
        self.take(RunFinished(state_digest=found.digest))
        self.commit()
        self.snapshot()
        self.log.checkpoint(now_ms())
        self.seconds["results"] = time.perf_counter() - collecting
        self.seconds |= self.clockwork.seconds
        self.seconds["total"] = time.perf_counter() - begun
        found.summary = results.summarise(found, self.state, self.mode, parameters, self.seconds, peak_memory_mb())
        return found


def results_of(session: Session) -> results.Results:
    """What a watch has found so far."""
    found = results.collect(session.log, session.state)
    found.summary = results.summarise(found, session.state, session.mode, {}, session.seconds, peak_memory_mb())
    found.summary["seconds"].setdefault("total", 0.0)
    return found


def peak_memory_mb() -> float:
    """The most memory this process has held, MB."""
    scale = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, KiB on Linux
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6, 1)


def begin_anew(folder: Path, *, own: bool) -> None:
    """Make sure that a replay begins with an empty log.

    A folder that replays and drills made for themselves (`own`) is cleared; one that the user named, the log of a watch
    and one that is being written are never touched.
    """
    mode = _mode_of(folder)
    if mode is None:
        return
    if not own:
        raise UsageError(
            f"{folder} already holds a log. Add --resume to go on with it, or name another --state folder."
        )
    if mode == "watch":
        raise UsageError(f"{folder} holds the log of a watch, which is not thrown away: name another folder.")
    lock = WriterLock(folder)
    try:
        snapshots, log = (folder / SNAPSHOTS_NAME).glob("*"), sorted(folder.glob(f"{FILE_NAME}*"), reverse=True)
        for file in (*snapshots, *log, folder / KEY_NAME):  # the key last: a log without one cannot be opened
            file.unlink(missing_ok=True)
    finally:
        lock.release()


def _mode_of(folder: Path) -> str | None:
    """What wrote the log in a folder; None when there is no log, or nothing in it yet."""
    if not (folder / FILE_NAME).exists():
        return None
    try:
        reader = open_log(folder, readonly=True)
    except UsageError:  # its writer was killed before it had made the tables
        return None
    with closing(reader) as log:
        found = next((entry.event() for entry in log.read() if entry.kind == RunStarted.__name__), None)
        return found.mode if isinstance(found, RunStarted) else "" if log.head()[0] else None


def write_results(found: results.Results, out: Path, render_report: Callable[[Path], Path], progress: Progress) -> None:
    """Write the files of a run and its report."""
    progress("Writing the results", 0, 1)
    begun = time.perf_counter()
    results.write(found, out)
    render_report(out)
    found.summary["seconds"]["write"] = round(time.perf_counter() - begun, 3)
    found.summary["seconds"]["total"] = round(found.summary["seconds"]["total"] + time.perf_counter() - begun, 3)
    found.summary["peak_memory_mb"] = peak_memory_mb()
    results.write_summary(found, out)
