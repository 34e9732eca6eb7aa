"""How far a fire could reach within hours: bands from its own advance, scaled by what other fires did.

`benchmarks/reach.py` calibrates the constants and scores them on fires held back; decision 12 has the protocol.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HORIZONS_H = (6.0, 12.0, 24.0)
LEVELS = (50, 80, 95)  # P50: in 50 of 100 comparable cases all that newly burned lay inside
FLOOR_M = 500.0
PIXEL_M = 250.0  # added to an advance before it is scaled: the grid and half a pixel
#: Bands are widened by the hours since a fire was last seen, up to this horizon; after it nothing is said.
HORIZON_MAX_H = 48.0
#: With fewer calibration fires a class is not calibrated.
FIRES_MIN = 50

OWN, PRIOR = "own advance", "pooled prior"
FINE, COARSE = "fine", "coarse"


@dataclass(frozen=True, slots=True)
class Scale:
    """What a class of fires was calibrated to, at one horizon."""

    fires: int  # of the calibration half
    values: tuple[float, ...]  # by level; own advance: factors, pooled prior: metres
    calibrated: bool


#: (basis, pixel) → one scale for each horizon, written by `benchmarks/reach.py --calibrate`; a class with too few fires
#: has the band of a longer horizon. From the calibration half of the fires that were seen again in these detections:
#: MODIS, the world in April 2022, Argentina in winter 2025, the south-west of the USA in 2022, Ecuador 2021–2025;
#: VIIRS, the world on 2023-11-09, Rondônia and Acre in 2024, Rhodes 2023, the Creek Fire 2020, the USA on 2021-12-08.
SCALES: dict[tuple[str, str], tuple[Scale, ...]] = {
    (OWN, FINE): (
        Scale(0, (0.61, 1.25, 2.55), calibrated=False),
        Scale(42, (0.61, 1.25, 2.55), calibrated=False),
        Scale(88, (0.61, 1.25, 2.55), calibrated=True),
    ),
    (OWN, COARSE): (
        Scale(96, (0.24, 1.19, 3.19), calibrated=True),
        Scale(291, (0.5, 1.35, 3.6), calibrated=True),
        Scale(328, (0.72, 1.6, 3.6), calibrated=True),
    ),
    (PRIOR, FINE): (
        Scale(5, (550.0, 1230.0, 2560.0), calibrated=False),
        Scale(830, (550.0, 1230.0, 2560.0), calibrated=True),
        Scale(253, (550.0, 1230.0, 2560.0), calibrated=True),
    ),
    (PRIOR, COARSE): (
        Scale(84, (890.0, 2010.0, 5410.0), calibrated=True),
        Scale(522, (1220.0, 2390.0, 5410.0), calibrated=True),
        Scale(560, (1900.0, 3280.0, 5460.0), calibrated=True),
    ),
}


def bands_m(own: NDArray[np.bool_], fine: NDArray[np.bool_], advance_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bands of n fires [fire, level, horizon], metres beyond the footprint as it was last seen.

    Nested: a band never shrinks with the level or the horizon. `advance_m` counts where `own` holds.

    >>> bands_m(np.array([True]), np.array([True]), np.array([0.0]))[0, -1]
    array([637.5, 637.5, 637.5])
    """
    table = _TABLE[np.where(own, 0, 1), np.where(fine, 0, 1)]
    unit = np.where(own, advance_m + PIXEL_M, 1.0)
    return np.asarray(np.maximum(FLOOR_M, table * unit[:, None, None]))


def hours_until(distance_m: NDArray[np.float64], bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hours after its fire was last seen at which the band of each level meets each of m places [place, level].

    `bands` [place, level, horizon] are those of each place's fire. Infinity beyond 48 h.

    >>> hours_until(np.array([500.0, 900.0, 4000.0, 5000.0]), np.array([[[600.0, 1200.0, 2400.0]]] * 4))[:, 0]
    array([ 0.,  9., 40., inf])
    """
    edge = _edges(bands)
    d = distance_m[:, None]
    found = np.where(d <= FLOOR_M, 0.0, np.full(bands.shape[:-1], np.inf))
    for k in range(len(_HOURS) - 1):
        near, far = edge[..., k], edge[..., k + 1]
        inside = (near < d) & (d <= far)
        part = (d - near) / np.where(far > near, far - near, 1.0)
        found = np.where(inside, _HOURS[k] + part * (_HOURS[k + 1] - _HOURS[k]), found)
    return found


def widened_m(bands: NDArray[np.float64], hours_since: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bands [fire, level, horizon] as of some hours after each fire was last seen: they add to each horizon.

    >>> widened_m(np.array([[[600.0, 1200.0, 2400.0]]]), np.array([6.0]))
    array([[[1200., 1800., 3000.]]])
    """
    edge = _edges(bands)
    at = np.minimum(np.array(HORIZONS_H) + hours_since[:, None], HORIZON_MAX_H)
    k = np.clip(np.searchsorted(_HOURS, at), 1, len(_HOURS) - 1)
    part = ((at - _HOURS[k - 1]) / (_HOURS[k] - _HOURS[k - 1]))[:, None]
    k = np.broadcast_to(k[:, None], bands.shape)
    near, far = np.take_along_axis(edge, k - 1, -1), np.take_along_axis(edge, k, -1)
    return np.asarray(near + part * (far - near))


def calibrated(own: NDArray[np.bool_], fine: NDArray[np.bool_], hours: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the band that holds after so many hours was calibrated: at the horizons on either side of them."""
    above = np.minimum(np.searchsorted(HORIZONS_H, hours), len(HORIZONS_H) - 1)
    on_or_past = hours >= np.array(HORIZONS_H)[above]  # between two horizons both count
    below = np.where(on_or_past, above, np.maximum(above - 1, 0))
    basis, pixel = np.where(own, 0, 1), np.where(fine, 0, 1)
    return np.asarray(_SURE[basis, pixel, below] & _SURE[basis, pixel, above])


def _edges(bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bands at 0 h, at the horizons, and at 48 h, between which they are interpolated."""
    widest = bands[..., -1:] * (HORIZON_MAX_H / HORIZONS_H[-1])
    return np.concatenate((np.full_like(widest, FLOOR_M), bands, widest), axis=-1)


_HOURS = np.array([0.0, *HORIZONS_H, HORIZON_MAX_H])
_ROWS = [[SCALES[basis, pixel] for pixel in (FINE, COARSE)] for basis in (OWN, PRIOR)]
_TABLE = np.array([[[[s.values[k] for s in scales] for k in range(len(LEVELS))] for scales in row] for row in _ROWS])
_SURE = np.array([[[s.calibrated for s in scales] for scales in row] for row in _ROWS])
