"""A CAP 1.2 message as a value: the standard's elements and enumerations under its own names, in its own order.

Element names become snake_case (`msgType` → `msg_type`, `responseType` → `response_type`); elements that may be
repeated are tuples. What the schema cannot say but the standard demands (section 3.2) is checked when a value is made:
a message that breaks it raises InvalidWarning and never comes to be.
"""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

import msgspec

from almenara.model.errors import InvalidWarning

#: A closed ring of (longitude, latitude) in degrees, WGS84. CAP writes latitude first; only `xml` knows that.
Ring = tuple[tuple[float, float], ...]

#: "MUST NOT include spaces, commas or restricted characters (< and &)": of identifier and sender.
_FORBIDDEN = re.compile(r"[\s,<&]")
#: RFC 3066, as the schema's xs:language has it.
_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")


class Status(StrEnum):
    """How the message is to be handled."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    SYSTEM = "System"
    TEST = "Test"
    DRAFT = "Draft"


class MsgType(StrEnum):
    """The nature of the message."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"
    ACK = "Ack"
    ERROR = "Error"


class Scope(StrEnum):
    """For whom the message is."""

    PUBLIC = "Public"
    RESTRICTED = "Restricted"
    PRIVATE = "Private"


class Category(StrEnum):
    """The category of the event."""

    GEO = "Geo"
    MET = "Met"
    SAFETY = "Safety"
    SECURITY = "Security"
    RESCUE = "Rescue"
    FIRE = "Fire"
    HEALTH = "Health"
    ENV = "Env"
    TRANSPORT = "Transport"
    INFRA = "Infra"
    CBRNE = "CBRNE"
    OTHER = "Other"


class ResponseType(StrEnum):
    """What the audience is asked to do."""

    SHELTER = "Shelter"
    EVACUATE = "Evacuate"
    PREPARE = "Prepare"
    EXECUTE = "Execute"
    AVOID = "Avoid"
    MONITOR = "Monitor"
    ASSESS = "Assess"
    ALL_CLEAR = "AllClear"
    NONE = "None"


class Urgency(StrEnum):
    """How soon people should act."""

    IMMEDIATE = "Immediate"
    EXPECTED = "Expected"
    FUTURE = "Future"
    PAST = "Past"
    UNKNOWN = "Unknown"


class Severity(StrEnum):
    """How great the threat is."""

    EXTREME = "Extreme"
    SEVERE = "Severe"
    MODERATE = "Moderate"
    MINOR = "Minor"
    UNKNOWN = "Unknown"


class Certainty(StrEnum):
    """How sure the event is."""

    OBSERVED = "Observed"
    LIKELY = "Likely"
    POSSIBLE = "Possible"
    UNLIKELY = "Unlikely"
    UNKNOWN = "Unknown"


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a message."""


class NamedValue(msgspec.Struct, frozen=True):
    """An eventCode, parameter or geocode: a value of a named list."""

    value_name: str
    value: str


class Reference(msgspec.Struct, frozen=True):
    """Names an earlier message."""

    sender: str
    identifier: str
    sent: datetime

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{cap_time(self.sent)}"


class Circle(msgspec.Struct, frozen=True):
    """Everything within a distance of a point."""

    lon: float
    lat: float
    radius_km: float

    def __post_init__(self) -> None:
        _check_point(self.lon, self.lat)
        if not (math.isfinite(self.radius_km) and self.radius_km >= 0.0):
            raise InvalidWarning(f"A circle's radius must be a distance, not {self.radius_km}.")


class Resource(_Part, frozen=True, kw_only=True):
    """A file that goes with the message."""

    resource_desc: str
    mime_type: str
    size: int | None = None  # bytes
    uri: str | None = None
    deref_uri: str | None = None  # the content itself, base64
    digest: str | None = None  # SHA-1, as CAP 1.2 has it


class Area(_Part, frozen=True, kw_only=True):
    """Where: the union of its polygons, circles and geocodes."""

    area_desc: str
    polygon: tuple[Ring, ...] = ()
    circle: tuple[Circle, ...] = ()
    geocode: tuple[NamedValue, ...] = ()
    altitude: float | None = None  # feet above mean sea level
    ceiling: float | None = None  # feet above mean sea level; only with altitude

    def __post_init__(self) -> None:
        for ring in self.polygon:
            if len(ring) < 4 or ring[0] != ring[-1]:
                raise InvalidWarning("A polygon needs at least four points, the last equal to the first.")
            for lon, lat in ring:
                _check_point(lon, lat)
        for height in (self.altitude, self.ceiling):
            if height is not None and not math.isfinite(height):
                raise InvalidWarning("An altitude must be a number.")
        if self.ceiling is not None and self.altitude is None:
            raise InvalidWarning("A ceiling must not stand without an altitude.")


class Info(_Part, frozen=True, kw_only=True):
    """What, how bad, what to do and where, in one language."""

    language: str | None = None  # BCP 47; "en-US" is meant when absent
    category: tuple[Category, ...]
    event: str
    response_type: tuple[ResponseType, ...] = ()
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    audience: str | None = None
    event_code: tuple[NamedValue, ...] = ()
    effective: datetime | None = None
    onset: datetime | None = None
    expires: datetime | None = None
    sender_name: str | None = None
    headline: str | None = None
    description: str | None = None
    instruction: str | None = None
    web: str | None = None
    contact: str | None = None
    parameter: tuple[NamedValue, ...] = ()
    resource: tuple[Resource, ...] = ()
    area: tuple[Area, ...] = ()

    def __post_init__(self) -> None:
        if not self.category:
            raise InvalidWarning("An info needs at least one category.")
        _check_words("category", Category, *self.category)
        _check_words("responseType", ResponseType, *self.response_type)
        _check_words("urgency", Urgency, self.urgency)
        _check_words("severity", Severity, self.severity)
        _check_words("certainty", Certainty, self.certainty)
        if self.language is not None and not _LANGUAGE.fullmatch(self.language):
            raise InvalidWarning(f"language: not the code of a language: {self.language!r}.")
        for time in (self.effective, self.onset, self.expires):
            if time is not None:
                _check_time(time)


class Alert(_Part, frozen=True, kw_only=True):
    """The whole message."""

    identifier: str
    sender: str
    sent: datetime
    status: Status
    msg_type: MsgType
    source: str | None = None
    scope: Scope
    restriction: str | None = None  # demanded by scope Restricted
    addresses: tuple[str, ...] = ()  # demanded by scope Private
    code: tuple[str, ...] = ()
    note: str | None = None
    references: tuple[Reference, ...] = ()
    incidents: tuple[str, ...] = ()
    info: tuple[Info, ...] = ()

    def __post_init__(self) -> None:
        _check_words("status", Status, self.status)
        _check_words("msgType", MsgType, self.msg_type)
        _check_words("scope", Scope, self.scope)
        names = [self.identifier, self.sender]
        for reference in self.references:
            names += [reference.sender, reference.identifier]
            _check_time(reference.sent)
        for name in names:
            if not name or _FORBIDDEN.search(name):
                raise InvalidWarning(f"An identifier or sender must hold no blank, comma, < or &: {name!r}.")
        for word in (*self.addresses, *self.incidents):
            if not word or '"' in word or re.search(r"[^\S ]", word):
                raise InvalidWarning(f"An address or incident cannot be written in a list of CAP: {word!r}.")
        _check_time(self.sent)
        if self.scope is Scope.RESTRICTED and not self.restriction:
            raise InvalidWarning("Scope Restricted needs a restriction.")
        if self.scope is Scope.PRIVATE and not self.addresses:
            raise InvalidWarning("Scope Private needs addresses.")
        if self.msg_type in (MsgType.UPDATE, MsgType.CANCEL) and not self.references:
            raise InvalidWarning(f"An {self.msg_type} must say which messages it refers to.")


def cap_time(time: datetime) -> str:
    """A time as CAP writes it: whole seconds, numeric offset, and −00:00 for UTC ("Z" is not allowed).

    >>> cap_time(from_ms(1_700_000_000_999))
    '2023-11-14T22:13:20-00:00'
    """
    _check_time(time)
    text = time.isoformat()
    return text if time.utcoffset() else f"{text[:-6]}-00:00"


def from_ms(ms: int, zone: tzinfo = UTC) -> datetime:
    """The time of milliseconds since 1970 in a zone, cut to whole seconds."""
    return datetime.fromtimestamp(ms // 1000, zone)


def _check_words(name: str, allowed: type[StrEnum], *words: object) -> None:
    """A bare string is refused even when its word is right: the rules above compare members by identity."""
    for word in words:
        if not isinstance(word, allowed):
            raise InvalidWarning(f"{name}: must be a {allowed.__name__}, not {word!r}.")


def _check_time(time: datetime) -> None:
    offset = time.utcoffset()
    fits = offset is not None and abs(offset) <= timedelta(hours=14) and not offset % timedelta(minutes=1)
    if not fits or time.microsecond or time.year < 1000:
        raise InvalidWarning(f"CAP cannot write this time: {time!r}.")


def _check_point(lon: float, lat: float) -> None:
    if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
        raise InvalidWarning(f"No point on Earth: longitude {lon}, latitude {lat}.")
