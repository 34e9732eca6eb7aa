"""Delivery: lines that do not hold each other up, and results that count only when they are kept."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from almenara import delivery
from almenara.channels import GuardedChannel
from almenara.delivery import Deliveries, Line
from almenara.model.cap import to_xml
from almenara.model.errors import ChannelFailed, ChannelRefused, StatusMismatch
from almenara.model.events import ChannelPaused, DeliveriesRecorded, Event, WarningSent
from almenara.ports import Exercise, Outgoing, Receipt
from almenara.stages import outbox
from tests.channels.messages import alert

T0 = 1_725_372_000_000
#: Far more than any of these tests needs, far less than what would be waited for if lines held each other up.
SOON_S = 15.0
Behaviour = Callable[[str, int], object]


class Fake:
    """A channel that behaves as told for each recipient and attempt."""

    status = Exercise

    def __init__(self, name: str, recipients: Sequence[str], behaviour: Behaviour) -> None:
        self.name, self._recipients, self._behaviour = name, recipients, behaviour
        self.got: list[tuple[str, str, str]] = []  # recipient, identifier, key
        self.tries: dict[tuple[str, str], int] = {}
        self.at_a_time = self.most_at_a_time = 0
        self.closed = 0

    def recipients(self) -> Sequence[str]:
        return self._recipients

    async def send(self, message: Outgoing[Exercise], recipient: str) -> Receipt:
        number = self.tries[message.identifier, recipient] = self.tries.get((message.identifier, recipient), 0) + 1
        self.at_a_time += 1
        self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        try:
            does = self._behaviour(recipient, number)
            if isinstance(does, BaseException):
                raise does
            if isinstance(does, (int, float)):
                await asyncio.sleep(does)
        finally:
            self.at_a_time -= 1
        self.got.append((recipient, message.identifier, message.key))
        return Receipt(f"ok {recipient}")

    async def close(self) -> None:
        self.closed += 1


def sent(identifier: str, status: str = "Exercise") -> WarningSent:
    xml = to_xml(alert(status, identifier))
    return WarningSent(
        now_ms=T0,
        identifier=identifier,
        thread="incident-fire-a",
        msg_type="Alert",
        expires_ms=T0 + 10**9,
        xml=xml,
        sha256="",
        signed=False,
    )


class House:
    """What the clerk does, on a clock that the test moves."""

    def __init__(self, *fakes: Fake, concurrency: int = 10, timeout_s: float = 60.0) -> None:
        lines = [Line(GuardedChannel(fake), concurrency=concurrency, timeout_s=timeout_s) for fake in fakes]
        self.deliveries = Deliveries(lines, chance=lambda: 0.0)
        self.state = outbox.State()
        self.now = T0
        self.events: list[Event] = []

    def take(self, events: Sequence[Event]) -> None:
        for event in events:
            outbox.evolve(self.state, event)
            self.events.append(event)

    def attend(self) -> None:
        self.take(self.deliveries.collect(self.now))
        self.take(self.deliveries.dispatch(self.state, self.now))

    def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SOON_S
        while not true():
            assert time.monotonic() < deadline, "it did not come to pass"
            self.attend()
            time.sleep(0.01)

    def outcomes(self, channel: str) -> dict[str, str]:
        return {
            result.recipient: result.outcome
            for event in self.events
            if isinstance(event, DeliveriesRecorded) and event.channel == channel
            for result in event.results
        }


@contextmanager
def running(*fakes: Fake, concurrency: int = 10, timeout_s: float = 60.0) -> Iterator[House]:
    house = House(*fakes, concurrency=concurrency, timeout_s=timeout_s)
    yield house
    house.deliveries.close(0.1)


def blocking(recipient: str, number: int) -> object:
    """A plugin that stops its own event loop, as no plugin should."""
    threading.Event().wait(SOON_S)
    return 0


@pytest.mark.parametrize(
    "bad",
    [lambda to, n: 3600.0, lambda to, n: ChannelFailed("down"), lambda to, n: ZeroDivisionError("a bug"), blocking],
    ids=["hangs", "fails", "has a bug", "blocks its thread"],
)
def test_a_broken_channel_does_not_delay_another(bad: Behaviour) -> None:
    names = [f"r{n}" for n in range(50)]
    broken, well = Fake("broken", names, bad), Fake("well", names, lambda to, n: 0)
    with running(broken, well) as house:
        house.take([sent("incident-fire-a-1")])
        begun = time.monotonic()
        house.until(lambda: len(house.outcomes("well")) == len(names))
        assert set(house.outcomes("well").values()) == {"delivered"}
        assert time.monotonic() - begun < SOON_S / 3
        assert "delivered" not in house.outcomes("broken").values()


def test_slow_recipients_do_not_hold_the_places_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten at a time, of whom twenty hang: the others are served all the same, and the hanging are given up in time."""
    monkeypatch.setattr(delivery, "PATIENCE_S", 0.05)
    names = [f"r{n:03}" for n in range(400)]
    fake = Fake("mine", names, lambda to, n: 3600.0 if to < "r020" else 0)
    with running(fake, timeout_s=1.0) as house:
        house.take([sent("incident-fire-a-1")])
        house.until(lambda: sum(o == "delivered" for o in house.outcomes("mine").values()) == 380)
        house.until(lambda: len(house.outcomes("mine")) == 400)
        assert {o for to, o in house.outcomes("mine").items() if to < "r020"} == {"failed"}
        assert fake.most_at_a_time <= 10 + 20


def test_a_failure_is_tried_again_when_its_time_has_come_and_a_refusal_is_not() -> None:
    def behaviour(to: str, number: int) -> object:
        if to == "refuses":
            return ChannelRefused("410 Gone")
        return ChannelFailed("503", retry_after_s=30.0) if to == "fails" and number == 1 else 0

    fake = Fake("mine", ["well", "fails", "refuses"], behaviour)
    with running(fake) as house:
        house.take([sent("incident-fire-a-1")])
        house.until(lambda: len(house.outcomes("mine")) == 3)
        house.now += 29_000
        house.attend()
        assert fake.tries["incident-fire-a-1", "fails"] == 1, "Retry-After is honoured"
        house.now += 1_000
        house.until(lambda: house.outcomes("mine")["fails"] == "delivered")
        assert house.outcomes("mine") == {"well": "delivered", "fails": "delivered", "refuses": "refused"}
        assert fake.tries == {("incident-fire-a-1", to): n for to, n in (("well", 1), ("fails", 2), ("refuses", 1))}


def test_what_is_under_way_is_not_sent_twice_and_counts_only_once_it_is_kept() -> None:
    fake = Fake("mine", ["x"], lambda to, n: 0.2)
    with running(fake) as house:
        house.take([sent("incident-fire-a-1")])
        for _ in range(5):
            house.attend()
        house.until(lambda: bool(house.outcomes("mine")))
        assert len(fake.got) == 1
    # Killed before the receipt was kept: another process sends the same bytes under the same key.
    again = Fake("mine", ["x"], lambda to, n: 0)
    with running(again) as other:
        other.take([sent("incident-fire-a-1")])
        other.until(lambda: bool(other.outcomes("mine")))
    assert again.got == fake.got


def test_a_fault_pauses_the_channel_and_says_so() -> None:
    fake = Fake("mine", ["x", "y"], lambda to, n: ZeroDivisionError("a bug") if n == 1 else 0)
    with running(fake) as house:
        house.take([sent("incident-fire-a-1")])
        house.until(lambda: bool(house.state.of("mine").paused_by))
        (paused,) = (event for event in house.events if isinstance(event, ChannelPaused))
        assert (paused.by, "ZeroDivisionError: a bug" in paused.reason) == ("almenara", True)
        house.now += 10**6
        house.attend()
        assert fake.got == []
        assert outbox.decide(house.state, "mine", ["x", "y"], house.now).waiting == 2, "nothing is lost"


def test_a_message_of_another_status_stops_everything() -> None:
    fake = Fake("mine", ["x"], lambda to, n: 0)
    with running(fake) as house:
        house.take([sent("incident-fire-a-1", "Actual")])
        with pytest.raises(StatusMismatch):
            house.attend()
        assert fake.got == []


def test_told_to_stop_it_keeps_what_came_back_and_breaks_off_the_rest() -> None:
    fake = Fake("mine", ["quick", "slow"], lambda to, n: 0.3 if to == "quick" else 3600.0)
    house = House(fake)
    house.take([sent("incident-fire-a-1")])
    house.attend()
    begun = time.monotonic()
    house.deliveries.close(1.0)
    assert time.monotonic() - begun < SOON_S / 2
    house.take(house.deliveries.collect(house.now))
    assert house.outcomes("mine") == {"quick": "delivered"}
    assert fake.closed == 1


def test_many_results_are_kept_in_batches() -> None:
    names = [f"r{n}" for n in range(2500)]
    fake = Fake("mine", names, lambda to, n: 0)
    with running(fake, concurrency=100) as house:
        house.take([sent("incident-fire-a-1")])
        house.until(lambda: len(house.outcomes("mine")) == len(names))
        assert fake.most_at_a_time <= 100
        sizes = [len(event.results) for event in house.events if isinstance(event, DeliveriesRecorded)]
        assert max(sizes) <= delivery.RESULTS_MAX


class Tended(Fake):
    """One that has something to do with time alone."""

    def __init__(self, name: str, *answers: BaseException | None) -> None:
        super().__init__(name, ["x"], lambda to, n: 0)
        self.answers = list(answers)
        self.tended: list[int] = []

    async def tend(self, now_ms: int) -> None:
        self.tended.append(now_ms)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


def test_what_is_due_by_time_alone_is_done_each_second_also_while_the_channel_is_paused() -> None:
    fake = Tended("mine", None, ChannelFailed("the disk is full"), None, ZeroDivisionError("a bug"))
    with running(fake) as house:
        for number in range(1, 8):
            house.attend()
            house.attend()  # within the same second
            house.until(lambda number=number: len(fake.tended) == number)  # type: ignore[misc]
            house.now += delivery.TEND_MS
            paused = house.state.of("mine").paused_reason
            assert bool(paused) == (number > 4), "a failure is no fault, and one that was told is not told again"
        assert fake.tended == [T0 + 1000 * n for n in range(7)]
        assert [type(event) for event in house.events] == [ChannelPaused]
        assert "ZeroDivisionError: a bug" in paused
