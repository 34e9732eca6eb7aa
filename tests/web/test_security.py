"""Who gets in where: every route of the application, every role, no session, foreign areas, keys of every scope."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from almenara.accounts.principal import Principal
from almenara.accounts.roles import ACTIONS, KEY_SCOPES
from almenara.web.problems import Problem
from almenara.web.security import OPEN, Require, demand_command
from tests.accounts.bench import INSIDE, OUTSIDE, PASSWORD
from tests.web.door import Door, opened

#: Action → who gets in. This table is the specification; accounts/roles.py is what is held against it.
EVERYONE = "viewer dispatcher duty_officer approver root"
ALLOWED = {
    "self": EVERYONE + " nobody.yet",
    "read": EVERYONE + " key:read",
    "acknowledge": "dispatcher duty_officer approver key:acknowledge",
    "label": "dispatcher duty_officer approver key:label",
    "draft": "duty_officer approver",
    "reject": "duty_officer approver key:reject",
    "update": "duty_officer approver",
    "cancel": "duty_officer approver",
    "all-clear": "duty_officer approver",
    "approve": "approver",
    "audit": "approver root key:audit",
    "channels": "root key:channels",
    "places": "root key:places",
    "people": "root",
    "keys": "root",
}
PEOPLE = ("viewer", "dispatcher", "duty_officer", "approver", "root", "nobody.yet")
#: Routes that change something and still take no more than reading, each with its reason.
HARMLESS: dict[str, str] = {}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with opened(tmp_path_factory.mktemp("door") / "state") as door:
        yield door


def served(app: FastAPI) -> dict[tuple[str, str], list[Require]]:
    """Method and path of every route, and what stands before it."""
    found = {}
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or ()):
            assert route.path is not None
            found[method, route.path] = list(_requirements(route.dependant))
    return found


def _requirements(dependant: Dependant) -> Iterator[Require]:
    if isinstance(dependant.call, Require):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _requirements(inner)


def test_every_route_asks_or_is_open_on_purpose(door: Door) -> None:
    found = served(door.app)
    assert len(found) > 30, "the walk finds nothing"
    assert {("GET", "/healthz"), ("GET", "/api/v1/audit"), ("PUT", "/api/v1/areas/{name}")} <= found.keys()
    assert all(len(requirements) < 2 for requirements in found.values()), "one of them says who gets in"
    unguarded = {key for key, requirements in found.items() if not requirements}
    assert {path for _, path in unguarded} <= OPEN
    opened = {(method, path) for method, path in unguarded if path.startswith("/api/v1/session")}
    assert opened == {
        ("POST", "/api/v1/session"),
        ("POST", "/api/v1/session/passkey"),
        ("POST", "/api/v1/session/passkey/options"),
    }


def test_what_changes_something_takes_more_than_reading(door: Door) -> None:
    for (method, path), requirements in served(door.app).items():
        if requirements and method not in ("GET", "HEAD") and path not in HARMLESS:
            assert "read" not in requirements[0].actions, f"{method} {path}"


def test_the_table_names_every_action() -> None:
    assert ALLOWED.keys() == ACTIONS
    assert {word.removeprefix("key:") for line in ALLOWED.values() for word in line.split() if ":" in word} == (
        KEY_SCOPES
    )


def test_role_by_route(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody knocks at each route: in, or 401 for nobody known and 403 for the others. Nothing is done behind it."""
    decide = Require.__call__

    async def and_no_further(self: Require, *args: Any, **kwargs: Any) -> Principal:
        await decide(self, *args, **kwargs)
        raise Problem(200, "in", "let in")

    callers: dict[str, Any] = {name: door.signed_in(name) for name in PEOPLE}
    callers |= {f"key:{scope}": door.key(scope) for scope in KEY_SCOPES}
    stranger = door.browser()
    monkeypatch.setattr(Require, "__call__", and_no_further)
    asked = 0
    for (method, path), requirements in served(door.app).items():
        if not requirements:
            continue
        address = re.sub(r"{[^}]*}", "x", path)
        expected = {name for action in requirements[0].actions for name in ALLOWED[action].split()}
        for name, caller in callers.items():
            browser, headers = (stranger, caller) if isinstance(caller, dict) else (caller, {})
            status = browser.send(method, address, headers=headers).status_code
            assert status == (200 if name in expected else 403), f"{name} at {method} {path}: {status}"
            asked += 1
        for headers in (
            {},
            {"Authorization": "Bearer alm_000000000000_" + "A" * 43},
            {"Authorization": "Basic cm9vdDpyb290"},
            {"Cookie": "almenara_session=" + "A" * 43},
        ):
            assert stranger.send(method, address, headers=headers).status_code == 401, f"{method} {path} {headers}"
    assert asked > 300


@pytest.mark.parametrize("action", sorted(ALLOWED))
def test_role_by_area(door: Door, action: str) -> None:
    """An action on one thing takes the role where the thing is: in one's own area, never in a foreign one."""
    placed = {"acknowledge", "label", "draft", "reject", "update", "cancel", "all-clear", "approve"}
    for role in ("viewer", "dispatcher", "duty_officer", "approver"):
        principal = door.accounts.people.principal(door.accounts.people.get(f"{role}.loja").account)
        assert principal is not None
        may = role in ALLOWED[action].split()
        assert principal.may_at(action, INSIDE) is may
        assert principal.may_at(action, OUTSIDE) is (may and action not in placed)
        assert principal.may_at(action, None) is (may and action not in placed)
    if action in KEY_SCOPES:
        key = door.accounts.by_key(door.key(action, area="loja")["Authorization"].removeprefix("Bearer "))
        assert key is not None
        assert (key.may_at(action, INSIDE), key.may_at(action, OUTSIDE)) == (True, action not in placed)


def test_a_refused_command_is_in_the_audit(door: Door) -> None:
    request = Request({"type": "http", "method": "POST", "app": door.app, "headers": [], "path": "/", "state": {}})
    principal = door.accounts.people.principal(door.accounts.people.get("approver.loja").account)
    assert principal is not None

    async def order(command: str, position: tuple[float, float] | None) -> None:
        await demand_command(request, principal, command, position, "incident-fire-a-1")

    door.run(order("approve", INSIDE))
    for position in (OUTSIDE, None):
        with pytest.raises(Problem) as refused:
            door.run(order("approve", position))
        assert refused.value.status == 403
    with pytest.raises(Problem):
        door.run(order("pause", None))
    assert [entry for entry in door.audited() if entry[0] == "approver.loja"] == [
        ("approver.loja", "approve", "incident-fire-a-1", "refused"),
        ("approver.loja", "approve", "incident-fire-a-1", "refused"),
        ("approver.loja", "channels", "incident-fire-a-1", "refused"),
    ]


def test_the_door_says_who_is_there() -> None:
    """Nothing that is secret shows when a principal is printed."""
    shown = repr(Principal("ana", session=b"the session's row"))
    assert "ana" in shown
    assert "row" not in shown


def test_expired_and_revoked_keys_and_disabled_people(tmp_path: Path) -> None:
    with opened(tmp_path / "state") as door:
        browser, header = door.signed_in("viewer"), door.key("read", days=1)
        stranger = door.browser()
        assert stranger.get("/areas", headers=header).status_code == 200
        assert browser.get("/areas").status_code == 200
        door.accounts.people.disable("viewer", by="root", now_ms=door.time())
        door.time.now_ms += 86_400_000
        assert stranger.get("/areas", headers=header).status_code == 401
        assert browser.get("/areas").status_code == 401
        assert browser.try_to_sign_in("viewer", PASSWORD).status_code == 401
        # A key that came along never falls back to the browser's session.
        other = door.signed_in("approver")
        assert other.get("/areas").status_code == 200
        assert other.get("/areas", headers=header).status_code == 401
