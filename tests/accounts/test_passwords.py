"""Passwords: what is refused, what is kept, and that nothing tells a known name from an unknown one."""

import statistics
import time
import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almenara.accounts.passwords import LENGTH_MAX, LENGTH_MIN, Passwords, check_password
from almenara.accounts.roles import Grant
from almenara.model.errors import UsageError
from tests.accounts.bench import CHEAP, PASSWORD, open_book

COMMON = [
    "password1234",
    "Password1234!",
    "contraseña2026",
    "CONTRASEÑA!!!!",
    "123456789012",
    "qwertyuiop123",
    "P4ssw0rd!!!!",
    "111111111111",
    "abcabcabcabc",
    "aaaaaaaaaaaaa",
    "letmein2026!",
    "Bienvenidos1!",
    "administrador1",
    "iloveyou1234",
    "1q2w3e4r5t6y",
    "almenara2026",
    "emergencias2026",
    "passwordpassword",
    "passwordpasswordpassword",
    "teamoteamoteamo",
    "Guayaquil2026",
    "correcthorsebatterystaple",
]
SOUND = [PASSWORD, "tres cabras en la cuesta", "ñandú-páramo-7-lluvia", "kX9#mfQ2vLz8", "password for the tower ladder"]


@pytest.mark.parametrize("password", COMMON)
def test_what_everybody_tries_is_refused(password: str) -> None:
    with pytest.raises(UsageError, match="first that anybody tries"):
        check_password(password)


@pytest.mark.parametrize("password", SOUND)
def test_sound_ones_are_taken(password: str) -> None:
    check_password(password, "ana", "Ana Ruiz")


@pytest.mark.parametrize("password", ["ana.ruiz.2026", "AnaRuizAnaRuiz", "anaruiz12345!"])
def test_ones_own_name_is_refused(password: str) -> None:
    with pytest.raises(UsageError):
        check_password(password, "ana.ruiz", "Ana Ruiz")


def test_too_short_and_too_long() -> None:
    with pytest.raises(UsageError, match="at least"):
        check_password("kX9#mfQ2vLz8"[: LENGTH_MIN - 1])
    with pytest.raises(UsageError, match="at most"):
        check_password("goat ridge " * LENGTH_MAX)


@settings(max_examples=60, deadline=None)
@given(password=st.text(st.characters(exclude_categories=["Cs"]), max_size=LENGTH_MAX), other=st.text(max_size=20))
def test_only_the_same_password_opens(password: str, other: str) -> None:
    kept = CHEAP.hash(password)
    assert CHEAP.matches(password, kept)
    assert CHEAP.matches(unicodedata.normalize("NFD", password), kept) or len(password) * 2 > LENGTH_MAX
    if unicodedata.normalize("NFC", other) != unicodedata.normalize("NFC", password):
        assert not CHEAP.matches(other, kept)
    assert not CHEAP.matches(password, None)


@given(password=st.text(max_size=40))
def test_any_text_is_judged(password: str) -> None:
    with suppress(UsageError):
        check_password(password)


def test_the_real_thing_is_argon2id_with_enough_work() -> None:
    kept = Passwords().hash(PASSWORD)
    _, kind, _, work, *_ = kept.split("$")
    values = dict(part.split("=") for part in work.split(","))
    assert kind == "argon2id"
    # OWASP, Password Storage Cheat Sheet: at least 19 MiB, 2 passes.
    assert int(values["m"]) >= 19 * 1024
    assert int(values["t"]) >= 2


def test_an_unknown_name_takes_as_long(tmp_path: Path) -> None:
    """With the real work for a password: medians of interleaved attempts, in time on the processor."""
    with open_book(tmp_path) as book:
        book.people.passwords = Passwords()
        book.people.add("ana", password=PASSWORD, grants=[Grant("administrator")], by="setup", now_ms=0)
        book.people.add("ben", by="ana", now_ms=0)  # has no password
        spent: dict[str, list[float]] = {"ana": [], "ben": [], "nobody": []}
        for _ in range(3):
            for name, times in spent.items():
                begun = time.process_time()
                assert book.people.check_sign_in(name, "not the password") is None
                times.append(time.process_time() - begun)
        medians = [statistics.median(times) for times in spent.values()]
        assert max(medians) < 1.5 * min(medians), medians
