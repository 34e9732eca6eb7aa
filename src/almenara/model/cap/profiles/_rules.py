"""Rules that several profiles share, each under the profile's own name."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from lxml import etree

from almenara.model.cap.document import Document, line_of
from almenara.model.cap.faults import Fault
from almenara.model.cap.lexical import BadText, read_time

_PLURALS = {"category": "categories", "eventCode": "event codes"}


def at(reason: str, element: etree._Element, message: str) -> Fault:
    """A fault where the element stands."""
    return Fault(reason, line_of(element), message)


def is_blank(text: str | None) -> bool:
    """Whether an element is absent, or says nothing."""
    return text is None or not text.strip()


def find_time(document: Document, parent: etree._Element, name: str) -> datetime | None:
    """The time in an element, or None when it is absent or no time (which others report)."""
    text = document.text(parent, name)
    if text is None:
        return None
    try:
        return read_time(text, document.version)
    except BadText:
        return None


def named_values(document: Document, parent: etree._Element, name: str) -> list[tuple[str, str]]:
    """The names and values of the eventCode, parameter or geocode elements of a parent."""
    return [
        ((document.text(child, "valueName") or "").strip(), (document.text(child, "value") or "").strip())
        for child in document.children(parent, name)
    ]


def same_in_all_infos(
    document: Document, profile: str, names: Iterable[str] = ("category", "eventCode")
) -> Iterator[Fault]:
    """All info blocks of one alert have the same categories and the same event codes."""
    for name, plural in ((name, _PLURALS[name]) for name in names):
        expected: set[object] | None = None
        for info in document.infos():
            if name == "category":
                found: set[object] = {child.text for child in document.children(info, name)}
            else:
                found = set(named_values(document, info, name))
            if expected is not None and found != expected:
                yield at(f"{profile}:{name}-differs", info, f"All info blocks must have the same {plural}.")
            expected = found if expected is None else expected


def references_present(document: Document, reason: str) -> Iterator[Fault]:
    """An Update or Cancel says which messages it refers to."""
    root = document.root
    if document.text(root, "msgType") in ("Update", "Cancel") and is_blank(document.text(root, "references")):
        yield at(reason, root, "An Update or Cancel must refer to every related message that has not expired.")


def info_present(document: Document, reason: str) -> Iterator[Fault]:
    """There is at least one info block."""
    if next(document.infos(), None) is None:
        yield at(reason, document.root, "At least one info block is required.")


def area_present(document: Document, reason: str) -> Iterator[Fault]:
    """Each info block has at least one area."""
    for info in document.infos():
        if document.child(info, "area") is None:
            yield at(reason, info, "At least one area is required.")


def texts_present(document: Document, names: dict[str, str], message: str) -> Iterator[Fault]:
    """Each info block has the elements (keys), else there is a fault of that name (values)."""
    for info in document.infos():
        for name, reason in names.items():
            if is_blank(document.text(info, name)):
                yield at(reason, info, message.format(name))
