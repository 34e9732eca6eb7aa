"""One Chromium for all tests of the console, a house for each file, and persons in browser contexts of their own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.console.desk import ARTEFACTS, Desk
from tests.console.house import ROOT, House, opened

BUILT = ROOT / "src" / "almenara" / "web" / "console" / "index.html"
#: Software rendering as on a virtual machine of a control room; the sandbox needs rights that a container lacks.
SWITCHES = ("--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, for a module at a time: while it runs, nothing else of this process can run an event loop."""
    if not BUILT.exists():
        pytest.fail("The console is not built: run `make console` (it needs Node 20.19 or newer).")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("Chromium is missing: run `make servers`, or `apt-get install chromium`.")
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=SWITCHES) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of the real thing, with one feed, four places and four people."""
    with opened(furnished(tmp_path_factory.mktemp("house"))) as open_house:
        yield open_house


def furnished(folder: Path) -> House:
    """A house that can be opened."""
    made = House(folder)
    made.furnish(status="Actual")
    return made


@pytest.fixture
def sit_down(browser: Browser) -> Iterator[Callable[..., Desk]]:
    """A person at a screen: `sit_down(house, "ana")` is signed in; what went wrong in the browser fails the test."""
    desks: list[Desk] = []

    def begin(house: House, account: str | None = None, **context: object) -> Desk:
        desk = Desk(browser, house, **context)
        desks.append(desk)
        if account is not None:
            desk.sign_in(account)
        return desk

    yield begin
    for desk in desks:
        desk.leave()
    assert [fault for desk in desks for fault in desk.faults] == []
