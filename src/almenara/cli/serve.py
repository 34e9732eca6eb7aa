"""`almenara serve`: the whole service in one process: feeds, warnings, channels, HTTP API and screens."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from almenara.config import Config
    from almenara.service.exercise import Exercise

LOOPBACK = ("127.0.0.1", "::1", "localhost")
APPROVALS = ("automatic", "one", "four-eyes")


def command(
    config: Annotated[
        Path | None, typer.Option(help="The configuration file (TOML); almenara.toml when there is one.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0: any that is free.")] = 8000,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the log; default: as configured.")
    ] = None,
    drill: Annotated[bool, typer.Option("--drill", help="Play an exercise instead of asking the feeds.")] = False,
    scenario: Annotated[str, typer.Option(help="Which exercise (with --drill).")] = "ecuador",
    seed: Annotated[int, typer.Option(help="The same seed gives the same exercise (with --drill).")] = 7,
    speed: Annotated[
        float, typer.Option(min=0.1, max=100_000, help="Seconds of the exercise in one real second (with --drill).")
    ] = 60.0,
    approval: Annotated[
        str | None, typer.Option(help="Who has to say yes: automatic, one or four-eyes; default: as configured.")
    ] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A front proxy ends TLS and sets X-Forwarded-Proto and -For.")
    ] = False,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate chain (PEM) for TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key (PEM).")] = None,
    json_log: Annotated[bool, typer.Option("--json-log", help="Log as JSON lines on standard error.")] = False,
) -> None:
    """Follow the feeds, warn, deliver, and serve the console, the API and the public page, until stopped.

    Example:  almenara serve --drill --speed 60, then open http://127.0.0.1:8000/console/

    Goes on where it was stopped or killed. Listens on this machine only unless TLS is given or a front proxy declared.
    """
    from almenara.model.errors import UsageError

    if approval is not None and approval not in APPROVALS:
        raise UsageError(f"--approval must be one of {', '.join(APPROVALS)}.")
    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together.")
    if host not in LOOPBACK and tls_cert is None and not behind_proxy:
        raise UsageError(
            f"{host} can be reached from elsewhere: give --tls-cert and --tls-key, or say --behind-proxy when a front "
            "proxy ends TLS. See docs/serve.md."
        )
    from almenara.service.office import Office
    from almenara.service.signing import load_signer
    from almenara.web.feeds import with_feed
    from almenara.web.serving import Address, serve

    settings, base = _settings(config)
    folder = state if state is not None else base / ("drill/state" if drill else settings.state)
    played = _exercise(scenario, seed, speed, folder) if drill else None
    settings = _adapted(settings, approval, drill)
    address = Address(host, port, behind_proxy, tls_cert, tls_key)
    public = settings.origin or f"{address.scheme}://{host}:{port}"
    settings = with_feed(settings, "Exercise" if drill else settings.status, folder, public)
    office = Office(settings, base, folder, sign=load_signer(settings.signing, base), drill=played)
    serve(office, address, typer.echo, json_log=json_log)


def _settings(path: Path | None) -> "tuple[Config, Path]":
    from almenara.config import Config, load_config

    found = path if path is not None else Path("almenara.toml")
    if path is None and not found.exists():
        return Config(), Path()
    return load_config(found), found.resolve().parent


def _adapted(settings: "Config", approval: str | None, drill: bool) -> "Config":
    """The configuration with what the command line says; a drill practises the procedure unless told otherwise."""
    import msgspec

    rule = approval if approval is not None else "four-eyes" if drill and not settings.approval else None
    if rule is None:
        return settings
    return msgspec.structs.replace(settings, approval={"default": rule})


def _exercise(scenario: str, seed: int, speed: float, folder: Path) -> "Exercise":
    import shutil

    from almenara.service.exercise import Exercise
    from almenara.service.session import begin_anew
    from almenara.simulation import write_world

    begin_anew(folder, own=True)
    feeds = folder / "exercise"
    shutil.rmtree(feeds, ignore_errors=True)
    world = write_world(scenario, seed, feeds)
    return Exercise(
        scenario=world.name,
        title={"es": world.title_es, "en": world.title_en},
        seed=seed,
        speed=speed,
        start_ms=world.start_ms,
        end_ms=world.end_ms,
        places=world.places_spec,
        timezone=world.timezone,
        cadence_ms=world.cadence_ms,
        deliveries=world.deliveries,
    )
