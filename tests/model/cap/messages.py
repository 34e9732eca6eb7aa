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

#: A message with nothing but what the standard demands.
PLAIN = Alert(
    identifier="a-1",
    sender="house@example.org",
    sent=datetime(2024, 9, 3, 9, 0, tzinfo=UTC),
    status=Status.TEST,
    msg_type=MsgType.ALERT,
    scope=Scope.PUBLIC,
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
points = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
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
    circle=st.lists(st.builds(Circle, st.floats(-180, 180), st.floats(-90, 90), st.floats(0, 20_000)), max_size=2).map(
        tuple
    ),
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
