"""What the board shows, as values: their fields are the API's. Times are ISO 8601 in UTC, distances metres."""

from datetime import UTC, datetime
from typing import Any

import msgspec


def utc(at_ms: int | None) -> str | None:
    """A moment as the API writes it.

    >>> utc(0), utc(None)
    ('1970-01-01T00:00:00Z', None)
    """
    return None if at_ms is None else moment(at_ms)


def moment(at_ms: int) -> str:
    """The same of a moment that is known."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One thing as it is shown."""


class Nearest(Form, frozen=True, kw_only=True):
    """The exposed place that is nearest."""

    id: str
    name: str
    kind: str
    distance_m: float
    population: int | None


class Exposed(Form, frozen=True, kw_only=True):
    """The places within reach of a hazard."""

    places: int
    population: int | None  # of those places that say one; null: none does
    nearest: Nearest | None


class Labelled(Form, frozen=True, kw_only=True):
    """What a person said of a hazard."""

    label: str
    by: str
    at: str
    reason: str


class Hazard(Form, frozen=True, kw_only=True):
    """A hazard as it stands."""

    id: str
    kind: str  # fire | earthquake | warning
    state: str  # active | dormant | ended | merged | retracted
    label: str
    first_seen: str
    last_seen: str
    area_km2: float | None
    observations: int
    confidence: str
    certainty: str
    suppressed: str | None
    platforms: tuple[str, ...]
    frp_max_mw: float | None
    magnitude: float | None
    depth_km: float | None
    epicentre: tuple[float, float] | None
    bbox: tuple[float, float, float, float] | None
    centre: tuple[float, float] | None
    exposed: Exposed
    incident: str | None
    growing_h: float | None  # as of `last_seen`
    labelled: Labelled | None


class By(Form, frozen=True, kw_only=True):
    """Who did it, and when."""

    by: str
    at: str


class Incident(Form, frozen=True, kw_only=True):
    """What responders work on."""

    id: str
    kind: str
    status: str  # open | merged | closed
    priority: int
    reasons: tuple[str, ...]
    opened: str
    closed: str | None
    hazards: tuple[str, ...]
    places: int
    population: int | None
    label: str
    acknowledged: By | None


class PublicWarning(Form, frozen=True, kw_only=True):
    """A message to the public with its life so far."""

    identifier: str
    thread: str
    incident: str
    kind: str
    msg_type: str
    status: str
    state: str  # board.messages.STATES
    detail: str
    severity: str
    urgency: str
    certainty: str
    event: str
    headline: dict[str, str]
    reasons: tuple[str, ...]
    drafted: By
    approvals: tuple[By, ...]
    approvals_needed: int
    sent: str | None
    expires: str
    references: str
    places: int
    deliveries: dict[str, dict[str, int]]
    bbox: tuple[float, float, float, float] | None


class Source(Form, frozen=True, kw_only=True):
    """A feed and how it does."""

    name: str
    source: str
    title: str
    attribution: str
    state: str  # heard | silent | failing | never
    last_heard: str | None
    last_outcome: str
    detail: str
    cadence_s: int
    observations_24h: int  # rows that it brought, repeated ones included
    quarantined_24h: int
    acknowledged: By | None


class Channel(Form, frozen=True, kw_only=True):
    """A way out of the house and how it does."""

    name: str
    plugin: str
    status: str
    state: str  # well | failing | paused
    last_success: str | None
    last_failure: str | None
    detail: str
    delivered: int
    waiting: int
    dead: int
    paused_by: str | None
    acknowledged: By | None


class Why(Form, frozen=True, kw_only=True):
    """One reason of a card's place in the queue."""

    code: str
    value: str | float | int


class Card(Form, frozen=True, kw_only=True):
    """Something that needs a decision now; the client builds one sentence from its facts."""

    id: str
    type: str  # draft | incident | expiring | source | channel
    subject: dict[str, str]  # type and id
    severity: str | None
    priority: int | None
    since: str
    due: str | None
    facts: dict[str, Any]
    score: float
    why: tuple[Why, ...]
    actions: tuple[str, ...]
    alarm: bool  # sounds until somebody acknowledges it
    acknowledged: By | None
