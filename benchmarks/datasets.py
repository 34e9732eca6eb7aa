"""Seeded loads, made once and kept as files: places, observations, outlines, and the edges of the Earth."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from almenara.simulation.synthetic import generate_alarms, generate_buildings, generate_outlines, load_towns

SEED = 7
_CHUNK = 10_000_000  # made at a time

#: Where longitudes end, meet or mean nothing: ±180°, both poles, and high latitudes.
_CORNERS = (
    (65, 180),
    (-17, 180),
    (0, -180),
    (52, 179.99),
    (89.99, 0),
    (-89.995, 77),
    (84, 180),
    (70, -20),
    (-60, 179.995),
)
_EXACTLY = ((90, 0), (90, 123), (-90, 0), (0, 180), (0, -180), (65, 180), (65, -180), (89.9999, 10), (89.9999, -170))


class Datasets:
    """Files in a folder: arrays (2, n) of longitudes and latitudes, or (n, vertices, 2) outlines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def places(self, count: int) -> Path:
        """Buildings round towns."""
        path = self.folder / f"places-{count}.npy"
        if not path.exists():
            draft = path.with_suffix(".part")
            array = np.lib.format.open_memmap(draft, "w+", np.float64, (2, count))
            for number, first in enumerate(range(0, count, _CHUNK)):
                last = min(first + _CHUNK, count)
                array[:, first:last] = generate_buildings(last - first, SEED + 1000 * number)
            array.flush()
            draft.replace(path)
        return path

    def observations(self, count: int) -> Path:
        """Fire pixels, most of them near towns; a shorter set is another one, not a part."""
        return self._keep(f"observations-{count}", lambda: np.stack(generate_alarms(count, SEED)))

    def towns(self) -> Path:
        """All towns of the gazetteer."""
        return self._keep("towns", lambda: np.stack(load_towns()[:2]))

    def outlines(self, count: int) -> Path:
        """Polygons that do not cross ±180°, which some peers could not take."""
        return self._keep(f"outlines-{count}", lambda: _within_180(generate_outlines(count + 1000, SEED))[:count])

    def edges(self, part: str) -> Path:
        """Points about the antimeridian and the poles: "places" or "observations"."""
        each, seed = {"places": (150, 1), "observations": (50, 2)}[part]
        return self._keep(f"edges-{part}", lambda: _edges(each, seed))

    def _keep(self, name: str, make: Callable[[], NDArray[np.float64]]) -> Path:
        path = self.folder / f"{name}.npy"
        if not path.exists():
            np.save(path, make())
        return path


def _within_180(outlines: NDArray[np.float64]) -> NDArray[np.float64]:
    return outlines[np.all(np.abs(outlines[..., 0]) <= 180.0, axis=1)]


def _edges(each: int, seed: int) -> NDArray[np.float64]:
    dice = np.random.Generator(np.random.PCG64([SEED, seed]))
    centre = np.repeat(np.array(_CORNERS, np.float64), each, axis=0)
    lat = centre[:, 0] + 0.5 * dice.standard_normal(len(centre)) / 111.2
    lat = np.where(np.abs(lat) > 90.0, np.sign(lat) * 180.0 - lat, lat)
    lon = centre[:, 1] + 0.5 * dice.standard_normal(len(centre)) / (111.2 * np.maximum(np.cos(np.radians(lat)), 1e-6))
    exact = np.array(_EXACTLY, np.float64)
    points = np.concatenate(
        (np.column_stack((np.round((lon + 180.0) % 360.0 - 180.0, 7), np.round(lat, 7))), exact[:, ::-1])
    )
    return np.ascontiguousarray(points.T)
