"""The office: it follows the feeds on a thread of its own and answers whoever asks from other threads."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from almenara.board import Board, Change, Keeper
from almenara.board.forms import Source, moment
from almenara.board.subjects import SOURCE, subjects
from almenara.config import Config, policy_of, words_of
from almenara.delivery import Deliveries
from almenara.model.commands import AnyCommand
from almenara.model.events import Event, Parameter
from almenara.ports import EventLog
from almenara.service import exercise, watch
from almenara.service.calls import Calls
from almenara.service.clerk import Clerk, open_lines
from almenara.service.commands import handle
from almenara.service.exercise import Exercise
from almenara.service.history import History
from almenara.service.inbox import Inbox
from almenara.service.live import Desk
from almenara.service.opening import channel_facts, feed_facts, past, tail
from almenara.service.rates import Rates, write
from almenara.service.session import Session, now_ms
from almenara.service.telling import tell
from almenara.stages.public_warnings import Signer
from almenara.stores import open_log

T = TypeVar("T")

#: How long a stop may take: the step under way, the last deliveries and the snapshot.
STOP_S = 60.0


class Office:
    """The chain on its thread, and the picture of it that everyone else reads.

    `board` is immutable and replaced after each commit; nothing else of the session is touched from other threads but
    through `order`, `ask` and `note`, which are done between its steps.
    """

    def __init__(
        self,
        config: Config,
        base: Path,
        folder: Path,
        *,
        sign: Signer | None = None,
        drill: Exercise | None = None,
    ) -> None:
        self.config, self.base, self.folder = config, base, folder
        self.status = "Exercise" if drill is not None else config.status
        self.drill = drill
        self.clock = now_ms if drill is None else drill.clock()
        self.board = Board()
        self.history: History | None = None
        self.rates: Rates | None = None
        self.stage = "starting"  # starting | recovering | indexing | running | stopped
        self._sign = sign
        self._calls = Calls()
        self._stop = threading.Event()
        self._exercised = threading.Event()  # the exercise has been played to its end
        self._work: Future[None] | None = None
        self._publish: Callable[[list[Change]], None] = lambda changes: None
        self._keeper: Keeper | None = None

    @property
    def ready(self) -> bool:
        """Whether the log has been read and what comes is followed."""
        return self.stage == "running"

    def mode(self) -> dict[str, Any]:
        """What must not be mistaken: the status, and the exercise that is played."""
        played = self.drill
        return {
            "status": self.status,
            "drill": None
            if played is None
            else {
                "scenario": played.scenario,
                "title": dict(played.title),
                "seed": played.seed,
                "speed": played.speed,
                "ends": moment(played.end_ms),
                "ended": self._exercised.is_set(),
            },
            "now": moment(self.clock()),
            "timezone": played.timezone if played is not None else self.config.timezone,
            "sender": self.config.sender,
        }

    def start(self, publish: Callable[[list[Change]], None], ended: Callable[[], None]) -> None:
        """Begin. From the chain's thread `publish` gets what changed after each commit, `ended` that it is over.

        Raises LogLocked when another process writes this log, LogError when it cannot be opened.
        """
        self._publish = publish
        log = open_log(self.folder)
        chain = ThreadPoolExecutor(1, "chain")
        self._work = chain.submit(self._run, log)
        self._work.add_done_callback(lambda work: ended())
        chain.shutdown(wait=False)

    def stop(self) -> None:
        """Finish the step under way, keep a snapshot and let go of the log; raises what the chain failed with."""
        self._stop.set()
        self._calls.wake()
        if self._work is not None:
            self._work.result(STOP_S)

    # ------------------------------------------------------------------ for other threads

    async def order(self, command: AnyCommand, by: str) -> list[Event]:
        """Have a command done by its person; durable when it returns. Raises CommandRefused, and nothing changed."""
        return await self.ask(lambda session: handle(session, command, by, self.clock()))

    async def ask(self, read: Callable[[Session], T]) -> T:
        """What `read` finds in the session, between its steps: for what is rare, heavy or as of another time."""
        return await asyncio.wrap_future(self._calls.put(read))

    def feeds(self) -> list[tuple[str, int | None, Source]]:
        """Each feed by name, when it was heard last (ms), and how it is shown."""
        found = []
        for name, item in self.board.items[SOURCE].items():
            heard = item.form.last_heard
            at_ms = None if heard is None else round(datetime.fromisoformat(heard).timestamp() * 1000)
            found.append((name, at_ms, item.form))
        return found

    @property
    def keeper(self) -> Keeper:
        """Who knows what does not stand on the board; to be asked on the chain's thread, by `ask`."""
        assert self._keeper is not None, "ask when the office is ready"
        return self._keeper

    async def note(self, event: Event) -> None:
        """Put an event into the log; durable when it returns."""

        def take(session: Session) -> None:
            session.take(event)
            session.commit()

        await self.ask(take)

    def put(self, do: Callable[[Session], T]) -> "Future[T]":
        """As `ask`, for who does not live on an event loop."""
        return self._calls.put(do)

    def open_reader(self) -> EventLog:
        """The log for reading, on a worker thread; close it."""
        return open_log(self.folder, readonly=True)

    # ------------------------------------------------------------------ on the chain's thread

    def _run(self, log: EventLog) -> None:
        self.stage = "recovering"
        with closing(log):
            try:
                self._play(log, self.drill) if self.drill is not None else self._watch(log)
            finally:
                self.stage = "stopped"
                self._calls.close()

    def _watch(self, log: EventLog) -> None:
        watch.watch(
            log,
            self.config,
            self.base,
            once=False,
            stopped=self._stop.is_set,
            nap=self._nap,
            tell=lambda feed, events: None,
            sign=self._sign,
            calls=self._calls,
            opened=self._opened,
            state=self.folder,
        )

    def _play(self, log: EventLog, played: Exercise) -> None:
        config = self.config
        session = Session(log, self._sign, words_of(config, self.base))
        session.recover()
        facts: dict[str, Parameter] = {
            "scenario": played.scenario,
            "seed": played.seed,
            "places": played.places,
            "timezone": played.timezone,
        }
        session.start("drill", self.status, facts | {"sender": config.sender})
        session.set_policy(policy_of(config), max(played.start_ms, session.state.now_ms))
        session.import_places(played.places, lambda words, done, total: None)
        lines = open_lines(config.channel, self.status, self.base)
        self.clock = clock = played.clock()  # it begins when all is ready
        clerk = Clerk(session, Deliveries(lines), Inbox.of(self.folder), clock, self._calls)
        self._opened(session)
        try:
            desk = Desk(session, played.cadence_ms, meanwhile=clerk.attend)
            exercise.play(played, desk, clerk, self._calls, clock, self._stop.is_set, self._exercised.set)
        finally:
            clerk.close()
        clerk.collect()
        session.commit()
        session.snapshot()
        log.checkpoint(now_ms())

    def _opened(self, session: Session) -> None:
        """The log has been read: draw the board and follow from here on."""
        log = session.log
        self.stage = "indexing"
        self.history = history = History(self.folder, log)
        self._keeper = Keeper(feed_facts(self.config, self.drill), channel_facts(self.config, self.status, self.base))
        now = self.clock()
        head, _ = log.head()
        self.board = self._keeper.open(session.state, now, head, past(history, log, now), tail(log, head))
        session.listen = lambda seq, events: self._committed(session, seq, events)
        self.stage = "running"

    def _committed(self, session: Session, seq: int, events: list[Event]) -> None:
        """Index what became durable, draw what it touched, and tell who is connected."""
        assert self._keeper is not None
        assert self.history is not None
        first = seq - len(events) + 1
        told = [(first + at, event, subjects(event)) for at, event in enumerate(events)]
        self.history.follow(told, session.log)
        changes = self._keeper.follow(session.state, self.clock(), told)
        self._show(changes)
        tell(events)

    def _refresh(self, session: Session) -> None:
        self.rates = session.rates(self.clock())
        write(self.rates, self.folder)
        assert self._keeper is not None
        self._show(self._keeper.refresh(session.state, self.clock()))

    def _show(self, changes: list[Change]) -> None:
        assert self._keeper is not None
        self.board = self._keeper.board
        if changes:
            self._publish(changes)

    async def refresh(self) -> None:
        """Draw anew what time alone has changed."""
        if self.ready:
            await self.ask(self._refresh)

    def _nap(self, seconds: float) -> None:
        self._stop.wait(seconds)
