"""Machine code kept between processes, found by all that it was made from: stale code has another name.

numba's own cache looks at the file of the compiled function alone and at no file it calls into, drops everything when a
file is copied, and serves one processor. Here the name of a piece of machine code is a digest of its sources, argument
types, processor, numba and Python. Whatever differs is another file, and nothing has to be noticed or dropped.
"""

import hashlib
import logging
import os
import pickle
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core import serialize

from almenara.kernels.machine_library import pack, unpack

#: Set to "never", a kernel that would have to be compiled raises RuntimeError instead.
COMPILE = "ALMENARA_COMPILE"
#: Beside the sources: shipped with a wheel, written in a checkout.
BESIDE = Path(__file__).parent / "_compiled"
#: LLVM's name and features of the processors that one shipped code serves: x86-64-v3, those of about 2015 and later.
PORTABLE = ("x86-64-v3", "+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe")

_DIGEST_BYTES = 32
_IMPORT = re.compile(r"^\s*(?:from|import)\s+(?:almenara\.kernels(?:\.(\w+)|\s+import\s+([\w, ]+)$)?|\.)", re.MULTILINE)
_dumps: Any = serialize.dumps  # numba has no types for it
_log = logging.getLogger(__name__)

#: The files that this process took machine code from.
loaded: list[Path] = []


class MachineCode:
    """The machine code of one function, for each set of argument types: what numba's dispatcher asks of a cache."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._source = Path(function.__code__.co_filename)
        self._sources = sources_digest(self._source)  # now, when they are imported: later they may be others
        self._name = f"{self._source.stem}.{re.sub(r'[^A-Za-z0-9_.]', '', function.__qualname__)}"

    @property
    def cache_path(self) -> str:
        """The folder that code is written to."""
        return str(_writable_folder())

    def load_overload(self, types: tuple[Any, ...], context: Any) -> Any:
        """What numba made of the function for these types, or None where it has to be compiled."""
        for processor in _processors(context.codegen()):
            name = self._file_name(types, processor)
            for folder in (BESIDE, _writable_folder()):
                content = _read(folder / name)
                if content is not None:
                    # numba's typing and lowering rules, which it would load now, would take a third of a second.
                    loaded.append(folder / name)
                    return unpack(context, pickle.loads(content))  # noqa: S301
        _say_that_it_compiles(self._name)
        return None

    def save_overload(self, types: tuple[Any, ...], made: Any) -> None:
        """Keep what numba made; code of the same function from other sources goes."""
        self._keep(self._file_name(types, made.codegen.magic_tuple()), _dumps(pack(made)))

    def flush(self) -> None:
        """Nothing: numba calls this to have a function compiled anew, whose code then replaces the kept one."""

    def _keep(self, name: str, content: bytes) -> None:
        folder = _writable_folder()
        try:
            for older in folder.glob(f"{self._name}-*"):
                if not older.name.startswith(self._prefix()):
                    older.unlink(missing_ok=True)
            _write(folder / name, content)
        except OSError as error:  # a full disk or a user without a home is no reason to stop
            _say_once(f"almenara: the compiled geometry is not kept, each start compiles it again: {error}")

    def _prefix(self) -> str:
        return f"{self._name}-{self._sources[:12]}-"

    def _file_name(self, types: tuple[Any, ...], processor: tuple[str, ...]) -> str:
        made_from = (
            *("2", numba.__version__, llvmlite.__version__, str(sys.implementation.cache_tag), *processor),
            *(self._sources, self._name, *map(str, types)),
        )
        return self._prefix() + hashlib.sha256("\0".join(made_from).encode()).hexdigest()[:24]


@cache
def sources_digest(source: Path) -> str:
    """SHA-256 of a source file and of all files of this package that it imports, directly or not."""
    total = hashlib.sha256()
    for path in sorted(_with_imports(source)):
        total.update(f"{path.name} {_look(path)[0]}\n".encode())
    return total.hexdigest()


def _with_imports(source: Path) -> set[Path]:
    found, waiting = {source}, [source]
    while waiting:
        new = _look(waiting.pop())[1] - found
        found |= new
        waiting += new
    return found


@cache
def _look(source: Path) -> tuple[str, frozenset[Path]]:
    """SHA-256 of a source file, and which files of this package it names in imports."""
    content = source.read_bytes()
    here = Path(__file__).parent
    named: set[Path] = set()
    for match in _IMPORT.finditer(content.decode()):
        words = re.findall(r"\w+", match[1] or match[2] or "")
        # A form of import that is not used here might mean any module of the package.
        named |= {here / f"{word}.py" for word in words} if words else set(here.glob("*.py"))
    return hashlib.sha256(content).hexdigest(), frozenset(path for path in named if path.exists())


def _processors(codegen: Any) -> Iterator[tuple[str, ...]]:
    """What code this process can run was made for: this very processor, or any of its level."""
    triple, name, features = codegen.magic_tuple()
    yield triple, name, features
    if set(PORTABLE[1].split(",")) <= set(features.split(",")):
        yield triple, *PORTABLE


@cache
def _writable_folder() -> Path:
    """NUMBA_CACHE_DIR if set, else beside the sources, else among the user's caches."""
    package = hashlib.sha256(str(BESIDE).encode()).hexdigest()[:12]
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(given) / f"almenara-{package}"
    nearest = BESIDE if BESIDE.exists() else BESIDE.parent
    if os.access(nearest, os.W_OK | os.X_OK):
        return BESIDE
    caches = os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", "/")) / ".cache"
    return Path(caches) / "almenara" / f"kernels-{package}"


def _read(path: Path) -> bytes | None:
    """The content of a file, or None where it is not there or damaged."""
    try:
        whole = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    content = whole[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == whole[:_DIGEST_BYTES] else None


def _write(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; several processes may write the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(hashlib.sha256(content).digest() + content)
    draft = Path(file.name)
    draft.chmod(0o644)  # of one who compiles for all users of a machine
    draft.replace(path)


def _say_that_it_compiles(name: str) -> None:
    if os.environ.get(COMPILE) == "never":
        raise RuntimeError(f"{COMPILE}=never, but there is no machine code of {name} for this processor and numba")
    _say_once("almenara: compiling the geometry for this processor, up to a minute, once")


@cache
def _say_once(words: str) -> None:
    _log.warning(words)
