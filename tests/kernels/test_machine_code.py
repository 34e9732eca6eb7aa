"""Machine code is found again when nothing it was made from has changed, and never otherwise."""

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from almenara import kernels
from almenara.kernels import machine_code

CALLER = """
from almenara.kernels.jit import compiled
from almenara.kernels.callee import one
@compiled
def two(x):
    return one(x) + one(x)
"""
CALLEE = """
from almenara.kernels.jit import compiled
@compiled
def one(x):
    return x + 1
"""
ALONE = """
import numpy as np
from almenara.kernels.jit import compiled
@compiled
def three(x):
    return x + 3
@compiled
def largest(n):
    return np.arange(n).max()
"""
ASK = """
from almenara.kernels import machine_code
from almenara.kernels.{module} import {function}
print({function}({argument}), len(machine_code.loaded))
"""


class Package:
    """A package of that name with three small kernels, asked in processes of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "almenara" / "kernels"
        self.folder.mkdir(parents=True)
        (self.folder.parent / "__init__.py").touch()
        for name in ("__init__", "jit", "machine_code", "machine_library"):
            (self.folder / f"{name}.py").write_bytes(Path(kernels.__path__[0], f"{name}.py").read_bytes())
        for name, source in (("caller", CALLER), ("callee", CALLEE), ("alone", ALONE)):
            (self.folder / f"{name}.py").write_text(source)

    def ask(self, module: str, function: str, argument: object = 1, **environment: str) -> tuple[float, int]:
        """The answer and how many pieces of kept machine code it took; a KeyError where it may not compile but must."""
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", ASK.format(module=module, function=function, argument=argument)],
            env=os.environ | {"PYTHONPATH": str(self.folder.parents[1]), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if "RuntimeError: ALMENARA_COMPILE=never" in done.stderr:
            raise KeyError(function)
        assert done.returncode == 0, done.stderr
        self.said = done.stderr
        answer, pieces = done.stdout.split()
        return float(answer), int(pieces)

    def files(self, folder: Path | None = None) -> set[str]:
        return {path.name for path in (folder or self.folder / "_compiled").iterdir()}


REFUSE = """
import sys
from almenara.kernels.alone import largest
assert largest(3) == 2
assert "numba.np.arraymath" not in sys.modules, "numba's rules are loaded"
try:
    largest(0)
except ValueError as error:
    print(error)
"""


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path)


NEVER = {machine_code.COMPILE: "never"}


def test_it_is_compiled_once_said_once_and_found_again(package: Package) -> None:
    with pytest.raises(KeyError):
        package.ask("caller", "two", **NEVER)
    assert package.ask("caller", "two") == (4.0, 0)
    assert package.said.count("compiling the geometry") == 1
    assert package.ask("caller", "two", **NEVER) == (4.0, 1)
    assert package.said == ""
    with pytest.raises(KeyError):
        package.ask("caller", "two", 1.0, **NEVER)


def test_an_edit_reaches_every_caller_and_nobody_else(package: Package) -> None:
    package.ask("caller", "two")
    package.ask("alone", "three")
    callee = package.folder / "callee.py"
    times = callee.stat().st_atime_ns, callee.stat().st_mtime_ns
    callee.write_text(CALLEE.replace("x + 1", "x + 9"))  # as long as before
    os.utime(callee, ns=times)  # and as old, by which Python itself goes: it may keep no bytecode here
    with pytest.raises(KeyError):
        package.ask("caller", "two", **NEVER)
    assert package.ask("caller", "two") == (20.0, 0)
    assert package.ask("alone", "three", **NEVER) == (4.0, 1)
    assert len(package.files()) == 3, "what was made from older sources is gone"


def test_code_made_beside_kept_code_is_as_whole(package: Package) -> None:
    package.ask("alone", "three")
    mixed = [sys.executable, "-c", "from almenara.kernels.alone import largest, three; three(1); largest(3)"]
    subprocess.run(mixed, env=os.environ | {"PYTHONPATH": str(package.folder.parents[1])}, check=True)  # noqa: S603
    assert package.ask("alone", "largest", 3, **NEVER) == (2.0, 1)


def test_kept_code_can_be_built_into_other_kernels(package: Package) -> None:
    package.ask("callee", "one")
    assert package.ask("caller", "two") == (4.0, 1)
    assert package.ask("caller", "two", **NEVER) == (4.0, 1)


def test_code_moves_with_the_package_and_needs_no_date(package: Package, tmp_path: Path) -> None:
    package.ask("caller", "two")
    moved = Package(tmp_path / "elsewhere")
    (package.folder / "_compiled").rename(moved.folder / "_compiled")
    for path in moved.folder.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert moved.ask("caller", "two", **NEVER) == (4.0, 1)


def test_damaged_code_is_made_anew(package: Package) -> None:
    package.ask("alone", "three")
    (path,) = (package.folder / "_compiled").iterdir()
    for content in (path.read_bytes()[:-1], b"", path.read_bytes()[:-1] + b"?"):
        path.write_bytes(content)
        assert package.ask("alone", "three") == (4.0, 0)
        assert package.ask("alone", "three", **NEVER) == (4.0, 1)


def test_code_for_the_level_serves_this_processor_and_no_lesser_one(package: Package) -> None:
    generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+sse2"}
    name, features = machine_code.PORTABLE
    if os.uname().machine != "x86_64" or "avx2" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor is below the level that wheels are made for")
    package.ask("alone", "three", NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=features)
    assert package.ask("alone", "three", **NEVER) == (4.0, 1)
    with pytest.raises(KeyError):
        package.ask("alone", "three", **NEVER, **generic)
    assert package.ask("alone", "three", **generic) == (4.0, 0)
    assert package.ask("alone", "three", **NEVER, **generic) == (4.0, 1)
    assert package.ask("alone", "three", **NEVER) == (4.0, 1)


def test_kept_code_refuses_as_new_code_does_and_loads_no_rules(package: Package) -> None:
    assert package.ask("alone", "largest", 3)[0] == 2.0
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", REFUSE],
        env=os.environ | {"PYTHONPATH": str(package.folder.parents[1])} | NEVER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "zero-size array to reduction operation maximum which has no identity", done.stderr


def test_where_it_may_not_write_it_uses_the_folder_it_is_given(package: Package, tmp_path: Path) -> None:
    package.ask("alone", "three", NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert not (package.folder / "_compiled").exists()
    (folder,) = (tmp_path / "cache").iterdir()
    assert len(package.files(folder)) == 1
    assert package.ask("alone", "three", **NEVER, NUMBA_CACHE_DIR=str(tmp_path / "cache")) == (4.0, 1)
    with pytest.raises(KeyError):
        package.ask("alone", "three", **NEVER)


def test_where_it_can_write_nowhere_it_answers_and_says_so(package: Package, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "in")}
    assert package.ask("caller", "two", **nowhere) == (4.0, 0)
    assert package.said.count("is not kept") == 1
    assert package.ask("caller", "two", **nowhere) == (4.0, 0)


def test_sources_are_what_the_import_graph_says() -> None:
    graph = grimp.build_graph("almenara", cache_dir=None)
    here = Path(kernels.__path__[0])
    names = [module.name for module in pkgutil.iter_modules(kernels.__path__)]
    assert len(names) > 20
    for name in names:
        upstream = graph.find_upstream_modules(f"almenara.kernels.{name}") - {"almenara", "almenara.kernels"}
        expected = {here / f"{module.split('.')[-1]}.py" for module in upstream} | {here / f"{name}.py"}
        assert machine_code._with_imports(here / f"{name}.py") == expected, name
