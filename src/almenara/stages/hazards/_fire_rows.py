"""Names and rows of the fire stage: how a fire is called, and rows before there is anything to say."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.fire_kernel import EXTRA

MINUTE_MS = 60_000


def hazard_id(minute: int, key_hi: int, key_lo: int) -> str:
    """Day of the earliest detection and 60 bits of its key: the same wherever and whenever it is computed."""
    digest = hashlib.blake2b(key_hi.to_bytes(8, "big") + key_lo.to_bytes(8, "big"), digest_size=8).digest()
    day = datetime.fromtimestamp(minute * 60, UTC).strftime("%Y%m%d")
    return f"fire-{day}-{base64.b32encode(digest).decode()[:12].lower()}"


def void_row(minute: int) -> dict[str, Any]:
    return {
        "kind": "fire",
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
