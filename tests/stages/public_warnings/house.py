"""The warnings stage with its operators, for tests of the life of a message."""

from typing import Any

import msgspec
from tests.stages.public_warnings.scene import POLICY, T0

from almenara.model.commands import ApproveWarning
from almenara.model.events import Event, WarningApproved
from almenara.stages.public_warnings import Signer, Situation, State, Words, decide, due, evolve, send, shipped
from almenara.stages.public_warnings.orders import is_ready, order
from almenara.stages.public_warnings.situation import Policy

ACTUAL = msgspec.structs.replace(POLICY, status="Actual")


class House:
    """A warnings stage with its operators: every event, in order, and the situation of each incident."""

    def __init__(self, policy: Policy = ACTUAL, words: Words | None = None, sign: Signer | None = None) -> None:
        self.policy = policy
        self.words = words or shipped()
        self.sign = sign
        self.state = State()
        self.now = T0
        self.events: list[Event] = []
        self.situations: dict[str, Situation] = {}

    def take(self, event: Event) -> None:
        evolve(self.state, event)
        self.events.append(event)
        if isinstance(event, WarningApproved) and is_ready(self.state, event.identifier, self.policy):
            self.take(send(self.state, event.identifier, self.now, self.policy, self.sign))

    def see(self, *situations: Situation) -> list[Event]:
        """One step with what was touched, and what is due anyhow."""
        for situation in situations:
            self.situations[situation.incident] = situation
        seen = {s.incident: s for s in situations}
        for name in due(self.state, self.now, self.policy):
            if name in self.situations and not self.situations[name].ended:
                seen.setdefault(name, self.situations[name])
        before = len(self.events)
        for event in decide(self.state, list(seen.values()), self.now, self.policy, self.words):
            self.take(event)
        return self.events[before:]

    def order(self, command: Any, by: str = "Ana") -> list[Event]:
        before = len(self.events)
        for event in order(self.state, command, by, self.look, self.now, self.policy, self.words):
            self.take(event)
        return self.events[before:]

    def look(self, incident: str) -> Situation | None:
        found = self.situations.get(incident)
        return None if found is None or found.ended else found

    def approve(self, *names: str) -> None:
        (_, draft), *_ = self.state.drafts()
        for name in names:
            self.order(ApproveWarning(identifier=draft.identifier), name)
