"""Hostile and odd documents: refused by name, quickly and in little memory, or read for what they are."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree
from tests.model.cap.messages import FULL, PLAIN

from almenara.model.cap import MESSAGE_BYTES_MAX, RefusedDocument, Version, from_xml, read, to_xml, validate
from almenara.model.cap.document import ATTRIBUTES_MAX, DEPTH_MAX, NAMESPACES, open_document
from almenara.model.cap.writing import NAMESPACE

HEAD = f'<alert xmlns="{NAMESPACE}">'
NAMES = ("sent", "status", "urgency", "circle", "ceiling")


def reason(data: bytes) -> str:
    """The one reason for which a document is refused, which is also all that `validate` says."""
    with pytest.raises(RefusedDocument) as refused:
        open_document(data)
    assert tuple(validate(data)) == refused.value.faults
    assert len(refused.value.faults) == 1
    return refused.value.faults[0].reason


def laughs(levels: int) -> bytes:
    entities = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(levels))
    return f'<!DOCTYPE alert [<!ENTITY a0 "ha">{entities}]>{HEAD}<identifier>&a{levels};</identifier></alert>'.encode()


QUADRATIC = f'<!DOCTYPE a [<!ENTITY a "{"x" * 100_000}">]>{HEAD}{"&a;" * 100_000}</alert>'.encode()
MANY_ATTRIBUTES = b"<alert %s/>" % b" ".join(b'a%d=""' % n for n in range(200_000))
MANY_NAMESPACES = b"<a %s/>" % b" ".join(b'xmlns:a%d="u"' % n for n in range(100_000))
HOSTILE = {
    "billion laughs": (laughs(9), "doctype"),
    "small laughs": (laughs(1), "doctype"),
    "quadratic blow-up": (QUADRATIC, "doctype"),
    "many attributes": (MANY_ATTRIBUTES, "too-many-attributes"),
    "many namespaces": (MANY_NAMESPACES, "not-an-alert"),
    "defaulted attributes": (b'<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>', "doctype"),
    "100,000 levels": (HEAD.encode() + b"<info>" * 100_000, "too-deep"),
    "1,000 levels": (HEAD.encode() + b"<info>" * 1000 + b"</info>" * 1000 + b"</alert>", "too-deep"),
    "just too large": (b" " * (MESSAGE_BYTES_MAX + 1), "too-large"),
    "NUL": (f"{HEAD}<identifier>a\0b</identifier></alert>".encode(), "not-xml"),
    "cut off": (to_xml(FULL)[:-20], "not-xml"),
    "empty": (b"", "empty"),
    "blank": (b" \n ", "empty"),
    "text": (b"Warning!", "not-xml"),
    "JSON": (b'{"alert": 1}', "not-xml"),
    "page": (b"<!DOCTYPE html><html><body>503</body></html>", "doctype"),
    "page without DOCTYPE": (b"<html><body>503</body></html>", "not-an-alert"),
    "no namespace": (b"<alert><identifier>a</identifier></alert>", "wrong-namespace"),
    "a later version": (b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.3"/>', "wrong-namespace"),
    "a part": (f'<info xmlns="{NAMESPACE}"/>'.encode(), "wrong-root"),
    "UTF-16 with DOCTYPE": ("<!DOCTYPE alert><alert/>".encode("utf-16"), "doctype"),
    "Latin-1 that says nothing": (to_xml(FULL).replace(b"<note>n", "<note>ñ".encode("latin-1")), "encoding"),
    "an unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><alert/>', "encoding"),
    "UTF-8 that says UTF-16": (to_xml(FULL).replace(b"UTF-8", b"utf-16"), "encoding"),
    "UTF-7": (to_xml(FULL).replace(b"UTF-8", b"utf-7"), "encoding"),
    "undeclared entity": (f"{HEAD}<note>&nbsp;</note></alert>".encode(), "not-xml"),
}


@pytest.mark.parametrize(("document", "expected"), HOSTILE.values(), ids=HOSTILE.keys())
def test_is_refused_by_name(document: bytes, expected: str) -> None:
    assert reason(document) == expected


def test_hostile_documents_take_little_memory(tmp_path: Path) -> None:
    """Measured in a process of its own: its peak beside that of one that reads a sound message only."""
    for number, (document, _) in enumerate(HOSTILE.values()):
        (tmp_path / f"{number}.xml").write_bytes(document)
    (tmp_path / "sound.xml").write_bytes(to_xml(FULL))
    program = (
        "import sys, resource; from pathlib import Path; from almenara.model.cap import validate\n"
        "for path in sorted(Path(sys.argv[1]).glob(sys.argv[2])): validate(path.read_bytes(), ['plain'])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak_mb(pattern: str) -> float:
        command = [sys.executable, "-c", program, str(tmp_path), pattern]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024  # noqa: S603

    assert peak_mb("*.xml") < peak_mb("sound.xml") + 150


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "windows-1252", "iso-8859-15"]
)
def test_usual_encodings_are_read(encoding: str) -> None:
    text = (
        to_xml(FULL).decode().replace("<note>n", "<note>Cañar – «ñ»" if "8859" not in encoding else "<note>Cañar «ñ»")
    )
    declared = {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}.get(encoding, encoding)
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    data = mark + text.replace("UTF-8", declared).encode(encoding)
    note = from_xml(data).note
    assert note is not None
    assert note.startswith("Cañar")
    assert validate(data, ["plain"]) == []


def test_nothing_outside_is_read_or_asked(tmp_path: Path) -> None:
    """External entities, parameter entities, a DTD, XInclude and a style sheet: by file and by address."""
    secret = tmp_path / "secret"
    secret.write_text("leak")
    uri = secret.as_uri()
    for declared in (
        f'[<!ENTITY c SYSTEM "{uri}">]',
        f'[<!ENTITY % x SYSTEM "{uri}">%x;]',
        f'SYSTEM "{uri}"',
        'SYSTEM "http://127.0.0.1:9/evil.dtd"',
        '[<!ENTITY c SYSTEM "http://127.0.0.1:9/">]',
    ):
        assert reason(f"<!DOCTYPE alert {declared}>{HEAD}<note>&c;</note></alert>".encode()) == "doctype"
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{uri}" parse="text"/>'
    data = to_xml(FULL).replace(b"<note>n</note>", f"<note>{include}</note>".encode())
    assert {fault.reason for fault in validate(data)} == {"schema:element"}
    styled = to_xml(FULL).replace(b"?>\n", f'?>\n<?xml-stylesheet href="{uri}"?>\n'.encode(), 1)
    assert from_xml(styled) == FULL


def test_bounds_are_where_they_say() -> None:
    root = etree.fromstring(to_xml(PLAIN))
    for number in range(ATTRIBUTES_MAX):
        root.set(f"a{number}", "")
    assert {fault.reason for fault in validate(etree.tostring(root))} == {"schema:attribute"}
    root.set("last", "")
    assert reason(etree.tostring(root)) == "too-many-attributes"
    inner = b"<a>" * (DEPTH_MAX - 2) + b"</a>" * (DEPTH_MAX - 2)
    assert "too-deep" not in {fault.reason for fault in validate(HEAD.encode() + inner + b"</alert>")}
    large = to_xml(PLAIN)
    padded = large.replace(b"</scope>", b"</scope>" + b" " * (MESSAGE_BYTES_MAX - len(large)))
    assert len(padded) == MESSAGE_BYTES_MAX
    assert from_xml(padded) == PLAIN


def test_every_fault_is_listed_with_its_line() -> None:
    lines = to_xml(FULL).decode().splitlines()
    broken = "\n".join(lines)
    for old, new in (
        ("<status>Exercise", "<status>Drill"),
        ("<urgency>Expected", "<urgency>Soon"),
        ("<sent>2024-09-03T09:00:00-00:00", "<sent>yesterday"),
        ("<circle>0.5,-78.5 1.5", "<circle>here"),
        ("<ceiling>200.0</ceiling>", "<ceiling>200.0</ceiling><floor/>"),
    ):
        assert broken.count(old) == 1
        broken = broken.replace(old, new)
    faults = validate(broken.encode(), ["plain"])
    where = {name: next(n for n, line in enumerate(lines, 1) if f"<{name}>" in line) for name in NAMES}
    assert [(fault.reason, fault.line) for fault in faults] == [
        ("schema:value", where["sent"]),
        ("time-form", where["sent"]),
        ("schema:value", where["status"]),
        ("schema:value", where["urgency"]),
        ("circle-form", where["circle"]),
        ("schema:element", where["ceiling"]),
    ]


def test_a_polygon_made_to_cost_time_is_refused_and_a_long_border_is_not() -> None:
    """Without the bound the zigzag keeps GEOS busy for a minute, and four times as many points for a quarter hour."""

    def with_polygon(points: list[tuple[float, float]]) -> bytes:
        text = " ".join(f"{lat:.5f},{lon:.5f}" for lon, lat in [*points, points[0]])
        return to_xml(FULL).replace(b"0.0,-78.0 0.0,-77.5 0.5,-77.5 0.0,-78.0", text.encode())

    count = 60_000
    zigzag = [(5 * n / count + 40 * (n % 2), 40.0 * (n % 2)) for n in range(count)]
    faults = validate(with_polygon([*zigzag, (60.0, 41.0), (60.0, -1.0), (-1.0, -1.0)]), ["plain"])
    assert [fault.reason for fault in faults] == ["polygon-too-intricate"]
    turns = [2 * math.pi * n / count for n in range(count)]
    border = [(math.cos(turn) * (20 + 0.01 * (n % 2)), math.sin(turn) * 20) for n, turn in enumerate(turns)]
    assert validate(with_polygon(border), ["plain"]) == []


def test_a_message_says_its_version() -> None:
    assert read(to_xml(FULL)).version is Version.V1_2
    assert read(to_xml(FULL)).notes == ()
    assert NAMESPACES[Version.V1_2] == NAMESPACE


def test_the_process_opens_no_file_for_a_message() -> None:
    """Reading happens in memory: the number of open files is what it was."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for document, _ in HOSTILE.values():
        validate(document)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
