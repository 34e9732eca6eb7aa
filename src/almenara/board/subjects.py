"""What an event is about: the things on the board that it touches, by topic and id."""

from almenara.model import events as e
from almenara.model.events import Event
from almenara.model.observations import from_ipc
from almenara.stages.public_warnings.approval import MACHINE, POLICY

HAZARD, INCIDENT, WARNING, SOURCE, CHANNEL, PLACES, AUDIT = (
    "hazard",
    "incident",
    "warning",
    "source",
    "channel",
    "places",
    "audit",
)

Subject = tuple[str, str]  # topic, id


def subjects(event: Event) -> list[Subject]:
    """Everything that an event touches, each once; what a person did is also about the audit.

    >>> subjects(e.ChannelPaused(now_ms=0, channel="feed", by="Ana", reason=""))
    [('channel', 'feed'), ('audit', 'Ana')]
    """
    by = getattr(event, "by", None) or getattr(event, "drafted_by", None)
    person = [(AUDIT, by)] if by and by not in (MACHINE, POLICY) else []
    return [*dict.fromkeys(_touched(event)), *person]


def _touched(event: Event) -> list[Subject]:
    if isinstance(event, e.HazardsChanged):
        table = from_ipc(event.table)
        names = [*table.column("hazard_id").to_pylist(), *filter(None, table.column("into").to_pylist())]
        return [(HAZARD, name) for name in names]
    if isinstance(event, e.ExposuresChanged | e.ReachChanged | e.HazardsArchived):
        return [(HAZARD, name) for name in from_ipc(event.table).column("hazard_id").to_pylist()]
    if isinstance(event, e.IncidentOpened):
        return [(INCIDENT, event.incident), (HAZARD, event.hazard)]
    if isinstance(event, e.IncidentChanged):
        return [(INCIDENT, event.incident), *((HAZARD, name) for name in event.hazards)]
    if isinstance(event, e.IncidentMerged):
        return [(INCIDENT, event.incident), (INCIDENT, event.into)]
    if isinstance(event, e.IncidentClosed):
        return [(INCIDENT, event.incident)]
    if isinstance(event, e.WarningDrafted):
        return [(WARNING, event.identifier), (INCIDENT, event.incident)]
    if isinstance(event, e.WarningApproved | e.WarningRejected | e.WarningSent | e.WarningExpired):
        return [(WARNING, event.identifier)]
    if isinstance(event, e.DeliveriesRecorded | e.DeliveriesRetried):
        return [(CHANNEL, event.channel), (WARNING, event.identifier)]
    if isinstance(event, e.ChannelPaused | e.ChannelResumed | e.ChannelTested):
        return [(CHANNEL, event.channel)]
    if isinstance(event, e.AttentionGiven):
        return [(event.kind, event.subject)]
    if isinstance(event, e.HazardLabelled | e.HazardUnlabelled):
        return [(HAZARD, event.hazard)]
    if isinstance(event, e.SourcePolled | e.SourceSilent | e.SourceHeard):
        return [(SOURCE, event.origin)]
    if isinstance(event, e.ObservationsReceived | e.RowsRejected):
        return [(SOURCE, event.origin)]
    if type(event).__name__.startswith("Place"):
        return [(PLACES, "")]
    return []
