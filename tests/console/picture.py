"""`python -m tests.console.picture FILE`: the console during an exercise, as the README shows it."""

import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.console.conftest import SWITCHES
from tests.console.desk import Desk
from tests.console.house import House, opened

#: Fast enough for a minute's work, slow enough for a fire to be in reach of a town when the picture is taken.
SPEED = "6000"


def main(file: Path) -> None:
    """Play the exercise, open the gravest fire, take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), arguments=("--drill", "--speed", SPEED))
        house.furnish_drill()
        with opened(house), sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            with playwright.chromium.launch(executable_path=chromium, args=SWITCHES) as browser:
                desk = Desk(browser, house)
                desk.sign_in("bea")
                fire = desk.see("card").filter(has_text=re.compile(r"Fire, .* growing for"))
                expect(fire.first).to_be_visible(timeout=120_000)
                fire.first.get_by_role("link").click()
                desk.see("evidence").first.click()
                expect(desk.page.get_by_role("cell", name=re.compile("NOAA|Suomi")).first).to_be_visible()
                desk.page.screenshot(path=file)
    sys.stdout.write(f"{file}  {file.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
