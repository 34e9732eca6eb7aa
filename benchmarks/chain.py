"""The durable chain under a long load: files in, decisions in the log; rate, latency, memory and log over time.

Seeded, made-up fires all over the Earth are written as FIRMS text and delivered one file after another through the live
chain (`service/live.py`) with the SQLite log (`synchronous=FULL`): each file is read, judged, followed, held against
the places, and its decisions are durable, before the next one begins. Making the files is not counted.

    python -m benchmarks.chain --observations 1000000 --days 36
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from almenara import FireTracker
from almenara.service.live import Desk
from almenara.service.rates import memory_mb
from almenara.service.session import Session
from almenara.simulation.synthetic import FirePixels, generate_fires, write_firms_csv
from almenara.stores import open_log
from benchmarks.engines import Bench
from benchmarks.page import Goal, Section, machine, number, table

TITLE = "The durable chain over a year"

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_704_067_200_000  # 2024-01-01
#: Fires that begin in one day's share do so within six days, and burn until the tenth.
LASTING_DAYS = 10.0
#: What is made beyond need: MODIS' rows, which `write_firms_csv` leaves out, and 5 % to choose from.
SPARE = 1.05 / 0.6
#: A file is delivered so long after its last detection was acquired.
LATENCY_MS = 3 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Load:
    """What is delivered."""

    observations: int = 10_000_000
    days: int = 365
    late_days: int = 10  # as `late_days` of the configuration
    file_rows: int = 10_000
    late_share: float = 0.002  # of the rows: these come two files late
    pixels_a_fire: float = 120.0
    places: str = "geonames:world"
    seed: int = 7


LOADS = {
    "full": Load(),
    "small": Load(observations=1_000_000, days=36),
    "tiny": Load(observations=3_000, days=3, file_rows=500),
}
SAMPLES = {"full": 100, "small": 40, "tiny": 4}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The chain at one moment of its run; rate and latencies are of the files since the sample before."""

    observations: int  # delivered so far
    seconds: float  # worked so far
    rate: float  # observations per second
    cpu_rate: float  # observations per second of processor time, which other programs on the machine do not slow
    latency_p50_ms: float  # from a file's arrival until all decisions on it were durable
    latency_p95_ms: float
    cpu_p50_ms: float  # processor time of a file, all threads
    cpu_p95_ms: float
    yardstick_ms: float  # processor time of the same piece of work at each sample: how slow others make the machine
    memory_mb: float  # held by the process
    log_mb: float
    snapshot_mb: float


def main() -> None:
    """Run a load of one's own and print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for one in fields(Load):
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=type(one.default), default=one.default)
    parser.add_argument("--samples", type=int, default=40)
    asked = vars(parser.parse_args())
    samples = asked.pop("samples")
    found = run(Load(**asked), samples)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found | {"machine": machine()}), indent=1).decode() + "\n")


def measure(bench: Bench) -> dict[str, Any]:
    """Deliver the load of a size."""
    found: dict[str, Any] = msgspec.to_builtins(run(LOADS[bench.size], SAMPLES[bench.size]))
    return found


def run(load: Load, samples: int) -> dict[str, Any]:
    """Deliver the load; figures of the whole, and samples over its course."""
    with tempfile.TemporaryDirectory(prefix="almenara-") as folder, closing(open_log(Path(folder))) as log:
        session = Session(log)
        session.start("watch", "Exercise", {"seed": load.seed, "late_days": load.late_days})
        session.import_places(load.places, lambda *_: None)
        desk = Desk(session, {"fires": 6 * HOUR_MS})
        course = Course(Path(folder), max(1, load.observations // samples))
        path = Path(folder, "fires.csv")
        for rows in files(load):
            write_firms_csv(rows, path)
            at_ms = int(rows.time_ms.max()) + LATENCY_MS
            begun, cpu_begun = time.perf_counter(), time.process_time()
            desk.deliver("fires", "firms", path, at_ms)
            session.commit()
            course.note(len(rows), time.perf_counter() - begun, time.process_time() - cpu_begun)
        session.snapshot()
        counts = session.state.observations.counts["firms"]
        spent = {name: round(s, 1) for name, s in {**session.seconds, **session.clockwork.seconds}.items()}
        whole = {"read": counts.read, "accepted": counts.accepted, **course.whole(), "stages_s": spent}
    return {"load": msgspec.to_builtins(load), "whole": whole, "samples": course.samples}


def _few_fires() -> dict[str, NDArray[Any]]:
    fires = generate_fires(1_000, 0)
    return {"lon": fires.lon, "lat": fires.lat, "time": fires.time_ms.astype("datetime64[ms]")}


@dataclass(slots=True)
class Course:
    """How the run went so far."""

    state: Path
    every: int  # observations between samples
    samples: list[Sample] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    yardstick: dict[str, NDArray[Any]] = field(default_factory=_few_fires)
    delivered: int = 0
    _seen: tuple[int, int] = (0, 0)  # observations and files at the last sample

    def note(self, rows: int, seconds: float, cpu_s: float) -> None:
        """One file was delivered."""
        self.latencies_s.append(seconds)
        self.cpu_s.append(cpu_s)
        self.delivered += rows
        before, first = self._seen
        if self.delivered - before < self.every:
            return
        since = self.latencies_s[first:]
        p50, p95 = np.percentile(since, [50, 95]) * 1000.0
        cpu_p50, cpu_p95 = np.percentile(self.cpu_s[first:], [50, 95]) * 1000.0
        self.samples.append(
            Sample(
                observations=self.delivered,
                seconds=round(sum(self.latencies_s), 3),
                rate=round((self.delivered - before) / sum(since)),
                cpu_rate=round((self.delivered - before) / sum(self.cpu_s[first:])),
                latency_p50_ms=round(float(p50), 1),
                latency_p95_ms=round(float(p95), 1),
                cpu_p50_ms=round(float(cpu_p50), 1),
                cpu_p95_ms=round(float(cpu_p95), 1),
                yardstick_ms=round(self.measure_pace(), 2),
                memory_mb=memory_mb(),
                log_mb=_size_mb(self.state.glob("log.sqlite*")),
                snapshot_mb=_size_mb(sorted(self.state.glob("snapshots/*"))[-1:]),
            )
        )
        self._seen = self.delivered, len(self.latencies_s)
        sys.stderr.write(f"{self.samples[-1]}\n")

    def measure_pace(self) -> float:
        """Milliseconds of processor time to follow the same few fires from nothing, the best of three."""
        best = np.inf
        for _ in range(3):
            begun = time.thread_time()
            FireTracker().update(self.yardstick)
            best = min(best, time.thread_time() - begun)
        return 1000.0 * float(best)

    def whole(self) -> dict[str, Any]:
        """Figures of all that was delivered."""
        seconds = sum(self.latencies_s)
        quantiles = ("p50", "p95", "p99", "max")
        latency, cpu = (np.percentile(s, [50, 95, 99, 100]) * 1000.0 for s in (self.latencies_s, self.cpu_s))
        return {
            "files": len(self.latencies_s),
            "seconds": round(seconds, 1),
            "observations_per_s": round(self.delivered / seconds),
            "observations_per_cpu_s": round(self.delivered / sum(self.cpu_s)),
            "latency_ms": dict(zip(quantiles, latency.round(1).tolist(), strict=True)),
            "cpu_ms": dict(zip(quantiles, cpu.round(1).tolist(), strict=True)),
            "memory_mb_max": max(sample.memory_mb for sample in self.samples),
            "log_mb": self.samples[-1].log_mb,
        }


# ---------------------------------------------------------------------- the load


def files(load: Load) -> Iterator[FirePixels]:
    """The contents of the files in the order of their delivery; memory holds the fires of `LASTING_DAYS` at a time.

    Each day new fires begin, so that after the first days as many burn at any time.
    """
    dice = np.random.Generator(np.random.PCG64([load.seed, 1]))
    burning: list[FirePixels] = []
    late: list[FirePixels] = []
    waiting = _joined()
    days = max(1, round(load.days))
    for day in range(days):
        wanted = load.observations * (day + 1) // days - load.observations * day // days
        burning = [*burning, _begun(load, day, wanted, dice)]
        until_ms = START_MS + (day + 1) * DAY_MS if day + 1 < days else np.iinfo(np.int64).max
        today = _joined(waiting, *(_take(fires, np.flatnonzero(fires.time_ms < until_ms)) for fires in burning))
        burning = [rest for fires in burning if len(rest := _take(fires, np.flatnonzero(fires.time_ms >= until_ms)))]
        today = _take(today, np.argsort(today.time_ms, kind="stable"))
        cuts = _cuts(today.time_ms, load.file_rows)
        parts = np.split(np.arange(len(today)), cuts)
        last = parts.pop() if day + 1 < days else parts[0][:0]
        waiting = _take(today, last)
        for rows in parts:
            delayed = dice.random(len(rows)) < load.late_share
            late.append(_take(today, rows[delayed]))
            arrived = late.pop(0) if len(late) > 2 else _joined()
            yield _joined(_take(today, rows[~delayed]), arrived)
    yield from (rest for rest in late if len(rest))


def _begun(load: Load, day: int, wanted: int, dice: np.random.Generator) -> FirePixels:
    """All that will be seen of the fires that begin in the days from one on."""
    fires = generate_fires(
        round(wanted * SPARE) + 100,
        100_000 * load.seed + day,
        start_ms=START_MS + day * DAY_MS,
        days=LASTING_DAYS,
        pixels_a_fire=load.pixels_a_fire,
    )
    viirs = np.flatnonzero(fires.platform < 3)
    return _take(fires, np.sort(dice.choice(viirs, min(wanted, len(viirs)), replace=False)))


def _cuts(time_ms: NDArray[np.int64], file_rows: int) -> NDArray[np.int64]:
    """Where to cut so that no minute of acquisition is divided."""
    wanted = time_ms[file_rows::file_rows]
    return np.unique(np.searchsorted(time_ms, wanted))


def _take(fires: FirePixels, rows: NDArray[np.int64]) -> FirePixels:
    return FirePixels(**{one.name: getattr(fires, one.name)[rows] for one in fields(FirePixels)})


def _joined(*parts: FirePixels) -> FirePixels:
    parts = (generate_fires(0, 0), *parts)
    columns = {one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(FirePixels)}
    return FirePixels(**columns)


# ---------------------------------------------------------------------- what it cost


def _size_mb(paths: Iterable[Path]) -> float:
    return round(sum(path.stat().st_size for path in paths) / 1e6, 1)


# ---------------------------------------------------------------------- what is said of it

#: From this share of the stream on as much burns, is held and is archived at any time: what is measured for flatness.
STATIONARY = 0.2
SHARES = 10


def describe(result: dict[str, Any]) -> Section:
    """Paragraph, table, plot."""
    load, whole = result["load"], result["whole"]
    fast, slow = (bound(s["yardstick_ms"] for s in result["samples"]) for bound in (min, max))
    cpu = whole["cpu_ms"]
    stages = ", ".join(f"{name} {s:,.0f} s" for name, s in whole["stages_s"].items())
    text = [
        f"{whole['read']:,} made-up detections of fires all over the Earth, over {load['days']} days, in "
        f"{whole['files']:,} files of {load['file_rows']:,} through feed reader, hazards, exposures "
        f"({load['places']}), reach, incidents and warnings into the SQLite log (`synchronous=FULL`), "
        f"{load['late_share']:.1%} of the rows two files late; `late_days = {load['late_days']}`. "
        "Memory is the process's resident memory at the end of a tenth's last file; now and then it holds the copy "
        "of a snapshot that is being written.",
        "*At full pace*: what the machine was slower at that moment is taken out, by a yardstick (the same few fires, "
        f"followed anew at each sample: {fast:.0f} ms of processor time at best, {slow:.0f} at worst).",
        table(_HEAD, [_row(name, samples) for name, samples in _shares(_paced(result["samples"]))]),
        f"In all {whole['observations_per_cpu_s']:,} observations per second of processor time, "
        f"{whole['observations_per_s']:,} per second of the clock; processor time of a file: median {cpu['p50']:,.0f}, "
        f"p95 {cpu['p95']:,.0f}, p99 {cpu['p99']:,.0f}, at most {cpu['max']:,.0f} ms; log {whole['log_mb']:,.0f} MB. "
        f"Of the clock: {stages}.",
        "![The chain over its stream](benchmarks/chain.svg)",
    ]
    return Section(text, {"chain": plot(msgspec.convert(result["samples"], list[Sample]))})


def goals(result: dict[str, Any]) -> list[Goal]:
    """Flat over time, and quick for a file."""
    steady = [s for s in _paced(result["samples"]) if s["observations"] >= STATIONARY * result["load"]["observations"]]
    if len(steady) < SHARES:
        return []
    half = len(steady) // 2
    rate, memory = (
        np.median([s[name] for s in steady[half:]]) / np.median([s[name] for s in steady[:half]])
        for name in ("paced_rate", "memory_mb")
    )
    p95 = result["whole"]["cpu_ms"]["p95"] * 10_000 / result["load"]["file_rows"]
    return [
        Goal(
            "Durable chain: observations per CPU-second, later half ÷ earlier",
            "0.8 … 1.2",
            number(rate),
            bool(abs(rate - 1) <= 0.2),
        ),
        Goal("Durable chain: resident memory, later half ÷ earlier", "≤ 1.1", number(memory), bool(memory <= 1.1)),
        Goal("10,000 detections to durable decisions, p95 of CPU", "< 0.5 s", f"{p95 / 1000:.2f} s", bool(p95 < 500)),
    ]


_HEAD = ("observations", "a CPU-second", "at full pace", "a second", "CPU ms a file", "p95", "memory MB", "log MB")


def _paced(samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The samples, each with the rate that the machine would have had at its full pace."""
    fast = min(s["yardstick_ms"] for s in samples)
    return [s | {"paced_rate": s["cpu_rate"] * s["yardstick_ms"] / fast} for s in samples]


def _shares(samples: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Sequence[dict[str, Any]]]]:
    """The samples in ten shares, each named by the observations until its end."""
    for share in np.array_split(np.arange(len(samples)), min(SHARES, len(samples))):
        chosen = [samples[k] for k in share.tolist()]
        yield f"{chosen[-1]['observations']:,}", chosen


def _row(name: str, samples: Sequence[dict[str, Any]]) -> list[str]:
    keys = ("cpu_rate", "paced_rate", "rate", "cpu_p50_ms", "cpu_p95_ms")
    middle = [float(np.median([s[key] for s in samples])) for key in keys]
    last = samples[-1]
    return [name, *(f"{value:,.0f}" for value in (*middle, last["memory_mb"], last["log_mb"]))]


# ---------------------------------------------------------------------- the plot

_WIDTH, _HEIGHT, _LEFT, _TOP = 720, 150, 74, 26
_PANELS = (
    ("rate", "observations/s"),
    ("cpu_rate", "observations per second of processor time"),
    ("cpu_p95_ms", "processor time of a file, p95, ms"),
    ("memory_mb", "memory, MB"),
    ("log_mb", "log, MB"),
)


def plot(samples: Sequence[Sample]) -> str:
    """Panels over the observations delivered, as SVG."""
    panels = [_panel(samples, name, title, row) for row, (name, title) in enumerate(_PANELS)]
    width, height = _WIDTH + _LEFT + 20, (_HEIGHT + 50) * len(_PANELS)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
    return f'{head} font-size="12">\n<rect width="{width}" height="{height}" fill="#fff"/>\n{"".join(panels)}</svg>\n'


def _panel(samples: Sequence[Sample], name: str, title: str, row: int) -> str:
    values = [getattr(sample, name) for sample in samples]
    top, most = _nice(max(values, default=1.0)), max((s.observations for s in samples), default=1)
    y0 = row * (_HEIGHT + 50) + _TOP
    x = [_LEFT + _WIDTH * sample.observations / most for sample in samples]
    y = [y0 + _HEIGHT * (1.0 - value / top) for value in values]
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    rules = "".join(
        f'<path d="M{_LEFT} {y0 + _HEIGHT * (1 - k / 4):.1f}h{_WIDTH}" stroke="#ddd"/>'
        f'<text x="{_LEFT - 8}" y="{y0 + _HEIGHT * (1 - k / 4) + 4:.1f}" text-anchor="end">{top * k / 4:,.0f}</text>'
        for k in range(5)
    )
    ends = f'<text x="{_LEFT + _WIDTH}" y="{y0 + _HEIGHT + 16}" text-anchor="end">{most:,} observations</text>'
    heading = f'<text x="{_LEFT}" y="{y0 - 8}" font-weight="bold">{title}</text>'
    return f'{heading}{rules}{ends}<polyline points="{line}" fill="none" stroke="#b3361b" stroke-width="1.5"/>\n'


def _nice(most: float) -> float:
    """The next of 1, 2, 4, 8 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(max(most, 1e-9)))
    return float(next(step * power for step in (1.0, 2.0, 4.0, 8.0, 10.0) if step * power >= most))


if __name__ == "__main__":
    main()
