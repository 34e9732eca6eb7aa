"""Others' warnings in `watch`: what a feed links to is fetched, once, from its own host; signatures where demanded."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.model.cap.authority import make
from tests.service.audit import events_of
from tests.service.server import Feed, serving
from tests.sources.samples import RECEIVED_MS, cap

from almenara.config import Config, FeedConfig, load_config
from almenara.fetch import Fetched, Validators
from almenara.model.cap.signature import sign
from almenara.model.errors import UsageError
from almenara.model.events import RowsRejected, SourcePolled
from almenara.service.linked import ASKED_AGAIN_MAX, Links
from almenara.service.replay import ReplayOptions, replay
from almenara.service.session import Session
from almenara.service.watch import NAP_S, watch
from almenara.stores.memory import MemoryLog

START_MS = RECEIVED_MS - 10 * 3_600_000  # the messages are sent before, and expire after


ONCE = [200, 304, 304]


class Site(Feed):
    """A feed of links and the messages behind them, by path; what is not there is 404."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.sent: dict[str, list[int]] = {}  # statuses by path
        self.leads_to = ""  # every message is said to be there
        self.etags = True

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        self.content = self.pages.get(request.path, b"")
        if self.leads_to and request.path.endswith(".xml"):
            request.send_response(302)
            request.send_header("Location", self.leads_to)
            request.end_headers()
        elif request.path in self.pages and not self.etags:
            request.send_response(200)
            request.send_header("Content-Length", str(len(self.content)))
            request.end_headers()
            request.wfile.write(self.content)
        elif request.path in self.pages:
            super().answer(request)
            self.sent.setdefault(request.path, []).append(self.answers[-1])
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


def poll(
    log: MemoryLog,
    site: Site,
    folder: Path,
    rounds: int = 1,
    between: Callable[[int], None] = lambda hour: None,
    **feed: object,
) -> Session:
    """So many polls, an hour apart."""
    (folder / "places.csv").write_text("name,lon,lat\nVilcabamba,-79.2,-4.2\n", encoding="utf-8")
    one = FeedConfig(name="met", source="cap_feed", location=site.url, every_s=3600, links=True, **feed)  # type: ignore[arg-type]
    now = [START_MS]

    def nap(seconds: float) -> None:
        if seconds == NAP_S:
            now[0] += 3_600_000
            between((now[0] - START_MS) // 3_600_000)

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
    assert site.sent == {"/firms/current.csv": [200, 304, 304], "/firms/w-1.xml": ONCE, "/deep/w-2.xml": ONCE}
    assert site.asked.count("/firms/gone.xml") == 3
    assert sum(view.state == "active" for view in session.state.hazards["warning"].views()) == 2
    assert len(session.state.exposure.exposures) == 2
    failed = [event for event in events_of(log, SourcePolled) if event.outcome == "failed"]  # type: ignore[attr-defined]
    assert len(failed) == 3
    assert "gone.xml: the server answered 404" in failed[0].detail  # type: ignore[attr-defined]


def test_a_message_that_changed_behind_its_address_is_read_again(tmp_path: Path) -> None:
    site, log = Site(), MemoryLog()
    with serving(site):
        site.link("latest.xml")
        site.pages["/firms/latest.xml"] = cap("w-1").encode()

        def nap(hour: int) -> None:
            if hour == 1:
                site.pages["/firms/latest.xml"] = cap("w-2").encode()

        session = poll(log, site, tmp_path, rounds=4, between=nap)
    assert site.sent["/firms/latest.xml"] == [200, 200, 304, 304]
    told = [name for view in session.state.hazards["warning"].views() for name in view.extra["messages"]]
    assert sorted(told) == ["tiempo@example.org,w-1", "tiempo@example.org,w-2"]


def test_what_has_no_etag_is_fetched_once(tmp_path: Path) -> None:
    site = Site()
    site.etags = False
    with serving(site):
        site.link("w-1.xml")
        site.pages["/firms/w-1.xml"] = cap("w-1").encode()
        poll(MemoryLog(), site, tmp_path, rounds=3)
    assert site.asked.count("/firms/w-1.xml") == 1


def test_those_are_asked_again_first_that_were_asked_least_lately() -> None:
    links = Links(wanted=[], done={f"u{n}": Validators(etag=str(n)) for n in range(ASKED_AGAIN_MAX + 10)})
    asked: list[str] = []

    def ask(url: str, known: Validators | None) -> Fetched:
        assert known == Validators(etag=url[1:])
        asked.append(url)
        failed = url == "u3"
        return Fetched(None, "failed" if failed else "unchanged", url, known, "the server is down" if failed else "")

    assert links.fetch(ask, lambda path: None) == "0 linked warnings are not fetched yet; u3: the server is down"
    links.fetch(ask, lambda path: None)
    assert asked[: ASKED_AGAIN_MAX + 10] == [f"u{n}" for n in range(ASKED_AGAIN_MAX + 10)]


@pytest.mark.parametrize(
    ("leads_to", "hosts", "follows"),
    [
        ("http://localhost:{port}/firms/there.cap", (), False),
        ("http://localhost:{port}/firms/there.cap", ("localhost",), True),
        ("/firms/there.cap", (), True),
        ("http://127.0.0.1:1/there.cap", (), False),
        ("file:///etc/hostname", ("localhost",), False),
    ],
)
def test_a_redirect_leads_only_where_links_may(
    leads_to: str, hosts: tuple[str, ...], follows: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    site, log = Site(), MemoryLog()
    with serving(site):
        site.link("w-1.xml")
        site.leads_to = leads_to.format(port=urlsplit(site.url).port)
        site.pages["/firms/there.cap"] = cap("w-1").encode()
        session = poll(log, site, tmp_path, hosts=hosts)
    assert len(list(session.state.hazards["warning"].views())) == follows
    assert ("/firms/there.cap" in site.asked) == follows
    failed = [event.detail for event in events_of(log, SourcePolled) if event.outcome == "failed"]  # type: ignore[attr-defined]
    assert len(failed) == (not follows)
    if leads_to.startswith("http") and not follows:
        assert "redirect-to-another-host: the server redirects to" in failed[0]


def test_replay_demands_signatures_as_watch_does(tmp_path: Path) -> None:
    house = make("Weather service", first=datetime(2026, 1, 1, tzinfo=UTC), last=datetime(2999, 1, 1, tzinfo=UTC))
    (tmp_path / "certs.pem").write_bytes(house.pem)
    (tmp_path / "places.csv").write_text("name,lon,lat\nVilcabamba,-79.2,-4.2\n", encoding="utf-8")
    (tmp_path / "a.xml").write_bytes(cap("w-1").encode())
    (tmp_path / "b.xml").write_bytes(sign(cap("w-2").encode(), house.key, [house.certificate]))
    options = ReplayOptions(
        paths=[tmp_path / "a.xml", tmp_path / "b.xml"],
        places=str(tmp_path / "places.csv"),
        status="Actual",
        trust=tmp_path / "certs.pem",
    )
    log = MemoryLog()
    replay(log, options, progress=lambda words, done, total: None)
    assert [event.reasons for event in events_of(log, RowsRejected)] == [{"signature-missing": 1}]  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="trust differ"):
        replay(log, replace(options, trust=None), progress=lambda words, done, total: None)
    with pytest.raises(UsageError, match=r"--trust nowhere\.pem cannot be read"):
        replay(MemoryLog(), replace(options, trust=Path("nowhere.pem")), progress=lambda words, done, total: None)


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
