"""Public warnings: one thread of CAP messages for each incident, spoken when there is news and not otherwise.

The life of a message: drafted → approved → sent → updated | cancelled | all-clear | expired. A draft may also be
rejected, lapse, or give way to a newer one; nothing that was not sent is ever referred to, and what was sent is frozen.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

from almenara.model.cap import Alert, Certainty, MsgType, Severity, to_xml
from almenara.model.errors import CommandRefused, InvalidWarning
from almenara.model.events import (
    Event,
    WarningApproved,
    WarningDrafted,
    WarningExpired,
    WarningRejected,
    WarningSent,
)
from almenara.stages.public_warnings import threads
from almenara.stages.public_warnings.approval import AUTOMATIC, MACHINE, POLICY, rule_for
from almenara.stages.public_warnings.area import uncovered, warning_area
from almenara.stages.public_warnings.by_hand import KEPT_MS, is_by_hand
from almenara.stages.public_warnings.drafting import Envelope, Judgement, compose, judge, read_message, seal
from almenara.stages.public_warnings.endings import compose_cancel
from almenara.stages.public_warnings.letting_out import check_same, stamped
from almenara.stages.public_warnings.profiles import breaches, rehearse
from almenara.stages.public_warnings.situation import Policy, Situation, ThreatenedPlace, check_policy
from almenara.stages.public_warnings.templates import Words, read_words, shipped
from almenara.stages.public_warnings.threads import Account, Draft, State, Thread, thread_id

__all__ = [
    "EVENTS",
    "Draft",
    "Policy",
    "Signer",
    "Situation",
    "State",
    "Thread",
    "ThreatenedPlace",
    "Words",
    "check_policy",
    "decide",
    "due",
    "evolve",
    "forget",
    "read_words",
    "rehearse",
    "rule_of",
    "send",
    "shipped",
    "uncovered",
    "warning_area",
]

EVENTS = (WarningDrafted, WarningApproved, WarningRejected, WarningSent, WarningExpired)
Decision = WarningDrafted | WarningApproved | WarningRejected | WarningSent | WarningExpired

#: Signs a message: its bytes in, the signed bytes out. Not pure (ECDSA draws dice), so it is handed in, and what came
#: out is an event.
Signer = Callable[[bytes], bytes]

_SEVERITIES = (Severity.UNKNOWN, Severity.MINOR, Severity.MODERATE, Severity.SEVERE, Severity.EXTREME)
_CERTAINTIES = (Certainty.UNKNOWN, Certainty.UNLIKELY, Certainty.POSSIBLE, Certainty.LIKELY, Certainty.OBSERVED)


def decide(state: State, situations: Sequence[Situation], now_ms: int, policy: Policy, words: Words) -> list[Decision]:
    """The messages that the situations call for, those the policy approves by itself, and what ran out.

    A first message is an Alert. An Update follows at once for a new place, a higher severity or certainty, and when the
    end is near while the hazard was seen again; after the policy's quiet time also for growth, places no longer
    threatened, and lower severity or certainty. An ended incident's warning is cancelled. A hazard that is seen again
    after its warning ran out is warned of anew, as an Alert, because nothing is left to refer to.

    News is measured against the newest draft: one that waits is not written again for nothing, and one that a person
    rejected is not proposed again before there is more to say, or it would have run out.

    Raises InvalidWarning when a message cannot be proved (see `drafting.seal`).
    """
    events: list[Decision] = []
    told: set[str] = set()  # sent at once, so what went before neither expires nor lapses by itself
    redrafted: set[str] = set()
    for situation in {s.incident: s for s in situations}.values():
        thread = state.threads.get(situation.incident)
        event = _next(thread, situation, now_ms, policy, words)
        if event is None:
            continue
        events.append(event)
        redrafted.add(situation.incident)
        if isinstance(event, WarningDrafted) and _leaves_by_itself(thread, event, policy):
            events.append(WarningApproved(now_ms=now_ms, identifier=event.identifier, by=POLICY))
            told.add(situation.incident)
    for incident, expires_ms in sorted(state.open.items()):
        if expires_ms <= now_ms and incident not in told:
            thread = state.threads[incident]
            events.append(WarningExpired(now_ms=now_ms, identifier=thread.identifier, thread=thread.id))
    for thread, draft in list(state.drafts()):
        if draft.stale_ms <= now_ms and thread.incident not in redrafted:
            events.append(_withdrawn(draft, now_ms, "lapsed: nobody approved it in time"))
    return events


def send(state: State, identifier: str, now_ms: int, policy: Policy, sign: Signer | None = None) -> WarningSent:
    """Send a draft that has its approval: stamped with this moment, signed where the policy says so, read back.

    Raises InvalidWarning when the bytes do not say what was approved, CommandRefused where nobody here can sign.
    """
    if policy.signed and sign is None:
        raise CommandRefused("no-signer", "What this log sends is signed: give the configuration that names the key.")
    thread, draft = state.get_draft(identifier)
    assert draft.approved_by, "nothing is sent that nobody approved"
    approved = read_message(draft.xml)
    out = stamped(approved, draft.now_ms, now_ms)
    xml = to_xml(out) if out != approved else draft.xml
    if policy.signed and sign is not None:
        xml = sign(xml)
    back = read_message(xml)
    check_same(back, approved)
    if back != out:
        raise InvalidWarning(f"{identifier}: what was read back is not what was to be sent.")
    lasts_ms = 0 if draft.msg_type == MsgType.CANCEL else whole(now_ms) - whole(draft.now_ms)
    if broken := breaches(xml, policy.profiles):
        raise InvalidWarning(f"{identifier} breaks a profile that is switched on: {'; '.join(map(str, broken))}")
    return WarningSent(
        now_ms=now_ms,
        identifier=identifier,
        thread=thread.id,
        msg_type=draft.msg_type,
        expires_ms=draft.expires_ms + lasts_ms,
        xml=xml,
        sha256=hashlib.sha256(xml).hexdigest(),
        signed=policy.signed,
    )


def evolve(state: State, event: Event) -> State:
    """Take in one decision of this stage."""
    if isinstance(event, WarningDrafted):
        if is_by_hand(event.incident):
            forget(state, _long_over(state, event.now_ms))
        state.put(threads.drafted(state.threads.get(event.incident), event))
    elif isinstance(event, WarningApproved | WarningRejected | WarningSent):
        thread, draft = state.get_draft(event.identifier)
        if isinstance(event, WarningApproved):
            state.put(threads.approved(thread, draft, event.by))
        else:
            state.put(
                threads.sent(thread, event) if isinstance(event, WarningSent) else threads.dropped(thread, event.by)
            )
    elif isinstance(event, WarningExpired):
        for incident in [name for name in state.open if state.threads[name].id == event.thread]:
            state.put(threads.expired(state.threads[incident]))
    return state


def forget(state: State, incidents: Iterable[str]) -> State:
    """Let go of the threads of incidents that cannot come back, because what they were named for is archived."""
    for incident in incidents:
        thread = state.threads.get(incident)
        if thread is not None and not thread.open and thread.draft is None:
            del state.threads[incident]
    return state


def _long_over(state: State, now_ms: int) -> list[str]:
    """Events warned of by hand that nobody spoke of for so long that they are not taken up again."""
    return [
        name
        for name, thread in state.threads.items()
        if is_by_hand(name) and thread.account is not None and thread.account.now_ms < now_ms - KEPT_MS
    ]


def due(state: State, now_ms: int, policy: Policy) -> list[str]:
    """Incidents whose warning or draft ends soon: `decide` must see their situations even when nothing touched them."""
    near = {name for name, expires_ms in state.open.items() if expires_ms - now_ms <= policy.expiry_near_ms}
    return sorted(near | {name for name, stale_ms in state.pending.items() if stale_ms <= now_ms})


def _leaves_by_itself(thread: Thread | None, event: WarningDrafted, policy: Policy) -> bool:
    """Whether nobody needs to approve a draft. One that breaks a profile that is switched on waits for a person."""
    return rule_of(thread, event, policy) == AUTOMATIC and not breaches(event.xml, policy.profiles)


def rule_of(thread: Thread | None, event: WarningDrafted | Draft, policy: Policy) -> str:
    """Who has to approve a draft. To take back a grave warning is as grave as to give it."""
    kind = event.kind if isinstance(event, WarningDrafted) else thread.kind if thread is not None else ""
    grave = event.severity
    if thread is not None and thread.open:
        grave = max(grave, thread.severity, key=lambda word: _SEVERITIES.index(Severity(word)))
    return rule_for(policy.approval, policy.status, kind, grave)


# ---------------------------------------------------------------------- one situation


def _next(
    thread: Thread | None, situation: Situation, now_ms: int, policy: Policy, words: Words
) -> WarningDrafted | WarningRejected | None:
    """What a situation calls for: a draft, the end of one that waited, or nothing."""
    in_force = thread is not None and thread.in_force(now_ms)
    waiting = thread.draft if thread is not None and thread.draft is not None else None
    if situation.ended:
        return _ended(thread, waiting, situation, now_ms, policy, words)
    if not situation.places:
        return None
    judged = judge(situation)
    reasons = _reasons(thread, situation, judged, now_ms, policy)
    if not reasons:
        if waiting is not None and waiting.msg_type == MsgType.CANCEL and waiting.drafted_by == MACHINE:
            return _withdrawn(waiting, now_ms, "the incident goes on")
        return None
    if waiting is not None and waiting.stale_ms > now_ms:
        reasons = [*waiting.reasons, *(reason for reason in reasons if reason not in waiting.reasons)]
    kind = MsgType.UPDATE if in_force else MsgType.ALERT
    expires_ms = whole(now_ms + policy.expires_ms[situation.kind])
    envelope = threads.envelope(kind, thread, situation.incident, now_ms, expires_ms)
    places = sorted(place.id for place in situation.places)
    return draft_of(compose(situation, judged, envelope, policy, words), situation, envelope, places, reasons)


def _ended(
    thread: Thread | None, waiting: Draft | None, situation: Situation, now_ms: int, policy: Policy, words: Words
) -> WarningDrafted | WarningRejected | None:
    if thread is None:
        return None
    cleared = thread.said is not None and thread.said.all_clear
    if not thread.in_force(now_ms) or cleared:
        return _withdrawn(waiting, now_ms, situation.end_reason or "ended") if waiting is not None else None
    if waiting is not None and waiting.msg_type == MsgType.CANCEL and waiting.stale_ms > now_ms:
        return None
    envelope = threads.envelope(MsgType.CANCEL, thread, situation.incident, now_ms, thread.expires_ms)
    alert = compose_cancel(situation, read_message(thread.xml), envelope, policy, words)
    assert thread.said is not None
    return draft_of(alert, situation, envelope, sorted(thread.said.places), [situation.end_reason or "ended"])


def _reasons(thread: Thread | None, situation: Situation, judged: Judgement, now_ms: int, policy: Policy) -> list[str]:
    """Why a message is due now; empty when none is."""
    if thread is None:
        return ["first"]
    in_force = thread.in_force(now_ms)
    waits = thread.draft is not None and thread.draft.stale_ms > now_ms
    lapsed = thread.draft is not None and not waits  # as if it had never been written
    account = thread.said if lapsed else thread.account
    if account is None:
        return ["first"]
    if in_force or waits or (thread.rejected and account.expires_ms > now_ms):
        ends_ms = thread.expires_ms if in_force else account.expires_ms
        return _news(account, ends_ms, situation, judged, now_ms, policy)
    reasons = ["new-place"] if {place.id for place in situation.places} - account.places else []
    if situation.last_seen_ms > account.last_seen_ms:
        reasons.append("seen-again")
    return reasons


def _news(
    account: Account, ends_ms: int, situation: Situation, judged: Judgement, now_ms: int, policy: Policy
) -> list[str]:
    """What a situation has that the newest draft did not say and that is worth saying now."""
    seen_again = situation.last_seen_ms > account.last_seen_ms
    if account.all_clear:
        return ["seen-again"] if seen_again else []
    reasons = []
    places = {place.id for place in situation.places}
    severity = _SEVERITIES.index(judged.severity) - _SEVERITIES.index(Severity(account.severity))
    certainty = _CERTAINTIES.index(judged.certainty) - _CERTAINTIES.index(Certainty(account.certainty))
    if places - account.places:
        reasons.append("new-place")
    if severity > 0:
        reasons.append("severity")
    if certainty > 0:
        reasons.append("certainty")
    if ends_ms - now_ms <= policy.expiry_near_ms and seen_again:
        reasons.append("expiry-near")
    if reasons or now_ms - account.now_ms >= policy.quiet_ms:
        if situation.area_km2 and account.area_km2 and situation.area_km2 >= policy.growth * account.area_km2:
            reasons.append("grown")
        if account.places - places:
            reasons.append("place-safe")
        if severity < 0:
            reasons.append("severity-lower")
        if certainty < 0:
            reasons.append("certainty-lower")
    return reasons


# ---------------------------------------------------------------------- drafts


def draft_of(
    alert: Alert,
    situation: Situation,
    envelope: Envelope,
    places: list[str],
    reasons: list[str],
    drafted_by: str = MACHINE,
) -> WarningDrafted:
    """The draft of a message, proved. Raises InvalidWarning as `drafting.seal` does."""
    return WarningDrafted(
        now_ms=envelope.now_ms,
        identifier=envelope.identifier,
        thread=thread_id(situation.incident),
        incident=situation.incident,
        kind=situation.kind,
        msg_type=envelope.msg_type.value,
        status=alert.status.value,
        references=" ".join(str(reference) for reference in envelope.references),
        expires_ms=envelope.expires_ms,
        severity=str(alert.info[0].severity),
        places=places,
        reasons=reasons,
        drafted_by=drafted_by,
        xml=seal(alert, situation),
    )


def _withdrawn(draft: Draft, now_ms: int, reason: str) -> WarningRejected:
    return WarningRejected(now_ms=now_ms, identifier=draft.identifier, by=MACHINE, reason=reason)


def whole(ms: int) -> int:
    """Cut to the whole seconds that CAP writes."""
    return ms // 1000 * 1000
