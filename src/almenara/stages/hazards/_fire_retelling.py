"""Stories told anew, a day at a time: what came in many minutes enters the facts at once and adds up to the same."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.fire_kernel import Pass


class Turns(NamedTuple):
    """The number of the pass that brought each row and each cell: sums are made by pass, then one after another."""

    rows: NDArray[np.int64]
    cells: NDArray[np.int64]


def by_day(passes: list[Pass]) -> Iterator[tuple[Pass, Turns]]:
    """Passes in order as few: those of one day in which no fire with a past ended in another one, as one."""
    group: list[Pass] = []
    for told in passes:
        if group and (len(told.absorbed) or told.t // 1440 != group[0].t // 1440):
            yield _joined(group)
            group = []
        group.append(told)
    if group:
        yield _joined(group)


def _joined(passes: list[Pass]) -> tuple[Pass, Turns]:
    first, last = passes[0], passes[-1]
    whole = Pass(
        t=last.t,
        rows=slice(first.rows.start, last.rows.stop),
        fires=np.concatenate([told.fires for told in passes]),
        absorbed=first.absorbed,
        absorbed_by=first.absorbed_by,
        cells=np.concatenate([told.cells for told in passes]),
        cell_fires=np.concatenate([told.cell_fires for told in passes]),
    )
    numbers = np.arange(len(passes))
    rows = np.repeat(numbers, [len(told.fires) for told in passes])
    return whole, Turns(rows, np.repeat(numbers, [len(told.cells) for told in passes]))


def add_in_turn(
    total: NDArray[np.float64],
    fires: NDArray[np.int64],
    index: NDArray[np.int64],
    values: NDArray[np.float64],
    turn: NDArray[np.int64] | None,
) -> None:
    """Add values to the totals of `fires[index]` as if each turn's sum came by itself."""
    if turn is None:
        total[fires] += np.bincount(index, values, len(fires))
        return
    sums, of = np.unique(turn * len(fires) + index, return_inverse=True)
    np.add.at(total, fires[sums % len(fires)], np.bincount(of, values))
