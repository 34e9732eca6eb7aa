"""Delimited text: the fast way and the careful way agree, and a bad line spoils no other."""

import random
from pathlib import Path

import pyarrow as pa
import pytest

from almenara.model.limits import LINE_BYTES_MAX
from almenara.ports import Rejection
from almenara.sources.batch import read_numbers
from almenara.sources.delimited import Header, _parse_all, _parse_each, find_header, read_batches

AB = {"a": "a", "b": "b"}
WIDTH = "wrong-number-of-fields"


def rows_of(path: Path, content: bytes) -> tuple[list[tuple[int, str, str]], list[Rejection]]:
    """Line, a and b of every row, and the rejections."""
    path.write_bytes(content)
    rows: list[tuple[int, str, str]] = []
    rejections: list[Rejection] = []
    for batch, refused in read_batches(path, 1000, lambda header: AB if "a" in header.names else None):
        rejections += refused
        if batch is not None:
            rows += zip(batch.lines.tolist(), batch.text("a").to_pylist(), batch.text("b").to_pylist(), strict=True)
    return rows, rejections


@pytest.mark.parametrize(
    ("content", "rows", "reasons"),
    [
        (b"a,b\n1,2\n3,4\n", [(2, "1", "2"), (3, "3", "4")], []),
        (b"a,b\n1,2", [(2, "1", "2")], []),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n\r\n3,4\r\n", [(2, "1", "2"), (4, "3", "4")], []),
        (b"\n\n A , B \n1,2\n", [(4, "1", "2")], []),
        (b"b;x;a\n1;;2\n", [(2, "2", "1")], []),
        (b"a\tb\n1\t2\n", [(2, "1", "2")], []),
        (b'"a","b"\n"1,5","2 ""x"""\n', [(2, "1,5", '2 "x"')], []),
        (b"a,a,b\n1,2,3\n", [(2, "1", "3")], []),
        (b"a,b\n1\n3,4\n\n5,6,7\n8,9\n", [(3, "3", "4"), (6, "8", "9")], [(2, WIDTH), (5, WIDTH)]),
        (b'a,b\n1,"2\n3,4\n', [(3, "3", "4")], [(2, "row-unreadable")]),
        (b'a,b\n1,"2\n3,"4\n5,6\n', [(4, "5", "6")], [(2, "row-unreadable"), (3, "row-unreadable")]),
        (b"a,b\n1,2\r3\n4,5\n", [(3, "4", "5")], [(2, "row-unreadable")]),
        (b"a,b\n\xff,2\n3,4\n", [(2, "\ufffd", "2"), (3, "3", "4")], []),
        (b"a,b\n1,2\n   \n3,4\n", [(2, "1", "2"), (4, "3", "4")], []),
        (b"a,b\n1,2\n" + b"x" * LINE_BYTES_MAX + b"\n3,4\n", [(2, "1", "2"), (4, "3", "4")], [(3, "line-too-long")]),
        (b"a,c\n1,2\n", [], [(0, "columns-missing")]),
        (b"x,y\n1,2\n", [], [(0, "not-this-feed")]),
        (b"a,b\n", [], []),
    ],
)  # fmt: skip
def test_reads_what_can_be_read(
    content: bytes, rows: list[tuple[int, str, str]], reasons: list[tuple[int, str]], tmp_path: Path
) -> None:
    found, rejections = rows_of(tmp_path / "f", content)
    assert found == rows
    assert [(rejection.line, rejection.reason) for rejection in rejections] == reasons


FIELDS = [b"1", b"-2.5", b"", b"x y", b'"q"', b'"a,b"', b"\xc3\xa9"]


def test_the_fast_way_and_the_careful_way_agree() -> None:
    dice = random.Random(3)
    header, wanted = Header(["a", "b", "c"], ","), {"a": 0, "c": 2}
    fast = 0
    for _ in range(600):
        widths = [dice.choice([3, 3, 3, 2, 4]) for _ in range(dice.randint(1, 6))]
        lines = [b",".join(dice.choice(FIELDS) for _ in range(width)) for width in widths]
        written = [line for line in lines if line]
        table, bad = _parse_all(b"\n".join(lines) + b"\n", header, wanted, len(written))
        if table is not None:
            fast += 1
            careful, careful_bad = _parse_each(written, header, wanted)
            assert {name: column.to_pylist() for name, column in table.items()} == {
                name: column.to_pylist() for name, column in careful.items()
            }
            assert bad == careful_bad
    assert fast > 400


def test_a_header_is_a_line_of_several_names() -> None:
    assert find_header(b"one\n") is None
    assert find_header(b"") is None
    assert find_header(b'a,"b\n') is None
    assert find_header(b"\xff,\xfe\n") is None
    header = find_header(b" \nA;b\n")
    assert header == Header(["a", "b"], ";")


def test_numbers() -> None:
    column = pa.array(["1", "+2.5", " 3 ", ".5", "1e2", "", " ", "0x10", "1_0", "inf", "NaN", "9" * 400, "1,5"])
    numbers = read_numbers(column)
    assert numbers.values[:5].tolist() == [1, 2.5, 3, 0.5, 100]
    assert numbers.missing.tolist() == [False] * 5 + [True] * 2 + [False] * 6
    assert numbers.unreadable.tolist() == [False] * 7 + [True] * 6
