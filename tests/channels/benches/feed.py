"""The far side of `feed`: a folder that a web server would serve."""

from typing import Any

from lxml import etree

from almenara.model.cap import from_xml
from tests.channels.benches import Bench


class FarSide(Bench):
    plugin = "feed"

    def options(self) -> dict[str, Any]:
        return {
            "path": "www",
            "url": "https://avisos.agencia.example/",
            "title": "Avisos",
            "author": "Protección Civil",
        }

    def received(self) -> list[tuple[str, bytes | None]]:
        """Each message that atom.xml links to."""
        atom = self.folder / "www" / "atom.xml"
        if not atom.is_file():
            return []
        found: list[tuple[str, bytes | None]] = []
        for link in etree.parse(atom).getroot().iter("{http://www.w3.org/2005/Atom}link"):
            if link.get("type") == "application/cap+xml":
                name = str(link.get("href")).removeprefix("https://avisos.agencia.example/")
                data = (self.folder / "www" / name).read_bytes()
                found.append((from_xml(data).identifier, data))
        return found

    async def break_down(self) -> None:
        """The folder went away, and a file stands in its place."""
        if (self.folder / "www").exists():
            (self.folder / "www").rename(self.folder / "aside")
        (self.folder / "www").touch()

    async def repair(self) -> None:
        if (self.folder / "www").is_file():
            (self.folder / "www").unlink()
        if (self.folder / "aside").exists():
            (self.folder / "aside").rename(self.folder / "www")
