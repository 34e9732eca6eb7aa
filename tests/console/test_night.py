"""A duty officer's night in a real browser: alarm, evidence, draft, two persons' yes, sent, growth, update, cancel."""

import re

from playwright.sync_api import expect

from tests.console.desk import Desk, SitDown
from tests.console.house import House


def test_a_night(house: House, sit_down: SitDown) -> None:
    ana, bea, carla = (sit_down(house, account) for account in ("ana", "bea", "carla"))
    public = sit_down(house)
    expect(ana.see("card")).to_have_count(0)
    ana.picture("01-calm")

    house.see_fire(-79.2216, -4.2560)
    alarmed(ana, bea, carla)
    identifier = evident(ana)
    assert_public(public, shows=False)

    approved_by_two(ana, bea, carla)
    assert_public(public, shows=True)
    public.picture("07-public-page")

    house.see_fire(-79.2400, -4.2380, radius_m=3200.0, n=160, minutes_ago=1)
    updated(ana, bea, carla, identifier)
    cancelled(ana, bea, carla)
    assert_public(public, shows=False)


def alarmed(ana: Desk, bea: Desk, carla: Desk) -> None:
    """The alarm comes by itself to everybody, and is over for everybody when one person acknowledges it."""
    for desk in (ana, bea, carla):
        expect(desk.see("alarm")).to_contain_text("from Vilcabamba (4,500 people)")
        expect(desk.page).to_have_title(re.compile(r"^\(1\) "))
    ana.picture("02-alarm")
    ana.press("a")
    for desk in (ana, bea, carla):
        expect(desk.see("alarm")).to_have_count(0)
        expect(desk.see("card")).to_contain_text("ana")
    ana.picture("03-acknowledged")


def evident(ana: Desk) -> str:
    """From the card to the draft, to the hazard's page with what was seen by what, and back; the draft's identifier."""
    ana.press("Enter")
    expect(ana.see("warning")).to_have_attribute("data-state", "draft")
    expect(ana.see("approve")).to_have_count(0)  # an officer on duty drafts, and does not approve
    identifier = ana.page.url.rsplit("/", 1)[-1]
    ana.see("evidence").click()
    expect(ana.see("statement")).to_contain_text("by NOAA-20, nominal confidence")
    expect(ana.see("exposed")).to_contain_text("Vilcabamba")
    expect(
        ana.page.get_by_role("complementary", name="Hazard").get_by_role("cell", name="NOAA-20").first
    ).to_be_visible()
    ana.see("why").get_by_text("Why am I seeing this?").click()
    expect(ana.see("why")).to_contain_text("The first observations were grouped to a hazard.")
    ana.picture("04-hazard")
    ana.page.get_by_role("link", name="See the draft").click()
    expect(ana.see("warning")).to_contain_text("Fire detected near Vilcabamba")
    return identifier


def approved_by_two(ana: Desk, bea: Desk, carla: Desk) -> None:
    """A click is not enough; one person's yes is not enough; the receipts come live to who looks on."""
    bea.press("Enter")
    expect(bea.see("area-map").locator("path.area")).to_be_visible()
    expect(bea.see("check").first).to_be_visible()
    expect(bea.page.locator("[data-testid=check][data-ok=false]")).to_have_count(0)
    bea.picture("05-second-person")
    bea.see("approve").get_by_role("button").click()
    bea.hold_to_approve()
    expect(bea.page.get_by_text("1 of 2 approvals")).to_be_visible()
    expect(bea.see("second-person")).to_be_visible()
    expect(ana.see("warning")).to_have_attribute("data-state", "draft")

    carla.press("Enter")
    carla.hold_to_approve()
    for desk in (ana, bea, carla):
        expect(desk.see("warning")).to_have_attribute("data-state", "in-force")
    expect(ana.see("receipts").get_by_role("row", name="archive 1 0 0")).to_be_visible()
    expect(ana.see("receipts").get_by_role("row", name="public-feed 1 0 0")).to_be_visible()
    assert list((ana.house.folder / "sent").rglob("*.xml"))
    ana.picture("06-sent")


def updated(ana: Desk, bea: Desk, carla: Desk, before: str) -> None:
    """The fire reaches another place: an update is drafted, and shows what changes against what was sent."""
    card = ana.see("card").filter(has_text="Update")
    expect(card).to_contain_text("Malacatos")
    ana.picture("08-growth")
    for desk in (bea, carla):
        desk.go("#/")
        desk.see("card").filter(has_text="Update").get_by_role("link").click()
        expect(desk.see("difference")).to_contain_text("Malacatos")
        expect(desk.see("area-map").locator("path.before")).to_be_visible()
        desk.picture("09-update")
        desk.hold_to_approve()
    expect(carla.see("warning")).to_have_attribute("data-state", "in-force")
    ana.go(f"#/warnings/{before}")
    expect(ana.see("warning")).to_have_attribute("data-state", "updated")


def cancelled(ana: Desk, bea: Desk, carla: Desk) -> None:
    """An officer asks for the cancellation with a reason, the others approve it."""
    ana.page.goto(carla.page.url)
    expect(ana.see("warning")).to_have_attribute("data-state", "in-force")
    ana.press("c")
    ana.page.get_by_label("Reason").fill("The fire was a controlled burn")
    ana.picture("10-cancel")
    ana.press("Enter")
    expect(ana.see("warning")).to_have_attribute("data-state", "draft")
    bea.page.goto(ana.page.url)
    expect(bea.see("reasons")).to_contain_text("The fire was a controlled burn")
    bea.picture("11-cancellation")
    bea.hold_to_approve()
    expect(ana.see("warning")).to_have_attribute("data-state", "ended")
    ana.picture("12-cancelled")


def assert_public(public: Desk, *, shows: bool) -> None:
    """The public page has the warning while it is in force, and no draft at any time."""
    if public.page.url == f"{public.house.url}/":
        public.page.reload()  # asks anew: a copy may be kept for twenty seconds
    else:
        public.page.goto(f"{public.house.url}/")
    article = public.page.get_by_role("article")
    expect(article).to_have_count(1 if shows else 0)
    assert ("Vilcabamba" in public.page.content()) == shows
