"""An exercise played live: its feeds answer at their times, on a clock of its own that runs as fast as wanted."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from almenara.ports import Clock
from almenara.service.calls import Calls
from almenara.service.clerk import Clerk
from almenara.service.live import Delivery, Desk

#: The longest that the exercise sleeps at once.
NAP_S = 0.2


@dataclass(frozen=True, slots=True)
class Exercise:
    """A prepared exercise and how fast it is played."""

    scenario: str
    title: Mapping[str, str]  # by language
    seed: int
    speed: float  # seconds of the exercise in one real second
    start_ms: int
    end_ms: int
    places: str  # what `Session.import_places` reads
    timezone: str
    cadence_ms: Mapping[str, int]  # feed → how often it is asked
    deliveries: Sequence[Delivery]  # in order of time

    def clock(self, timer: Callable[[], float] = time.monotonic) -> Clock:
        """The exercise's time from now on: at its speed until its end, at the real pace after it."""
        begun = timer()

        def now_ms() -> int:
            lasted_ms = 1000.0 * (timer() - begun)
            left_ms = lasted_ms - (self.end_ms - self.start_ms) / self.speed
            return round(self.end_ms + left_ms if left_ms > 0 else self.start_ms + lasted_ms * self.speed)

        return now_ms


def play(
    exercise: Exercise,
    desk: Desk,
    clerk: Clerk,
    calls: Calls,
    clock: Clock,
    stopped: Callable[[], bool],
    ended: Callable[[], None],
) -> None:
    """Play an exercise to its end, then only attend to people and channels, until stopped.

    Nothing is polled after the end, so no feed falls silent then: an exercise ends calmly. `ended` hears of it.
    """

    def pause(until_ms: float) -> None:
        while not stopped() and (left_ms := until_ms - clock()) > 0:
            clerk.attend()
            calls.wait(min(NAP_S, left_ms / 1000.0 / exercise.speed))

    for delivery in exercise.deliveries:
        pause(delivery.at_ms)
        if stopped():
            return
        desk.deliver(delivery.feed, delivery.source, delivery.path, delivery.at_ms, delivery.note)
        desk.session.commit()
        clerk.attend()
    pause(exercise.end_ms)
    ended()
    pause(float("inf"))
