"""The inbox: how a command reaches the process that writes the log, and how its answer comes back."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from almenara.model.commands import COMMAND_BYTES_MAX, AnyCommand
from almenara.model.errors import AlmenaraError, CommandRefused, UsageError
from almenara.model.events import Event

FOLDER = "inbox"
WAIT_S = 15.0
#: Answers that nobody fetched are swept away.
KEPT_S = 3600.0
FILES_MAX = 1_000


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command and who asks."""

    by: str
    command: AnyCommand


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of it: the events' names and identifiers, or why it was refused."""

    said: list[str] = []
    refused: str = ""  # the named reason; empty when it was done
    message: str = ""


@dataclass(frozen=True, slots=True)
class Inbox:
    """A folder beside the log: NAME.json asks, NAME.answer answers. Only the log's owner can write into it."""

    folder: Path

    @staticmethod
    def of(state: Path) -> "Inbox":
        """The inbox of a log's folder; made when it is missing."""
        folder = state / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        return Inbox(folder)

    def ask(self, request: Request, *, wait_s: float = WAIT_S) -> Answer:
        """Hand in a command and wait for its answer.

        Raises CommandRefused with the reason "not-taken" when nobody took it in time; it is withdrawn then.
        """
        name = f"{time.time_ns():020d}-{os.urandom(6).hex()}"
        asked, answered = self.folder / f"{name}.json", self.folder / f"{name}.answer"
        _put(asked, msgspec.json.encode(request))
        deadline = time.monotonic() + wait_s
        withdrawn = False
        while not withdrawn or time.monotonic() < deadline + wait_s:
            if answered.exists():
                answer = msgspec.json.decode(answered.read_bytes(), type=Answer)
                answered.unlink()
                return answer
            if not withdrawn and time.monotonic() >= deadline:
                withdrawn = True
                try:
                    asked.unlink()
                except FileNotFoundError:  # it was taken at this very moment: its answer is on the way
                    continue
                raise CommandRefused(
                    "not-taken",
                    f"The process that writes this log took no command within {wait_s:g} s; it was withdrawn. "
                    "Is it `almenara watch`?",
                )
            time.sleep(0.05)
        raise CommandRefused("no-answer", "The command was taken and not answered: look whether it was done.")

    def serve(self, do: Callable[[AnyCommand, str], list[Event]]) -> list[Event]:
        """Take what was handed in, in order, and answer it; returns what was done."""
        done: list[Event] = []
        for path in sorted(self.folder.glob("*.json"))[:FILES_MAX]:
            taken = path.with_suffix(".taken")
            try:
                path.rename(taken)  # from here on a crash loses the command rather than doing it twice
            except FileNotFoundError:  # withdrawn meanwhile
                continue
            try:
                request = _read(taken)
                events = do(request.command, request.by)
                done += events
                answer = Answer(said=[describe(event) for event in events])
            except AlmenaraError as error:
                reason = error.reason if isinstance(error, CommandRefused) else "not-done"
                answer = Answer(refused=reason, message=str(error))
            _put(path.with_suffix(".answer"), msgspec.json.encode(answer))
            taken.unlink()
        self._sweep()
        return done

    def _sweep(self) -> None:
        """What a crash left half done is answered so; what nobody fetched goes."""
        for taken in self.folder.glob("*.taken"):
            answer = Answer(
                refused="interrupted", message="The process was killed meanwhile: look whether it was done."
            )
            _put(taken.with_suffix(".answer"), msgspec.json.encode(answer))
            taken.unlink()
        for path in self.folder.glob("*"):
            try:
                if time.time() - path.stat().st_mtime > KEPT_S:
                    path.unlink()
            except FileNotFoundError:  # fetched at this moment
                continue


def describe(event: Event) -> str:
    """An event in one line: its name, and whom it concerns."""
    about = [str(getattr(event, name)) for name in ("identifier", "msg_type", "channel") if hasattr(event, name)]
    return " ".join([type(event).__name__, *about])


def _read(path: Path) -> Request:
    if path.stat().st_size > 2 * COMMAND_BYTES_MAX:
        raise UsageError(f"A command has at most {COMMAND_BYTES_MAX} bytes.")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Request)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"That is no command: {error}.") from error


def _put(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.rename(path)
