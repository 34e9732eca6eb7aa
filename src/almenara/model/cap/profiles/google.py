"""Google Public Alerts: CAP profile, version 1.0 (https://developers.google.com/public-alerts/reference/cap-google)."""

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

#: Of a headline; more is cut off where it is shown ("Headline").
HEADLINE_CHARS_MAX = 140


def check(document: Document) -> Iterator[Fault]:
    """Breaches of what the profile requires, by the name of its paragraph."""
    yield from references_present(document, "google:references-missing")  # "References"
    yield from info_present(document, "google:info-missing")  # "Info"
    yield from same_in_all_infos(document, "google")  # "Info": same category and eventCode in all
    required = {
        "description": "google:description-missing",  # "Description"
        "web": "google:web-missing",  # "Web"
        "expires": "google:expires-missing",  # "Expires"
    }
    yield from texts_present(document, required, "{} is required.")
    yield from area_present(document, "google:area-missing")  # "Area"
    yield from _events_agree(document)
    for info in document.infos():
        begins = find_time(document, info, "effective") or find_time(document, document.root, "sent")
        expires = find_time(document, info, "expires")
        if begins is not None and expires is not None and begins > expires:  # "Effective"
            yield at("google:effective-after-expires", info, "effective must not come after expires.")
    for area in document.areas():
        if not any(document.child(area, name) is not None for name in ("circle", "polygon", "geocode")):
            yield at("google:area-without-shape", area, "An area needs a circle, a polygon or a geocode.")


def advise(document: Document) -> Iterator[Fault]:
    """Departures from what the profile recommends."""
    recommended = {
        name: f"google:{name}-recommended" for name in ("senderName", "responseType", "instruction", "contact")
    }
    yield from texts_present(document, recommended, "{} is recommended.")
    for info in document.infos():
        headline, description = document.text(info, "headline"), document.text(info, "description")
        if len(headline or "") > HEADLINE_CHARS_MAX:
            yield at("google:headline-long", info, f"A headline should have at most {HEADLINE_CHARS_MAX} characters.")
        if not is_blank(description):
            for name, other in (("headline", headline), ("instruction", document.text(info, "instruction"))):
                if other == description:
                    yield at(f"google:{name}-repeats", info, f"{name} should not repeat the description.")
        for name in ("urgency", "severity", "certainty"):
            if document.text(info, name) == "Unknown":
                yield at(f"google:{name}-unknown", info, f"An unknown {name} is discouraged.")
        areas = list(document.children(info, "area"))
        shapes = [document.child(area, name) for area in areas for name in ("polygon", "circle")]
        if areas and all(shape is None for shape in shapes):
            yield at(
                "google:shape-recommended", info, "A polygon or circle says more exactly where it is than a geocode."
            )
    for area in document.areas():
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
