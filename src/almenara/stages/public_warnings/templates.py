"""The words of the warnings: one TOML file for each hazard and language, one of common words for each language.

A new language is a `language.xx.toml` and a file for each hazard; nothing else changes. Placeholders:

    area                    the one or two chief places, and how many more
    inside, places          fire: the places where it was seen; the others (earthquake: all of them)
    nearest, distance       the nearest place and how far the hazard was from it, when it was at none
    strongest, mmi          the place that shook most, and how much
    population              people of the places, where known
    first_seen, last_seen   times of the observations
    evidence                satellites or networks
    area_km2, magnitude, depth
    emergency_number        of the policy
    reason                  why a warning is withdrawn
"""

import re
import string
import tomllib
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TypeVar

import msgspec

from almenara.model.cap import from_ms
from almenara.model.errors import UsageError

PLACEHOLDERS = frozenset(
    {
        "area",
        "inside",
        "places",
        "nearest",
        "distance",
        "strongest",
        "mmi",
        "population",
        "first_seen",
        "last_seen",
        "evidence",
        "area_km2",
        "magnitude",
        "depth",
        "emergency_number",
        "reason",
    }
)
_TIME = frozenset(["day", "month", "year", "hour", "minute", "zone"])
_CERTAINTIES = ("Observed", "Likely", "Possible")

_Words = TypeVar("_Words")


class Hazard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one kind of hazard in one language: lists of sentences."""

    event: str
    headline: dict[str, str]  # by certainty, and Cancel
    description: dict[str, list[str]]  # by certainty, common, and Cancel
    instruction: dict[str, list[str]]  # by urgency
    reason: dict[str, str]  # merged | suppressed | default
    mmi: dict[str, str] = {}


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words, numbers and times of a language."""

    months: list[str]
    time: str
    decimal: str
    thousands: str
    and_: str = msgspec.field(name="and")
    more: str
    metres: str
    kilometres: str
    square_kilometres: str
    unnamed: str
    status: dict[str, str]
    status_note: dict[str, str]
    all_clear: dict[str, str]  # headline, description, instruction; {area}, {event}, {emergency_number}

    def number(self, value: float, decimals: int = 0) -> str:
        """A number with the language's signs.

        >>> language("es").number(1234.56, 1)
        '1\\xa0234,6'
        """
        text = f"{value:,.{decimals}f}"
        return text.replace(",", "\0").replace(".", self.decimal).replace("\0", self.thousands)

    def distance(self, metres: float) -> str:
        """A distance rounded to what can be known of it.

        >>> language("en").distance(243.0), language("en").distance(12_340.0)
        ('240 m', '12 km')
        """
        if metres < 950.0:
            return self.metres.format(value=self.number(max(10, round(metres / 10) * 10)))
        return self.kilometres.format(value=self.number(metres / 1000.0, 1 if metres < 9_950.0 else 0))

    def when(self, ms: int, zone: tzinfo) -> str:
        """A time with its zone, to the minute.

        >>> from datetime import UTC
        >>> language("en").when(0, UTC)
        '1 January 1970, 00:00 (UTC)'
        """
        time = from_ms(ms, zone)
        offset = time.strftime("%z")
        sign = "−" if offset[0] == "-" else "+"
        minutes = f":{offset[3:5]}" if offset[3:5] != "00" else ""
        shown = "UTC" if offset in ("+0000", "-0000") else f"UTC{sign}{int(offset[1:3])}{minutes}"
        return self.time.format(
            day=time.day,
            month=self.months[time.month - 1],
            year=time.year,
            hour=f"{time.hour:02}",
            minute=f"{time.minute:02}",
            zone=shown,
        )

    def listed(self, names: Iterable[str], more: int = 0) -> str:
        """Names as people list them.

        >>> language("en").listed(["Loja", "Vilcabamba"]), language("es").listed(["Loja", "Malacatos"], 3)
        ('Loja and Vilcabamba', 'Loja, Malacatos y 3 más')
        """
        shown = list(names)
        if more:
            return self.more.format(names=", ".join(shown), count=self.number(more))
        return self.and_.join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


@cache
def hazard(kind: str, tag: str) -> Hazard:
    """The words for a kind of hazard in a language ("es", "es-EC"). Raises UsageError when there are none."""
    return parse_hazard(_text(f"{kind}.{_primary(tag)}.toml", f"{kind} in the language {tag!r}"), f"{kind}.{tag}.toml")


@cache
def language(tag: str) -> Language:
    """The common words of a language. Raises UsageError when there are none."""
    name = f"language.{_primary(tag)}.toml"
    return parse_language(_text(name, f"the language {tag!r}"), name)


def parse_hazard(text: str, name: str) -> Hazard:
    """Read a hazard's words. Raises UsageError for an unknown placeholder or a missing part, naming file and place."""
    words = _convert(text, name, Hazard)
    parts: list[tuple[str, Mapping[str, str | list[str]], Iterable[str]]] = [
        ("headline", words.headline, (*_CERTAINTIES, "Cancel")),
        ("description", words.description, (*_CERTAINTIES, "common", "Cancel")),
        ("instruction", words.instruction, ("Immediate", "Expected", "Past")),
        ("reason", words.reason, ("merged", "suppressed", "default")),
    ]
    for part, found, needed in parts:
        if set(found) != set(needed):
            raise UsageError(f"{name}: [{part}] must hold exactly {', '.join(needed)}.")
        for key, sentences in found.items():
            for sentence in [sentences] if isinstance(sentences, str) else sentences:
                _check(sentence, PLACEHOLDERS if part != "reason" else frozenset(), f"{name}: [{part}] {key}")
    return words


def parse_language(text: str, name: str) -> Language:
    """Read a language's common words. Raises UsageError as `parse_hazard` does."""
    words = _convert(text, name, Language)
    if len(words.months) != 12:
        raise UsageError(f"{name}: a year has twelve months, not {len(words.months)}.")
    _check(words.time, _TIME, f"{name}: time")
    _check(words.more, frozenset({"names", "count"}), f"{name}: more")
    if set(words.all_clear) != {"headline", "description", "instruction"}:
        raise UsageError(f"{name}: [all_clear] must hold exactly headline, description, instruction.")
    for key, sentence in words.all_clear.items():
        _check(sentence, frozenset({"area", "event", "emergency_number"}), f"{name}: [all_clear] {key}")
    for key in ("metres", "kilometres", "square_kilometres"):
        _check(getattr(words, key), frozenset({"value"}), f"{name}: {key}")
    return words


def sentences(templates: Iterable[str], values: Mapping[str, str]) -> list[str]:
    """The sentences with their values; one that needs a value the message does not have is left out.

    >>> sentences(["Near {area}.", "About {population} people."], {"area": "Loja"})
    ['Near Loja.']
    """
    return [text.format_map(values) for text in templates if all(name in values for name in _fields(text))]


@cache
def _fields(text: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def _check(text: str, allowed: frozenset[str], where: str) -> None:
    try:
        found = _fields(text)
        marks = [spec or conversion for _, name, spec, conversion in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise UsageError(f"{where}: braces do not match in {text!r}: {error}") from error
    for name in found:
        if name not in allowed:
            raise UsageError(f"{where}: unknown placeholder {{{name}}} in {text!r}.")
    if any(marks):
        raise UsageError(f"{where}: a placeholder is a plain name, without : or ! in {text!r}.")


def _convert(text: str, name: str, kind: type[_Words]) -> _Words:
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"{name}: {error}") from error


def _primary(tag: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", tag):
        raise UsageError(f"{tag!r} is no language tag such as es or es-EC.")
    return tag.split("-")[0].lower()


def _text(name: str, what: str) -> str:
    file: Traversable = files("almenara.stages.public_warnings").joinpath("templates", name)
    if not file.is_file():
        raise UsageError(f"There are no words for {what}: templates/{name} is missing.")
    return file.read_text("utf-8")
