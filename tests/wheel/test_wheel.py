"""A wheel made by the build hook runs all of Almenara without compiling and without writing anything."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from almenara.kernels.machine_code import COMPILE

ROOT = Path(__file__).resolve().parents[2]
#: Of machine code, in all: every kernel that Python calls, and none twice for read-only, strided or narrower arrays.
PIECES_MAX = 60


def run(*arguments: str | Path, **environment: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, *map(str, arguments)],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the wheel was unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    run("-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    (wheel,) = folder.glob("*.whl")
    assert f"-cp3{sys.version_info.minor}-" in wheel.name, "machine code serves one version of Python"
    with zipfile.ZipFile(wheel) as content:
        content.extractall(folder / "site")
    return folder / "site"


def test_all_of_almenara_runs_from_a_wheel_without_compiling(installed: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    work = tmp_path / "work"
    work.mkdir()
    kept = sorted((installed / "almenara/kernels/_compiled").iterdir())
    assert 20 < len(kept) < PIECES_MAX
    never = {
        COMPILE: "never",
        "PYTHONPATH": str(installed),
        "XDG_CACHE_HOME": str(cache),
        "NUMBA_CACHE_DIR": str(cache),
    }
    assert run(ROOT / "tests/wheel/everything.py", work, **never).strip() == str(installed / "almenara/__init__.py")
    assert "state digest" in run("-m", "almenara", "drill", "--quiet", "--out", work / "drill", **never)
    assert not cache.exists()
    assert sorted((installed / "almenara/kernels/_compiled").iterdir()) == kept


def test_every_piece_of_a_wheel_is_used(installed: Path, tmp_path: Path) -> None:
    used = tmp_path / "used"
    run("-m", "almenara.kernels.warm_up", used, PYTHONPATH=str(installed), **{COMPILE: "never"})
    shipped = {str(path) for path in (installed / "almenara/kernels/_compiled").iterdir()}
    assert set(used.read_text(encoding="utf-8").splitlines()) == shipped


def test_the_numba_that_compiles_a_wheel_is_the_one_that_runs_it() -> None:
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (runs,) = (one for one in about["project"]["dependencies"] if one.startswith("numba"))
    assert runs in about["build-system"]["requires"]
    assert runs in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def test_the_wheel_carries_the_console_where_it_can_be_built(installed: Path) -> None:
    node = shutil.which("node")
    version = run_node(node) if node is not None and shutil.which("npm") is not None else (0, 0)
    assert (installed / "almenara/web/console/index.html").exists() == (version >= (20, 19))


def run_node(node: str) -> tuple[int, ...]:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    return tuple(int(part) for part in told.strip().removeprefix("v").split(".")[:2])
