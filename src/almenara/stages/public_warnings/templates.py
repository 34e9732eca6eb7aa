"""The words of the warnings: one TOML file for each kind of event and language, one of common words for each language.

A new language is a `language.xx.toml` and a file for each kind; nothing else changes. An agency puts its own files into
a folder: what has the name of one of ours takes its place, what has a new name adds to them. What every language shares
of a kind (category, event code, responses) stands in `kinds.toml`. Placeholders:

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
    onset                   when it begins or began, as the officer who writes says
    details                 a sentence or more of the officer's own
    river, level            flood
    wind, rain              storm
    volcano                 volcanic ash
    routes, shelters        evacuation
"""

import re
import string
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

import msgspec

from almenara.model.cap import Category, ResponseType, Urgency, from_ms
from almenara.model.errors import UsageError

#: What an officer fills in by hand; the other placeholders are filled from what was observed.
BY_HAND = frozenset({"details", "evidence", "river", "level", "wind", "rain", "volcano", "routes", "shelters"})

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
        "onset",
        *BY_HAND,
    }
)
_TIME = frozenset(["day", "month", "year", "hour", "minute", "zone"])
_CERTAINTIES = ("Observed", "Likely", "Possible")
_INTENSITIES = ("4", "5", "6", "7", "8", "9", "10")  # Modified Mercalli
_FILE_BYTES_MAX = 256 * 1024
_FILES_MAX = 1_000

_Words = TypeVar("_Words")


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all languages share of one kind of event."""

    category: list[Category]
    response: dict[Urgency, list[ResponseType]]
    event_code: str | None = None  # of the OASIS Event Terms List 1.2, where it has the event
    event_codes: dict[str, str] = {}  # of other lists, by CAP's valueName: SAME = "FRW"


class Hazard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one kind of event in one language: lists of sentences."""

    event: str
    headline: dict[str, str]  # by certainty, Cancel and AllClear
    description: dict[str, list[str]]  # by certainty, common, Cancel and AllClear
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

    def number(self, value: float, decimals: int = 0) -> str:
        """A number with the language's signs.

        >>> shipped().language("es").number(1234.56, 1)
        '1\\xa0234,6'
        """
        text = f"{value:,.{decimals}f}"
        return text.replace(",", "\0").replace(".", self.decimal).replace("\0", self.thousands)

    def distance(self, metres: float) -> str:
        """A distance rounded to what can be known of it.

        >>> shipped().language("en").distance(243.0), shipped().language("en").distance(12_340.0)
        ('240 m', '12 km')
        """
        if metres < 950.0:
            return self.metres.format(value=self.number(max(10, round(metres / 10) * 10)))
        return self.kilometres.format(value=self.number(metres / 1000.0, 1 if metres < 9_950.0 else 0))

    def when(self, ms: int, zone: tzinfo) -> str:
        """A time with its zone, to the minute.

        >>> from datetime import UTC
        >>> shipped().language("en").when(0, UTC)
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

        >>> shipped().language("en").listed(["Loja", "Vilcabamba"])
        'Loja and Vilcabamba'
        >>> shipped().language("es").listed(["Loja", "Malacatos"], 3)
        'Loja, Malacatos y 3 más'
        """
        shown = list(names)
        if more:
            return self.more.format(names=", ".join(shown), count=self.number(more))
        return self.and_.join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


@dataclass(frozen=True, slots=True)
class Words:
    """All words of the house, checked."""

    kinds: Mapping[str, Kind]
    hazards: Mapping[tuple[str, str], Hazard]  # by kind and language
    languages: Mapping[str, Language]

    def kind(self, kind: str) -> Kind:
        """What all languages share of a kind. Raises UsageError when it is unknown."""
        if kind not in self.kinds:
            raise UsageError(f"There is no kind of warning {kind!r}. Known: {', '.join(sorted(self.kinds))}.")
        return self.kinds[kind]

    def hazard(self, kind: str, tag: str) -> Hazard:
        """The words for a kind of event in a language ("es", "es-EC"). Raises UsageError when there are none."""
        return _must(self.hazards, (kind, _primary(tag)), f"{kind} in the language {tag!r}", f"{kind}.{_primary(tag)}")

    def language(self, tag: str) -> Language:
        """The common words of a language. Raises UsageError when there are none."""
        return _must(self.languages, _primary(tag), f"the language {tag!r}", f"language.{_primary(tag)}")


_Key = TypeVar("_Key")


def _must(found: Mapping[_Key, _Words], key: _Key, what: str, file: str) -> _Words:
    if key not in found:
        raise UsageError(f"There are no words for {what}: templates/{file}.toml is missing.")
    return found[key]


@cache
def shipped() -> Words:
    """The words that come with Almenara."""
    return _read([_files_in(files("almenara.stages.public_warnings").joinpath("templates"))])


def read_words(folder: Path) -> Words:
    """The words that come with Almenara, with an agency's own files in their place or beside them.

    Call it at start. Raises UsageError that names the file and the place in it: nothing is found out in an emergency.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder of templates.")
    ours = _files_in(files("almenara.stages.public_warnings").joinpath("templates"))
    return _read([ours, _files_in(folder)])


def _files_in(folder: Traversable) -> dict[str, Traversable]:
    found = {file.name: file for file in folder.iterdir() if file.name.endswith(".toml") and file.is_file()}
    if len(found) > _FILES_MAX:
        raise UsageError(f"{folder} holds {len(found)} files, more than {_FILES_MAX}.")
    return dict(sorted(found.items()))


def _read(folders: list[dict[str, Traversable]]) -> Words:
    kinds: dict[str, Kind] = {}
    found: dict[str, Traversable] = {}
    for folder in folders:
        found |= folder
        if "kinds.toml" in folder:
            kinds |= _convert(_text(folder["kinds.toml"]), "kinds.toml", dict[str, Kind])
    hazards: dict[tuple[str, str], Hazard] = {}
    languages: dict[str, Language] = {}
    for name, file in found.items():
        if name == "kinds.toml":
            continue
        kind, _, tag = name.removesuffix(".toml").partition(".")
        if tag != _primary(tag):
            raise UsageError(f"{name}: a file is named by a primary language tag such as es, not {tag!r}.")
        if kind == "language":
            languages[tag] = parse_language(_text(file), name)
        elif kind in kinds:
            hazards[kind, tag] = parse_hazard(_text(file), name)
        else:
            raise UsageError(f"{name}: kinds.toml has no kind {kind!r}. Known: {', '.join(sorted(kinds))}.")
    for kind, tag in hazards:
        if tag not in languages:
            raise UsageError(f"{kind}.{tag}.toml has no common words beside it: language.{tag}.toml is missing.")
    for kind, shared in kinds.items():
        if not shared.category or set(shared.response) != {Urgency.IMMEDIATE, Urgency.EXPECTED, Urgency.PAST}:
            raise UsageError(f"kinds.toml: [{kind}] needs a category and responses for Immediate, Expected and Past.")
    return Words(kinds, hazards, languages)


def parse_hazard(text: str, name: str) -> Hazard:
    """Read a hazard's words. Raises UsageError for an unknown placeholder or a missing part, naming file and place."""
    words = _convert(text, name, Hazard)
    parts: list[tuple[str, Mapping[str, str | list[str]], Iterable[str]]] = [
        ("headline", words.headline, (*_CERTAINTIES, "Cancel", "AllClear")),
        ("description", words.description, (*_CERTAINTIES, "common", "Cancel", "AllClear")),
        ("instruction", words.instruction, ("Immediate", "Expected", "Past")),
        ("reason", words.reason, ("merged", "suppressed", "default")),
    ]
    for part, found, needed in parts:
        if set(found) != set(needed):
            raise UsageError(f"{name}: [{part}] must hold exactly {', '.join(needed)}.")
        for key, sentences in found.items():
            for sentence in [sentences] if isinstance(sentences, str) else sentences:
                _check(sentence, PLACEHOLDERS if part != "reason" else frozenset(), f"{name}: [{part}] {key}")
    if (words.mmi or "{mmi}" in text) and set(words.mmi) != set(_INTENSITIES):
        raise UsageError(f"{name}: [mmi] must hold exactly {', '.join(_INTENSITIES)}.")
    return words


def parse_language(text: str, name: str) -> Language:
    """Read a language's common words. Raises UsageError as `parse_hazard` does."""
    words = _convert(text, name, Language)
    if len(words.months) != 12:
        raise UsageError(f"{name}: a year has twelve months, not {len(words.months)}.")
    _check(words.time, _TIME, f"{name}: time")
    _check(words.more, frozenset({"names", "count"}), f"{name}: more")
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


def _text(file: Traversable) -> str:
    with file.open("rb") as opened:
        data = opened.read(_FILE_BYTES_MAX + 1)
    if len(data) > _FILE_BYTES_MAX:
        raise UsageError(f"{file.name} has more than {_FILE_BYTES_MAX} bytes.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file.name} is not UTF-8: {error}") from error
