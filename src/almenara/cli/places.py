"""`almenara places`: import the places to protect, and list what has been imported."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from almenara.places import Places

app = typer.Typer(no_args_is_help=True, help="Import and list the places that are protected.")

_EXAMPLES_SHOWN = 3
_KINDS_SHOWN = 6


@app.command(
    "import",
    epilog="Examples:  almenara places import geonames:EC --state st  ·  almenara places import schools.gpkg:urban "
    "--state st --kind school --alert-distance 1000  ·  almenara places import cantones.geojson --state st "
    "--column name=DPA_DESCAN --dry-run",
)
def import_places(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE-OR-SPEC",
            help="A CSV, GeoJSON, GeoPackage (file.gpkg:layer), Shapefile or GeoParquet file, geonames:EC (any country "
            "code) or geonames:world.",
        ),
    ],
    state: Annotated[Path, typer.Option(metavar="DIR", help="The folder that holds the log.")],
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN",
            help="Which column is the name, kind, population, id, alert_distance_m, lon, lat, geometry, country or "
            "admin, where its own name does not tell. Repeatable.",
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="What all these places are: town, school, hospital, reserve…")
    ] = None,
    alert_distance: Annotated[
        float | None, typer.Option(metavar="METRES", help="Warn when a hazard is this near; 300 where nothing is said.")
    ] = None,
    crs: Annotated[
        str | None, typer.Option(metavar="EPSG:CODE", help="The coordinate system of a file that names none.")
    ] = None,
    attribution: Annotated[str | None, typer.Option(help="The credit line that the data's licence asks for.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be imported; write nothing.")] = False,
) -> None:
    """Import protected places into the log. A later import of the same file or country replaces the earlier one."""
    from dataclasses import replace

    from rich.console import Console

    from almenara.model.errors import UnreadableInput
    from almenara.places import load_places

    console = Console(highlight=False)
    with console.status("Reading and checking the places…"):
        places = load_places(
            source, columns=_columns(column or []), kind=kind, alert_distance_m=alert_distance, crs=crs
        )
    if attribution is not None:
        places = replace(places, attribution=attribution)
    _show(console, places)
    if not places.table.num_rows:
        raise UnreadableInput(f"No place of {places.origin} can be used; nothing was imported.")
    if dry_run:
        console.print("Dry run: nothing was written.")
        return
    _append(state, places)
    console.print(f"Imported into {state}.", markup=False)


@app.command("list", epilog="Example:  almenara places list --state st")
def list_places(
    state: Annotated[Path, typer.Option(metavar="DIR", help="The folder that holds the log.")],
) -> None:
    """List what has been imported: origin, number of places, kinds, credit line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from almenara.model.events import PlacesImported
    from almenara.model.observations import from_ipc
    from almenara.stores import open_log

    imports: dict[str, PlacesImported] = {}
    log = open_log(state, readonly=True)
    try:
        for entry in log.read():
            if entry.kind == PlacesImported.__name__:
                event = entry.event()
                assert isinstance(event, PlacesImported)
                imports[event.origin] = event
    finally:
        log.close()
    console = Console(highlight=False)
    if not imports:
        console.print("No places have been imported yet.")
        return
    shown = Table("Origin", "Places", "Kept out", "Kinds", "Credit")
    shown.columns[1].justify = shown.columns[2].justify = "right"
    for event in imports.values():
        table = from_ipc(event.table)
        cells = (
            event.origin,
            f"{table.num_rows:,}",
            f"{sum(event.rejected.values()):,}",
            _kinds(table.column("kind").to_pylist()),
            event.attribution,
        )
        shown.add_row(*(Text(cell) for cell in cells))  # Text: outside data must not be read as markup
    console.print(shown)


def _columns(pairs: list[str]) -> dict[str, str]:
    from almenara.model.errors import UsageError

    columns: dict[str, str] = {}
    for pair in pairs:
        field, equals, name = pair.partition("=")
        if not (field.strip() and equals and name.strip()):
            raise UsageError(f"“--column {pair}” says nothing: write it like --column name=NOMBRE.")
        columns[field.strip()] = name.strip()
    return columns


def _show(console: "Console", places: "Places") -> None:
    import pyarrow.compute as pc

    from almenara.places import REASONS

    table, rejections = places.table, places.rejections
    people = pc.sum(table.column("population")).as_py() or 0
    unknown = table.column("population").null_count
    areas = table.num_rows - table.column("geometry").null_count
    lines = [
        f"{places.origin}: {table.num_rows:,} places ({areas:,} with an area), {len(rejections):,} kept out",
        f"Kinds: {_kinds(table.column('kind').to_pylist())}",
        f"People: {people:,} (population unknown for {unknown:,} places)",
    ]
    if places.attribution:
        lines.append(f"Credit: {places.attribution}")
    by_reason = Counter(rejection.reason for rejection in rejections)
    for reason, count in by_reason.most_common():
        lines.append(f"Kept out, {reason}: {count:,} ({REASONS[reason]})")
        examples = [rejection for rejection in rejections if rejection.reason == reason][:_EXAMPLES_SHOWN]
        lines.extend(f"  row {example.line}: {example.detail}" for example in examples)
    console.print("\n".join(lines), markup=False, soft_wrap=True)


def _kinds(kinds: list[str]) -> str:
    counts = Counter(kinds).most_common()
    shown = ", ".join(f"{kind} {count:,}" for kind, count in counts[:_KINDS_SHOWN])
    more = len(counts) - _KINDS_SHOWN
    return f"{shown}, {more} more" if more > 0 else shown


def _append(state: Path, places: "Places") -> None:
    import time

    from almenara.model.events import PlacesImported
    from almenara.model.observations import to_ipc
    from almenara.stores import open_log

    event = PlacesImported(
        origin=places.origin,
        attribution=places.attribution,
        table=to_ipc(places.table),
        rejected=dict(sorted(Counter(rejection.reason for rejection in places.rejections).items())),
    )
    log = open_log(state)
    try:
        log.append([event], time.time_ns() // 1_000_000)
    finally:
        log.close()
