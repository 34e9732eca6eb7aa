"""Areas measured against formulas, and two messages compared field by field."""

import math
from datetime import timedelta

import msgspec
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model.cap.messages import FULL, PLAIN, alerts

from almenara.model.cap import Alert, Area, Circle, MsgType, NamedValue, Reference
from almenara.model.cap.comparison import Change, compare
from almenara.model.cap.extent import area_km2, gained_and_lost_km2, shape

INFO = FULL.info[0]


def disc(lon: float, lat: float, radius_km: float) -> shapely.Geometry:
    return shape([Area(area_desc="d", circle=(Circle(lon, lat, radius_km),))])


@settings(max_examples=100, deadline=None)
@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(1, 500))
def test_a_circle_has_its_area_wherever_it_lies(lon: float, lat: float, radius_km: float) -> None:
    """Over the antimeridian and the poles too: a cap's area on a sphere, but for ellipsoid and corners."""
    found = disc(lon, lat, radius_km)
    expected = 2 * math.pi * 6371.0**2 * (1 - math.cos(radius_km / 6371.0))
    assert area_km2(found) == pytest.approx(expected, rel=0.012)
    assert found.is_valid
    west, south, east, north = found.bounds
    assert -180 <= west <= east <= 180
    assert -90 <= south <= north <= 90


def test_polygons_across_the_antimeridian() -> None:
    ring = ((179.0, 0.0), (-179.0, 0.0), (-179.0, 1.0), (179.0, 1.0), (179.0, 0.0))
    found = shape([Area(area_desc="a", polygon=(ring,))])
    assert area_km2(found) == pytest.approx(2 * area_km2(shapely.box(0, 0, 1, 1)), rel=1e-9)
    assert shapely.covers(found, shapely.points([[179.5, 0.5], [-179.5, 0.5]])).all()
    assert not shapely.intersects(found, shapely.Point(0, 0.5))


def test_overlaps_count_once_and_nothing_is_nothing() -> None:
    ring = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0))
    one, two = Area(area_desc="a", polygon=(ring,)), Area(area_desc="b", polygon=(ring, ring))
    assert area_km2(shape([one, two])) == pytest.approx(area_km2(shapely.box(0, 0, 1, 1)))
    assert area_km2(shape([])) == area_km2(disc(0, 0, 0)) == 0.0
    assert area_km2(disc(0, 0, 30_000)) == pytest.approx(510_065_622, rel=1e-6)
    crossed = ((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0))
    assert 0 < area_km2(shape([Area(area_desc="c", polygon=(crossed,))])) < area_km2(shapely.box(0, 0, 1, 1))


@settings(max_examples=60, deadline=None)
@given(alerts)
def test_a_message_does_not_differ_from_itself(alert: Alert) -> None:
    found = compare(alert, alert)
    assert found.one_thread
    assert found.changes == ()
    assert found.areas == ()


@settings(max_examples=60, deadline=None)
@given(alerts, alerts)
def test_gains_and_losses_are_mirrored(before: Alert, after: Alert) -> None:
    there, back = compare(before, after), compare(after, before)
    assert {(c.language, c.field, c.before, c.after) for c in there.changes} == {
        (c.language, c.field, c.after, c.before) for c in back.changes
    }
    assert there.one_thread == back.one_thread
    mirrored = {area.language: area for area in back.areas}
    assert {area.language for area in there.areas} == set(mirrored)
    for area in there.areas:
        assert area.gained_km2 == pytest.approx(mirrored[area.language].lost_km2)
        assert area.lost_km2 == pytest.approx(mirrored[area.language].gained_km2)


def test_what_changed_is_said_by_field_and_language() -> None:
    english = msgspec.structs.replace(INFO, language="en", headline="h")
    before = msgspec.structs.replace(FULL, info=(INFO, english))
    west = ((-78.2, 0.0), (-77.5, 0.0), (-77.5, 0.5), (-78.2, 0.0))
    grown = msgspec.structs.replace(INFO.area[0], polygon=(west,), circle=(), geocode=(NamedValue("SAME", "1"),))
    spanish = msgspec.structs.replace(INFO, headline="otro", expires=None, area=(grown,))
    after = msgspec.structs.replace(
        before,
        identifier="a-2",
        sent=before.sent + timedelta(hours=1),
        references=(Reference(before.sender, before.identifier, before.sent),),
        info=(spanish, msgspec.structs.replace(english, language="qu")),
    )
    found = compare(before, after)
    assert found.one_thread
    fields = [(change.language, change.field) for change in found.changes]
    assert fields == [
        *((None, "identifier"), (None, "sent"), (None, "references")),
        *(("es-EC", "expires"), ("es-EC", "headline"), ("es-EC", "geocode"), ("en", "info"), ("qu", "info")),
    ]
    assert Change("es-EC", "headline", "h", "otro") in found.changes
    assert Change("es-EC", "expires", "2024-09-03T15:00:00-05:00", None) in found.changes
    (area,) = found.areas
    assert area.language == "es-EC"
    assert area.gained_km2 > 0 < area.lost_km2
    assert area.after_km2 - area.before_km2 == pytest.approx(area.gained_km2 - area.lost_km2)
    assert (area.gained_km2, area.lost_km2) == gained_and_lost_km2(shape(INFO.area), shape((grown,)))


def test_messages_of_other_threads_are_told_apart() -> None:
    other = msgspec.structs.replace(PLAIN, identifier="b-1")
    assert not compare(PLAIN, other).one_thread
    for change in ({"msg_type": MsgType.UPDATE, "references": (Reference(PLAIN.sender, "a-1", PLAIN.sent),)},):
        assert compare(PLAIN, msgspec.structs.replace(other, **change)).one_thread
