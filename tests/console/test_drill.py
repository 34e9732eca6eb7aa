"""An exercise that cannot be mistaken, on the full map, without WebGL, without any map, and on paper."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.console.desk import ARTEFACTS, SitDown
from tests.console.house import House, opened


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The exercise, five hours and a half of it in each second."""
    made = House(tmp_path_factory.mktemp("drill"), arguments=("--drill", "--speed", "20000"))
    made.furnish_drill()
    with opened(made) as open_house:
        yield open_house


def test_exercise_everywhere(house: House, sit_down: SitDown) -> None:
    bea = sit_down(house, "bea")
    band = bea.see("mode-Exercise")
    expect(band).to_contain_text("EXERCISE")
    expect(bea.see("mode")).to_have_text("Exercise")
    expect(bea.page).to_have_title(re.compile(r"^EXERCISE · "))
    expect(bea.see("card").first).to_be_visible()
    bea.picture("drill-1")
    bea.see("card").first.get_by_role("link").click()
    expect(bea.page.get_by_role("heading", level=1)).to_be_visible()
    bea.page.emulate_media(media="print")
    expect(band.get_by_role("region", name="EXERCISE")).to_be_visible()
    expect(bea.page.get_by_role("heading", level=1)).to_be_visible()
    expect(bea.page.locator("html")).to_have_attribute("data-theme", "light")
    bea.page.pdf(path=ARTEFACTS / "drill-print.pdf")
    bea.picture("drill-2-print")
    bea.page.emulate_media(media="screen")

    public = sit_down(house)
    public.page.goto(f"{house.url}/?lang=en")
    expect(public.page).to_have_title(re.compile(r"^EXERCISE: "))
    expect(public.page.get_by_role("note")).to_contain_text(re.compile("exercise", re.IGNORECASE))
    public.picture("drill-3-public")


def test_map_off_and_canvas(house: House, sit_down: SitDown) -> None:
    bea = sit_down(house, "bea", viewport={"width": 1024, "height": 768})
    expect(bea.see("card").first).to_be_visible()
    bea.see("person").click()
    bea.page.get_by_role("group", name="Map").get_by_role("button", name="Off").click()
    bea.press("Escape")
    expect(bea.page.get_by_role("main").get_by_role("table").first).to_be_visible()
    bea.picture("drill-4-map-off")
    bea.see("person").click()
    bea.page.get_by_role("group", name="Map").get_by_role("button", name="Simple").click()
    bea.press("Escape")
    expect(bea.page.get_by_role("main").get_by_role("table")).to_have_count(0)
    expect(bea.page.get_by_role("main").locator("canvas").first).to_be_visible()
    bea.picture("drill-5-canvas")
