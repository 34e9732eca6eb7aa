"""A cheap look at a local feed: whether anything about its files is different, told once it has settled."""

from collections.abc import Mapping
from pathlib import Path

#: So many of the files known last are looked at, and so many folders; all are read again when the feed is due anyway.
FILES_MAX = 200
FOLDERS_MAX = 50

Mark = tuple[int, int]  # size, time of the last change in ns


class Glance:
    """What one location looked like last: no file is opened."""

    def __init__(self, location: Path) -> None:
        self._location = location
        self._folders: dict[Path, Mark | None] = {}
        self._last: dict[Path, Mark | None] | None = None  # while something moves

    def note(self, known: Mapping[Path, Mark]) -> None:
        """Remember the folders as they are, because their files are about to be read."""
        self._folders = {path: mark(path) for path in self._places(known)}
        self._last = None

    def has_changed(self, known: Mapping[Path, Mark]) -> bool:
        """Whether something is not as noted, or a file not as read, and stands still: half a file is not read."""
        now = {path: mark(path) for path in (*self._places(known), *list(known)[-FILES_MAX:])}
        if all(seen == known.get(path, self._folders.get(path, seen)) for path, seen in now.items()):
            self._last = None
            return False
        settled = now == self._last
        self._last = now
        return settled

    def _places(self, known: Mapping[Path, Mark]) -> list[Path]:
        folders = dict.fromkeys(path.parent for path in list(known)[-FILES_MAX:])
        return [self._location, *list(folders)[-FOLDERS_MAX:]]


def mark(path: Path) -> Mark | None:
    """What tells whether a file or folder changed; None when it cannot be seen."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
