"""Contents as delivered: finds files, unpacks .gz within bounds, and takes the fingerprint of what came."""

import gzip
import hashlib
import os
import stat
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from almenara.model.errors import InputError, OversizedInput, UnreadableInput
from almenara.model.limits import (
    CONTENT_BYTES_MAX,
    EXPANSION_FREE_BYTES,
    EXPANSION_RATIO_MAX,
    GIB,
    HEAD_BYTES,
)

_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """A content that can be read. When `refusal` is there it cannot, and `path` is the file as delivered."""

    path: Path  # a plain file
    sha256: str  # of the content as delivered
    origin: str  # the file's name
    head: bytes  # first HEAD_BYTES, unpacked
    refusal: tuple[str, str] | None = None  # reason and detail


def expand(paths: Iterable[Path]) -> list[Path]:
    """The files named, and all files in the folders named, in the order of their paths; hidden ones are passed over.

    Raises UnreadableInput for what does not exist.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(_files_in(path))
        elif path.exists():
            files.append(path)
        else:
            raise UnreadableInput(f"{path} does not exist: name feed files, or folders that hold them.")
    return files


def _files_in(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise UnreadableInput(f"{error.filename} cannot be read: {error.strerror}.") from error

    # Links to folders are not followed: they can lead in a circle.
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if not name.startswith(".") and path.is_file():
                yield path


@contextmanager
def open_content(path: Path) -> Iterator[Content]:
    """A file as a plain one that can be read, while the context lasts. A .gz is known by its first bytes.

    Raises UnreadableInput for a file that is missing, forbidden or no regular one. A content that must not be read
    (too large, a .gz that is damaged or expands too far) comes with a `refusal`: it is the sender's fault.
    """
    try:
        with _open_regular(path) as file:
            head = file.read(HEAD_BYTES)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            file.seek(0)
            if size > CONTENT_BYTES_MAX:
                detail = f"{size:,} bytes; the bound is {CONTENT_BYTES_MAX // GIB} GiB"
                yield Content(path, sha256, path.name, head, ("content-too-large", detail))
            elif head.startswith(_GZIP_MAGIC):
                with tempfile.TemporaryDirectory(prefix="almenara-") as folder:
                    yield _unpacked(file, size, Content(path, sha256, path.name, head), Path(folder))
            else:
                yield Content(path, sha256, path.name, head)
    except OSError as error:
        raise UnreadableInput(f"{path} cannot be read: {error.strerror or error}.") from error


def _open_regular(path: Path) -> BufferedReader:
    """Opens without waiting for a writer of a pipe; refuses everything that is no regular file."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableInput(f"{path} is no regular file: name feed files, or folders that hold them.")
    return os.fdopen(descriptor, "rb")


def _unpacked(file: BinaryIO, size: int, packed: Content, folder: Path) -> Content:
    plain = folder / "content"
    try:
        with gzip.open(file) as stream, plain.open("wb") as out:
            _copy(stream, out, size)
    except InputError as error:
        return Content(packed.path, packed.sha256, packed.origin, packed.head, ("expands-too-far", str(error)))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return Content(packed.path, packed.sha256, packed.origin, packed.head, ("compression-damaged", str(error)))
    with plain.open("rb") as out:
        head = out.read(HEAD_BYTES)
    return Content(plain, packed.sha256, packed.origin.removesuffix(".gz"), head)


def _copy(stream: gzip.GzipFile, out: BinaryIO, size: int) -> None:
    """Raises OversizedInput as soon as a bound is passed, not at the end."""
    written = 0
    while block := stream.read(_BLOCK_BYTES):
        written += len(block)
        if written > CONTENT_BYTES_MAX:
            raise OversizedInput(f"more than {CONTENT_BYTES_MAX // GIB} GiB unpacked")
        if written > EXPANSION_FREE_BYTES and written > EXPANSION_RATIO_MAX * size:
            raise OversizedInput(f"more than {EXPANSION_RATIO_MAX} times its size unpacked")
        out.write(block)
