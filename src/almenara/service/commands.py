"""What operators ask for, done on a session: one function, whoever calls it (command line, inbox, API)."""

import msgspec

from almenara import pipeline
from almenara.model.cap import MsgType
from almenara.model.commands import (
    Acknowledge,
    AnyCommand,
    LabelHazard,
    PauseChannel,
    RecordTest,
    ResumeChannel,
    RetryDeliveries,
    UnlabelHazard,
)
from almenara.model.errors import CommandRefused, InvalidWarning, StatusMismatch
from almenara.model.events import (
    ChannelPaused,
    ChannelResumed,
    ChannelTested,
    DeliveriesRetried,
    Event,
    HazardLabelled,
    WarningApproved,
    WarningRejected,
)
from almenara.ports import Outgoing, Test
from almenara.service.session import Session
from almenara.stages import attention, outbox, public_warnings
from almenara.stages.outbox import Progress
from almenara.stages.public_warnings import orders
from almenara.stages.public_warnings.approval import person


def handle(session: Session, command: AnyCommand, by: str, now_ms: int) -> list[Event]:
    """Do what a person asks and make it durable; returns what happened. Raises CommandRefused, and nothing changed."""
    by = person(by)
    now_ms = max(now_ms, session.state.now_ms)
    if isinstance(command, PauseChannel | ResumeChannel | RetryDeliveries):
        events: list[Event] = list(_of_channel(session.state.outbox, command, by, now_ms))
        for event in events:
            session.take(event)
    elif isinstance(command, RecordTest):
        events = [_tested(command, by, now_ms)]
        session.take(events[0])
    elif isinstance(command, Acknowledge | LabelHazard | UnlabelHazard):
        events = _of_attention(session, command, by, now_ms)
        for event in events:
            session.take(event)
    else:
        events = _of_warning(session, command, by, now_ms)
    session.commit()
    return events


def _of_warning(session: Session, command: orders.WarningOrder, by: str, now_ms: int) -> list[Event]:
    state = session.state
    if state.policy.signed and session.clockwork.sign is None:
        raise CommandRefused("no-signer", "What this log sends is signed: give the configuration that names the key.")
    decided = orders.order(
        state.warnings,
        command,
        by,
        lambda incident: pipeline.look(state, incident),
        now_ms,
        state.policy,
        session.words,
    )
    events: list[Event] = []
    for event in decided:
        events.append(event)
        state = pipeline.evolve(state, event)
        if isinstance(event, WarningApproved) and orders.is_ready(state.warnings, event.identifier, state.policy):
            sign = session.clockwork.sign
            events.append(public_warnings.send(state.warnings, event.identifier, now_ms, state.policy, sign))
            state = pipeline.evolve(state, events[-1])
    session.queue(events)
    return events


def _tested(command: RecordTest, by: str, now_ms: int) -> ChannelTested:
    xml = command.message.encode()
    try:
        message = Outgoing(xml, "", Test)
    except (InvalidWarning, StatusMismatch) as error:
        raise CommandRefused("no-test", f"Only a message of status Test is noted as a test: {error}") from error
    if message.identifier != command.identifier:
        raise CommandRefused("no-test", f"The message is {message.identifier}, not {command.identifier}.")
    return ChannelTested(
        now_ms=now_ms,
        channel=command.channel,
        identifier=command.identifier,
        by=by,
        xml=xml,
        results=command.results,
    )


def _of_attention(session: Session, command: attention.AttentionOrder, by: str, now_ms: int) -> list[Event]:
    """What was seen or labelled; a hazard that is none needs no draft, but what was sent is taken back by a person."""
    state = session.state

    def priority_of(kind: str, name: str) -> int | None:
        if kind == "incident":
            incident = state.incidents.incidents.get(name)
            return None if incident is None else incident.priority
        if kind == "source":
            return 0 if name in state.health.feeds else None
        if kind == "channel":
            return 0 if name in state.outbox.health else None
        return 0 if _is_followed(state, name) else None

    if isinstance(command, LabelHazard):
        command = msgspec.structs.replace(command, reason=orders.reason_of(command.reason))
    done = attention.order(state.attention, command, by, priority_of, now_ms)
    events: list[Event] = [done]
    if isinstance(done, HazardLabelled):
        incident = state.incidents.incidents.get(state.incidents.of_hazard.get(done.hazard, ""))
        labelled = state.attention.labels.keys() | {done.hazard}
        thread = state.warnings.threads.get(incident.id) if incident is not None else None
        draft = thread.draft if thread is not None else None
        nothing = incident is not None and labelled.issuperset(incident.hazards)
        if nothing and draft is not None and draft.msg_type != MsgType.CANCEL:
            reason = f"{done.label}: {done.reason}"[: orders.REASON_CHARS_MAX]
            events.append(WarningRejected(now_ms=now_ms, identifier=draft.identifier, by=by, reason=reason))
    return events


def _is_followed(state: pipeline.State, hazard: str) -> bool:
    for follower in state.hazards.values():
        try:
            follower.view(hazard)
        except KeyError:
            continue
        return True
    return False


def _of_channel(
    state: outbox.State, command: PauseChannel | ResumeChannel | RetryDeliveries, by: str, now_ms: int
) -> list[ChannelPaused] | list[ChannelResumed] | list[DeliveriesRetried]:
    name = command.channel
    if not name:
        raise CommandRefused("unknown", "Name a channel.")
    paused = state.of(name).paused_by
    if isinstance(command, PauseChannel):
        if paused:
            raise CommandRefused("paused-already", f"{name} was paused by {paused} already.")
        return [ChannelPaused(now_ms=now_ms, channel=name, by=by, reason=command.reason[: orders.REASON_CHARS_MAX])]
    if isinstance(command, ResumeChannel):
        if not paused:
            raise CommandRefused("not-paused", f"{name} is not paused.")
        return [ChannelResumed(now_ms=now_ms, channel=name, by=by, reason=command.reason[: orders.REASON_CHARS_MAX])]
    letters = outbox.dead_letters(state, name)
    return _retried(state, name, command.identifier, letters, by, now_ms)


def _retried(
    state: outbox.State,
    channel: str,
    identifier: str | None,
    letters: list[tuple[str, str, Progress]],
    by: str,
    now_ms: int,
) -> list[DeliveriesRetried]:
    wanted: dict[str, list[str]] = {}
    for name, recipient, _ in letters:
        if identifier in (None, name) and state.messages[name].expires_ms > now_ms:
            wanted.setdefault(name, []).append(recipient)
    if not wanted:
        which = f" of {identifier}" if identifier else ""
        raise CommandRefused(
            "no-dead-letters", f"{channel} has no dead letters{which} whose message is still in force."
        )
    return [
        DeliveriesRetried(now_ms=now_ms, channel=channel, identifier=name, recipients=recipients, by=by)
        for name, recipients in wanted.items()
    ]
