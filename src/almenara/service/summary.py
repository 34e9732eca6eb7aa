"""The numbers of a run: what was read and what became of it, what was found, what it cost."""

from collections import Counter
from typing import Any

from almenara.pipeline import State, others_warnings
from almenara.results import Results, iso
from almenara.stages import reach_listing
from almenara.stages.observations import Counts


def summarise(
    found: Results,
    state: State,
    mode: str,
    parameters: dict[str, Any],
    seconds: dict[str, float],
    peak_memory_mb: float,
) -> dict[str, Any]:
    """What summary.json says; `rates` beside it are the session's."""
    # A source that never brought a row is silent, which must be shown.
    asked = {feed.source: Counts() for feed in state.health.feeds.values()} | state.observations.counts
    by_state = Counter(f"{view.kind}/{view.state}" for view in found.hazards)
    by_type = Counter(warning.msg_type for warning in found.warnings if warning.identifier in found.sent)
    by_status = Counter(incident["status"] for incident in found.incidents)
    return {
        "run": {"mode": mode, "status": state.policy.status, "until": iso(state.now_ms), **parameters},
        "rows": _rows(state),
        "sources": [
            {
                "name": name,
                "read": c.read,
                "accepted": c.accepted,
                "superseded": c.superseded,
                "rejected": sum(c.rejected.values()),
                "rejected_by_reason": dict(sorted(c.rejected.items())),
                "outcome": _outcome(state, name),
            }
            for name, c in sorted(asked.items())
        ],
        "feeds": [
            {
                "source": feed.source,
                "feed": feed.origin,
                "last_outcome": feed.last_outcome,
                "last_heard": None if feed.last_heard_ms is None else iso(feed.last_heard_ms),
                "silent": feed.silent,
            }
            for _, feed in sorted(state.health.feeds.items())
        ],
        "hazards": {"total": len(found.hazards), **dict(sorted(by_state.items()))},
        "exposures": {
            "total": found.exposures.num_rows,
            "suppressed": found.exposures.num_rows - found.exposures.column("suppressed").null_count,
        },
        "could_be_reached": reach_listing.summary(found.could_reach),
        "incidents": {"total": len(found.incidents), **dict(sorted(by_status.items()))},
        "warnings": {"total": len(found.sent), **dict(sorted(by_type.items())), "expired": found.expired},
        "drafts": len(found.waiting),
        "seconds": {stage: round(s, 3) for stage, s in seconds.items()},
        "peak_memory_mb": peak_memory_mb,
        "state_digest": found.digest,
    }


def _outcome(state: State, source: str) -> str:
    """How a source stands: silent when one of its feeds is, else what was last heard of any."""
    feeds = [feed for feed in state.health.feeds.values() if feed.source == source]
    if any(feed.silent for feed in feeds):
        return "silent"
    return max(feeds, key=lambda feed: feed.last_heard_ms or 0).last_outcome if feeds else "unknown"


def _rows(state: State) -> dict[str, Any]:
    """What became of the rows of all sources."""
    counts = state.observations.counts.values()
    by_reason: Counter[str] = Counter()
    for c in counts:
        by_reason.update(c.rejected)
    return {
        "read": sum(c.read for c in counts),
        "accepted": sum(c.accepted for c in counts),
        "superseded": sum(c.superseded for c in counts),
        "rejected": by_reason.total(),
        "rejected_by_reason": dict(sorted(by_reason.items())),
        "messages_of_another_status": dict(sorted(others_warnings(state).other_status.items())),
        "too_late_to_follow": sum(follower.not_followed for follower in state.hazards.values()),
        "superseded_by": {
            "newer_version": sum(c.superseded_by_newer for c in counts),
            "version_already_known": sum(c.superseded_on_arrival for c in counts),
            "duplicate": sum(c.duplicates for c in counts),
        },
    }
