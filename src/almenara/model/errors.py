"""Every failure that Almenara reports by name.

AlmenaraError
├── UsageError            the caller asked for something that makes no sense (exit code 2)
├── InputError            an input cannot be used as a whole (exit code 1)
│   ├── UnreadableInput   missing, forbidden, not a file of any known kind
│   └── OversizedInput    larger than a named bound (file, line, expansion of a .gz)
├── LogError              the log refused
│   ├── LogCorrupted      the hash chain is broken; says where
│   ├── LogLocked         another process writes this log
│   ├── UnknownEvent      an entry was written by a newer version
│   └── UnknownSnapshot   a snapshot was written by another version: the log is read instead
├── InvalidWarning        a CAP message that must not leave the house
├── CommandRefused        what an operator asked for makes no sense in the present state; says why by a named reason
└── ChannelError          a channel did not deliver a message
    ├── ChannelFailed     for now: worth another attempt
    ├── ChannelRefused    for good: the same message will never be taken
    └── StatusMismatch    a message met a channel of another CAP status: a fault of Almenara's own

Rows that cannot be used are no errors: they become quarantine records with a reason.
"""


class AlmenaraError(Exception):
    """Base of every failure that is reported by name; its text says what to do."""


class UsageError(AlmenaraError):
    """The request makes no sense as it stands."""


class InputError(AlmenaraError):
    """An input cannot be used as a whole."""


class UnreadableInput(InputError):
    """Missing, forbidden, or not a file of any known kind."""


class OversizedInput(InputError):
    """Larger than a named bound."""


class LogError(AlmenaraError):
    """The log refused."""


class LogCorrupted(LogError):
    """The hash chain is broken at `seq`."""

    def __init__(self, message: str, *, seq: int) -> None:
        super().__init__(message)
        self.seq = seq


class LogLocked(LogError):
    """Another process writes this log."""


class UnknownEvent(LogError):
    """The entry was written by a newer version of Almenara."""


class UnknownSnapshot(LogError):
    """The snapshot was written by another version of Almenara."""


class InvalidWarning(AlmenaraError):
    """A CAP message that must not leave the house."""


class CommandRefused(AlmenaraError):
    """What an operator asked for makes no sense in the present state. `reason` is a short name, the text for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ChannelError(AlmenaraError):
    """A channel did not deliver a message."""


class ChannelFailed(ChannelError):
    """It did not work this time and is worth another attempt, not before `retry_after_s` when the peer said so."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ChannelRefused(ChannelError):
    """The peer, or the channel's own rules, will never take this message: trying again is of no use."""


class StatusMismatch(ChannelError):
    """A message met a channel of another CAP status, which must not be possible: it is never caught, it stops."""
