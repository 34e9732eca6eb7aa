"""`almenara people`: who of the agency may do what, whether the service runs or not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almenara.cli._orders import find_place, operator
from almenara.model.errors import LogLocked, UsageError

if TYPE_CHECKING:
    from almenara.accounts.book import Accounts
    from almenara.accounts.people import Person

app = typer.Typer(no_args_is_help=True, help="People: add, list, grant, revoke, password, disable, enable, and areas.")

State = Annotated[Path | None, typer.Option("--state", metavar="DIR", help="The folder that holds the log.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Or the configuration; almenara.toml when neither is named."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account.")]
Role = Annotated[str, typer.Argument(help="viewer, dispatcher, duty_officer, approver or administrator.")]
Within = Annotated[str, typer.Option("--area", metavar="AREA", help="Where; without it everywhere.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]


@app.command()
def add(
    name: Name,
    display_name: Annotated[str, typer.Option("--display-name", help="As others see it.")] = "",
    language: Annotated[str, typer.Option(help="es or en.")] = "es",
    role: Annotated[list[str] | None, typer.Option(help="A role, or ROLE@AREA; may be given again.")] = None,
    password_stdin: FromStdin = False,
    state: State = None,
    config: Config = None,
) -> None:
    """Add an account. The first must be an administrator; with it the service's setup is closed.

    Example:  almenara people add ana --display-name "Ana Ruiz" --role administrator
    """
    from almenara.accounts.oidc_settings import grant_of
    from almenara.accounts.people import describe

    with _accounts(state, config, begin=True) as (accounts, by):
        person = accounts.people.add(
            name,
            display_name=display_name,
            language=language,
            password=_password(password_stdin),
            grants=[grant_of(value) for value in role or []],
            by=by,
            now_ms=accounts.clock(),
        )
        accounts.setup.close()
    typer.echo(f"Added {person.name}: {', '.join(map(describe, person.grants)) or 'no grants yet'}.")


@app.command("list")
def list_people(
    state: State = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """List the accounts and what each is granted.

    Example:  almenara people list --config almenara.toml
    """
    with _accounts(state, config) as (accounts, _):
        people = accounts.people.list_all()
    if as_json:
        sys.stdout.write(json.dumps([_fields(person) for person in people], ensure_ascii=False, indent=2) + "\n")
    elif not people:
        typer.echo("There are no accounts yet.")
    else:
        _print_table(people)


@app.command()
def grant(name: Name, role: Role, area: Within = "*", state: State = None, config: Config = None) -> None:
    """Give a role, everywhere or within an area.

    Example:  almenara people grant ana approver --area loja
    """
    from almenara.accounts.people import describe
    from almenara.accounts.roles import Grant

    with _accounts(state, config) as (accounts, by):
        accounts.people.grant(name, Grant(role, area), by=by, now_ms=accounts.clock())
    typer.echo(f"{name}: {describe(Grant(role, area))}.")


@app.command()
def revoke(name: Name, role: Role, area: Within = "*", state: State = None, config: Config = None) -> None:
    """Take a role back. The last administrator stays one.

    Example:  almenara people revoke ana approver --area loja
    """
    from almenara.accounts.people import describe
    from almenara.accounts.roles import Grant

    with _accounts(state, config) as (accounts, by):
        accounts.people.revoke(name, Grant(role, area), by=by, now_ms=accounts.clock())
    typer.echo(f"{name}: no longer {describe(Grant(role, area))}.")


@app.command()
def password(name: Name, password_stdin: FromStdin = False, state: State = None, config: Config = None) -> None:
    """Give a new password; the account's sessions end.

    Example:  almenara people password ana
    """
    with _accounts(state, config) as (accounts, by):
        person = accounts.people.get(name)
        accounts.people.set_password(person.name, _password(password_stdin), by=by, now_ms=accounts.clock())
    typer.echo(f"{person.name} has a new password and has to sign in again.")


@app.command()
def disable(name: Name, state: State = None, config: Config = None) -> None:
    """Shut an account out at once: sessions end, API keys that it made are revoked.

    Example:  almenara people disable ana
    """
    with _accounts(state, config) as (accounts, by):
        accounts.people.disable(name, by=by, now_ms=accounts.clock())
    typer.echo(f"{name} can no longer sign in.")


@app.command()
def enable(name: Name, state: State = None, config: Config = None) -> None:
    """Let a disabled account sign in again.

    Example:  almenara people enable ana
    """
    with _accounts(state, config) as (accounts, by):
        accounts.people.enable(name, by=by, now_ms=accounts.clock())
    typer.echo(f"{name} can sign in again.")


@app.command()
def area(
    name: Annotated[
        str | None, typer.Argument(metavar="AREA", help="Its name; without it the areas are listed.")
    ] = None,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Polygons in GeoJSON.")] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Remove an area that no grant and no key names.")] = False,
    state: State = None,
    config: Config = None,
) -> None:
    """Draw an area within which roles are held, or draw it anew; or list the areas.

    Example:  almenara people area loja loja.geojson
    """
    with _accounts(state, config) as (accounts, by):
        if name is None:
            for known in accounts.people.list_areas():
                typer.echo(known)
        elif drop:
            accounts.people.drop_area(name, by=by, now_ms=accounts.clock())
            typer.echo(f"The area {name} is gone.")
        elif file is None:
            raise UsageError("Name the file with the area's polygons, or --drop.")
        else:
            try:
                text = file.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise UsageError(f"{file} is no text in UTF-8.") from error
            accounts.people.set_area(name, text, by=by, now_ms=accounts.clock())
            typer.echo(f"The area {name} is drawn.")


@contextmanager
def _accounts(state: Path | None, config: Path | None, *, begin: bool = False) -> Iterator[tuple[Accounts, str]]:
    """The accounts and who works on them; what was changed goes into the log, now or by the process that writes it."""
    from almenara.accounts.book import Accounts
    from almenara.accounts.database import FILE_NAME
    from almenara.service.session import now_ms

    folder = find_place(state, config).state
    if not begin and not (folder / FILE_NAME).exists():
        raise UsageError(f"{folder} has no accounts: begin with `almenara people add NAME --role administrator`.")
    with Accounts(folder, now_ms) as accounts:
        yield accounts, f"command line: {operator(None)}"
        _carry(accounts, folder)


def _carry(accounts: Accounts, folder: Path) -> None:
    from almenara.service.session import now_ms
    from almenara.stores import open_log

    if not (waiting := accounts.database.unlogged()):
        return
    try:
        open_log(folder, readonly=True).close()
        log = open_log(folder)
    except UsageError:  # no log yet: the service takes it in when it begins one
        return
    except LogLocked:  # the process that writes the log does it
        return
    with closing(log):
        log.append([event for _, event in waiting], now_ms())
        log.checkpoint(now_ms())
    accounts.database.logged(waiting[-1][0])


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _fields(person: Person) -> dict[str, object]:
    return {
        "name": person.name,
        "display_name": person.display_name,
        "language": person.language,
        "grants": [{"role": grant.role, "area": grant.area} for grant in person.grants],
        "passkeys": person.passkeys,
        "has_password": person.has_password,
        "disabled": person.disabled_ms is not None,
    }


def _print_table(people: list[Person]) -> None:
    from rich.console import Console
    from rich.table import Table

    from almenara.accounts.people import describe

    table = Table("Name", "Display name", "Granted", "Signs in with")
    for person in people:
        ways = ["password"] * person.has_password + ["passkey"] * bool(person.passkeys) + ["OIDC"] * person.from_oidc
        how = "disabled" if person.disabled_ms is not None else ", ".join(ways) or "nothing yet"
        table.add_row(person.name, person.display_name, "\n".join(map(describe, person.grants)) or "—", how)
    Console(highlight=False).print(table)
