"""The far side of `directory`: a folder on this disk."""

from pathlib import Path
from typing import Any

from almenara.model.cap import from_xml
from tests.channels.benches import Bench


class FarSide(Bench):
    plugin = "directory"

    def options(self) -> dict[str, Any]:
        return {"path": "out/warnings"}

    def received(self) -> list[tuple[str, bytes | None]]:
        files = sorted((self.folder / "out" / "warnings").glob("*.xml"), key=lambda path: path.stat().st_mtime_ns)
        return [(from_xml(path.read_bytes()).identifier, path.read_bytes()) for path in files]

    async def break_down(self) -> None:
        """The disk of the folder went away, and a file stands in its place."""
        self._warnings.parent.mkdir(exist_ok=True)
        if self._warnings.exists():
            self._warnings.rename(self._aside)
        self._warnings.touch()

    async def repair(self) -> None:
        if self._warnings.is_file():
            self._warnings.unlink()
        if self._aside.exists():
            self._aside.rename(self._warnings)

    @property
    def _warnings(self) -> Path:
        return self.folder / "out" / "warnings"

    @property
    def _aside(self) -> Path:
        return self.folder / "aside"
