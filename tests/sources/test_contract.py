"""Every source that is found keeps the promise of `ports.Source`."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from almenara import sources
from almenara.model.limits import HEAD_BYTES, LINE_BYTES_MAX, RAW_BYTES_MAX
from almenara.model.observations import schema_of, to_ipc
from almenara.ports import Source
from tests.sources.samples import SOUND, read

ALL = sources.find_all()
FORMS = [(name, form) for name in ALL for form in SOUND.get(name, {})]
KINDS = {"fire", "earthquake", "warning"}
DAMAGE = [b"", b'"', b"\x00", b"\xff", b",", b"\n", b"-", b"9", b"[", b"}"]

each_source = pytest.mark.parametrize("source", ALL.values(), ids=ALL.keys())
each_form = pytest.mark.parametrize(("name", "form"), FORMS)


@each_source
def test_says_what_it_is(source: Source) -> None:
    assert source.kind in KINDS
    assert source.title
    assert source.attribution
    assert 60 <= source.cadence_s <= 7 * 86_400
    assert source.url.startswith("https://")
    assert all(explanation.endswith(".") for explanation in source.reasons.values())


@each_source
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_nothing_is_no_rejection(source: Source, content: bytes, tmp_path: Path) -> None:
    assert [piece for piece in read(source, content, tmp_path) if piece.observations.num_rows or piece.rejections] == []


@each_source
@pytest.mark.parametrize(
    "content",
    [
        random.Random(1).randbytes(3_000_000),
        bytes(100_000),
        b"<!DOCTYPE html><html><body>503 Service Unavailable</body></html>",
        b"Invalid MAP_KEY.",
        b'{"error": "quota"}',
        b"[[[[[[" * 20_000,
        b'{"features": ' + b"[" * 200_000,
        b'"just a string"',
        b"a,b,c\n1,2,3\n",
        b"x" * (LINE_BYTES_MAX + 1),
    ],
    ids=["random", "nul", "html", "words", "object", "brackets", "nested", "string", "table", "overlong"],
)
def test_what_is_no_feed_is_one_rejection(source: Source, content: bytes, tmp_path: Path) -> None:
    assert not source.recognises(content[:HEAD_BYTES], "some-name")
    rejections = [rejection for piece in read(source, content, tmp_path) for rejection in piece.rejections]
    assert [rejection.line for rejection in rejections] == [0]
    assert rejections[0].reason in source.reasons
    assert len(rejections[0].raw) <= RAW_BYTES_MAX
    assert content.startswith(rejections[0].raw)


@each_form
def test_only_its_source_recognises_a_form(name: str, form: str) -> None:
    head = SOUND[name][form].encode()[:HEAD_BYTES]
    assert [other for other, source in ALL.items() if source.recognises(head, "feed")] == [name]


@each_form
def test_reads_every_row_of_a_sound_content(name: str, form: str, tmp_path: Path) -> None:
    pieces = read(ALL[name], SOUND[name][form], tmp_path)
    assert [piece.rejections for piece in pieces] == [[]]
    assert pieces[0].observations.schema == schema_of(ALL[name].kind)
    assert pieces[0].observations.num_rows > 0


@each_form
def test_reads_the_same_twice_and_in_small_pieces(name: str, form: str, tmp_path: Path) -> None:
    whole = read(ALL[name], SOUND[name][form], tmp_path)
    again = read(ALL[name], SOUND[name][form], tmp_path)
    small = read(ALL[name], SOUND[name][form], tmp_path, rows_max=1)
    assert [to_ipc(piece.observations) for piece in whole] == [to_ipc(piece.observations) for piece in again]
    assert all(piece.observations.num_rows + len(piece.rejections) <= 1 for piece in small)
    rows = [row for piece in small for row in piece.observations.to_pylist()]
    # Unknown numbers are NaN, which equals nothing, so rows are compared as text.
    assert list(map(str, rows)) == list(map(str, whole[0].observations.to_pylist()))


@each_form
def test_survives_any_damage(name: str, form: str, tmp_path: Path) -> None:
    source = ALL[name]
    dice = random.Random(f"{name}/{form}")
    sound = SOUND[name][form].encode()
    for _ in range(60):
        content = bytearray(sound)
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(len(content))
            content[at : at + dice.randint(0, 3)] = dice.choice(
                [b"", b'"', b"\x00", b"\xff", b",", b"\n", b"-", b"9", b"[", b"}"]
            )
        for piece in read(source, bytes(content), tmp_path):
            for rejection in piece.rejections:
                assert rejection.reason in source.reasons
                assert len(rejection.raw) <= RAW_BYTES_MAX


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder beside the sources, as somebody who adds a feed would write it."""
    folder = tmp_path / "river_gauges"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "class Gauges:\n    name = 'river_gauges'\n    kind = 'flood'\n\n\nSOURCE = Gauges()\n", encoding="utf-8"
    )
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    yield "river_gauges"
    sys.modules.pop("almenara.sources.river_gauges", None)


def test_a_new_folder_is_a_new_source(planted: str) -> None:
    found = sources.find_all()
    assert found.keys() == ALL.keys() | {planted}
    assert found[planted].kind == "flood"
    assert list(found) == sorted(found)
