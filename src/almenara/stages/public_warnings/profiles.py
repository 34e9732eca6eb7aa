"""The profiles that are switched on: every message that leaves keeps them, which is tried on all the words at start."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import shapely

from almenara.model.cap import Alert, Certainty, Fault, MsgType, Reference, Severity, Urgency, to_xml, validate
from almenara.model.commands import Statement
from almenara.model.errors import CommandRefused, UsageError
from almenara.stages.public_warnings.by_hand import compose_by_hand
from almenara.stages.public_warnings.drafting import Envelope
from almenara.stages.public_warnings.endings import BY_PERSON, compose_all_clear, compose_cancel
from almenara.stages.public_warnings.situation import HOUR_MS, Policy, bare
from almenara.stages.public_warnings.templates import Words

_AREA = shapely.box(0.0, 0.0, 0.1, 0.1)
_NOW_MS = 1_700_000_000_000  # any time will do
_SHOWN_MAX = 8


def breaches(xml: bytes, profiles: Iterable[str]) -> list[Fault]:
    """What a message breaks of the profiles, in the order of its lines."""
    switched_on = list(profiles)
    return validate(xml, switched_on) if switched_on else []


def demand(xml: bytes, profiles: Iterable[str]) -> None:
    """Raises CommandRefused, naming each fault, for a message that breaks one of the profiles."""
    if found := breaches(xml, profiles):
        raise CommandRefused("breaks-profile", f"It breaks a profile that is switched on: {'; '.join(map(str, found))}")


def rehearse(policy: Policy, words: Words) -> None:
    """Write a message of each kind and step by this policy, and hold it against the profiles that are switched on.

    Call it at start: a breach is found out there and not in an emergency. Raises UsageError that names the faults and
    the kinds that have them.
    """
    if not policy.profiles:
        return
    kinds: dict[str, list[str]] = {}  # fault → kinds
    for kind in sorted(words.kinds):
        faults = [
            fault for alert in _messages(kind, policy, words) for fault in breaches(to_xml(alert), policy.profiles)
        ]
        for told in dict.fromkeys(f"{fault.reason}: {fault.message}" for fault in faults):
            kinds.setdefault(told, []).append(kind)
    if kinds:
        shown = [
            f"{told} ({'every kind' if len(of) == len(words.kinds) else ', '.join(of)})" for told, of in kinds.items()
        ]
        raise UsageError(f"Warnings would break profiles that are switched on: {' · '.join(shown[:_SHOWN_MAX])}")


def _messages(kind: str, policy: Policy, words: Words) -> Iterator[Alert]:
    """Of every certainty with as few sentences as can be, then taken back, then cleared."""
    alerts = []
    for certainty in (Certainty.OBSERVED, Certainty.LIKELY, Certainty.POSSIBLE):
        said = Statement(
            kind=kind, area_name="x", urgency=Urgency.IMMEDIATE, severity=Severity.SEVERE, certainty=certainty
        )
        alerts.append(compose_by_hand(said, _AREA, _envelope(MsgType.ALERT), "x", policy, words)[0])
    yield from alerts
    last = alerts[-1]
    earlier = Reference(last.sender, last.identifier, last.sent)
    over = bare("x", kind, _NOW_MS)
    for reason in ("", BY_PERSON):
        yield compose_cancel(replace(over, end_reason=reason), last, _envelope(MsgType.CANCEL, earlier), policy, words)
    yield compose_all_clear(over, last, _envelope(MsgType.UPDATE, earlier), policy, words)


def _envelope(msg_type: MsgType, *references: Reference) -> Envelope:
    return Envelope("x-2" if references else "x-1", 1, msg_type, references, _NOW_MS, _NOW_MS + HOUR_MS)
