"""Others' warnings in `watch`: what a feed links to is fetched, once, from its own host; signatures where demanded."""

import hashlib
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.model.cap.authority import make
from tests.service.audit import events_of
from tests.service.server import Feed, serving
from tests.sources.samples import RECEIVED_MS, cap

from almenara.config import Config, FeedConfig, load_config
from almenara.model.cap.signature import sign
from almenara.model.errors import UsageError
from almenara.model.events import RowsRejected, SourcePolled
from almenara.service.session import Session
from almenara.service.watch import NAP_S, watch
from almenara.stores.memory import MemoryLog

START_MS = RECEIVED_MS - 10 * 3_600_000  # the messages are sent before, and expire after


class Site(Feed):
    """A feed of links and the messages behind them, by path; what is not there is 404."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        self.content = self.pages.get(request.path, b"")
        if request.path in self.pages:
            super().answer(request)
        else:
            request.send_error(404)

    def link(self, *hrefs: str) -> None:
        entries = "".join(
            f"<entry><id>{hashlib.sha256(href.encode()).hexdigest()}</id><title>t</title>"
            f'<link type="application/cap+xml" href="{href}"/></entry>'
            for href in hrefs
        )
        head = '<feed xmlns="http://www.w3.org/2005/Atom"><id>x</id><title>t</title>'
        self.pages["/firms/current.csv"] = f"{head}{entries}</feed>".encode()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def poll(log: MemoryLog, site: Site, folder: Path, rounds: int = 1, **feed: object) -> Session:
    """So many polls, an hour apart."""
    (folder / "places.csv").write_text("name,lon,lat\nVilcabamba,-79.2,-4.2\n", encoding="utf-8")
    one = FeedConfig(name="met", source="cap_feed", location=site.url, every_s=3600, links=True, **feed)  # type: ignore[arg-type]
    now = [START_MS]

    def nap(seconds: float) -> None:
        if seconds == NAP_S:
            now[0] += 3_600_000

    return watch(
        log,
        Config(places="places.csv", status="Actual", feed=(one,)),
        folder,
        once=False,
        stopped=lambda: now[0] >= START_MS + 3_600_000 * rounds,
        nap=nap,
        tell=lambda name, events: None,
        clock=lambda: now[0],
    )


def test_links_are_fetched_once_and_only_from_the_feeds_own_host(tmp_path: Path) -> None:
    site, log = Site(), MemoryLog()
    with serving(site):
        site.link("w-1.xml", "/deep/w-2.xml", "http://localhost:1/w-3.xml", "file:///etc/hostname", "gone.xml")
        site.pages |= {"/firms/w-1.xml": cap("w-1").encode(), "/deep/w-2.xml": cap("w-2").encode()}
        session = poll(log, site, tmp_path, rounds=3)
    assert {path: site.asked.count(path) for path in ("/firms/w-1.xml", "/deep/w-2.xml", "/firms/gone.xml")} == {
        "/firms/w-1.xml": 1,
        "/deep/w-2.xml": 1,
        "/firms/gone.xml": 3,
    }
    assert sum(view.state == "active" for view in session.state.hazards["warning"].views()) == 2
    assert len(session.state.exposure.exposures) == 2
    failed = [event for event in events_of(log, SourcePolled) if event.outcome == "failed"]  # type: ignore[attr-defined]
    assert len(failed) == 3
    assert "gone.xml: the server answered 404" in failed[0].detail  # type: ignore[attr-defined]


def test_where_trust_is_configured_unsigned_messages_are_quarantined(tmp_path: Path) -> None:
    site, log = Site(), MemoryLog()
    house = make("Weather service", first=datetime(2026, 1, 1, tzinfo=UTC), last=datetime(2027, 1, 1, tzinfo=UTC))
    (tmp_path / "certs.pem").write_bytes(house.pem)
    with serving(site):
        site.link("w-1.xml", "w-2.xml")
        signed = sign(cap("w-2").encode(), house.key, [house.certificate])
        site.pages |= {"/firms/w-1.xml": cap("w-1").encode(), "/firms/w-2.xml": signed}
        session = poll(log, site, tmp_path, trust="certs.pem")
    reasons = [event.reasons for event in events_of(log, RowsRejected)]  # type: ignore[attr-defined]
    assert reasons == [{"signature-missing": 1}]
    (view,) = session.state.hazards["warning"].views()
    assert (view.extra["messages"], view.extra["signed_by"]) == (["tiempo@example.org,w-2"], "CN=Weather service")


def test_a_trust_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"trust nowhere\.pem cannot be read"):
        poll(MemoryLog(), Site(), tmp_path, trust="nowhere.pem")


@pytest.mark.parametrize(
    ("source", "location", "more", "words"),
    [
        ("firms", "https://example.org/a", "links = true", "are for feeds of source cap_feed"),
        ("inpe", "a", 'trust = "a.pem"', "are for feeds of source cap_feed"),
        ("cap_feed", "folder", "links = true", "only where its location is an address"),
    ],
)
def test_settings_that_make_no_sense(source: str, location: str, more: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f'[[feed]]\nname = "a"\nsource = "{source}"\nlocation = "{location}"\n{more}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        load_config(path)
