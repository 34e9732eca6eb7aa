"""Cutting a file into pieces: nothing lost, nothing twice, nothing large in memory."""

import io
import random
import tracemalloc
from pathlib import Path

import pytest

from almenara.model import limits
from almenara.sources import lines
from almenara.sources.lines import Piece, cut


def numbered(pieces: list[Piece]) -> list[tuple[int, bytes]]:
    """All lines of some pieces with their numbers."""
    found = [
        (int(number), line)
        for piece in pieces
        for number, line in zip(piece.numbers, piece.data.split(b"\n")[:-1], strict=True)
    ]
    return sorted(found + [one for piece in pieces for one in piece.overlong])


@pytest.mark.parametrize("lines_max", [1, 2, 7, 10_000])
def test_every_line_once_with_its_number(lines_max: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 50)
    monkeypatch.setattr(lines, "LINE_BYTES_MAX", 20)
    monkeypatch.setattr(lines, "RAW_BYTES_MAX", 20)
    dice = random.Random(lines_max)
    for _ in range(100):
        texts = [b"x" * dice.choice([0, 1, 5, 18, 19, 20, 21, 60, 200]) for _ in range(dice.randint(0, 12))]
        content = b"\n".join(texts) + dice.choice([b"", b"\n"])
        pieces = list(cut(io.BytesIO(content), lines_max=lines_max, first_line=2))
        expected = content.split(b"\n")
        if expected[-1] == b"":
            expected.pop()
        # The bound counts the line end.
        assert numbered(pieces) == [(i, text if len(text) < 20 else text[:20]) for i, text in enumerate(expected, 2)]
        assert all(1 <= len(piece.numbers) + len(piece.overlong) <= lines_max for piece in pieces)


def test_pieces_end_at_their_bound_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 64)
    monkeypatch.setattr(lines, "PIECE_BYTES_MAX", 100)
    pieces = list(cut(io.BytesIO(b"123456789\n" * 100), lines_max=10_000, first_line=1))
    assert max(len(piece.data) for piece in pieces) < 200
    assert sum(len(piece.numbers) for piece in pieces) == 100


def test_a_line_without_end_never_enters_memory(tmp_path: Path) -> None:
    path = tmp_path / "endless"
    with path.open("wb") as file:
        file.write(b"first\n")
        file.truncate(300 * limits.MIB)  # a hole: NULs that take no space on the disk
    tracemalloc.start()
    with path.open("rb") as file:
        pieces = list(cut(file, lines_max=1000, first_line=1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [piece.numbers.tolist() for piece in pieces] == [[1]]
    assert pieces[0].overlong == [(2, bytes(limits.RAW_BYTES_MAX))]
    assert peak < 8 * limits.MIB
