"""Dates and times of day as FIRMS and the spreadsheets of its users write them."""

import re
from collections.abc import Callable, Iterator
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
_ISO = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})")
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_SLASHED = r"^\s*\d{1,2}/\d{1,2}/\d{4}\s*$"
_COLON_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.0+)?Z?")
_DIGIT_CLOCK = re.compile(r"(\d{1,4})(?:\.0)?")

#: What `read_date` gives for a date that cannot be read.
UNREADABLE, MISSING, AMBIGUOUS = -(2**62), -(2**62) + 1, -(2**62) + 2

#: Rows in memory at a time while a whole file is searched for the order of day and month.
ROWS_MAX_OF_DATES = 50_000
#: One side must have this many times the evidence of the other, so that a single damaged row decides nothing.
_MAJORITY = 20


class DateOrder:
    """Whether a file saved by a spreadsheet writes M/D/YYYY or D/M/YYYY: decided by all its dates, once, if it matters.

    Only a date with a number above 12 tells. Without one, or with both kinds, the order is unknown.
    """

    def __init__(self, dates: Callable[[], Iterator[pa.Array]]) -> None:
        self._dates = dates
        self._month_first: bool | None = None
        self._decided = False

    def month_first(self) -> bool | None:
        """True for M/D/YYYY, False for D/M/YYYY, None when the file does not tell."""
        if not self._decided:
            self._month_first = self._decide()
            self._decided = True
        return self._month_first

    def _decide(self) -> bool | None:
        month_first = day_first = 0
        for column in self._dates():
            counts = pc.value_counts(column.filter(pc.match_substring_regex(column, _SLASHED)))
            for entry in counts.to_pylist():
                match = _SLASHES.fullmatch(entry["values"].strip())
                if match is None:
                    continue
                first, second = int(match[1]), int(match[2])
                month_first += entry["counts"] * (first <= 12 < second)
                day_first += entry["counts"] * (second <= 12 < first)
        if month_first > _MAJORITY * day_first:
            return True
        return False if day_first > _MAJORITY * month_first else None


def read_days(column: pa.Array, order: DateOrder) -> NDArray[np.int64]:
    """Milliseconds of the midnight that begins each date, or UNREADABLE, MISSING, AMBIGUOUS."""
    encoded = column.dictionary_encode()
    values = np.array([read_date(text, order) for text in encoded.dictionary.to_pylist()] or [MISSING], np.int64)
    indices: NDArray[np.int64] = encoded.indices.to_numpy(zero_copy_only=False)
    return values[indices]


def read_date(text: str, order: DateOrder) -> int:
    """Milliseconds of a date's first moment, or UNREADABLE, MISSING, AMBIGUOUS.

    >>> read_date("1970-01-03", DateOrder(lambda: iter([]))) // 86_400_000
    2
    """
    text = text.strip()
    if not text:
        return MISSING
    iso = _ISO.fullmatch(text)
    if iso is not None:
        return _midnight(int(iso[1]), int(iso[3]), int(iso[4]))
    slashes = _SLASHES.fullmatch(text)
    if slashes is None:
        return UNREADABLE
    first, second, year = int(slashes[1]), int(slashes[2]), int(slashes[3])
    if first == second:
        return _midnight(year, first, second)
    month_first = order.month_first()
    if month_first is None:
        return AMBIGUOUS
    month, day = (first, second) if month_first else (second, first)
    return _midnight(year, month, day)


def _midnight(year: int, month: int, day: int) -> int:
    try:
        return (date(year, month, day) - _EPOCH).days * _DAY_MS
    except ValueError:
        return UNREADABLE


def read_clock(text: str) -> int | None:
    """Milliseconds since midnight of “05:33”, “0533”, “533” or “5” (FIRMS pads or does not), None for anything else.

    >>> [read_clock(text) for text in ("0:05", "5", "0005", "05:60", "2400", "")]
    [300000, 300000, 300000, None, None, None]
    """
    text = text.strip()
    colon = _COLON_CLOCK.fullmatch(text)
    if colon is not None:
        hour, minute, second = int(colon[1]), int(colon[2]), int(colon[3] or 0)
    else:
        digits = _DIGIT_CLOCK.fullmatch(text)
        if digits is None:
            return None
        hour, minute = divmod(int(digits[1]), 100)
        second = 0
    if hour > 23 or minute > 59 or second > 59:
        return None
    return ((hour * 60 + minute) * 60 + second) * 1000
