"""`almenara people`: accounts by hand, whether the service runs or not, and what the log is told of it."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from tests.accounts.bench import PASSWORD, SQUARE, open_book
from typer.testing import CliRunner

from almenara import cli
from almenara.accounts.setup import FILE_NAME
from almenara.model.errors import CommandRefused, UsageError
from almenara.model.events import Audited, StepTaken
from almenara.stores import open_log


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def run(state: Path, *arguments: str, typed: str = "") -> str:
    result = CliRunner().invoke(
        cli.app,
        ["people", *arguments, "--state", str(state)],
        input=typed,
        env={"COLUMNS": "200"},
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    return result.output


def add(state: Path, name: str, *arguments: str) -> str:
    return run(state, "add", name, "--password-stdin", *arguments, typed=f"{PASSWORD}\n")


def audited(state: Path) -> list[tuple[str, str]]:
    with closing(open_log(state, readonly=True)) as log:
        return [(e.action, e.subject) for entry in log.read() if isinstance(e := entry.event(), Audited)]


def test_from_the_first_account_to_the_last_grant(state: Path, tmp_path: Path) -> None:
    assert "ana: administrator everywhere" in add(state, "ana", "--role", "administrator", "--display-name", "Ana Ruiz")
    (tmp_path / "loja.geojson").write_text(SQUARE, encoding="utf-8")
    run(state, "area", "loja", str(tmp_path / "loja.geojson"))
    assert run(state, "area") == "loja\n"
    add(state, "ben", "--role", "viewer", "--role", "dispatcher@loja")
    run(state, "grant", "ben", "approver", "--area", "loja")
    run(state, "revoke", "ben", "viewer")
    run(state, "password", "ben", "--password-stdin", typed=f"{PASSWORD} anew\n")
    listed = json.loads(run(state, "list", "--json"))
    assert [(one["name"], one["grants"]) for one in listed] == [
        ("ana", [{"role": "administrator", "area": "*"}]),
        ("ben", [{"role": "approver", "area": "loja"}, {"role": "dispatcher", "area": "loja"}]),
    ]
    with open_book(state) as book:
        assert book.people.check_sign_in("ben", PASSWORD) is None
        assert book.people.check_sign_in("ben", f"{PASSWORD} anew") is not None
    run(state, "disable", "ben")
    assert "disabled" in run(state, "list")
    run(state, "enable", "ben")
    assert "disabled" not in run(state, "list")


def test_the_first_account_closes_the_setup(state: Path) -> None:
    with open_book(state) as book:
        assert book.setup.open(0) is not None
        assert (state / FILE_NAME).exists()
        add(state, "ana", "--role", "administrator")
        assert not (state / FILE_NAME).exists()
        assert not book.setup.needed


def test_the_log_is_told_at_once_or_by_who_writes_it(state: Path) -> None:
    add(state, "ana", "--role", "administrator")
    with open_book(state) as book:
        assert len(book.database.unlogged()) == 1, "there is no log yet: it waits"
    with closing(open_log(state)) as log:
        log.append([StepTaken(now_ms=1)], 1)
        add(state, "ben")
        with open_book(state) as book:
            assert len(book.database.unlogged()) == 2, "another process writes the log: it waits"
    assert audited(state) == []
    run(state, "disable", "ben")
    assert audited(state) == [("people.add", "ana"), ("people.add", "ben"), ("people.disable", "ben")]
    run(state, "list")
    assert len(audited(state)) == 3
    with closing(open_log(state, readonly=True)) as log:
        assert log.verify().broken_seq is None
    with open_book(state) as book:
        assert book.database.unlogged() == []


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["disable", "ana"], CommandRefused, "last administrator"),
        (["revoke", "ana", "administrator"], CommandRefused, "last administrator"),
        (["grant", "nobody", "viewer"], CommandRefused, "no account"),
        (["grant", "ana", "king"], UsageError, "no role"),
        (["grant", "ana", "viewer", "--area", "atlantis"], CommandRefused, "no area"),
        (["grant", "ana", "administrator", "--area", "loja"], UsageError, "everywhere"),
        (["area", "loja"], UsageError, "Name the file"),
        (["area", "loja", "--drop"], CommandRefused, "no area"),
    ],
)
def test_what_is_refused(state: Path, arguments: list[str], error: type[Exception], words: str) -> None:
    add(state, "ana", "--role", "administrator")
    with pytest.raises(error, match=words):
        run(state, *arguments)


def test_a_folder_without_accounts_is_not_filled_with_them(state: Path) -> None:
    with pytest.raises(UsageError, match="begin with"):
        run(state, "list")
    assert not state.exists()
