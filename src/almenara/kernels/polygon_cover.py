"""A bitmap of the Earth that says at once of most small windows that no polygon's bounds reach into them."""

import numpy as np
from numpy.typing import NDArray

from almenara.kernels.jit import compiled
from almenara.kernels.matches import Floats
from almenara.kernels.point_tiles import CELL, HALF_TURN, TURN
from almenara.kernels.point_windows import Window

SQUARE = 8 * CELL  # units of 1e-7 degrees along the edge of what a bit stands for: 0.064 degrees
ROWS = HALF_TURN // SQUARE + 1
WORDS = (TURN // SQUARE >> 6) + 1  # of a row
_WIDE = 16  # squares; a wider or higher window is not worth asking
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


def cover(bounds: Floats) -> NDArray[np.uint64]:
    """The bitmap [row, word], flat, of boxes [box, 4] west, south, east, north in degrees.

    >>> bitmap = cover(np.array([[-180.0, -90.0, 180.0, 90.0]]))
    >>> int(np.bitwise_count(bitmap).sum()) == ROWS * (TURN // SQUARE + 1)
    True
    """
    bitmap = np.zeros(ROWS * WORDS, np.uint64)
    units = np.empty(bounds.shape, np.int64)
    units[:, :2] = np.floor((bounds[:, :2] + (180.0, 90.0)) * 1e7) - 1
    units[:, 2:] = np.ceil((bounds[:, 2:] + (180.0, 90.0)) * 1e7) + 1
    squares = np.ascontiguousarray(np.clip(units, 0, (TURN, HALF_TURN, TURN, HALF_TURN)) // SQUARE)
    _mark(squares, bitmap)
    return bitmap


@compiled
def _bits(word: int, first: int, last: int) -> np.uint64:
    """The bits of a word of a row that lie in columns first…last."""
    low = max(first - (word << 6), 0)
    high = min(last - (word << 6), 63)
    return (_ALL >> np.uint64(63 - high + low)) << np.uint64(low)


@compiled
def _mark(squares: NDArray[np.int64], bitmap: NDArray[np.uint64]) -> None:
    for box in squares:
        for row in range(box[1], box[3] + 1):
            for word in range(box[0] >> 6, (box[2] >> 6) + 1):
                bitmap[row * WORDS + word] |= _bits(word, box[0], box[2])


@compiled
def may_reach(bitmap: NDArray[np.uint64], window: Window) -> bool:
    """Whether a polygon's bounds may reach into a window; False is certain."""
    row0 = window.low // SQUARE
    row1 = window.high // SQUARE
    if window.left < 0 or window.right > TURN or row1 - row0 > _WIDE:
        return True
    column0 = window.left // SQUARE
    column1 = window.right // SQUARE
    if column1 - column0 > _WIDE:
        return True
    for row in range(row0, row1 + 1):
        for word in range(column0 >> 6, (column1 >> 6) + 1):
            if bitmap[row * WORDS + word] & _bits(word, column0, column1):
                return True
    return False
