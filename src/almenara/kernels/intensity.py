"""How strongly an earthquake is felt at a distance: Allen, Wald & Worden (2012), hypocentral distance, active crust."""

import math

import numpy as np
from numpy.typing import NDArray

#: Intensities (Modified Mercalli) of the rings that make an earthquake's footprint.
RINGS = (4.0, 5.0, 6.0, 7.0, 8.0, 9.0)


#: Smallest magnitude behind the law. Its near-source term Rm is held there: carried on below, it vanishes at M 2.7, and
#: a tremor that nobody noticed would shake its epicentre without bound.
MAGNITUDE_MIN = 5.0


def mmi_at(magnitude: float, depth_km: float, distance_km: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median intensity (MMI) at epicentral distances in km, without a site term.

    Allen, Wald & Worden (2012), J. Seismology 16, 409–431, eq. 2, with their hypocentral coefficients:
    MMI = 2.085 + 1.428 M − 1.402 ln √(R² + Rm²) [+ 0.078 ln(R/50) beyond 50 km], Rm = −0.209 + 2.042 e^(M−5).

    >>> mmi_at(7.0, 10.0, np.array([75.0])).round(1)
    array([6.])
    >>> mmi_at(7.0, 10.0, np.empty(0)).size
    0
    """
    r = np.hypot(distance_km, depth_km)
    rm = -0.209 + 2.042 * math.exp(max(magnitude, MAGNITUDE_MIN) - 5.0)
    mmi = 2.085 + 1.428 * magnitude - 1.402 * np.log(np.sqrt(r * r + rm * rm))
    return np.asarray(mmi + np.where(r > 50.0, 0.078 * np.log(np.maximum(r, 50.0) / 50.0), 0.0))


def sigma_mmi(depth_km: float, distance_km: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation of `mmi_at` (same source): 0.82 + 0.37 / (1 + (R/22.9)²)."""
    r = np.hypot(distance_km, depth_km)
    return np.asarray(0.82 + 0.37 / (1.0 + (r / 22.9) ** 2))


def radius_km(magnitude: float, depth_km: float, mmi: float) -> float:
    """Epicentral distance within which the median intensity is at least `mmi`; 0 when it is nowhere.

    >>> radius_km(4.0, 10.0, 6.0)
    0.0
    """
    if mmi_at(magnitude, depth_km, np.zeros(1))[0] < mmi:
        return 0.0
    low, high = 0.0, 20_000.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if mmi_at(magnitude, depth_km, np.array([middle]))[0] >= mmi:
            low = middle
        else:
            high = middle
    return low
