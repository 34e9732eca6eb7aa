"""`almenara drill`: a seeded exercise, from feed files in their real shapes to warnings."""

from pathlib import Path
from typing import Annotated

import typer

from almenara.cli._progress import progress_bar
from almenara.cli.replay import tell


def command(
    scenario: Annotated[
        str, typer.Option(help="Which exercise to play (see the folder simulation/scenarios).")
    ] = "ecuador",
    seed: Annotated[int, typer.Option(help="The same seed gives the same world, byte for byte.")] = 7,
    out: Annotated[Path, typer.Option(help="Folder for the feeds' files and the results.")] = Path("drill"),
    channels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A configuration: its words, and its channels of status Exercise, which get what is said.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")] = False,
) -> None:
    """Play an exercise through the real sources and the whole chain, with status Exercise.

    Example:  almenara drill --scenario ecuador --seed 7 --out demo

    Writes the exercise's feed files into OUT/feeds and the results beside them: begin with OUT/report.html.
    """
    import shutil
    import time

    import msgspec

    from almenara.config import Config, load_config, policy_of, words_of
    from almenara.model.events import Parameter
    from almenara.report import render_report
    from almenara.service import clerk, live, session
    from almenara.simulation import write_world
    from almenara.stores import open_log

    settings = load_config(channels) if channels is not None else Config()
    base = channels.resolve().parent if channels is not None else Path()
    session.begin_anew(out / "state", own=True)
    begun = time.perf_counter()
    with progress_bar(quiet) as report:
        report("Making the world", 0, 1)
        shutil.rmtree(out / "feeds", ignore_errors=True)
        world = write_world(scenario, seed, out / "feeds")
        log = open_log(out / "state")
        try:
            current = session.Session(log, words=words_of(settings, base))
            parameters: dict[str, Parameter] = {
                "scenario": scenario,
                "seed": seed,
                "places": world.places_spec,
                "timezone": world.timezone,
            }
            current.start("drill", "Exercise", parameters)
            # nobody is there to approve, and the exercise says in which time zone it plays
            current.set_policy(msgspec.structs.replace(policy_of(settings), approval={}), current.state.now_ms)
            current.import_places(world.places_spec, report)
            desk = live.Desk(current, world.cadence_ms)
            with clerk.delivering(current, clerk.open_lines(settings.channel, "Exercise", base)) as attend:
                live.play(desk, world.deliveries, report, attend)
            found = current.finish(parameters, begun, report)
            session.write_results(found, out, render_report, report)
        finally:
            log.close()
    tell(found, out)
