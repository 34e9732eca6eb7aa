"""Sessions, API keys and the setup code: what opens the door, for how long, and that the file alone opens nothing."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almenara.accounts.api_keys import DAY_MS
from almenara.accounts.book import Accounts
from almenara.accounts.limits import Limit, SignInLimits
from almenara.accounts.pending import Pending
from almenara.accounts.roles import KEY_SCOPES, PLACED, Grant
from almenara.accounts.sessions import ABSOLUTE_MS, IDLE_MS, SESSIONS_MAX, TOUCH_MS
from almenara.accounts.setup import LASTS_MS, WRONG_MAX
from almenara.model.errors import CommandRefused, UsageError
from tests.accounts.bench import INSIDE, OUTSIDE, PASSWORD, Time, open_book, populate


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def book(tmp_path: Path, time: Time) -> Iterator[Accounts]:
    with open_book(tmp_path / "state", time) as book:
        populate(book)
        yield book


def begin(book: Accounts, name: str = "viewer") -> str:
    return book.sessions.begin(book.people.get(name).account, "password", book.clock())


def stored(book: Accounts) -> bytes:
    return b"".join(path.read_bytes() for path in book.database.path.parent.glob("accounts.sqlite*"))


class TestSessions:
    def test_a_session_ends_when_nobody_uses_it(self, book: Accounts, time: Time) -> None:
        token = begin(book)
        time.now_ms += IDLE_MS - 1
        assert book.by_token(token) is not None
        time.now_ms += 1
        assert book.by_token(token) is None

    def test_one_that_is_used_ends_all_the_same(self, book: Accounts, time: Time) -> None:
        token, begun = begin(book), time.now_ms
        while time.now_ms < begun + ABSOLUTE_MS - TOUCH_MS:
            time.now_ms += IDLE_MS // 3
            found = book.by_token(token)
            if time.now_ms - begun >= ABSOLUTE_MS:
                break
            assert found is not None
            principal, stale = found
            assert stale
            book.sessions.touch(principal.session, time.now_ms)
            assert book.sessions.lasts(principal.session, time.now_ms)
        time.now_ms = begun + ABSOLUTE_MS
        assert book.by_token(token) is None

    def test_it_is_written_once_a_minute(self, book: Accounts, time: Time) -> None:
        token = begin(book)
        for elapsed, stale in ((0, False), (TOUCH_MS - 1, False), (TOUCH_MS, True)):
            found = book.sessions.find(token, time.now_ms + elapsed)
            assert found is not None
            assert found[3] is stale

    def test_signing_in_makes_the_old_token_void(self, book: Accounts) -> None:
        old = begin(book)
        new = book.sessions.begin(book.people.get("viewer").account, "password", book.clock(), instead_of=old)
        assert book.by_token(old) is None
        assert book.by_token(new) is not None

    def test_a_new_password_ends_the_others(self, book: Accounts) -> None:
        one, other = begin(book), begin(book)
        found = book.by_token(one)
        assert found is not None
        book.people.set_password("viewer", PASSWORD + "!", by="viewer", now_ms=book.clock(), keep=found[0].session)
        assert book.by_token(one) is not None
        assert book.by_token(other) is None

    def test_out_everywhere(self, book: Accounts) -> None:
        tokens, others = [begin(book) for _ in range(3)], begin(book, "approver")
        assert book.sessions.end_all(book.people.get("viewer").account) == 3
        assert all(book.by_token(token) is None for token in tokens)
        assert book.by_token(others) is not None

    def test_there_are_so_many_and_no_more(self, book: Accounts, time: Time) -> None:
        tokens = []
        for _ in range(SESSIONS_MAX + 3):
            time.now_ms += 1
            tokens.append(begin(book))
        assert [book.by_token(token) is not None for token in tokens] == [False] * 3 + [True] * SESSIONS_MAX

    def test_the_file_does_not_hold_the_token(self, book: Accounts) -> None:
        token = begin(book)
        assert token.encode() not in stored(book)
        found = book.by_token(token)
        assert found is not None
        assert book.by_token(found[0].session.hex()) is None
        assert token not in repr(found)
        assert found[0].session.hex() not in repr(found)

    @settings(max_examples=25, deadline=None)
    @given(token=st.text(max_size=60))
    def test_no_other_text_opens(self, token: str) -> None:
        with TemporaryDirectory() as folder, open_book(Path(folder)) as book:
            assert book.by_token(token) is None
            assert book.by_key(token) is None
            assert book.by_key(f"alm_{token}") is None


class TestApiKeys:
    def make(self, book: Accounts, *scopes: str, area: str = "*", days: int = 30) -> str:
        _, text = book.api_keys.make("a GIS", scopes, area=area, days=days, by="root", now_ms=book.clock())
        return text

    def test_a_key_does_what_it_is_for(self, book: Accounts) -> None:
        text = self.make(book, "read", "label", area="loja")
        assert re.fullmatch(r"alm_[0-9a-f]{12}_[\w-]{43}", text)
        principal = book.by_key(text)
        assert principal is not None
        assert principal.actions == {"read", "label"}
        assert not principal.is_person
        assert principal.name == f"api-key/{text.split('_')[1]}"
        assert (principal.may_at("label", INSIDE), principal.may_at("label", OUTSIDE)) == (True, False)

    def test_it_ends(self, book: Accounts, time: Time) -> None:
        text = self.make(book, "read", days=1)
        time.now_ms += DAY_MS - 1
        assert book.by_key(text) is not None
        time.now_ms += 1
        assert book.by_key(text) is None

    def test_it_is_revoked_by_hand_or_with_its_maker(self, book: Accounts) -> None:
        book.people.grant("approver", Grant("administrator"), by="root", now_ms=1)
        one, other = self.make(book, "read"), self.make(book, "read")
        _, theirs = book.api_keys.make("theirs", ["read"], area="*", days=1, by="approver", now_ms=book.clock())
        book.api_keys.revoke(one.split("_")[1], by="root", now_ms=book.clock())
        book.people.disable("approver", by="root", now_ms=book.clock())
        assert [book.by_key(text) is not None for text in (one, other, theirs)] == [False, True, False]
        with pytest.raises(CommandRefused):
            book.api_keys.revoke(one.split("_")[1], by="root", now_ms=book.clock())

    def test_another_secret_does_not_open(self, book: Accounts) -> None:
        one, other = self.make(book, "read"), self.make(book, "read")
        mixed = "_".join([*one.split("_", 2)[:2], other.split("_", 2)[2]])
        assert book.by_key(mixed) is None
        assert one.split("_", 2)[2].encode() not in stored(book)

    @pytest.mark.parametrize("scope", sorted({*PLACED, "people", "keys", "self", "everything", ""} - KEY_SCOPES))
    def test_what_takes_a_person_is_no_scope(self, book: Accounts, scope: str) -> None:
        with pytest.raises(UsageError, match="takes a person"):
            self.make(book, "read", scope)

    def test_odd_wishes(self, book: Accounts) -> None:
        for days in (0, 400):
            with pytest.raises(UsageError, match="days"):
                self.make(book, "read", days=days)
        with pytest.raises(UsageError):
            self.make(book)
        with pytest.raises(CommandRefused, match="no area"):
            self.make(book, "read", area="atlantis")


class TestSetup:
    FIRST = {"name": "ana", "display_name": "Ana", "language": "es", "password": PASSWORD}  # noqa: RUF012

    @pytest.fixture
    def empty(self, tmp_path: Path, time: Time) -> Iterator[Accounts]:
        with open_book(tmp_path / "new", time) as book:
            yield book

    def use(self, book: Accounts, code: str) -> None:
        book.setup.use(code, now_ms=book.clock(), **self.FIRST)

    def test_once(self, empty: Accounts) -> None:
        code = empty.setup.open(empty.clock())
        assert code is not None
        assert empty.setup.path.read_text("ascii").strip() == code
        assert stat.S_IMODE(empty.setup.path.stat().st_mode) == 0o600
        self.use(empty, f" {code.lower()} ")
        assert not empty.setup.path.exists()
        assert not empty.setup.needed
        with pytest.raises(CommandRefused) as refused:
            self.use(empty, code)
        assert refused.value.reason == "already-set-up"
        assert empty.setup.open(empty.clock()) is None

    def test_it_runs_out(self, empty: Accounts, time: Time) -> None:
        code = empty.setup.open(empty.clock())
        assert code is not None
        time.now_ms += LASTS_MS
        with pytest.raises(CommandRefused) as refused:
            self.use(empty, code)
        assert refused.value.reason == "setup-closed"
        assert not empty.setup.path.exists()
        assert empty.setup.needed, "still shut, and a new start gives a new code"
        assert empty.setup.open(empty.clock()) not in (None, code)

    def test_guessing_ends_it(self, empty: Accounts) -> None:
        code = empty.setup.open(empty.clock())
        assert code is not None
        for _ in range(WRONG_MAX):
            with pytest.raises(CommandRefused):
                self.use(empty, "AAAAAA-AAAAAA-AAAAAA-AAAAAA")
        with pytest.raises(CommandRefused) as refused:
            self.use(empty, code)
        assert refused.value.reason == "setup-closed"

    def test_without_a_code_nothing_opens_it(self, empty: Accounts) -> None:
        for code in ("", " ", "-"):
            with pytest.raises(CommandRefused):
                self.use(empty, code)

    def test_a_poor_password_does_not_use_it_up(self, empty: Accounts) -> None:
        code = empty.setup.open(empty.clock())
        assert code is not None
        with pytest.raises(UsageError):
            empty.setup.use(code, now_ms=0, **(self.FIRST | {"password": "short"}))
        self.use(empty, code)

    def test_another_process_closes_it(self, empty: Accounts) -> None:
        code = empty.setup.open(empty.clock())
        assert code is not None
        with open_book(empty.database.path.parent) as other:
            with pytest.raises(UsageError, match="must be an administrator"):
                other.people.add("ben", password=PASSWORD, by="x", now_ms=0)
            other.people.add("ben", password=PASSWORD, grants=[Grant("administrator")], by="x", now_ms=0)
        assert not empty.setup.needed
        with pytest.raises(CommandRefused):
            self.use(empty, code)


class TestLimits:
    @given(
        gaps=st.lists(st.integers(0, 4_000), min_size=1, max_size=120),
        count=st.integers(1, 8),
        window_ms=st.sampled_from([1_000, 7_000]),
    )
    def test_never_more_than_allowed(self, gaps: list[int], count: int, window_ms: int) -> None:
        """In any window at most twice `count` pass (a full bucket and its refill), and after a rest one always does."""
        limit, now_ms, passed = Limit(count, window_ms), 0, list[int]()
        for gap in gaps:
            now_ms += gap
            if not limit.wait_ms("x", now_ms):
                limit.take("x", now_ms)
                passed.append(now_ms)
        for at_ms in passed:
            assert sum(at_ms <= other < at_ms + window_ms for other in passed) <= 2 * count
        assert not limit.wait_ms("x", now_ms + limit.wait_ms("x", now_ms))
        assert not limit.wait_ms("another", now_ms)

    def test_memory_is_bounded(self) -> None:
        limit = Limit(1, 1_000, keys_max=50)
        for number in range(500):
            limit.take(str(number), 0)
        assert len(limit) == 50
        assert limit.wait_ms("499", 0) > 0
        pending: Pending[int] = Pending(1_000, 50)
        tokens = [pending.put(number, 0) for number in range(500)]
        assert len(pending) == 50
        assert (pending.take(tokens[499], 0), pending.take(tokens[499], 0), pending.take(tokens[0], 0)) == (
            499,
            None,
            None,
        )
        assert pending.take(tokens[498], 1_000) is None

    def test_guessing_one_name_stops_the_guesser_and_not_its_owner(self) -> None:
        limits = SignInLimits()
        attempts = 0
        while not limits.wait_ms("203.0.113.9", "ana", 0):
            limits.failed("203.0.113.9", "ana", 0)
            attempts += 1
        assert attempts == 8
        assert not limits.wait_ms("192.0.2.1", "ana", 0), "ana herself, from elsewhere"
        assert not limits.wait_ms("203.0.113.9", "ben", 0), "ben, from the same office"

    def test_many_addresses_guessing_one_name_are_stopped(self) -> None:
        limits, attempts = SignInLimits(), 0
        for number in range(5_000):
            address = f"2001:db8:{number:x}::1"
            if not limits.wait_ms(address, "ana", 0):
                limits.failed(address, "ana", 0)
                attempts += 1
        assert attempts == 100

    def test_one_network_guessing_many_names_is_stopped(self) -> None:
        limits, attempts = SignInLimits(), 0
        for number in range(5_000):
            address = f"2001:db8:1:1::{number:x}"  # all of one /64
            if not limits.wait_ms(address, f"name{number}", 0):
                limits.failed(address, f"name{number}", 0)
                attempts += 1
        assert attempts == 30
