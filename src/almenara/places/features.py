"""What every file format is turned into before its places are checked: columns, geometries and their origin."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.model.errors import OversizedInput
from almenara.ports import Rejection

FILE_BYTES_MAX = 1 << 30
FEATURES_MAX = 2_000_000
VERTICES_MAX = 200_000  # of one place
TEXT_CHARS_MAX = 300  # of a name, kind, id or administrative unit


@dataclass(slots=True)
class Features:
    """Rows of a file, still unchecked: `values` by field of the places table, one geometry each or None."""

    names: Sequence[str]  # of all columns of the file
    values: Mapping[str, Sequence[object]]
    geometries: NDArray[np.object_]
    lines: NDArray[np.int64]  # 1-based line or item number of each row
    raw: Callable[[int], bytes]  # the row as it came, for the quarantine
    crs: Any | None = None  # pyproj.CRS; None when the file names none
    problems: dict[int, tuple[str, str]] = field(default_factory=dict)  # row → (reason, detail) found while reading
    rejections: list[Rejection] = field(default_factory=list)  # rows that never became a feature
    attribution: str = ""


def check_file_size(path: Path) -> None:
    """Raise OversizedInput for a file beyond FILE_BYTES_MAX."""
    size = path.stat().st_size
    if size > FILE_BYTES_MAX:
        raise OversizedInput(
            f"{path.name} has {size / 1e6:,.0f} MB; the limit for places is {FILE_BYTES_MAX / 1e6:,.0f} MB: "
            "cut it to your area or simplify its polygons."
        )


def check_count(path: Path, count: int) -> None:
    """Raise OversizedInput for more than FEATURES_MAX places."""
    if count > FEATURES_MAX:
        raise OversizedInput(
            f"{path.name} holds more than {FEATURES_MAX:,} places, the limit for one import: split it by area."
        )


def objects(values: Sequence[object]) -> NDArray[np.object_]:
    """A one-dimensional object array, whatever the items are."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
