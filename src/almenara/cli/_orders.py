"""How a command reaches the log: at once when nobody writes it, else through the inbox of the process that does."""

import getpass
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from almenara.model.errors import CommandRefused, LogLocked, UsageError

if TYPE_CHECKING:
    from almenara.config import Config
    from almenara.model.commands import AnyCommand

CONFIG_DEFAULT = Path("almenara.toml")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the log is, and what is configured for it, when that is known."""

    state: Path
    config: "Config | None"
    base: Path


def find_place(state: Path | None, config: Path | None) -> Place:
    """The log's folder as named, else as configured (almenara.toml when nothing is named)."""
    from almenara.config import load_config

    if config is None and state is None:
        if not CONFIG_DEFAULT.exists():
            raise UsageError("Name the log's folder (--state DIR) or the configuration (--config FILE).")
        config = CONFIG_DEFAULT
    settings = load_config(config) if config is not None else None
    base = config.resolve().parent if config is not None else Path()
    if state is None:
        assert settings is not None
        state = base / settings.state
    return Place(state, settings, base)


def operator(name: str | None) -> str:
    """Who asks: as said, else the user of the operating system."""
    return name if name is not None else getpass.getuser()


def perform(place: Place, command: "AnyCommand", by: str) -> Sequence[str]:
    """Have a command done; what happened, a line for each event. Raises CommandRefused with the reason."""
    from almenara.config import words_of
    from almenara.service.commands import handle
    from almenara.service.inbox import Inbox, Request, describe
    from almenara.service.session import Session, now_ms
    from almenara.service.signing import load_signer
    from almenara.stores import open_log

    open_log(place.state, readonly=True).close()  # a folder without a log is refused, not filled with one
    try:
        log = open_log(place.state)
    except LogLocked:
        answer = Inbox.of(place.state).ask(Request(by=by, command=command))
        if answer.refused:
            raise CommandRefused(answer.refused, answer.message) from None
        return answer.said
    with closing(log):
        config = place.config
        signing = config.signing if config is not None else None
        words = words_of(config, place.base) if config is not None else None
        session = Session(log, load_signer(signing, place.base), words)
        session.recover()
        events = handle(session, command, by, now_ms())
        log.checkpoint(now_ms())
        return [describe(event) for event in events]
