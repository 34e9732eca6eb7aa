"""What an operator wants to read in a log file of what happened, one line for each, with its values beside it."""

import logging
from typing import Any

from almenara.model import events as e
from almenara.model.events import Event

_logger = logging.getLogger("almenara.chain")


def tell(events: list[Event]) -> None:
    """Log what became durable, as far as a person would want to know."""
    for event in events:
        words, fields = _told(event)
        if words:
            level = logging.WARNING if isinstance(event, e.SourceSilent | e.ChannelPaused) else logging.INFO
            _logger.log(level, words, extra={"fields": fields})


def _told(event: Event) -> tuple[str, dict[str, Any]]:
    match event:
        case e.SourcePolled(outcome="failed" | "malformed"):
            return "a feed did not answer as it should", {"feed": event.origin, "detail": event.detail}
        case e.SourceSilent():
            return "a feed fell silent: no data is not no fire", {"feed": event.origin}
        case e.SourceHeard():
            return "a silent feed is heard again", {"feed": event.origin}
        case e.RowsRejected():
            return "rows were put into quarantine", {"feed": event.origin, "reasons": event.reasons}
        case e.IncidentOpened():
            return "incident opened", {"incident": event.incident, "priority": event.priority}
        case e.IncidentClosed():
            return "incident closed", {"incident": event.incident, "reason": event.reason}
        case e.WarningDrafted():
            return "warning drafted", {"identifier": event.identifier, "by": event.drafted_by}
        case e.WarningApproved():
            return "warning approved", {"identifier": event.identifier, "by": event.by}
        case e.WarningRejected():
            return "draft dropped", {"identifier": event.identifier, "by": event.by, "reason": event.reason}
        case e.WarningSent():
            return "warning sent", {"identifier": event.identifier, "msg_type": event.msg_type, "signed": event.signed}
        case e.DeliveriesRecorded():
            outcomes = [result.outcome for result in event.results]
            counted = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
            return "delivery", {"channel": event.channel, "identifier": event.identifier, **counted}
        case e.ChannelPaused():
            return "channel paused", {"channel": event.channel, "by": event.by, "reason": event.reason}
        case e.ChannelResumed():
            return "channel resumed", {"channel": event.channel, "by": event.by}
        case e.AttentionGiven():
            return "acknowledged", {"subject": event.subject, "by": event.by}
        case e.HazardLabelled():
            return "hazard labelled", {"hazard": event.hazard, "label": event.label, "by": event.by}
    return "", {}
