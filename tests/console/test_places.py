"""Places come by a file whose preview names what cannot be used; a fire near a new one raises its card."""

from pathlib import Path

from playwright.sync_api import expect

from tests.console.desk import SitDown
from tests.console.house import House

NEW = """id,name,kind,population,lon,lat
quinara,Quinara,settlement,900,-79.2360,-4.3110
tumianuma,Tumianuma,settlement,600,-79.1920,-4.2950
nowhere,Nowhere,settlement,10,-79.2,95
unreadable,Unreadable,settlement,10,west,-4.3
"""


def test_import_with_preview(house: House, sit_down: SitDown, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text(NEW, encoding="utf-8")
    admin, ana = sit_down(house, "admin"), sit_down(house, "ana")
    admin.press("g", "p")
    expect(admin.see("places").get_by_role("row")).to_have_count(5)
    admin.page.get_by_label("File").set_input_files(file)
    preview = admin.see("import-preview")
    expect(preview).to_contain_text("2 of 4 rows can be used.")
    expect(preview).to_contain_text("2 new, 0 changed, 0 removed")
    for reason in ("coordinates-swapped: 1", "coordinates-unreadable: 1"):
        expect(preview.get_by_role("listitem").filter(has_text=reason)).to_be_visible()
    expect(preview.get_by_role("row", name="Quinara")).to_be_visible()
    admin.picture("places-1-preview")
    expect(admin.see("places").get_by_role("row")).to_have_count(5)  # nothing has happened yet

    admin.see("import").click()
    expect(admin.see("places").get_by_role("row", name="Quinara")).to_be_visible()
    expect(admin.page.get_by_text("6 places.")).to_be_visible()
    admin.picture("places-2-imported")

    house.see_fire(-79.2355, -4.3090)
    expect(ana.see("alarm")).to_contain_text("Quinara (900 people)")
    ana.picture("places-3-alarm")
