"""`almenara replay`: real feed files through the whole chain, in order of acquisition."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almenara.cli._progress import progress_bar
from almenara.model.errors import UsageError

if TYPE_CHECKING:
    from almenara.results import Results

STATUSES = ("Exercise", "Test", "Actual")


def command(
    paths: Annotated[
        list[Path], typer.Argument(help="Feed files or folders (plain or .gz); each is recognised by its content.")
    ],
    places: Annotated[
        str,
        typer.Option(
            help="What is protected: geonames:EC, geonames:world, or a file (CSV, GeoJSON, GeoPackage, Shapefile …)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results (made when missing).")],
    source: Annotated[
        str | None,
        typer.Option(help="Read everything as this source instead of recognising it (see: almenara sources)."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Leave out what was acquired before, UTC: 2023-11-09 or 2023-11-09T06:00.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Leave out what was acquired from then on, UTC.")] = None,
    state: Annotated[
        Path | None, typer.Option(help="Folder for the log and its snapshots. Default: OUT/state, made anew each time.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted replay stopped.")] = False,
    status: Annotated[str, typer.Option(help="CAP status of the warnings: Exercise, Test or Actual.")] = "Exercise",
    batch_rows: Annotated[
        int, typer.Option(help="Rows in one log entry; results do not depend on it.", min=1, max=1_000_000)
    ] = 50_000,
    sender: Annotated[
        str | None, typer.Option(help="Sender of the warnings, in CAP's form: alerts@agency.example.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of the times in the warnings: America/Guayaquil.")] = None,
    templates: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Your own words: almenara warnings words --templates DIR.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")] = False,
) -> None:
    """Read real files in order of acquisition and write hazards, exposures, incidents, warnings and a report.

    Example:  almenara replay fires.csv quakes.geojson --places geonames:EC --out out

    Writes into OUT: report.html (begin there), hazards.geojson, timeline.parquet, exposures.csv and .parquet,
    incidents.json, warnings/*.xml (drafts/*.xml: what waits for a yes) and summary.json.

    Nothing is delivered: a replay opens no channel, and warnings/*.xml is what the channels would have carried.
    """
    from almenara.report import render_report
    from almenara.service import replay, session
    from almenara.stores import open_log

    if status not in STATUSES:
        raise UsageError(f"--status must be one of {', '.join(STATUSES)}, not {status!r}.")
    options = replay.ReplayOptions(
        paths=paths,
        places=places,
        status=status,
        source=source,
        since_ms=_time_ms("--since", since),
        until_ms=_time_ms("--until", until),
        batch_rows=batch_rows,
        sender=sender,
        timezone=timezone,
        templates=templates,
    )
    folder = state if state is not None else out / "state"
    if not resume:
        session.begin_anew(folder, own=state is None)
    log = open_log(folder)
    try:
        with progress_bar(quiet) as report:
            found = replay.replay(log, options, progress=report)
            session.write_results(found, out, render_report, report)
    finally:
        log.close()
    tell(found, out)


def tell(found: "Results", out: Path) -> None:
    """Say in a few lines what was found and where it lies."""
    s = found.summary
    rows, hazards = s["rows"], s["hazards"]
    typer.echo(
        f"{rows['read']:,} rows read: {rows['accepted']:,} accepted, {rows['superseded']:,} superseded, "
        f"{rows['rejected']:,} rejected."
    )
    for reason, count in rows["rejected_by_reason"].items():
        typer.echo(f"  {count:,} × {reason}")
    typer.echo(
        f"{hazards['total']:,} hazards, {s['exposures']['total']:,} exposures, {s['incidents']['total']:,} incidents, "
        f"{s['warnings']['total']:,} warnings ({s['run']['status']}), "
        f"in {s['seconds']['total']:.1f} s and {s['peak_memory_mb']:,.0f} MB."
    )
    typer.echo(f"state digest  {s['state_digest']}")
    typer.echo(f"report        {out / 'report.html'}")
    typer.echo(f"warnings      {out / 'warnings'}")


def _time_ms(option: str, text: str | None) -> int | None:
    from datetime import UTC, datetime

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r} is no time: write it like 2023-11-09 or 2023-11-09T06:00.") from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round(moment.timestamp() * 1000)
