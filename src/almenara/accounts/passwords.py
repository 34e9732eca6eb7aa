"""Passwords: argon2id, a length that counts, the most common ones refused; a name that is unknown takes as long."""

import re
import unicodedata
from importlib import resources

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from almenara.model.errors import UsageError

LENGTH_MIN = 12
#: argon2 reads all of it: what is longer is refused before.
LENGTH_MAX = 256
_LEET = str.maketrans("013457@$!", "oleastasi")


class Passwords:
    """Hashes and checks. `cheap` is for tests only: the same algorithm with little work."""

    def __init__(self, *, cheap: bool = False) -> None:
        hasher = Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1) if cheap else Argon2Hasher()
        self._hash = PasswordHash((hasher,))
        #: Checked against when there is no other: nobody knows what it is a hash of.
        self._decoy = self._hash.hash(unicodedata.normalize("NFC", "a decoy for names that are unknown"))

    def hash(self, password: str) -> str:
        """The hash to keep."""
        return self._hash.hash(_normal(password))

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether it is the one that was hashed. Without a hash the answer is no, after the same work."""
        if len(password) > LENGTH_MAX:
            password, kept = "", None
        right = self._hash.verify(_normal(password), kept if kept is not None else self._decoy)
        return right and kept is not None


def check_password(password: str, *related: str) -> None:
    """Raises UsageError that says what is wrong with it. `related`: names that must not be the better part of it.

    >>> check_password("three goats on the ridge")
    >>> check_password("Contraseña2026!")
    Traceback (most recent call last):
    ...
    almenara.model.errors.UsageError: That password is one of the first ...
    """
    if len(password) < LENGTH_MIN:
        raise UsageError(f"A password has at least {LENGTH_MIN} characters: take several unrelated words.")
    if len(password) > LENGTH_MAX:
        raise UsageError(f"A password has at most {LENGTH_MAX} characters.")
    known = _common() | {bare for name in related for bare in _bare(name) if len(bare) >= 3}
    if any(_unit(bare) in known or len(set(bare)) < 5 for bare in _bare(password)):
        raise UsageError("That password is one of the first that anybody tries: take several unrelated words.")


def _bare(text: str) -> set[str]:
    """What is left without accents, case, and the figures and signs put round it; also with figures read as letters."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return {
        re.sub(r"[^a-z0-9]+", "", plain),
        re.sub(r"^[^a-z]+|[^a-z]+$", "", plain),
        re.sub(r"[^a-z]+", "", re.sub(r"[^a-z]+$", "", plain).translate(_LEET)),
    } - {""} or {plain}


def _unit(text: str) -> str:
    """What it repeats: "abcabcabc" → "abc"."""
    return text[: (text + text).find(text, 1)]


def _common() -> frozenset[str]:
    words = resources.files(__package__).joinpath("common_passwords.txt").read_text(encoding="ascii")
    return frozenset(word for line in words.splitlines() if not line.startswith("#") for word in line.split())


def _normal(password: str) -> str:
    """The same letters typed on another keyboard are the same password (RFC 8265, OpaqueString)."""
    return unicodedata.normalize("NFC", password)
