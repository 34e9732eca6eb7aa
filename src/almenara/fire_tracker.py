"""`almenara.FireTracker`: detections in, evolving fires out, to be used as a library without log, feeds or service."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from almenara.detection_batch import MINUTE_MS, Batch, as_time, read_batch
from almenara.kernels import array_file
from almenara.kernels.key_table import COLUMNS, NEW, NEWER, empty_table, judge, keys_of, with_room
from almenara.stages.hazards import Delta, View, unpack_view
from almenara.stages.hazards.fire import State
from almenara.stages.observations import REMEMBERED_MS

_FORMAT = "almenara fire tracker 1"

#: What a batch did to a fire, if it did several things: the last of these.
_CHANGES = (
    "dormant", "ended", "seen", "grew", "revived", "revised", "opened", "merged", "renamed", "retracted",
)  # fmt: skip
_RANK = {change: rank for rank, change in enumerate(_CHANGES)}


class FireChange(NamedTuple):
    """What one `update` did to one fire."""

    id: str
    #: opened | grew | seen (again, within its footprint) | revived | revised (by late data) | dormant | ended | merged
    #: | renamed (an earlier detection came to light) | retracted (its detections were taken back)
    change: str
    state: str  # active | dormant | ended | merged | retracted
    time: np.datetime64  # of the detections that did it, ms, UTC
    footprint: BaseGeometry | None  # all of it, WGS84 degrees, cut at ±180; None when the fire goes on as another
    area_km2: float  # of the footprint, on the ellipsoid
    new_area_km2: float  # that joined by new detections; of a revised fire 0
    observations: int  # that the fire consists of
    new_observations: int
    frp_mw: float | None  # radiative power, sum over the new detections
    merged_from: tuple[str, ...]  # fires that it took in now
    merged_into: str | None  # the fire that goes on, when merged or renamed
    confidence: str  # best of its detections: low | nominal | high
    certainty: str  # CAP: Possible | Likely | Observed
    suppressed: str | None  # why it should raise no alarm (a flare, a volcano), or None


class Fire(NamedTuple):
    """A fire as it stands."""

    id: str
    state: str  # active | dormant (unseen for 5 days) | ended (for 20)
    first_seen: np.datetime64  # ms, UTC
    last_seen: np.datetime64
    footprint: BaseGeometry
    area_km2: float
    observations: int
    frp_max_mw: float | None
    platforms: tuple[str, ...]
    merged_from: tuple[str, ...]
    confidence: str
    certainty: str
    suppressed: str | None


class Merger(NamedTuple):
    """One fire taken in by another."""

    id: str
    into: str
    time: np.datetime64


class Lineage(NamedTuple):
    """Where a fire came from and what became of it."""

    id: str
    goes_on_as: str  # itself unless it was absorbed
    mergers: tuple[Merger, ...]  # by which it, and what it took in, grew; then its own into another; in order of time


class FireUpdate(Sequence[FireChange]):
    """What one `update` did: its changes, one for each fire that changed."""

    def __init__(self, changes: list[FireChange], archived: list[Fire], duplicates: int, too_late: int) -> None:
        self.changes = changes
        self.archived = archived  # fires that nothing can change any more: told one last time and let go of
        self.duplicates = duplicates  # rows that do not count: the same again, or an older version
        self.too_late = too_late  # rows acquired more than 100 days before the newest one, not followed

    def __len__(self) -> int:
        return len(self.changes)

    def __getitem__(self, index: Any) -> Any:
        return self.changes[index]

    def __iter__(self) -> Iterator[FireChange]:
        return iter(self.changes)

    def __repr__(self) -> str:
        told = ", ".join(f"{c.change} {c.id}" for c in self.changes[:3]) + (", …" if len(self.changes) > 3 else "")
        return f"<FireUpdate of {len(self)}{': ' if told else ''}{told}>"


class FireTracker:
    """Follows fires through satellite detections: stable ids, footprints as polygons, mergers, lineage.

    Detections may come in any order, late or twice: what is known is a function of the set of detections and of the
    time, and `save` writes the same bytes. Each detection belongs to the fires with a hot cell (187 m) within 1 km; the
    footprint is the closing of all hot cells by a disc of 1 km; a fire unseen for 5 days is dormant, for 20 days ended.
    Degrees in, metres and km² out, times in UTC. A fire unseen for 120 days is archived, so that what is held depends
    on what is burning, not on history; a detection 100 days behind the newest one is no longer followed.

    >>> tracker = FireTracker()
    >>> update = tracker.update({"lon": [-79.2, -79.196], "lat": [-4.2, -4.2], "time": "2026-08-14T18:30"})
    >>> [(c.change, c.state, c.observations, round(c.area_km2, 3), c.footprint.geom_type) for c in update]
    [('opened', 'active', 2, 0.349, 'Polygon')]
    >>> [fire.id == update[0].id for fire in tracker.hazards()]
    [True]

    Nothing is a batch too:

    >>> len(tracker.update({"lon": [], "lat": [], "time": []})), len(tracker.update(now="2026-08-15"))
    (0, 0)

    A fire across the antimeridian is one fire, its footprint cut there as GeoJSON asks:

    >>> change, = tracker.update({"lon": [179.999, -179.999], "lat": [-17.0, -17.0], "time": "2026-08-15T01:10"})
    >>> change.observations, change.footprint.geom_type, [round(x) for x in change.footprint.bounds[::2]]
    (2, 'MultiPolygon', [-180, 180])

    What comes late is drawn into the past; the fire that was first goes on, and keeps its name:

    >>> first = tracker.update({"lon": 20.0, "lat": 50.0, "time": "2026-08-15T10:00"})[0].id
    >>> second = tracker.update({"lon": 20.025, "lat": 50.0, "time": "2026-08-15T11:00"})[0].id
    >>> update = tracker.update({"lon": 20.0125, "lat": 50.0, "time": "2026-08-16T10:00"})
    >>> [(c.id == first, c.change, c.merged_into == first) for c in update]
    [(False, 'merged', True), (True, 'grew', False)]
    >>> tracker.lineage(first).mergers == (Merger(second, first, np.datetime64("2026-08-16T10:00", "ms")),)
    True
    >>> late = tracker.update({"lon": 20.001, "lat": 50.002, "time": "2026-08-15T12:00"})
    >>> [(c.id == first, c.change) for c in late]
    [(True, 'revised')]

    As it stood at any time: before their merger two fires, after it one:

    >>> [round(tracker.footprint(id, at="2026-08-15T11:30").area * 1e6) for id in (first, second)]
    [18, 18]
    >>> tracker.footprint(first, at="2026-08-15T12:00").area > tracker.footprint(first, at="2026-08-15T11:59").area
    True
    >>> tracker.footprint(second, at="2026-08-16T10:00").equals(tracker.footprint(first))
    True
    >>> tracker.footprint(first, at="2026-08-15T09:59").is_empty
    True
    """

    def __init__(self) -> None:
        self._fires = State()
        self._keys = empty_table()  # of every detection told, and which version of it
        self._newest_ms = 0  # of any detection
        self._now_ms = 0

    @property
    def now(self) -> np.datetime64:
        """The time that has been reached, ms, UTC: the latest of any detection and any `now`."""
        return np.datetime64(self._now_ms, "ms")

    @property
    def nbytes(self) -> int:
        """Bytes in use for what is held: cells, detections, facts and keys; without spare room."""
        arrays, _ = self._fires.to_parts()
        return sum(array.nbytes for array in (*arrays.values(), *keys_of(self._keys).values()))

    def update(
        self, batch: pa.Table | Mapping[str, ArrayLike] | None = None, *, now: ArrayLike | None = None
    ) -> FireUpdate:
        """Take in detections, in any order, and say what changed, with whole polygons for just that.

        `batch`: a table of `almenara.model.observations.OBSERVATIONS`, or columns by name, scalars or n values each:
        `lon`, `lat` (degrees), `time` (UTC: datetime64, ISO text, datetime, or whole milliseconds since 1970), and
        where known `across_m`, `along_m` (size of the pixel, 375 m), `platform` ("unknown"), `instrument` ("unknown"),
        `frp_mw` (NaN), `confidence` (0 low, 1 nominal, 2 high; 1), `heat_class` (FIRMS' type; −1), `version` (0). A
        detection is known by platform, instrument, minute and place; of several versions the highest counts.

        `now`: until when time has passed (fires sleep, end, and are archived by it); it never runs backwards, and
        detections acquired after a given `now` wait for theirs. None: the newest detection's time.

        Raises ValueError, naming the first row at fault, where columns are missing, unknown, of different lengths or
        out of range.
        """
        told = read_batch(batch)
        reached = self._now_ms if now is None else max(self._now_ms, as_time(now, "now"))
        if now is None and len(told):
            reached = max(reached, int(told.time_ms.max()))
        late_before = self._fires.not_followed
        n_counted = self._receive(told)
        self._now_ms = reached
        delta = self._fires.advance(reached, whole=True)
        too_late = self._fires.not_followed - late_before
        archived = [_fire_of(unpack_view(row["view"])) for row in delta.archived]
        return FireUpdate(self._changes(delta), archived, len(told) - n_counted, too_late)

    def hazards(self, *states: str) -> list[Fire]:
        """All fires that were not absorbed, by id; of some states only, if any are given.

        Raises ValueError for a state that is none.
        """
        if unknown := set(states) - {"active", "dormant", "ended"}:
            raise ValueError(f"no such state: {sorted(unknown)[0]!r}; a fire is active, dormant or ended")
        return [_fire_of(view) for view in self._fires.views(states)]

    def footprint(self, fire_id: str, at: ArrayLike | None = None) -> BaseGeometry:
        """The footprint of a fire, now or as all detections acquired until `at`, late ones too, draw it.

        An absorbed fire has its own before the merger and from then on that of the fire which goes on. Empty before the
        first detection. Degrees, cut at ±180. Costs what the fire holds. Raises KeyError for a fire that is not held.
        """
        node = self._node(fire_id)
        minute = None if at is None else as_time(at, "at") // MINUTE_MS
        return self._fires.tracker.outline_at(node, 2**31 - 2 if minute is None else minute)

    def lineage(self, fire_id: str) -> Lineage:
        """The mergers that made a fire what it is, and the one that ended it. Raises KeyError for one not held."""
        node = self._node(fire_id)
        tracker, ids = self._fires.tracker, self._fires.facts.ids
        found = tracker.mergers(node)
        told = sorted((int(t), ids[gone], ids[by]) for gone, by, t in found)
        mergers = tuple(Merger(gone, by, np.datetime64(t * MINUTE_MS, "ms")) for t, gone, by in told)
        return Lineage(fire_id, ids[int(tracker.roots(np.array([node]))[0])], mergers)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that is known to a file, which is there whole or not at all.

        The bytes depend on the detections and the time alone, not on the order in which they came.
        """
        rows, values = self._fires.to_detections()
        arrays = {f"row.{name}": column for name, column in rows.items()}
        keys = keys_of(self._keys)
        order = np.lexsort((keys["lo"], keys["hi"]))
        order = order[keys["time"][order] >= min(self._newest_ms, self._now_ms) - REMEMBERED_MS]
        arrays |= {f"key.{name}": column[order] for name, column in keys.items()}
        about = {"format": _FORMAT, "now_ms": self._now_ms, "newest_ms": self._newest_ms, **values}
        array_file.save(Path(path), about, arrays)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """The tracker that `save` wrote.

        Its fires are told anew from their detections: 10 µs each, up to 100 where passes are small.

        Raises ValueError where the file is not one of a fire tracker of this version, or is cut short.
        """
        about, arrays = array_file.load(Path(path))
        if about.get("format") != _FORMAT:
            raise ValueError(f"{path} was not written by a fire tracker of this version: {about.get('format')!r}")
        tracker = cls()
        tracker._now_ms = about["now_ms"]
        keys = [arrays[f"key.{name}"] for name in COLUMNS]
        tracker._newest_ms = about["newest_ms"]
        tracker._keys = with_room(tracker._keys, len(keys[0]), since=0)
        judge(tracker._keys, *keys)
        rows = {name[4:]: column for name, column in arrays.items() if name.startswith("row.")}
        tracker._fires.load_detections(rows, about["platforms"], about["now_ms"])
        return tracker

    def _receive(self, told: Batch) -> int:
        """Hand on the rows that count: of each key the highest version. Returns how many they are."""
        if len(told) == 0:
            return 0
        self._newest_ms = max(self._newest_ms, int(told.time_ms.max()))
        since = min(self._newest_ms, self._now_ms) - REMEMBERED_MS
        self._keys = with_room(self._keys, len(told), since=since)
        hi, lo, version = (told.rows[name] for name in ("key_hi", "key_lo", "version"))
        verdicts = judge(self._keys, hi, lo, version, told.fingerprints(), told.time_ms)
        new, newer = verdicts == NEW, verdicts == NEWER
        rows = told.where((new | newer) & told.current)
        self._fires.receive_rows(rows, told.platforms, hi[newer], lo[newer])
        return int(new.sum() + newer.sum())

    def _node(self, fire_id: str) -> int:
        try:
            return self._fires.facts.numbers[fire_id]
        except KeyError:
            raise KeyError(
                f"no fire {fire_id!r} is held: it never was, was renamed or retracted, or is archived"
            ) from None

    def _changes(self, delta: Delta) -> list[FireChange]:
        """One change for each fire, from rows of which it may have several."""
        rows: dict[str, dict[str, Any]] = {}
        for row in delta.changes:
            known = rows.get(row["hazard_id"])
            if known is not None:
                row = _folded(known, row)
            rows[row["hazard_id"]] = row
        numbers = self._fires.facts.numbers
        here = [name for name, row in rows.items() if row["into"] is None and name in numbers]
        nodes = np.array([numbers[name] for name in here], np.int64)
        shapes = dict(zip(here, self._fires.tracker.outlines_of(nodes), strict=True))
        times = np.array([row["time"] for row in rows.values()], "datetime64[ms]")
        return [
            FireChange(
                name,
                row["change"],
                row["state"],
                time,
                shapes.get(name),
                row["area_km2"],
                row["new_area_km2"],
                row["observations"],
                row["new_observations"],
                row["frp_mw"],
                tuple(row["merged_from"]),
                row["into"],
                row["confidence"],
                row["certainty"],
                row["suppressed"],
            )
            for (name, row), time in zip(rows.items(), times, strict=True)
        ]


def _folded(first: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
    """Two rows on one fire as one: how it stands after the second, what is new by both."""
    change = max(first["change"], last["change"], key=_RANK.__getitem__)
    power = [mw for mw in (first["frp_mw"], last["frp_mw"]) if mw is not None]
    return {
        **last,
        "change": change,
        "new_area_km2": first["new_area_km2"] + last["new_area_km2"],
        "new_observations": first["new_observations"] + last["new_observations"],
        "frp_mw": sum(power) if power else None,
        "merged_from": [*first["merged_from"], *last["merged_from"]],
    }


def _fire_of(view: View) -> Fire:
    times: NDArray[np.datetime64] = np.array([view.first_seen_ms, view.last_seen_ms], "datetime64[ms]")
    assert view.footprint is not None
    assert view.area_km2 is not None
    return Fire(
        id=view.id,
        state=view.state,
        first_seen=times[0],
        last_seen=times[1],
        footprint=view.footprint,
        area_km2=view.area_km2,
        observations=view.observations,
        frp_max_mw=view.frp_max_mw,
        platforms=view.platforms,
        merged_from=view.merged_from,
        confidence=view.confidence,
        certainty=view.certainty,
        suppressed=view.suppressed,
    )
