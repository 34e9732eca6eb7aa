"""What the warnings stage is told: an incident as it stands, the places it threatens, and how the house warns."""

from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from shapely.geometry.base import BaseGeometry

from almenara.model.cap import Scope, Status
from almenara.model.cap.profiles import load
from almenara.model.errors import UsageError
from almenara.stages.public_warnings.approval import check_rules
from almenara.stages.public_warnings.templates import Words

HOUR_MS = 3_600_000
#: Kinds that are followed and warned of by themselves; the templates have more, for warnings written by hand.
KINDS = ("fire", "earthquake")


@dataclass(frozen=True, slots=True)
class ThreatenedPlace:
    """A place within reach of an incident's hazards."""

    id: str
    name: str
    kind: str
    population: int | None
    lon: float  # degrees, WGS84
    lat: float
    geometry: BaseGeometry | None  # polygon or multipolygon, cut at ±180; None for a point
    alert_distance_m: float
    distance_m: float  # to the footprint, 0 inside; earthquake: to the epicentre
    since_ms: int
    certainty: str  # "Observed" | "Likely" | "Possible"
    mmi: float | None  # earthquakes: estimated intensity, Modified Mercalli


@dataclass(frozen=True, slots=True)
class Situation:
    """An incident as it stands, or as it ended."""

    incident: str
    kind: str  # one of KINDS
    hazards: tuple[str, ...]
    label: str
    first_seen_ms: int  # earthquake: origin time
    last_seen_ms: int
    area_km2: float | None
    footprint: BaseGeometry | None  # fire: where it was seen; earthquake: where the alerting intensity is reached
    magnitude: float | None
    depth_km: float | None
    epicentre: tuple[float, float] | None  # lon, lat
    priority: int  # 1 (now) … 4 (watch), by stages.incidents.assess
    evidence: tuple[str, ...]  # names of satellites or networks
    places: tuple[ThreatenedPlace, ...]
    ended: bool
    end_reason: str


def bare(incident: str, kind: str, now_ms: int) -> Situation:
    """An incident of which nothing is known but its kind."""
    return Situation(
        incident=incident,
        kind=kind,
        hazards=(),
        label="",
        first_seen_ms=now_ms,
        last_seen_ms=now_ms,
        area_km2=None,
        footprint=None,
        magnitude=None,
        depth_km=None,
        epicentre=None,
        priority=4,
        evidence=(),
        places=(),
        ended=False,
        end_reason="",
    )


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How the house warns. The default is an exercise that nobody can take for a warning."""

    status: str = "Exercise"
    sender: str = "drafts@almenara.invalid"
    sender_name: str | None = None
    languages: tuple[str, ...] = ("es", "en")
    scope: str = "Public"
    web: str | None = None
    contact: str | None = None
    emergency_number: str | None = None  # "911"; advice that names it is left out without one
    timezone: str = "UTC"  # of the times in text and message: "America/Guayaquil"
    quiet_ms: int = 3 * HOUR_MS  # changes that can wait, wait this long after a message
    expiry_near_ms: int = HOUR_MS  # a warning of a hazard that goes on is renewed this long before it ends
    growth: float = 1.2  # a footprint that grew by this factor is worth an update
    approval: dict[str, str] = {}  # who has to say yes, by "kind/severity", kind or "default" (see approval.rule_for)
    signed: bool = False  # nothing is sent that is not signed
    profiles: tuple[str, ...] = ()  # of CAP (model.cap.profiles): no message leaves that breaks one of them
    expires_ms: dict[str, int] = msgspec.field(default_factory=lambda: {"fire": 6 * HOUR_MS, "earthquake": 3 * HOUR_MS})


def check_policy(policy: Policy, words: Words) -> None:
    """Raises UsageError when warnings could not be written by this policy; call it at start."""
    for value, enumeration in ((policy.status, Status), (policy.scope, Scope)):
        if value not in list(enumeration):
            raise UsageError(f"{value!r} is none of {', '.join(enumeration)}.")
    if policy.scope != Scope.PUBLIC:
        raise UsageError("Public warnings have the scope Public.")
    if not policy.languages:
        raise UsageError("Warnings need at least one language.")
    zone_of(policy.timezone)
    check_rules(policy.approval, words.kinds)
    for name in policy.profiles:
        load(name)
    for tag in policy.languages:
        common = words.language(tag)
        if policy.status != Status.ACTUAL and not (
            policy.status in common.status and policy.status in common.status_note
        ):
            raise UsageError(f"The language {tag!r} has no word for the status {policy.status}.")
        for kind in words.kinds:
            words.hazard(kind, tag)
    for kind in KINDS:
        if policy.expires_ms.get(kind, 0) <= policy.expiry_near_ms:
            raise UsageError(f"Warnings of kind {kind} must last longer than {policy.expiry_near_ms} ms.")


@cache
def zone_of(name: str) -> tzinfo:
    """A time zone by its IANA name. Raises UsageError when this system knows none of that name."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"This system knows no time zone {name!r}; {error}") from error
