"""The feeds. One folder here is one source: its name is the plugin's name, its `SOURCE` keeps `ports.Source`."""

import importlib
import pkgutil

from almenara.ports import Source


def find_all() -> dict[str, Source]:
    """All sources by name, in the order of their names."""
    folders = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    found: dict[str, Source] = {}
    for folder in folders:
        source: Source = importlib.import_module(f"{__name__}.{folder}").SOURCE
        assert source.name == folder, f"the source in {folder}/ calls itself {source.name!r}"
        found[folder] = source
    return found
