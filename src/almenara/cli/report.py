"""`almenara report`: the results of a run as one page to read, print and pass on."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that a run wrote its results to.")],
    title: Annotated[str | None, typer.Option(help="The heading of the report.")] = None,
    lang: Annotated[str, typer.Option(help="What it shows first: es, en or both. The reader can change it.")] = "es",
) -> None:
    """Write DIR/report.html: maps, incidents, exposed places, warnings and the health of the data on one page.

    The page stands alone (it loads nothing), speaks Spanish and English, and prints on A4.

    Example:  almenara report demo --title "Simulacro Loja 2025" --lang both
    """
    from almenara.report import render_report

    typer.echo(f"Wrote {render_report(folder, title=title, lang=lang)}")
