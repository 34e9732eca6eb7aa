"""Canada: the Canadian Profile of CAP (CAP-CP), Introduction and Rule Set, Beta 0.4 (Public Safety Canada, 2012)."""

import re
from collections.abc import Iterator

from almenara.model.cap.document import Document
from almenara.model.cap.faults import Fault
from almenara.model.cap.profiles._rules import (
    area_present,
    at,
    info_present,
    is_blank,
    named_values,
    references_present,
    texts_present,
)

TITLE = "Canadian Profile of CAP (CAP-CP) 0.4"

_PROFILE = re.compile(r"profile:CAP-CP:0\.[34]")
_EVENT = re.compile(r"profile:CAP-CP:Event:0\.[34]")
_LOCATION = re.compile(r"profile:CAP-CP:Location:0\.[34]")


def check(document: Document) -> Iterator[Fault]:
    """Breaches of its mandatory rules."""
    root = document.root
    if not any(_PROFILE.fullmatch((code.text or "").strip()) for code in document.children(root, "code")):
        yield at("canada:code-missing", root, "A code profile:CAP-CP:0.4 is required (rule: profile version).")
    yield from references_present(document, "canada:references-missing")
    if document.text(root, "msgType") in ("Alert", "Update", "Cancel"):
        yield from info_present(document, "canada:info-missing")
    yield from texts_present(document, {"language": "canada:language-missing"}, "{} is required.")
    yield from area_present(document, "canada:area-missing")
    for info in document.infos():
        codes = [name for name, _ in named_values(document, info, "eventCode") if _EVENT.fullmatch(name)]
        if not codes:
            yield at("canada:event-code-missing", info, "An eventCode named profile:CAP-CP:Event:0.4 is required.")
    for area in document.areas():
        if not any(_LOCATION.fullmatch(name) for name, _ in named_values(document, area, "geocode")):
            yield at("canada:geocode-missing", area, "A geocode named profile:CAP-CP:Location:0.3 is required.")


def advise(document: Document) -> Iterator[Fault]:
    """Departures from its recommended rules."""
    for info in document.infos():
        for name in ("senderName", "responseType", "expires"):
            if is_blank(document.text(info, name)):
                yield at(f"canada:{name}-recommended", info, f"{name} is recommended.")
