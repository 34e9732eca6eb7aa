"""Who has seen an alarm silences it until things get worse, and a label can be taken back."""

import pytest

from almenara.model.commands import Acknowledge, LabelHazard, UnlabelHazard
from almenara.model.errors import CommandRefused
from almenara.model.events import (
    DeliveriesRecorded,
    DeliveryResult,
    Event,
    IncidentChanged,
    IncidentClosed,
    SourceHeard,
)
from almenara.stages.attention import NOT_A_HAZARD, State, evolve, order


def priority_of(kind: str, name: str) -> int | None:
    return None if name == "nobody" else 2 if kind == "incident" else 0


def after(*events: Event) -> State:
    state = State()
    for event in events:
        evolve(state, event)
    return state


def acknowledged(**subject: str) -> Event:
    return order(State(), Acknowledge(**subject), "Ana", priority_of, 5)


def changed(priority: int) -> Event:
    return IncidentChanged(now_ms=6, incident="i", hazards=["h"], priority=priority, reasons=[])


def delivered(outcome: str) -> Event:
    result = DeliveryResult(recipient="r", attempt=1, outcome=outcome, detail="", receipt="", next_ms=0)
    return DeliveriesRecorded(now_ms=6, channel="c", identifier="w", results=[result])


@pytest.mark.parametrize(
    ("subject", "event", "still"),
    [
        ({"incident": "i"}, changed(2), True),
        ({"incident": "i"}, changed(3), True),
        ({"incident": "i"}, changed(1), False),
        ({"incident": "i"}, IncidentClosed(now_ms=6, incident="i", reason=""), False),
        ({"source": "s"}, SourceHeard(source="firms", origin="s", at_ms=6), False),
        ({"source": "s"}, SourceHeard(source="firms", origin="other", at_ms=6), True),
        ({"channel": "c"}, delivered("failed"), True),
        ({"channel": "c"}, delivered("delivered"), False),
    ],
)
def test_what_was_seen_counts_until_it_is_different(subject: dict[str, str], event: Event, still: bool) -> None:
    state = after(acknowledged(**subject), event)
    assert bool(state.given) is still
    assert State.from_values(state.to_values()) == state


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Acknowledge(), "unknown"),
        (Acknowledge(incident="i", source="s"), "unknown"),
        (Acknowledge(incident="nobody"), "unknown"),
        (LabelHazard(hazard="nobody", label=NOT_A_HAZARD, reason="r"), "unknown"),
        (LabelHazard(hazard="h", label="nonsense", reason="r"), "unknown"),
        (UnlabelHazard(hazard="h"), "not-labelled"),
    ],
)
def test_orders_that_make_no_sense_are_refused(command: Acknowledge | LabelHazard | UnlabelHazard, reason: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        order(State(), command, "Ana", priority_of, 5)
    assert refused.value.reason == reason


def test_a_label_stands_until_it_is_taken_back() -> None:
    label = LabelHazard(hazard="h", label=NOT_A_HAZARD, reason="a gas flare")
    state = after(order(State(), label, "Ana", priority_of, 5))
    assert state.labels["h"].by == "Ana"
    assert State.from_values(state.to_values()) == state
    with pytest.raises(CommandRefused, match="labelled h already"):
        order(state, label, "Luis", priority_of, 6)
    evolve(state, order(state, UnlabelHazard(hazard="h"), "Luis", priority_of, 6))
    assert not state.labels
