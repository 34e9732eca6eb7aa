"""The tree of the house as ARCHITECTURE.md shows it: each module with the sentence that it opens with.

`python -m tests.house.tree` writes it anew into ARCHITECTURE.md after modules came, went or changed their purpose.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "ARCHITECTURE.md"
BEGIN, END = "<!-- house: written by `python -m tests.house.tree` -->\n```text\n", "```\n<!-- /house -->"
_COLUMN = 26


def render(package: Path) -> str:
    """The tree of a package, packages before the modules beside them, one line each."""
    return "".join(_lines(package, 0))


def write(page: Path, package: Path) -> None:
    """Put the tree between the page's marks."""
    text = page.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(before + BEGIN + render(package) + END + after, encoding="utf-8")


def purpose(path: Path) -> str:
    """The first paragraph of a module's docstring on one line; empty where there is none."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.split("\n\n")[0].split())


def _lines(package: Path, depth: int) -> Iterator[str]:
    yield _line(f"{package.name}/", depth, package / "__init__.py")
    for folder in sorted(path.parent for path in package.glob("*/__init__.py")):
        yield from _lines(folder, depth + 1)
    for module in sorted(package.glob("*.py")):
        if module.name != "__init__.py":
            yield _line(module.name, depth + 1, module)


def _line(name: str, depth: int, module: Path) -> str:
    return f"{'  ' * depth + name:<{_COLUMN}} {purpose(module)}".rstrip() + "\n"


if __name__ == "__main__":
    write(PAGE, ROOT / "src" / "almenara")
