"""`almenara rates`: how fast a watch takes observations in, how far behind it is, and what it takes of the machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from almenara.model.errors import UsageError


def command(
    state: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that holds the log of a watch.")],
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON.")] = False,
) -> None:
    """Say how a watch is doing, by the figures it leaves beside its log every ten seconds.

    Example:  almenara rates state

    May run beside the watch. Figures older than a minute mean that no watch is running, or that it is stuck.
    """
    import msgspec

    from almenara.service.rates import duration, read
    from almenara.service.session import now_ms

    rates = read(state)
    if rates is None:
        raise UsageError(f"No watch has said yet how it is doing in {state}: give the `state` folder of a watch.")
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rates), indent=1).decode() + "\n")
        return
    pairs = [
        ("as of", f"{duration(max(0.0, (now_ms() - rates.at_ms) / 1000))} ago"),
        ("observations/s, last minute", f"{rates.observations_per_s:,.1f}"),
        ("observations/s, since it began", f"{rates.observations_per_s_mean:,.1f}"),
        ("rows read", f"{rates.read:,}"),
        ("  accepted", f"{rates.accepted:,}"),
        ("  superseded", f"{rates.superseded:,}"),
        ("  rejected", f"{rates.rejected:,}"),
        ("newest observation", "none yet" if rates.lag_s is None else f"{duration(rates.lag_s)} old"),
        ("steps", f"{rates.steps:,}"),
        ("time of a step, median", _ms(rates.step_p50_ms)),
        ("time of a step, 95 of 100", _ms(rates.step_p95_ms)),
        ("log", f"{rates.log_bytes / 1e6:,.1f} MB, {rates.log_entries:,} entries"),
        ("newest snapshot", "none yet" if rates.snapshot_age_s is None else f"{duration(rates.snapshot_age_s)} old"),
        ("  its size", f"{rates.snapshot_bytes / 1e6:,.1f} MB"),
        ("  held up the chain for", _ms(rates.snapshot_pause_ms)),
        ("memory", f"{rates.memory_mb:,.0f} MB"),
    ]
    for name, value in pairs:
        typer.echo(f"{name:<32}{value}")


def _ms(value: float | None) -> str:
    return "none yet" if value is None else f"{value:,.1f} ms"
