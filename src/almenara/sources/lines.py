"""Cuts a file into pieces of whole lines, in bounded memory whatever the file holds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from almenara.model.limits import LINE_BYTES_MAX, PIECE_BYTES_MAX, RAW_BYTES_MAX

_BLOCK_BYTES = 1024 * 1024


@dataclass(slots=True)
class Piece:
    """Lines that follow each other, except the overlong ones among them."""

    data: bytes = b""  # whole lines, each with its line end
    numbers: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # of the lines in `data`
    overlong: list[tuple[int, bytes]] = field(default_factory=list)  # number and first bytes


def cut(file: BinaryIO, *, lines_max: int, first_line: int) -> Iterator[Piece]:
    """The rest of a file as pieces of at most `lines_max` lines (overlong ones count); the same file, the same pieces.

    `first_line` is the number of the line that the file stands at. Lines over LINE_BYTES_MAX are never held whole.
    """
    assert lines_max > 0
    gathered = _Gathering(lines_max)
    number = first_line
    for data, overlong in _runs(file):
        if overlong:
            yield from gathered.add_overlong(number, data)
            number += 1
            continue
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
        yield from gathered.add(data, ends, number)
        number += len(ends)
    yield from gathered.finish()


class _Gathering:
    """Lines on their way into a piece."""

    def __init__(self, lines_max: int) -> None:
        self._lines_max = lines_max
        self._start()

    def _start(self) -> None:
        self._parts: list[bytes] = []
        self._numbers: list[NDArray[np.int64]] = []
        self._overlong: list[tuple[int, bytes]] = []
        self._lines = self._bytes = 0

    def add(self, data: bytes, ends: NDArray[np.int64], number: int) -> Iterator[Piece]:
        taken = offset = 0
        while taken < len(ends):
            count = min(self._lines_max - self._lines, len(ends) - taken)
            end = int(ends[taken + count - 1])
            self._parts.append(data[offset:end])
            self._numbers.append(np.arange(number + taken, number + taken + count, dtype=np.int64))
            self._lines += count
            self._bytes += end - offset
            taken, offset = taken + count, end
            if self._lines == self._lines_max or self._bytes >= PIECE_BYTES_MAX:
                yield from self.finish()

    def add_overlong(self, number: int, start: bytes) -> Iterator[Piece]:
        self._overlong.append((number, start))
        self._lines += 1
        if self._lines == self._lines_max:
            yield from self.finish()

    def finish(self) -> Iterator[Piece]:
        if self._lines:
            numbers = np.concatenate([np.empty(0, np.int64), *self._numbers])
            yield Piece(b"".join(self._parts), numbers, self._overlong)
        self._start()


def _runs(file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Runs of whole lines (False), and the beginnings of overlong lines (True), in the order of the file."""
    rest = b""
    while block := file.read(_BLOCK_BYTES):
        block = rest + block
        end = block.rfind(b"\n") + 1
        if end:
            yield from _split(block[:end])
        rest = block[end:]
        if len(rest) > LINE_BYTES_MAX:
            yield rest[:RAW_BYTES_MAX], True
            rest = _skip_line(file)
    if rest:
        yield from _split(rest if rest.endswith(b"\n") else rest + b"\n")


def _split(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Takes the overlong lines out of a run, so that where the blocks of the file end makes no difference."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    starts = np.concatenate([[0], ends[:-1]])
    done = 0
    for i in np.flatnonzero(ends - starts > LINE_BYTES_MAX):
        start, end = int(starts[i]), int(ends[i])
        if start > done:
            yield data[done:start], False
        yield data[start : start + RAW_BYTES_MAX], True
        done = end
    if done < len(data):
        yield data[done:], False


def _skip_line(file: BinaryIO) -> bytes:
    """Passes over the rest of a line; returns what was read beyond it."""
    while block := file.read(_BLOCK_BYTES):
        end = block.find(b"\n") + 1
        if end:
            return block[end:]
    return b""
