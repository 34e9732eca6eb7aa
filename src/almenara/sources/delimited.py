"""Delimited text (CSV and its cousins) as columns of strings, fast while it is sound and row by row where it is not."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from almenara.model.limits import LINE_BYTES_MAX, RAW_BYTES_MAX
from almenara.ports import Rejection
from almenara.sources.batch import Batch, shorten
from almenara.sources.lines import Piece, cut

_BOM = b"\xef\xbb\xbf"
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: which column stands where."""

    names: list[str]  # lower case, in the order of the file
    delimiter: str


def find_header(head: bytes) -> Header | None:
    """The header in the first line of a content that is not blank; None when that is no line of names."""
    for line in head.removeprefix(_BOM).split(b"\n", 64):
        if line.strip():
            return _read_header(line)
    return None


def read_batches(
    path: Path, rows_max: int, wanted: Callable[[Header], dict[str, str] | None]
) -> Iterator[tuple[Batch | None, list[Rejection]]]:
    """The rows of a content in batches, with the rows that have no such form.

    `wanted` says for a header which columns are to be read: name in the batch → name in the header; None when the
    content is not of the feed. A refusal as a whole is one (None, [rejection]).
    """
    with path.open("rb") as file:
        header, number, raw = _first_line(file)
        if header is None and not raw.strip():
            return
        columns = None if header is None else wanted(header)
        if header is None or columns is None:
            detail = f"it begins with “{shorten(raw.decode('utf-8', 'replace').strip())}”"
            yield None, [Rejection(0, "not-this-feed", detail, raw[:RAW_BYTES_MAX])]
            return
        missing = sorted(name for name in columns.values() if name not in header.names)
        if missing:
            detail = f"there is no {', '.join(missing)} among: {', '.join(map(shorten, header.names[:40]))}"
            yield None, [Rejection(0, "columns-missing", detail, raw[:RAW_BYTES_MAX])]
            return
        for piece in cut(file, lines_max=rows_max, first_line=number + 1):
            yield _read(piece, header, columns)


def _first_line(file: io.BufferedReader) -> tuple[Header | None, int, bytes]:
    """The header, its line number, and the bytes of its line."""
    number = 0
    line = b""
    while True:
        line = file.readline(LINE_BYTES_MAX + 1)
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if not line:
            return None, number, b""
        if len(line) > LINE_BYTES_MAX:
            return None, number, line
        if line.strip():
            return _read_header(line), number, line


def _read_header(line: bytes) -> Header | None:
    try:
        text = line.decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        return None
    delimiter = max(_DELIMITERS, key=text.count)
    try:
        names = next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return Header([name.strip().lower() for name in names], delimiter) if len(names) > 1 else None


def _read(piece: Piece, header: Header, columns: dict[str, str]) -> tuple[Batch, list[Rejection]]:
    data = piece.data
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    rejections = [
        Rejection(number, "line-too-long", f"more than {LINE_BYTES_MAX:,} bytes", raw) for number, raw in piece.overlong
    ]
    # Text that is not UTF-8 matters only in the columns that are read, where U+FFFD makes the value unreadable.
    blank = _blank(data, starts, ends)
    written = np.flatnonzero(~blank)
    wanted = {name: header.names.index(column) for name, column in columns.items()}
    text = _as_utf8(data)
    table, bad = _parse_all(text, header, wanted, len(written))
    if table is None:
        lines = [data[starts[i] : ends[i]] for i in written.tolist()]
        table, bad = _parse_each(lines, header, wanted)
    rows = np.delete(written, list(bad))

    def raw(row: int) -> bytes:
        i = rows[row]
        return data[starts[i] : ends[i]].rstrip(b"\r\n")

    for position, (reason, detail) in bad.items():
        i = written[position]
        line = data[starts[i] : ends[i]].rstrip(b"\r\n")
        if line.strip():  # blanks alone are no row
            rejections.append(Rejection(int(piece.numbers[i]), reason, detail, line[:RAW_BYTES_MAX]))
    batch = Batch(table, len(rows), piece.numbers[rows], raw, decimal_comma=header.delimiter == ";")
    return batch, sorted(rejections, key=lambda rejection: rejection.line)


def _blank(data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Lines with nothing in them: the parser passes over them in silence."""
    blank: NDArray[np.bool_] = ends - starts == 1
    for i in np.flatnonzero(ends - starts == 2).tolist():
        blank[i] = data[starts[i]] == ord("\r")
    return blank


def _as_utf8(data: bytes) -> bytes:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data


Bad = dict[int, tuple[str, str]]  # position among the written lines → reason and detail


def _parse_all(
    data: bytes, header: Header, wanted: dict[str, int], expected: int
) -> tuple[dict[str, pa.Array] | None, Bad]:
    """All lines at once; (None, {}) when some quotation mark or line end makes the lines and the rows differ."""
    if not expected:
        return {name: pa.array([], pa.string()) for name in wanted}, {}
    width = len(header.names)
    invalid: list[tuple[str, int]] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        invalid.append((row.text, row.actual_columns))
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            # One block and one thread keep the invalid rows in order. Names may repeat: columns get numbers.
            pyarrow.csv.ReadOptions(
                use_threads=False, block_size=len(data) + 1, column_names=[str(i) for i in range(width)]
            ),
            pyarrow.csv.ParseOptions(delimiter=header.delimiter, invalid_row_handler=note),
            pyarrow.csv.ConvertOptions(
                column_types={str(i): pa.string() for i in wanted.values()},
                include_columns=sorted({str(i) for i in wanted.values()}),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None, {}
    bad = _locate(data, invalid, width) if invalid else {}
    if len(bad) != len(invalid) or table.num_rows + len(bad) != expected:
        return None, {}
    return {name: table.column(str(i)).combine_chunks() for name, i in wanted.items()}, bad


def _locate(data: bytes, invalid: list[tuple[str, int]], width: int) -> Bad:
    """Where the invalid rows stand: equal lines are equally invalid, so the next equal line is the row."""
    bad: Bad = {}
    pending = iter(invalid)
    text, fields = next(pending)
    written = (line for line in data.split(b"\n") if line.rstrip(b"\r"))
    for position, line in enumerate(written):
        if line.rstrip(b"\r") == text.rstrip("\r\n").encode():
            bad[position] = _width_problem(fields, width)
            following = next(pending, None)
            if following is None:
                break
            text, fields = following
    return bad


def _parse_each(lines: list[bytes], header: Header, wanted: dict[str, int]) -> tuple[dict[str, pa.Array], Bad]:
    """Line by line: slower, but no line can spoil another."""
    bad: Bad = {}
    width = len(header.names)
    rows: list[list[str]] = []
    for position, line in enumerate(lines):
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        try:
            row = next(csv.reader([text], delimiter=header.delimiter, strict=True), [])
        except csv.Error as error:
            bad[position] = "row-unreadable", str(error)
            continue
        if len(row) != width:
            bad[position] = _width_problem(len(row), width)
        else:
            rows.append(row)
    return {name: pa.array([row[i] for row in rows], pa.string()) for name, i in wanted.items()}, bad


def _width_problem(actual: int, expected: int) -> tuple[str, str]:
    return "wrong-number-of-fields", f"{actual} fields instead of {expected}"
