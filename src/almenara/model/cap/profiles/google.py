"""Google Public Alerts: CAP profile, version 1.0 (https://developers.google.com/public-alerts/reference/cap-google).

Each rule says where it stands. `info`, `requirements` and `changes` are pages of that documentation as of 2025
(cap-requirements/entities/info, google-cap-requirements, additional-guidelines/event-changes-expiration); `validator`
is what Google's own one holds messages to beyond those pages (`GoogleProfile` of github.com/google/cap-library).
"""

from collections.abc import Iterator

from almenara.model.cap.document import Document
from almenara.model.cap.faults import Fault
from almenara.model.cap.profiles._rules import (
    area_present,
    at,
    find_time,
    info_present,
    is_blank,
    references_present,
    same_in_all_infos,
    texts_present,
)

TITLE = "Google Public Alerts CAP v1.0"
CODE = ""

HEADLINE_CHARS_MAX = 140  # validator
EVENT_CHARS_MAX = 34  # info: "less than 35"
AREA_DESC_CHARS_MAX = 49  # requirements: less than 50, as it stands in the alert's title


def check(document: Document) -> Iterator[Fault]:
    """Breaches of what the profile requires."""
    yield from references_present(document, "google:references-missing")  # changes
    yield from info_present(document, "google:info-missing")  # info
    yield from same_in_all_infos(document, "google")  # validator
    required = {
        "description": "google:description-missing",  # info
        "web": "google:web-missing",  # validator; the page of 2025 recommends it only
        "expires": "google:expires-missing",  # info
    }
    yield from texts_present(document, required, "{} is required.")
    yield from area_present(document, "google:area-missing")  # info
    yield from _events_agree(document)  # validator
    for info in document.infos():
        begins = find_time(document, info, "effective") or find_time(document, document.root, "sent")
        expires = find_time(document, info, "expires")
        if begins is not None and expires is not None and begins > expires:  # validator
            yield at("google:effective-after-expires", info, "effective must not come after expires.")
    for area in document.areas():  # validator
        if not any(document.child(area, name) is not None for name in ("circle", "polygon", "geocode")):
            yield at("google:area-without-shape", area, "An area needs a circle, a polygon or a geocode.")


def advise(document: Document) -> Iterator[Fault]:
    """Departures from what the profile recommends: validator, where nothing else is said."""
    recommended = {
        name: f"google:{name}-recommended" for name in ("senderName", "responseType", "instruction", "contact")
    }
    yield from texts_present(document, recommended, "{} is recommended.")
    for info in document.infos():
        headline, description = document.text(info, "headline"), document.text(info, "description")
        if len(headline or "") > HEADLINE_CHARS_MAX:
            yield at("google:headline-long", info, f"A headline should have at most {HEADLINE_CHARS_MAX} characters.")
        if len(document.text(info, "event") or "") > EVENT_CHARS_MAX:
            yield at("google:event-long", info, f"An event should have at most {EVENT_CHARS_MAX} characters.")
        if not is_blank(description):
            for name, other in (("headline", headline), ("instruction", document.text(info, "instruction"))):
                if other == description:
                    yield at(f"google:{name}-repeats", info, f"{name} should not repeat the description.")
        for name in ("urgency", "severity", "certainty"):  # info
            if document.text(info, name) == "Unknown":
                yield at(f"google:{name}-unknown", info, f"An unknown {name} is discouraged.")
        areas = list(document.children(info, "area"))
        shapes = [document.child(area, name) for area in areas for name in ("polygon", "circle")]
        if areas and all(shape is None for shape in shapes):  # info
            yield at(
                "google:shape-recommended", info, "A polygon or circle says more exactly where it is than a geocode."
            )
    for area in document.areas():
        if len(document.text(area, "areaDesc") or "") > AREA_DESC_CHARS_MAX:
            message = f"A description of an area should have at most {AREA_DESC_CHARS_MAX} characters."
            yield at("google:areaDesc-long", area, message)
        for circle in document.children(area, "circle"):
            if (circle.text or "").split()[1:] in (["0"], ["0.0"]):
                yield at("google:circle-empty", circle, "A circle without radius warns nobody.")


def _events_agree(document: Document) -> Iterator[Fault]:
    events: dict[str, str | None] = {}
    for info in document.infos():
        language = (document.text(info, "language") or "en-US").strip().lower()
        event = document.text(info, "event")
        if events.setdefault(language, event) != event:
            yield at("google:event-differs", info, f"All info blocks in {language} must name the same event.")
