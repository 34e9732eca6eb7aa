"""Who receives: endpoints from the options or a file, secrets from outside the configuration, ids that name nobody."""

import hashlib
import hmac
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec

from almenara.durable_files import PRIVATE, write_durably
from almenara.model.errors import UsageError

RECIPIENTS_MAX = 200_000
_LINE_BYTES_MAX = 8_192
_SECRET_BYTES_MAX = 64 * 1024

T = TypeVar("T")


class Secret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a secret is: it never stands in the configuration, and is never written to the log."""

    env: str | None = None  # name of an environment variable
    file: str | None = None  # path of a file


def read_secret(secret: Secret, folder: Path, what: str) -> str:
    """The secret, without blanks round it. Raises UsageError that names where it was looked for, never what it is."""
    if (secret.env is None) == (secret.file is None):
        raise UsageError(f"{what}: say env or file, one of them.")
    if secret.env is not None:
        found = os.environ.get(secret.env, "").strip()
        if not found:
            raise UsageError(f"{what}: the environment variable {secret.env} is not set.")
        return found
    path = folder / (secret.file or "")
    try:
        with path.open("rb") as file:
            found = file.read(_SECRET_BYTES_MAX).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{what}: {path} cannot be read: {error.__class__.__name__}.") from error
    if not found:
        raise UsageError(f"{what}: {path} is empty.")
    return found


def read_lines(path: Path, kind: type[T], what: str) -> tuple[T, ...]:
    """One JSON value a line. Raises UsageError that names the line at fault and why."""
    found = []
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_LINE_BYTES_MAX + 1):
                number += 1
                if len(line) > _LINE_BYTES_MAX:
                    raise UsageError(f"{what}: line {number} of {path.name} has more than {_LINE_BYTES_MAX} bytes.")
                if not line.strip():
                    continue
                try:
                    found.append(msgspec.json.decode(line, type=kind))
                except msgspec.DecodeError as error:
                    raise UsageError(f"{what}: line {number} of {path.name}: {error}") from error
                if len(found) > RECIPIENTS_MAX:
                    raise UsageError(f"{what}: {path.name} names more than {RECIPIENTS_MAX} recipients.")
    except OSError as error:
        raise UsageError(f"{what}: {path} cannot be read: {error.strerror}.") from error
    return tuple(found)


def by_id(pairs: Iterable[tuple[str, T]], what: str) -> dict[str, T]:
    """Recipients by id. Raises UsageError where there are none, or two have one id."""
    found: dict[str, T] = {}
    for name, value in pairs:
        if name in found:
            raise UsageError(f"{what}: two recipients have the id {name!r}.")
        found[name] = value
    if not found:
        raise UsageError(f"{what}: there are no recipients.")
    return found


def nameless_ids(addresses: Iterable[str], folder: Path, channel: str, what: str) -> dict[str, str]:
    """Ids for addresses of people, → address: keyed digests, so that the log and the screens name nobody.

    The key is made at the first need and lies beside the configuration, for its owner alone; without it nobody can try
    out numbers until one fits. The ids stay the same as long as the key does.
    """
    unique = dict.fromkeys(addresses)
    key = _key(folder / f".{quote(channel, safe='')[:100]}.recipients.key", what)
    return by_id(((hmac.digest(key, address.encode(), hashlib.sha256).hex()[:24], address) for address in unique), what)


def _key(path: Path, what: str) -> bytes:
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # another process made one at this moment: that one counts
                write_durably(path, os.urandom(32), mode=PRIVATE, anew=True)
        key = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{what}: {path} cannot be read or made: {error.strerror}.") from error
    if len(key) != 32:
        raise UsageError(f"{what}: {path} is damaged; without it every recipient gets a new id. Remove it to go on.")
    return key
