"""Passkeys: registered and used, by an authenticator in software and by a real browser's; and what is not accepted."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.accounts.bench import PASSWORD
from tests.web.authenticator import USER_PRESENT, Authenticator
from tests.web.door import ORIGIN, Browser, Door, opened, served

SITE = "alerts.example"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path / "state") as door:
        yield door


def register(browser: Browser, authenticator: Authenticator, label: str = "") -> int:
    begun = browser.post("/passkeys/options").json()
    credential = authenticator.make(begun["options"])
    return browser.post("/passkeys", {"ticket": begun["ticket"], "credential": credential, "label": label}).status_code


def sign_in(
    browser: Browser, authenticator: Authenticator, change: Callable[[dict[str, Any]], None] = lambda credential: None
) -> int:
    begun = browser.post("/session/passkey/options").json()
    credential = authenticator.get(begun["options"])
    change(credential)
    answer = browser.post("/session/passkey", {"ticket": begun["ticket"], "credential": credential})
    if answer.status_code == 200:
        browser.csrf = answer.json()["csrf"]
    return answer.status_code


@pytest.fixture
def owned(door: Door) -> Authenticator:
    """The approver's passkey."""
    authenticator = Authenticator(ORIGIN, SITE)
    assert register(door.signed_in("approver"), authenticator, "the blue key") == 204
    return authenticator


def test_a_passkey_signs_its_owner_in(door: Door, owned: Authenticator) -> None:
    browser = door.browser()
    assert sign_in(browser, owned) == 200
    told = browser.get("/session").json()["person"]
    assert (told["name"], told["passkeys"]) == ("approver", 1)
    (mine,) = browser.get("/passkeys").json()["items"]
    assert mine["label"] == "the blue key"
    assert ("approver", "passkey.add", "approver", "done") in door.audited()
    assert ("approver", "sign-in", "passkey", "done") in door.audited()
    assert browser.delete(f"/passkeys/{mine['id']}").status_code == 204
    assert sign_in(door.browser(), owned) == 401


def test_each_answer_counts_once(door: Door, owned: Authenticator) -> None:
    browser = door.browser()
    begun = browser.post("/session/passkey/options").json()
    proof = {"ticket": begun["ticket"], "credential": owned.get(begun["options"])}
    assert browser.post("/session/passkey", proof).status_code == 200
    assert door.browser().post("/session/passkey", proof).status_code == 401
    late = door.browser().post("/session/passkey/options").json()
    door.time.now_ms += 5 * 60_000
    late_proof = {"ticket": late["ticket"], "credential": owned.get(late["options"])}
    assert door.browser().post("/session/passkey", late_proof).status_code == 401


def swap(name: str, value: str) -> Callable[[dict[str, Any]], None]:
    def change(credential: dict[str, Any]) -> None:
        credential["response"][name] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        swap("signature", "AAAA"),
        swap("authenticatorData", "AAAA"),
        swap("clientDataJSON", "e30"),
        lambda credential: credential.pop("response"),
        lambda credential: credential.update(id=5),
        lambda credential: credential.update(id="AAAA", rawId="AAAA"),
        lambda credential: credential.clear(),
    ],
)
def test_what_proves_nothing_opens_nothing(
    door: Door, owned: Authenticator, change: Callable[[dict[str, Any]], None]
) -> None:
    assert sign_in(door.browser(), owned, change) == 401
    assert sign_in(door.browser(), owned) == 200


def test_a_page_that_pretends_to_be_ours_gets_nothing(door: Door, owned: Authenticator) -> None:
    owned.origin = "https://alerts.example.evil.example"
    assert sign_in(door.browser(), owned) == 401


def test_the_owner_has_to_show_that_it_is_them(door: Door, owned: Authenticator) -> None:
    """Touching the key is not enough: PIN or what stands for it was asked for."""
    owned.flags = USER_PRESENT
    assert sign_in(door.browser(), owned) == 401
    browser, careless = door.signed_in("viewer"), Authenticator(ORIGIN, SITE)
    careless.flags = USER_PRESENT
    assert register(browser, careless) == 409


def test_a_copy_of_the_key_is_noticed(door: Door, owned: Authenticator) -> None:
    assert sign_in(door.browser(), owned) == 200
    owned.count = 0
    assert sign_in(door.browser(), owned) == 401


def test_a_passkey_is_registered_once_and_for_oneself(door: Door, owned: Authenticator) -> None:
    assert register(door.signed_in("viewer"), owned) == 409
    viewer, approver = door.signed_in("viewer"), door.signed_in("approver")
    begun = viewer.post("/passkeys/options").json()
    made = {"ticket": begun["ticket"], "credential": Authenticator(ORIGIN, SITE).make(begun["options"])}
    assert approver.post("/passkeys", made).status_code == 409
    assert viewer.delete(f"/passkeys/{owned.name}").status_code == 409


def test_an_unattended_screen_makes_no_passkey(door: Door) -> None:
    browser = door.signed_in("viewer")
    door.time.now_ms += 16 * 60_000
    assert browser.post("/passkeys/options").json()["reason"] == "sign-in-again"


def test_a_disabled_owner_stays_out(door: Door, owned: Authenticator) -> None:
    door.accounts.people.disable("approver", by="root", now_ms=door.time())
    assert sign_in(door.browser(), owned) == 401


BROWSER = """async ([name, password]) => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (data) => btoa(String.fromCharCode(...new Uint8Array(data)))
    .replace(/[+]/g, "-").replace(/[/]/g, "_").replace(/=+$/, "");
  const post = async (path, body, csrf) => {
    const headers = {"Content-Type": "application/json", "X-CSRF-Token": csrf || ""};
    const answer = await fetch("/api/v1" + path, {method: "POST", headers, body: JSON.stringify(body)});
    if (!answer.ok) throw new Error(path + " " + answer.status + " " + await answer.text());
    return answer.status === 204 ? null : await answer.json();
  };
  const told = (credential) => {
    const response = {};
    for (const field of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[field]) response[field] = text(credential.response[field]);
    }
    return {id: credential.id, rawId: text(credential.rawId), type: credential.type, response};
  };
  const session = await post("/session", {name, password});
  const made = await post("/passkeys/options", {}, session.csrf);
  const creation = {...made.options, challenge: bytes(made.options.challenge),
    user: {...made.options.user, id: bytes(made.options.user.id)}, excludeCredentials: []};
  const credential = await navigator.credentials.create({publicKey: creation});
  await post("/passkeys", {ticket: made.ticket, credential: told(credential), label: "chromium"}, session.csrf);
  await fetch("/api/v1/session", {method: "DELETE", headers: {"X-CSRF-Token": session.csrf}});
  const out = (await fetch("/api/v1/session")).status;
  const asked = await post("/session/passkey/options", {});
  const proof = await navigator.credentials.get(
    {publicKey: {...asked.options, challenge: bytes(asked.options.challenge), allowCredentials: []}});
  const entered = await post("/session/passkey", {ticket: asked.ticket, credential: told(proof)});
  return {out, name: entered.person.name, passkeys: entered.person.passkeys, script: document.cookie};
}"""


def test_a_real_browser_signs_in_with_a_passkey(door: Door) -> None:
    """Chromium with the virtual authenticator of its developer tools, against the application over HTTP."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    with served(door.app) as port, playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        devtools = page.context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        page.goto(f"http://localhost:{port}/healthz")
        told = page.evaluate(BROWSER, ["approver", PASSWORD])
        browser.close()
    assert told == {"out": 401, "name": "approver", "passkeys": 1, "script": ""}
