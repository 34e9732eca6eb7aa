"""The report of a run: one self-contained page that an officer reads, prints and passes on."""

from pathlib import Path

from almenara.model.errors import UsageError
from almenara.report.folder import read_run
from almenara.report.page import LANGUAGES, page

__all__ = ["render_report"]

REPORT_NAME = "report.html"


def render_report(out: Path, *, title: str | None = None, lang: str = "es") -> Path:
    """Read a run's result folder and write `report.html` into it: Spanish and English, no request to anywhere.

    `lang` ("es", "en" or "both") is what the page shows first; the reader can change it there, without JavaScript.
    Raises UnreadableInput when the folder holds no results or a damaged file. The same results give the same bytes.
    """
    if lang not in LANGUAGES:
        raise UsageError(f"The report knows no language “{lang}”: use es, en or both.")
    text = page(read_run(out), title=title, lang=lang)
    path = out / REPORT_NAME
    draft = path.with_suffix(".html.part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)  # never half a report where a whole one was
    return path
