"""Fires as people are told of them, and as bytes that name the state."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.fire_kernel import FireKernel
from almenara.kernels.fire_tiles import NEVER
from almenara.stages.hazards import View
from almenara.stages.hazards._fire_facts import Facts
from almenara.stages.hazards._fire_rows import CONFIDENCES, KIND, MERGED, MINUTE_MS, STATES, Grown

#: A fire that joins no cell for longer than this, between two looks of the same satellite, has paused in growing.
PAUSE_MIN = 12 * 60


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what the tracker and the facts hold."""

    tracker: FireKernel
    facts: Facts
    platforms: list[str]  # code → name

    def views_of(self, fires: NDArray[np.int64], nodes: NDArray[np.int64]) -> list[View]:
        """What there is to tell of some fires; `nodes` holds them and all that they took in."""
        absorbed = self.absorbed(nodes)
        found = self._views(fires, self.tracker.outlines_of(fires), [absorbed.get(fire, ()) for fire in fires.tolist()])
        return sorted(found, key=lambda view: view.id)

    def views_named(self, hazards: Sequence[str]) -> list[View]:
        """Some fires in the order given, absorbed ones without a footprint; KeyError when there is none of that id."""
        found = [self.facts.numbers[hazard] for hazard in hazards]
        living = np.array([fire for fire in found if self.facts.state[fire] != MERGED], np.int64)
        kin = [self.tracker.kin_nodes(fire) for fire in living.tolist()]
        absorbed = self.absorbed(np.unique(np.concatenate(kin))) if kin else {}
        shapes = dict(zip(living.tolist(), self.tracker.outlines_of(living), strict=True)) if kin else {}
        names = [absorbed.get(fire, ()) for fire in found]
        return self._views(np.array(found, np.int64), [shapes.get(fire) for fire in found], names)

    def growing_h(self, hazards: Sequence[str]) -> dict[str, float]:
        """For how many hours fires that go on had been growing when last seen, without a pause; others are left out."""
        fires = np.array([self.facts.numbers[hazard] for hazard in hazards], np.int64)
        fires = fires[self.facts.state[fires] != MERGED]
        if not len(fires):
            return {}
        owner, _, birth = self.tracker.footprints_of(fires)
        owner, minute = np.unique(np.stack((owner, birth.astype(np.int64))), axis=1)
        begins = np.append(True, (np.diff(owner) != 0) | (np.diff(minute) > PAUSE_MIN))
        run = np.flatnonzero(begins)[np.cumsum(begins) - 1]  # where the run of each minute begins
        last = np.flatnonzero(np.append(np.diff(owner) != 0, True))
        lasted = minute[last] - minute[run[last]]
        goes_on = (self.tracker.last_seen(owner[last]) - minute[last] <= PAUSE_MIN) & (lasted > 0)
        names = [self.facts.ids[fire] for fire in owner[last][goes_on].tolist()]
        return dict(zip(names, np.round(lasted[goes_on] / 60, 1).tolist(), strict=True))

    def detections_of(self, hazard: str, most: int) -> tuple[dict[str, NDArray[Any]], int]:
        """The newest detections of a fire that goes on, newest first, and how many there are; `platform` as its name.

        Columns: t (UTC minutes), lon, lat, across_m, along_m, key_hi, key_lo, value, confidence, platform.
        """
        fire = self.facts.numbers[hazard]
        nodes = self.tracker.kin_nodes(fire)
        nodes = nodes[self.tracker.roots(nodes) == fire]
        told = self.tracker.raw()
        rows = np.flatnonzero(np.isin(told.node, nodes) & (told.t > 0))  # spare room is all zero
        kept = rows[np.argsort(-told.t[rows], kind="stable")[:most]]
        columns = ("t", "lon", "lat", "across_m", "along_m", "key_hi", "key_lo")
        found = {name: getattr(told, name)[kept] for name in columns}
        found |= {name: self.tracker.extra[name][kept] for name in ("value", "confidence")}
        found["platform"] = np.array(self.platforms, object)[self.tracker.extra["platform"][kept]]
        return found, len(rows)

    def absorbed(self, nodes: NDArray[np.int64]) -> dict[int, tuple[str, ...]]:
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

    def _views(self, fires: NDArray[np.int64], shapes: Iterable[Any], absorbed: list[tuple[str, ...]]) -> list[View]:
        f = self.facts
        columns = zip(
            fires.tolist(), f.state[fires].tolist(), self.tracker.born(fires)[0].tolist(),
            self.tracker.last_seen(fires).tolist(), f.areas(fires).tolist(), f.observations[fires].tolist(),
            f.confidence[fires].tolist(), f.certainty(fires), f.suppressed(fires), self._seen_by(fires), absorbed,
            f.power_max_mw[fires].tolist(), shapes, f.persistent(fires).tolist(),
            strict=True,
        )  # fmt: skip
        return [
            View(
                id=f.ids[fire],
                kind=KIND,
                state=STATES[state],
                label="",
                first_seen_ms=first * MINUTE_MS,
                last_seen_ms=last * MINUTE_MS,
                area_km2=area,
                observations=observations,
                confidence=CONFIDENCES[confidence],
                certainty=certainty,
                suppressed=suppressed,
                platforms=platforms,
                merged_from=names,
                frp_max_mw=power if power >= 0 else None,
                magnitude=None,
                depth_km=None,
                epicentre=None,
                footprint=shape,
                extra={"persistent": persistent},
            )
            for fire, state, first, last, area, observations, confidence, certainty, suppressed, platforms, names,
            power, shape, persistent in columns
        ]  # fmt: skip

    def _seen_by(self, fires: NDArray[np.int64]) -> list[tuple[str, ...]]:
        """Platforms that saw each fire; many fires share few sets of them."""
        masks, index = np.unique(self.facts.seen_by[fires], return_inverse=True)
        sets = [
            tuple(sorted(name for code, name in enumerate(self.platforms) if bits >> code & 1))
            for bits in masks.tolist()
        ]
        return [sets[k] for k in index.tolist()]

    def digests_of(self, all_cells: Grown, nodes: NDArray[np.int64]) -> list[tuple[str, bytes]]:
        """For each fire its name, and its facts, cells and their births as bytes; `nodes` as for `views_of`."""
        owners, cells, births = all_cells
        absorbed = self.absorbed(nodes)
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        fires, f = owners[starts], self.facts
        bounds = np.append(starts, len(owners))
        columns = zip(
            fires.tolist(), f.state[fires].tolist(), self.tracker.last_seen(fires).tolist(),
            f.observations[fires].tolist(), f.confidence[fires].tolist(), self._seen_by(fires),
            f.areas(fires).tolist(), f.suppressed(fires),
            _pieces(cells, bounds), _pieces(births, bounds),
            strict=True,
        )  # fmt: skip
        parts = []
        for fire, state, last, observations, confidence, platforms, area, suppressed, cell, birth in columns:
            facts = (f.ids[fire], state, last, observations, confidence)
            more = (platforms, absorbed.get(fire, ()), round(area, 6), suppressed)
            parts.append((f.ids[fire], repr((*facts, *more)).encode() + cell + birth))
        return parts


def change_rows(facts: Facts, fires: NDArray[np.int64], change: list[str], minute: list[int]) -> list[dict[str, Any]]:
    """Rows of CHANGES for fires as they stand."""
    f = facts
    columns = zip(
        fires.tolist(), change, minute, f.state[fires].tolist(), f.areas(fires).tolist(),
        f.observations[fires].tolist(), f.confidence[fires].tolist(), f.certainty(fires), f.suppressed(fires),
        strict=True,
    )  # fmt: skip
    return [
        {
            "hazard_id": f.ids[fire],
            "kind": KIND,
            "change": what,
            "state": STATES[state],
            "time": t * MINUTE_MS,
            "into": None,
            "area_km2": area,
            "new_area_km2": 0.0,
            "observations": observations,
            "new_observations": 0,
            "frp_mw": None,
            "magnitude": None,
            "merged_from": [],
            "confidence": CONFIDENCES[confidence],
            "certainty": certainty,
            "suppressed": suppressed,
        }
        for fire, what, t, state, area, observations, confidence, certainty, suppressed in columns
    ]


def _pieces(column: NDArray[Any], bounds: NDArray[np.int64]) -> Iterator[bytes]:
    """The bytes of a column between each two bounds; copied once: slices of bytes cost less than of arrays."""
    data = column.tobytes()
    return (data[a:b] for a, b in itertools.pairwise((bounds * column.dtype.itemsize).tolist()))
