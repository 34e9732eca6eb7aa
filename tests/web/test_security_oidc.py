"""Sign-in by an identity provider that really answers over HTTP: who gets in, as what, and who does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from almenara.accounts.oidc import METADATA_MS, OidcClient
from almenara.accounts.oidc_settings import OidcSettings
from almenara.accounts.roles import Grant
from tests.web.door import Browser, Door, opened, served
from tests.web.provider import CLIENT, SECRET, Provider, sign, sign_not_at_all, sign_with_shared_secret

ROLES = {"duty": "duty_officer@loja", "sight": "viewer", "chiefs": "administrator", "far": "viewer@atlantis"}


@dataclass
class Scene:
    door: Door
    provider: Provider

    def begin(self, browser: Browser) -> str:
        """To the provider and back: where it sends the browser."""
        answer = browser.get("/oidc/sign-in")
        assert answer.status_code == 303
        with httpx.Client() as elsewhere:
            back = elsewhere.get(answer.headers["location"], follow_redirects=False)
        assert back.status_code == 302
        return back.headers["location"].removeprefix("https://alerts.example/api/v1")

    def enter(self, browser: Browser) -> int:
        return browser.get(self.begin(browser)).status_code


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    provider = Provider(clock=lambda: 0)
    provider.claims = {"preferred_username": "Ana.Ruiz", "name": "Ana Ruiz", "groups": ["duty", "sight", "others"]}
    with served(provider.application()) as port:
        provider.issuer = f"http://127.0.0.1:{port}"
        settings = OidcSettings(issuer=provider.issuer, client_id=CLIENT, roles=ROLES)
        with opened(tmp_path / "state", oidc=OidcClient(settings, SECRET)) as door:
            provider.clock = door.time
            yield Scene(door, provider)


def test_without_a_provider_there_is_no_way_in(tmp_path: Path) -> None:
    with opened(tmp_path / "state") as door:
        assert door.browser().get("/oidc").json() == {"enabled": False, "title": None}
        for path in ("/oidc/sign-in", "/oidc/callback?code=x&state=y"):
            assert door.browser().get(path).status_code == 404


def test_a_person_of_the_agency_comes_in(scene: Scene) -> None:
    browser = scene.door.browser()
    assert browser.get("/oidc").json()["enabled"]
    location = scene.begin(browser)
    (cookie,) = [part for part in browser.cookies.jar if part.name == "almenara_oidc"]
    assert cookie.path == "/api/v1/oidc"
    answer = browser.get(location)
    assert answer.status_code == 200
    assert 'content="0;url=/console/"' in answer.text
    set_cookies = answer.headers.get_list("set-cookie")
    assert any(one.startswith("almenara_session=") and "samesite=strict" in one.lower() for one in set_cookies)
    told = browser.get("/session").json()["person"]
    assert (told["name"], told["display_name"]) == ("ana.ruiz", "Ana Ruiz")
    assert told["grants"] == [{"role": "duty_officer", "area": "loja"}, {"role": "viewer", "area": "*"}]
    assert ("ana.ruiz", "sign-in", "oidc", "done") in scene.door.audited()
    assert ("oidc", "people.add", "ana.ruiz", "done") in scene.door.audited()
    assert "almenara_oidc" not in browser.cookies


def test_each_time_the_provider_says_what_they_are(scene: Scene) -> None:
    browser, people = scene.door.browser(), scene.door.accounts.people
    assert scene.enter(browser) == 200
    people.grant("ana.ruiz", Grant("dispatcher"), by="root", now_ms=1)
    scene.provider.claims["groups"] = "sight"  # one group, as some providers write it
    assert scene.enter(browser) == 200
    assert people.get("ana.ruiz").grants == (Grant("dispatcher"), Grant("viewer")), "what was given here stays"
    scene.provider.claims["groups"] = ["others"]
    assert scene.enter(scene.door.browser()) == 403


def test_an_area_that_was_not_drawn_is_not_granted(scene: Scene) -> None:
    scene.provider.claims["groups"] = ["far"]
    assert scene.enter(scene.door.browser()) == 200
    assert scene.door.accounts.people.get("ana.ruiz").grants == ()


def test_a_name_of_ours_is_not_taken_over(scene: Scene) -> None:
    scene.provider.claims |= {"preferred_username": "root", "groups": ["chiefs"]}
    browser = scene.door.browser()
    assert scene.enter(browser) == 403
    assert browser.get("/session").status_code == 401
    scene.provider.claims["preferred_username"] = "Ana.Ruiz"
    assert scene.enter(browser) == 200
    scene.provider.subject = "subject-2"  # somebody else, whom the provider now calls by her name
    assert scene.enter(scene.door.browser()) == 403


def test_the_providers_administrator_is_not_the_last_one(scene: Scene) -> None:
    scene.provider.claims["groups"] = ["chiefs"]
    browser = scene.door.browser()
    assert scene.enter(browser) == 200
    browser.csrf = browser.get("/session").json()["csrf"]
    assert browser.post("/people/root/disable").json()["reason"] == "last-administrator"


def test_a_disabled_account_stays_out(scene: Scene) -> None:
    assert scene.enter(scene.door.browser()) == 200
    scene.door.accounts.people.disable("ana.ruiz", by="root", now_ms=1)
    assert scene.enter(scene.door.browser()) == 403


def test_an_answer_belongs_to_the_browser_that_asked(scene: Scene) -> None:
    """Else a stranger could sign a victim in as himself, and read what they then enter."""
    asked, other = scene.door.browser(), scene.door.browser()
    location = scene.begin(asked)
    assert other.get(location).status_code == 403
    scene.begin(other)
    assert other.get(location).status_code == 403, "nor with a ticket of its own"
    assert asked.get(location).status_code == 200
    assert asked.get(location).status_code == 403, "nor twice"


def test_it_has_to_be_done_in_time(scene: Scene) -> None:
    browser = scene.door.browser()
    location = scene.begin(browser)
    scene.door.time.now_ms += 10 * 60_000
    assert browser.get(location).status_code == 403


@pytest.mark.parametrize("query", ["", "?error=access_denied&state=x", "?code=x", "?code=x&state=y", "?state=y"])
def test_answers_that_are_none(scene: Scene, query: str) -> None:
    browser = scene.door.browser()
    scene.begin(browser)
    answer = browser.get(f"/oidc/callback{query}")
    assert answer.status_code == 403
    assert browser.get("/session").status_code == 401


def test_what_the_provider_says_is_not_put_into_the_page(scene: Scene) -> None:
    scene.provider.claims["preferred_username"] = "<script>alert(1)</script>"
    browser = scene.door.browser()
    answer = browser.get(scene.begin(browser))
    assert answer.status_code == 403
    assert "<script>" not in answer.text


WRONG: dict[str, Any] = {
    "another issuer": {"iss": "https://evil.example"},
    "for somebody else": {"aud": "another-client"},
    "for several, given to somebody else": {"aud": [CLIENT, "another-client"], "azp": "another-client"},
    "for several, given to nobody": {"aud": [CLIENT, "another-client"]},
    "of another sign-in": {"nonce": "x"},
    "expired": {"exp": 1},
    "not yet": {"nbf": 9_999_999_999},
    "nobody's": {"sub": None},
    "nameless": {"preferred_username": ""},
}


@pytest.mark.parametrize("what", WRONG)
def test_tokens_that_say_the_wrong_thing(scene: Scene, what: str) -> None:
    def change(claims: dict[str, Any]) -> None:
        claims.update(WRONG[what])
        for name in [name for name, value in claims.items() if value is None]:
            del claims[name]

    scene.provider.change = change
    browser = scene.door.browser()
    assert scene.enter(browser) == 403
    assert browser.get("/session").status_code == 401
    scene.provider.change = lambda claims: None
    assert scene.enter(browser) == 200, "the same without the fault gets in"


@pytest.mark.parametrize(
    "how", ["not at all", "with the client's secret", "with another key", "with a key of its name"]
)
def test_tokens_that_are_signed_wrongly(scene: Scene, how: str) -> None:
    strange = ECKey.generate_key("P-256", {"kid": "strange"})
    twin = ECKey.generate_key("P-256", {"kid": str(scene.provider.key.kid)})
    scene.provider.forge = {
        "not at all": sign_not_at_all,
        "with the client's secret": sign_with_shared_secret,
        "with another key": lambda claims: sign(claims, strange),
        "with a key of its name": lambda claims: sign(claims, twin),
    }[how]
    browser = scene.door.browser()
    assert scene.enter(browser) == 403
    assert browser.get("/session").status_code == 401


def test_new_keys_of_the_provider_are_fetched_and_not_too_often(scene: Scene) -> None:
    assert scene.enter(scene.door.browser()) == 200
    scene.provider.rotate()
    assert scene.enter(scene.door.browser()) == 403, "its keys were asked for a moment ago"
    scene.door.time.now_ms += 60_000
    assert scene.enter(scene.door.browser()) == 200
    assert scene.provider.keys_asked == 2
    assert scene.enter(scene.door.browser()) == 200
    assert scene.provider.keys_asked == 2
    scene.door.time.now_ms += METADATA_MS
    assert scene.enter(scene.door.browser()) == 200
    assert scene.provider.keys_asked == 3


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": None}],
)
def test_a_provider_that_is_not_sound(scene: Scene, metadata: dict[str, Any]) -> None:
    scene.provider.metadata = metadata
    assert scene.door.browser().get("/oidc/sign-in").status_code == 409


def test_a_provider_that_does_not_answer(scene: Scene) -> None:
    scene.provider.metadata = {"token_endpoint": "http://127.0.0.1:9/token"}
    assert scene.enter(scene.door.browser()) == 403
