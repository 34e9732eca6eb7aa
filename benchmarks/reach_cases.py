"""Cases for the reach benchmark: fires at the passes that saw them, with what later passes showed of their growth.

The real stages follow the detections; a case knows what the product would have known at its time, no more. Rules:
docs/decisions/0012-could-be-reached.md, "Protocol".
"""

import csv
import gzip
import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from almenara import intake, sources
from almenara.kernels.advance import beyond_m
from almenara.model.events import ObservationsReceived
from almenara.model.observations import from_ipc
from almenara.stages import observations
from almenara.stages.hazards.fire import State
from almenara.stages.reach_bands import HORIZONS_H

TOLERANCE_MIN = 3 * 60
CASES_MAX = 12  # of a fire
RECEIVED_MS = 4_102_444_800_000  # 2100: the detections are history
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fire was seen to have done by the last pass near a horizon."""

    footprint: NDArray[np.int64]  # cells known at the issue
    new: NDArray[np.int64]  # cells that joined since
    births: NDArray[np.int64]  # minutes of `new`
    beyond_m: NDArray[np.float64]  # of `new`

    @property
    def farthest_m(self) -> float:
        """Distance of the farthest newly burnt cell; 0 when there is none."""
        return float(self.beyond_m.max(initial=0.0))


@dataclass(slots=True)
class Case:
    """A fire at a pass that saw it."""

    fire: str
    minute: int
    fine: bool
    advance_m: float  # NaN: too young, the pooled prior speaks
    outcomes: dict[int, Outcome] = field(default_factory=dict)  # by number of the horizon

    @property
    def own(self) -> bool:
        """Whether the fire has an advance of its own."""
        return not np.isnan(self.advance_m)


@dataclass(slots=True)
class Followed:
    """All cases with an outcome, by fire (its oldest id), thinned; and the fires that had none."""

    cases: dict[str, list[Case]]
    fires: int = 0


def in_calibration(fire: str) -> bool:
    """Which half a fire belongs to: decided by its id alone, before anything was looked at."""
    return hashlib.blake2b(fire.encode(), digest_size=8).digest()[0] % 2 == 0


def follow(files: Iterable[Path]) -> Followed:
    """Follow all detections of some files in order of acquisition."""
    fires = _received(files)
    older: dict[str, str] = {}  # id → an id of the same fire, at last the oldest
    waiting: dict[str, list[Case]] = {}
    cases: list[Case] = []
    for at_ms in fires.pending_times().tolist():
        seen: dict[str, bool] = {}
        for row in fires.advance(at_ms).changes:
            if row["into"] is not None:
                _unite(older, row["hazard_id"], row["into"])
                seen.pop(row["hazard_id"], None)
                waiting.setdefault(row["into"], []).extend(waiting.pop(row["hazard_id"], []))
            elif row["state"] == "active":
                older.setdefault(row["hazard_id"], row["hazard_id"])
                seen[row["hazard_id"]] = row["suppressed"] is None
            else:
                waiting.pop(row["hazard_id"], None)
        if seen:
            cases += _take_pass(fires, at_ms // MINUTE_MS, seen, waiting)
    by_fire: dict[str, list[Case]] = {}
    for case in cases:
        if case.outcomes:
            by_fire.setdefault(_oldest(older, case.fire), []).append(case)
    thinned = {fire: _thinned(own) for fire, own in sorted(by_fire.items())}
    return Followed(thinned, len({_oldest(older, fire) for fire in older}))


def _take_pass(fires: State, minute: int, seen: dict[str, bool], waiting: dict[str, list[Case]]) -> Iterator[Case]:
    """Outcomes of the cases that wait for the fires of a pass, then the cases that begin with it."""
    fronts = fires.fronts(sorted(seen))
    numbers = np.array([fires.facts.numbers[name] for name in fronts.hazards], np.int64)
    owner, cells, births = fires.tracker.footprints_of(numbers)
    starts, ends = (np.searchsorted(owner, numbers, side) for side in ("left", "right"))
    for k, name in enumerate(fronts.hazards):
        own = slice(int(starts[k]), int(ends[k]))
        waiting[name] = [c for c in waiting.get(name, ()) if _show(c, minute, cells[own], births[own])]
        if seen[name]:
            case = Case(name, minute, bool(fronts.fine[k]), float(fronts.advance_m[k]))
            waiting[name].append(case)
            yield case


def _show(case: Case, minute: int, cells: NDArray[np.int64], births: NDArray[np.int32]) -> bool:
    """Let a case see a pass; False when it needs no more."""
    passed = minute - case.minute
    for number, hours in enumerate(HORIZONS_H):
        if abs(passed - 60 * hours) <= TOLERANCE_MIN:
            known = births <= case.minute
            beyond = beyond_m(cells[known], cells[~known])
            case.outcomes[number] = Outcome(cells[known], cells[~known], births[~known].astype(np.int64), beyond)
    return passed < 60 * HORIZONS_H[-1] + TOLERANCE_MIN


def _unite(older: dict[str, str], gone: str, into: str) -> None:
    first, second = sorted((_oldest(older, gone), _oldest(older, into)))
    older[second] = first


def _oldest(older: dict[str, str], fire: str) -> str:
    while older.setdefault(fire, fire) != fire:
        fire = older[fire]
    return fire


def _thinned(cases: list[Case]) -> list[Case]:
    if len(cases) <= CASES_MAX:
        return cases
    return [cases[k] for k in np.linspace(0, len(cases) - 1, CASES_MAX).round().astype(int).tolist()]


# ---------------------------------------------------------------------- reading


def _received(files: Iterable[Path]) -> State:
    seen, fires, plugins = observations.State(), State(), sources.find_all()
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            readable = _as_firms(path, Path(folder)) if path.is_dir() else path
            for event in intake.read_content(readable, plugins, received_ms=RECEIVED_MS, rows_max=100_000):
                if isinstance(event, ObservationsReceived) and event.kind == "fire":
                    fires.receive(observations.receive(seen, event.source, "fire", from_ipc(event.table)))
    return fires


def _as_firms(folder: Path, into: Path) -> Path:
    """A folder of FEDS' pre-processed pixels (Lat, Lon, FRP, Sat, DT, DS, datetime) as one CSV in FIRMS' form."""
    out = into / f"{folder.name}.csv.gz"
    columns = "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,instrument,confidence,version"
    with gzip.open(out, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns.split(","), "bright_ti5", "frp", "daynight"])
        for path in sorted(folder.rglob("*.txt")):
            for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
                day, clock = row["datetime"].split(" ")
                hour = clock[:2] + clock[3:5]
                satellite = {"SNPP": "N", "NOAA20": "N20"}[row["Sat"]]
                pixel = (f"{float(row['DS']):.2f}", f"{float(row['DT']):.2f}")
                sight = (row["Lat"], row["Lon"], 330.0, *pixel, day, hour, satellite, "VIIRS", "n", "2.0NRT")
                writer.writerow([*sight, 290.0, row["FRP"], "D" if row["ampm"] == "PM" else "N"])
    return out
