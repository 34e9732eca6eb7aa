"""What makes a wheel ready to use: the kernels compiled, for all processors of this one's level where that is possible.

`pip install .` runs this in an environment of its own, with the packages of `build-system.requires`. An editable
install is left as it is: there `almenara compile`, or the first use, compiles into the source tree.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = "almenara/kernels/_compiled"

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


class CompileKernels(BuildHookInterface[Any]):
    """Adds the machine code of every kernel to the wheel, which then serves one system and one version of Python."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="almenara-")
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

    def _run(self, environment: dict[str, str], script: str, *arguments: str) -> str:
        command = [sys.executable, "-c", script, str(Path(self.root, "src")), *arguments]
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603
