"""The service is killed under an open console: it says so, comes back by itself, and nothing acknowledged is lost."""

import re

from playwright.sync_api import expect

from tests.console.desk import SitDown
from tests.console.house import House

GONE = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_EMPTY_RESPONSE",
    "503",
)


def test_kill_and_return(house: House, sit_down: SitDown) -> None:
    ana = sit_down(house, "ana")
    ana.expected += GONE
    house.see_fire(-79.2216, -4.2560)
    expect(ana.see("alarm")).to_be_visible()
    ana.press("a")
    expect(ana.page.get_by_text("Acknowledged in your name.")).to_be_visible()
    expect(ana.see("card")).to_contain_text("Acknowledged by ana")

    house.kill()
    lost = ana.see("connection-lost")
    expect(lost).to_contain_text(re.compile(r"\d\d:\d\d:\d\d"))
    expect(ana.see("connection")).to_have_attribute("data-state", "lost")
    ana.picture("connection-1-lost")
    house.see_fire(-79.2590, -4.2150)

    house.start()
    expect(ana.see("connection")).to_have_attribute("data-state", "live")
    expect(lost).to_have_count(0)
    expect(ana.see("card").filter(has_text="Vilcabamba")).to_contain_text("Acknowledged by ana")
    expect(ana.see("alarm")).to_contain_text("Malacatos")
    ana.picture("connection-2-back")
