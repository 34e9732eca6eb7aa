"""`almenara compile` leaves nothing for the first run to compile."""

import importlib
import pkgutil
from pathlib import Path

from almenara import kernels
from almenara.cli import compile as command
from almenara.service.replay import ReplayOptions, replay
from almenara.simulation.synthetic import generate_fires, write_firms_csv
from almenara.stores.memory import MemoryLog


def forms() -> dict[str, list[str]]:
    """The types for which this process has machine code of each kernel that Python called."""
    found: dict[str, list[str]] = {}
    for module in pkgutil.iter_modules(kernels.__path__, f"{kernels.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if hasattr(value, "py_func"):
                function = value.py_func
                found[f"{function.__module__}.{function.__name__}"] = sorted(map(str, value.signatures))
    return found


def test_a_replay_after_it_compiles_nothing(tmp_path: Path) -> None:
    command.play(tmp_path, lambda *_: None)
    before = forms()
    assert sum(map(bool, before.values())) > 20
    detections = tmp_path / "other.csv"
    write_firms_csv(generate_fires(3_000, seed=5), detections, "current-csv")
    found = replay(MemoryLog(), ReplayOptions([detections], "geonames:world"), progress=lambda *_: None)
    assert len(found.hazards) > 10
    assert forms() == before
