"""Names and rows of the fire stage: how a fire is called, and rows before there is anything to say."""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.fire_kernel import EXTRA
from almenara.model.observations import Confidence

KIND = "fire"
MINUTE_MS = 60_000
ACTIVE, DORMANT, ENDED, MERGED, VOID = 0, 1, 2, 3, 4
STATES = ("active", "dormant", "ended", "merged", "retracted")
CONFIDENCES = tuple(level.name.lower() for level in Confidence)

SEEN, GREW, REVIVED, OPENED = 0, 1, 2, 3  # what a pass does to a fire, the more telling the higher
CHANGE_WORDS = ("seen", "grew", "revived", "opened")

#: Cells that joined a footprint: (fires, cells, minutes).
Grown = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]


class News(NamedTuple):
    """What is new of fires that go on, by their numbers in ascending order."""

    fires: NDArray[np.int64]
    change: NDArray[np.int64]  # SEEN … OPENED
    minute: NDArray[np.int64]
    grown_km2: NDArray[np.float64]
    detections: NDArray[np.int64]  # how many
    power_mw: NDArray[np.float64]
    merged: dict[int, list[str]]  # names of fires taken in


def folded(news: list[News], gone: NDArray[np.bool_]) -> News:
    """The news of several passes as one, without fires that are `gone` into others since."""
    parts = [np.concatenate(columns) for columns in zip(*(one[:6] for one in news), strict=True)]
    fires, index = np.unique(parts[0], return_inverse=True)
    n = len(fires)
    change, minute = np.zeros(n, np.int64), np.zeros(n, np.int64)
    np.maximum.at(change, index, parts[1])
    np.maximum.at(minute, index, parts[2])
    grown, count, power = (np.bincount(index, part, n) for part in parts[3:])
    here = ~gone[fires]
    merged: dict[int, list[str]] = {}
    for one in news:
        for fire, names in one.merged.items():
            merged.setdefault(fire, []).extend(names)
    merged = {fire: names for fire, names in merged.items() if not gone[fire]}
    return News(
        fires=fires[here],
        change=change[here],
        minute=minute[here],
        grown_km2=grown[here],
        detections=count[here].astype(np.int64),
        power_mw=power[here],
        merged=merged,
    )


def hazard_id(minute: int, key_hi: int, key_lo: int) -> str:
    """Day of the earliest detection and 60 bits of its key: the same wherever and whenever it is computed."""
    digest = hashlib.blake2b(key_hi.to_bytes(8, "big") + key_lo.to_bytes(8, "big"), digest_size=8).digest()
    bits = int.from_bytes(digest, "big") >> 4
    return f"fire-{_day(minute // 1440)}-" + "".join(
        [_PAIRS[bits >> shift & 1023] for shift in (50, 40, 30, 20, 10, 0)]
    )


_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [a + b for a in _BASE32 for b in _BASE32]


@lru_cache(maxsize=1024)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * 86_400, UTC).strftime("%Y%m%d")


def void_row(minute: int) -> dict[str, Any]:
    return {
        "kind": KIND,
        "time": minute * MINUTE_MS,
        "area_km2": 0.0,
        "new_area_km2": 0.0,
        "observations": 0,
        "new_observations": 0,
        "frp_mw": None,
        "magnitude": None,
        "confidence": "low",
        "certainty": "Possible",
        "suppressed": None,
    }


def no_rows() -> dict[str, NDArray[Any]]:
    kinds = {"t": np.int32, "lon": np.float64, "lat": np.float64, "across_m": np.float32, "along_m": np.float32}
    kinds |= {"key_hi": np.uint64, "key_lo": np.uint64, "version": np.int64, "turn": np.int64}
    return {name: np.empty(0, kind) for name, kind in {**kinds, **EXTRA}.items()}
