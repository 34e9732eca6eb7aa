"""What needs a decision now, most urgent first: severity × nearness × time left, and the reasons of the order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from almenara.board.forms import By, Card, Channel, Hazard, Incident, Source, Why, moment
from almenara.board.incidents import threatened
from almenara.pipeline import State
from almenara.stages.public_warnings import rule_of
from almenara.stages.public_warnings.approval import MACHINE, YESES
from almenara.stages.public_warnings.threads import Draft

HOUR_MS = 3_600_000

#: How grave a thing is, in CAP's words; where nothing is said yet, by the incident's priority.
SEVERITIES = {"Extreme": 4.0, "Severe": 3.0, "Moderate": 2.0, "Minor": 1.0, "Unknown": 2.0}
PRIORITIES = {1: 4.0, 2: 3.0, 3: 2.0, 4: 1.0}
#: A silent feed hides what may be grave; a channel that fails keeps what was said from who needs it.
SOURCE_GRAVITY, CHANNEL_GRAVITY = 2.0, 3.0
#: At this distance nearness counts half as much as at none.
NEAR_M = 1_000.0
#: What is due within so many hours is pressing, more with each.
PRESSING_H = 6
#: What somebody has seen gives way to what nobody has.
SEEN = 0.25


@dataclass(frozen=True, slots=True)
class View:
    """What the queue is made from."""

    state: State
    hazards: Mapping[str, Hazard]
    incidents: Mapping[str, Incident]
    sources: Mapping[str, Source]
    channels: Mapping[str, Channel]
    now_ms: int


def queue(view: View) -> tuple[Card, ...]:
    """All cards in order."""
    cards = [*_drafts(view), *_open_incidents(view), *_expiring(view), *_feeds(view), *_ways_out(view)]
    return tuple(sorted(cards, key=lambda card: (-card.score, card.since, card.id)))


def _drafts(view: View) -> Iterator[Card]:
    state = view.state
    for thread, draft in state.warnings.drafts():
        if draft.stale_ms <= view.now_ms:
            continue
        seen = _seen(view, thread.incident)
        facts = _facts(view, thread.incident) | {
            "kind": thread.kind,
            "msg_type": draft.msg_type,
            "reasons": list(draft.reasons),
            "drafted_by": draft.drafted_by,
            "approvals": list(draft.approved_by),
            "approvals_needed": YESES[rule_of(thread, draft, state.policy)],
            "thread": thread.id,
            "in_force": thread.in_force(view.now_ms),
        }
        yield _card(
            view,
            "draft",
            ("warning", draft.identifier),
            since_ms=draft.now_ms,
            due_ms=draft.stale_ms,
            facts=facts,
            severity=draft.severity,
            priority=_priority(view, thread.incident),
            actions=("approve", "reject", *_label(view, thread.incident)),
            alarm=draft.drafted_by == MACHINE,
            seen=seen,
        )


def _open_incidents(view: View) -> Iterator[Card]:
    """Incidents that nobody has seen, and urgent ones of which nothing is said."""
    for name, incident in view.state.incidents.incidents.items():
        thread = view.state.warnings.threads.get(name)
        waits = thread is not None and _waits(thread.draft, view.now_ms)
        said = thread is not None and thread.in_force(view.now_ms)
        seen = _seen(view, name)
        labelled = view.state.attention.labels.keys() >= set(incident.hazards)
        if waits or labelled or (seen is not None and (said or incident.kind == "warning" or incident.priority > 2)):
            continue
        yield _card(
            view,
            "incident",
            ("incident", name),
            since_ms=incident.opened_ms,
            due_ms=None,
            facts=_facts(view, name) | {"kind": incident.kind, "in_force": said},
            severity=None,
            priority=incident.priority,
            actions=("acknowledge", *(("warn",) if thread is not None else ()), *_label(view, name)),
            alarm=True,
            seen=seen,
        )


def _expiring(view: View) -> Iterator[Card]:
    """Warnings that end soon while what they warn of goes on, or that were written by hand: somebody must say more."""
    for name, expires_ms in view.state.warnings.open.items():
        thread = view.state.warnings.threads[name]
        near = 0 < expires_ms - view.now_ms <= view.state.policy.expiry_near_ms
        goes_on = name in view.state.incidents.incidents or name.startswith("by-hand-")
        cleared = thread.said is not None and thread.said.all_clear
        if near and goes_on and not cleared and not _waits(thread.draft, view.now_ms):
            yield _card(
                view,
                "expiring",
                ("warning", thread.identifier),
                since_ms=thread.sent_ms,
                due_ms=expires_ms,
                facts=_facts(view, name) | {"kind": thread.kind, "thread": thread.id},
                severity=thread.severity,
                priority=_priority(view, name),
                actions=("update", "all-clear", "cancel"),
                alarm=False,
                seen=None,
            )


def _feeds(view: View) -> Iterator[Card]:
    for name, source in view.sources.items():
        if source.state == "silent":
            feed = view.state.health.feeds[name]
            since_ms = feed.last_heard_ms if feed.last_heard_ms is not None else feed.first_polled_ms
            yield _card(
                view,
                "source",
                ("source", name),
                since_ms=since_ms,
                due_ms=None,
                facts={"name": name, "title": source.title, "detail": source.detail, "cadence_s": source.cadence_s},
                severity=None,
                priority=None,
                actions=("acknowledge",),
                alarm=True,
                seen=source.acknowledged,
                gravity=SOURCE_GRAVITY,
            )


def _ways_out(view: View) -> Iterator[Card]:
    for name, channel in view.channels.items():
        health = view.state.outbox.of(name)
        if channel.state == "well" and not channel.dead:
            continue
        if channel.state == "paused" and not channel.waiting:
            continue
        since_ms = health.last_failure_ms if health.last_failure_ms is not None else view.state.now_ms
        yield _card(
            view,
            "channel",
            ("channel", name),
            since_ms=since_ms,
            due_ms=None,
            facts={
                "name": name,
                "state": channel.state,
                "detail": channel.detail,
                "waiting": channel.waiting,
                "dead": channel.dead,
                "paused_by": channel.paused_by,
            },
            severity=None,
            priority=None,
            actions=("acknowledge", "resume" if channel.state == "paused" else "pause", "retry"),
            alarm=channel.state == "failing",
            seen=channel.acknowledged,
            gravity=CHANNEL_GRAVITY,
        )


def _card(
    view: View,
    kind: str,
    about: tuple[str, str],
    *,
    since_ms: int,
    due_ms: int | None,
    facts: dict[str, Any],
    severity: str | None,
    priority: int | None,
    actions: tuple[str, ...],
    alarm: bool,
    seen: By | None,
    gravity: float | None = None,
) -> Card:
    why = []
    weight = gravity
    if gravity is not None:
        why.append(Why(code=kind, value=gravity))
    if severity is not None:
        weight = SEVERITIES.get(severity, 2.0)
        why.append(Why(code="severity", value=severity))
    elif priority is not None:
        weight = PRIORITIES.get(priority, 1.0)
        why.append(Why(code="priority", value=priority))
    score = weight if weight is not None else 1.0
    distance_m = facts.get("distance_m")
    if distance_m is not None:
        score *= 0.5 + 0.5 / (1.0 + distance_m / NEAR_M)
        why.append(Why(code="distance_m", value=round(distance_m)))
    if due_ms is not None:
        hours = max(0, due_ms - view.now_ms) // HOUR_MS
        score *= 2.0 - min(hours, PRESSING_H) / PRESSING_H
        if hours < PRESSING_H:
            why.append(Why(code="due_h", value=hours))
    if seen is not None:
        score *= SEEN
        why.append(Why(code="acknowledged", value=seen.by))
    return Card(
        id=f"{kind}:{about[1]}",
        type=kind,
        subject={"type": about[0], "id": about[1]},
        severity=severity,
        priority=priority,
        since=moment(since_ms),
        due=None if due_ms is None else moment(due_ms),
        facts=facts,
        score=round(score, 3),
        why=tuple(why),
        actions=actions,
        alarm=alarm and seen is None,
        acknowledged=seen,
    )


def _facts(view: View, incident: str) -> dict[str, Any]:
    """The numbers and names of one sentence about an incident."""
    found = view.state.incidents.incidents.get(incident)
    hazards = found.hazards if found is not None else []
    forms = [view.hazards[name] for name in hazards if name in view.hazards]
    shown = view.incidents.get(incident)
    facts: dict[str, Any] = {
        "incident": incident,
        "hazard": forms[0].id if forms else None,
        "area_km2": None,
        "magnitude": None,
        "growing_h": None,
        "label": shown.label if shown is not None else "",
        "places": shown.places if shown is not None else 0,
        "population": shown.population if shown is not None else None,
        "place": None,
        "distance_m": None,
    }
    if not forms:
        return facts
    main = max(forms, key=lambda form: (form.magnitude or 0.0, form.area_km2 or 0.0, form.id))
    areas = [form.area_km2 for form in forms if form.area_km2 is not None]
    near = min(
        (form.exposed.nearest for form in forms if form.exposed.nearest is not None),
        key=lambda nearest: nearest.distance_m,
        default=None,
    )
    facts |= {
        "hazard": main.id,
        "area_km2": round(sum(areas), 4) if areas else None,
        "magnitude": main.magnitude,
        "growing_h": main.growing_h,
        "last_seen": main.last_seen,
        "certainty": main.certainty,
        "confidence": main.confidence,
        "platforms": list(main.platforms),
        "hazard_label": main.label,
    }
    if near is not None:
        facts |= {"place": near.name, "distance_m": near.distance_m, "place_population": near.population}
    return facts


def _seen(view: View, incident: str) -> By | None:
    shown = view.incidents.get(incident)
    return shown.acknowledged if shown is not None else None


def _priority(view: View, incident: str) -> int | None:
    found = view.state.incidents.incidents.get(incident)
    return found.priority if found is not None else None


def _waits(draft: Draft | None, now_ms: int) -> bool:
    return draft is not None and draft.stale_ms > now_ms


def _label(view: View, incident: str) -> tuple[str, ...]:
    found = view.state.incidents.incidents.get(incident)
    hazards = tuple(found.hazards) if found is not None else ()
    return ("label",) if hazards and threatened(view.state, hazards) else ()
