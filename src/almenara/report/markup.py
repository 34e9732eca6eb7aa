"""HTML and SVG text in which everything from outside is escaped, and Spanish and English stand side by side."""

import html
import re
from collections.abc import Iterable
from datetime import UTC, datetime

#: Control characters, and the marks that turn the direction of writing: a name must not rearrange a warning.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_THIN = "\u202f"  # the SI's separator of thousands: right in both languages
_SPAN = re.compile(r'<span lang="(es|en)">((?:(?!</?span)[\s\S])*)</span>')
_VOID = {"meta", "input", "br", "hr"}
_TEXT_CHARS_MAX = 4_000


class Html(str):
    """Text that may stand in the page as it is."""

    __slots__ = ()


def safe(content: object) -> Html:
    """Anything as HTML: Html as it is, other text escaped, None as nothing.

    >>> safe("<b>&"), safe(Html("<b>")), safe(None)
    ('&lt;b&gt;&amp;', '<b>', '')
    """
    if isinstance(content, Html):
        return content
    if content is None:
        return Html()
    text = _UNWANTED.sub("", str(content))
    if len(text) > _TEXT_CHARS_MAX:
        text = text[:_TEXT_CHARS_MAX] + "…"
    return Html(html.escape(text))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """An element; `class_` gives class, other `_` in attribute names become `-`, None leaves the attribute out.

    >>> tag("td", "a<b", class_="n", data_v=3)
    '<td class="n" data-v="3">a&lt;b</td>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{safe(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def join(parts: Iterable[object], between: str = "") -> Html:
    """Parts one after another."""
    return Html(between.join(safe(part) for part in parts))


def name(text: object) -> Html:
    """A name from outside, fenced so that its writing direction stays its own."""
    return tag("bdi", text)


def two(es: str, en: str, /, **values: object) -> Html:
    """The same sentence in both languages, `{placeholders}` filled with escaped values.

    >>> two("{n} casas", "{n} houses", n=3)
    '<span lang="es">3 casas</span><span lang="en">3 houses</span>'
    """
    texts = []
    for lang, text in (("es", es), ("en", en)):
        filled = {key: in_language(safe(value), lang) for key, value in values.items()}
        texts.append(tag("span", Html(safe(text).format_map(filled)), lang=lang))
    return join(texts)


def sentence(*parts: object) -> Html:
    """Parts that belong to one sentence, each language's together, so that both can be read when both are shown.

    >>> sentence(two("Hay ", "There are "), 3)
    '<span lang="es">Hay 3</span><span lang="en">There are 3</span>'
    """
    content = join(parts)
    return join(tag("span", in_language(content, lang), lang=lang) for lang in ("es", "en"))


def many(count: float, es: tuple[str, str], en: tuple[str, str]) -> Html:
    """A count with its noun, in the singular for one.

    >>> in_language(many(1, ("casa", "casas"), ("house", "houses")), "en")
    '<strong>1</strong> house'
    """
    which = 0 if count == 1 else 1
    return two(f"{{n}} {es[which]}", f"{{n}} {en[which]}", n=tag("strong", whole(count)))


def in_language(content: Html, lang: str) -> Html:
    """Content made by `two`, in one language only.

    >>> in_language(two("casa", "house"), "en")
    'house'
    """
    # Only our own markup has these spans: text from outside arrives escaped.
    return Html(_SPAN.sub(lambda found: found[2] if found[1] == lang else "", content))


def whole(value: float | None) -> Html:
    """A whole number with thin spaces between thousands.

    >>> whole(1234567) == "1\u202f234\u202f567", whole(None)
    (True, '–')
    """
    if value is None or value != value:
        return Html("–")
    return Html(f"{value:,.0f}".replace(",", _THIN).replace("-", "−"))


def decimal(value: float | None, digits: int = 1) -> Html:
    """A number with decimals as each language writes them; whole when it is large."""
    if value is None or value != value:
        return Html("–")
    if abs(value) >= 1000 or digits == 0:
        return whole(value)
    text = f"{value:.{digits}f}".replace("-", "−")
    return two(text.replace(".", ","), text)


def distance(metres: float | None) -> Html:
    """A distance in metres up to 1 km, in kilometres beyond."""
    if metres is None or metres != metres:
        return Html("–")
    if metres < 999.5:
        return Html(f"{metres:.0f} m")
    return Html(decimal(metres / 1000, 1 if metres < 100_000 else 0) + " km")


def area(km2: float | None) -> Html:
    """An area in km², in hectares when small."""
    if km2 is None or km2 != km2:
        return Html("–")
    if km2 < 1:
        return Html(f"{whole(km2 * 100)} ha")
    return Html(decimal(km2, 1 if km2 < 100 else 0) + " km²")


def moment(time: datetime | None) -> Html:
    """A time in UTC to the minute; the heading beside it names the zone."""
    return Html("–") if time is None else Html(time.astimezone(UTC).strftime("%Y-%m-%d %H:%M"))


def parse_time(text: object) -> datetime | None:
    """A time written in ISO 8601, or None when it is none.

    >>> parse_time("2023-11-09T14:20:00Z"), parse_time("soon")
    (datetime.datetime(2023, 11, 9, 14, 20, tzinfo=datetime.timezone.utc), None)
    """
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
