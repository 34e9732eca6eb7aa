"""Where the log is kept. One file here is one store: its name is the plugin's name, its `open` opens a log."""

import importlib
import pkgutil
from pathlib import Path

from almenara.model.errors import UsageError
from almenara.ports import EventLog

DEFAULT = "sqlite"


def open_log(folder: Path, readonly: bool = False, *, store: str = DEFAULT) -> EventLog:
    """Open the log in a folder; a writable one is created when it is missing.

    Raises UsageError for an unknown store or, when `readonly`, a folder without a log; LogLocked when another process
    writes this log; LogError when it cannot be opened.
    """
    if store not in names():
        raise UsageError(f"There is no store named {store!r}. Known: {', '.join(names())}.")
    log: EventLog = importlib.import_module(f"{__name__}.{store}").open(folder, readonly)
    return log


def names() -> list[str]:
    """All stores, by name: the modules of this package that have an `open`."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return [name for name in found if hasattr(importlib.import_module(f"{__name__}.{name}"), "open")]
