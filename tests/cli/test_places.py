"""`almenara places`: what is printed and what lands in the log."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from almenara.cli.places import app
from almenara.model.errors import UnreadableInput, UsageError
from almenara.model.events import PlacesImported
from almenara.model.observations import from_ipc
from almenara.stores import open_log


def run(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "160", "NO_COLOR": "1"}).invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def schools(tmp_path: Path) -> Path:
    path = tmp_path / "schools.csv"
    path.write_text("nombre,lon,lat,pop\n[bold]Escuela[/] 1,-79.2,-4,120\nEscuela 2,-79.3,-4,\nBad,x,1,1\n")
    return path


def imported(state: Path) -> list[PlacesImported]:
    log = open_log(state)
    try:
        events = [entry.event() for entry in log.read()]
    finally:
        log.close()
    return [event for event in events if isinstance(event, PlacesImported)]


def test_import_prints_what_counts_and_appends(schools: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    result = run("import", schools, "--state", state, "--kind", "[red]school", "--attribution", "MinEduc [2024]")
    assert result.exit_code == 0, result.output
    for text in ("2 places", "1 kept out", "[red]school 2", "People: 120", "row 4", "coordinates-unreadable: 1"):
        assert text in result.output
    (event,) = imported(state)
    assert (event.origin, event.attribution) == ("schools.csv", "MinEduc [2024]")
    assert event.rejected == {"coordinates-unreadable": 1}
    assert from_ipc(event.table).column("name").to_pylist() == ["[bold]Escuela[/] 1", "Escuela 2"]


def test_dry_run_writes_nothing(schools: Path, tmp_path: Path) -> None:
    result = run("import", schools, "--state", tmp_path / "state", "--dry-run", "--alert-distance", "900")
    assert result.exit_code == 0, result.output
    assert "nothing was written" in result.output
    assert not (tmp_path / "state").exists()


def test_list_shows_the_last_import_of_each_origin(schools: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    for source in (schools, schools, "geonames:AD"):
        assert run("import", source, "--state", state).exit_code == 0
    result = run("list", "--state", state)
    assert result.exit_code == 0, result.output
    assert result.output.count("schools.csv") == 1
    assert "geonames:AD" in result.output
    assert "GeoNames, CC BY 4.0" in result.output
    assert len(imported(state)) == 3


def test_nothing_usable_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("name,lon,lat\nA,x,1\n")
    result = run("import", path, "--state", tmp_path / "state")
    assert isinstance(result.exception, UnreadableInput)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("column", ["name", "=x", "name="])
def test_a_column_that_says_nothing(schools: Path, tmp_path: Path, column: str) -> None:
    result = run("import", schools, "--state", tmp_path, "--column", column)
    assert isinstance(result.exception, UsageError)


def test_list_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert isinstance(run("list", "--state", tmp_path / "none").exception, UsageError)


def test_help_holds_examples() -> None:
    assert "geonames:EC" in run("import", "--help").output
    assert "places list --state" in run("list", "--help").output
