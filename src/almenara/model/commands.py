"""What operators can ask for, as values: imperative, unlike events, and possibly refused."""

import msgspec

from almenara.model.cap import Certainty, Severity, Urgency
from almenara.model.errors import UsageError
from almenara.model.events import DeliveryResult

#: A command file, or the body of a request: longer ones are refused unread.
COMMAND_BYTES_MAX = 1024 * 1024


class Wording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An officer's own words in one language: the headline replaces the drafted one, the others are put before it."""

    headline: str = ""
    description: str = ""
    instruction: str = ""


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="command"):
    """One request. Who asks travels beside it."""


class ApproveWarning(Command, frozen=True, kw_only=True, tag="approve"):
    """Say yes to a draft, by its identifier: what was read is what is approved."""

    identifier: str


class RejectWarning(Command, frozen=True, kw_only=True, tag="reject"):
    """Drop a draft."""

    identifier: str
    reason: str


class SendUpdate(Command, frozen=True, kw_only=True, tag="update"):
    """Draft a message from the situation as it is now, without waiting for news."""

    thread: str  # or the identifier of any of its messages
    wording: dict[str, Wording] = {}  # by language


class CancelWarning(Command, frozen=True, kw_only=True, tag="cancel"):
    """Draft the Cancel of what is in force: it should not have been said, or holds no longer."""

    thread: str
    reason: str
    wording: dict[str, Wording] = {}


class GiveAllClear(Command, frozen=True, kw_only=True, tag="all-clear"):
    """Draft the all-clear of what is in force: the danger is over, by somebody who knows."""

    thread: str
    wording: dict[str, Wording] = {}


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an officer says of an event. Texts are one for all languages, or one for each: {"es": …, "en": …}."""

    kind: str  # one of the templates' kinds: flood, volcanic_ash, storm, evacuation, test, fire, earthquake
    area_name: str | dict[str, str]
    urgency: Urgency
    severity: Severity
    certainty: Certainty  # Observed, Likely or Possible
    onset_ms: int | None = None
    expires_h: float = 6.0
    values: dict[str, str | dict[str, str]] = {}  # by placeholder of the templates


#: As GeoJSON writes the coordinates of a MultiPolygon: polygons, their rings, longitude and latitude.
MultiPolygon = tuple[tuple[tuple[tuple[float, float], ...], ...], ...]


class DraftByHand(Command, frozen=True, kw_only=True, tag="draft"):
    """Draft an officer's own warning, of any event; or, with a thread, what is to be said of that event now."""

    statement: Statement
    area: MultiPolygon
    thread: str | None = None  # one that was begun by hand


class PauseChannel(Command, frozen=True, kw_only=True, tag="pause"):
    """Let nothing out by a channel until it is resumed."""

    channel: str
    reason: str = ""


class ResumeChannel(Command, frozen=True, kw_only=True, tag="resume"):
    """Let a paused channel send again."""

    channel: str
    reason: str = ""


class RetryDeliveries(Command, frozen=True, kw_only=True, tag="retry"):
    """Put a channel's dead letters back into its queue, those of one message or all."""

    channel: str
    identifier: str | None = None


class RecordTest(Command, frozen=True, kw_only=True, tag="tested"):
    """Write down that a Test message went to a channel's test endpoint, and what came of it."""

    channel: str
    identifier: str
    message: str  # its XML
    results: list[DeliveryResult]


class Acknowledge(Command, frozen=True, kw_only=True, tag="acknowledge"):
    """Say that an alarm was seen: of one incident, feed or channel."""

    incident: str | None = None
    source: str | None = None
    channel: str | None = None


class LabelHazard(Command, frozen=True, kw_only=True, tag="label"):
    """Say that a hazard is none, and why; the drafts that wait for it are dropped."""

    hazard: str
    label: str
    reason: str


class UnlabelHazard(Command, frozen=True, kw_only=True, tag="unlabel"):
    """Take the label of a hazard back."""

    hazard: str


AnyCommand = (
    ApproveWarning
    | RejectWarning
    | SendUpdate
    | CancelWarning
    | GiveAllClear
    | DraftByHand
    | PauseChannel
    | ResumeChannel
    | RetryDeliveries
    | RecordTest
    | Acknowledge
    | LabelHazard
    | UnlabelHazard
)

_decoder = msgspec.json.Decoder(AnyCommand)


def encode_command(command: AnyCommand) -> bytes:
    """As JSON, its kind under "command"."""
    return msgspec.json.encode(command)


def decode_command(data: bytes) -> AnyCommand:
    """The command in JSON.

    >>> decode_command(b'{"command": "approve", "identifier": "incident-fire-a-1"}')
    ApproveWarning(identifier='incident-fire-a-1')

    Raises UsageError that names what is wrong.
    """
    if len(data) > COMMAND_BYTES_MAX:
        raise UsageError(f"A command has at most {COMMAND_BYTES_MAX} bytes.")
    try:
        command: AnyCommand = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"That is no command: {error}.") from error
    return command
