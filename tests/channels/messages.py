"""Messages to send: sound CAP of any status and type."""

from datetime import UTC, datetime, timedelta
from typing import Any

from almenara.model.cap import (
    Alert,
    Area,
    Category,
    Certainty,
    Info,
    MsgType,
    Reference,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
    to_xml,
)
from almenara.ports import Outgoing, S

SENT = datetime(2024, 9, 3, 14, 0, tzinfo=UTC)
RING = ((-79.3, -4.3), (-79.1, -4.3), (-79.1, -4.1), (-79.3, -4.1), (-79.3, -4.3))


def alert(
    status: str,
    identifier: str = "incident-fire-a-1",
    msg_type: str = "Alert",
    lasts_h: float = 6,
    sent: datetime = SENT,
    **changes: Any,
) -> Alert:
    """A warning of a fire in Spanish and English."""
    infos = [
        Info(
            language=language,
            category=(Category.FIRE,),
            event=event,
            response_type=(ResponseType.PREPARE,),
            urgency=Urgency.IMMEDIATE,
            severity=Severity.SEVERE,
            certainty=Certainty.OBSERVED,
            expires=sent + timedelta(hours=lasts_h),
            headline=f"{status}: {event} — Vilcabamba",
            description="A large fire burns within 300 m of the town.",
            instruction="Be ready to leave.",
            area=(Area(area_desc="Vilcabamba", polygon=(RING,)),),
        )
        for language, event in (("es", "Incendio forestal"), ("en", "Wildfire"))
    ]
    values: dict[str, Any] = {
        "identifier": identifier,
        "sender": "alerts@agency.example",
        "sent": sent,
        "status": Status(status),
        "msg_type": MsgType(msg_type),
        "scope": Scope.PUBLIC,
        "info": tuple(infos),
    }
    if msg_type != "Alert":
        values["references"] = (Reference("alerts@agency.example", "incident-fire-a-0", SENT - timedelta(hours=1)),)
    return Alert(**(values | changes))


def outgoing(
    status: type[S], identifier: str = "incident-fire-a-1", msg_type: str = "Alert", **changes: Any
) -> Outgoing[S]:
    """The same as it leaves the house."""
    return Outgoing(to_xml(alert(status.word, identifier, msg_type, **changes)), "incident-fire-a", status)
