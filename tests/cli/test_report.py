"""`almenara report`: the page is written where the results are, and failures are named."""

from pathlib import Path

from tests.report_folder import ecuador
from typer.testing import CliRunner

from almenara.cli import app
from almenara.model.errors import UnreadableInput, UsageError


def test_it_writes_the_page_beside_the_results(tmp_path: Path) -> None:
    ecuador().write(tmp_path)
    result = CliRunner().invoke(app, ["report", str(tmp_path), "--title", "Simulacro <Loja>", "--lang", "both"])
    assert result.exit_code == 0, result.output
    assert "Wrote" in result.output
    assert "Simulacro &lt;Loja&gt;" in (tmp_path / "report.html").read_text()


def test_failures_are_named(tmp_path: Path) -> None:
    assert isinstance(CliRunner().invoke(app, ["report", str(tmp_path)]).exception, UnreadableInput)
    ecuador().write(tmp_path)
    assert isinstance(CliRunner().invoke(app, ["report", str(tmp_path), "--lang", "fr"]).exception, UsageError)
    assert "almenara report demo" in CliRunner().invoke(app, ["report", "--help"]).output
