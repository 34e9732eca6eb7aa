"""The public page: what is in force and nothing else, small, readable without scripts, honest about silence."""

import asyncio
import gzip
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import html

from almenara.model.cap import from_xml
from almenara.model.commands import ApproveWarning, CancelWarning
from almenara.service.office import Office
from almenara.web.public_words import LANGUAGES, TEXTS, Language
from tests.web.offices import burning, client_of, happen, office_of, polled


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def drafts(tmp_path: Path) -> Iterator[Office]:
    """An office where every warning waits for one person's yes, with a feed and a fire at a town."""
    feed = {"name": "f", "plugin": "feed", "status": "Exercise"}
    options = {"path": "feed", "url": "https://a.example/", "title": "T", "author": "A"}
    config = {"approval": {"default": "one"}, "channel": [feed | {"options": options}]}
    with office_of(tmp_path, config=config) as office:
        happen(office, burning("town-1", now_ms()), at_ms=now_ms())
        yield office


def draft_of(office: Office) -> str:
    (found,) = office.put(lambda s: [d.identifier for _, d in s.state.warnings.drafts()]).result(9)
    return found


def order(office: Office, command: ApproveWarning | CancelWarning) -> None:
    asyncio.run(office.order(command, "Ana Ruiz"))


def parsed(answer: httpx.Response) -> Any:
    """The page's elements."""
    return html.fromstring(answer.content)


def text_of(answer: httpx.Response) -> str:
    return " ".join(parsed(answer).text_content().split())


def test_nothing_of_a_draft_appears(drafts: Office) -> None:
    name = draft_of(drafts)
    with client_of(drafts) as client:
        page = client.get("/").raise_for_status()
        assert name not in page.text
        assert "Vilcabamba" not in page.text
        assert "No hay ningún aviso vigente" in page.text
        for address in (f"/warnings/{name}", f"/warnings/{name}/cap.xml"):
            answer = client.get(address)
            assert answer.status_code == 404
            assert "Vilcabamba" not in answer.text


def test_from_sent_to_cancelled(drafts: Office) -> None:
    name = draft_of(drafts)
    order(drafts, ApproveWarning(identifier=name))
    with client_of(drafts) as client:
        page = client.get("/?lang=en").raise_for_status()
        alert = from_xml(client.get(f"/warnings/{name}/cap.xml").raise_for_status().content)
        info = next(i for i in alert.info if (i.language or "").startswith("en"))
        told = text_of(page)
        for text in (info.headline, info.area[0].area_desc):
            assert text is not None
            assert " ".join(text.split()) in told
        assert info.instruction is not None
        assert all(line.strip() in told for line in info.instruction.splitlines()[:2])
        tree = parsed(page)
        assert tree.xpath("count(//svg//path[contains(@class, 'area')])") == 1
        assert told.startswith("EXERCISE") or "EXERCISE." in told[:80]
        assert tree.findtext(".//title", "").startswith("EXERCISE")
        full = client.get(f"/warnings/{name}?lang=en").raise_for_status()
        assert all(part.strip() in text_of(full) for part in (info.description or "").splitlines())
        assert "no longer" not in text_of(full)
        order(drafts, CancelWarning(thread=name, reason="false alarm"))
        after = client.get("/?lang=en").raise_for_status()
        assert "No warning is in force" in after.text
        assert name not in after.text
        old = client.get(f"/warnings/{name}?lang=en").raise_for_status()
        assert "This warning was cancelled" in old.text
        end = client.get(str(parsed(old).xpath("//p[@class='over']/a/@href")[0])).raise_for_status()
        assert "This message ended a warning" in end.text or "Este mensaje puso fin" in end.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_silence_is_not_safety(tmp_path: Path, language: Language) -> None:
    at = LANGUAGES.index(language)
    with office_of(tmp_path) as office, client_of(office) as client:
        assert TEXTS["none-unfed"][at] in text_of(client.get(f"/?lang={language}"))
        happen(office, polled("viirs", "data", now_ms()), at_ms=now_ms())
        assert TEXTS["none-heard"][at] in text_of(client.get(f"/?lang={language}"))
        happen(office, polled("modis", "failed", now_ms()), at_ms=now_ms())
        told = text_of(client.get(f"/?lang={language}"))
        assert TEXTS["none-unheard"][at].format(n=1, all=2) in told
        assert "modis" in told


def test_every_text_is_in_both_languages() -> None:
    for es, en in TEXTS.values():
        assert es
        assert en
        assert re.findall(r"\{\w+\}", es) == re.findall(r"\{\w+\}", en)


def test_the_browser_chooses_the_language(drafts: Office) -> None:
    with client_of(drafts) as client:
        for accepted, language in (("en-GB,en;q=0.9", "en"), ("es-EC", "es"), ("fr", "es"), ("en;q=x", "es")):
            page = client.get("/", headers={"Accept-Language": accepted})
            assert parsed(page).get("lang") == language
            assert page.headers["content-language"] == language
            assert "Accept-Language" in page.headers["vary"]
        assert parsed(client.get("/?lang=en")).get("lang") == "en"


def test_small_cached_and_without_inline_code(drafts: Office) -> None:
    order(drafts, ApproveWarning(identifier=draft_of(drafts)))
    with client_of(drafts) as client:
        page = client.get("/", headers={"Accept-Encoding": "gzip"})
        assert page.headers["content-encoding"] == "gzip"
        tree = parsed(page)
        style = client.get(str(tree.xpath("//link[@rel='stylesheet']/@href")[0]))
        assert "immutable" in style.headers["cache-control"]
        assert len(gzip.compress(page.content)) + len(gzip.compress(style.content)) < 30_000
        again = client.get("/", headers={"If-None-Match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"") or again.headers["etag"] != page.headers["etag"]
        assert "max-age=20" in page.headers["cache-control"]
        assert not tree.xpath("//style | //script[not(@src)] | //@style | //@onclick")
        assert not [ref for ref in tree.xpath("//@href | //@src") if "//" in ref]  # nothing from elsewhere
        assert tree.xpath("//link[@type='application/atom+xml']/@href") == ["/feeds/atom.xml"]
        assert tree.xpath("//link[@type='application/rss+xml']/@href") == ["/feeds/rss.xml"]
        assert page.headers["content-security-policy"]


def test_the_feed_and_its_files(drafts: Office) -> None:
    name = draft_of(drafts)
    order(drafts, ApproveWarning(identifier=name))
    with client_of(drafts) as client:
        deadline = time.monotonic() + 20
        while client.get("/feeds/atom.xml").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        atom = client.get("/feeds/atom.xml")
        assert atom.headers["content-type"].startswith("application/atom+xml")
        assert name in atom.text
        alert = client.get(f"/feeds/alerts/{name}.xml")
        assert alert.headers["content-type"].startswith("application/cap+xml")
        assert alert.content == client.get(f"/warnings/{name}/cap.xml").content
        assert client.get("/feeds/atom.xml", headers={"If-None-Match": atom.headers["etag"]}).status_code == 304
        for path in ("/feeds/", "/feeds/alerts/", "/feeds/.htaccess", "/feeds/alerts/..%2f..%2fstate%2flog.sqlite"):
            assert client.get(path).status_code == 404


def test_what_comes_from_outside_is_escaped(tmp_path: Path) -> None:
    with office_of(tmp_path, config={"sender_name": "<script>alert(1)</script>"}) as office:
        happen(office, polled("<img src=x>", "failed", now_ms()), at_ms=now_ms())
        with client_of(office) as client:
            text = client.get("/").text
            assert "<script>alert" not in text
            assert "<img" not in text
            assert client.get("/warnings/%3Cscript%3E").status_code == 404
            assert "<script>" not in client.get("/warnings/%3Cscript%3E").text
