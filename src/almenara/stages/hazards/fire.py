"""Fires: satellite detections followed as events with stable ids, lineage, footprints and an honest certainty."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.fire_tiles import NEVER
from almenara.kernels.fire_kernel import ENDED_AFTER_MIN, EXTRA, FireKernel, Pass
from almenara.kernels.grid import areas_km2, boxes_of
from almenara.kernels.outlines import outlines
from almenara.model.observations import Confidence
from almenara.stages.hazards import ARCHIVED_AFTER_MS, LATE_MAX_MS, Boxes, Delta, Fronts, View, pack_view
from almenara.stages.hazards._fire_facts import Facts
from almenara.stages.hazards._fire_fronts import fronts
from almenara.stages.hazards._fire_rows import MINUTE_MS, hazard_id, no_rows, void_row
from almenara.stages.observations import Counted

KIND = "fire"

DORMANT_AFTER_MIN = 5 * 24 * 60
ARCHIVED_TOGETHER_MIN = 500

#: Cells that joined a footprint: (fires, cells, minutes).
Grown = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]

#: What the tracker and the facts need of a detection.
COLUMNS = ("lon", "lat", "across_m", "along_m", "key_hi", "key_lo", *EXTRA)
ACTIVE, DORMANT, ENDED, MERGED, VOID = 0, 1, 2, 3, 4
STATES = ("active", "dormant", "ended", "merged", "retracted")


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
        self.not_followed = 0

    # ------------------------------------------------------------------ observations

    def receive(self, counted: Counted) -> None:
        table = counted.table
        keep = np.asarray(table.column("status").cast("string").to_numpy(zero_copy_only=False)) == "current"
        rows = {name: np.asarray(table.column(name).to_numpy())[keep] for name in COLUMNS if name != "platform"}
        time_ms = np.asarray(table.column("time").cast("int64").to_numpy())[keep]
        rows["t"] = (time_ms // MINUTE_MS).astype(np.int32)
        rows["version"] = np.asarray(table.column("version").to_numpy())[keep]
        rows["platform"] = self._platform_codes(table.column("platform"))[keep]
        rows["turn"] = np.full(len(rows["t"]), len(self._inbox) + 1, np.int64)
        self._inbox.append(rows)
        if len(counted.replaced_hi):
            self._replaced.append((counted.replaced_hi, counted.replaced_lo))

    def _platform_codes(self, column: Any) -> NDArray[np.int16]:
        names = column.combine_chunks().dictionary_decode().dictionary_encode()
        for name in names.dictionary.to_pylist():
            if name not in self.platforms:
                self.platforms.append(name)
        codes = np.array([self.platforms.index(name) for name in names.dictionary.to_pylist()], np.int16)
        return codes[np.asarray(names.indices.to_numpy())] if len(codes) else np.empty(0, np.int16)

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

    def advance(self, now_ms: int) -> Delta:
        self._sort_in()
        now = now_ms // MINUTE_MS
        n = int(np.searchsorted(self._waiting["t"], now, side="right"))
        first = min(int(np.searchsorted(self._waiting["t"], self.tracker.told_until - LATE_MAX_MS // MINUTE_MS)), n)
        self.not_followed += first
        due = {name: column[first:n] for name, column in self._waiting.items()}
        self._waiting = {name: column[n:] for name, column in self._waiting.items()}
        delta = Delta()
        if n > first or self._replaced:
            self._follow(due, delta)
        old = n > first and int(due["t"][0]) < now - DORMANT_AFTER_MIN
        before = self._swept_hour
        if now // 60 != before or old:
            self._swept_hour = now // 60
            self._sweep(now, delta)
            if now // 1440 != before // 24:  # once a day, whichever hours there are steps in
                self._let_go(delta)
        return delta

    def _follow(self, due: dict[str, NDArray[Any]], delta: Delta) -> None:
        retract = None
        if self._replaced:
            hi, lo = zip(*self._replaced, strict=True)
            retract = np.concatenate(hi), np.concatenate(lo)
            self._replaced = []
        update = self.tracker.update(due, retract=retract)
        cells: list[Grown] = []
        if len(update.forgotten) or update.retold:
            self._tell_anew(update.forgotten, update.retold, delta, cells)
            self._swept_hour = -1  # what was told anew may have been quiet for long
        for told in update.passes:
            delta.changes.extend(self._apply(told))
            cells.append((told.cell_fires, told.cells, np.full(len(told.cells), told.t, np.int64)))
        if cells:
            self._collect(cells, delta)

    def _collect(self, cells: list[Grown], delta: Delta) -> None:
        fires, numbers, minutes = (np.concatenate(column) for column in zip(*cells, strict=True))
        ids, index = np.unique(self.tracker.roots(fires), return_inverse=True)
        names = [self.facts.ids[i] for i in ids]
        west, south, east, north = boxes_of(numbers)
        delta.boxes = Boxes(names, index, west, south, east, north, since_ms=minutes * MINUTE_MS)

    def _apply(self, told: Pass) -> list[dict[str, Any]]:
        """Take a pass into the facts; return its rows of CHANGES."""
        f, tracker = self.facts, self.tracker
        fires, index = np.unique(told.fires, return_inverse=True)
        minutes, hi, lo = tracker.born(fires)
        for fire, minute, a, b in zip(fires.tolist(), minutes.tolist(), hi.tolist(), lo.tolist(), strict=True):
            if fire not in f.ids:
                f.add(fire, hazard_id(minute, a, b))
        opened = f.observations[fires] == 0
        idle = f.state[fires] == DORMANT
        merged = self._merge(told)
        d, rows = tracker.raw(), told.rows
        extra = {name: tracker.extra[name][rows] for name in EXTRA}
        f.see(fires, index, told.t, d.lon[rows], d.lat[rows], np.maximum(d.across_m[rows], d.along_m[rows]), extra)
        area = np.zeros(len(fires))
        new_area = areas_km2(told.cells)
        np.add.at(area, np.searchsorted(fires, told.cell_fires), new_area)
        f.area_km2[fires] += area
        f.state[fires] = ACTIVE
        count = np.bincount(index, minlength=len(fires))
        power = np.bincount(index, np.nan_to_num(extra["value"].astype(float)), minlength=len(fires))
        out = merged[0]
        for k, fire in enumerate(fires.tolist()):
            change = "opened" if opened[k] else "revived" if idle[k] else "grew" if area[k] > 0 else "seen"
            row = self._row(fire, change, told.t)
            row["new_area_km2"] = float(area[k])
            row["new_observations"] = int(count[k])
            row["frp_mw"] = float(power[k])
            row["merged_from"] = merged[1].get(fire, [])
            out.append(row)
        return out

    def _merge(self, told: Pass) -> tuple[list[dict[str, Any]], dict[int, list[str]]]:
        f = self.facts
        rows: list[dict[str, Any]] = []
        into: dict[int, list[str]] = {}
        for gone, by in sorted(
            zip(told.absorbed.tolist(), told.absorbed_by.tolist(), strict=True), key=lambda p: f.ids[p[0]]
        ):
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
        f = self.facts
        return {
            "hazard_id": f.ids[fire],
            "kind": KIND,
            "change": change,
            "state": STATES[int(f.state[fire])],
            "time": minute * MINUTE_MS,
            "into": None,
            "area_km2": f.area_of(fire),
            "new_area_km2": 0.0,
            "observations": int(f.observations[fire]),
            "new_observations": 0,
            "frp_mw": None,
            "magnitude": None,
            "merged_from": [],
            "confidence": Confidence(int(f.confidence[fire])).name.lower(),
            "certainty": f.certainty(fire),
            "suppressed": f.suppressed(fire),
        }

    def _sweep(self, now: int, delta: Delta) -> None:
        """Fires unseen for long become dormant, then end. "No pass" is unknown, which is why this takes days."""
        f = self.facts
        fires = f.open_fires()
        idle = now - self.tracker.last_seen(fires).astype(np.int64)
        state = np.where(idle > ENDED_AFTER_MIN, ENDED, np.where(idle > DORMANT_AFTER_MIN, DORMANT, ACTIVE))
        for fire, new in zip(
            fires[state > f.state[fires]].tolist(), state[state > f.state[fires]].tolist(), strict=True
        ):
            f.state[fire] = new
            after = ENDED_AFTER_MIN if new == ENDED else DORMANT_AFTER_MIN
            minute = int(self.tracker.last_seen(np.array([fire]))[0]) + after
            delta.changes.append(self._row(fire, STATES[new], minute))

    def _let_go(self, delta: Delta) -> None:
        """Archive the fires that nothing can change any more, when there are enough of them to be worth the work."""
        stale = self.tracker.stale(self.tracker.told_until - ARCHIVED_AFTER_MS // MINUTE_MS)
        if len(stale) < max(ARCHIVED_TOGETHER_MIN, len(self.facts.ids) // 4):
            return
        over = [fire for fire in stale.tolist() if fire in self.facts.ids and self.facts.state[fire] == ENDED]
        cells = self.tracker.footprints_of(np.array(over, np.int64))
        views = {view.id: view for view in self._views_of(cells)}
        for part in self._digests_of(cells):
            view = views[part.split(b"'", 2)[1].decode()]
            delta.archived.append({"hazard_id": view.id, "view": pack_view(view), "digest": part})
        self.facts.renumber(self.tracker.compact(stale))

    # ------------------------------------------------------------------ late observations

    def _tell_anew(
        self,
        forgotten: NDArray[np.int64],
        retold: list[Pass],
        delta: Delta,
        cells: list[Grown],
    ) -> None:
        """Replace the facts of forgotten fires by those of their story told anew, and say what is different now."""
        f = self.facts
        nodes = [fire for fire in forgotten.tolist() if fire in f.ids]
        before = {f.ids[fire]: fire for fire in nodes if f.state[fire] not in (MERGED, VOID)}
        was_merged = {f.ids[fire] for fire in nodes if f.state[fire] == MERGED}
        first = {name: self.tracker.first_key(fire) for name, fire in before.items()}
        for fire in nodes:
            f.forget(fire)
        for told in retold:
            self._apply(told)
        minute = max((told.t for told in retold), default=0)
        after = {int(fire) for told in retold for fire in self.tracker.roots(told.fires)}
        for fire in sorted(after, key=lambda n: f.ids[n]):
            name = f.ids[fire]
            change = "revised" if name in before or name in was_merged else "opened"
            delta.changes.append(self._row(fire, change, int(self.tracker.last_seen(np.array([fire]))[0])))
            delta.restart.append(name)
        holders = self.tracker.holders([first[name] for name in before])
        for (name, _), fire in zip(before.items(), holders, strict=True):
            if fire is not None and f.ids[fire] == name:
                continue
            row = {**self._row(next(iter(after)), "retracted", minute)} if after else void_row(minute)
            row.update(hazard_id=name, change="retracted" if fire is None else "renamed", merged_from=[])
            row.update(state="retracted" if fire is None else "merged", into=None if fire is None else f.ids[fire])
            delta.changes.append(row)
        fires, numbers, births = self.tracker.footprints_of(np.array(sorted(after), np.int64))
        cells.append((fires, numbers, births.astype(np.int64)))

    # ------------------------------------------------------------------ reading

    def reach(self) -> Delta:
        fires = np.sort(self.facts.open_fires())
        delta = Delta(restart=[self.facts.ids[fire] for fire in fires.tolist()])
        last = self.tracker.last_seen(fires).tolist()
        delta.context = [self._row(fire, "seen", minute) for fire, minute in zip(fires.tolist(), last, strict=True)]
        if len(fires):
            owners, numbers, births = self.tracker.footprints_of(fires)
            self._collect([(owners, numbers, births.astype(np.int64))], delta)
        return delta

    def fronts(self, hazards: Sequence[str]) -> Fronts:
        """Pace and cells of some fires that go on."""
        return fronts(self.tracker, self.facts, hazards)

    def view(self, hazard: str) -> View:
        fire = self.facts.numbers[hazard]
        if self.facts.state[fire] == MERGED:  # its cells are the other's now
            return self._view(fire, None, ())
        fires, cell, _ = self.tracker.footprints_of(np.array([fire]))
        _, shapes = outlines(fires, cell)
        return self._view(
            fire, shapes[0] if len(shapes) else None, self._absorbed(self.tracker.kin_nodes(fire)).get(fire, ())
        )

    def views(self) -> Sequence[View]:
        return self._views_of(self.tracker.footprints())

    def _views_of(self, cells: Grown) -> list[View]:
        fires, cell, _ = cells
        owners, shapes = outlines(fires, cell)
        absorbed = self._absorbed(self.tracker.nodes())
        found = [
            self._view(fire, shape, absorbed.get(fire, ())) for fire, shape in zip(owners.tolist(), shapes, strict=True)
        ]
        return sorted(found, key=lambda view: view.id)

    def _absorbed(self, nodes: NDArray[np.int64]) -> dict[int, tuple[str, ...]]:
        """Names of those among `nodes` that each fire took in, directly or through another, in order of the mergers."""
        merged_t, _ = self.tracker.merged(nodes)
        gone = merged_t != NEVER
        order = sorted(
            (int(t), self.facts.ids[int(n)], int(n)) for t, n in zip(merged_t[gone], nodes[gone], strict=True)
        )
        found: dict[int, tuple[str, ...]] = {}
        roots = self.tracker.roots(np.array([n for _, _, n in order], np.int64))
        for (_, name, _), root in zip(order, roots, strict=True):
            found[int(root)] = (*found.get(int(root), ()), name)
        return found

    def _view(self, fire: int, shape: Any, absorbed: tuple[str, ...]) -> View:
        f = self.facts
        minute, _, _ = self.tracker.born(np.array([fire]))
        power = float(f.power_max_mw[fire])
        return View(
            id=f.ids[fire],
            kind=KIND,
            state=STATES[int(f.state[fire])],
            label="",
            first_seen_ms=int(minute[0]) * MINUTE_MS,
            last_seen_ms=int(self.tracker.last_seen(np.array([fire]))[0]) * MINUTE_MS,
            area_km2=f.area_of(fire),
            observations=int(f.observations[fire]),
            confidence=Confidence(int(f.confidence[fire])).name.lower(),
            certainty=f.certainty(fire),
            suppressed=f.suppressed(fire),
            platforms=self._seen_by(fire),
            merged_from=absorbed,
            frp_max_mw=power if power >= 0 else None,
            magnitude=None,
            depth_km=None,
            epicentre=None,
            footprint=shape,
            extra={"persistent": f.persistent(fire)},
        )

    def _seen_by(self, fire: int) -> tuple[str, ...]:
        """Platforms that saw a fire."""
        bits = int(self.facts.seen_by[fire])
        return tuple(sorted(name for code, name in enumerate(self.platforms) if bits >> code & 1))

    def digest_parts(self) -> Sequence[bytes]:
        return self._digests_of(self.tracker.footprints())

    def _digests_of(self, all_cells: Grown) -> list[bytes]:
        fires, cell, birth = all_cells
        absorbed = self._absorbed(self.tracker.nodes())
        starts = np.flatnonzero(np.diff(fires, prepend=-1))
        groups = zip(fires[starts].tolist(), np.split(cell, starts[1:]), np.split(birth, starts[1:]), strict=False)
        f, parts = self.facts, []
        seen = self.tracker.last_seen(fires[starts]).tolist()
        for (fire, cells, births), last in zip(groups, seen, strict=True):
            facts = (f.ids[fire], int(f.state[fire]), last, int(f.observations[fire]), int(f.confidence[fire]))
            more = (self._seen_by(fire), absorbed.get(fire, ()), round(f.area_of(fire), 6), f.suppressed(fire))
            parts.append(repr((*facts, *more)).encode() + cells.tobytes() + births.tobytes())
        return sorted(parts)

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
        self.not_followed = values["not_followed"]
        self._replaced = [(np.array(hi, np.uint64), np.array(lo, np.uint64)) for hi, lo in values["replaced"]]
