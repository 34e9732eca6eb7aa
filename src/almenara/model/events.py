"""Everything that can happen, as past-tense facts: what the log holds."""

from typing import ClassVar

import msgspec

Parameter = str | int | float | bool | None


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """One fact. `version` rises when a field changes its meaning; `codec.UPCASTS` lifts older entries."""

    version: ClassVar[int] = 1


class RunStarted(Event, frozen=True, kw_only=True):
    """A replay, a drill or a watch began on this log."""

    mode: str  # "replay" | "drill" | "watch"
    status: str  # CAP status of everything that follows: "Exercise" | "Test" | "Actual"
    parameters: dict[str, Parameter]  # what must be the same when the run is resumed


class RunFinished(Event, frozen=True, kw_only=True):
    """The run came to its end."""

    state_digest: str


class PlacesImported(Event, frozen=True, kw_only=True):
    """The protected places; a later import of the same origin replaces the earlier one."""

    origin: str  # "geonames:EC", a file's name
    attribution: str  # licence line to show, may be empty
    table: bytes  # model.places.PLACES, Arrow IPC
    rejected: dict[str, int]  # reason → rows kept out


class ObservationsReceived(Event, frozen=True, kw_only=True):
    """A source delivered rows that could be read. Which of them count is the observations stage's decision."""

    source: str  # plugin name: "firms"
    kind: str  # "fire" | "earthquake" | "warning"
    origin: str  # file name or URL without credentials
    sha256: str  # of the whole content as delivered
    part: int  # 0, 1, … when a large content is delivered in several batches
    table: bytes  # model.observations.schema_of(kind), Arrow IPC


class RowsRejected(Event, frozen=True, kw_only=True):
    """Rows (or a whole content) that could not be used: the quarantine record, raw bytes included."""

    source: str
    origin: str
    sha256: str
    part: int
    reasons: dict[str, int]  # named reason → rows
    rows: bytes  # Arrow IPC of intake.REJECTED: line, reason, detail, raw


class QuarantineRetried(Event, frozen=True, kw_only=True):
    """A quarantine record was read again with today's readers."""

    quarantine: str  # id of the record
    accepted: int  # rows that could be read this time
    rejected: int


class SourcePolled(Event, frozen=True, kw_only=True):
    """A source was asked. An empty answer is an answer; a failure is not "no fire"."""

    source: str
    origin: str
    at_ms: int
    outcome: str  # "data" | "empty" | "unchanged" | "failed" | "malformed"
    read: int  # rows in the content: accepted or duplicate or rejected
    detail: str  # for people; empty when all is well


class SourceSilent(Event, frozen=True, kw_only=True):
    """Nothing usable came from a source for longer than its cadence allows: its hazards are unknown, not over."""

    source: str
    origin: str  # the feed
    at_ms: int
    last_heard_ms: int | None


class SourceHeard(Event, frozen=True, kw_only=True):
    """A silent source answered again."""

    source: str
    origin: str
    at_ms: int


class StepTaken(Event, frozen=True, kw_only=True):
    """Observations acquired up to `now_ms` were followed; every later decision of the step carries this time."""

    now_ms: int


class HazardsChanged(Event, frozen=True, kw_only=True):
    """What the step did to hazards: one row for each hazard touched (stages.hazards.CHANGES, Arrow IPC)."""

    now_ms: int
    table: bytes


class HazardsArchived(Event, frozen=True, kw_only=True):
    """Hazards that nothing can change any more left the state (stages.hazards.ARCHIVED, Arrow IPC)."""

    now_ms: int
    table: bytes


class ExposuresChanged(Event, frozen=True, kw_only=True):
    """Places that came within reach, came nearer, or left it (stages.exposure.CHANGES, Arrow IPC)."""

    now_ms: int
    table: bytes


class ReachChanged(Event, frozen=True, kw_only=True):
    """Places that fires could reach, or no longer could: advice, no exposure (stages.reach.CHANGES, Arrow IPC)."""

    now_ms: int
    table: bytes


class IncidentOpened(Event, frozen=True, kw_only=True):
    """Responders have something to work on."""

    now_ms: int
    incident: str
    kind: str
    hazard: str
    priority: int  # 1 (now) … 4 (watch)
    reasons: list[str]  # codes of why, e.g. "population:4500"


class IncidentChanged(Event, frozen=True, kw_only=True):
    """Another hazard joined, or the priority moved. Priority never sinks while the incident is open."""

    now_ms: int
    incident: str
    hazards: list[str]  # all of them, in order of joining
    priority: int
    reasons: list[str]


class IncidentMerged(Event, frozen=True, kw_only=True):
    """Two incidents proved to be one event; `incident` goes on as `into`."""

    now_ms: int
    incident: str
    into: str


class IncidentClosed(Event, frozen=True, kw_only=True):
    """Every hazard of the incident ended, or no place lies within its reach any more."""

    now_ms: int
    incident: str
    reason: str


class WarningDrafted(Event, frozen=True, kw_only=True):
    """A CAP message was written for an incident, for nobody outside yet; a newer draft of its thread replaces it."""

    version: ClassVar[int] = 2  # 1 knew neither `kind` nor `drafted_by`
    now_ms: int
    identifier: str
    thread: str  # one for each incident
    incident: str  # or by-hand-…: an event that nothing here follows
    kind: str  # of the event: "fire", "earthquake"; written by hand also "flood", …
    msg_type: str  # "Alert" | "Update" | "Cancel"
    status: str
    references: str  # CAP references: what was sent in the thread and still lasts; empty for an Alert
    expires_ms: int
    severity: str
    places: list[str]  # ids of the places it warns
    reasons: list[str]  # why now: "new-place", "severity", "expiry-near", "all-clear", …
    drafted_by: str  # "almenara", or the name of a person
    xml: bytes  # the message as it would be sent, not yet signed


class WarningApproved(Event, frozen=True, kw_only=True):
    """One yes to a draft."""

    now_ms: int
    identifier: str
    by: str  # the name of a person, or "policy"


class WarningRejected(Event, frozen=True, kw_only=True):
    """A draft was dropped: a person said no, or it lapsed or lost its cause before anyone said yes."""

    now_ms: int
    identifier: str
    by: str  # the name of a person, or "almenara"
    reason: str


class WarningSent(Event, frozen=True, kw_only=True):
    """A message left for the channels. From here on nobody changes it: these bytes are what everyone gets."""

    now_ms: int
    identifier: str
    thread: str
    msg_type: str
    expires_ms: int
    xml: bytes  # the approved draft, signed where a key is configured
    sha256: str  # of `xml`
    signed: bool


class WarningExpired(Event, frozen=True, kw_only=True):
    """The thread's last message ran out and nothing called for another."""

    now_ms: int
    identifier: str
    thread: str


class WarningPolicySet(Event, frozen=True, kw_only=True):
    """How the house warns from now on (stages.public_warnings.Policy), as far as that may change within a run."""

    version: ClassVar[int] = 3  # 1 knew only `approval` and `signed`, 2 neither `expiry_near_ms` nor `growth`
    #: The fields that the policy takes over as they are.
    SETTINGS: ClassVar[tuple[str, ...]] = (
        "approval",
        "sender_name",
        "web",
        "contact",
        "emergency_number",
        "quiet_ms",
        "expiry_near_ms",
        "growth",
        "expires_ms",
    )
    now_ms: int
    approval: dict[str, str]  # "default" | kind | kind/severity → "automatic" | "one" | "four-eyes"
    signed: bool  # nothing leaves that is not signed
    languages: list[str]
    sender_name: str | None
    web: str | None
    contact: str | None
    emergency_number: str | None
    quiet_ms: int
    expiry_near_ms: int
    growth: float  # a factor
    expires_ms: dict[str, int]  # by kind


class DeliveryResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of one attempt to deliver a message to one recipient of a channel."""

    recipient: str  # the short id of a configured endpoint (ports.Channel.recipients)
    attempt: int  # 1, 2, …
    outcome: str  # "delivered" | "failed" | "refused" | "dead" | "superseded"
    detail: str  # for people
    receipt: str  # the peer's id or answer; empty unless delivered
    next_ms: int  # when it is tried again; 0 when it is not


class DeliveriesRecorded(Event, frozen=True, kw_only=True):
    """A batch of attempts to deliver one message by one channel. Nothing is delivered before this is durable."""

    now_ms: int
    channel: str
    identifier: str
    results: list[DeliveryResult]


class ChannelTested(Event, frozen=True, kw_only=True):
    """A message of status Test went to those endpoints of a channel that may get one; it is in no thread or outbox."""

    now_ms: int
    channel: str
    identifier: str
    by: str
    xml: bytes
    results: list[DeliveryResult]


class DeliveriesRetried(Event, frozen=True, kw_only=True):
    """Dead letters of a channel were put back into its queue."""

    now_ms: int
    channel: str
    identifier: str
    recipients: list[str]
    by: str


class ChannelPaused(Event, frozen=True, kw_only=True):
    """A channel sends nothing until it is resumed; what waits goes on waiting, and may run out meanwhile."""

    now_ms: int
    channel: str
    by: str
    reason: str


class ChannelResumed(Event, frozen=True, kw_only=True):
    """A paused channel sends again."""

    now_ms: int
    channel: str
    by: str
    reason: str


class AttentionGiven(Event, frozen=True, kw_only=True):
    """A person has seen what the service raised an alarm for."""

    now_ms: int
    kind: str  # "incident" | "source" | "channel"
    subject: str  # its id
    priority: int  # of an incident at that moment; 0 of what has none
    by: str


class HazardLabelled(Event, frozen=True, kw_only=True):
    """A person said what a hazard is, or that it is none; it is followed all the same."""

    now_ms: int
    hazard: str
    label: str  # stages.attention.LABELS
    reason: str
    by: str


class HazardUnlabelled(Event, frozen=True, kw_only=True):
    """A person took a label back."""

    now_ms: int
    hazard: str
    by: str


class Audited(Event, frozen=True, kw_only=True):
    """What somebody of the agency's own staff, or a program with a key, did in the system or was refused.

    What other events tell with their `by` is not told twice.
    """

    now_ms: int
    by: str  # the account's name, "api-key/…", "command line: …", or "nobody" who was let in
    action: str  # "sign-in", "people.grant", "read.audit", an action or a command that was refused, …
    subject: str  # whom or what it concerns, may be empty
    outcome: str  # "done" | "refused"
    detail: str  # for people, may be empty; never a secret


EVENTS: dict[str, type[Event]] = {event.__name__: event for event in Event.__subclasses__()}
