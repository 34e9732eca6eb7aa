"""What the standard demands beyond its schema is held when a message is made."""

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from tests.model.cap.messages import PLAIN

from almenara.model.cap import (
    Area,
    Category,
    Certainty,
    Circle,
    Info,
    MsgType,
    Reference,
    Scope,
    Severity,
    Urgency,
    cap_time,
    from_ms,
)
from almenara.model.errors import InvalidWarning

SENT = PLAIN.sent


@pytest.mark.parametrize(
    "change",
    [
        {"identifier": "a 1"},
        {"identifier": "a,1"},
        {"identifier": "a<1"},
        {"identifier": ""},
        {"sender": "a&b"},
        {"sent": datetime(2024, 9, 3)},  # noqa: DTZ001 -- the case under test
        {"sent": SENT.replace(microsecond=1)},
        {"sent": SENT.astimezone(timezone(timedelta(seconds=30)))},
        {"sent": SENT.astimezone(timezone(timedelta(hours=15)))},
        {"scope": Scope.RESTRICTED},
        {"scope": Scope.PRIVATE},
        {"msg_type": MsgType.UPDATE},
        {"msg_type": MsgType.CANCEL},
        {"incidents": ('a"b',)},
        {"addresses": ("",)},
        {"status": "Actual"},
        {"status": "Drill"},
        {"msg_type": None},
        {"scope": "Restricted"},
    ],
)
def test_a_message_against_the_standard_never_comes_to_be(change: dict[str, object]) -> None:
    with pytest.raises(InvalidWarning):
        msgspec.structs.replace(PLAIN, **change)


@pytest.mark.parametrize(
    "ring",
    [
        ((0.0, 0.0), (1.0, 0.0), (0.0, 0.0)),
        ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),
        ((0.0, 0.0), (181.0, 0.0), (1.0, 1.0), (0.0, 0.0)),
        ((0.0, 0.0), (1.0, float("nan")), (1.0, 1.0), (0.0, 0.0)),
    ],
)
def test_a_ring_is_closed_and_on_earth(ring: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(InvalidWarning):
        Area(area_desc="here", polygon=(ring,))


def test_other_parts_are_checked_too() -> None:
    with pytest.raises(InvalidWarning):
        Circle(0.0, 0.0, -1.0)
    with pytest.raises(InvalidWarning):
        Area(area_desc="here", ceiling=100.0)
    with pytest.raises(InvalidWarning):
        Area(area_desc="here", altitude=float("inf"))
    assert Category("Fire") is Category.FIRE


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"category": ()}, "category"),
        ({"category": (Category.FIRE, "fire")}, "category"),
        ({"response_type": ("Run",)}, "responseType"),
        ({"urgency": "Now"}, "urgency"),
        ({"severity": Urgency.UNKNOWN}, "severity"),
        ({"certainty": None}, "certainty"),
        ({"language": ""}, "language"),
        ({"language": "en_US"}, "language"),
        ({"language": "es\n"}, "language"),
    ],
)
def test_an_info_against_the_standard_is_refused_by_the_name_of_its_field(
    change: dict[str, object], field: str
) -> None:
    info = Info(
        category=(Category.FIRE,),
        event="e",
        urgency=Urgency.PAST,
        severity=Severity.MINOR,
        certainty=Certainty.LIKELY,
        language="es-419",
    )
    with pytest.raises(InvalidWarning, match=field):
        msgspec.structs.replace(info, **change)


def test_times_have_a_numeric_offset_and_never_a_letter() -> None:
    assert cap_time(SENT) == "2024-09-03T09:00:00-00:00"
    assert cap_time(from_ms(0, timezone(timedelta(hours=-5)))) == "1969-12-31T19:00:00-05:00"
    assert str(Reference("s", "i", SENT)) == "s,i,2024-09-03T09:00:00-00:00"
