"""`almenara cap` on what was made to break it: every verdict named, with a line, in bounded time and words."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.model.cap.messages import PLAIN
from tests.sources.samples import RECEIVED_MS, cap

from almenara.cli import main
from almenara.model.cap import to_xml
from almenara.sources.cap_feed import SOURCE
from almenara.sources.cap_feed.reasons import REASONS

BASE = cap("w-1")
BODY = BASE.partition("?>")[2].strip() if BASE.startswith("<?xml") else BASE.strip()
XINCLUDE = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>e</id><content type="text">{}</content></entry></feed>'
ESCAPED = BODY.replace("&", "&amp;").replace("<", "&lt;")
RSS = '<rss version="2.0"><channel><item><title>t</title><description>{}</description></item></channel></rss>'

SOUND = {
    "utf-16": ('<?xml version="1.0" encoding="UTF-16"?>' + BODY).encode("utf-16"),
    "latin-1": ('<?xml version="1.0" encoding="ISO-8859-1"?>' + BODY).encode("latin-1", "xmlcharrefreplace"),
    "windows-1252": ('<?xml version="1.0" encoding="windows-1252"?>' + BODY).encode("cp1252", "xmlcharrefreplace"),
    "mark": b"\xef\xbb\xbf" + BODY.encode(),
    "instruction": b'<?xml-stylesheet href="http://example.org/x"?>' + BODY.encode(),
    "cdata": BODY.replace("<status>Actual<", "<status><![CDATA[Actual]]><").encode(),
    "in Atom": ATOM.format(BODY).encode(),
    "escaped in Atom": ATOM.format(ESCAPED).encode(),
    "CDATA in RSS": RSS.format(f'<![CDATA[<?xml version="1.0" encoding="ISO-8859-1"?>{BODY}]]>').encode(),
    "EDXL": f'<EDXLDistribution xmlns="urn:oasis:names:tc:emergency:EDXL:DE:1.0">{BODY}</EDXLDistribution>'.encode(),
}  # fmt: skip
BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "doctype": (lambda: b"<?xml version='1.0'?>\n\n<!DOCTYPE alert>" + BODY.encode(), "3: doctype"),
    "doctype in UTF-16": (lambda: ("<!-- <!DOCTYPE -->\n<!DOCTYPE a>" + BODY).encode("utf-16"), "2: doctype"),
    "entities": (lambda: b'<!DOCTYPE a [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]>' + BODY.encode(), "1: doctype"),
    "xinclude": (lambda: BODY.replace("<scope>", f"{XINCLUDE}<scope>").encode(), "schema:element"),
    "empty": (lambda: b" \n", "1: empty"),
    "large": (lambda: BODY.replace("</alert>", f"<!--{'x' * 5_000_000}--></alert>").encode(), "1: too-large"),
    "deep": (lambda: BODY.replace("<scope>", "<a>" * 2_000 + "<scope>").encode(), "too-deep"),
    "another's encoding": (lambda: b"<?xml version='1.0' encoding='UTF-16'?>" + BODY.encode(), "1: encoding"),
    "prefix unbound": (lambda: BODY.replace("<scope>", "<cap:scope>").encode(), "not-xml"),
    "escaped and broken": (lambda: ATOM.format(ESCAPED.replace("Actual", "Real")).encode(), "schema:value"),
}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["almenara", "cap", *map(str, arguments)])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.mark.parametrize("name", SOUND)
def test_what_is_odd_and_sound_is_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(SOUND[name])
    assert run(monkeypatch, "validate", path) == 0
    assert "valid CAP" in capsys.readouterr().out
    found = list(SOURCE.parse(path, received_ms=RECEIVED_MS, rows_max=10))
    assert [parsed.observations.num_rows for parsed in found] == [1]
    assert not [rejection for parsed in found for rejection in parsed.rejections]


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_hostile_is_refused_by_name_and_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make, verdict = BROKEN[name]
    path, sound = tmp_path / "a.xml", tmp_path / "sound.xml"
    path.write_bytes(make())
    sound.write_bytes(BODY.encode())
    begun = time.process_time()
    for command, code in ((("validate",), 1), (("show",), 1), (("verify",), 1), (("diff", sound), 2)):
        assert run(monkeypatch, *command, path) == code, command
        said = "".join(capsys.readouterr())
        assert "Traceback" not in said
        assert "root:" not in said, "nothing was fetched"
        if command == ("validate",):
            assert verdict in said
    refused = [r for parsed in SOURCE.parse(path, received_ms=RECEIVED_MS, rows_max=10) for r in parsed.rejections]
    assert len(refused) == (name != "empty"), "a feed without a byte has nothing to say"
    assert all(rejection.reason in REASONS for rejection in refused)
    assert time.process_time() - begun < 5.0


def test_many_words_are_cut_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    info = BODY[BODY.index("<info>") : BODY.index("</info>") + len("</info>")]
    references = " ".join(f"s,i{number},2024-09-03T08:00:00-00:00" for number in range(20_000))
    many = BODY.replace(info, f"<references>{references}</references>" + f"\n{info}" * 2_000)
    path = tmp_path / "a.xml"
    path.write_text(many, encoding="utf-8")
    begun = time.process_time()
    assert run(monkeypatch, "show", path) == 0
    said = capsys.readouterr().out
    assert "+ 19,980" in said
    assert "+ 1,950" in said
    assert run(monkeypatch, "validate", "--profile", "google", path) == 1
    assert "faults more" in capsys.readouterr().out
    assert time.process_time() - begun < 10.0
    path.write_bytes(to_xml(PLAIN).replace(b"<sender>", b"<sender>" + b"x" * 300_000))
    assert run(monkeypatch, "show", path) == 0
    assert len(capsys.readouterr().out) < 50_000
