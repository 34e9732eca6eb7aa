"""axe-core finds nothing serious on any page, in the dark and in the light, in both languages."""

import pytest
from playwright.sync_api import expect

from tests.console.desk import Desk, SitDown
from tests.console.house import ROOT, House

AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
  .filter(({ impact }) => impact === "serious" || impact === "critical")
  .map(({ id, nodes }) => `${id}: ${nodes.map(({ target, any }) => `${target} ${any[0]?.message}`).join(" | ")}`)"""


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_page(house: House, sit_down: SitDown, scheme: str) -> None:
    if not AXE.exists():
        pytest.fail("axe-core is missing: run `cd console && npm ci`.")
    desk = sit_down(house, color_scheme=scheme, bypass_csp=True)
    desk.page.goto(f"{house.url}/console/")
    expect(desk.page.get_by_label("Account")).to_be_visible()
    found = {"sign-in": faults(desk, f"axe-{scheme}-sign-in")}
    desk.sign_in("bea")
    if not house.folder.joinpath("incoming", "J1_VIIRS_C2_001.csv").exists():
        house.see_fire(-79.2216, -4.2560)
    expect(desk.see("alarm")).to_be_visible()
    found["situation"] = faults(desk, f"axe-{scheme}-situation")
    desk.press("Enter")
    expect(desk.see("approve")).to_be_visible()
    found["warning"] = faults(desk, f"axe-{scheme}-warning")
    desk.see("evidence").click()
    expect(desk.page.get_by_role("cell", name="NOAA-20").first).to_be_visible()
    found["hazard"] = faults(desk, f"axe-{scheme}-hazard")
    for page, name in PAGES.items():
        desk.go(f"#/{page}")
        expect(desk.page.get_by_role("heading", level=1)).to_have_text(name)
        if page == "audit":
            expect(desk.page.get_by_role("main").get_by_role("cell").first).to_be_visible()
        found[page] = faults(desk, f"axe-{scheme}-{page}")
    desk.page.goto(f"{house.url}/")
    found["public"] = faults(desk, f"axe-{scheme}-public")
    administrator = sit_down(house, "admin", color_scheme=scheme, bypass_csp=True)
    for page, name in (("people", "People"), ("places", "Places")):
        administrator.go(f"#/{page}")
        expect(administrator.page.get_by_role("heading", level=1)).to_have_text(name)
        found[page] = faults(administrator, f"axe-{scheme}-{page}")
    assert {page: faulty for page, faulty in found.items() if faulty} == {}


PAGES = {
    "warnings": "Warnings",
    "compose": "New warning",
    "health": "Feeds and channels",
    "audit": "Audit",
    "me": "Bea Torres",
}


def faults(desk: Desk, name: str) -> list[str]:
    """What is serious or critical."""
    desk.picture(name)
    desk.page.add_script_tag(path=AXE)
    found: list[str] = desk.page.evaluate(RUN)
    return found
