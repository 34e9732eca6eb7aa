"""A dead feed is said in words, everywhere, and differs from one that is only quiet."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.console.desk import SitDown
from tests.console.house import House, opened
from tests.service.server import Feed, serving


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Three feeds: a folder in which nothing lies, a folder that is not there, a server that fails."""
    folder: Path = tmp_path_factory.mktemp("feeds")
    feed = Feed()
    feed.content = None
    with serving(feed):
        made = House(folder)
        feeds = {
            "quiet": {"location": "incoming", "every_s": 600},
            "gone": {"location": "not-there", "every_s": 600},
            "broken": {"location": feed.url, "every_s": 600},
        }
        made.furnish(status="Actual", feeds=feeds)
        with opened(made) as open_house:
            yield open_house


def test_dead_is_not_quiet(house: House, sit_down: SitDown) -> None:
    ana = sit_down(house, "ana")
    expect(ana.see("feeds")).to_contain_text("2 of 3")
    ana.press("g", "h")
    rows = ana.see("source")
    expect(rows).to_have_count(3)
    quiet, gone, broken = (rows.filter(has_text=name) for name in ("quiet", "gone", "broken"))
    expect(quiet).to_have_attribute("data-state", "heard")
    for row in (gone, broken):
        expect(row).not_to_have_attribute("data-state", "heard")
    expect(broken).to_contain_text("500")
    expect(gone).to_contain_text("not-there")
    expect(ana.page.get_by_text("No data does not mean no fire.")).to_be_visible()
    ana.picture("feeds")


def test_the_public_is_told_too(house: House, sit_down: SitDown) -> None:
    public = sit_down(house)
    public.page.goto(f"{house.url}/")
    said = public.page.get_by_role("listitem")
    expect(said.filter(has_text="quiet").locator("strong")).to_have_text("answering")
    for dead in ("gone", "broken"):
        expect(said.filter(has_text=dead).locator("strong")).not_to_have_text("answering")
    public.picture("feeds-public")
