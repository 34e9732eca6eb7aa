"""The feed as readers that are not ours take it: feedparser, the grammar of RFC 4287, and a plain web server."""

import asyncio
import http.server
import threading
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import feedparser
import pytest
from lxml import etree

from almenara.channels import open_channel
from almenara.model.cap import from_xml
from almenara.model.errors import ChannelRefused, UsageError
from almenara.ports import Actual, Exercise, Outgoing
from tests.channels.messages import outgoing

URL = "https://avisos.agencia.example/"
OPTIONS = {"path": "www", "url": URL, "title": "Avisos de protección civil", "author": "Protección Civil"}
MESSAGES = [outgoing(Actual, f"incident-fire-a-{n}", kind) for n, kind in enumerate(("Alert", "Update", "Cancel"))]


def publish(folder: Path, *messages: Outgoing[Actual], **options: object) -> Path:
    async def whole() -> None:
        channel = open_channel("feed", "mine", {**OPTIONS, **options}, Actual, folder)
        for message in messages:
            receipt = await channel.send(message, channel.recipients()[0])
            assert receipt.receipt == f"{URL}alerts/{message.identifier}.xml"

    asyncio.run(whole())
    return folder / "www"


@pytest.mark.parametrize("name", ["atom.xml", "rss.xml", "archive"])
def test_a_feed_reader_accepts_it(tmp_path: Path, name: str) -> None:
    www = publish(tmp_path, *MESSAGES)
    path = www / name if name != "archive" else next((www / "archive").glob("*.xml"))
    read = feedparser.parse(path.read_bytes())
    assert not read.bozo, read.get("bozo_exception")
    assert read.version == ("rss20" if name == "rss.xml" else "atom10")
    assert [e.link for e in read.entries] == [f"{URL}alerts/{m.identifier}.xml" for m in reversed(MESSAGES)]
    assert all(e.id == e.link and "Vilcabamba" in e.title and e.published_parsed for e in read.entries)
    assert len({e.id for e in read.entries}) == 3


def test_it_keeps_the_grammar_of_atom(tmp_path: Path) -> None:
    www = publish(tmp_path, *MESSAGES)
    grammar = etree.RelaxNG(etree.parse(Path(__file__).with_name("atom.rng")))
    for path in (www / "atom.xml", *(www / "archive").glob("*.xml")):
        document = etree.parse(path)
        assert grammar.validate(document), grammar.error_log
        author = document.getroot().find("{http://www.w3.org/2005/Atom}author")
        assert author is not None
        document.getroot().remove(author)
        assert not grammar.validate(document), "a feed needs an author"


def test_what_is_published_is_frozen_and_kept(tmp_path: Path) -> None:
    www = publish(tmp_path, *MESSAGES)
    before = {path.name: path.read_bytes() for path in (www / "alerts").iterdir()}
    assert before == {f"{m.identifier}.xml": m.xml for m in MESSAGES}
    changed = outgoing(Actual, MESSAGES[0].identifier, note="another text")
    with pytest.raises(ChannelRefused, match="frozen"):
        publish(tmp_path, changed)
    first = (www / "atom.xml").read_bytes()
    publish(tmp_path, MESSAGES[1])  # again, as after a crash
    assert len(feedparser.parse((www / "atom.xml").read_bytes()).entries) == 3
    assert feedparser.parse(first).entries[1].id == feedparser.parse((www / "atom.xml").read_bytes()).entries[1].id
    assert {path.name: path.read_bytes() for path in (www / "alerts").iterdir()} == before


def links_of(www: Path, name: str) -> list[str]:
    return [entry.link.removeprefix(f"{URL}alerts/") for entry in feedparser.parse((www / name).read_bytes()).entries]


def test_what_runs_out_leaves_the_feeds_on_time_and_stays_in_the_archive(tmp_path: Path) -> None:
    short, long = outgoing(Actual, "short", lasts_h=1), outgoing(Actual, "long", lasts_h=2)
    www = tmp_path / "www"

    async def whole() -> None:
        channel = open_channel("feed", "mine", OPTIONS, Actual, tmp_path)
        await channel.tend(short.sent_ms)  # before there is any feed
        for message in (short, long):
            await channel.send(message, channel.recipients()[0])
        assert short.expires_ms is not None
        assert long.expires_ms is not None
        for now_ms, left in (
            (short.expires_ms - 1, ["long.xml", "short.xml"]),
            (short.expires_ms, ["long.xml"]),
            (long.expires_ms - 1, ["long.xml"]),
        ):
            await channel.tend(now_ms)
            assert links_of(www, "atom.xml") == links_of(www, "rss.xml") == left
        written = (www / "atom.xml").stat().st_mtime_ns
        await channel.tend(long.expires_ms - 1)
        assert (www / "atom.xml").stat().st_mtime_ns == written, "nothing ran out: a reader that asks again gets 304"
        # Another process, as after a night in which nothing ran.
        await open_channel("feed", "mine", OPTIONS, Actual, tmp_path).tend(long.expires_ms)
        assert links_of(www, "atom.xml") == links_of(www, "rss.xml") == []

    asyncio.run(whole())
    (month,) = (www / "archive").glob("*.xml")
    assert links_of(www, f"archive/{month.name}") == ["long.xml", "short.xml"]
    assert {path.name for path in (www / "alerts").iterdir()} == {"long.xml", "short.xml"}
    assert not feedparser.parse((www / "atom.xml").read_bytes()).bozo


def test_an_exercise_says_so_in_every_title(tmp_path: Path) -> None:
    async def whole() -> None:
        channel = open_channel("feed", "mine", OPTIONS, Exercise, tmp_path)
        await channel.send(outgoing(Exercise), channel.recipients()[0])

    asyncio.run(whole())
    read = feedparser.parse((tmp_path / "www" / "atom.xml").read_bytes())
    assert read.feed.title.startswith("EXERCISE")
    assert all("EXERCISE" in entry.title.upper() for entry in read.entries)


def test_any_web_server_serves_it_with_validators(tmp_path: Path) -> None:
    www = publish(tmp_path, *MESSAGES)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(www))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}/"
        with urllib.request.urlopen(f"{base}atom.xml", timeout=10) as answer:  # noqa: S310 - this machine
            read = feedparser.parse(answer.read())
            changed = answer.headers["Last-Modified"]
        for entry in read.entries:
            address = entry.link.replace(URL, base)
            with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310
                assert from_xml(answer.read()).identifier in address
        again = urllib.request.Request(f"{base}atom.xml", headers={"If-Modified-Since": changed})  # noqa: S310
        with pytest.raises(urllib.error.HTTPError) as told:
            urllib.request.urlopen(again, timeout=10)  # noqa: S310
        assert told.value.code == 304
        told.value.close()
        server.shutdown()
    assert "max-age=30" in (www / "_headers").read_text("utf-8")
    assert "immutable" in (www / "_headers").read_text("utf-8")
    assert "max-age=30" in (www / ".htaccess").read_text("utf-8")


@pytest.mark.parametrize(
    ("change", "why"),
    [({"url": "https://x.example"}, "slash"), ({"url": "ftp://x/"}, "address"), ({"days": 0}, "days")],
)
def test_options_that_make_no_sense(tmp_path: Path, change: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        open_channel("feed", "mine", {**OPTIONS, **change}, Actual, tmp_path)
