"""Every kernel once, with every set of argument types that Almenara has for it: run, it has compiled them all.

`python -m almenara.kernels.warm_up FILE` writes to a file which files of machine code it took.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from almenara.kernels import machine_code
from almenara.kernels.advance import beyond_m
from almenara.kernels.batches import SMALL_BATCH
from almenara.kernels.fire_fronts import rim_cells, tile_boxes
from almenara.kernels.fire_kernel import EXTRA, FireKernel
from almenara.kernels.key_table import empty_table, judge, with_room
from almenara.kernels.outlines import outlines
from almenara.kernels.place_index import PlaceIndex


def places() -> None:
    """Points and polygons in every search, built and opened, in one thread and in several."""
    lon, lat = np.linspace(10.0, 20.0, 9), np.zeros(9)
    many_lon, many_lat = np.linspace(10.0, 20.0, 2 * SMALL_BATCH), np.zeros(2 * SMALL_BATCH)
    points = PlaceIndex.build(lon, lat)
    mixed = PlaceIndex.build(geometries=[shapely.Point(10.0, 0.0), shapely.box(10.0, 0.0, 10.1, 0.1)])
    with tempfile.TemporaryDirectory(prefix="almenara-") as folder:
        mixed.save(Path(folder) / "places")
        for index in (points, mixed, PlaceIndex.open(Path(folder) / "places")):
            index.within(lon, lat)
            index.within(lon, lat, 1000.0, footprint_m=187.5)
            index.within_boxes(lon, lat, lon, lat)
            index.within(many_lon, many_lat, threads=2)
            index.nearest(lon, lat)


def fires() -> None:
    """Fires that are told, told anew, drawn, stored and let go; so many that the tracker makes itself more room."""
    n = 600
    rows: dict[str, NDArray[Any]] = {
        "t": np.repeat(np.array([1, 2, 3], np.int32), n // 3),
        "lon": np.linspace(10.0, 11.0, n),
        "lat": np.zeros(n),
        "across_m": np.full(n, 375.0, np.float32),
        "along_m": np.full(n, 375.0, np.float32),
        "key_hi": np.zeros(n, np.uint64),
        "key_lo": np.arange(n, dtype=np.uint64),
        **{name: np.zeros(n, kind) for name, kind in EXTRA.items()},
    }
    early, late = (
        {name: column[part] for name, column in rows.items()} for part in (slice(n // 3, n), slice(0, n // 3))
    )
    tracker = FireKernel()
    tracker.update(early)
    tracker.update(late, retract=(rows["key_hi"][-1:], rows["key_lo"][-1:]))
    fire, cell, _ = tracker.footprints()
    own = np.unique(fire)
    tracker.footprints_of(own)
    outlines(fire, cell)
    tracker.outlines_of(own)
    tracker.outline_at(int(own[0]), 2)
    tracker.mergers(int(own[0]))
    _, tiles, bits, _ = tracker.fronts_of(own, np.ones(len(own), np.int64))
    rim_cells(tiles, bits)
    tile_boxes(tiles, bits)
    beyond_m(cell, cell)
    opened = FireKernel.from_arrays(tracker.to_arrays(), tracker.told_until)
    opened.let_go(opened.stale(0))
    opened.compact()


def observations() -> None:
    """Keys that are judged, in a table that has to grow."""
    table = with_room(empty_table(1), 2, since=0)
    kinds: tuple[Any, ...] = (np.uint64, np.uint64, np.int64, np.uint64, np.int64)
    columns: list[NDArray[Any]] = [np.zeros(1, kind) for kind in kinds]
    judge(table, *columns)


#: Each uses public classes and functions of this package as its callers do, and writes nothing but machine code.
STEPS: tuple[Callable[[], None], ...] = (places, fires, observations)

if __name__ == "__main__":
    for step in STEPS:
        step()
    Path(sys.argv[1]).write_text("\n".join(map(str, machine_code.loaded)), encoding="utf-8")
