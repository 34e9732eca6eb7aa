"""Others' warnings as people are told of them."""

from datetime import UTC, datetime
from typing import Any

from almenara.model.cap.extent import area_km2
from almenara.model.cap.facts import Facts, Words
from almenara.stages.hazards import View
from almenara.stages.hazards._warning_threads import Standing, Thread

KIND = "warning"
#: Whose words stand for a warning in a list, when it speaks several languages.
PREFERRED = ("es", "en")


def view_of(hazard: str, state: str, thread: Thread, standing: Standing) -> View:
    """A thread as it stands."""
    facts = standing.gravest()
    footprint = standing.footprint()
    return View(
        id=hazard,
        kind=KIND,
        state=state,
        label=_label(facts),
        first_seen_ms=thread.first()[0],
        last_seen_ms=max(message.facts.sent_ms for message in standing.messages),
        area_km2=None if footprint is None else area_km2(footprint),
        observations=len(thread.messages),
        confidence="nominal",
        certainty=facts.certainty,
        suppressed=None,
        platforms=tuple(sorted({message.facts.sender for message in standing.messages})),
        merged_from=(),
        frp_max_mw=None,
        magnitude=None,
        depth_km=None,
        epicentre=None,
        footprint=footprint,
        extra=_extra(facts, standing),
    )


def _extra(facts: Facts, standing: Standing) -> dict[str, Any]:
    onsets = [message.facts.onset_ms for message in standing.messages if message.facts.onset_ms is not None]
    return {
        "authority": facts.sender_name or facts.sender,
        "event": _preferred(facts).event if facts.words else None,
        "headlines": {words.language: words.headline for words in facts.words if words.headline},
        "areas": {words.language: words.area for words in facts.words if words.area},
        "severity": facts.severity,
        "urgency": facts.urgency,
        "onset": _iso(min(onsets)) if onsets else None,
        "ends": _iso(standing.end_ms),
        "scope": facts.scope,
        "web": facts.web or None,
        "signed_by": facts.signed_by or None,
        "messages": [message.facts.name for message in standing.messages],
        # Without a drawn area nobody can say which places it means: none is exposed, and that is no all-clear.
        "area_is_named_only": all(message.footprint is None for message in standing.messages),
        "geocodes": sorted({code for message in standing.messages for code in message.facts.geocodes}),
    }


def _label(facts: Facts) -> str:
    if not facts.words:
        return ""
    words = _preferred(facts)
    said = words.headline or words.event
    return f"{said} ({words.area})" if words.area and words.area not in said else said


def _preferred(facts: Facts) -> Words:
    def place(words: Words) -> int:
        spoken = words.language.lower().partition("-")[0]
        return PREFERRED.index(spoken) if spoken in PREFERRED else len(PREFERRED)

    return min(facts.words, key=place)


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
