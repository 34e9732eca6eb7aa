"""An agency adds a language by files alone: from `warnings words` to the message, and what is missing is named."""

import sys
from pathlib import Path

import pytest
from tests.stages.public_warnings.scene import T0, fire, place, step

from almenara.cli import main
from almenara.config import load_config, policy_of, words_of
from almenara.model.cap import from_xml
from almenara.model.errors import UsageError
from almenara.stages.public_warnings import State, decide, shipped
from almenara.stages.public_warnings import templates as module

SHIPPED = Path(module.__file__).parent / "templates"
CONFIG = 'languages = ["es", "qu"]\ntemplates = "words"\ntimezone = "America/Guayaquil"\n'


@pytest.fixture
def agency(tmp_path: Path) -> Path:
    """A folder with a language of its own, here the Spanish files under the tag of Kichwa, and a configuration."""
    (tmp_path / "words").mkdir()
    for kind in ("language", *shipped().kinds):
        text = (SHIPPED / f"{kind}.es.toml").read_text(encoding="utf-8")
        text = text.replace("SIMULACRO", "YACHACHINA").replace('event = "', 'event = "Q ')
        (tmp_path / "words" / f"{kind}.qu.toml").write_text(text, encoding="utf-8")
    (tmp_path / "almenara.toml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def words(agency: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """`almenara warnings words`: its exit code and what it says."""
    monkeypatch.setattr(sys, "argv", ["almenara", "warnings", "words", "--templates", str(agency / "words")])
    code: object = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code or 0
    return code, "".join(capsys.readouterr())


def test_a_language_of_files_alone_is_spoken(
    agency: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = words(agency, monkeypatch, capsys)
    assert code == 0
    assert all(word in said for word in ("qu", "pt", "Q Incendio de", "Q Prueba del"))
    config = load_config(agency / "almenara.toml")
    (event, *_) = decide(State(), [fire(T0, place("Loja"))], T0, policy_of(config), words_of(config, agency))
    spanish, kichwa = from_xml(event.xml).info  # type: ignore[union-attr]
    assert (spanish.language, kichwa.language) == ("es", "qu")
    assert (kichwa.event, kichwa.area) == ("Q Incendio de vegetación", spanish.area)
    assert (kichwa.headline or "").startswith("YACHACHINA: ")


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("fire.qu.toml", None, None, "no words for fire in the language 'qu': templates/fire.qu.toml is missing"),
        ("language.qu.toml", None, None, "language.qu.toml is missing"),
        ("fire.qu.toml", 'AllClear = "', 'AllCleer = "', "fire.qu.toml: [headline] must hold exactly Observed, Likely"),
        ("fire.qu.toml", "event = ", "# ", "fire.qu.toml: Object missing required field `event`"),
        ("fire.qu.toml", "{population}", "{poblacion}", "[description] common: unknown placeholder {poblacion}"),
        ("fire.qu.toml", "{population}", "{population", "fire.qu.toml: [description] common: braces do not match"),
        ("earthquake.qu.toml", '7 = "VII', '77 = "VII', "earthquake.qu.toml: [mmi] must hold exactly 4, 5, 6, 7"),
        ("language.qu.toml", "unnamed", "un_named", "language.qu.toml: Object contains unknown field `un_named`"),
        ("language.qu.toml", 'Exercise = "YACHACHINA"', "", "The language 'qu' has no word for the status Exercise"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(agency: Path, file: str, old: str | None, new: str | None, why: str) -> None:
    path = agency / "words" / file
    if old is None or new is None:
        path.unlink()
    else:
        assert old in path.read_text(encoding="utf-8")
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_config(agency / "almenara.toml")
    assert why in str(caught.value)


def test_a_language_that_lacks_a_kind_is_shown_and_fails(
    agency: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (agency / "words" / "storm.qu.toml").unlink()
    code, said = words(agency, monkeypatch, capsys)
    assert code == 1
    assert "storm.qu.toml" in said


def test_portuguese_comes_with_it(tmp_path: Path) -> None:
    (tmp_path / "almenara.toml").write_text('languages = ["es", "pt"]\n', encoding="utf-8")
    policy = policy_of(load_config(tmp_path / "almenara.toml"))
    (event,) = step(State(), T0, fire(T0, place("Loja"), place("Zumba", 0.0)), policy=policy)
    portuguese = from_xml(event.xml).info[1]
    assert portuguese.headline == "SIMULADO: Provável incêndio perto de Zumba e Loja"
    assert "Nestes lugares vivem cerca de 9\u00a0000 pessoas." in (portuguese.description or "")
