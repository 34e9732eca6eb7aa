"""The report: complete, self-contained, escaped, bounded, and honest about what is missing."""

import json
import math
import re
import time
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from almenara.model.errors import UnreadableInput
from almenara.report import cap, render_report
from almenara.report.cap import latest, read_messages
from almenara.report.exposed import exposures
from almenara.report.folder import read_run
from almenara.report.markup import in_language, name, safe, two
from almenara.report.reachable import reachable
from tests.report_folder import HOSTILE, Folder, ecuador, world

_VOID = {"meta", "input", "br", "hr"}


class Page(HTMLParser):
    """Reads a page, proving that its elements close; keeps tags, attributes and text by language."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.open: list[tuple[str, str | None]] = []
        self.words: dict[str | None, list[str]] = {"es": [], "en": [], None: []}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, key, value) for key, value in attrs]
        if tag not in _VOID:
            lang = None if tag == "html" else dict(attrs).get("lang") or (self.open[-1][1] if self.open else None)
            self.open.append((tag, lang))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self.words[self.open[-1][1] if self.open else None].append(data)

    def reads(self, lang: str) -> str:
        return " ".join("".join(self.words[lang]).split())

    def text(self) -> str:
        return " ".join("".join(part for parts in self.words.values() for part in parts).split())


def render(folder: Folder, out: Path, **options: Any) -> tuple[str, Page]:
    text = render_report(folder.write(out), **options).read_text(encoding="utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Page]:
    return render(ecuador(), tmp_path_factory.mktemp("drill"))


class TestContent:
    def test_both_languages_say_everything(self, drill: tuple[str, Page]) -> None:
        _, page = drill
        spanish, english = page.reads("es"), page.reads("en")
        assert spanish.count("habitantes al alcance") == english.count("people within reach")
        for text in ("Sin datos no significa sin fuego", "Incidentes por prioridad", "dentro de la zona afectada"):
            assert text in spanish
        for text in ("No data is not no fire", "Incidents by priority", "inside the affected area"):
            assert text in english

    def test_headlines_are_sentences(self, drill: tuple[str, Page]) -> None:
        _, page = drill
        assert "25 incidentes abiertos, 2 de prioridad 1. El primero: Sismo:" in page.reads("es")
        assert "59 fires followed: 20 active, 19 no recent sign, 20 ended." in page.reads("en")
        assert "1 heat source that is no wildfire" in page.reads("en")

    def test_each_of_twelve_incidents_has_a_map(self, drill: tuple[str, Page]) -> None:
        text, page = drill
        assert text.count('class="map zoom"') == 12
        assert text.count('class="map overview"') == 1
        assert text.count('class="scale"') == 13
        assert text.count('class="north"') == 12
        assert text.count('class="warned"') == 2  # the legend and INC-1
        assert text.count("MMI ") >= 3
        assert "Vilcabamba" in page.text()

    def test_growth_is_drawn(self, drill: tuple[str, Page]) -> None:
        text, _ = drill
        assert 1 <= text.count('class="chart"') <= 6
        assert "nan" not in text.split("<main>")[1].lower().replace("nanj", "")

    def test_warnings_read_as_the_public_reads_them(self, drill: tuple[str, Page]) -> None:
        text, page = drill
        assert text.count('class="warning"') == 1  # the update replaces the alert
        assert "reemplaza 1 anteriores" in page.reads("es")
        assert "Incendio forestal cerca de Vilcabamba" in page.reads("es")
        assert "What to do: Get ready to leave" in page.reads("en")
        assert "enviado 2024-11-09 08:00 UTC" in page.reads("es")

    def test_data_health(self, drill: tuple[str, Page]) -> None:
        _, page = drill
        whole = page.text()
        assert "time unreadable" in whole
        assert "220 rejected" in page.reads("en")
        assert "EN SILENCIO" in page.reads("es")
        assert "9f2c6e1b7a" in whole
        assert "GeoNames, CC BY 4.0" in whole
        assert "Natural Earth" in whole

    def test_suppressed_and_ended_are_not_shown_as_exposed(self, tmp_path: Path) -> None:
        folder = ecuador()
        folder.exposures[0]["suppressed"] = "volcano"
        folder.exposures[1]["until"] = folder.exposures[1]["since"]
        _, page = render(folder, tmp_path)
        assert "1 exposures are over" in page.reads("en")
        assert "1 exposures to heat sources" in page.reads("en")
        assert "63 places" in page.reads("en")


def could(folder: Folder, hazard: str, town: str, metres: float, **facts: Any) -> None:
    plain = {"basis": "could be reached", "certainty": "Possible", "lead_time_h": 6.25, "lead_p80_h": 12.0}
    plain |= {"lead_p50_h": None, "band": "P80", "reach_basis": "own advance", "calibrated": True}
    folder.expose(hazard, (town, "town", 1200, -79.3, -4.3), metres, **plain | facts)


class TestCouldBeReached:
    def test_it_stands_in_its_own_section_with_hours_and_doubts(self, tmp_path: Path) -> None:
        folder = ecuador()
        before = render(folder, tmp_path / "without")[1].reads("en")
        hazard = folder.incidents[0]["hazards"][0]
        could(folder, hazard, "Yangana", 2_300.0)
        could(folder, hazard, "Quinara", 4_100.0, band="P95", calibrated=False, lead_time_h=0.0)
        could(folder, hazard, "Zumbi", 900.0, until=folder.exposures[0]["since"])
        _, page = render(folder, tmp_path / "with")
        for lang, words in {
            "en": ("2 places could be reached", "in 6.2 h", "20 to 50 in 100", "already", "not calibrated"),
            "es": ("2 lugares podrían ser alcanzados", "en 6,2 h", "de 20 a 50 de 100", "ya", "sin calibrar"),
        }.items():
            for text in words:
                assert text in page.reads(lang)
        assert "Zumbi" not in page.text()
        assert "will be reached" not in page.reads("en")
        # What was observed is told as before.
        observed = re.compile(r"\d+ places are within reach of a hazard now")
        assert observed.findall(page.reads("en")) == observed.findall(before) != []

    def test_likeliest_first_each_place_once(self, tmp_path: Path) -> None:
        folder = ecuador()
        could(folder, "a", "Yangana", 2_300.0, band="P95")
        could(folder, "b", "Yangana", 3_300.0, band="P50")
        could(folder, "a", "Quinara", 2_300.0, lead_time_h=1.0)
        folder.write(tmp_path)
        found = reachable(read_run(tmp_path))
        assert [(place.name, place.hazard_id, place.band) for place in found] == [
            ("Yangana", "b", "P50"),
            ("Quinara", "a", "P80"),
        ]
        assert all(row["basis"] != "could be reached" for row in exposed_rows(tmp_path))

    def test_rings_are_drawn_round_the_fire(self, tmp_path: Path) -> None:
        folder = ecuador()
        fire = next(h for h in folder.hazards if h["properties"]["id"] == folder.incidents[0]["hazards"][0])
        fire["properties"]["reach"] = {"p50_m": [500, 600, 700], "p80_m": [500, 900, 1500], "p95_m": [800, 2000, 5000]}
        text, _ = render(folder, tmp_path)
        assert [text.count(f'class="reach p{level}"') for level in (50, 80, 95)] == [1, 1, 2]  # one in the legend
        assert ">P50</text>" in text


def exposed_rows(out: Path) -> list[dict[str, Any]]:
    table = read_run(out).exposures
    assert table is not None
    return list(table.to_pylist())


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "word", "hatched"),
        [("Exercise", "EJERCICIO", True), ("Test", "PRUEBA", True), ("Actual", "REAL", False)],
    )
    def test_it_cannot_be_mistaken(self, tmp_path: Path, status: str, word: str, hatched: bool) -> None:
        text, page = render(ecuador(status=status), tmp_path)
        assert f"<strong>{two(word, status.upper())}</strong>" in text
        assert ('class="band hatched"' in text) == hatched
        assert ('class="page hatched"' in text) == hatched
        assert f"<title>{word} · " in text
        # The band is the head of the table round everything: browsers print a table's head on every page.
        assert '<thead><tr><td><div class="band' in text
        assert page.tags["main"] == 1

    def test_a_run_that_states_nothing_is_neither(self, tmp_path: Path) -> None:
        folder = ecuador()
        folder.summary, folder.warnings = {}, {}
        _, page = render(folder, tmp_path)
        assert "STATUS NOT STATED" in page.reads("en")


class TestSafety:
    def test_nothing_is_loaded_from_anywhere(self, drill: tuple[str, Page]) -> None:
        text, page = drill
        for element, key, value in page.attributes:
            assert key not in ("src", "srcset", "action", "background", "data")
            assert not key.startswith("on")
            assert key != "href" or (element == "use" and str(value).startswith("#"))
        assert "url(" not in text
        assert "@import" not in text
        assert "default-src 'none'" in text

    def test_outside_text_stays_text(self, tmp_path: Path) -> None:
        folder = ecuador(name=HOSTILE)
        folder.summary["attributions"].append(HOSTILE)
        folder.summary["state_digest"] = HOSTILE
        folder.summary["rows"]["rejected_by_reason"][HOSTILE] = 3
        folder.summary["sources"].append({"name": HOSTILE, "outcome": HOSTILE, "files": [HOSTILE]})
        folder.summary["seconds"][HOSTILE] = 1
        folder.incidents[0]["reasons"] += [HOSTILE, f"kind:{HOSTILE}", f"{HOSTILE}:5"]
        folder.incidents[0]["timeline"].append({"time": HOSTILE, "change": HOSTILE, "detail": HOSTILE})
        folder.exposures[1] |= dict.fromkeys(("place_kind", "country", "admin", "basis", "certainty"), HOSTILE)
        escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace("\x00", "").replace("\u202e", "")
        folder.warn(3, "INC-1", shapely.box(-79, -4, -78, -3), headline=escaped)
        text, page = render(folder, tmp_path, title=HOSTILE)
        assert page.tags["script"] == 1
        assert page.tags["img"] == 0
        assert page.tags["b"] == text.count("<b>")
        assert not [key for _, key, _ in page.attributes if key.startswith("on")]
        assert "\u202e" not in text
        assert "\x00" not in text
        assert page.text().count("<script>alert(1)</script>") > 15

    @given(st.text())
    def test_any_text_is_escaped(self, text: str) -> None:
        for content in (safe(text), name(text), two("{t}", "{t}", t=text)):
            bare = in_language(content, "es").replace("<bdi>", "").replace("</bdi>", "")
            assert not set("<>\"'") & set(bare)

    def test_entities_of_a_warning_are_not_expanded(self, tmp_path: Path) -> None:
        (tmp_path / "secret.txt").write_text("SECRET")
        folder = ecuador()
        for number, target in enumerate(("file://" + str(tmp_path / "secret.txt"), "lol")):
            folder.warnings[f"9{number}.xml"] = (
                f'<!DOCTYPE a [<!ENTITY x SYSTEM "{target}">]><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
                f"<identifier>e{number}</identifier><status>Test</status><info><headline>&x;</headline></info></alert>"
            )
        text, _ = render(folder, tmp_path / "run")
        assert "SECRET" not in text


class TestTolerance:
    @pytest.mark.parametrize(
        "keep", [["summary.json"], ["hazards.geojson"], ["incidents.json"], ["hazards.geojson", "exposures.parquet"]]
    )
    def test_a_folder_that_lacks_files_is_still_reported(self, tmp_path: Path, keep: list[str]) -> None:
        ecuador().write(tmp_path)
        for path in tmp_path.glob("*.*"):
            if path.name not in keep:
                path.unlink()
        for path in (tmp_path / "warnings").iterdir():
            path.unlink()
        page = Page(render_report(tmp_path).read_text())
        assert "Missing from the folder: " in page.reads("en")
        assert "timeline.parquet" in page.reads("en")

    def test_csv_serves_where_parquet_is_missing(self, tmp_path: Path) -> None:
        ecuador().write(tmp_path)
        before = Page(render_report(tmp_path).read_text())
        table = pq.read_table(tmp_path / "exposures.parquet")
        pyarrow.csv.write_csv(table, tmp_path / "exposures.csv")
        (tmp_path / "exposures.parquet").unlink()
        after = Page(render_report(tmp_path).read_text())
        assert after.reads("es") == before.reads("es")

    def test_an_empty_run(self, tmp_path: Path) -> None:
        _, page = render(Folder(), tmp_path)
        assert "No incident is open." in page.reads("en")
        assert "No hazard has a position." in page.reads("en")

    @pytest.mark.parametrize("file", ["summary.json", "hazards.geojson", "incidents.json", "exposures.parquet"])
    def test_a_damaged_file_is_named(self, tmp_path: Path, file: str) -> None:
        ecuador().write(tmp_path)
        (tmp_path / file).write_bytes(b"{nonsense")
        with pytest.raises(UnreadableInput, match=file.split(".")[0]):
            render_report(tmp_path)
        assert not (tmp_path / "report.html").exists()

    def test_no_folder_and_no_results(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableInput, match="no results"):
            render_report(tmp_path)
        with pytest.raises(UnreadableInput, match="no folder"):
            render_report(tmp_path / "none")

    def test_warnings_that_cannot_be_read_are_counted(self, tmp_path: Path) -> None:
        folder = ecuador()
        folder.warnings["9.xml"] = "<alert>"
        _, page = render(folder, tmp_path)
        assert "1 unreadable messages: 9.xml" in page.reads("en")

    def test_the_same_results_give_the_same_bytes(self, tmp_path: Path) -> None:
        first, _ = render(ecuador(), tmp_path)
        assert render_report(tmp_path).read_text() == first


def test_a_world_is_fast_and_small(tmp_path: Path) -> None:
    world(20_000).write(tmp_path)
    start = time.perf_counter()
    path = render_report(tmp_path)
    seconds = time.perf_counter() - start
    text = path.read_text()
    assert path.stat().st_size < 1_500_000
    assert seconds < 3
    assert 'class="cell c1"' in text
    assert "The 200 most important of 20 000 are shown" in Page(text).reads("en")
    assert "900 more incidents" in Page(text).reads("en")


def test_hazards_across_the_antimeridian_share_a_map(tmp_path: Path) -> None:
    folder = Folder()
    for n, lon in enumerate((179.5, -179.5)):
        folder.hazard(f"F{n}", "fire", shapely.Point(lon, -17).buffer(0.1))
    folder.incidents = [{"id": "I", "hazards": ["F0", "F1"], "priority": 1}]
    text, _ = render(folder, tmp_path)
    assert ">180.0°<" in text.split('class="map zoom"')[1] or ">180°<" in text.split('class="map zoom"')[1]


def test_a_place_is_listed_once_by_its_most_urgent_hazard(tmp_path: Path) -> None:
    folder = Folder()
    place = ("Loja", "town", 100, -79.2, -4.0)
    for hazard, metres in (("far", 900.0), ("near", 100.0), ("calm", 10.0)):
        folder.expose(hazard, place, metres)
    folder.expose("calm", ("Zumba", "town", None, -79.1, -4.9), math.nan)
    folder.write(tmp_path)
    found = exposures(read_run(tmp_path).exposures, {"far": 1, "near": 1, "calm": 3}, shown_max=10)
    assert [(e.name, e.hazard_id, e.hazards) for e in found.now] == [("Loja", "near", 3), ("Zumba", "calm", 1)]
    assert (found.places, found.people, found.people_unknown) == (2, 100, 1)


def test_threads_of_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder()
    area = shapely.box(0, 0, 1, 1)
    for number, refers in ((1, None), (2, 1), (3, 2), (4, None)):
        folder.warn(number, "I", area, refers=refers)
    folder.write(tmp_path)
    found = [(message.identifier, earlier) for message, earlier in latest(read_messages(tmp_path / "warnings")[0])]
    assert found == [("w-4", 0), ("w-3", 2)]
    monkeypatch.setattr(cap, "FILES_MAX", 3)
    assert [m.identifier for m in read_messages(tmp_path / "warnings")[0]] == ["w-2", "w-3", "w-4"]
    (tmp_path / "summary.json").write_text("{}")
    assert "1 more messages were not read." in Page(render_report(tmp_path).read_text()).reads("en")


def test_hazards_keep_their_geometry_unread(tmp_path: Path) -> None:
    folder = Folder()
    folder.hazard("A", "fire", shapely.box(-79.5, -4.5, -79, -4))
    folder.write(tmp_path)
    hazards = json.loads((tmp_path / "hazards.geojson").read_text())
    hazards["features"].append({"type": "Feature", "properties": {"id": "B"}, "geometry": None})
    (tmp_path / "hazards.geojson").write_text(json.dumps(hazards))
    with_shape, without = read_run(tmp_path).hazards
    assert with_shape.position() == (-79.0, -4.5)
    assert without.position() is None
    render_report(tmp_path)


def test_another_authoritys_warning_is_told_in_both_languages() -> None:
    from almenara.report.words import BASES, FOLLOWED, KINDS, reason, word

    assert "Aviso de otra autoridad" in word(KINDS, "warning")
    assert "another authority&#x27;s warning" in word(BASES, "another authority's warning").replace("&#39;", "&#x27;")
    assert "gravedad" in reason("severity:Extreme")
    assert "Extrema" in reason("severity:Extreme")
    assert "urgencia" in reason("urgency:Unknown")
    assert "certeza" in reason("certainty:Unlikely")
    assert {kind for kind, _, _ in FOLLOWED} == KINDS.keys()
