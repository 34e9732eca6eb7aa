"""Canada: the Canadian Profile of CAP (CAP-CP), Introduction and Rule Set, Beta 0.4 (2010) and 0.4A (2012).

https://www.publicsafety.gc.ca/cnt/rsrcs/pblctns/capcp-ntro-rl-st/index2-en.aspx. Rules have the numbers that the
validator in github.com/google/cap-library (`ca/CanadianProfile`) gives them for Beta 0.4; what it calls an error is
demanded here. The lists of events and locations themselves are not checked.
"""

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
    same_in_all_infos,
    texts_present,
)

TITLE = "Canadian Profile of CAP (CAP-CP) 0.4"
CODE = "profile:CAP-CP:0.4"

# The three documents are versioned one by one; 1.0 was drafted after Beta 0.4A.
_PROFILE = re.compile(r"profile:CAP-CP:(0\.[34]|1\.0)")
_EVENT = re.compile(r"profile:CAP-CP:Event:(0\.[34]|1\.0)")
_LOCATION = re.compile(r"profile:CAP-CP:Location:(0\.[34]|1\.0)")


def check(document: Document) -> Iterator[Fault]:
    """Breaches of its mandatory rules."""
    root = document.root
    if not any(_PROFILE.fullmatch((code.text or "").strip()) for code in document.children(root, "code")):
        yield at("canada:code-missing", root, f"A code {CODE} is required.")  # 3
    yield from references_present(document, "canada:references-missing")  # 12
    if document.text(root, "msgType") in ("Alert", "Update", "Cancel"):
        yield from info_present(document, "canada:info-missing")  # 5
    yield from texts_present(document, {"language": "canada:language-missing"}, "{} is required.")  # 6
    yield from area_present(document, "canada:area-missing")  # 10
    yield from same_in_all_infos(document, "canada", ["eventCode"])  # 2: one event in an alert
    for info in document.infos():  # 8
        codes = [name for name, _ in named_values(document, info, "eventCode") if _EVENT.fullmatch(name)]
        if not codes:
            yield at("canada:event-code-missing", info, "An eventCode named profile:CAP-CP:Event:0.4 is required.")
    for area in document.areas():  # 9
        if not any(_LOCATION.fullmatch(name) for name, _ in named_values(document, area, "geocode")):
            yield at("canada:geocode-missing", area, "A geocode named profile:CAP-CP:Location:0.3 is required.")


def advise(document: Document) -> Iterator[Fault]:
    """Departures from its recommended rules."""
    for info in document.infos():
        for name in ("expires", "senderName", "responseType", "instruction"):  # 13, 14, 15
            if is_blank(document.text(info, name)):
                yield at(f"canada:{name}-recommended", info, f"{name} is recommended.")
        areas = list(document.children(info, "area"))
        shapes = [document.child(area, name) for area in areas for name in ("polygon", "circle")]
        if areas and all(shape is None for shape in shapes):  # 18
            yield at("canada:shape-recommended", info, "A polygon or circle says more exactly where it is.")
