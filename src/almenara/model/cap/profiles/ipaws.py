"""United States: CAP v1.2 USA Integrated Public Alert and Warning System Profile v1.0 (OASIS, 13 October 2009).

https://docs.oasis-open.org/emergency/cap/v1.2/ipaws-profile/v1.0/cap-v1.2-ipaws-profile-v1.0.html takes CAP's elements
one by one, and each rule here is named for its element. How binding a rule is has been taken from what the validator in
github.com/google/cap-library (`us/Ipaws1Profile`) reports as an error or as a recommendation. What only one system
behind IPAWS asks for (lengths of texts for phones, EAS routing) is not checked.
"""

import re
from collections.abc import Iterator

from almenara.model.cap.document import Document, Version
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

TITLE = "CAP v1.2 USA IPAWS Profile v1.0"

#: Names the version of the profile.
CODE = "IPAWSv1.0"
_EVENT_CODE = re.compile(r"[A-Z0-9]{3}")
_LOCATION_CODE = re.compile(r"[0-9]{6}")


def check(document: Document) -> Iterator[Fault]:
    """Breaches of what the table requires, by its elements."""
    root = document.root
    if document.version is not Version.V1_2:
        yield at("ipaws:version", root, f"The profile is one of CAP 1.2; the message is in {document.version}.")
    if CODE not in {(code.text or "").strip() for code in document.children(root, "code")}:  # code
        yield at("ipaws:code-missing", root, f"A code {CODE} is required.")
    yield from references_present(document, "ipaws:references-missing")  # references
    yield from info_present(document, "ipaws:info-missing")  # info
    yield from same_in_all_infos(document, "ipaws")  # info
    yield from texts_present(document, {"expires": "ipaws:expires-missing"}, "{} is required.")  # expires
    yield from area_present(document, "ipaws:area-missing")  # area
    for info in document.infos():  # eventCode: of SAME, exactly one
        codes = [value for name, value in named_values(document, info, "eventCode") if name == "SAME"]
        if len(codes) != 1:
            yield at("ipaws:event-code", info, f"One eventCode named SAME is required; there are {len(codes)}.")
        elif not _EVENT_CODE.fullmatch(codes[0]):
            yield at("ipaws:event-code", info, f"A SAME event code has three letters: {codes[0][:20]!r}.")


def advise(document: Document) -> Iterator[Fault]:
    """Departures from what the table recommends, and what it ignores."""
    for info in document.infos():
        for name in ("effective", "onset"):
            if not is_blank(document.text(info, name)):
                yield at(f"ipaws:{name}-ignored", info, f"{name} is ignored: an alert takes effect when it is issued.")
        for name in ("description", "instruction"):
            if is_blank(document.text(info, name)):
                yield at(f"ipaws:{name}-recommended", info, f"{name} is recommended.")
    for area in document.areas():
        codes = [value for name, value in named_values(document, area, "geocode") if name == "SAME"]
        if not any(_LOCATION_CODE.fullmatch(code) for code in codes):
            yield at("ipaws:geocode-recommended", area, "A geocode named SAME with six digits is recommended.")
