"""The public page: what is in force, on a map and in large type, readable without scripts, small on a bad line."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib import resources
from urllib.parse import quote

from almenara.model.cap import Alert, Info
from almenara.report.markup import Html, in_language, join, name, safe, tag
from almenara.report.words import SEVERITIES, word
from almenara.service.press import Published
from almenara.web.public_map import warnings_map
from almenara.web.public_words import LANGUAGES, Language, say

#: A text of a message on the page is cut there: the full one stands on the message's own page.
_SHORT_CHARS = 600
_SOURCES_MAX = 40


@dataclass(frozen=True, slots=True)
class FeedState:
    """Whether a feed speaks."""

    name: str
    state: str  # "heard" | "silent" | "failing" | "never"
    last_heard_ms: int | None


@dataclass(frozen=True, slots=True)
class Picture:
    """What the public is told."""

    status: str  # CAP's
    now_ms: int
    zone: tzinfo
    sender: str  # who warns; may be empty
    warnings: Sequence[Published]  # in force, the newest first
    feeds: Sequence[FeedState]
    feed_files: bool  # whether there is a feed to subscribe to
    push: bool  # whether a browser can subscribe


def page(picture: Picture, language: Language) -> bytes:
    """The whole page."""
    heading = picture.sender or say("title", language)
    parts = [
        _band(picture.status, language),
        tag("header", tag("h1", heading), _updated(picture, language), _switch(language, "/")),
        tag("main", *(_warnings(picture, language) if picture.warnings else _none(picture, language))),
        _footer(picture, language),
    ]
    return _document(picture, language, heading, parts)


def warning_page(picture: Picture, message: Published, language: Language) -> bytes:
    """A message on a page of its own, whatever became of it."""
    info = _info(message.alert, language)
    title = info.headline or info.event if info is not None else message.identifier
    at = f"/warnings/{quote(message.identifier, safe='')}"
    notice = Html()
    if message.state != "in-force":
        newest = f"/warnings/{quote(message.last, safe='')}"
        more = tag("a", say("newest", language), href=newest) if message.last != message.identifier else ""
        notice = tag("p", say(f"{message.state}-state", language), " ", more, class_="over")
    body = [
        _band(picture.status, language),
        tag("header", tag("p", tag("a", say("back", language), href=f"/?lang={language}")), _switch(language, at)),
        tag(
            "main",
            notice,
            _article(message, picture.zone, language, None) if info is not None else tag("h1", title),
            warnings_map([message.alert], say("map", language)),
            tag("p", tag("a", say("xml", language), href=f"{at}/cap.xml")),
        ),
    ]
    return _document(picture, language, title, body)


def missing_page(picture: Picture, language: Language) -> bytes:
    """There is no such message, or it was never sent."""
    text = say("missing", language)
    back = tag("p", tag("a", say("back", language), href=f"/?lang={language}"))
    return _document(picture, language, text, [_band(picture.status, language), tag("main", tag("h1", text), back)])


@cache
def asset(file: str) -> tuple[bytes, str]:
    """A file of the page, and the name of its content that keeps an old one from being used."""
    data = resources.files("almenara.web").joinpath("public", file).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:12]


# ---------------------------------------------------------------------- the parts


def _document(picture: Picture, language: Language, title: str, parts: Sequence[object]) -> bytes:
    mark = {"Exercise": "EXERCISE", "Test": "TEST"}.get(picture.status)
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{mark}: {title}" if mark else title),
        _link(rel="icon", href="data:,"),  # none: browsers ask for one otherwise
        _link(rel="stylesheet", href=f"/public/page.css?v={asset('page.css')[1]}"),
        *(_link(rel="alternate", hreflang=other, href=f"?lang={other}") for other in LANGUAGES if other != language),
    ]
    if picture.feed_files:
        head += [
            _link(rel="alternate", type="application/atom+xml", href="/feeds/atom.xml", title=say("atom", language)),
            _link(rel="alternate", type="application/rss+xml", href="/feeds/rss.xml", title=say("rss", language)),
        ]
    html = tag("html", tag("head", *head), tag("body", *parts), lang=language)
    return f"<!doctype html>{html}".encode()


def _link(**attributes: object) -> Html:
    written = "".join(f' {key}="{safe(value)}"' for key, value in attributes.items())
    return Html(f"<link{written}>")


def _band(status: str, language: Language) -> Html:
    code = {"Exercise": "exercise", "Test": "test"}.get(status)
    return tag("p", say(code, language), class_="band", role="note") if code else Html()


def _updated(picture: Picture, language: Language) -> Html:
    return tag("p", say("updated", language), " ", _moment(picture.now_ms, picture.zone), class_="updated")


def _switch(language: Language, at: str) -> Html:
    other = next(known for known in LANGUAGES if known != language)
    return tag("p", tag("a", say("other", language), href=f"{at}?lang={other}", lang=other, hreflang=other))


def _moment(time_ms: int, zone: tzinfo) -> Html:
    at = datetime.fromtimestamp(time_ms / 1000, zone)
    utc = datetime.fromtimestamp(time_ms / 1000, UTC)
    return tag("time", f"{at:%Y-%m-%d %H:%M} {at.tzname()}", datetime=f"{utc:%Y-%m-%dT%H:%M:%SZ}")


def _warnings(picture: Picture, language: Language) -> list[Html]:
    articles = [
        _article(message, picture.zone, language, number) for number, message in enumerate(picture.warnings, start=1)
    ]
    drawn = warnings_map([message.alert for message in picture.warnings], say("map", language))
    return [tag("h2", say("now", language), f" ({len(articles)})"), drawn, *articles]


def _article(message: Published, zone: tzinfo, language: Language, number: int | None) -> Html:
    info = _info(message.alert, language)
    at = f"/warnings/{quote(message.identifier, safe='')}?lang={language}"
    if info is None:
        return tag("article", tag("h3", tag("a", message.identifier, href=at)))
    severity = in_language(word(SEVERITIES, info.severity.value), language)
    level = "h1" if number is None else "h3"
    heading = tag(level, f"{number}. " if number is not None else "", info.headline or info.event)
    short = number is not None
    areas = join([name(area.area_desc) for area in info.area if area.area_desc], "; ")
    facts = [(say("where", language), areas)] if areas else []
    facts += [
        (say("since", language), _moment(message.since_ms, zone)),
        (say("until", language), _moment(message.expires_ms, zone)),
    ]
    if not short:
        facts.append((say("sent", language), _moment(message.sent_ms, zone)))
        facts += [(say("contact", language), safe(text)) for text in (info.contact, info.sender_name) if text]
    return tag(
        "article",
        tag("p", say("severity", language), ": ", severity, class_="severity"),
        heading,
        *([tag("h4", say("do", language)), _text(info.instruction, short, "do")] if info.instruction else []),
        tag("dl", *(join([tag("dt", term), tag("dd", value)]) for term, value in facts)),
        _text(info.description, short, "what") if info.description else "",
        tag("p", tag("a", say("more", language), href=at)) if short else "",
        class_=info.severity.value.lower(),
        lang=info.language or "en",
    )


def _text(text: str, short: bool, kind: str) -> Html:
    if short and len(text) > _SHORT_CHARS:
        text = text[:_SHORT_CHARS].rsplit(" ", 1)[0] + " …"
    paragraphs = [tag("p", part.strip()) for part in text.split("\n") if part.strip()]
    return tag("div", *paragraphs, class_=kind)


def _none(picture: Picture, language: Language) -> list[Html]:
    unheard = sum(feed.state != "heard" for feed in picture.feeds)
    code = "none-unfed" if not picture.feeds else "none-unheard" if unheard else "none-heard"
    told = say(code, language, n=unheard, all=len(picture.feeds))
    return [tag("h2", say("none", language), class_="none"), tag("p", told, class_="unsure" if unheard else None)]


def _footer(picture: Picture, language: Language) -> Html:
    parts: list[Html] = []
    if picture.push:
        words = {f"data_{code}": say(code, language) for code in ("push", "push-on", "push-denied", "push-failed")}
        words = {key.replace("-", "_"): text for key, text in words.items()}
        parts.append(tag("p", tag("button", say("push", language), id="push", type="button", hidden="", **words)))
        script = f"/public/push.js?v={asset('push.js')[1]}"
        parts.append(Html(f'<script src="{safe(script)}" defer></script>'))
    if picture.feed_files:
        links = [("atom", "/feeds/atom.xml"), ("rss", "/feeds/rss.xml")]
        parts.append(tag("p", *(join([tag("a", say(code, language), href=href), " "]) for code, href in links)))
    heard = [_source(feed, picture.zone, language) for feed in picture.feeds[:_SOURCES_MAX]]
    if heard:
        parts += [tag("h2", say("sources", language)), tag("ul", *heard, class_="sources")]
    return tag("footer", tag("h2", say("feeds", language)) if picture.push or picture.feed_files else "", *parts)


def _source(feed: FeedState, zone: tzinfo, language: Language) -> Html:
    parts: list[object] = [name(feed.name), ": ", tag("strong", say(feed.state, language), class_=feed.state)]
    if feed.last_heard_ms is not None:
        parts += [", ", say("last", language), " ", _moment(feed.last_heard_ms, zone)]
    return tag("li", *parts)


def _info(alert: Alert, language: Language) -> Info | None:
    """The part in a language, else the first."""
    mine = [info for info in alert.info if (info.language or "en").lower().split("-")[0] == language]
    return mine[0] if mine else alert.info[0] if alert.info else None
