"""Hypothesis strategies for whole CAP messages."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from almenara.model.cap import (
    Alert,
    Area,
    Category,
    Certainty,
    Circle,
    Info,
    MsgType,
    NamedValue,
    Reference,
    Resource,
    ResponseType,
    Ring,
    Scope,
    Severity,
    Status,
    Urgency,
)
from almenara.model.cap.lexical import COORDINATE_DECIMALS

#: A message with nothing but what the standard demands.
PLAIN = Alert(
    identifier="a-1",
    sender="house@example.org",
    sent=datetime(2024, 9, 3, 9, 0, tzinfo=UTC),
    status=Status.TEST,
    msg_type=MsgType.ALERT,
    scope=Scope.PUBLIC,
)

#: A message with every element of the standard.
FULL = Alert(
    identifier="a-1",
    sender="house@example.org",
    sent=datetime(2024, 9, 3, 9, 0, tzinfo=UTC),
    status=Status.EXERCISE,
    msg_type=MsgType.UPDATE,
    source="s",
    scope=Scope.PUBLIC,
    restriction="r",
    addresses=("one", "two words"),
    code=("c", "d"),
    note="n",
    references=(Reference("house@example.org", "a-0", datetime(2024, 9, 3, 8, 0, tzinfo=UTC)),),
    incidents=("i",),
    info=(
        Info(
            language="es-EC",
            category=(Category.FIRE, Category.ENV),
            event="Incendio forestal",
            response_type=(ResponseType.PREPARE, ResponseType.NONE),
            urgency=Urgency.EXPECTED,
            severity=Severity.SEVERE,
            certainty=Certainty.OBSERVED,
            audience="a",
            event_code=(NamedValue("OET:v1.2", "OET-217"),),
            effective=datetime(2024, 9, 3, 9, 0, tzinfo=UTC),
            onset=datetime(2024, 9, 3, 9, 0, tzinfo=UTC),
            expires=datetime(2024, 9, 3, 15, 0, tzinfo=timezone(timedelta(hours=-5))),
            sender_name="House",
            headline="h",
            description="d",
            instruction="i",
            web="https://example.org/",
            contact="c",
            parameter=(NamedValue("p", "1"), NamedValue("p", "2")),
            resource=(
                Resource(
                    resource_desc="d",
                    mime_type="image/png",
                    size=1024,
                    uri="https://example.org/a.png",
                    deref_uri="AA==",
                    digest="da39a3ee5e6b4b0d3255bfef95601890afd80709",
                ),
            ),
            area=(
                Area(
                    area_desc="here",
                    polygon=(((-78.0, 0.0), (-77.5, 0.0), (-77.5, 0.5), (-78.0, 0.0)),),
                    circle=(Circle(-78.5, 0.5, 1.5),),
                    geocode=(NamedValue("SAME", "000000"),),
                    altitude=100.0,
                    ceiling=200.0,
                ),
            ),
        ),
    ),
)

text = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]),
        st.sampled_from(list("\t\n\r&<>\"'; ]]>")),
    ),
    max_size=12,
)
maybe = st.one_of(st.none(), text)
marks = st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters=",<&", exclude_categories=["C", "Z"])
names = st.text(marks, min_size=1, max_size=8)
unquoted = st.characters(codec="utf-8", exclude_characters='"', exclude_categories=["C", "Z"])
words = st.text(unquoted, min_size=1, max_size=8)
listed = st.lists(st.one_of(words, st.builds("{} {}".format, words, words)), max_size=3).map(tuple)
uris = st.one_of(st.none(), st.sampled_from(["https://example.org/a?b=c&d=e#f", "urn:x:1", "image.jpg"]))
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.builds(
    lambda second, zone: datetime.fromtimestamp(second, UTC).astimezone(zone), st.integers(0, 4_000_000_000), zones
)
maybe_time = st.one_of(st.none(), times)
lons = st.floats(-180, 180).map(lambda x: round(x, COORDINATE_DECIMALS))
lats = st.floats(-90, 90).map(lambda x: round(x, COORDINATE_DECIMALS))
points = st.tuples(lons, lats)
named = st.lists(st.builds(NamedValue, text, text), max_size=2).map(tuple)
heights = st.floats(-1000, 60_000).map(lambda x: round(x, 3))


def _close(ring: list[tuple[float, float]]) -> Ring:
    return (*ring, ring[0])


areas = st.builds(
    lambda altitude, ceiling, **rest: Area(
        altitude=altitude, ceiling=ceiling if altitude is not None else None, **rest
    ),
    area_desc=text,
    polygon=st.lists(st.lists(points, min_size=3, max_size=6).map(_close), max_size=2).map(tuple),
    circle=st.lists(st.builds(Circle, lons, lats, st.floats(0, 20_000)), max_size=2).map(tuple),
    geocode=named,
    altitude=st.one_of(st.none(), heights),
    ceiling=st.one_of(st.none(), heights),
)
resources = st.builds(
    Resource,
    resource_desc=text,
    mime_type=text,
    size=st.one_of(st.none(), st.integers(0, 10**12)),
    uri=uris,
    deref_uri=maybe,
    digest=maybe,
)
infos = st.builds(
    Info,
    language=st.sampled_from([None, "es", "en-US", "es-EC"]),
    category=st.lists(st.sampled_from(Category), min_size=1, max_size=3).map(tuple),
    event=text,
    response_type=st.lists(st.sampled_from(ResponseType), max_size=3).map(tuple),
    urgency=st.sampled_from(Urgency),
    severity=st.sampled_from(Severity),
    certainty=st.sampled_from(Certainty),
    audience=maybe,
    event_code=named,
    effective=maybe_time,
    onset=maybe_time,
    expires=maybe_time,
    sender_name=maybe,
    headline=maybe,
    description=maybe,
    instruction=maybe,
    web=uris,
    contact=maybe,
    parameter=named,
    resource=st.lists(resources, max_size=2).map(tuple),
    area=st.lists(areas, max_size=2).map(tuple),
)
alerts = st.builds(
    Alert,
    identifier=names,
    sender=names,
    sent=times,
    status=st.sampled_from(Status),
    msg_type=st.sampled_from(MsgType),
    source=maybe,
    scope=st.sampled_from(Scope),
    restriction=words,
    addresses=listed.filter(len),
    code=st.lists(text, max_size=2).map(tuple),
    note=maybe,
    references=st.lists(st.builds(Reference, names, names, times), min_size=1, max_size=3).map(tuple),
    incidents=listed,
    info=st.lists(infos, max_size=2).map(tuple),
)
