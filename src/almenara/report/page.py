"""The page itself: what comes in which order, the status band, the language switch, the style."""

import base64
import hashlib
from importlib import resources

from almenara.report import sections
from almenara.report.basemap import ATTRIBUTION as BASEMAP_ATTRIBUTION
from almenara.report.digest import Digest, digest
from almenara.report.folder import Run
from almenara.report.health import attributions, data_health
from almenara.report.markup import Html, join, moment, tag, two
from almenara.report.public import warnings
from almenara.report.reach import headline, reach_section
from almenara.report.words import STATUSES, word

LANGUAGES = ("es", "en", "both")

_HATCHED = ("Exercise", "Test", "Draft")


def page(run: Run, *, title: str | None, lang: str) -> str:
    """The whole document."""
    facts = digest(run)
    status = run.status()
    band = _band(status)
    heading = title or "Informe de peligros · Hazard report"
    script = _resource("sort.js")
    content = tag(
        "main",
        _header(run, title, facts),
        sections.overview_section(run, facts),
        sections.incident_table(facts),
        sections.incident_maps(run, facts),
        sections.growth_charts(run, facts),
        sections.exposed_table(facts),
        reach_section(run, facts),
        warnings(run.messages, run.messages_unread),
        data_health(run),
        attributions(run, BASEMAP_ATTRIBUTION),
    )
    # A table's head is the one thing that every browser prints on every page.
    sheet = tag(
        "table",
        tag("thead", tag("tr", tag("td", band))),
        tag("tbody", tag("tr", tag("td", content))),
        class_="sheet",
        role="presentation",
    )
    body = tag(
        "body", *_language_switch(lang), tag("div", sheet, class_=f"page {_frame(status)}"), tag("script", Html(script))
    )
    shown = f"{STATUSES.get(status, (status, status))[0]} · {heading}"
    html = tag("html", _head(shown, script), body, lang="es" if lang == "both" else lang)
    return f"<!doctype html>\n{html}\n"


def _head(title: str, script: str) -> Html:
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Second lock behind the escaping: the page may load nothing, and run only its own script.
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=Html(policy)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(_resource("report.css"))),
    )


def _language_switch(lang: str) -> list[Html]:
    parts: list[Html] = []
    for code, text in (("es", "Español"), ("en", "English"), ("both", "Español + English")):
        checked = "" if code == lang else None
        parts.append(
            tag(
                "input",
                type="radio",
                name="lang",
                id=f"lang-{code}",
                class_="lang",
                checked=checked,
                autocomplete="off",
            )
        )
        parts.append(tag("label", text, for_=f"lang-{code}", class_="lang"))
    return parts


def _frame(status: str) -> str:
    return "hatched" if status in _HATCHED else "plain"


def _band(status: str) -> Html:
    notice = {
        "Exercise": two("Simulacro: nada de esto ocurre de verdad.", "A drill: none of this is really happening."),
        "Test": two("Prueba técnica: no actuar.", "A technical test: do not act on it."),
        "Draft": two("Borrador: no ha sido enviado.", "A draft: it has not been sent."),
    }.get(status, Html())
    return tag("div", tag("strong", word(STATUSES, status)), " ", notice, class_=f"band {_frame(status)}")


def _header(run: Run, title: str | None, facts: Digest) -> Html:
    heading = title or two("Informe de peligros", "Hazard report")
    modes = {
        "drill": ("Simulacro", "Drill"),
        "replay": ("Repetición de datos", "Replay"),
        "watch": ("Vigilancia", "Watch"),
    }
    mode = word(modes, str(run.get("run", "mode") or ""))
    as_of = two("Datos hasta {t} UTC", "Data up to {t} UTC", t=moment(run.as_of()))
    lines = sections.headlines(run, facts)
    could = headline(run)
    if could is not None:
        lines.insert(2, could)  # after what was observed, before the rest
    missing = Html()
    if run.missing:
        files = ", ".join(run.missing)
        missing = tag("p", two("Falta en la carpeta: {f}.", "Missing from the folder: {f}.", f=files), class_="alarm")
    return tag(
        "header",
        tag("p", "Almenara · ", mode, " · ", as_of, class_="kicker"),
        tag("h1", heading),
        missing,
        tag("ul", join(tag("li", line) for line in lines), class_="headlines"),
    )


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
