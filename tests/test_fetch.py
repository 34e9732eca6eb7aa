"""Fetching: whole or not at all, never for ever, and without a word about keys."""

import gzip
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from almenara import fetch as module
from almenara.fetch import Fetched, Validators, fetch, new_client, redact

KEY = "0123456789abcdef0123456789ABCDEF"
URL = f"https://me:pw@firms.example/api/area/csv/{KEY}/VIIRS_SNPP_NRT/world/1?token=s3cret&day=2"
SECRETS = (KEY, "me:pw", "pw@", "s3cret")
CONTENT = b"latitude,longitude\n1,2\n"

Handler = Callable[[httpx.Request], httpx.Response]


class Outcome:
    """What one fetch did: its answer, the requests it made, and how long it would have slept."""

    def __init__(self, folder: Path, handler: Handler, url: str = URL, previous: Validators | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self.clock = 0.0

        def note(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return handler(request)

        with httpx.Client(transport=httpx.MockTransport(note)) as client:
            self.fetched: Fetched = fetch(
                url,
                folder,
                previous=previous,
                client=client,
                sleep=self.slept.append,
                monotonic=self.tick,
                bytes_max=10_000,
            )
        left = [path for path in folder.iterdir() if path.name.startswith(".fetch-")] if folder.exists() else []
        assert left == [], "nothing unfinished stays"
        said = f"{self.fetched.origin} {self.fetched.detail} {self.fetched.path}"
        assert not [secret for secret in SECRETS if secret in said]

    def tick(self) -> float:
        self.clock += 1.0
        return self.clock


def always(status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> Handler:
    return lambda _: httpx.Response(status, content=content, headers=headers)


def test_a_content(tmp_path: Path) -> None:
    headers = {"ETag": '"7"', "Last-Modified": "Thu, 06 Aug 2026 10:00:00 GMT"}
    outcome = Outcome(tmp_path / "in", always(200, CONTENT, headers))
    fetched = outcome.fetched
    assert (fetched.outcome, fetched.detail) == ("data", "")
    assert fetched.path is not None
    assert fetched.path.read_bytes() == CONTENT
    assert fetched.origin == "https://firms.example/api/area/csv/…/VIIRS_SNPP_NRT/world/1?token=…&day=2"
    assert fetched.validators == Validators('"7"', "Thu, 06 Aug 2026 10:00:00 GMT")
    assert KEY in str(outcome.requests[0].url), "the server gets what it needs"


def test_what_was_sent_before_is_not_sent_again(tmp_path: Path) -> None:
    known = Validators('"7"', "Thu, 06 Aug 2026 10:00:00 GMT")
    outcome = Outcome(tmp_path, always(304), previous=known)
    assert outcome.fetched == Fetched(None, "unchanged", redact(URL), known)
    assert outcome.requests[0].headers["If-None-Match"] == '"7"'
    assert outcome.requests[0].headers["If-Modified-Since"] == "Thu, 06 Aug 2026 10:00:00 GMT"


def test_tries_again_with_patience_that_ends(tmp_path: Path) -> None:
    outcome = Outcome(tmp_path, always(503))
    assert outcome.fetched.outcome == "failed"
    assert outcome.fetched.detail == "the server answered 503 Service Unavailable"
    assert len(outcome.requests) == module.ATTEMPTS_MAX
    assert outcome.slept == [2.0, 4.0, 8.0]


def test_succeeds_in_the_end(tmp_path: Path) -> None:
    answers = iter([httpx.Response(500), httpx.Response(429), httpx.Response(200, content=CONTENT)])
    outcome = Outcome(tmp_path, lambda _: next(answers))
    assert outcome.fetched.outcome == "data"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_what_will_not_change_is_asked_once(status: int, tmp_path: Path) -> None:
    outcome = Outcome(tmp_path, always(status), previous=Validators('"7"'))
    assert (len(outcome.requests), outcome.fetched.outcome) == (1, "failed")
    assert outcome.fetched.validators == Validators('"7"'), "the next poll can still ask for changes"


def test_the_server_says_when(tmp_path: Path) -> None:
    assert Outcome(tmp_path, always(429, headers={"Retry-After": "17"})).slept == [17.0] * 3
    now, then = (datetime(2026, 8, 6, 10, 0, second, tzinfo=UTC) for second in (0, 9))
    at = {"Date": format_datetime(now, usegmt=True), "Retry-After": format_datetime(then, usegmt=True)}
    assert Outcome(tmp_path, always(503, headers=at)).slept == [9.0] * 3
    assert Outcome(tmp_path, always(503, headers={"Retry-After": "soon"})).slept == [2.0, 4.0, 8.0]
    far = Outcome(tmp_path, always(503, headers={"Retry-After": "86400"}))
    assert (far.slept, far.fetched.outcome) == ([], "failed"), "that is for the next poll, not for this one"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ConnectTimeout("slow"), "the server did not answer in time"),
        (httpx.ConnectError(f"no route to {URL}"), "the server cannot be reached"),
        (httpx.RemoteProtocolError("closed"), "the connection broke"),
    ],
)
def test_a_broken_line(error: httpx.TransportError, said: str, tmp_path: Path) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise error

    outcome = Outcome(tmp_path, handler)
    assert outcome.fetched.detail.startswith(said)
    assert len(outcome.requests) == module.ATTEMPTS_MAX


def test_a_content_that_is_too_large_is_broken_off(tmp_path: Path) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        for i in range(1000):
            sent.append(i)
            yield bytes(1000)

    outcome = Outcome(tmp_path, lambda _: httpx.Response(200, content=endless()))
    assert outcome.fetched.outcome == "failed"
    assert "larger than" in outcome.fetched.detail
    assert len(sent) < 20
    assert len(outcome.requests) == 1
    packed = always(200, gzip.compress(bytes(5_000_000)), {"Content-Encoding": "gzip"})
    assert "larger than" in Outcome(tmp_path, packed).fetched.detail


def test_a_content_that_drips_is_broken_off(tmp_path: Path) -> None:
    outcome = Outcome(tmp_path, lambda _: httpx.Response(200, content=(b"x" for _ in range(5000))))
    assert outcome.fetched.outcome == "failed"
    assert "did not come within" in outcome.fetched.detail


def test_a_damaged_encoding(tmp_path: Path) -> None:
    outcome = Outcome(tmp_path, always(200, b"no gzip", {"Content-Encoding": "gzip"}))
    assert outcome.fetched.detail.startswith("the content is damaged")


def test_redirects(tmp_path: Path) -> None:
    def once(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/there":
            return httpx.Response(200, content=CONTENT)
        return httpx.Response(302, headers={"Location": "/there"})

    outcome = Outcome(tmp_path, once)
    assert outcome.fetched.outcome == "data"
    assert outcome.fetched.origin == redact(URL), "the address that was configured"
    assert [request.url.host for request in outcome.requests] == ["firms.example"] * 2

    for location, said in (
        (URL, "more than 5 redirects"),
        ("http://firms.example/plain", "without encryption"),
        ("file:///etc/passwd", "only http:// and https://"),
        ("ftp://x/y", "only http:// and https://"),
        ("http://[broken", "cannot be used"),
    ):
        outcome = Outcome(tmp_path, always(302, headers={"Location": location}))
        assert said in outcome.fetched.detail
        assert len(outcome.requests) <= module.REDIRECTS_MAX + 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "host/x", "http://", "http://[x", ""])
def test_addresses_that_are_not_fetched(url: str, tmp_path: Path) -> None:
    outcome = Outcome(tmp_path, always(200), url=url)
    assert (outcome.fetched.outcome, outcome.requests) == ("failed", [])


def test_redact() -> None:
    assert redact(f"https://host:8443/a/{KEY}/b.csv#frag") == "https://host:8443/a/…/b.csv"
    assert redact("https://host/x?api_key=1&MAP_KEY=2&Signature=3&area=world") == (
        "https://host/x?api_key=…&MAP_KEY=…&Signature=…&area=world"
    )
    assert redact(f"https://host/x?q={KEY}") == "https://host/x?q=…"
    assert redact("https://host/focos/2026-08-06.csv") == "https://host/focos/2026-08-06.csv"
    assert redact("https://user@[::1]:80/x") == "https://[::1]:80/x"
    assert redact("http://[broken") == "…"


class _Feed(BaseHTTPRequestHandler):
    """A feed on this machine: one content with an ETag, a broken one, and one behind a redirect."""

    def do_GET(self) -> None:
        if self.path.startswith("/moved"):
            self.send_response(301)
            self.send_header("Location", "/feed.csv")
            self.end_headers()
        elif self.path.startswith("/short"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(CONTENT)
        elif self.headers.get("If-None-Match") == '"1"':
            self.send_response(304)
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Silence."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Feed) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_over_a_real_connection(server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with new_client("almenara-test") as client:
        first = fetch(f"{server}/moved/{KEY}/feed.csv", tmp_path, previous=None, client=client)
        assert first.path is not None
        assert first.path.name.endswith("-feed.csv")
        assert first.path.read_bytes() == CONTENT
        again = fetch(f"{server}/feed.csv", tmp_path, previous=first.validators, client=client)
        assert (again.outcome, again.path) == ("unchanged", None)
        slept: list[float] = []
        short = fetch(f"{server}/short", tmp_path, previous=None, client=client, sleep=slept.append)
        assert (short.outcome, len(slept)) == ("failed", module.ATTEMPTS_MAX - 1)
        assert [path.name for path in tmp_path.iterdir()] == [first.path.name]
    assert KEY not in caplog.text
