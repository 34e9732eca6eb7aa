"""Profiles: what a community asks of a message beyond the schema. One file here is one profile, found by its name."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from typing import Protocol

from almenara.model.cap.document import Document
from almenara.model.cap.faults import Fault
from almenara.model.errors import UsageError


class Profile(Protocol):
    """What a module of this package offers."""

    TITLE: str  #: with the document that it follows
    CODE: str  #: what a message that keeps it says in `code`; empty where it asks for none

    def check(self, document: Document) -> Iterator[Fault]:
        """Breaches of what it demands (MUST, SHALL, REQUIRED). The document may break the schema."""

    def advise(self, document: Document) -> Iterator[Fault]:
        """Departures from what it recommends (SHOULD, RECOMMENDED); they make no message invalid."""


def names() -> list[str]:
    """All profiles, by name."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(name: str) -> Profile:
    """The profile of that name. Raises UsageError when there is none."""
    if name not in names():
        raise UsageError(f"There is no profile named {name!r}. Known: {', '.join(names())}.")
    profile: Profile = importlib.import_module(f"{__name__}.{name}")
    return profile


def check_all(document: Document, profiles: Iterable[str]) -> list[Fault]:
    """What the profiles find wrong, in the order of the lines."""
    found = [fault for name in profiles for fault in load(name).check(document)]
    return sorted(dict.fromkeys(found), key=lambda fault: fault.line or 0)


def advise_all(document: Document, profiles: Iterable[str]) -> list[Fault]:
    """What the profiles recommend otherwise, in the order of the lines."""
    found = [fault for name in profiles for fault in load(name).advise(document)]
    return sorted(dict.fromkeys(found), key=lambda fault: fault.line or 0)
