"""CAP 1.0 and 1.1: read by schemas of their own, lifted to today's value, and every lift is noted."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from pathlib import Path

import pytest
from lxml import etree

from almenara.model.cap import (
    Category,
    Certainty,
    MsgType,
    NamedValue,
    Reference,
    RefusedDocument,
    Scope,
    Version,
    from_xml,
    read,
    to_xml,
    validate,
)
from almenara.model.cap.lexical import TIME_NOT_STATED

V10 = b"""<?xml version="1.0"?>
<alert xmlns="http://www.incident.com/cap/1.0">
  <identifier>q-1</identifier>
  <sender>quakes@example.org</sender>
  <sent>2003-06-11T20:56:00.5-07:00</sent>
  <status>Actual</status>
  <msgType>Update</msgType>
  <password>s3cret</password>
  <source>s</source>
  <addresses>one "two words"</addresses>
  <code>c</code>
  <references>q-0/quakes@example.org</references>
  <info>
    <event>Earthquake</event>
    <urgency>Past</urgency>
    <severity>Minor</severity>
    <certainty>Very Likely</certainty>
    <eventCode>same=EQW</eventCode>
    <expires>2003-06-12T03:56:00Z</expires>
    <parameter>Magnitude=3.4=Ml</parameter>
    <parameter>reviewed</parameter>
    <resource>
      <resourceDesc>map</resourceDesc>
      <uri>http://example.org/map.gif</uri>
    </resource>
    <area>
      <areaDesc>Brawley</areaDesc>
      <polygon/>
      <circle>32.9525,-115.5527 0</circle>
      <geocode>fips6=006025</geocode>
      <altitude>10</altitude>
    </area>
  </info>
</alert>
"""
V11 = b"""<?xml version="1.0"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.1">
  <identifier>w-2</identifier>
  <sender>weather@example.org</sender>
  <sent>2010-08-30T23:04:00Z</sent>
  <status>Draft</status>
  <msgType>Update</msgType>
  <scope>Public</scope>
  <references>weather@example.org,w-1,2010-08-30T20:04:00.000-04:00</references>
  <info>
    <category>Met</category>
    <event>Wind</event>
    <responseType>Monitor</responseType>
    <urgency>Expected</urgency>
    <severity>Moderate</severity>
    <certainty>Likely</certainty>
    <eventCode>
      <valueName>SAME</valueName>
      <value>WIA</value>
    </eventCode>
    <resource>
      <resourceDesc>map</resourceDesc>
      <derefUri>AA==</derefUri>
    </resource>
    <area>
      <areaDesc>here</areaDesc>
      <polygon>1,1 1,2 2,2 1,1</polygon>
      <altitude>100</altitude>
      <ceiling>200</ceiling>
    </area>
  </info>
</alert>
"""
OTHERS = Path(__file__).resolve().parents[4] / "shared" / "data" / "cap" / "oasiscap" / "schema"
WORDS = ("", " ", "x", "Actual", "Draft", "Public", "Fire", "CBRNE", "Very Likely", "Observed", "AllClear", "Shelter")
MORE = ("12", "-1.5", "a b", "es", "en_US", "2024-09-03T09:00:00Z", "2024-09-03T09:00:00", "2024-09-03", "http://[")


def test_1_0_is_lifted_and_says_how() -> None:
    reading = read(V10)
    alert = reading.alert
    assert reading.version is Version.V1_0
    assert alert.sent == datetime(2003, 6, 11, 20, 56, tzinfo=timezone(timedelta(hours=-7)))
    assert alert.scope is Scope.PUBLIC
    assert alert.addresses == ("one", "two words")
    assert alert.references == (Reference("quakes@example.org", "q-0", TIME_NOT_STATED),)
    info = alert.info[0]
    assert info.category == (Category.OTHER,)
    assert info.certainty is Certainty.LIKELY
    assert info.event_code == (NamedValue("same", "EQW"),)
    assert info.parameter == (NamedValue("Magnitude", "3.4=Ml"), NamedValue("", "reviewed"))
    assert info.expires == datetime(2003, 6, 12, 3, 56, tzinfo=UTC)
    assert info.area[0].geocode == (NamedValue("fips6", "006025"),)
    assert info.area[0].polygon == ()
    assert info.area[0].altitude == 10.0
    assert info.resource[0].mime_type == "application/octet-stream"
    for word in ("password", "scope", "category", "Very Likely", "mimeType", "polygon", "without a name"):
        assert any(word in note for note in reading.notes), word
    assert "s3cret" not in repr(reading)
    assert validate(V10, ["plain"]) == []


def test_1_1_is_lifted_and_says_how() -> None:
    reading = read(V11)
    assert reading.version is Version.V1_1
    assert reading.alert.msg_type is MsgType.UPDATE
    assert reading.alert.references[0].sent.utcoffset() == timedelta(hours=-4)
    assert reading.alert.info[0].area[0].ceiling == 200.0
    assert reading.notes == ("mimeType, which CAP 1.1 may leave out, was read as application/octet-stream",)
    assert validate(V11, ["plain"]) == []


@pytest.mark.parametrize("document", [V10, V11])
def test_what_was_lifted_is_written_as_1_2(document: bytes) -> None:
    alert = from_xml(document)
    written = to_xml(alert)
    assert read(written).version is Version.V1_2
    assert from_xml(written) == alert


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"2010-08-30T23:04:00Z", b"2010-08-30T23:04:00", "time-without-zone"),
        (b"<altitude>100<", b"<altitude>high<", "altitude-form"),
        (b"weather@example.org,w-1,2010-08-30T20:04:00.000-04:00", b"w-1", "references-form"),
        (b"2,2 1,1<", b"2,2<", "polygon-too-short"),
    ],
)
def test_what_cannot_be_lifted_is_refused_by_name(old: bytes, new: bytes, reason: str) -> None:
    assert V11.count(old) == 1
    broken = V11.replace(old, new)
    with pytest.raises(RefusedDocument) as refused:
        read(broken)
    assert refused.value.faults[0].reason == reason
    assert reason in {fault.reason for fault in validate(broken, ["plain"])}


def test_words_of_a_later_version_are_not_of_an_earlier_one() -> None:
    for old, new in ((b"Monitor", b"AllClear"), (b"Monitor", b"Avoid")):
        assert [fault.reason for fault in validate(V11.replace(old, new))] == ["schema:value"]
    assert validate(V10.replace(b"Actual", b"Draft"))
    assert validate(V10.replace(b"Very Likely", b"Observed"))
    assert validate(V11.replace(b"Likely", b"Very Likely"))


@pytest.mark.real_data
@pytest.mark.skipif(not OTHERS.is_dir(), reason="the schemas of others are not here")
@pytest.mark.parametrize(("document", "name"), [(V10, "cap10.xsd"), (V11, "cap11.xsd")])
def test_the_schemas_agree_with_independent_ones(document: bytes, name: str) -> None:
    """For every text of every element, and for every element left out, doubled or moved."""
    schema = etree.XMLSchema(etree.parse(OTHERS / name))
    verdicts = set()

    def agreed(root: etree._Element) -> None:
        data = etree.tostring(root)
        passed = validate(data) == []
        assert passed == schema.validate(etree.fromstring(data)), data.decode()
        verdicts.add(passed)

    count = len(list(etree.fromstring(document).iter()))
    for number, word in product(range(1, count), WORDS + MORE):
        element = list((root := etree.fromstring(document)).iter())[number]
        if not len(element):
            element.text = word
            agreed(root)
    for number in range(1, count):
        for damage in ("drop", "double", "last", "attribute"):
            root = etree.fromstring(document, etree.XMLParser(remove_blank_text=True))
            element = list(root.iter())[number]
            parent = element.getparent()
            assert parent is not None
            if damage == "drop":
                parent.remove(element)
            elif damage == "double":
                parent.insert(parent.index(element), etree.fromstring(etree.tostring(element)))
            elif damage == "last":
                parent.append(element)
            else:
                element.set("lang", "es")
            agreed(root)
    assert verdicts == {True, False}
