"""Everything by the keyboard: sign in, walk the queue, acknowledge, open the draft, approve by holding Enter."""

from playwright.sync_api import Page, expect

from tests.console.desk import Desk, SitDown
from tests.console.house import PASSWORD, House


def test_a_night_without_a_mouse(house: House, sit_down: SitDown) -> None:
    for lon, lat in ((-79.2216, -4.2560), (-79.2590, -4.2150)):
        house.see_fire(lon, lat)
    bea, carla = sit_down(house), sit_down(house)
    for desk, account in ((bea, "bea"), (carla, "carla")):
        sign_in_by_keys(desk, account)
        expect(desk.see("card")).to_have_count(2)

    chosen = bea.page.locator("[data-testid=card][aria-current=true]")
    first = chosen.locator(".sentence").inner_text()
    bea.press("j")
    expect(chosen.locator(".sentence")).not_to_have_text(first)
    bea.press("k")
    expect(chosen.locator(".sentence")).to_have_text(first)
    bea.picture("keyboard-1-queue")
    bea.press("a")
    expect(chosen).to_contain_text("Acknowledged by bea")
    # The other one is first now; the selection stays with its card.
    expect(chosen.locator(".sentence")).to_have_text(first)
    bea.press("?")
    expect(bea.page.get_by_role("dialog")).to_contain_text("not a hazard", ignore_case=True)
    bea.picture("keyboard-2-help")
    bea.press("Escape")
    expect(bea.page.get_by_role("dialog")).to_have_count(0)

    bea.press("w")
    hold_enter(bea)
    expect(bea.page.get_by_text("1 of 2 approvals")).to_be_visible()
    carla.press("g", "w")
    expect(carla.page.get_by_role("heading", name="Waiting for approval")).to_be_visible()
    carla.page.evaluate("hash => { location.hash = hash }", bea.page.url.split("#")[1])
    hold_enter(carla)
    expect(carla.see("warning")).to_have_attribute("data-state", "in-force")
    carla.picture("keyboard-3-sent")


def sign_in_by_keys(desk: Desk, account: str) -> None:
    """The first field has the focus; Tab and Enter do the rest."""
    desk.page.goto(f"{desk.house.url}/console/")
    expect(desk.page.get_by_label("Account")).to_be_focused()
    desk.page.keyboard.type(account)
    desk.press("Tab")
    desk.page.keyboard.type(PASSWORD)
    desk.press("Enter")
    expect(desk.see("connection")).to_have_attribute("data-state", "live")


def hold_enter(desk: Desk) -> None:
    """To the button by Tab, then two seconds."""
    button = desk.see("approve").get_by_role("button")
    expect(button).to_be_enabled()
    for _ in range(60):
        if focused(desk.page) == "alm-hold":
            break
        desk.press("Tab")
    expect(button).to_be_focused()
    desk.page.keyboard.down("Enter")
    expect(desk.see("approve")).to_have_count(0)  # nobody is asked twice
    desk.page.keyboard.up("Enter")


def focused(page: Page) -> str:
    """The element around what has the focus, through all shadow roots."""
    found: str = page.evaluate(
        """() => {
          let active = document.activeElement;
          while (active?.shadowRoot?.activeElement?.shadowRoot) active = active.shadowRoot.activeElement;
          return active?.localName ?? "";
        }"""
    )
    return found
