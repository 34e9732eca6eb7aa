"""Rows on their way in: columns of text, a screening that names what is wrong, and the checks that feeds share."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from almenara.model.limits import AHEAD_MS_MAX, RAW_BYTES_MAX, SHOWN_CHARS_MAX
from almenara.ports import Rejection

#: Reasons that the checks of this module and the readers give; a source adds its own.
REASONS = {
    "latitude-missing": "The row says no latitude.",
    "latitude-unreadable": "The latitude is no finite number.",
    "latitude-out-of-range": "The latitude lies beyond −90…90 degrees.",
    "longitude-missing": "The row says no longitude.",
    "longitude-unreadable": "The longitude is no finite number.",
    "longitude-out-of-range": "The longitude lies beyond −180…180 degrees.",
    "coordinates-look-swapped": "The latitude is none, but the two values would fit if they changed places.",
    "coordinates-both-zero": "0° N 0° E is open sea: a sign that the position was missing and filled in.",
    "time-before-range": "The time is earlier than this feed exists.",
    "time-in-the-future": "The time is more than a day later than the moment of receipt.",
}
#: Reasons of the readers of delimited text.
TEXT_REASONS = {
    "not-this-feed": "The content does not have the form of this feed (an error page, another feed, a broken file).",
    "columns-missing": "The first line lacks columns without which no row can be read.",
    "line-too-long": "The line is longer than any row of this feed can be.",
    "wrong-number-of-fields": "The row has more or fewer fields than the first line names.",
    "row-unreadable": "The row's quotation marks or line ends do not match.",
}
#: Reasons of the reader of JSON.
JSON_REASONS = {
    "not-this-feed": "The content does not have the form of this feed (an error page, another feed, a broken file).",
    "json-too-large": "JSON is read as a whole, and this content is larger than the bound for it.",
    "json-malformed": "The content is no JSON.",
    "json-cut-off": "From this item on the content is no JSON, as after a broken connection; those before were read.",
    "item-unreadable": "The item is no object with the properties of this feed.",
}


@dataclass(slots=True)
class Batch:
    """Some rows of a content as text, by column; what a row lacks is ""."""

    columns: Mapping[str, pa.Array]  # of strings, all of length `rows`
    rows: int
    lines: NDArray[np.int64]  # number of the line or item of each row
    raw: Callable[[int], bytes]
    decimal_comma: bool = False

    def text(self, name: str) -> pa.Array:
        """A column as it came; all "" where the content has no such column."""
        found = self.columns.get(name)
        return pa.repeat("", self.rows) if found is None else found

    def numbers(self, name: str) -> "Numbers":
        """A column as numbers."""
        found = self.columns.get(name)
        if found is None:
            nothing = np.zeros(self.rows, bool)
            return Numbers(np.full(self.rows, np.nan), ~nothing, nothing)
        if self.decimal_comma:
            found = pc.replace_substring(found, ",", ".")
        return read_numbers(found)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers read from text: NaN where `missing` (nothing there) or `unreadable` (no finite number)."""

    values: NDArray[np.float64]
    missing: NDArray[np.bool_]
    unreadable: NDArray[np.bool_]


class Screening:
    """For each row the first thing that was found wrong with it."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._reasons: list[str] = []
        self._details: list[Callable[[int], str]] = []
        self._found = np.full(batch.rows, -1, np.int16)

    @property
    def standing(self) -> NDArray[np.bool_]:
        """Rows with which nothing is wrong so far."""
        return self._found < 0

    def refuse(self, bad: NDArray[np.bool_], reason: str, *shown: str) -> None:
        """Refuse rows for a reason; `shown` are the columns that explain it. Rows refused before keep their reason."""
        bad = bad & (self._found < 0)
        if bad.any():
            self._found[bad] = len(self._reasons)
            self._reasons.append(reason)
            self._details.append(lambda row: show_values(self._batch, row, shown))

    def rejections(self) -> list[Rejection]:
        """The refused rows, in their order."""
        batch = self._batch
        found = []
        for row in np.flatnonzero(self._found >= 0).tolist():
            which = int(self._found[row])
            raw = batch.raw(row)[:RAW_BYTES_MAX]
            found.append(Rejection(int(batch.lines[row]), self._reasons[which], self._details[which](row), raw))
        return found


def show_values(batch: Batch, row: int, names: Iterable[str]) -> str:
    """“latitude 97.5, longitude …”: the values of a row that explain its rejection."""
    texts = [(name, str(batch.text(name)[row])) for name in names]
    return ", ".join(f"{name} “{shorten(text)}”" for name, text in texts)


def shorten(text: str) -> str:
    """Outside text made fit to be shown in one line."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: SHOWN_CHARS_MAX + 1])
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "…"


_NUMBER = r"^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$"


def read_numbers(column: pa.Array) -> Numbers:
    """Text as numbers.

    >>> numbers = read_numbers(pa.array(["1.5", " -2 ", "", "x", "nan"]))
    >>> numbers.values.tolist(), numbers.missing.tolist(), numbers.unreadable.tolist()
    ([1.5, -2.0, nan, nan, nan], [False, False, True, False, False], [False, False, False, True, True])
    """
    nothing = np.zeros(len(column), bool)
    try:
        values = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
        missing = nothing
    except pa.ArrowInvalid:
        trimmed = pc.utf8_ltrim(pc.utf8_trim_whitespace(column), "+")
        good = pc.match_substring_regex(trimmed, _NUMBER)
        texts = pc.if_else(good, trimmed, "nan")
        values = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
        missing = pc.equal(trimmed, "").to_numpy(zero_copy_only=False)
    finite = np.isfinite(values)
    return Numbers(np.where(finite, values, np.nan), missing, ~finite & ~missing)


def read_distinct(column: pa.Array, read: Callable[[str], int | None], unreadable: int) -> NDArray[np.int64]:
    """Text as whole numbers, by reading each distinct value once; `unreadable` where `read` returns None."""
    encoded = column.dictionary_encode()
    readings = (read(text) for text in encoded.dictionary.to_pylist())
    values = np.array([unreadable if value is None else value for value in readings] or [unreadable], np.int64)
    indices: NDArray[np.int64] = encoded.indices.to_numpy(zero_copy_only=False)
    return values[indices]


def check_position(
    batch: Batch, screening: Screening, lon_name: str, lat_name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes (−180 for 180) and latitudes; what is no position on Earth is refused."""
    lons, lats = batch.numbers(lon_name), batch.numbers(lat_name)
    for numbers, word, name in ((lats, "latitude", lat_name), (lons, "longitude", lon_name)):
        screening.refuse(numbers.missing, f"{word}-missing", lat_name, lon_name)
        screening.refuse(numbers.unreadable, f"{word}-unreadable", name)
    lon, lat = lons.values, lats.values
    bad_lat = np.abs(lat) > 90.0
    swapped = bad_lat & (np.abs(lat) <= 180.0) & (np.abs(lon) <= 90.0)
    screening.refuse(swapped, "coordinates-look-swapped", lat_name, lon_name)
    screening.refuse(bad_lat, "latitude-out-of-range", lat_name)
    screening.refuse(np.abs(lon) > 180.0, "longitude-out-of-range", lon_name)
    screening.refuse((lat == 0.0) & (lon == 0.0), "coordinates-both-zero", lat_name, lon_name)
    return np.where(lon == 180.0, -180.0, lon), lat


def check_time(screening: Screening, time_ms: NDArray[np.int64], earliest: int, received_ms: int, *shown: str) -> None:
    """Refuse what lies before the feed's time or after the moment of receipt."""
    screening.refuse(time_ms < earliest, "time-before-range", *shown)
    screening.refuse(time_ms > received_ms + AHEAD_MS_MAX, "time-in-the-future", *shown)


_DATE_TIME = re.compile(
    r"(\d{4})[-/](\d{2})[-/](\d{2})[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?:Z| ?UTC|\+00(?::?00)?)?"
)


def read_date_time(text: str) -> int | None:
    """Milliseconds since 1970 of “2024-09-26 04:59:00” in UTC, None for anything else.

    >>> read_date_time("1970-01-01 00:01:00"), read_date_time("1970-13-01 00:01:00")
    (60000, None)
    """
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(group or 0) for group in match.groups())
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000
