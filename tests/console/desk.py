"""A person at a screen: signs in, reads, presses keys, holds; keeps pictures of what was seen and notes every fault."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, expect

from tests.console.house import PASSWORD, ROOT, House

#: Pictures of each station, to be looked at.
ARTEFACTS = ROOT / ".artefacts" / "console"
#: The longest that anything on the screen may take on a busy machine.
PATIENCE_MS = 30_000
#: What a browser says of an answer that is no fault: nobody is signed in yet; how software draws.
EXPECTED = ("401 (Unauthorized)", "GPU stall due to ReadPixels", "AudioContext was not allowed to start")

expect.set_options(timeout=PATIENCE_MS)

SitDown = Callable[..., "Desk"]


class Desk:
    """One browser context with one page."""

    def __init__(self, browser: Browser, house: House, **context: Any) -> None:
        self.house = house
        self.faults: list[str] = []
        self.expected: tuple[str, ...] = EXPECTED
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "color_scheme": "dark", **context}
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(f"{self.page.url}: {error}"))
        self.page.on("console", self._heard)
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)

    def sign_in(self, account: str) -> None:
        """By password, as that account."""
        self.page.goto(f"{self.house.url}/console/")
        self.page.get_by_label("Account").fill(account)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_label("Password").press("Enter")
        expect(self.page.get_by_test_id("connection")).to_have_attribute("data-state", "live")

    def see(self, name: str) -> Locator:
        """What the page has under that test id."""
        return self.page.get_by_test_id(name)

    def go(self, where: str) -> None:
        """To a view by its address."""
        self.page.evaluate("where => { location.hash = where }", where)

    def press(self, *keys: str) -> None:
        """Keys, one after the other, to the page."""
        for key in keys:
            self.page.keyboard.press(key)

    def hold_to_approve(self) -> None:
        """Two seconds with the mouse on the button."""
        self.see("approve").get_by_role("button").hover()
        self.page.mouse.down()
        expect(self.see("approve")).to_have_count(0)  # nobody is asked twice
        self.page.mouse.up()

    def picture(self, name: str) -> None:
        """Keep what is seen."""
        self.page.screenshot(path=ARTEFACTS / f"{name}.png")

    def leave(self) -> None:
        """Close the context."""
        self.context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(words in message.text for words in self.expected):
            self.faults.append(f"{self.page.url}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.house.url, "data:", "blob:")):
            self.faults.append(f"a request left the machine: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 500 and not any(words in str(response.status) for words in self.expected):
            self.faults.append(f"{response.status} {response.url}")
