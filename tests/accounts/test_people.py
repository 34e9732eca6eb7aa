"""People: who may be what, and that somebody can always let others in."""

import stat
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almenara.accounts.book import Accounts
from almenara.accounts.database import MIGRATIONS, Database
from almenara.accounts.people import has_administrator
from almenara.accounts.principal import Principal
from almenara.accounts.roles import ACTIONS, COMMANDS, KEY_SCOPES, PLACED, ROLES, Grant
from almenara.model.commands import AnyCommand
from almenara.model.errors import CommandRefused, LogError, UsageError
from tests.accounts.bench import INSIDE, OUTSIDE, PASSWORD, SQUARE, Time, open_book, populate


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Accounts]:
    with open_book(tmp_path / "state") as book:
        populate(book)
        yield book


def whole(book: Accounts, name: str) -> Principal:
    found = book.people.principal(book.people.get(name).account)
    assert found is not None
    return found


def test_only_the_owner_can_read_the_file(book: Accounts) -> None:
    for path in book.database.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert stat.S_IMODE(book.database.path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_shut(tmp_path: Path) -> None:
    (tmp_path / "accounts.sqlite").touch(0o644)
    open_book(tmp_path).close()
    assert stat.S_IMODE((tmp_path / "accounts.sqlite").stat().st_mode) == 0o600


def test_a_newer_file_and_another_file_are_refused(tmp_path: Path) -> None:
    database = Database(tmp_path)
    with database.writing() as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(LogError, match="newer version"):
        Database(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "accounts.sqlite").write_text("no database at all, but longer than its header", "ascii")
    with pytest.raises(LogError, match="backup"):
        Database(tmp_path / "other")


def test_a_change_is_whole_or_nothing(book: Accounts) -> None:
    before = book.people.list_all(), book.database.unlogged()
    with pytest.raises(CommandRefused, match="no area"):
        book.people.add("late", grants=[Grant("viewer"), Grant("viewer", "atlantis")], by="root", now_ms=1)
    with pytest.raises(CommandRefused, match="last administrator"):
        book.people.disable("root", by="root", now_ms=1)
    assert (book.people.list_all(), book.database.unlogged()) == before


def test_every_change_leaves_an_entry_for_the_log(book: Accounts) -> None:
    people, end = book.people, book.database.unlogged()[-1][0]
    people.add("new", by="root", now_ms=5)
    people.grant("new", Grant("viewer"), by="root", now_ms=6)
    people.grant("new", Grant("viewer"), by="root", now_ms=7)  # they have it: nothing happened
    people.revoke("new", Grant("viewer"), by="root", now_ms=8)
    people.set_password("new", PASSWORD, by="root", now_ms=9)
    people.describe_person("new", display_name="Nuevo", language=None, by="new", now_ms=10)
    people.disable("new", by="root", now_ms=11)
    people.enable("new", by="root", now_ms=12)
    people.set_area("quito", SQUARE, by="root", now_ms=13)
    people.drop_area("quito", by="root", now_ms=14)
    told = [event for number, event in book.database.unlogged() if number > end]
    assert [(event.now_ms, event.action) for event in told] == [
        (5, "people.add"),
        (6, "people.grant"),
        (8, "people.revoke"),
        (9, "people.password"),
        (10, "people.describe"),
        (11, "people.disable"),
        (12, "people.enable"),
        (13, "area.set"),
        (14, "area.drop"),
    ]
    assert PASSWORD not in repr(told)
    book.database.logged(book.database.unlogged()[-1][0])
    assert book.database.unlogged() == []


@pytest.mark.parametrize("name", ["", "a b", "Ünal", "-a", "a" * 65, "api-key/1", "a\nb", "a/b"])
def test_names_that_cannot_be(book: Accounts, name: str) -> None:
    with pytest.raises(UsageError, match="A name has"):
        book.people.add(name, by="root", now_ms=1)


def test_names_are_given_once_whatever_their_case(book: Accounts) -> None:
    book.people.disable("viewer", by="root", now_ms=1)
    for name in ("viewer", "VIEWER", " Viewer "):
        with pytest.raises(CommandRefused, match="never given twice"):
            book.people.add(name, by="root", now_ms=2)


def test_an_area_in_use_stays(book: Accounts) -> None:
    with pytest.raises(CommandRefused) as refused:
        book.people.drop_area("loja", by="root", now_ms=1)
    assert refused.value.reason == "in-use"


@pytest.mark.parametrize(
    "geojson",
    [
        "",
        "{}",
        "[1, 2]",
        '{"type": "Point", "coordinates": [0, 0]}',
        '{"type": "Polygon", "coordinates": []}',
        '{"type": "Polygon", "coordinates": [[[0, 0], [200, 0], [200, 1], [0, 0]]]}',
        '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}',
        '{"type": "FeatureCollection", "features": []}',
        SQUARE + " " * 900_000,
    ],
)
def test_areas_that_cannot_be(book: Accounts, geojson: str) -> None:
    with pytest.raises(UsageError):
        book.people.set_area("odd", geojson, by="root", now_ms=1)


def test_an_area_may_be_a_feature_or_a_collection(book: Accounts) -> None:
    feature = f'{{"type": "Feature", "properties": {{}}, "geometry": {SQUARE}}}'
    for text in (SQUARE, feature, f'{{"type": "FeatureCollection", "features": [{feature}]}}'):
        area = book.people.set_area("same", text, by="root", now_ms=1)
        assert (area.contains(*INSIDE), area.contains(*OUTSIDE)) == (True, False)


def test_a_role_within_an_area_ends_at_its_boundary(book: Accounts) -> None:
    officer = whole(book, "duty_officer.loja")
    assert officer.may("update")
    assert officer.may_at("update", INSIDE)
    assert not officer.may_at("update", OUTSIDE)
    assert not officer.may_at("update", None), "what lies nowhere is nobody's area"
    assert not officer.may_at("approve", INSIDE)
    assert officer.may_at("read", OUTSIDE), "reading is for the whole country"
    moved = SQUARE.replace("-80", "-78.5").replace("-79", "-77.5").replace("-5", "-2").replace("-4", "0")
    book.people.set_area("loja", moved, by="root", now_ms=1)
    assert whole(book, "duty_officer.loja").may_at("update", OUTSIDE), "grants follow the area that they name"


def test_an_administrator_warns_nobody(book: Accounts) -> None:
    root = whole(book, "root")
    assert not any(root.may_at(action, INSIDE) for action in PLACED)
    assert root.may("people")


def test_a_disabled_person_is_nobody(book: Accounts) -> None:
    account = book.people.get("viewer").account
    token = book.sessions.begin(account, "password", book.clock())
    assert book.by_token(token) is not None
    book.people.disable("viewer", by="root", now_ms=book.clock())
    assert book.by_token(token) is None
    assert book.people.principal(account) is None
    assert book.people.check_sign_in("viewer", PASSWORD) is None
    book.people.enable("viewer", by="root", now_ms=book.clock())
    assert book.by_token(token) is None, "their sessions do not come back"
    assert book.people.check_sign_in("viewer", PASSWORD) is not None


def test_the_table_of_roles_is_sound() -> None:
    ladder = [ROLES[name] for name in ("viewer", "dispatcher", "duty_officer", "approver")]
    assert all(lower < higher for lower, higher in pairwise(ladder))
    assert KEY_SCOPES < ACTIONS
    assert PLACED < ACTIONS
    assert not KEY_SCOPES & {"approve", "draft", "update", "cancel", "all-clear", "people", "keys"}
    tags = {kind.__struct_config__.tag for kind in get_args(AnyCommand)}
    own = {"tested"}  # what the house itself writes down: nobody's to order
    assert tags - own == set(COMMANDS), "every command needs an action"
    assert set(COMMANDS.values()) <= ACTIONS


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add bare", "grant", "revoke", "disable", "enable"]), st.sampled_from(["a", "b", "c"])
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_somebody_can_always_let_others_in(steps: list[tuple[str, str]]) -> None:
    """Whatever administrators do, one who can sign in remains; what would end that is refused and changes nothing."""
    with TemporaryDirectory() as folder, open_book(Path(folder)) as book:
        people, administrator = book.people, Grant("administrator")
        people.add("a", password=PASSWORD, grants=[administrator], by="setup", now_ms=0)
        enabled, holders, passwords = {"a"}, {"a"}, {"a"}
        for now_ms, (step, name) in enumerate(steps, 1):
            left = {
                "add": (enabled | {name}, holders, passwords | {name}),
                "add bare": (enabled | {name}, holders | {name}, passwords),
                "grant": (enabled, holders | {name}, passwords),
                "revoke": (enabled, holders - {name}, passwords),
                "disable": (enabled - {name}, holders, passwords),
                "enable": (enabled | {name}, holders, passwords),
            }[step]
            known, reason = people.find(name) is not None, ""
            try:
                match step:
                    case "add":
                        people.add(name, password=PASSWORD, by="a", now_ms=now_ms)
                    case "add bare":
                        people.add(name, grants=[administrator], by="a", now_ms=now_ms)
                    case "grant":
                        people.grant(name, administrator, by="a", now_ms=now_ms)
                    case "revoke":
                        people.revoke(name, administrator, by="a", now_ms=now_ms)
                    case "disable":
                        people.disable(name, by="a", now_ms=now_ms)
                    case _:
                        people.enable(name, by="a", now_ms=now_ms)
            except CommandRefused as refused:
                reason = refused.reason
            else:
                enabled, holders, passwords = left
            allowed = {
                "": True,
                "name-taken": step.startswith("add") and known,
                "no-such-account": not known,
                "not-granted": step == "revoke" and name not in holders,
                "last-administrator": not (left[0] & left[1] & left[2]),
            }
            assert allowed[reason], reason
            assert enabled & holders & passwords
            assert has_administrator(book.database.reading)
            assert not book.setup.needed


def test_accounts_are_seen_at_once_by_another_process(book: Accounts) -> None:
    with open_book(book.database.path.parent, Time()) as other:
        other.people.grant("nobody.yet", Grant("viewer"), by="command line: root", now_ms=1)
    assert whole(book, "nobody.yet").may("read")
