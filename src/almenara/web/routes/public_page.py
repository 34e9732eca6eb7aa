"""The public page, each warning on a page of its own, and the files that both need: open to everybody."""

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from almenara.ports import EventLog
from almenara.service.log_index import LogIndex
from almenara.service.office import Office
from almenara.service.press import Published
from almenara.stages import source_health
from almenara.web import feeds, public_page
from almenara.web.problems import Problem
from almenara.web.public_page import FeedState, Picture
from almenara.web.public_words import LANGUAGES, Language, preferred
from almenara.web.records import records_of
from almenara.web.routes.push import channel_of

PREFIX = ""
router = APIRouter(tags=["public"])

#: How long a copy may be shown without asking again, seconds.
FRESH_S = 20
KEPT_PAGES = 200
CAP = "application/cap+xml"
_ASSETS = {"page.css": "text/css; charset=utf-8", "push.js": "text/javascript; charset=utf-8"}
Lang = Annotated[str | None, Query(max_length=5)]


@router.get("/", summary="What is in force now", response_class=Response)
async def home(request: Request, lang: Lang = None) -> Response:
    """The public page, in Spanish or English."""
    language = _language(request, lang)
    return await _answered(request, ("", language), language)


@router.get("/warnings/{identifier}/cap.xml", summary="A message as it was sent", response_class=Response)
async def cap(request: Request, identifier: str) -> Response:
    """Byte for byte."""
    now_ms = request.app.state.office.clock()
    found = await records_of(request).read(lambda log, index: index.press.find(log, identifier, now_ms))
    if found is None:
        raise Problem(404, "unknown", "No message of that name was sent.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(found.xml, media_type=CAP, headers=headers)


@router.get("/warnings/{identifier}", summary="A message that was sent, in full", response_class=Response)
async def warning(request: Request, identifier: str, lang: Lang = None) -> Response:
    """Whatever became of it; what was never sent is not here."""
    language = _language(request, lang)
    return await _answered(request, (identifier, language), language)


@router.get("/public/{file}", summary="A file of the public page", response_class=Response)
async def asset(file: str) -> Response:
    """Its address changes with its content."""
    if file not in _ASSETS:
        raise Problem(404, "unknown", "There is no such file.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(public_page.asset(file)[0], media_type=_ASSETS[file], headers=headers)


@router.get("/push-worker.js", summary="What shows a pushed warning", response_class=Response)
async def worker() -> Response:
    """It lies at the root so that it may open any page."""
    headers = {"Cache-Control": "no-cache"}
    return Response(public_page.asset("push-worker.js")[0], media_type=_ASSETS["push.js"], headers=headers)


class _Pages:
    """Pages as they were last made: a crowd of readers costs one making for each minute and change."""

    def __init__(self) -> None:
        self.made: OrderedDict[tuple[str, str], tuple[tuple[int, int], int, bytes, bytes]] = OrderedDict()

    def put(self, key: tuple[str, str], as_of: tuple[int, int], status: int, html: bytes) -> None:
        """Keep a page, the plain and the packed form."""
        self.made[key] = as_of, status, html, gzip.compress(html, 6, mtime=0)
        self.made.move_to_end(key)
        while len(self.made) > KEPT_PAGES:
            self.made.popitem(last=False)


async def _answered(request: Request, key: tuple[str, Language], language: Language) -> Response:
    office: Office = request.app.state.office
    if not hasattr(request.app.state, "public_pages"):
        request.app.state.public_pages = _Pages()
    pages: _Pages = request.app.state.public_pages
    as_of = (office.board.seq, office.clock() // 60_000)
    if key not in pages.made or pages.made[key][0] != as_of:
        status, html = await _made(request, key[0], language)
        pages.put(key, as_of, status, html)
    _, status, html, packed = pages.made[key]
    headers = {
        "Cache-Control": f"public, max-age={FRESH_S}",
        "ETag": f'W/"{hashlib.sha256(html).hexdigest()[:24]}"',
        "Vary": "Accept-Language, Accept-Encoding",
        "Content-Language": language,
    }
    if status == 200 and headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, status, {**headers, "Content-Encoding": "gzip"}, "text/html; charset=utf-8")
    return Response(html, status, headers, "text/html; charset=utf-8")


async def _made(request: Request, identifier: str, language: Language) -> tuple[int, bytes]:
    office: Office = request.app.state.office
    now_ms = office.clock()

    def read(log: EventLog, index: LogIndex) -> tuple[list[Published], Published | None]:
        if identifier:
            return [], index.press.find(log, identifier, now_ms)
        return index.press.in_force(log, now_ms), None

    warnings, message = await records_of(request).read(read)
    health = await office.ask(lambda session: list(session.state.health.feeds.values()))
    picture = Picture(
        status=office.status,
        now_ms=now_ms,
        zone=ZoneInfo(office.mode()["timezone"] or "UTC"),
        sender=office.config.sender_name or "",
        warnings=warnings,
        feeds=[_state_of(feed) for feed in health],
        feed_files=feeds.folder_of(office) is not None,
        push=channel_of(office) is not None,
    )
    if not identifier:
        return 200, await asyncio.to_thread(public_page.page, picture, language)
    if message is None:
        return 404, public_page.missing_page(picture, language)
    return 200, await asyncio.to_thread(public_page.warning_page, picture, message, language)


def _state_of(feed: source_health.Feed) -> FeedState:
    if feed.silent:
        state = "silent"
    elif feed.last_outcome in source_health.ANSWERS:
        state = "heard"
    else:
        state = "never" if feed.last_heard_ms is None else "failing"
    return FeedState(feed.origin, state, feed.last_heard_ms)


def _language(request: Request, lang: str | None) -> Language:
    for known in LANGUAGES:
        if lang == known:
            return known
    return preferred(request.headers.get("accept-language", ""))
