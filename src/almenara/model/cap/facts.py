"""What is followed of another authority's message: who speaks, of what, how grave, until when, instead of what."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import shapely

from almenara.model.cap.extent import shape
from almenara.model.cap.message import Alert, Certainty, Info, MsgType, ResponseType, Severity, Urgency

#: Longer words are cut, and of more items the first are kept: what people read in a list, not the message itself.
WORDS_MAX = 300
ITEMS_MAX = 50
#: Of the messages that a message refers to, the latest are kept.
REFERENCES_MAX = 1000

#: From the least to the gravest; what is unknown may be grave.
SEVERITIES = (Severity.MINOR, Severity.MODERATE, Severity.UNKNOWN, Severity.SEVERE, Severity.EXTREME)
URGENCIES = (Urgency.PAST, Urgency.FUTURE, Urgency.UNKNOWN, Urgency.EXPECTED, Urgency.IMMEDIATE)
CERTAINTIES = (Certainty.UNLIKELY, Certainty.UNKNOWN, Certainty.POSSIBLE, Certainty.LIKELY, Certainty.OBSERVED)


class Words(msgspec.Struct, frozen=True):
    """What a message says in one language."""

    language: str
    event: str
    headline: str
    area: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One message. Severity, urgency and certainty are those of its gravest info."""

    sender: str
    identifier: str
    sent_ms: int
    status: str  # CAP: "Actual", "Exercise", …
    msg_type: str  # CAP: "Alert", "Update", "Cancel"; also "Ack", "Error"
    scope: str
    replaces: tuple[tuple[str, int], ...]  # identifier and time (ms) of the sender's own messages that it refers to
    severity: str = Severity.UNKNOWN.value
    urgency: str = Urgency.UNKNOWN.value
    certainty: str = Certainty.UNKNOWN.value
    onset_ms: int | None = None
    expires_ms: int | None = None  # None: one info at least does not say
    all_clear: bool = False  # every info says that the threat is over
    words: tuple[Words, ...] = ()
    geocodes: tuple[str, ...] = ()  # "SAME=006037"
    sender_name: str = ""
    web: str = ""
    signed_by: str = ""  # the trusted certificate's subject, where signatures are demanded

    @property
    def name(self) -> str:
        """Sender and identifier: what no other message has."""
        return f"{self.sender},{self.identifier}"


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(Facts)


def encode(facts: Facts) -> bytes:
    """As MessagePack; equal facts give equal bytes."""
    return _encoder.encode(facts)


def decode(data: bytes) -> Facts:
    """The facts that `encode` wrote."""
    return _decoder.decode(data)


def facts_of(alert: Alert, signed_by: str = "") -> Facts:
    """The facts of a message. References to other senders' messages are left out: nobody replaces another's warning."""
    own = [(r.identifier, to_ms(r.sent)) for r in alert.references if r.sender == alert.sender]
    threats = threatening(alert)
    infos = threats or alert.info
    said = {}
    if infos:
        gravest = max(infos, key=_gravity)
        said = {name: str(getattr(gravest, name)) for name in ("severity", "urgency", "certainty")}
    begins = [to_ms(time) for info in infos if (time := info.onset or info.effective) is not None]
    ends = [to_ms(info.expires) for info in infos if info.expires is not None]
    codes = dict.fromkeys(f"{c.value_name}={c.value}" for info in infos for area in info.area for c in area.geocode)
    return Facts(
        sender=alert.sender,
        identifier=alert.identifier,
        sent_ms=to_ms(alert.sent),
        status=alert.status.value,
        msg_type=alert.msg_type.value,
        scope=alert.scope.value,
        replaces=tuple(sorted(sorted(set(own), key=lambda r: (-r[1], r[0]))[:REFERENCES_MAX])),
        **said,
        onset_ms=min(begins) if begins else None,
        expires_ms=max(ends) if ends and len(ends) == len(infos) else None,
        all_clear=bool(alert.info) and not threats,
        words=tuple(_words(info) for info in infos[:ITEMS_MAX]),
        geocodes=tuple(_cut(code) for code in list(codes)[:ITEMS_MAX]),
        sender_name=_cut(next((info.sender_name for info in infos if info.sender_name), "")),
        web=_cut(next((info.web for info in infos if info.web), "")),
        signed_by=signed_by,
    )


def footprint_of(alert: Alert) -> bytes | None:
    """WKB of where the threat is, in degrees and cut at ±180; None when the message draws nothing with an extent."""
    found = shape([area for info in threatening(alert) for area in info.area])
    return None if found.is_empty else bytes(shapely.to_wkb(shapely.normalize(found)))


def threatening(alert: Alert) -> Sequence[Info]:
    """The infos that do not say that all is clear."""
    return [info for info in alert.info if ResponseType.ALL_CLEAR not in info.response_type]


def to_ms(time: datetime) -> int:
    """Milliseconds since 1970."""
    return int(time.timestamp()) * 1000


def is_offer(facts: Facts) -> bool:
    """Whether the message warns of something, as against taking back, clearing or acknowledging."""
    return facts.msg_type in (MsgType.ALERT, MsgType.UPDATE) and not facts.all_clear


def _gravity(info: Info) -> tuple[int, int, int]:
    return SEVERITIES.index(info.severity), URGENCIES.index(info.urgency), CERTAINTIES.index(info.certainty)


def _words(info: Info) -> Words:
    area = "; ".join(dict.fromkeys(area.area_desc.strip() for area in info.area))
    return Words(info.language or "en-US", _cut(info.event), _cut(info.headline or ""), _cut(area))


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= WORDS_MAX else f"{plain[: WORDS_MAX - 1]}…"
