"""What persons order of the warnings; each order that makes no sense as things stand is refused by name."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from almenara.model.cap import Alert, MsgType
from almenara.model.commands import (
    ApproveWarning,
    CancelWarning,
    DraftByHand,
    GiveAllClear,
    RejectWarning,
    SendUpdate,
    Wording,
)
from almenara.model.errors import CommandRefused
from almenara.model.events import WarningApproved, WarningDrafted, WarningRejected
from almenara.stages.public_warnings import draft_of, rule_of, threads, whole
from almenara.stages.public_warnings.approval import is_among, is_approved, person
from almenara.stages.public_warnings.by_hand import (
    area_of,
    check_statement,
    compose_by_hand,
    incident_of,
    is_by_hand,
)
from almenara.stages.public_warnings.drafting import Envelope, compose, judge, read_message
from almenara.stages.public_warnings.endings import BY_PERSON, compose_all_clear, compose_cancel, reworded
from almenara.stages.public_warnings.profiles import demand
from almenara.stages.public_warnings.situation import HOUR_MS, Policy, Situation, bare
from almenara.stages.public_warnings.templates import Words
from almenara.stages.public_warnings.threads import Draft, State, Thread

REASON_CHARS_MAX = 500
#: An all-clear is to be read by those who saw the warning, however soon that would have run out.
ALL_CLEAR_MS_MIN = HOUR_MS

WarningOrder = ApproveWarning | RejectWarning | SendUpdate | CancelWarning | GiveAllClear | DraftByHand
#: The situation of an incident as it is now; None when it is not open any more.
Look = Callable[[str], Situation | None]


def order(
    state: State, command: WarningOrder, by: str, look: Look, now_ms: int, policy: Policy, words: Words
) -> list[WarningDrafted | WarningApproved | WarningRejected]:
    """What a person's order amounts to. Raises CommandRefused, naming why, when it makes no sense as things stand.

    A draft that is approved now is still to be sent (`public_warnings.send`); `is_ready` says whether it is.
    """
    by = person(by)
    if isinstance(command, ApproveWarning):
        return [_approve(state, command.identifier, by, now_ms, policy)]
    if isinstance(command, RejectWarning):
        thread, draft = _draft(state, command.identifier)
        return [WarningRejected(now_ms=now_ms, identifier=draft.identifier, by=by, reason=reason_of(command.reason))]
    if isinstance(command, DraftByHand):
        known, event = _by_hand(state, command, by, now_ms, policy, words)
        demand(event.xml, policy.profiles)
        return [event, *_first_yes(known, event, by, now_ms, policy)]
    thread = _thread(state, command.thread)
    if isinstance(command, SendUpdate):
        event = _update(thread, command.wording, by, look, now_ms, policy, words)
    elif isinstance(command, CancelWarning):
        event = _cancel(thread, command, by, look, now_ms, policy, words)
    else:
        event = _all_clear(thread, command.wording, by, look, now_ms, policy, words)
    demand(event.xml, policy.profiles)
    return [event, *_first_yes(thread, event, by, now_ms, policy)]


def is_ready(state: State, identifier: str, policy: Policy) -> bool:
    """Whether a draft has every yes that it needs."""
    thread, draft = state.get_draft(identifier)
    return bool(draft.approved_by) and is_approved(rule_of(thread, draft, policy), draft.drafted_by, draft.approved_by)


def _first_yes(
    thread: Thread | None, event: WarningDrafted, by: str, now_ms: int, policy: Policy
) -> list[WarningApproved]:
    """Who drafts says yes by it; that is noted as an approval when no other yes is needed."""
    enough = is_approved(rule_of(thread, event, policy), by, [])
    return [WarningApproved(now_ms=now_ms, identifier=event.identifier, by=by)] if enough else []


def _approve(state: State, identifier: str, by: str, now_ms: int, policy: Policy) -> WarningApproved:
    _, draft = _draft(state, identifier)
    demand(draft.xml, policy.profiles)
    if draft.stale_ms <= now_ms:
        raise CommandRefused(
            "out-of-date",
            f"{identifier} or what it refers to ran out before it was approved; a new draft follows where needed.",
        )
    if is_among(by, draft.drafted_by, draft.approved_by):
        raise CommandRefused("same-person", f"{by} stands behind {identifier} already: a second person has to say yes.")
    return WarningApproved(now_ms=now_ms, identifier=identifier, by=by)


def _by_hand(
    state: State, command: DraftByHand, by: str, now_ms: int, policy: Policy, words: Words
) -> tuple[Thread | None, WarningDrafted]:
    said, area = command.statement, area_of(command.area)
    check_statement(said, policy, words)
    incident = incident_of(said, area, now_ms)
    thread = state.threads.get(incident)
    if command.thread is not None:
        thread = _thread(state, command.thread)
        incident = thread.incident
        if not is_by_hand(incident):
            raise CommandRefused("not-by-hand", f"{thread.id} follows an incident: order its update instead.")
        if said.kind != thread.kind:
            raise CommandRefused("other-kind", f"{thread.id} is a warning of kind {thread.kind}, not {said.kind}.")
    elif thread is not None:
        raise CommandRefused("drafted-already", f"{thread.id} says just that; name it to say more of the same event.")
    kind = MsgType.UPDATE if thread is not None and thread.in_force(now_ms) else MsgType.ALERT
    envelope = threads.envelope(kind, thread, incident, now_ms, whole(now_ms + round(said.expires_h * HOUR_MS)))
    alert, situation = compose_by_hand(said, area, envelope, incident, policy, words)
    return thread, draft_of(alert, situation, envelope, [], ["by-hand"], by)


def _update(
    thread: Thread, wording: Mapping[str, Wording], by: str, look: Look, now_ms: int, policy: Policy, words: Words
) -> WarningDrafted:
    if is_by_hand(thread.incident):
        raise CommandRefused(
            "by-hand", f"{thread.id} was written by hand: `almenara warnings draft --thread {thread.id}` updates it."
        )
    situation = look(thread.incident)
    if situation is None or not situation.places:
        raise CommandRefused(
            "nothing-to-warn-of", f"{thread.id}: no place is threatened any more. Cancel it or give the all-clear."
        )
    kind = MsgType.UPDATE if thread.in_force(now_ms) else MsgType.ALERT
    expires_ms = whole(now_ms + policy.expires_ms[situation.kind])
    envelope = threads.envelope(kind, thread, situation.incident, now_ms, expires_ms)
    alert = reworded(compose(situation, judge(situation), envelope, policy, words), wording, policy, words)
    return draft_of(alert, situation, envelope, sorted(p.id for p in situation.places), ["by-order"], by)


def _cancel(
    thread: Thread, command: CancelWarning, by: str, look: Look, now_ms: int, policy: Policy, words: Words
) -> WarningDrafted:
    reason = reason_of(command.reason)
    situation, last = _taken_back(thread, "cancel", look, now_ms)
    envelope = threads.envelope(MsgType.CANCEL, thread, thread.incident, now_ms, thread.expires_ms)
    alert = reworded(compose_cancel(situation, last, envelope, policy, words), command.wording, policy, words)
    return _ending(thread, alert, situation, envelope, reason, by)


def _all_clear(
    thread: Thread, wording: Mapping[str, Wording], by: str, look: Look, now_ms: int, policy: Policy, words: Words
) -> WarningDrafted:
    situation, last = _taken_back(thread, "all-clear", look, now_ms)
    if thread.said is not None and thread.said.all_clear:
        raise CommandRefused("all-clear-already", f"{thread.id}: {thread.identifier} gave the all-clear already.")
    expires_ms = whole(max(thread.expires_ms, now_ms + ALL_CLEAR_MS_MIN))
    envelope = threads.envelope(MsgType.UPDATE, thread, thread.incident, now_ms, expires_ms)
    alert = reworded(compose_all_clear(situation, last, envelope, policy, words), wording, policy, words)
    return _ending(thread, alert, situation, envelope, "all-clear", by)


def _ending(
    thread: Thread, alert: Alert, situation: Situation, envelope: Envelope, reason: str, by: str
) -> WarningDrafted:
    assert thread.said is not None
    return draft_of(alert, situation, envelope, sorted(thread.said.places), [reason], by)


def _taken_back(thread: Thread, what: str, look: Look, now_ms: int) -> tuple[Situation, Alert]:
    """What an ending is written from: the incident without its places, whose area is that of the message in force."""
    if not thread.in_force(now_ms):
        waits = f"; reject the draft {thread.draft.identifier} instead" if thread.draft is not None else ""
        raise CommandRefused("nothing-in-force", f"{thread.id}: no warning is in force to {what}{waits}.")
    known = look(thread.incident)
    assert thread.said is not None
    if known is not None:
        gone = replace(known, footprint=None, area_km2=None, places=(), ended=True, end_reason=BY_PERSON)
    else:
        blank = bare(thread.incident, thread.kind, now_ms)
        gone = replace(blank, last_seen_ms=thread.said.last_seen_ms, ended=True, end_reason=BY_PERSON)
    return gone, read_message(thread.xml)


def _draft(state: State, identifier: str) -> tuple[Thread, Draft]:
    """The draft of that identifier, or the reason why there is none."""
    found = state.find_draft(identifier)
    if found is not None:
        return found
    thread = next((t for t in state.threads.values() if identifier.startswith(f"{t.id}-")), None)
    if thread is None:
        raise CommandRefused("unknown", f"There is no draft {identifier!r}: see `almenara warnings list`.")
    if identifier == thread.identifier or any(identifier == old.identifier for old in thread.earlier):
        raise CommandRefused("already-sent", f"{identifier} was sent, and what was sent is frozen.")
    if thread.draft is not None:
        raise CommandRefused("replaced", f"{identifier} waits no longer: {thread.draft.identifier} took its place.")
    raise CommandRefused("not-waiting", f"{identifier} does not wait for approval: it was sent, rejected or lapsed.")


def _thread(state: State, name: str) -> Thread:
    """By the thread's name, the incident's, or the identifier of the newest message."""
    for thread in state.threads.values():
        draft = thread.draft.identifier if thread.draft is not None else ""
        if name and name in (thread.id, thread.incident, thread.identifier, draft):
            return thread
    raise CommandRefused("unknown", f"There is no warning {name!r}: see `almenara warnings list`.")


def reason_of(reason: str) -> str:
    """A reason on one line. Raises CommandRefused for none, or one that is too long to stay in the log."""
    kept = " ".join("".join(c if c.isprintable() else " " for c in reason).split())
    if not kept or len(kept) > REASON_CHARS_MAX:
        raise CommandRefused("no-reason", f"Say why, in 1 to {REASON_CHARS_MAX} characters: it stays in the log.")
    return kept
