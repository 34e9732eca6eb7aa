"""Signing in and out over HTTP: cookies, forged requests, guessing, the first run, and what the audit tells of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from almenara.accounts.sessions import ABSOLUTE_MS, IDLE_MS
from almenara.accounts.setup import LASTS_MS
from tests.accounts.bench import PASSWORD, SQUARE
from tests.web.door import ORIGIN, Door, opened


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path / "state") as door:
        yield door


class TestSignIn:
    def test_who_i_am(self, door: Door) -> None:
        told = door.browser().sign_in("Duty_Officer.Loja ")
        assert told["person"] == {
            "name": "duty_officer.loja",
            "display_name": "duty_officer.loja",
            "language": "es",
            "grants": [{"role": "duty_officer", "area": "loja"}],
            "passkeys": 0,
        }
        assert "update" in told["actions"]
        assert told["mode"]["status"] == "Test"

    def test_the_cookie_is_for_this_site_and_no_script(self, door: Door) -> None:
        for base, secure in ((ORIGIN, True), ("http://127.0.0.1:8000", False)):
            answer = door.browser(base=base).try_to_sign_in("viewer")
            (cookie,) = answer.headers.get_list("set-cookie")
            parts = {part.strip().lower() for part in cookie.split(";")[1:]}
            assert {"httponly", "samesite=strict", "path=/"} <= parts
            assert ("secure" in parts) is secure
            assert not any(part.startswith("domain") for part in parts)

    def test_answers_are_not_kept_by_anybody(self, door: Door) -> None:
        answer = door.signed_in("viewer").get("/session")
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe-eval" not in answer.headers["content-security-policy"]
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert answer.headers["x-content-type-options"] == "nosniff"

    def test_a_wrong_name_and_a_wrong_password_look_alike(self, door: Door) -> None:
        door.accounts.people.disable("dispatcher", by="root", now_ms=door.time())
        browser = door.browser()
        answers = [
            browser.try_to_sign_in("viewer", "not the password"),
            browser.try_to_sign_in("nobody of that name", PASSWORD),
            browser.try_to_sign_in("dispatcher", PASSWORD),
            browser.try_to_sign_in("", PASSWORD),
        ]
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.text for answer in answers}) == 1
        assert not any("set-cookie" in answer.headers for answer in answers)

    def test_what_was_typed_for_a_name_stays_out_of_the_log(self, door: Door) -> None:
        door.browser().try_to_sign_in("my secret password, in the wrong box", "x")
        door.browser().try_to_sign_in("viewer", "x")
        assert door.audited()[-2:] == [
            ("nobody", "sign-in", "an unknown name", "refused"),
            ("nobody", "sign-in", "viewer", "refused"),
        ]
        assert "secret" not in repr(door.desk.audited())

    def test_secrets_do_not_come_back_in_faults(self, door: Door) -> None:
        answer = door.browser().post("/session", {"name": "x" * 300, "password": "hunter2 hunter2"})
        assert answer.status_code == 422
        assert "hunter2" not in answer.text

    def test_a_new_sign_in_changes_the_token(self, door: Door) -> None:
        browser = door.browser()
        browser.sign_in("viewer")
        old = browser.cookies["almenara_session"]
        browser.sign_in("viewer")
        assert browser.cookies["almenara_session"] != old
        stranger = door.browser()
        assert stranger.get("/session", headers={"Cookie": f"almenara_session={old}"}).status_code == 401

    def test_it_ends(self, door: Door) -> None:
        browser = door.signed_in("viewer")
        door.time.now_ms += IDLE_MS - 1
        assert browser.get("/session").status_code == 200, "and with this the idle time begins anew"
        door.time.now_ms += IDLE_MS - 1
        assert browser.get("/session").status_code == 200
        door.time.now_ms += IDLE_MS
        assert browser.get("/session").status_code == 401
        browser = door.signed_in("viewer")
        for _ in range(ABSOLUTE_MS // (IDLE_MS // 2)):
            assert browser.get("/session").status_code == 200
            door.time.now_ms += IDLE_MS // 2
        assert browser.get("/session").status_code == 401

    def test_out_here_and_out_everywhere(self, door: Door) -> None:
        here, there, third = (door.signed_in("viewer") for _ in range(3))
        assert here.delete("/session").status_code == 204
        assert [b.get("/session").status_code for b in (here, there, third)] == [401, 200, 200]
        assert there.delete("/session?everywhere=true").status_code == 204
        assert [b.get("/session").status_code for b in (here, there, third)] == [401, 401, 401]

    def test_a_page_is_told_where_to_sign_in(self, door: Door) -> None:
        answer = door.browser().get("/session", headers={"Accept": "text/html,application/xhtml+xml"})
        assert answer.status_code == 401
        assert 'href="/console/"' in answer.text
        program = door.browser().get("/session")
        assert program.headers["content-type"] == "application/problem+json"
        assert program.json()["reason"] == "not-signed-in"

    def test_my_password(self, door: Door) -> None:
        here, there = door.signed_in("viewer"), door.signed_in("viewer")
        new = PASSWORD + " at night"
        assert here.post("/session/password", {"current": "wrong", "new": new}).status_code == 403
        assert here.post("/session/password", {"current": PASSWORD, "new": "short"}).status_code == 422
        assert here.post("/session/password", {"current": PASSWORD, "new": new}).status_code == 204
        assert [browser.get("/session").status_code for browser in (here, there)] == [200, 401]
        assert door.browser().try_to_sign_in("viewer").status_code == 401
        assert door.browser().try_to_sign_in("viewer", new).status_code == 200

    def test_my_language(self, door: Door) -> None:
        browser = door.signed_in("viewer")
        told = browser.send("PATCH", "/api/v1/session", json={"language": "en"}).json()
        assert told["person"]["language"] == "en"
        assert browser.send("PATCH", "/api/v1/session", json={"language": "tlh"}).status_code == 422


class TestForgery:
    @pytest.mark.parametrize("origin", ["https://evil.example", "null", None, "http://alerts.example", ORIGIN + ":444"])
    def test_a_page_of_another_site_changes_nothing(self, door: Door, origin: str | None) -> None:
        browser = door.signed_in("root")
        browser.origin = origin
        assert browser.post("/people", {"name": "mallory"}).status_code == 403
        assert browser.try_to_sign_in("viewer").status_code == 403, "nor does it sign anybody in"
        assert door.accounts.people.find("mallory") is None

    @pytest.mark.parametrize("csrf", [None, "", "0" * 64])
    def test_without_the_token_nothing_changes(self, door: Door, csrf: str | None) -> None:
        browser = door.signed_in("root")
        browser.csrf = csrf
        answer = browser.post("/people", {"name": "mallory"})
        assert (answer.status_code, answer.json()["reason"]) == (403, "csrf")

    def test_anothers_token_is_not_mine(self, door: Door) -> None:
        browser, other = door.signed_in("root"), door.signed_in("root")
        browser.csrf = other.csrf
        assert browser.post("/people", {"name": "mallory"}).status_code == 403

    def test_a_configured_origin_counts_not_the_host_that_was_asked(self, door: Door) -> None:
        door.accounts.origin = "https://warnings.example"
        assert door.browser().try_to_sign_in("viewer").status_code == 403
        browser = door.browser()
        browser.origin = "https://warnings.example"
        assert browser.try_to_sign_in("viewer").status_code == 200

    def test_a_program_with_a_key_needs_no_token(self, door: Door) -> None:
        stranger = door.browser()
        stranger.origin = None
        assert stranger.get("/audit", headers=door.key("audit")).status_code == 200


class TestGuessing:
    def test_guessing_is_stopped_and_its_victim_is_not(self, door: Door) -> None:
        guesser = door.browser("203.0.113.9")
        statuses = [guesser.try_to_sign_in("approver", f"guess number {n}").status_code for n in range(12)]
        assert statuses == [401] * 8 + [429] * 4
        answer = guesser.try_to_sign_in("approver", PASSWORD)
        assert answer.status_code == 429, "not even with the right one"
        assert int(answer.headers["retry-after"]) > 0
        assert door.browser("192.0.2.77").try_to_sign_in("approver").status_code == 200
        door.time.now_ms += 15 * 60_000
        assert guesser.try_to_sign_in("approver").status_code == 200

    def test_an_office_behind_one_address_signs_in(self, door: Door) -> None:
        """A change of shifts: everybody at once, some with a slip."""
        names = ["viewer", "dispatcher", "duty_officer", "approver", "root"] * 8
        for number, name in enumerate(names):
            browser = door.browser("192.0.2.200")
            if number % 8 == 0:
                assert browser.try_to_sign_in(name, "a slip of the finger").status_code == 401
            assert browser.try_to_sign_in(name).status_code == 200

    def test_the_log_is_not_filled_by_guessing(self, door: Door) -> None:
        for number in range(90):
            door.browser(f"2001:db8:{number:x}::1").try_to_sign_in("viewer", "wrong password")
        assert sum(entry[3] == "refused" for entry in door.audited()) == 60


class TestSetup:
    @pytest.fixture
    def empty(self, tmp_path: Path) -> Iterator[Door]:
        with opened(tmp_path / "new", populated=False) as door:
            yield door

    def body(self, code: str, name: str = "ana") -> dict[str, str]:
        return {"code": code, "name": name, "display_name": "Ana Ruiz", "password": PASSWORD}

    def test_until_then_all_else_is_shut(self, empty: Door) -> None:
        browser, key = empty.browser(), {"Authorization": "Bearer x"}
        for path in ("/metrics", "/api/v1/situation", "/api/v1/session", "/api/v1/openapi.json", "/ogc"):
            answer = browser.send("GET", path, headers=key)
            assert answer.status_code == 401, path
            assert answer.json()["reason"] == "setup-needed"
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert "/console/" in browser.send("GET", "/metrics", headers={"Accept": "text/html"}).text
        assert browser.post("/session", {"name": "a", "password": "b"}).status_code == 401
        assert browser.send("GET", "/push-worker.js").status_code == 200  # for the public, whoever administers
        assert browser.send("GET", "/healthz").status_code == 200
        assert browser.get("/setup").json() == {"needed": True, "open": False}
        assert browser.post("/setup", self.body("")).status_code == 409

    def test_the_first_administrator(self, empty: Door) -> None:
        code = empty.accounts.setup.open(empty.time())
        assert code is not None
        browser = empty.browser()
        assert browser.get("/setup").json() == {"needed": True, "open": True}
        assert browser.post("/setup", self.body("AAAAAA-AAAAAA-AAAAAA-AAAAAA")).status_code == 409
        assert browser.post("/setup", self.body(code) | {"password": "password1234"}).status_code == 422
        browser.origin = "https://evil.example"
        assert browser.post("/setup", self.body(code)).status_code == 403
        browser.origin = ORIGIN
        answer = browser.post("/setup", self.body(code))
        assert answer.status_code == 200
        browser.csrf = answer.json()["csrf"]
        assert "people" in answer.json()["actions"]
        assert browser.get("/session").json()["person"]["display_name"] == "Ana Ruiz"
        assert browser.get("/setup").json() == {"needed": False, "open": False}
        again = empty.browser().post("/setup", self.body(code, name="mallory"))
        assert (again.status_code, again.json()["reason"]) == (409, "already-set-up")
        assert empty.audited()[0] == ("setup", "people.add", "ana", "done")

    def test_it_does_not_stay_open(self, empty: Door) -> None:
        code = empty.accounts.setup.open(empty.time())
        assert code is not None
        empty.time.now_ms += LASTS_MS
        assert empty.browser().get("/setup").json() == {"needed": True, "open": False}
        assert empty.browser().post("/setup", self.body(code)).json()["reason"] == "setup-closed"
        assert empty.browser().get("/areas").status_code == 401


class TestAdministration:
    def test_a_person_comes_and_goes(self, door: Door) -> None:
        root = door.signed_in("root")
        made = root.post(
            "/people", {"name": "ben", "password": PASSWORD, "grants": [{"role": "dispatcher", "area": "loja"}]}
        )
        assert made.status_code == 201, made.text
        ben = door.signed_in("ben")
        assert ben.get("/audit").status_code == 403
        assert root.post("/people/ben/grants", {"role": "approver"}).status_code == 200
        assert ben.get("/audit").status_code == 200, "it counts from the next request on"
        assert root.delete("/people/ben/grants?role=approver").status_code == 200
        assert ben.get("/audit").status_code == 403
        assert root.post("/people/ben/disable").json()["disabled"] is not None
        assert ben.get("/areas").status_code == 401
        refused = root.post("/people/root/disable")
        assert (refused.status_code, refused.json()["reason"]) == (409, "last-administrator")
        assert root.post("/people/nobody/disable").status_code == 404
        assert root.post("/people", {"name": "ben", "password": PASSWORD}).json()["reason"] == "name-taken"

    def test_people_in_pages(self, door: Door) -> None:
        root, names, cursor = door.signed_in("root"), list[str](), ""
        while True:
            page = root.get(f"/people?limit=3{cursor}").json()
            names += [one["name"] for one in page["items"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert names == sorted(names)
        assert names == [person.name for person in door.accounts.people.list_all()]

    def test_areas(self, door: Door) -> None:
        root = door.signed_in("root")
        assert root.send("PUT", "/api/v1/areas/quito", content=SQUARE).status_code == 204
        assert root.send("PUT", "/api/v1/areas/quito", content=b"\xff").status_code == 422
        assert root.send("PUT", "/api/v1/areas/Quito!", content=SQUARE).status_code == 422
        assert [feature["id"] for feature in root.get("/areas").json()["features"]] == ["loja", "quito"]
        assert root.delete("/areas/loja").json()["reason"] == "in-use"
        assert root.delete("/areas/quito").status_code == 204

    def test_keys_are_shown_once_and_made_by_who_just_signed_in(self, door: Door) -> None:
        root = door.signed_in("root")
        made = root.post("/api-keys", {"label": "QGIS", "scopes": ["read"], "days": 7}).json()
        assert door.browser().get("/areas", headers={"Authorization": f"Bearer {made['key']}"}).status_code == 200
        listed = root.get("/api-keys").text
        assert made["id"] in listed
        assert made["key"].split("_", 2)[2] not in listed
        assert root.delete(f"/api-keys/{made['id']}").status_code == 204
        assert door.browser().get("/areas", headers={"Authorization": f"Bearer {made['key']}"}).status_code == 401
        door.time.now_ms += 16 * 60_000
        late = root.post("/api-keys", {"label": "QGIS", "scopes": ["read"]})
        assert (late.status_code, late.json()["reason"]) == (403, "sign-in-again")

    def test_the_audit_tells_who_did_what(self, door: Door) -> None:
        root = door.signed_in("root")
        root.post("/people/viewer/grants", {"role": "dispatcher", "area": "loja"})
        door.signed_in("viewer").post("/people", {"name": "mallory"})
        items = root.get("/audit").json()["items"]
        assert [item["seq"] for item in items] == sorted((item["seq"] for item in items), reverse=True)
        told = [(item["by"], item["action"], item["subject"], item["outcome"]) for item in items]
        assert told[:5] == [
            ("root", "read.audit", "/api/v1/audit", "done"),
            ("viewer", "people", "/api/v1/people", "refused"),
            ("viewer", "sign-in", "password", "done"),
            ("root", "people.grant", "viewer", "done"),
            ("root", "sign-in", "password", "done"),
        ]
        mine = root.get("/audit?who=viewer&limit=1").json()
        assert [item["action"] for item in mine["items"]] == ["people"]
        rest = root.get(f"/audit?who=viewer&cursor={mine['next']}").json()
        assert [item["action"] for item in rest["items"]] == ["sign-in"]
        assert rest["next"] is None
        grants = root.get("/audit?action=people.grant").json()["items"]
        assert [(item["subject"], item["detail"]) for item in grants] == [("viewer", "dispatcher in loja")]
        later = root.get("/audit?since=2030-01-01T00:00:00Z").json()
        assert later == {"items": [], "next": None}
        assert root.get("/audit?cursor=nonsense").status_code == 422

    def test_what_another_process_changed_is_told_too(self, door: Door) -> None:
        door.accounts.people.disable("viewer", by="command line: ops", now_ms=door.time())
        items = door.signed_in("root").get("/audit?action=people.disable").json()["items"]
        assert [(item["by"], item["subject"]) for item in items] == [("command line: ops", "viewer")]
