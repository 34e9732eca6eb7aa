"""Fires as people are told of them, and as bytes that name the state."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.fire_kernel import FireKernel
from almenara.kernels.fire_tiles import NEVER
from almenara.stages.hazards import View
from almenara.stages.hazards._fire_facts import Facts
from almenara.stages.hazards._fire_rows import CONFIDENCES, KIND, MINUTE_MS, STATES, Grown


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what the tracker and the facts hold."""

    tracker: FireKernel
    facts: Facts
    platforms: list[str]  # code → name

    def views_of(self, fires: NDArray[np.int64]) -> list[View]:
        shapes = self.tracker.outlines_of(fires)
        absorbed = self.absorbed(self.tracker.nodes())
        found = [
            self.view_of(fire, shape, absorbed.get(fire, ()))
            for fire, shape in zip(fires.tolist(), shapes, strict=True)
        ]
        return sorted(found, key=lambda view: view.id)

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

    def view_of(self, fire: int, shape: Any, absorbed: tuple[str, ...]) -> View:
        f, one = self.facts, np.array([fire])
        minute, _, _ = self.tracker.born(one)
        power = float(f.power_max_mw[fire])
        return View(
            id=f.ids[fire],
            kind=KIND,
            state=STATES[int(f.state[fire])],
            label="",
            first_seen_ms=int(minute[0]) * MINUTE_MS,
            last_seen_ms=int(self.tracker.last_seen(one)[0]) * MINUTE_MS,
            area_km2=float(f.areas(one)[0]),
            observations=int(f.observations[fire]),
            confidence=CONFIDENCES[f.confidence[fire]],
            certainty=f.certainty(one)[0],
            suppressed=f.suppressed(one)[0],
            platforms=self._seen_by(fire),
            merged_from=absorbed,
            frp_max_mw=power if power >= 0 else None,
            magnitude=None,
            depth_km=None,
            epicentre=None,
            footprint=shape,
            extra={"persistent": bool(f.persistent(one)[0])},
        )

    def _seen_by(self, fire: int) -> tuple[str, ...]:
        """Platforms that saw a fire."""
        bits = int(self.facts.seen_by[fire])
        return tuple(sorted(name for code, name in enumerate(self.platforms) if bits >> code & 1))

    def digests_of(self, all_cells: Grown) -> list[tuple[str, bytes]]:
        fires, cell, birth = all_cells
        absorbed = self.absorbed(self.tracker.nodes())
        starts = np.flatnonzero(np.diff(fires, prepend=-1))
        groups = zip(fires[starts].tolist(), np.split(cell, starts[1:]), np.split(birth, starts[1:]), strict=False)
        f, parts = self.facts, []
        seen = self.tracker.last_seen(fires[starts]).tolist()
        for (fire, cells, births), last in zip(groups, seen, strict=True):
            one = np.array([fire])
            facts = (f.ids[fire], int(f.state[fire]), last, int(f.observations[fire]), int(f.confidence[fire]))
            more = (self._seen_by(fire), absorbed.get(fire, ()), round(float(f.areas(one)[0]), 6), f.suppressed(one)[0])
            part = repr((*facts, *more)).encode() + cells.tobytes() + births.tobytes()
            parts.append((f.ids[fire], part))
        return parts
