"""Places from a delimited text file with longitude and latitude columns or a WKT geometry column."""

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import shapely

from almenara.model.errors import UnreadableInput
from almenara.model.limits import RAW_BYTES_MAX
from almenara.places.assemble import Wishes, number
from almenara.places.columns import recognise
from almenara.places.features import Features, check_count, objects
from almenara.ports import Rejection

_DELIMITERS = (",", ";", "\t", "|")
_FIELD_CHARS_MAX = 50_000_000  # a WKT multipolygon can be long


def read_csv(path: Path, wishes: Wishes) -> Features:
    """All rows of the file. Raises UnreadableInput when no column holds positions."""
    content = _decode(path.read_bytes())
    records = _Records(content, _delimiter(content))
    csv.field_size_limit(_FIELD_CHARS_MAX)
    try:
        heading = next(records, None)
        if not heading or not any(name.strip() for name in heading):
            raise UnreadableInput(f"{path.name} has no heading: its first line must name the columns.")
        names = [name.strip() for name in heading]
        rows, lines, raws, rejections = _rows(path, records, len(names))
    except csv.Error as error:
        raise UnreadableInput(f"{path.name} is no readable CSV: {error} (line {records.line}).") from error
    columns = recognise(names, wishes.columns)
    values: dict[str, Sequence[object]] = {
        field: [row[names.index(column)] for row in rows] for field, column in columns.items()
    }
    features = Features(
        names=names,
        values=values,
        geometries=objects([None] * len(rows)),
        lines=np.asarray(lines, dtype=np.int64),
        raw=lambda row: raws[row].encode(),
        rejections=rejections,
    )
    _place(features, path, names, records.delimiter)
    return features


class _Records(Iterator[list[str]]):
    """Records of a CSV text, with the line each begins at and its text as it came."""

    def __init__(self, content: str, delimiter: str) -> None:
        self.delimiter = delimiter
        self.line = 0  # of the current record's first line
        self.raw = ""
        self._lines_read = 0
        self._consumed: list[str] = []
        self._source = io.StringIO(content, newline="")
        self._reader = csv.reader(self._feed(), delimiter=delimiter, strict=True)

    def _feed(self) -> Iterator[str]:
        for line in self._source:
            self._consumed.append(line)
            self._lines_read += 1
            yield line

    def __next__(self) -> list[str]:
        self._consumed.clear()
        self.line = self._lines_read + 1
        record = next(self._reader)
        self.raw = "".join(self._consumed)
        return record


def _rows(path: Path, records: _Records, width: int) -> tuple[list[list[str]], list[int], list[str], list[Rejection]]:
    rows: list[list[str]] = []
    lines: list[int] = []
    raws: list[str] = []
    rejections: list[Rejection] = []
    for record in records:
        if not any(cell.strip() for cell in record):
            continue  # an empty line is no row
        if len(record) != width:
            detail = f"{len(record)} columns instead of {width}"
            rejections.append(
                Rejection(records.line, "wrong-column-count", detail, records.raw.encode()[:RAW_BYTES_MAX])
            )
            continue
        rows.append(record)
        lines.append(records.line)
        raws.append(records.raw)
        check_count(path, len(rows))
    return rows, lines, raws, rejections


def _place(features: Features, path: Path, names: list[str], delimiter: str) -> None:
    values = features.values
    if "geometry" in values and ("lon" not in values or "lat" not in values):
        texts = [str(text).strip() for text in values["geometry"]]
        features.geometries = shapely.from_wkt(
            objects([re.sub(r"^SRID=4326;", "", text, flags=re.I) or None for text in texts]), on_invalid="ignore"
        )
        for row in np.flatnonzero(shapely.is_missing(features.geometries)).tolist():
            if texts[row]:
                features.problems[row] = ("geometry-unreadable", f"“{texts[row][:60]}” is no WKT")
        return
    if "lon" not in values or "lat" not in values:
        raise UnreadableInput(
            f"{path.name} has no columns that look like longitude and latitude (its columns: {', '.join(names)}). "
            "Name them: --column lon=… --column lat=…, or --column geometry=… for WKT."
        )
    for row, (x, y) in enumerate(zip(values["lon"], values["lat"], strict=True)):
        position = _position(str(x), str(y), decimal_comma=delimiter != ",")
        if isinstance(position, str):
            features.problems[row] = (position, f"longitude “{x}”, latitude “{y}”")
        else:
            features.geometries[row] = position
    done = [row for row in range(len(features.geometries)) if features.geometries[row] is not None]
    pairs = np.array([features.geometries[row] for row in done], dtype=np.float64).reshape(-1, 2)
    features.geometries[done] = shapely.points(pairs)


def _position(x: str, y: str, *, decimal_comma: bool) -> tuple[float, float] | str:
    if not x.strip() and not y.strip():
        return "geometry-missing"
    if decimal_comma:
        x, y = x.replace(",", "."), y.replace(",", ".")
    lon, lat = number(x.strip()), number(y.strip())
    if lon is None or lat is None or not x.strip() or not y.strip():
        infinite = any(text.strip().lstrip("+-").casefold() in ("inf", "infinity") for text in (x, y))
        return "coordinates-not-finite" if infinite else "coordinates-unreadable"
    if math.isnan(lon) or math.isnan(lat):
        return "coordinates-not-finite"
    return lon, lat


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # what a spreadsheet writes when it does not write UTF-8


def _delimiter(content: str) -> str:
    heading = next((line for line in content.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=heading.count)
