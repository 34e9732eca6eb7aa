"""Files that appear whole or not at all, and are durable before anyone is told."""

import os
from pathlib import Path

#: For its owner alone, from the moment it is there.
PRIVATE = 0o600


def write_durably(path: Path, *parts: bytes, mode: int = 0o666, anew: bool = False) -> None:
    """Write a file beside its place, make it durable, and put it there. Two writers of one path do not meet.

    `mode` are the file's permissions from its first byte on, less what the process's umask takes. `anew`: raises
    FileExistsError where a file is there already, which then stays as it is.
    """
    written = path.with_name(f".{path.name[:200]}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        if anew:
            os.link(written, path)
            written.unlink()
        else:
            written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's list of files durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
