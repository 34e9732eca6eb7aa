"""`almenara compile` says what it did, and a process after it has nothing left to compile."""

import os
import subprocess
import sys

from typer.testing import CliRunner

from almenara.cli import app
from almenara.kernels.machine_code import COMPILE


def test_after_it_the_kernels_are_there() -> None:
    done = CliRunner().invoke(app, ["compile", "--quiet"])
    assert done.exit_code == 0
    assert done.output.startswith("The kernels are compiled (")
    again = [sys.executable, "-m", "almenara", "compile", "--quiet"]
    subprocess.run(again, env=os.environ | {COMPILE: "never"}, check=True, capture_output=True)  # noqa: S603
