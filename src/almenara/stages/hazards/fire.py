"""Fires: satellite detections followed as events with stable ids, lineage, footprints and an honest certainty."""

import itertools
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.fire_kernel import ENDED_AFTER_MIN, EXTRA, FireKernel, Pass, Rows
from almenara.kernels.grid import boxes_of
from almenara.stages.hazards import SETTLED_MS, Boxes, Delta, Fronts, View, joined_boxes, pack_view
from almenara.stages.hazards._fire_facts import Facts
from almenara.stages.hazards._fire_fronts import fronts
from almenara.stages.hazards._fire_retelling import Turns, by_day
from almenara.stages.hazards._fire_rows import (
    ACTIVE,
    CHANGE_WORDS,
    DORMANT,
    ENDED,
    GREW,
    MERGED,
    MINUTE_MS,
    OPENED,
    REVIVED,
    SEEN,
    STATES,
    VOID,
    Grown,
    News,
    folded,
    hazard_id,
    no_rows,
    void_row,
)
from almenara.stages.hazards._fire_rows import KIND as KIND
from almenara.stages.hazards._fire_views import Reader, change_rows
from almenara.stages.observations import LATE_MAX_MS, Counted

DORMANT_AFTER_MIN = 5 * 24 * 60
#: Hazards that are over are archived when the newest observation enters a new span of so many minutes.
ARCHIVED_EVERY_MIN = 24 * 60

#: What the tracker and the facts need of a detection.
COLUMNS = ("lon", "lat", "across_m", "along_m", "key_hi", "key_lo", *EXTRA)


class State:
    """All fires, and the detections that wait for their step."""

    def __init__(self) -> None:
        self.tracker = FireKernel()
        self.facts = Facts()
        self.platforms: list[str] = []  # code → name
        self._waiting = no_rows()
        self._inbox: list[dict[str, NDArray[Any]]] = []
        self._replaced: list[tuple[NDArray[np.uint64], NDArray[np.uint64]]] = []
        self._swept_hour = -1
        self._archived_span = 0
        self.late_ms = LATE_MAX_MS
        self.not_followed = 0

    # ------------------------------------------------------------------ observations

    def receive(self, counted: Counted) -> None:
        table = counted.table
        keep = np.asarray(table.column("status").cast("string").to_numpy(zero_copy_only=False)) == "current"
        rows = {name: np.asarray(table.column(name).to_numpy())[keep] for name in COLUMNS if name != "platform"}
        time_ms = np.asarray(table.column("time").cast("int64").to_numpy())[keep]
        rows["t"] = (time_ms // MINUTE_MS).astype(np.int32)
        rows["version"] = np.asarray(table.column("version").to_numpy())[keep]
        platforms = table.column("platform").combine_chunks().dictionary_decode().dictionary_encode()
        rows["platform"] = np.asarray(platforms.indices.to_numpy())[keep]
        self.receive_rows(rows, platforms.dictionary.to_pylist(), counted.replaced_hi, counted.replaced_lo)

    def receive_rows(
        self, rows: Rows, platforms: list[str], replaced_hi: NDArray[np.uint64], replaced_lo: NDArray[np.uint64]
    ) -> None:
        """Take in detections that count, `platform` as numbers into `platforms`, and keys of what no longer does."""
        self.platforms.extend(name for name in platforms if name not in self.platforms)
        codes = np.array([self.platforms.index(name) for name in platforms], np.int16)
        turn = np.full(len(rows["t"]), len(self._inbox) + 1, np.int64)
        self._inbox.append({**rows, "platform": codes[rows["platform"]], "turn": turn})
        if len(replaced_hi):
            self._replaced.append((replaced_hi, replaced_lo))

    def _sort_in(self) -> None:
        """Join the inbox to the waiting rows: one row for a key, the one received last (the stage before judged it)."""
        if not self._inbox:
            return
        parts = [self._waiting, *self._inbox]
        rows = {name: np.concatenate([part[name] for part in parts]) for name in self._waiting}
        order = np.lexsort((rows["turn"], rows["version"], rows["key_lo"], rows["key_hi"], rows["t"]))
        hi, lo = rows["key_hi"][order], rows["key_lo"][order]
        last = np.ones(len(order), bool)
        last[:-1] = (hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1])
        order = order[last]
        self._waiting = {name: column[order] for name, column in rows.items()}
        self._waiting["turn"][:] = 0
        self._inbox = []

    def pending_times(self) -> NDArray[np.int64]:
        self._sort_in()
        return np.unique(self._waiting["t"]).astype(np.int64) * MINUTE_MS

    # ------------------------------------------------------------------ following

    def advance(self, now_ms: int, *, whole: bool = False) -> Delta:
        """As `Follower` says, or as a `whole`: one row for a fire however many passes saw it, and no boxes."""
        self._sort_in()
        now = now_ms // MINUTE_MS
        n = int(np.searchsorted(self._waiting["t"], now, side="right"))
        first = min(int(np.searchsorted(self._waiting["t"], self._oldest())), n)
        self.not_followed += first
        due = {name: column[first:n] for name, column in self._waiting.items()}
        self._waiting = {name: column[n:] for name, column in self._waiting.items()}
        delta = Delta()
        found: list[Boxes] = []
        spans = self._spans(due["t"])
        for a, b in itertools.pairwise(spans):
            part = {name: column[a:b] for name, column in due.items()}
            if a < b or self._replaced:
                cells = self._follow(part, delta, whole)
                if cells and not whole:
                    found.append(self._boxes_of(cells))
            old = a < b and int(part["t"][0]) < now - DORMANT_AFTER_MIN
            end = now if b == spans[-1] else self.tracker.told_until
            if end // 60 != self._swept_hour or old:
                self._swept_hour = end // 60
                self._sweep(end // 60 * 60, delta)
            self._let_go(delta)
        if found:
            last = {row["hazard_id"]: row["into"] for row in delta.changes}
            into = {hazard: other for hazard, other in last.items() if other is not None}
            delta.boxes = found[0] if len(found) == 1 else joined_boxes(found, into)
        return delta

    def _spans(self, t: NDArray[Any]) -> list[int]:
        """Where to cut rows in order of time, so that archiving comes in its turn however much is told at once."""
        span = np.maximum(t, self.tracker.told_until) // ARCHIVED_EVERY_MIN
        return [0, *(np.flatnonzero(np.diff(span)) + 1).tolist(), len(t)]

    def _oldest(self) -> int:
        """The minute of acquisition from which on detections are still followed, or taken back."""
        return self.tracker.told_until - self.late_ms // MINUTE_MS

    def _follow(self, due: dict[str, NDArray[Any]], delta: Delta, whole: bool) -> list[Grown]:
        retract = None
        if self._replaced:
            hi, lo = zip(*self._replaced, strict=True)
            retract = np.concatenate(hi), np.concatenate(lo)
            self._replaced = []
        update = self.tracker.update(due, retract=retract, oldest=self._oldest())
        cells: list[Grown] = []
        if len(update.forgotten) or update.retold:
            cells.append(self._tell_anew(update.forgotten, update.retold, delta))
            self._swept_hour = -1  # what was told anew may have been quiet for long
        news: list[News] = []
        for told in update.passes:
            rows, fresh = self._apply(told)
            delta.changes.extend(rows)
            if whole:
                news.append(fresh)
                continue
            delta.changes.extend(self._rows_of(fresh))
            cells.append((told.cell_fires, told.cells, np.full(len(told.cells), told.t, np.int64)))
        if news:
            delta.changes.extend(self._rows_of(folded(news, self.facts.state == MERGED)))
        return cells

    def _boxes_of(self, cells: list[Grown]) -> Boxes:
        fires, numbers, minutes = (np.concatenate(column) for column in zip(*cells, strict=True))
        ids, index = np.unique(self.tracker.roots(fires), return_inverse=True)
        west, south, east, north = boxes_of(numbers)
        names = [self.facts.ids[i] for i in ids.tolist()]
        return Boxes(names, index, west, south, east, north, since_ms=minutes.astype(np.int64) * MINUTE_MS)

    def _apply(self, told: Pass, turns: Turns | None = None) -> tuple[list[dict[str, Any]], News]:
        """Take a pass into the facts; return the rows of CHANGES on fires that ended in others, and what is new."""
        f, tracker = self.facts, self.tracker
        fires, index = np.unique(told.fires, return_inverse=True)
        new = f.unknown(fires)
        for fire, *born in zip(new.tolist(), *(column.tolist() for column in tracker.born(new)), strict=True):
            f.add(fire, hazard_id(*born))
        opened = f.observations[fires] == 0
        idle = f.state[fires] == DORMANT
        out, into = self._merge(told)
        d, rows = tracker.raw(), told.rows
        extra = {name: tracker.extra[name][rows] for name in EXTRA}
        f.see(fires, index, told.t, d.lon[rows], d.lat[rows], np.maximum(d.across_m[rows], d.along_m[rows]), extra,
              turns and turns.rows)  # fmt: skip
        grown = f.grow(fires, told.cell_fires, told.cells, turns and turns.cells)
        f.state[fires] = ACTIVE
        count = np.bincount(index, minlength=len(fires))
        power: Any = np.bincount(index, np.nan_to_num(extra["value"].astype(float)), minlength=len(fires))
        change = np.where(opened, OPENED, np.where(idle, REVIVED, np.where(grown > 0, GREW, SEEN)))
        return out, News(fires, change, np.full(len(fires), told.t, np.int64), grown, count, power, into)

    def _rows_of(self, news: News) -> list[dict[str, Any]]:
        """Rows of CHANGES for what is new of fires that go on, as they stand."""
        rows = change_rows(
            self.facts, news.fires, [CHANGE_WORDS[code] for code in news.change.tolist()], news.minute.tolist()
        )
        columns = (news.grown_km2.tolist(), news.detections.tolist(), news.power_mw.tolist())
        for row, km2, n, mw in zip(rows, *columns, strict=True):
            row["new_area_km2"], row["new_observations"], row["frp_mw"] = km2, n, mw
        for fire, names in news.merged.items():
            rows[int(np.searchsorted(news.fires, fire))]["merged_from"] = names
        return rows

    def _merge(self, told: Pass) -> tuple[list[dict[str, Any]], dict[int, list[str]]]:
        f = self.facts
        rows: list[dict[str, Any]] = []
        into: dict[int, list[str]] = {}
        pairs = zip(told.absorbed.tolist(), told.absorbed_by.tolist(), strict=True)
        for gone, by in sorted(pairs, key=lambda pair: f.ids[pair[0]]):
            if by not in f.ids:
                raise AssertionError("a fire with a past was absorbed by one without")
            f.merge(gone, by, int(self.tracker.overlap_cells(np.array([by]))[0]))
            f.state[gone] = MERGED
            row = self._row(gone, "merged", told.t)
            row["into"] = f.ids[by]
            rows.append(row)
            into.setdefault(by, []).append(f.ids[gone])
        return rows, into

    def _row(self, fire: int, change: str, minute: int) -> dict[str, Any]:
        return change_rows(self.facts, np.array([fire]), [change], [minute])[0]

    def _sweep(self, now: int, delta: Delta) -> None:
        """Fires unseen for long become dormant, then end, at whole hours. "No pass" is unknown: hence it takes days."""
        f = self.facts
        fires = f.open_fires()
        last = self.tracker.last_seen(fires).astype(np.int64)
        idle = now - last
        state = np.where(idle > ENDED_AFTER_MIN, ENDED, np.where(idle > DORMANT_AFTER_MIN, DORMANT, ACTIVE))
        slower = np.flatnonzero(state > f.state[fires])
        fires, state = fires[slower], state[slower]
        f.state[fires] = state
        since = last[slower] + np.where(state == ENDED, ENDED_AFTER_MIN, DORMANT_AFTER_MIN)
        delta.changes.extend(change_rows(self.facts, fires, [STATES[new] for new in state.tolist()], since.tolist()))

    def _let_go(self, delta: Delta) -> None:
        """Archive fires that nothing can change any more, at fixed times; clear away what late detections left."""
        span = self.tracker.told_until // ARCHIVED_EVERY_MIN
        if span > self._archived_span:
            self._archived_span = span
            settled_min = (self.late_ms + SETTLED_MS) // MINUTE_MS
            stale = self.tracker.stale(span * ARCHIVED_EVERY_MIN - settled_min)
            nodes = stale[self.facts.known[stale]]
            over = nodes[self.facts.state[nodes] == ENDED]
            views = {view.id: view for view in self.read.views_of(over, nodes)}
            for name, part in self.read.digests_of(self.tracker.footprints_of(over), nodes):
                delta.archived.append({"hazard_id": name, "view": pack_view(views[name]), "digest": part})
            for fire in nodes.tolist():
                self.facts.forget(fire)
            self.tracker.let_go(stale)
        if self.tracker.mostly_forgotten():
            self.facts.renumber(self.tracker.compact())

    # ------------------------------------------------------------------ late observations

    def _tell_anew(self, forgotten: NDArray[np.int64], retold: list[Pass], delta: Delta) -> Grown:
        """Replace the facts of forgotten fires by those of their story told anew, and say what is different now."""
        f = self.facts
        nodes = [fire for fire in forgotten.tolist() if fire in f.ids]
        before = {f.ids[fire]: fire for fire in nodes if f.state[fire] not in (MERGED, VOID)}
        was_merged = {f.ids[fire] for fire in nodes if f.state[fire] == MERGED}
        first = {name: self.tracker.first_key(fire) for name, fire in before.items()}
        for fire in nodes:
            f.forget(fire)
        for told, turns in by_day(retold):
            self._apply(told, turns)
        minute = max((told.t for told in retold), default=0)
        after = np.unique(self.tracker.roots(np.concatenate([forgotten[:0], *(told.fires for told in retold)])))
        fires = np.array(sorted(after.tolist(), key=lambda n: f.ids[n]), np.int64)
        names = [f.ids[fire] for fire in fires.tolist()]
        change = ["revised" if name in before or name in was_merged else "opened" for name in names]
        delta.changes.extend(change_rows(self.facts, fires, change, self.tracker.last_seen(fires).tolist()))
        delta.restart.extend(names)
        holders = self.tracker.holders([first[name] for name in before], retold[0].rows.start if retold else None)
        for (name, _), fire in zip(before.items(), holders, strict=True):
            if fire is not None and f.ids[fire] == name:
                continue
            row = self._row(int(fires[0]), "retracted", minute) if len(fires) else void_row(minute)
            row.update(hazard_id=name, change="retracted" if fire is None else "renamed", merged_from=[])
            row.update(state="retracted" if fire is None else "merged", into=None if fire is None else f.ids[fire])
            delta.changes.append(row)
        return self.tracker.footprints_of(after)

    # ------------------------------------------------------------------ reading

    @property
    def read(self) -> Reader:
        """Reads what people are told."""
        return Reader(self.tracker, self.facts, self.platforms)

    def reach(self) -> Delta:
        fires = self.facts.open_fires()
        delta = Delta(restart=[self.facts.ids[fire] for fire in fires.tolist()])
        delta.context = change_rows(self.facts, fires, ["seen"] * len(fires), self.tracker.last_seen(fires).tolist())
        if len(fires):
            delta.boxes = self._boxes_of([self.tracker.footprints_of(fires)])
        return delta

    def fronts(self, hazards: Sequence[str]) -> Fronts:
        """Pace and cells of some fires that go on."""
        return fronts(self.tracker, self.facts, hazards)

    def view(self, hazard: str) -> View:
        return self.read.views_named([hazard])[0]

    def views(self, states: Collection[str] = ()) -> Sequence[View]:
        fires = self.tracker.going_on()
        if states:
            fires = fires[np.isin(self.facts.state[fires], [STATES.index(state) for state in states])]
        return self.read.views_of(fires, self.tracker.nodes())

    def digest_parts(self) -> Sequence[bytes]:
        return sorted(part for _, part in self.read.digests_of(self.tracker.footprints(), self.tracker.nodes()))

    def to_parts(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        self._sort_in()
        arrays = {f"waiting.{name}": column for name, column in self._waiting.items()}
        arrays |= {f"tracker.{name}": column for name, column in self.tracker.to_arrays().items()}
        facts, ids = self.facts.to_parts()
        arrays |= {f"facts.{name}": column for name, column in facts.items()}
        replaced = [[hi.tolist(), lo.tolist()] for hi, lo in self._replaced]
        return arrays, {
            "platforms": self.platforms,
            "swept_hour": self._swept_hour,
            "archived_span": self._archived_span,
            "late_ms": self.late_ms,
            "ids": ids,
            "told_until": self.tracker.told_until,
            "replaced": replaced,
            "not_followed": self.not_followed,
        }

    def load_parts(self, arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
        def under(prefix: str) -> dict[str, NDArray[Any]]:
            return {name[len(prefix) :]: a for name, a in arrays.items() if name.startswith(prefix)}

        self._waiting = under("waiting.")
        self.tracker = FireKernel.from_arrays(under("tracker."), values["told_until"])
        self.facts = Facts.from_parts(under("facts."), values["ids"])
        self.platforms = values["platforms"]
        self._swept_hour = values["swept_hour"]
        self._archived_span = values["archived_span"]
        self.late_ms = values["late_ms"]
        self.not_followed = values["not_followed"]
        self._replaced = [(np.array(hi, np.uint64), np.array(lo, np.uint64)) for hi, lo in values["replaced"]]

    def to_detections(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """All detections, followed and waiting, in an order that does not depend on how they came."""
        self._sort_in()
        told = self.tracker.rows()
        told["version"] = told["turn"] = np.zeros(len(told["t"]), np.int64)
        rows = {name: np.concatenate((told[name], column)) for name, column in self._waiting.items()}
        order = np.lexsort((rows["key_lo"], rows["key_hi"], rows["t"]))
        rows = {name: column[order] for name, column in rows.items() if name != "turn"}
        used = np.unique(rows["platform"]).tolist()
        names = sorted(self.platforms[code] for code in used)
        code = np.zeros(len(self.platforms) + 1, np.int16)
        code[used] = [names.index(self.platforms[old]) for old in used]
        rows["platform"] = code[rows["platform"]]
        return rows, {"platforms": names}

    def load_detections(self, rows: dict[str, NDArray[Any]], names: list[str], now_ms: int) -> None:
        """Become, from a new state, the one that `to_detections` wrote: everything is told anew."""
        self.platforms = list(names)
        turn = np.zeros(len(rows["t"]), np.int64)
        self._waiting = {name: turn if name == "turn" else rows[name].copy() for name in self._waiting}
        self.advance(now_ms, whole=True)
