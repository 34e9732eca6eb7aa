"""A log and the state it adds up to, ready to go on: what every way of running Almenara shares."""

import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from almenara import pipeline, places, results
from almenara.model.errors import UnknownSnapshot, UsageError
from almenara.model.events import Event, Parameter, PlacesImported, RunFinished, RunStarted, WarningPolicySet
from almenara.model.observations import to_ipc
from almenara.ports import EventLog
from almenara.service.garbage import unsearched
from almenara.service.large_arrays import give_back
from almenara.service.rates import Meter, Rates, memory_mb, peak_memory_mb
from almenara.service.snapshots import Snapshots
from almenara.service.summary import summarise
from almenara.snapshot import from_bytes
from almenara.stages.public_warnings import Policy, Signer, Words, check_policy, shipped
from almenara.stores import open_log
from almenara.stores.folder import KEY_NAME, SNAPSHOTS_NAME, WriterLock
from almenara.stores.sqlite import FILE_NAME

#: Decisions are made durable together, at the latest after so many seconds or events: nothing is acknowledged before.
COMMIT_S = 0.5
COMMIT_EVENTS = 2_000
#: A snapshot is made after so many seconds of work, which is what a restart has to do again at most: a chain that has
#: little to do makes few. One that takes long to copy is made less often: copying costs no more than a twentieth.
SNAPSHOT_S = 20.0
SNAPSHOT_SHARE = 20.0

#: Called with (words for people, done, total).
Progress = Callable[[str, int, int], None]


def now_ms() -> int:
    """The real clock."""
    return time.time_ns() // 1_000_000


class Session:
    """A log and the state that it adds up to, ready to go on."""

    def __init__(self, log: EventLog, sign: Signer | None = None, words: Words | None = None) -> None:
        give_back()
        self.log = log
        self.words = words if words is not None else shipped()
        self.mode = ""
        self.state = pipeline.State()
        self.clockwork = pipeline.Clockwork(time.perf_counter, self.words, sign)
        self.listen: Callable[[int, list[Event]], None] | None = None  # hears what became durable, and its last entry
        self.seconds: dict[str, float] = {}
        self._unsaved: list[Event] = []
        self._saved_at = time.monotonic()
        self._worked_s = 0.0  # since the state of the newest snapshot
        self._meter = Meter(time.monotonic)
        self._snapshots = Snapshots(log)

    def recover(self) -> None:
        """Read the newest snapshot and what the log holds after it."""
        begun = time.perf_counter()
        after = 0
        snapshot = self.log.load_snapshot()
        if snapshot is not None:
            with suppress(UnknownSnapshot):
                self.state = from_bytes(snapshot[1])
                after = snapshot[0]
        for entry in self.log.read(after):
            self.state = pipeline.evolve(self.state, entry.event())
        self.seconds["recover"] = time.perf_counter() - begun

    def take(self, event: Event) -> None:
        """Let the state evolve by an event from outside and put it in line for the log."""
        begun, read = time.perf_counter(), self._read()
        self.state = pipeline.evolve(self.state, event)
        self._meter.took(self._read() - read)
        self._worked_s += time.perf_counter() - begun
        self.queue([event])

    def step(self, at_ms: int) -> list[Event]:
        """Follow everything acquired up to a time; returns what was decided."""
        begun = time.perf_counter()
        events = self.clockwork.step(self.state, at_ms)
        seconds = time.perf_counter() - begun
        self._meter.stepped(seconds)
        self._worked_s += seconds
        self.queue(events)
        return events

    def _read(self) -> int:
        return sum(counts.read for counts in self.state.observations.counts.values())

    def queue(self, events: Iterable[Event]) -> None:
        """Put events that the state has taken in already in line for the log."""
        self._unsaved.extend(events)
        if len(self._unsaved) >= COMMIT_EVENTS or time.monotonic() - self._saved_at >= COMMIT_S:
            self.commit()

    def commit(self) -> None:
        """Make everything taken and decided so far durable."""
        begun = time.perf_counter()
        if self._unsaved:
            durable, seq = self._unsaved, self.log.append(self._unsaved, now_ms())
            self._unsaved = []
            if self.listen is not None:
                self.listen(seq, durable)
        self._saved_at = time.monotonic()
        enough_s = max(SNAPSHOT_S, SNAPSHOT_SHARE * self._snapshots.pause_s)
        if self._worked_s >= enough_s and not self._snapshots.busy:
            self._worked_s = 0.0
            self._snapshots.keep(self.state)
        self.seconds["log"] = self.seconds.get("log", 0.0) + time.perf_counter() - begun

    def snapshot(self) -> None:
        """Keep the state beside the log, so that a restart need not read all of it; returns when that is done."""
        self._worked_s = 0.0
        self._snapshots.keep(self.state)
        self._snapshots.wait()

    def rates(self, at_ms: int) -> Rates:
        """How the chain is doing."""
        counts = self.state.observations.counts.values()
        newest_ms = self.state.observations.newest_ms
        recent, mean = self._meter.per_s()
        p50, p95 = self._meter.step_ms()
        kept = self._snapshots
        return Rates(
            at_ms=at_ms,
            observations_per_s=round(recent, 3),
            observations_per_s_mean=round(mean, 3),
            read=self._read(),
            accepted=sum(c.accepted for c in counts),
            superseded=sum(c.superseded for c in counts),
            rejected=sum(sum(c.rejected.values()) for c in counts),
            steps=self._meter.steps,
            step_p50_ms=p50,
            step_p95_ms=p95,
            lag_s=round((at_ms - newest_ms) / 1000, 1) if newest_ms else None,
            log_bytes=self.log.size_bytes(),
            log_entries=self.log.head()[0],
            snapshot_age_s=None if kept.kept_at is None else round(time.monotonic() - kept.kept_at, 1),
            snapshot_bytes=kept.size_bytes,
            snapshot_pause_ms=round(1000 * kept.pause_s, 1),
            memory_mb=memory_mb(),
        )

    def start(self, mode: str, status: str, parameters: dict[str, Parameter]) -> bool:
        """Begin a run, or go on with the same one (True). Raises UsageError when the log holds a different one."""
        self.mode = mode
        found = next((e.event() for e in self.log.read() if e.kind == RunStarted.__name__), None)
        if found is None:
            begun = RunStarted(mode=mode, status=status, parameters=parameters)
            check_policy(pipeline.policy_of(begun), self.words)
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
        check_policy(self.state.policy, self.words)
        return True

    def set_policy(self, policy: Policy, at_ms: int) -> None:
        """Warn by this policy from now on, signing all when there is a key; noted when it changed.

        Status, sender and time zone belong to the run and are kept. Raises UsageError for what makes no sense.
        """
        settings = {name: getattr(policy, name) for name in WarningPolicySet.SETTINGS}
        signed = self.clockwork.sign is not None
        settings["languages"], settings["profiles"] = policy.languages, policy.profiles
        policy = msgspec.structs.replace(self.state.policy, **settings, signed=signed)
        check_policy(policy, self.words)
        if policy != self.state.policy:
            settings["languages"], settings["profiles"] = list(policy.languages), list(policy.profiles)
            self.take(WarningPolicySet(now_ms=at_ms, **settings, signed=signed))

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
        with unsearched():
            found = results.collect(self.log, self.state)
        self.take(RunFinished(state_digest=found.digest))
        self.commit()
        self.snapshot()
        self.log.checkpoint(now_ms())
        self.seconds["results"] = time.perf_counter() - collecting
        self.seconds |= self.clockwork.seconds
        self.seconds["total"] = time.perf_counter() - begun
        self._summarise(found, parameters)
        return found

    def gather(self) -> results.Results:
        """What has been found so far."""
        with unsearched():
            found = results.collect(self.log, self.state)
        self._summarise(found, {})
        found.summary["seconds"].setdefault("total", 0.0)
        return found

    def _summarise(self, found: results.Results, parameters: dict[str, Parameter]) -> None:
        found.summary = summarise(found, self.state, self.mode, parameters, self.seconds, peak_memory_mb())
        found.summary["rates"] = msgspec.to_builtins(self.rates(now_ms()))


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
    with unsearched():
        results.write(found, out)
        render_report(out)
    found.summary["seconds"]["write"] = round(time.perf_counter() - begun, 3)
    found.summary["seconds"]["total"] = round(found.summary["seconds"]["total"] + time.perf_counter() - begun, 3)
    found.summary["peak_memory_mb"] = peak_memory_mb()
    results.write_summary(found, out)
