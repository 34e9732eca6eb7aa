"""The house as it is agrees with the house as it is described, and keeps its own hard rules."""

import ast
import importlib
import io
import pkgutil
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import almenara
from tests.house import tree

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "almenara"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LINES_MAX = 400
#: Files that may be longer, each with its cap, which goes down, never up.
LONGER: dict[str, int] = {}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=[relative(path) for path in paths])


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 11))


def comments(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_architecture_shows_the_tree_as_it_is() -> None:
    page = tree.PAGE.read_text(encoding="utf-8")
    assert page.count(tree.BEGIN) == page.count(tree.END) == 1, "ARCHITECTURE.md has lost the marks of its tree"
    shown = page.split(tree.BEGIN)[1].split(tree.END)[0].splitlines()
    real = tree.render(PACKAGE).splitlines()
    missing, gone = [line for line in real if line not in shown], [line for line in shown if line not in real]
    assert shown == real, (
        f"ARCHITECTURE.md lacks {missing} and still shows {gone}: run `python -m tests.house.tree` and read it again"
    )


def test_what_architecture_names_exists() -> None:
    """Paths in `code` outside the tree: `stages/incidents.py`, `docs/decisions/`, `tests/house`."""
    page = tree.PAGE.read_text(encoding="utf-8")
    prose = page.split(tree.BEGIN)[0] + page.split(tree.END)[1]
    named = re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`", prose)
    paths = [name for name in named if "/" in name or name.endswith((".py", ".md", ".toml", ".txt"))]
    assert len(paths) > 10, "the reader reads nothing"
    absent = [name for name in paths if not (ROOT / name).exists() and not (PACKAGE / name).exists()]
    assert absent == []


def test_every_part_stands_in_the_layers() -> None:
    """A top-level module that no layer names would be free to import anything."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in config["contracts"] if contract["type"] == "layers")
    named = set(re.findall(r"almenara\.(\w+)", " ".join(layers)))
    parts = {module.name for module in pkgutil.iter_modules(almenara.__path__)} - {"__main__"}
    assert parts - named == set()


def test_imports_keep_the_contracts() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    # -P keeps the working folder off the path: a part of the project must not hide a library of the same name.
    done = subprocess.run([sys.executable, "-P", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr


@each(MODULES)
def test_module_opens_with_a_sentence(path: Path) -> None:
    sentence = tree.purpose(path)
    assert sentence, "a module opens with one sentence saying what it is"
    assert sentence[0].isupper() or sentence[0] in "`“"
    assert sentence[-1] in ".:?!", sentence


@each(MODULES + TESTS)
def test_file_is_short(path: Path) -> None:
    lines, cap = len(path.read_text(encoding="utf-8").splitlines()), LONGER.get(relative(path), LINES_MAX)
    assert lines <= cap, (
        f"{lines} lines; {cap} are allowed: take something out, or state a cap in LONGER and its reason"
    )


def test_long_files_are_few_and_real() -> None:
    for name, cap in LONGER.items():
        lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())
        assert LINES_MAX < lines <= cap < lines + 50, f"{name} has {lines} lines: its cap of {cap} is out of date"


@each(MODULES + TESTS)
def test_no_blind_except(path: Path) -> None:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ExceptHandler) and not reraises(node):
            caught = (
                {one.id for one in ast.walk(node.type) if isinstance(one, ast.Name)} if node.type else {"everything"}
            )
            assert not caught & {"Exception", "BaseException", "everything"}, f"line {node.lineno} catches {caught}"


def reraises(handler: ast.ExceptHandler) -> bool:
    """Whether it only tidies up: `except BaseException: …; raise`."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


@each(MODULES + TESTS)
def test_nothing_is_left_for_later(path: Path) -> None:
    marks = re.compile(r"\b(TO" + "DO|FIX" + "ME|X" + "XX|HA" + r"CK)\b")
    later = [line for line, text in comments(path) if marks.search(text)]
    stubs = [
        node.lineno for node in ast.walk(parse(path)) if isinstance(node, ast.Name) and node.id == "NotImplementedError"
    ]
    assert (later, stubs) == ([], [])


@each(MODULES)
def test_only_the_command_line_prints(path: Path) -> None:
    if "cli" not in path.relative_to(PACKAGE).parts:
        calls = (node.func for node in ast.walk(parse(path)) if isinstance(node, ast.Call))
        assert not [call.lineno for call in calls if isinstance(call, ast.Name) and call.id == "print"]


@each(MODULES + TESTS)
def test_no_path_of_one_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"[\"'\s](/ro" + r"ot|/ho" + r"me/\w|/wo" + r"rk/|/Us" + r"ers/\w)", text)


def test_every_module_can_be_imported() -> None:
    for module in pkgutil.walk_packages(almenara.__path__, "almenara."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_decision_records_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert names, "decisions that are not written down are not decided"
    assert all(re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name) for name in names), names
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_readme_begins_with_the_two_commands() -> None:
    top = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40])
    assert "make demo" in top
    assert "make test" in top


def test_every_command_is_documented() -> None:
    from almenara.cli import app

    pages = [path for path in (ROOT / "README.md", ROOT / "docs" / "cli.md") if path.exists()]
    text = " ".join(" ".join(path.read_text(encoding="utf-8") for path in pages).split())
    commands = list(list_commands(typer.main.get_command(app), "almenara"))
    assert commands
    assert [path for path in commands if not re.search(re.escape(path) + r"(?![\w-])", text)] == []


def list_commands(command: Any, path: str) -> Iterator[str]:
    inner = getattr(command, "commands", {})
    if not inner:
        yield path
    for name, one in inner.items():
        if not one.hidden:
            yield from list_commands(one, f"{path} {name}")


def test_versions_are_pinned_without_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.!+-]+", pin)] == []
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {pin.split("==")[0].lower().replace("_", "-") for pin in pins}
    for requirement in (*wanted["dependencies"], *wanted["optional-dependencies"]["dev"]):
        assert re.split(r"[\[<>=]", requirement)[0].lower() in names, f"{requirement} is not pinned"
