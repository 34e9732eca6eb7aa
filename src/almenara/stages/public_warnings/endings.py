"""Writes how a warning ends, and lets an officer's own words stand in a message."""

from collections.abc import Mapping

import msgspec

from almenara.model.cap import Alert, Certainty, Info, ResponseType, Severity, Status, Urgency
from almenara.model.commands import Wording
from almenara.model.errors import CommandRefused
from almenara.stages.public_warnings.drafting import Envelope, Judgement, Text, alert_of, clean, info_of
from almenara.stages.public_warnings.situation import Policy, Situation
from almenara.stages.public_warnings.templates import Words, sentences

#: The end reason of an incident whose warning a person takes back: the words then give no reason of their own.
BY_PERSON = "by-person"
WORDING_CHARS_MAX = 4_000


def compose_cancel(situation: Situation, last: Alert, envelope: Envelope, policy: Policy, words: Words) -> Alert:
    """The Cancel of a thread whose last message was `last`: it takes the area from there.

    Response Monitor, not AllClear, and certainty Unknown: that nothing is detected any more does not prove that all is
    well.
    """
    infos = []
    for tag in policy.languages:
        told = words.hazard(situation.kind, tag)
        values = _values(tag, last, policy)
        if situation.end_reason != BY_PERSON:
            values["reason"] = told.reason[_reason(situation.end_reason)]
        text = Text(
            headline=" ".join(sentences([told.headline["Cancel"]], values)),
            description=" ".join(sentences(told.description["Cancel"], values)),
            instruction="\n".join(sentences(told.instruction["Past"], values)),
        )
        infos.append(
            _ending(tag, situation, last, ResponseType.MONITOR, Certainty.UNKNOWN, text, envelope, policy, words)
        )
    return alert_of(situation, envelope, tuple(infos), policy, words)


def compose_all_clear(situation: Situation, last: Alert, envelope: Envelope, policy: Policy, words: Words) -> Alert:
    """The all-clear of a thread: CAP's Update with the response AllClear, urgency Past and the area of `last`.

    Only a person gives it, so its certainty is Observed: somebody has looked.
    """
    infos = []
    for tag in policy.languages:
        told = words.hazard(situation.kind, tag)
        values = _values(tag, last, policy)
        text = Text(
            headline=" ".join(sentences([told.headline["AllClear"]], values)),
            description=" ".join(sentences(told.description["AllClear"], values)),
            instruction="\n".join(sentences(told.instruction["Past"], values)),
        )
        infos.append(
            _ending(tag, situation, last, ResponseType.ALL_CLEAR, Certainty.OBSERVED, text, envelope, policy, words)
        )
    return alert_of(situation, envelope, tuple(infos), policy, words)


def reworded(alert: Alert, wording: Mapping[str, Wording], policy: Policy, words: Words) -> Alert:
    """The message with an officer's words: the headline in place of ours, the rest before it.

    Raises CommandRefused for a language that the message does not have and for words that are too many.
    """
    known = {info.language for info in alert.info}
    for tag, own in wording.items():
        if tag not in known:
            raise CommandRefused("no-such-language", f"The message has no {tag!r}, only {', '.join(policy.languages)}.")
        if max(len(own.headline), len(own.description), len(own.instruction)) > WORDING_CHARS_MAX:
            raise CommandRefused("too-long", f"Each text in {tag!r} may have {WORDING_CHARS_MAX} characters.")
    return msgspec.structs.replace(
        alert, info=tuple(_own_words(info, wording.get(info.language or ""), policy, words) for info in alert.info)
    )


def _own_words(info: Info, own: Wording | None, policy: Policy, words: Words) -> Info:
    if own is None:
        return info
    mark = ""
    if policy.status != Status.ACTUAL:
        mark = f"{words.language(info.language or '').status[policy.status]}: "
    changes = {}
    for part, lead in (("headline", ""), ("description", "\n\n"), ("instruction", "\n")):
        text = (
            clean(getattr(own, part)) if part == "headline" else "\n".join(map(clean, getattr(own, part).splitlines()))
        )
        if text.strip():
            drafted = (getattr(info, part) or "").removeprefix(mark)
            changes[part] = mark + (f"{text}{lead}{drafted}" if lead else text)
    return msgspec.structs.replace(info, **changes)


def _ending(
    tag: str,
    situation: Situation,
    last: Alert,
    response: ResponseType,
    certainty: Certainty,
    text: Text,
    envelope: Envelope,
    policy: Policy,
    words: Words,
) -> Info:
    judged = Judgement(Urgency.PAST, Severity.MINOR, certainty)
    return info_of(tag, situation, judged, (response,), text, _info_in(tag, last).area[0], envelope, policy, words)


def _values(tag: str, last: Alert, policy: Policy) -> dict[str, str]:
    values = {"area": _info_in(tag, last).area[0].area_desc}
    if policy.emergency_number:
        values["emergency_number"] = policy.emergency_number
    return values


def _info_in(tag: str, last: Alert) -> Info:
    """The last message in a language; in its first one when the policy's languages have changed since."""
    return next((info for info in last.info if info.language == tag), last.info[0])


def _reason(end_reason: str) -> str:
    if end_reason.startswith("merged"):
        return "merged"
    return "default" if end_reason in ("", "no-place-in-reach", "ended") else "suppressed"
