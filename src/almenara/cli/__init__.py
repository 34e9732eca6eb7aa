"""The command line: parse, call the service, print. Each file here is one command or one group of commands."""

import importlib
import pkgutil
import sys

import typer

from almenara import __version__
from almenara.model.errors import AlmenaraError, UsageError

app = typer.Typer(
    name="almenara",
    help="Hazard early warning: observations in, public warnings (CAP 1.2) out.\n\n"
    "Begin with:  almenara drill --scenario ecuador --seed 7 --out demo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain text: to draw help in boxes, typer imports more than most commands need
    pretty_exceptions_show_locals=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"almenara {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say the version and stop."
    ),
) -> None:
    """Hazards are followed, people never."""


def _gather() -> None:
    """Every module beside this one brings `command` (a function) or `app` (a group) under its own name."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        if module.name.startswith("_"):
            continue
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        name = module.name.replace("_", "-")
        if hasattr(loaded, "app"):
            app.add_typer(loaded.app, name=name)
        else:
            app.command(name=name)(loaded.command)


_gather()


def main() -> None:
    """Run the command line. Exit code 0: done; 1: it could not be done, and why is said; 2: asked wrongly."""
    try:
        app()
    except AlmenaraError as error:
        typer.echo(f"almenara: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except OSError as error:  # a folder that cannot be written, a full disk
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"almenara: {where}{error.strerror or error}.", err=True)
        sys.exit(1)
